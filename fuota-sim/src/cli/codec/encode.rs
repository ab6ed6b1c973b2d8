//! `fuota codec encode`.

use std::error::Error;
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

use super::packages::Spelled;
use super::which::{Which, With};
use super::{Outcome, batch};
use crate::cli::console;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    which: Which,
    /// JSON array of {"command","fields"}, or - for JSON lines {"package","version","direction","commands"} from stdin
    commands: String,
}

pub(super) fn run(args: &Args) -> Outcome {
    if args.commands == "-" {
        return batch::answer(|line| answer(line, args.which.with));
    }
    let kind =
        args.which.kind()?.ok_or("--package, --version and --direction say what the commands are of")?;
    let commands: Vec<Spelled> = serde_json::from_str(&args.commands)
        .map_err(|error| format!("a JSON array of commands is expected: {error}"))?;
    let payload = kind.encode(&commands)?;
    console::print(&format!("{}\n", hex::encode(payload)))?;
    Ok(ExitCode::SUCCESS)
}

/// What a line of a batch asks.
#[derive(Deserialize)]
struct Body {
    commands: Vec<Spelled>,
}

/// What became of the commands.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Hex(String),
    Error(String),
}

fn answer(line: &[u8], with: With) -> Answer {
    let encoded = || -> Result<Vec<u8>, Box<dyn Error>> {
        let (kind, Body { commands }) = batch::request(line, with.0)?;
        kind.encode(&commands)
    };
    match encoded() {
        Ok(payload) => Answer::Hex(hex::encode(payload)),
        Err(error) => Answer::Error(error.to_string()),
    }
}
