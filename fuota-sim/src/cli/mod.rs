//! The command line: one module per verb, exit codes shared by all.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Firmware updates over the air for LoRaWAN devices.
#[derive(Debug, Parser)]
#[command(name = "fuota", version, about)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {}

/// What the process reports when the input or the call is at fault. The argument parser's own default, 2,
/// would read as a FAILED campaign.
const USAGE: u8 = 1;

/// Parses the command line, runs the verb and turns its outcome into the exit code.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let asked_for = !error.use_stderr();
            // A closed pipe is not worth a second error.
            let _ = error.print();
            return if asked_for { ExitCode::SUCCESS } else { ExitCode::from(USAGE) };
        }
    };
    match cli.verb {}
}
