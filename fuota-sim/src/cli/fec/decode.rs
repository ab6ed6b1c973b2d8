//! `fuota fec decode`.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;
use fuota_fec::{
    Decoder, FecError, FragmentNumber, Geometry, InsertError, MAX_FRAGMENT_NUMBER, MemoryStore, Mode,
    Progress, words,
};
use serde::Serialize;

use super::encode::{Line, at};
use super::{FAILED, Outcome, Rule};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Edition of the fragmentation package
    #[arg(long)]
    rule: Rule,
    /// Octets of a fragment
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..))]
    frag_size: u8,
    /// Uncoded fragments, M
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=i64::from(MAX_FRAGMENT_NUMBER)))]
    nb_frag: u16,
    /// Octets that fill up the last fragment
    #[arg(long)]
    padding: u8,
    /// Unknown fragments that the decoder has room for [default: M]
    #[arg(long)]
    max_lost: Option<u16>,
    /// How the decoder spends memory
    #[arg(long, value_enum, default_value = "triangular")]
    mode: Memory,
    /// Print the outcome as JSON
    #[arg(long)]
    json: bool,
    /// Fragments as JSON lines, in the order of their arrival
    input: PathBuf,
    /// Where the data block goes
    output: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Memory {
    /// A triangle of bits; bytes are added on arrival
    Triangular,
}

#[derive(Debug, Serialize)]
struct Report {
    complete: bool,
    /// Place in the file, counted from 1, of the fragment that completed the block.
    complete_at: Option<usize>,
    /// Independent fragments still needed.
    missing: u16,
}

/// Decodes, and writes the data block if it is complete.
pub(super) fn run(args: &Args) -> Outcome {
    let geometry = Geometry::from_session(args.nb_frag, args.frag_size, args.padding)?;
    let max_lost = args.max_lost.unwrap_or(args.nb_frag);
    if max_lost > args.nb_frag {
        return Err(format!("--max-lost {max_lost} of {} fragments", args.nb_frag).into());
    }
    let mut decoder = match args.mode {
        Memory::Triangular => {
            let memory = vec![0; words(Mode::Triangular, args.nb_frag, max_lost)];
            Decoder::new(geometry, args.rule.into(), max_lost, memory)?
        }
    };
    let mut store = MemoryStore::new(geometry);
    let input = File::open(&args.input).map_err(|error| at(&args.input, &error))?;
    let (mut complete_at, mut refused) = (None, 0_usize);
    for (place, line) in (1..).zip(BufReader::new(input).lines()) {
        let wrong = |error: &dyn std::error::Error| format!("{}:{place}: {error}", args.input.display());
        let line: Line = serde_json::from_str(&line?).map_err(|error| wrong(&error))?;
        let n = FragmentNumber::try_from(line.n).map_err(|error| wrong(&error))?;
        let data = hex::decode(&line.data).map_err(|error| wrong(&error))?;
        match decoder.insert(n, &data, &mut store) {
            Ok(Progress::Complete) => {
                complete_at = Some(place);
                break;
            }
            Ok(_) => {}
            // One that came while there was no room for it is lost like any other.
            Err(InsertError::Fec(FecError::TooManyMissing { .. })) => refused += 1,
            Err(error) => return Err(wrong(&error).into()),
        }
    }
    let report = Report { complete: complete_at.is_some(), complete_at, missing: decoder.missing() };
    if report.complete {
        fs::write(&args.output, store.image()).map_err(|error| at(&args.output, &error))?;
    }
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        match report.complete_at {
            Some(place) => println!("complete at fragment {place} of the file"),
            None => println!("{} more independent fragments are needed", report.missing),
        }
    }
    if refused > 0 {
        eprintln!("{refused} parity fragments came while more than {max_lost} were unknown");
    }
    Ok(if report.complete { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}
