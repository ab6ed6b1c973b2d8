//! What a node measures, through the `metrics` facade: whoever embeds the engine installs a recorder of their choice.
//!
//! | Name | Kind | Labels | What |
//! |---|---|---|---|
//! | `fuota_campaigns` | gauge | | campaigns that this node works on |
//! | `fuota_uplinks_total` | counter | | uplinks handed to campaigns |
//! | `fuota_downlinks_total` | counter | `dest` = unicast, multicast | downlinks that the network server took |
//! | `fuota_downlinks_refused_total` | counter | `cause` | downlinks that it refused |
//! | `fuota_downlinks_sent_total` | counter | | downlinks reported on air |
//! | `fuota_downlinks_dropped_total` | counter | | downlinks that expired or were withdrawn |
//! | `fuota_downlinks_postponed_total` | counter | | multicast downlinks whose turn on air came later |
//! | `fuota_devices_total` | counter | `status`, `reason` | devices that were decided |
//! | `fuota_stages_total` | counter | `stage`, `status` | stages that ended |
//! | `fuota_retries_total` | counter | `stage` | requests beyond the first to a device |
//! | `fuota_commit_seconds` | histogram | | time for a batch of records to become durable |
//! | `fuota_records_total` | counter | | records made durable |
//! | `fuota_campaigns_finished_total` | counter | `status` | campaigns that ended |
//!
//! No label carries the name of a device or of a tenant, so their number is bounded.

use std::time::Duration;

use metrics::{counter, gauge, histogram};

use crate::campaign::event::{DeviceStatus, Event, Outcome};
use crate::campaign::io::{Dest, Refusal, Report};

pub(super) fn campaigns(number: usize) {
    // Exact up to 2^32, which no node reaches.
    gauge!("fuota_campaigns").set(f64::from(u32::try_from(number).unwrap_or(u32::MAX)));
}

pub(super) fn uplink() {
    counter!("fuota_uplinks_total").increment(1);
}

pub(super) fn taken(dest: Dest) {
    let dest = match dest {
        Dest::Unicast(_) => "unicast",
        Dest::Multicast(_) => "multicast",
    };
    counter!("fuota_downlinks_total", "dest" => dest).increment(1);
}

pub(super) fn refused(cause: Refusal) {
    let cause = match cause {
        Refusal::Busy => "busy",
        Refusal::DutyCycle => "duty_cycle",
        Refusal::TooLong => "too_long",
        Refusal::Unknown => "unknown",
    };
    counter!("fuota_downlinks_refused_total", "cause" => cause).increment(1);
}

pub(super) fn reported(report: &Report) {
    match report {
        Report::Sent { .. } => counter!("fuota_downlinks_sent_total").increment(1),
        Report::Refused(cause) => refused(*cause),
        Report::Dropped => counter!("fuota_downlinks_dropped_total").increment(1),
        Report::Postponed { .. } => counter!("fuota_downlinks_postponed_total").increment(1),
    }
}

pub(super) fn committed(took: Duration, records: usize) {
    histogram!("fuota_commit_seconds").record(took);
    counter!("fuota_records_total").increment(records as u64);
}

pub(super) fn event(event: &Event) {
    match event {
        Event::Device(report) => {
            let (status, reason) = match report.status {
                DeviceStatus::Running => return,
                DeviceStatus::Complete => ("complete", "none"),
                DeviceStatus::Inferred => ("inferred", "none"),
                DeviceStatus::AlreadyUpToDate => ("already_up_to_date", "none"),
                DeviceStatus::Failed { reason, .. } => ("failed", reason.name()),
            };
            counter!("fuota_devices_total", "status" => status, "reason" => reason).increment(1);
        }
        Event::StageEnded(stage) => {
            let (name, status) = (stage.stage.name(), stage.status.name());
            counter!("fuota_stages_total", "stage" => name, "status" => status).increment(1);
            counter!("fuota_retries_total", "stage" => name).increment(u64::from(stage.retries));
        }
        _ => {}
    }
}

pub(super) fn finished(outcome: &Outcome) {
    counter!("fuota_campaigns_finished_total", "status" => outcome.status.name()).increment(1);
}
