//! `fuota codec encode`.

use std::error::Error;
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

use super::packages::{Direction, Kind, Name, Spelled};
use super::with::With;
use super::{Outcome, batch};
use crate::cli::console;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Package of the commands
    #[arg(long, ignore_case = true, requires_all = ["version", "direction"])]
    package: Option<Name>,
    /// Version of the package: 1 or 2
    #[arg(long, requires = "package")]
    version: Option<u64>,
    /// Which way the payload goes
    #[arg(long, requires = "package")]
    direction: Option<Direction>,
    /// Versions of the packages within a TS007 message, such as ts004=1,ts005=2; the newest unless named
    #[arg(long, default_value = "", hide_default_value = true)]
    with: With,
    /// JSON array of {"command","fields"}, or - for JSON lines {"package","version","direction","commands"} from stdin
    commands: String,
}

pub(super) fn run(args: &Args) -> Outcome {
    if args.commands == "-" {
        return batch::answer(|line| answer(line, args.with));
    }
    let Some(((package, version), direction)) = args.package.zip(args.version).zip(args.direction) else {
        return Err("--package, --version and --direction say what the commands are of".into());
    };
    let commands: Vec<Spelled> = serde_json::from_str(&args.commands)?;
    let payload = Kind::new(package, version, direction, args.with.0)?.encode(&commands)?;
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
