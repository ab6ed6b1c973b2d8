//! The `fuota` command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    fuota_sim::cli::main()
}
