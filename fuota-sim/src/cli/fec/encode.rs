//! `fuota fec encode`.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use fuota_fec::{Encoder, FragmentNumber, Geometry, MAX_FRAGMENT_NUMBER};
use serde::{Deserialize, Serialize};

use super::{Outcome, Rule};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Edition of the fragmentation package
    #[arg(long)]
    rule: Rule,
    /// Octets of a fragment
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..))]
    frag_size: u8,
    /// Parity fragments to add
    #[arg(long)]
    parity: u16,
    /// Write the octets of the fragments one after the other instead of JSON lines
    #[arg(long)]
    binary: bool,
    /// The data block
    input: PathBuf,
    /// Where the fragments go
    output: PathBuf,
}

/// One line of a file of fragments.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) n: u16,
    pub(super) data: String,
}

/// Writes fragments 1 to M + R.
pub(super) fn run(args: &Args) -> Outcome {
    let image = fs::read(&args.input).map_err(|error| at(&args.input, &error))?;
    let geometry = Geometry::new(image.len(), args.frag_size)?;
    let last = u32::from(geometry.nb_frag()) + u32::from(args.parity);
    let last = u16::try_from(last).ok().filter(|n| *n <= MAX_FRAGMENT_NUMBER);
    let last = last.ok_or_else(|| {
        let (nb_frag, parity) = (geometry.nb_frag(), args.parity);
        format!("{nb_frag} fragments and {parity} of parity: fragment numbers end at {MAX_FRAGMENT_NUMBER}")
    })?;
    let encoder = Encoder::new(geometry, args.rule.into(), &image)?;
    let output = File::create(&args.output).map_err(|error| at(&args.output, &error))?;
    let mut output = BufWriter::new(output);
    let mut fragment = vec![0; args.frag_size.into()];
    for n in 1..=last {
        encoder.fragment(FragmentNumber::try_from(n)?, &mut fragment)?;
        if args.binary {
            output.write_all(&fragment)?;
        } else {
            serde_json::to_writer(&mut output, &Line { n, data: hex::encode(&fragment) })?;
            output.write_all(b"\n")?;
        }
    }
    output.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// An error with the file it is about.
pub(super) fn at(path: &Path, error: &dyn std::error::Error) -> String {
    format!("{}: {error}", path.display())
}
