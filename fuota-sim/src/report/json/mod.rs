//! `report.json`: the whole run in figures that scripts can rely on.
//!
//! Nothing here depends on the wall clock, the machine or a path, so the same arguments and seed give the same
//! octets.

mod parameters;

use std::collections::BTreeMap;

use fuota_engine::campaign::event::{Cause, StageReport};
use serde::Serialize;

pub(crate) use self::parameters::Parameters;
use super::{complete_by_group, failed, failures, joules, rounded, seconds, suspects, weaknesses};
use crate::record::{ExternalRecord, PollRecord, RoundRecord, RunRecord};
use crate::scenario::{DeviceGroup, Scenario};
use crate::world::KEEP_BYTES;

/// Version of the report's shape: goes up when a field changes its meaning or disappears.
pub const SCHEMA_VERSION: u32 = 2;
/// Most failed devices and most warnings that a report lists one by one; all devices are in `devices.csv`.
const LISTED: usize = 1000;

/// The report. Times are virtual seconds from the start of the campaign, exact to the microsecond.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    schema_version: u32,
    tool: &'static str,
    tool_version: &'static str,
    status: &'static str,
    cause: Option<CauseReport>,
    devices: usize,
    complete: u32,
    /// Of these, devices that said so, or were complete before.
    confirmed: u32,
    /// Of these, devices that kept silent when only those that miss something were to answer.
    inferred: u32,
    /// Of these, devices that are not complete: what only the simulator can know.
    inferred_wrongly: usize,
    /// Devices whose counts of missing fragments are not believed.
    suspects: Vec<String>,
    failed: u32,
    /// Complete devices of each group of the fleet.
    groups: Vec<GroupOutcome>,
    /// Reason to number of devices.
    failures: BTreeMap<&'static str, u32>,
    /// The first [`LISTED`] of them.
    failed_devices: Vec<FailedDevice>,
    nb_frag: u16,
    frag_size: u8,
    padding: u8,
    parity: u16,
    /// What makes parity weaker than it could be with this many fragments.
    weaknesses: Vec<String>,
    /// Fragments sent, repeats included.
    frames: u32,
    /// Gateway airtime of fragments, polls and repair.
    airtime_s: f64,
    /// Gateway airtime of the set-up stages.
    setup_airtime_s: f64,
    duration_s: f64,
    energy: Energy,
    /// When the class C session opened; `null` if it was never scheduled.
    session_start_s: Option<f64>,
    /// Devices that keep every octet of the block; those beyond keep their decoder's rank.
    bytes_kept: u32,
    /// Devices whose reassembled image was compared with the file.
    bytes_checked: u32,
    /// Devices whose packages ran in processes.
    external: Vec<ExternalDevice>,
    stages: Vec<Stage>,
    rounds: Vec<Round>,
    /// Polls of the adaptive policy.
    polls: Vec<Poll>,
    /// Batches of fragments, the first round included.
    batches: usize,
    /// The first [`LISTED`] of them.
    warnings: Vec<WarningReport>,
    warnings_total: usize,
    seed: u64,
    parameters: Parameters,
}

#[derive(Clone, Debug, Serialize)]
struct CauseReport {
    kind: &'static str,
    text: String,
}

/// A group of the fleet, and how many of it are complete.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct GroupOutcome {
    name: String,
    devices: u32,
    complete: u32,
}

impl GroupOutcome {
    pub(crate) fn new((group, complete): (&DeviceGroup, u32)) -> Self {
        Self { name: group.name.clone(), devices: group.devices, complete }
    }
}

#[derive(Clone, Debug, Serialize)]
struct FailedDevice {
    dev_eui: String,
    stage: &'static str,
    reason: String,
}

#[derive(Clone, Debug, Serialize)]
struct ExternalDevice {
    dev_eui: String,
    /// Whether it named the SHA-256 of the image.
    holds_image: bool,
    /// Why it took part no longer, or is not believed; `null` if all was well.
    failure: Option<String>,
}

impl ExternalDevice {
    fn new(record: &ExternalRecord) -> Self {
        Self {
            dev_eui: record.dev_eui.to_string(),
            holds_image: record.holds_image,
            failure: record.failure.as_ref().map(ToString::to_string),
        }
    }
}

#[derive(Clone, Debug, Serialize)]
struct Stage {
    stage: &'static str,
    status: &'static str,
    participants: u32,
    requests: u32,
    retries: u32,
    answers: u32,
    fragments: u32,
    succeeded: u32,
    failed: u32,
    started_s: f64,
    ended_s: f64,
    duration_s: f64,
}

#[derive(Clone, Debug, Serialize)]
struct Round {
    round: u16,
    complete: u32,
    outstanding: u32,
    ended_s: f64,
}

#[derive(Clone, Debug, Serialize)]
struct Poll {
    poll: u16,
    /// Sent before it, in all.
    fragments: u16,
    answers: u32,
    largest_missing: Option<u8>,
    suspects: u32,
    /// Fragments sent because of it.
    batch: u16,
    ended_s: f64,
}

#[derive(Clone, Debug, Serialize)]
struct WarningReport {
    kind: &'static str,
    text: String,
}

/// What the campaign took from the devices' batteries, in joules.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Energy {
    /// Of an average device: in the set-up stages, while fragments were on air, and after.
    pub(crate) setup_j: f64,
    pub(crate) transfer_j: f64,
    pub(crate) closing_j: f64,
    pub(crate) mean_j: f64,
    /// Of the device that spent most.
    pub(crate) max_j: f64,
}

impl Energy {
    pub(crate) fn new(scenario: &Scenario, record: &RunRecord) -> Self {
        let all: Vec<_> = joules(scenario, record).collect();
        let mean = |of: &dyn Fn(&[f64; 3]) -> f64| {
            rounded(all.iter().map(of).sum::<f64>() / (all.len().max(1) as f64))
        };
        let most = all.iter().map(|phases| phases.iter().sum()).fold(0.0, f64::max);
        Self {
            setup_j: mean(&|[setup, ..]| *setup),
            transfer_j: mean(&|[_, transfer, _]| *transfer),
            closing_j: mean(&|[.., closing]| *closing),
            mean_j: mean(&|phases| phases.iter().sum()),
            max_j: rounded(most),
        }
    }
}

impl Report {
    /// The report of a finished run.
    #[must_use]
    pub fn new(scenario: &Scenario, record: &RunRecord) -> Self {
        let listed = failed(record).take(LISTED).map(|(device, stage, reason)| FailedDevice {
            dev_eui: device.report.dev_eui.to_string(),
            stage: stage.name(),
            reason: reason.to_string(),
        });
        let warnings = record.warnings.iter().take(LISTED);
        Self {
            schema_version: SCHEMA_VERSION,
            tool: "fuota",
            tool_version: env!("CARGO_PKG_VERSION"),
            status: record.outcome.status.name(),
            cause: record.outcome.cause.map(CauseReport::new),
            devices: record.devices.len(),
            complete: record.outcome.complete,
            confirmed: record.outcome.complete - record.outcome.inferred,
            inferred: record.outcome.inferred,
            inferred_wrongly: record.devices.iter().filter(|device| device.is_wrongly_inferred()).count(),
            suspects: suspects(record).map(|device| device.report.dev_eui.to_string()).collect(),
            failed: record.outcome.failed,
            groups: scenario
                .fleet
                .iter()
                .zip(complete_by_group(scenario, record).map(|(_, complete)| complete))
                .map(GroupOutcome::new)
                .collect(),
            failures: failures(record),
            failed_devices: listed.collect(),
            nb_frag: record.nb_frag,
            frag_size: record.frag_size,
            padding: record.padding,
            parity: record.parity,
            weaknesses: scenario
                .parity_rules()
                .into_iter()
                .flat_map(|rule| weaknesses(rule, record.nb_frag, record.parity))
                .map(|weakness| weakness.to_string())
                .collect(),
            frames: record.frames,
            airtime_s: seconds(record.airtime),
            setup_airtime_s: seconds(record.setup_airtime),
            duration_s: seconds(record.duration),
            energy: Energy::new(scenario, record),
            session_start_s: record.session_start.map(|start| seconds(start.since(record.started))),
            bytes_kept: scenario.devices().min(KEEP_BYTES),
            bytes_checked: record.bytes_checked,
            external: record.external.iter().map(ExternalDevice::new).collect(),
            stages: record.stages.iter().map(|stage| Stage::new(stage, record)).collect(),
            rounds: record.rounds.iter().map(|round| Round::new(round, record)).collect(),
            polls: record.polls.iter().map(|poll| Poll::new(poll, record)).collect(),
            batches: record.rounds.len().max(1 + record.polls.iter().filter(|poll| poll.batch > 0).count()),
            warnings: warnings
                .map(|warning| WarningReport { kind: warning.name(), text: warning.to_string() })
                .collect(),
            warnings_total: record.warnings.len(),
            seed: scenario.seed,
            parameters: Parameters::new(scenario),
        }
    }

    /// The report as indented JSON with a final line break.
    ///
    /// # Errors
    /// Those of the serialiser; a report has nothing that JSON cannot express.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|json| json + "\n")
    }
}

impl CauseReport {
    fn new(cause: Cause) -> Self {
        let kind = match cause {
            Cause::BelowThreshold { .. } => "BelowThreshold",
            Cause::TimedOut { .. } => "TimedOut",
            Cause::NoTimeLeft { .. } => "NoTimeLeft",
            Cause::GroupRefused => "GroupRefused",
            Cause::Stopped { .. } => "Stopped",
            Cause::RebootTooEarly => "RebootTooEarly",
            Cause::SessionStartPassed => "SessionStartPassed",
            _ => "Other",
        };
        Self { kind, text: cause.to_string() }
    }
}

impl Stage {
    fn new(stage: &StageReport, record: &RunRecord) -> Self {
        Self {
            stage: stage.stage.name(),
            status: stage.status.name(),
            participants: stage.participants,
            requests: stage.requests,
            retries: stage.retries,
            answers: stage.answers,
            fragments: stage.fragments,
            succeeded: stage.succeeded,
            failed: stage.failed,
            started_s: seconds(stage.started.since(record.started)),
            ended_s: seconds(stage.ended.since(record.started)),
            duration_s: seconds(stage.ended.since(stage.started)),
        }
    }
}

impl Round {
    fn new(round: &RoundRecord, record: &RunRecord) -> Self {
        Self {
            round: round.round,
            complete: round.complete,
            outstanding: round.outstanding,
            ended_s: seconds(round.ended.since(record.started)),
        }
    }
}

impl Poll {
    fn new(poll: &PollRecord, record: &RunRecord) -> Self {
        Self {
            poll: poll.poll,
            fragments: poll.fragments,
            answers: poll.answers,
            largest_missing: poll.largest,
            suspects: poll.suspects,
            batch: poll.batch,
            ended_s: seconds(poll.ended.since(record.started)),
        }
    }
}
