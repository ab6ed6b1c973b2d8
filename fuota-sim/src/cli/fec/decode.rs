//! `fuota fec decode`.

use std::convert::Infallible;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;
use fuota_fec::{
    Decoder, DeferredDecoder, FecError, FragmentNumber, Geometry, InsertError, MAX_FRAGMENT_NUMBER,
    MemoryStore, Mode, Progress, row_words, words,
};
use serde::Serialize;

use super::encode::{Line, at};
use super::{FAILED, Outcome, Rule, console};

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
    /// Parity is kept as it came and solved at the end
    Deferred,
}

impl Memory {
    /// The decoder's insert, with the missing count after it.
    fn feeder(self, args: &Args, geometry: Geometry, max_lost: u16) -> Result<Feeder, FecError> {
        let rule = args.rule.into();
        Ok(match self {
            Self::Triangular => {
                let memory = vec![0; words(Mode::Triangular, args.nb_frag, max_lost)];
                let mut decoder = Decoder::new(geometry, rule, max_lost, memory)?;
                Box::new(move |n, data, store| Ok((decoder.insert(n, data, store)?, decoder.missing())))
            }
            Self::Deferred => {
                let masks = usize::from(ACCUMULATORS) * row_words(args.nb_frag);
                let memory = vec![0; words(Mode::Deferred, args.nb_frag, max_lost) + masks];
                let mut decoder = DeferredDecoder::new(geometry, rule, max_lost, memory)?;
                Box::new(move |n, data, store| Ok((decoder.insert(n, data, store)?, decoder.missing())))
            }
        })
    }
}

type Inserted = Result<(Progress, u16), InsertError<Infallible>>;
type Feeder = Box<dyn FnMut(FragmentNumber, &[u8], &mut MemoryStore) -> Inserted>;

/// Lost fragments solved for in one pass of the deferred mode.
const ACCUMULATORS: u16 = 64;

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
    let mut insert = args.mode.feeder(args, geometry, max_lost)?;
    let mut store = MemoryStore::with_accumulators(geometry, ACCUMULATORS);
    let input = File::open(&args.input).map_err(|error| at(&args.input, &error))?;
    let (mut complete_at, mut missing, mut refused) = (None, args.nb_frag, 0_usize);
    for (place, line) in (1..).zip(BufReader::new(input).lines()) {
        let wrong = |error: &dyn std::error::Error| format!("{}:{place}: {error}", args.input.display());
        let line: Line =
            serde_json::from_str(&line.map_err(|error| wrong(&error))?).map_err(|error| wrong(&error))?;
        let n = FragmentNumber::try_from(line.n).map_err(|error| wrong(&error))?;
        let data = hex::decode(&line.data).map_err(|error| wrong(&error))?;
        match insert(n, &data, &mut store) {
            Ok((progress, left)) => {
                missing = left;
                if progress == Progress::Complete {
                    complete_at = Some(place);
                    break;
                }
            }
            // One that came while there was no room for it is lost like any other.
            Err(InsertError::Fec(FecError::TooManyMissing { .. } | FecError::ScratchFull { .. })) => {
                refused += 1;
            }
            Err(error) => return Err(wrong(&error).into()),
        }
    }
    let report = Report { complete: complete_at.is_some(), complete_at, missing };
    if report.complete {
        fs::write(&args.output, store.image()).map_err(|error| at(&args.output, &error))?;
    }
    let text = match report.complete_at {
        _ if args.json => serde_json::to_string(&report)?,
        Some(place) => format!("complete at fragment {place} of the file"),
        None => format!("{} more independent fragments are needed", report.missing),
    };
    console::print(&(text + "\n"))?;
    if refused > 0 {
        console::warn(&format!("{refused} parity fragments came while there was no room for them"));
    }
    Ok(if report.complete { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}
