//! `fuota fec encode`.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use fuota_fec::batch::encode_on_all_cores;
use fuota_fec::{Geometry, MAX_FRAGMENT_NUMBER, max_parity};
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
    if args.parity > max_parity(geometry.nb_frag()) {
        let (nb_frag, parity) = (geometry.nb_frag(), args.parity);
        return Err(format!(
            "{nb_frag} fragments and {parity} of parity: fragment numbers end at {MAX_FRAGMENT_NUMBER}"
        )
        .into());
    }
    let parity = encode_on_all_cores(geometry, args.rule.into(), &image, args.parity)?;
    let mut fragments = image;
    fragments.resize(geometry.padded_len(), 0);
    fragments.extend(parity);
    let output = File::create(&args.output).map_err(|error| at(&args.output, &error))?;
    let mut output = BufWriter::new(output);
    for (n, fragment) in (1..).zip(fragments.chunks_exact(args.frag_size.into())) {
        if args.binary {
            output.write_all(fragment)?;
        } else {
            serde_json::to_writer(&mut output, &Line { n, data: hex::encode(fragment) })?;
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
