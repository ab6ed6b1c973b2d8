//! What a transfer leaves for people and scripts.

use std::time::Duration;

use fuota_engine::campaign::plan::Block;
use serde::Serialize;

use super::BulkRecord;
use crate::report::{GroupOutcome, Parameters, humanise, rounded, seconds};
use crate::scenario::Scenario;
use crate::theory::wilson;

/// Version of the report's shape.
const SCHEMA_VERSION: u32 = 1;
/// Shares of the fleet for which it is told with which fragment they were complete.
const SHARES: [f64; 5] = [0.5, 0.9, 0.99, 0.999, 1.0];

/// The report of a transfer without set-up and polls.
#[derive(Clone, Debug, Serialize)]
pub struct BulkReport {
    schema_version: u32,
    tool: &'static str,
    tool_version: &'static str,
    status: &'static str,
    /// Devices are bits and ranks: no octets are kept, no polls are simulated.
    device_model: &'static str,
    devices: usize,
    complete: u32,
    failed: u32,
    /// Share of complete devices, and its 95 % interval.
    complete_share: f64,
    complete_interval: [f64; 2],
    /// What parity fragments are made of.
    code: &'static str,
    /// Complete devices of each group of the fleet.
    groups: Vec<GroupOutcome>,
    nb_frag: u16,
    parity: u16,
    frag_size: u8,
    frames: u32,
    /// Fragments that reached devices.
    receptions: u64,
    airtime_s: f64,
    duration_s: f64,
    bytes_checked: u32,
    /// Fragments after which a share of the fleet is complete; `null` if it never is.
    complete_after: Vec<CompleteAfter>,
    /// Devices that became complete with each fragment from M on.
    completed_with: Vec<u32>,
    stages: Vec<Stage>,
    seed: u64,
    downlinks: String,
    parameters: Parameters,
}

#[derive(Clone, Debug, Serialize)]
struct CompleteAfter {
    share: f64,
    fragments: Option<u32>,
}

#[derive(Clone, Debug, Serialize)]
struct Stage {
    stage: &'static str,
    succeeded: u32,
    failed: u32,
    fragments: u32,
    duration_s: f64,
}

impl BulkReport {
    /// The report of a finished transfer.
    #[must_use]
    pub fn new(scenario: &Scenario, record: &BulkRecord) -> Self {
        let block = record.block.as_ref();
        let (complete, devices) = (record.complete(), record.devices.len());
        let all = u32::try_from(devices).unwrap_or(u32::MAX);
        let failed = all - complete;
        let (low, high) = wilson(complete.into(), all.into());
        let duration = block.map_or(Duration::ZERO, |block| duration(block, record.frames()));
        let airtime = block.map_or(Duration::ZERO, |block| block.airtime * record.frames());
        let completed_with = record.completed_with();
        Self {
            schema_version: SCHEMA_VERSION,
            tool: "fuota",
            tool_version: env!("CARGO_PKG_VERSION"),
            status: if record.succeeded() { "SUCCEEDED" } else { "FAILED" },
            device_model: "rank-only",
            devices,
            complete,
            failed,
            complete_share: rounded(f64::from(complete) / f64::from(all.max(1))),
            complete_interval: [rounded(low), rounded(high)],
            code: scenario.code().name(),
            groups: scenario
                .fleet
                .iter()
                .zip(record.complete_by_group(scenario))
                .map(GroupOutcome::new)
                .collect(),
            nb_frag: record.nb_frag(),
            parity: record.parity(),
            frag_size: block.map_or(0, |block| block.geometry.frag_size()),
            frames: record.frames(),
            receptions: record.devices.iter().map(|held| u64::from(held.received)).sum(),
            airtime_s: seconds(airtime),
            duration_s: seconds(duration),
            bytes_checked: 0,
            complete_after: complete_after(record, &completed_with),
            completed_with,
            stages: vec![Stage {
                stage: "DataFragment",
                succeeded: complete,
                failed,
                fragments: record.frames(),
                duration_s: seconds(duration),
            }],
            seed: scenario.seed,
            downlinks: scenario.downlinks(),
            parameters: Parameters::new(scenario),
        }
    }

    /// Time on air of all fragments, in seconds.
    pub(crate) const fn airtime_s(&self) -> f64 {
        self.airtime_s
    }

    /// First bit of the first fragment to last bit of the last, in seconds.
    pub(crate) const fn duration_s(&self) -> f64 {
        self.duration_s
    }

    /// The report as indented JSON with a final line break.
    ///
    /// # Errors
    /// Those of the serialiser; a report has nothing that JSON cannot express.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|json| json + "\n")
    }
}

/// First bit of the first fragment to last bit of the last.
fn duration(block: &Block, frames: u32) -> Duration {
    block.gap * frames.saturating_sub(1) + block.airtime
}

fn complete_after(record: &BulkRecord, completed_with: &[u32]) -> Vec<CompleteAfter> {
    let after = |share: f64| {
        let needed = share * record.devices.len() as f64;
        let mut sum = 0;
        let place = completed_with.iter().position(|count| {
            sum += count;
            f64::from(sum) >= needed
        });
        let fragments = place.and_then(|place| u32::try_from(place).ok());
        CompleteAfter { share, fragments: fragments.map(|place| u32::from(record.nb_frag()) + place) }
    };
    SHARES.into_iter().map(after).collect()
}

/// The summary of a finished transfer for people, several lines with a final line break.
#[must_use]
pub fn summary(scenario: &Scenario, report: &BulkReport) -> String {
    let BulkReport { code, nb_frag, parity, frag_size, devices, complete, .. } = report;
    let mut lines = vec![
        "Transfer  after set-up, without polls; devices by rank alone".to_owned(),
        format!(
            "Image     {} octets = {nb_frag} fragments of {frag_size} octets + {parity} parity ({code})",
            scenario.image.len()
        ),
        format!(
            "Fleet     {devices} devices, {} DR{}, loss {}, seed {}",
            scenario.region.name(),
            scenario.data_rate.get(),
            report.downlinks,
            report.seed
        ),
        format!("Received  {} fragments in all", report.receptions),
    ];
    for CompleteAfter { share, fragments } in &report.complete_after {
        let after = fragments.map_or("never".into(), |fragments| format!("after {fragments} fragments"));
        lines.push(format!("          {} % complete {after}", share * 100.0));
    }
    lines.push(format!("Duration  {} (virtual time)", humanise(Duration::from_secs_f64(report.duration_s))));
    lines.push(format!("Devices   {complete} of {devices} complete"));
    lines.push(format!("Status    {}", report.status));
    lines.join("\n") + "\n"
}
