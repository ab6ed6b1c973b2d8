//! `devices.csv`: one row per device.

use std::io::Write;

use fuota_engine::campaign::event::DeviceStatus;
use serde::Serialize;

use super::{joules, rounded, seconds};
use crate::record::{DeviceRecord, RunRecord};
use crate::scenario::Scenario;

#[derive(Serialize)]
struct Row {
    dev_eui: String,
    status: &'static str,
    failed_in: Option<&'static str>,
    reason: Option<String>,
    /// Virtual seconds from the start of the campaign to its completion or failure.
    settled_s: f64,
    requests: u32,
    missing_frag: Option<u8>,
    fragments_received: u32,
    holds_block: bool,
    bytes_checked: bool,
    setup_j: f64,
    transfer_j: f64,
    closing_j: f64,
}

impl Row {
    fn new(device: &DeviceRecord, record: &RunRecord, [setup, transfer, closing]: [f64; 3]) -> Self {
        let report = &device.report;
        let (status, failed) = match report.status {
            DeviceStatus::Complete => ("complete", None),
            DeviceStatus::Inferred => ("inferred", None),
            DeviceStatus::AlreadyUpToDate => ("already up to date", None),
            DeviceStatus::Failed { stage, reason } => ("failed", Some((stage, reason))),
            _ => ("running", None),
        };
        Self {
            dev_eui: report.dev_eui.to_string(),
            status,
            failed_in: failed.map(|(stage, _)| stage.name()),
            reason: failed.map(|(_, reason)| reason.to_string()),
            settled_s: seconds(report.since.since(record.started)),
            requests: report.requests,
            missing_frag: report.missing_frag,
            fragments_received: device.fragments_received,
            holds_block: device.holds_block,
            bytes_checked: device.bytes_checked,
            setup_j: rounded(setup),
            transfer_j: rounded(transfer),
            closing_j: rounded(closing),
        }
    }
}

/// Writes a header and a row per device, in the plan's order.
///
/// # Errors
/// Those of `out`.
pub fn write_devices(scenario: &Scenario, record: &RunRecord, out: impl Write) -> Result<(), csv::Error> {
    let mut rows = csv::Writer::from_writer(out);
    for (device, joules) in record.devices.iter().zip(joules(scenario, record)) {
        rows.serialize(Row::new(device, record, joules))?;
    }
    rows.flush()?;
    Ok(())
}
