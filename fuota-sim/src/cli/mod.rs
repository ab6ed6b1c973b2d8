//! The command line: one module per verb, exit codes shared by all.

mod fec;

use std::error::Error;
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
enum Verb {
    /// The erasure code: encode and decode files, look at parity rows, compare codes
    #[command(subcommand)]
    Fec(fec::Verb),
}

/// What a verb comes back with: its exit code, or what was wrong with the input or the call.
type Outcome = Result<ExitCode, Box<dyn Error>>;

/// What the process reports when the input or the call is at fault. The argument parser's own default, 2,
/// would read as a FAILED campaign.
const USAGE: u8 = 1;

/// The call was fine, but what it asked for did not come about.
const FAILED: u8 = 2;

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
    let outcome = match cli.verb {
        Verb::Fec(verb) => fec::run(verb),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("fuota: {error}");
        ExitCode::from(USAGE)
    })
}
