//! `fuota codec decode`.

use std::error::Error;
use std::process::ExitCode;

use fuota_proto::DecodeError;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::packages::{Direction, Kind, Name};
use super::which::{Which, With};
use super::{Outcome, USAGE, batch, octets};
use crate::cli::console;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    which: Which,
    /// FPort of the payload, in place of all that: every version and direction is tried
    #[arg(long, conflicts_with = "package")]
    port: Option<u8>,
    /// Payload in hex, or - for JSON lines {"package","version","direction","hex"} from stdin
    payload: String,
}

pub(super) fn run(args: &Args) -> Outcome {
    if args.payload == "-" {
        return batch::answer(|line| answer(line, args.which.with));
    }
    match (args.port, args.which.kind()?) {
        (Some(port), _) => every_reading(port, args),
        (None, Some(kind)) => one_reading(&kind, args),
        (None, None) => Err("--package, --version and --direction say what the payload is, or --port".into()),
    }
}

/// What a line of a batch asks.
#[derive(Deserialize)]
struct Body {
    hex: String,
}

/// What became of a payload.
#[derive(Serialize)]
struct Answer {
    commands: Vec<Value>,
    error: Option<Fault>,
}

#[derive(Serialize)]
struct Fault {
    offset: usize,
    kind: &'static str,
}

impl From<DecodeError> for Fault {
    fn from(error: DecodeError) -> Self {
        Self { offset: error.offset, kind: error.cause.kind() }
    }
}

fn answer(line: &[u8], with: With) -> Answer {
    let decoded = || -> Result<Answer, Box<dyn Error>> {
        let (kind, Body { hex }) = batch::request(line, with.0)?;
        Ok(read(&kind, &octets(&hex)?))
    };
    decoded().unwrap_or_else(|_| Answer {
        commands: Vec::new(),
        error: Some(Fault { offset: 0, kind: "bad_request" }),
    })
}

fn read(kind: &Kind, payload: &[u8]) -> Answer {
    let (commands, error) = kind.decode(payload);
    Answer { commands, error: error.map(Fault::from) }
}

fn payload(args: &Args) -> Result<Vec<u8>, String> {
    octets(&args.payload).map_err(|error| format!("payload: {error}"))
}

/// Prints the commands, and if something is wrong, where and what.
fn one_reading(kind: &Kind, args: &Args) -> Outcome {
    let (commands, error) = kind.decode(&payload(args)?);
    console::print(&format!("{}\n", serde_json::to_string(&commands)?))?;
    Ok(match error {
        Some(error) => {
            console::note(&error.to_string());
            ExitCode::from(USAGE)
        }
        None => ExitCode::SUCCESS,
    })
}

/// One way to read a payload, and what comes of it.
#[derive(Serialize)]
struct Reading {
    package: Name,
    version: u8,
    direction: Direction,
    #[serde(flatten)]
    answer: Answer,
}

fn every_reading(port: u8, args: &Args) -> Outcome {
    let package =
        Name::from_port(port).ok_or_else(|| format!("no package has {port} as its default FPort"))?;
    let payload = payload(args)?;
    let mut readings = Vec::new();
    for version in package.versions() {
        for direction in [Direction::Downlink, Direction::Uplink] {
            let kind = Kind { package, version, direction, with: args.which.with.0 };
            readings.push(Reading {
                package,
                version: version.number(),
                direction,
                answer: read(&kind, &payload),
            });
        }
    }
    console::print(&format!("{}\n", serde_json::to_string(&readings)?))?;
    Ok(ExitCode::SUCCESS)
}
