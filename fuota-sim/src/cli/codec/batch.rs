//! JSON lines in, JSON lines out: one answer for each line, whatever is in it.

use std::error::Error;
use std::io::{self, BufRead, ErrorKind, Write};
use std::process::ExitCode;

use fuota_proto::multi_package::v1::Versions;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Outcome;
use super::packages::{Direction, Kind};

/// A line that asks for something.
#[derive(Debug, Deserialize)]
struct Request<B> {
    package: String,
    version: u64,
    direction: Direction,
    #[serde(flatten)]
    body: B,
}

/// Reads what a line asks about.
pub(super) fn request<B: DeserializeOwned>(line: &[u8], with: Versions) -> Result<(Kind, B), Box<dyn Error>> {
    let Request { package, version, direction, body } = serde_json::from_slice(line)?;
    Ok((Kind::new(package.parse()?, version, direction, with)?, body))
}

/// Answers every line of stdin. Whoever reads the answers may have seen enough: a closed pipe is no error.
pub(super) fn answer<A: Serialize>(answer: impl Fn(&[u8]) -> A) -> Outcome {
    match pump(io::stdin().lock(), io::BufWriter::new(io::stdout().lock()), answer) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

fn pump<A: Serialize>(
    input: impl BufRead,
    mut out: impl Write,
    answer: impl Fn(&[u8]) -> A,
) -> io::Result<()> {
    for line in input.split(b'\n') {
        serde_json::to_writer(&mut out, &answer(&line?))?;
        out.write_all(b"\n")?;
    }
    out.flush()
}
