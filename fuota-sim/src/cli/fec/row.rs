//! `fuota fec row`.

use std::num::NonZeroU16;
use std::process::ExitCode;

use fuota_fec::{MAX_FRAGMENT_NUMBER, Ones, ParityRule, row_words};

use super::{Outcome, Rule, console};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Edition of the fragmentation package
    #[arg(long)]
    rule: Rule,
    /// Uncoded fragments
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=i64::from(MAX_FRAGMENT_NUMBER)))]
    m: u16,
    /// Parity row, counted from 1: fragment number M + N
    #[arg(long, value_parser = parity_row)]
    n: NonZeroU16,
    /// Print a JSON array
    #[arg(long)]
    json: bool,
}

fn parity_row(text: &str) -> Result<NonZeroU16, String> {
    let n = text.parse::<u16>().ok().filter(|n| *n <= MAX_FRAGMENT_NUMBER).and_then(NonZeroU16::new);
    n.ok_or_else(|| format!("not in 1..={MAX_FRAGMENT_NUMBER}"))
}

/// Prints the 0-based positions of the row.
pub(super) fn run(args: &Args) -> Outcome {
    let mut row = vec![0; row_words(args.m)];
    ParityRule::from(args.rule).row(args.m, args.n, &mut row)?;
    let positions: Vec<u16> = Ones::new(&row).collect();
    let text = if args.json {
        serde_json::to_string(&positions)?
    } else {
        positions.iter().map(u16::to_string).collect::<Vec<_>>().join(" ")
    };
    console::print(&(text + "\n"))?;
    Ok(ExitCode::SUCCESS)
}
