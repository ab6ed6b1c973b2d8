//! `fuota fec check`.

use std::process::ExitCode;

use fuota_fec::structure::{DRAWN_ROWS, Twins, Weakness, latest_coverage, twins, weaknesses};
use fuota_fec::{MAX_FRAGMENT_NUMBER, ParityRule};
use serde::Serialize;

use super::{Outcome, console};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Uncoded fragments
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=i64::from(MAX_FRAGMENT_NUMBER)))]
    m: u16,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    rule: &'static str,
    weaknesses: Vec<String>,
    /// Pairs that at most every eighth row tells apart: places counted from 0, and rows that do.
    twins: Vec<[u16; 3]>,
    rows_drawn: u16,
    /// The parity row, counted from 1, before which not all fragments are covered.
    covered_from_row: Option<u16>,
    /// The fragment, counted from 0, that is covered last.
    covered_last: Option<u16>,
}

/// Prints what is bad about M under both rules, and what drawing rows shows of it.
pub(super) fn run(args: &Args) -> Outcome {
    let reports =
        [("v1", ParityRule::V1), ("v2", ParityRule::V2)].map(|(name, rule)| report(name, rule, args.m));
    let text = if args.json {
        serde_json::to_string(&reports)? + "\n"
    } else {
        reports.iter().map(|report| in_words(report, args.m)).collect()
    };
    console::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn report(name: &'static str, rule: ParityRule, m: u16) -> Report {
    // Copies are told apart by no row at all, which the reason already says.
    let small = weaknesses(rule, m).any(|weakness| matches!(weakness, Weakness::Copies | Weakness::NoParity));
    let pairs = if small { Vec::new() } else { twins(rule, m) };
    let coverage = latest_coverage(rule, m);
    Report {
        rule: name,
        weaknesses: weaknesses(rule, m).map(|weakness| weakness.to_string()).collect(),
        twins: pairs
            .iter()
            .map(|Twins { first, second, differing_rows }| [*first, *second, *differing_rows])
            .collect(),
        rows_drawn: DRAWN_ROWS,
        covered_from_row: coverage.map(|(row, _)| row),
        covered_last: coverage.map(|(_, fragment)| fragment),
    }
}

/// The report, a line for each finding.
fn in_words(report: &Report, m: u16) -> String {
    let Report { rule, rows_drawn, .. } = report;
    let mut lines = vec![format!("{rule}, M = {m}")];
    if report.weaknesses.is_empty() {
        lines.push("  nothing against it".into());
    }
    lines.extend(report.weaknesses.iter().map(|weakness| format!("  {weakness}")));
    lines.extend(report.twins.iter().map(|[first, second, differing]| {
        format!("  fragments {first} and {second} differ in {differing} of {rows_drawn} rows")
    }));
    lines.push(match (report.covered_from_row, report.covered_last) {
        (Some(row), Some(fragment)) => format!("  fragment {fragment} is covered last, by parity row {row}"),
        _ => format!("  {rows_drawn} rows don't cover every fragment"),
    });
    lines.join("\n") + "\n"
}
