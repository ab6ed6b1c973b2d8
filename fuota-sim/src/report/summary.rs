//! The summary that a person reads at the end of a run.

use std::fmt::Write;
use std::time::Duration;

use comfy_table::{CellAlignment, Table};
use fuota_engine::campaign::spec::{Kind, Redundancy};

use super::{RULED, class_name, failed, failures, humanise, kind_name, seconds, suspects};
use crate::record::RunRecord;
use crate::scenario::Scenario;

/// Failed devices that are named; the rest are counted.
const NAMED: usize = 10;

/// The summary of a finished run, several lines with a final line break.
#[must_use]
pub fn summary(scenario: &Scenario, record: &RunRecord) -> String {
    let mut out = String::new();
    // Writing to a `String` cannot fail.
    let _ = write_summary(&mut out, scenario, record);
    out
}

fn write_summary(out: &mut String, scenario: &Scenario, record: &RunRecord) -> std::fmt::Result {
    let (outcome, devices) = (record.outcome, record.devices.len());
    writeln!(out, "Campaign  {}", campaign(scenario))?;
    if scenario.kind != Kind::MulticastSetup {
        writeln!(out, "Image     {}", image(scenario, record))?;
    }
    writeln!(
        out,
        "Fleet     {devices} devices, {} DR{}, loss {}, uplink loss {}, seed {}",
        scenario.region.name(),
        scenario.data_rate.get(),
        scenario.downlinks(),
        scenario.uplinks(),
        scenario.seed
    )?;
    writeln!(out, "{}", stages(record).trim_fmt())?;
    if record.rounds.len() > 1 {
        writeln!(out, "{}", rounds(record).trim_fmt())?;
    }
    if !record.polls.is_empty() {
        writeln!(out, "Polls     {}", polls(record))?;
    }
    if scenario.kind != Kind::MulticastSetup {
        writeln!(out, "Fragments {} sent", record.frames)?;
    }
    writeln!(
        out,
        "Airtime   {} of set-up, {} of fragments and polls",
        airtime(record.setup_airtime),
        airtime(record.airtime)
    )?;
    writeln!(out, "Duration  {} (virtual time)", humanise(record.duration))?;
    writeln!(out, "Devices   {} of {devices} complete{}", outcome.complete, compared(scenario, record))?;
    if outcome.inferred > 0 {
        let wrongly = record.devices.iter().filter(|device| device.is_wrongly_inferred()).count();
        writeln!(
            out,
            "          {} of these inferred from silence, {wrongly} of them wrongly",
            outcome.inferred
        )?;
    }
    let suspects: Vec<_> = suspects(record).map(|device| device.report.dev_eui.to_string()).collect();
    if !suspects.is_empty() {
        let more = if suspects.len() > NAMED { " …" } else { "" };
        let named = suspects.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        writeln!(out, "Doubted   {}: {named}{more}", suspects.len())?;
    }
    if outcome.failed > 0 {
        write_failures(out, record)?;
    }
    match outcome.cause {
        None => writeln!(out, "Status    {}", outcome.status.name()),
        Some(cause) => writeln!(out, "Status    {}: {cause}", outcome.status.name()),
    }
}

/// The campaign's type, and how devices take part.
fn campaign(scenario: &Scenario) -> String {
    let what = match scenario.kind {
        Kind::Firmware(firmware) => format!("firmware {}", firmware.target),
        kind => kind_name(kind).to_owned(),
    };
    let mut versions: Vec<_> =
        scenario.fleet.iter().map(|group| scenario.package_version_of(group).number().to_string()).collect();
    versions.sort_unstable();
    versions.dedup();
    let version = versions.join(" and ");
    format!("{what}, class {}, packages of version {version}", class_name(scenario.class))
}

fn image(scenario: &Scenario, record: &RunRecord) -> String {
    let RunRecord { nb_frag, frag_size, padding, parity, .. } = record;
    let redundancy = match scenario.redundancy {
        Redundancy::Fec(percent) => format!("+ {parity} parity ({percent} %)"),
        Redundancy::Rounds => format!("in up to {} rounds", scenario.config.datafrag_loops_max),
        _ => format!("+ {parity} parity and as much as is asked for"),
    };
    format!(
        "{} octets = {nb_frag} fragments of {frag_size} octets (padding {padding}) {redundancy}",
        scenario.image.len()
    )
}

/// What each poll asked for, in order.
fn polls(record: &RunRecord) -> String {
    let batches: Vec<_> = record.polls.iter().map(|poll| poll.batch.to_string()).collect();
    format!("{}, then {} fragments", batches.len(), batches.join(", "))
}

/// What proves that the complete devices are: their octets or, in large fleets for most, their decoder's rank.
fn compared(scenario: &Scenario, record: &RunRecord) -> String {
    const COMPARED: &str = "compared with the file octet for octet";
    match record.outcome.complete.saturating_sub(record.bytes_checked) {
        _ if record.outcome.complete == 0 || scenario.kind == Kind::MulticastSetup => String::new(),
        0 => format!(", all {COMPARED}"),
        by_rank => format!(", {} {COMPARED}, {by_rank} by the rank of their decoder", record.bytes_checked),
    }
}

fn write_failures(out: &mut String, record: &RunRecord) -> std::fmt::Result {
    let reasons: Vec<_> =
        failures(record).into_iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    writeln!(out, "Failed    {}: {}", record.outcome.failed, reasons.join(", "))?;
    for (device, stage, reason) in failed(record).take(NAMED) {
        writeln!(out, "          {} {stage}: {reason}", device.report.dev_eui)?;
    }
    match failed(record).count().checked_sub(NAMED) {
        Some(more) if more > 0 => {
            writeln!(out, "          and {more} more (--out DIR lists all in devices.csv)")
        }
        _ => Ok(()),
    }
}

fn stages(record: &RunRecord) -> Table {
    let mut table = table(&[
        "Stage",
        "Status",
        "Devices",
        "Requests",
        "Retries",
        "Answers",
        "Succeeded",
        "Failed",
        "Virtual time",
    ]);
    for stage in &record.stages {
        table.add_row([
            stage.stage.name().to_owned(),
            stage.status.name().to_owned(),
            stage.participants.to_string(),
            stage.requests.to_string(),
            stage.retries.to_string(),
            stage.answers.to_string(),
            stage.succeeded.to_string(),
            stage.failed.to_string(),
            humanise(stage.ended.since(stage.started)),
        ]);
    }
    finish(&mut table, 2);
    table
}

fn rounds(record: &RunRecord) -> Table {
    let mut table = table(&["Round", "Complete", "Outstanding", "At"]);
    for round in &record.rounds {
        table.add_row([
            round.round.to_string(),
            round.complete.to_string(),
            round.outstanding.to_string(),
            humanise(round.ended.since(record.started)),
        ]);
    }
    finish(&mut table, 0);
    table
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(RULED).set_header(header);
    table
}

/// Aligns the numbers, which begin at that column, to the right, and closes the ranks.
fn finish(table: &mut Table, numbers: usize) {
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 1));
        if index >= numbers {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// Airtime is a budget, so to the tenth of a second.
fn airtime(time: Duration) -> String {
    format!("{:.1} s", seconds(time))
}
