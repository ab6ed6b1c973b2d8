//! The command line: one module per verb, exit codes shared by all.

mod chaos;
mod codec;
mod console;
mod fec;
mod live;
mod plan;
mod run;
mod stop;
mod sweep;
mod values;

use std::error::Error;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

/// Firmware updates over the air for LoRaWAN devices.
#[derive(Debug, Parser)]
#[command(name = "fuota", version)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// One campaign in virtual time: image, fleet and radio in, report out
    Run(Box<run::RunArgs>),
    /// Go on with a campaign that was started with `run --store` and whose node is gone; takes the same flags
    Resume(Box<run::RunArgs>),
    /// What would it take: fragments, airtime, duration, energy, chance of success
    Plan(Box<plan::PlanArgs>),
    /// Grids of parameters and many seeds: tables and pictures with intervals
    Sweep(sweep::SweepArgs),
    /// Random campaigns in random trouble, and whether all that must hold does
    Chaos(chaos::ChaosArgs),
    /// The erasure code: encode and decode files, look at parity rows, compare codes
    #[command(subcommand)]
    Fec(fec::Verb),
    /// Payloads and keys in the open: octets to commands and back, what derives from what
    #[command(subcommand)]
    Codec(codec::Verb),
}

/// What a verb comes back with: its exit code, or what was wrong with the input or the call.
type Outcome = Result<ExitCode, Box<dyn Error>>;

/// What the process reports when the input or the call is at fault. The argument parser's own default, 2,
/// would read as a FAILED campaign.
const USAGE: u8 = 1;

/// The call was fine, but what it asked for did not come about.
const FAILED: u8 = 2;

/// Ctrl-C ended it early.
const STOPPED: u8 = 3;

/// Parses the command line, runs the verb and turns its outcome into the exit code.
#[must_use]
pub fn main() -> ExitCode {
    let outcome = match Cli::try_parse() {
        Ok(cli) => match cli.verb {
            Verb::Run(args) => run::run(&args),
            Verb::Resume(args) => run::resume(&args),
            Verb::Plan(args) => plan::run(&args),
            Verb::Sweep(args) => sweep::run(&args),
            Verb::Chaos(args) => chaos::run_chaos(&args),
            Verb::Fec(verb) => fec::run(verb),
            Verb::Codec(verb) => codec::run(&verb),
        },
        Err(refusal) => refused(&refusal),
    };
    outcome.unwrap_or_else(|error| {
        console::error(&error.to_string());
        ExitCode::from(USAGE)
    })
}

/// What the argument parser did not accept: a request for help or a mistake.
fn refused(refusal: &clap::Error) -> Outcome {
    let text = refusal.render().to_string();
    match refusal.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            console::print(&text)?;
            Ok(ExitCode::SUCCESS)
        }
        _ => Err(mistake(&text).into()),
    }
}

/// The parser's message without its label, its usage text and its pointer to the help.
fn mistake(text: &str) -> String {
    let message = text.split("\nUsage:").next().unwrap_or(text);
    let message = message.split("\nFor more information").next().unwrap_or(message);
    let message = message.strip_prefix("error: ").unwrap_or(message);
    format!("{} (see --help)", message.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake_of(arguments: &[&str]) -> String {
        mistake(&Cli::try_parse_from(arguments).unwrap_err().render().to_string())
    }

    #[test]
    fn the_definition_of_the_arguments_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn a_mistake_is_told_without_usage_text() {
        assert_eq!(
            mistake_of(&["fuota", "run", "--loss", "1.5"]),
            "invalid value '1.5' for '--loss <P>': a probability is a number from 0 to 1 (see --help)"
        );
        for arguments in [&["fuota", "fly"][..], &["fuota", "run", "--device", "3"], &["fuota", "run", "x"]] {
            let told = mistake_of(arguments);
            assert!(!told.contains("Usage") && !told.contains("For more"), "{told}");
        }
    }
}
