//! Every figure against its peer in one run.

mod allocations;
mod campaign;
mod codec;
mod driver;
mod fec;
mod instructions;
mod measure;
mod policies;
mod report;
mod sim;
mod statistics;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use crate::report::Section;

/// Measures fuota against its peers: the same work, in turns, in one run.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    /// What to measure; everything if nothing is named
    subjects: Vec<Subject>,
    #[command(flatten)]
    options: Options,
}

/// How to measure and how to report it.
#[derive(Debug, Clone, clap::Args)]
struct Options {
    /// Print a JSON object per comparison and line instead of tables
    #[arg(long)]
    json: bool,
    /// Print tables in Markdown
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    /// Count instructions under valgrind instead of taking the time: exact, the same on a busy machine
    #[arg(long)]
    callgrind: bool,
    /// All sizes, fleets and seeds of the campaigns instead of a few, a thousand campaigns of the driver: takes most of
    /// an hour
    #[arg(long)]
    full: bool,
    /// Seeds of the campaigns [default: 3, with --full 30]
    #[arg(long, value_name = "N")]
    seeds: Option<u64>,
    /// Devices of the campaigns [default: 1000, with --full 10000 too]
    #[arg(long, value_name = "N")]
    devices: Option<u32>,
    /// Uncoded fragments of the campaigns [default: 215, with --full 429 and 1000 too]
    #[arg(long, value_name = "N")]
    fragments: Option<u16>,
    /// First seed of the campaigns [default: one after those that policies were tuned on]
    #[arg(long, value_name = "N")]
    first_seed: Option<u64>,
    /// Keep the campaigns of `policies` in this file, and do not run again what it has
    #[arg(long, value_name = "FILE")]
    runs: Option<PathBuf>,
    /// Run only these contenders of `policies`
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    tasks: Vec<policies::Contender>,
    /// Draw the policies' airtime as SVG
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
    /// Threads for `policies`
    #[arg(long, value_name = "N", default_value_t = 2)]
    threads: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Subject {
    /// Encoding and decoding commands, against lrwn
    Codec,
    /// The erasure code, against lrwn, other codes and what devices run
    Fec,
    /// Redundancy policies on the same losses, the whole engine in the loop
    Policies,
    /// The engine's pace and memory, and false success
    Campaign,
    /// The simulator, against a published figure
    Sim,
    /// Many campaigns in one process, kept in SQLite
    Driver,
}

impl Subject {
    fn run(self, options: &Options) -> Result<Vec<Section>, Box<dyn std::error::Error>> {
        match self {
            Self::Codec => codec::run(options),
            Self::Fec => fec::run(options),
            Self::Policies => policies::run(options),
            Self::Campaign => campaign::run(options),
            Self::Sim => sim::run(options),
            Self::Driver => driver::run(options),
        }
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let subjects = if cli.subjects.is_empty() { Subject::value_variants() } else { &cli.subjects };
    let mut sections = Vec::new();
    for subject in subjects {
        match subject.run(&cli.options) {
            Ok(measured) => sections.extend(measured),
            Err(error) => {
                eprintln!("benches: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    let mut out = io::stdout().lock();
    let written = if cli.options.json {
        report::write_json(&mut out, &sections)
    } else if cli.options.markdown {
        report::write_markdown(&mut out, &sections)
    } else {
        report::write_tables(&mut out, &sections)
    };
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("benches: {error}");
            ExitCode::FAILURE
        }
    }
}
