//! A run as a row: what columns there are, and what stands in them.

use fuota_engine::campaign::event::StageKind;

use super::grid::ColumnKind;
use crate::bulk::{BulkRecord, BulkReport};
use crate::record::RunRecord;
use crate::report::{Energy, rounded, seconds};
use crate::scenario::{Expectation, Scenario};

/// Columns before the parameters.
pub(super) const BEFORE: [(&str, ColumnKind); 4] = [
    ("version", ColumnKind::Text),
    ("scenario", ColumnKind::Text),
    ("scenario_hash", ColumnKind::Text),
    ("cell", ColumnKind::Whole),
];
/// Columns between the parameters and the figures.
pub(super) const BETWEEN: [(&str, ColumnKind); 3] =
    [("seed", ColumnKind::Whole), ("outcome", ColumnKind::Text), ("cause", ColumnKind::Text)];
/// Columns behind the figures.
pub(super) const BEHIND: [(&str, ColumnKind); 2] =
    [(AS_EXPECTED, ColumnKind::Truth), ("differences", ColumnKind::Text)];

/// Whether a run came out as expected; empty if nothing was expected.
pub(super) const AS_EXPECTED: &str = "as_expected";
/// The outcome of a campaign that there cannot be.
pub(super) const REFUSED: &str = "REFUSED";

/// A figure of a run.
pub(crate) struct Metric {
    /// What its column is called.
    pub(crate) name: &'static str,
    /// What pictures call it.
    pub(crate) label: &'static str,
    pub(super) kind: ColumnKind,
    of_run: fn(&Scenario, &RunRecord) -> Option<f64>,
    of_transfer: fn(&BulkRecord, &BulkReport) -> Option<f64>,
}

/// Declares figures: name, label, kind, how a run has it, how a transfer without set-up has it.
macro_rules! metrics {
    ($($name:literal, $label:literal, $kind:ident, $run:expr, $transfer:expr;)*) => {
        /// The figures of a run, in the order of their columns.
        pub(crate) const METRICS: &[Metric] = &[$(Metric {
            name: $name,
            label: $label,
            kind: ColumnKind::$kind,
            of_run: $run,
            of_transfer: $transfer,
        }),*];
    };
}

metrics! {
    "devices", "devices", Whole,
        |_, run| count(run.devices.len()), |transfer, _| count(transfer.devices.len());
    "complete", "complete devices", Whole,
        |_, run| Some(run.outcome.complete.into()), |transfer, _| Some(transfer.complete().into());
    "success_share", "share of devices complete", Real,
        |_, run| share(run.outcome.complete, run.devices.len()),
        |transfer, _| share(transfer.complete(), transfer.devices.len());
    "nb_frag", "uncoded fragments", Whole,
        |_, run| Some(run.nb_frag.into()), |transfer, _| Some(transfer.nb_frag().into());
    "frag_size", "octets per fragment", Whole,
        |_, run| Some(run.frag_size.into()),
        |transfer, _| transfer.block.map(|block| block.geometry.frag_size().into());
    "parity", "parity fragments", Whole,
        |_, run| Some(run.parity.into()), |transfer, _| Some(transfer.parity().into());
    "frames", "fragments sent", Whole,
        |_, run| Some(run.frames.into()), |transfer, _| Some(transfer.frames().into());
    "polls", "requests for the session's status", Whole,
        |_, run| Some(polls(run)), |_, _| None;
    "rounds", "rounds of fragments", Whole,
        |_, run| count(run.rounds.len()), |_, _| Some(1.0);
    "receptions", "fragments that reached devices", Whole,
        |_, run| Some(run.devices.iter().map(|device| f64::from(device.fragments_received)).sum()),
        |transfer, _| Some(transfer.devices.iter().map(|held| f64::from(held.received)).sum());
    "requests", "requests", Whole,
        |_, run| Some(run.stages.iter().map(|stage| f64::from(stage.requests)).sum()), |_, _| None;
    "retries", "repeated requests", Whole,
        |_, run| Some(run.stages.iter().map(|stage| f64::from(stage.retries)).sum()), |_, _| None;
    "airtime_s", "airtime of fragments and polls in s", Real,
        |_, run| Some(seconds(run.airtime)), |_, report| Some(report.airtime_s());
    "setup_airtime_s", "airtime of set-up in s", Real,
        |_, run| Some(seconds(run.setup_airtime)), |_, _| None;
    "duration_s", "duration in s", Real,
        |_, run| Some(seconds(run.duration)), |_, report| Some(report.duration_s());
    "data_phase_s", "data phase in s", Real,
        |_, run| run.data_phase.map(|(first, last)| seconds(last.since(first))),
        |_, report| Some(report.duration_s());
    "energy_mean_j", "energy per device in J", Real,
        |scenario, run| Some(Energy::new(scenario, run).mean_j), |_, _| None;
    "energy_max_j", "energy of the device that spent most in J", Real,
        |scenario, run| Some(Energy::new(scenario, run).max_j), |_, _| None;
    "energy_setup_j", "energy per device for set-up in J", Real,
        |scenario, run| Some(Energy::new(scenario, run).setup_j), |_, _| None;
    "energy_transfer_j", "energy per device while fragments were on air in J", Real,
        |scenario, run| Some(Energy::new(scenario, run).transfer_j), |_, _| None;
    "energy_closing_j", "energy per device after the fragments in J", Real,
        |scenario, run| Some(Energy::new(scenario, run).closing_j), |_, _| None;
    "bytes_checked", "devices compared octet for octet", Whole,
        |_, run| Some(run.bytes_checked.into()), |_, _| Some(0.0);
}

/// What stands behind the parameters of a row.
#[derive(Debug)]
pub(super) struct Tail {
    outcome: &'static str,
    cause: String,
    figures: Vec<Option<f64>>,
    differences: Option<Vec<String>>,
}

impl Tail {
    /// Of a whole campaign.
    pub(super) fn of_run(scenario: &Scenario, expect: &Expectation, run: &RunRecord) -> Self {
        Self {
            outcome: run.outcome.status.name(),
            cause: run.outcome.cause.map_or_else(String::new, |cause| cause.to_string()),
            figures: METRICS.iter().map(|metric| (metric.of_run)(scenario, run)).collect(),
            differences: expected(expect).then(|| expect.differences(scenario, run)),
        }
    }

    /// Of a transfer without set-up.
    pub(super) fn of_transfer(scenario: &Scenario, expect: &Expectation, transfer: &BulkRecord) -> Self {
        let report = BulkReport::new(scenario, transfer);
        Self {
            outcome: if transfer.succeeded() { "SUCCEEDED" } else { "FAILED" },
            cause: String::new(),
            figures: METRICS.iter().map(|metric| (metric.of_transfer)(transfer, &report)).collect(),
            differences: expected(expect).then(|| expect.differences_in_transfer(scenario, transfer)),
        }
    }

    /// Of a campaign that there cannot be.
    pub(super) fn refused(cause: &str) -> Self {
        let cause = cause.split_whitespace().collect::<Vec<_>>().join(" ");
        Self { outcome: REFUSED, cause, figures: METRICS.iter().map(|_| None).collect(), differences: None }
    }

    /// What differs from what was expected.
    pub(super) fn differences(&self) -> &[String] {
        self.differences.as_deref().unwrap_or_default()
    }

    /// The fields of the row from the seed on.
    pub(super) fn fields(&self, seed: u64) -> Vec<String> {
        let figure = |value: &Option<f64>| value.map_or_else(String::new, |value| value.to_string());
        let mut fields = vec![seed.to_string(), self.outcome.into(), self.cause.clone()];
        fields.extend(self.figures.iter().map(figure));
        let differences = self.differences.as_deref();
        fields.push(differences.map_or_else(String::new, |told| told.is_empty().to_string()));
        fields.push(differences.map_or_else(String::new, |told| told.join("; ")));
        fields
    }
}

/// Whether anything is expected.
fn expected(expect: &Expectation) -> bool {
    *expect != Expectation::default()
}

fn count(count: usize) -> Option<f64> {
    u32::try_from(count).ok().map(f64::from)
}

fn share(complete: u32, devices: usize) -> Option<f64> {
    count(devices).filter(|devices| *devices > 0.0).map(|devices| rounded(f64::from(complete) / devices))
}

/// Requests for the session's status, by multicast and to single devices.
fn polls(run: &RunRecord) -> f64 {
    let polls = run.stages.iter().filter(|stage| stage.stage == StageKind::FragSessionStatus);
    polls.map(|stage| f64::from(stage.requests)).sum()
}
