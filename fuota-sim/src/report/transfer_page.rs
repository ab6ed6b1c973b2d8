//! `report.html` of a run that starts with the transfer.

use std::fmt::{self, Write};

use serde_json::Value;

use super::TimelineError;
use super::page::{Unit, distribution, groups, write_bars, write_end, write_head};
use super::transfer_curve::transfer_curve;
use crate::bulk::BulkRecord;

/// Figures at the top: key of `report.json`, label, and what it counts.
const FIGURES: [(&str, &str, Unit); 10] = [
    ("devices", "Devices", Unit::Count),
    ("complete", "Complete", Unit::Count),
    ("failed", "Incomplete", Unit::Count),
    ("complete_share", "Share complete", Unit::Share),
    ("nb_frag", "Uncoded fragments", Unit::Count),
    ("parity", "Parity fragments", Unit::Count),
    ("frames", "Fragments sent", Unit::Count),
    ("receptions", "Fragments received, all devices", Unit::Count),
    ("airtime_s", "Airtime", Unit::Seconds),
    ("duration_s", "Duration", Unit::Seconds),
];

/// Why a page cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PageError {
    /// The report is no JSON.
    #[error(transparent)]
    Report(#[from] serde_json::Error),
    /// Its curve cannot be drawn.
    #[error(transparent)]
    Curve(#[from] TimelineError),
}

/// The page of a finished transfer, from its report as JSON.
///
/// # Errors
/// [`PageError`], none of which a report gives rise to.
pub fn transfer_page(record: &BulkRecord, report: &str) -> Result<String, PageError> {
    let curve = transfer_curve(record)?;
    let report: Value = serde_json::from_str(report)?;
    let mut out = String::new();
    // Writing to a `String` cannot fail.
    let _ = write_page(&mut out, record, &report, &curve);
    Ok(out)
}

fn write_page(out: &mut String, record: &BulkRecord, report: &Value, curve: &str) -> fmt::Result {
    write_head(out, report, &FIGURES)?;
    writeln!(
        out,
        "<p>Devices were set up when the run began; each is the set of fragments that reached it and their rank.</p>\n\
         <h2>Devices complete, by fragments sent</h2>\n<figure>{curve}</figure>"
    )?;
    write_shares(out, report)?;
    let received = record.devices.iter().map(|held| u32::from(held.received));
    write_bars(out, "Fragments that devices received", "", &distribution(received))?;
    let incomplete = record.devices.iter().filter(|held| held.complete_at.is_none());
    let received = incomplete.map(|held| u32::from(held.received));
    write_bars(out, "Fragments that incomplete devices received", "", &distribution(received))?;
    write_bars(out, "Complete devices by kind", "", &groups(report))?;
    write_end(out, report)
}

/// After how many fragments which share of the fleet was complete.
fn write_shares(out: &mut String, report: &Value) -> fmt::Result {
    writeln!(out, "<table>")?;
    for after in report["complete_after"].as_array().into_iter().flatten() {
        let share = after["share"].as_f64().unwrap_or(0.0) * 100.0;
        let when = after["fragments"].as_u64();
        let when =
            when.map_or_else(|| "never".to_owned(), |fragments| format!("after {fragments} fragments"));
        writeln!(out, "<tr><th>{share} % complete<td>{when}</tr>")?;
    }
    writeln!(out, "</table>")
}
