//! What a node measures, through the `metrics` facade: whoever embeds the engine installs a recorder of their choice.
//!
//! | Name | Kind | Labels | What |
//! |---|---|---|---|
//! | `fuota_campaigns` | gauge | `tenant`, `stage` | campaigns that this node works on |
//! | `fuota_devices` | gauge | `tenant`, `state` = running, complete, failed | their devices |
//! | `fuota_uplinks_total` | counter | `tenant` | uplinks handed to campaigns |
//! | `fuota_downlinks_total` | counter | `tenant`, `dest` = unicast, multicast | downlinks that the network server took |
//! | `fuota_downlinks_refused_total` | counter | `tenant`, `cause` | downlinks that were refused |
//! | `fuota_downlinks_sent_total` | counter | `tenant` | downlinks reported on air |
//! | `fuota_downlinks_dropped_total` | counter | `tenant` | downlinks that expired or were withdrawn |
//! | `fuota_downlinks_postponed_total` | counter | `tenant` | multicast downlinks whose turn on air came later |
//! | `fuota_multicast_airtime_microseconds_total` | counter | `tenant` | time on air of multicast downlinks that were taken |
//! | `fuota_devices_total` | counter | `tenant`, `status`, `reason` | devices that were decided |
//! | `fuota_stages_total` | counter | `tenant`, `stage`, `status` | stages that ended |
//! | `fuota_retries_total` | counter | `tenant`, `stage` | requests beyond the first to a device |
//! | `fuota_commit_seconds` | histogram | `tenant` | time for a batch of records to become durable |
//! | `fuota_records_total` | counter | `tenant` | records made durable |
//! | `fuota_campaigns_finished_total` | counter | `tenant`, `status` | campaigns that ended |
//!
//! No label carries the name of a device, so there are no more series than tenants times what is listed here.

use std::sync::Arc;
use std::time::Duration;

use metrics::{SharedString, counter, gauge, histogram};

use super::store::Tenant;
use crate::campaign::Tally;
use crate::campaign::event::{DeviceStatus, Event, Outcome, StageKind};
use crate::campaign::io::{Dest, Refusal, Report};

/// What one campaign measures, under its tenant's name. What it adds to gauges goes with it.
#[derive(Debug)]
pub(super) struct Meter {
    tenant: Arc<str>,
    stage: StageKind,
    tally: Tally,
}

impl Meter {
    /// A campaign that stands so.
    pub(super) fn new(tenant: &Tenant, stage: StageKind, tally: Tally) -> Self {
        let none = Tally { devices: 0, complete: 0, failed: 0 };
        let mut meter = Self { tenant: tenant.0.as_str().into(), stage, tally: none };
        meter.campaigns(1.0);
        meter.stands(tally);
        meter
    }

    fn tenant(&self) -> SharedString {
        Arc::clone(&self.tenant).into()
    }

    fn campaigns(&self, more: f64) {
        gauge!("fuota_campaigns", "tenant" => self.tenant(), "stage" => self.stage.name()).increment(more);
    }

    /// How many of its devices stand how.
    pub(super) fn stands(&mut self, tally: Tally) {
        let states = |tally: Tally| {
            let running = tally.devices.saturating_sub(tally.complete).saturating_sub(tally.failed);
            [("running", running), ("complete", tally.complete), ("failed", tally.failed)]
        };
        for ((state, before), (_, now)) in states(self.tally).into_iter().zip(states(tally)) {
            if before != now {
                let more = f64::from(now) - f64::from(before);
                gauge!("fuota_devices", "tenant" => self.tenant(), "state" => state).increment(more);
            }
        }
        self.tally = tally;
    }

    pub(super) fn uplink(&self) {
        counter!("fuota_uplinks_total", "tenant" => self.tenant()).increment(1);
    }

    pub(super) fn taken(&self, dest: Dest) {
        let dest = match dest {
            Dest::Unicast(_) => "unicast",
            Dest::Multicast(_) => "multicast",
        };
        counter!("fuota_downlinks_total", "tenant" => self.tenant(), "dest" => dest).increment(1);
    }

    pub(super) fn airtime(&self, airtime: Duration) {
        let micros = u64::try_from(airtime.as_micros()).unwrap_or(u64::MAX);
        counter!("fuota_multicast_airtime_microseconds_total", "tenant" => self.tenant()).increment(micros);
    }

    pub(super) fn refused(&self, cause: Refusal) {
        let cause = match cause {
            Refusal::Busy => "busy",
            Refusal::DutyCycle => "duty_cycle",
            Refusal::TooLong => "too_long",
            Refusal::Unknown => "unknown",
        };
        counter!("fuota_downlinks_refused_total", "tenant" => self.tenant(), "cause" => cause).increment(1);
    }

    pub(super) fn reported(&self, report: &Report) {
        match report {
            Report::Sent { .. } => {
                counter!("fuota_downlinks_sent_total", "tenant" => self.tenant()).increment(1);
            }
            Report::Refused(cause) => self.refused(*cause),
            Report::Dropped => {
                counter!("fuota_downlinks_dropped_total", "tenant" => self.tenant()).increment(1);
            }
            Report::Postponed { .. } => {
                counter!("fuota_downlinks_postponed_total", "tenant" => self.tenant()).increment(1);
            }
        }
    }

    pub(super) fn committed(&self, took: Duration, records: usize) {
        histogram!("fuota_commit_seconds", "tenant" => self.tenant()).record(took);
        counter!("fuota_records_total", "tenant" => self.tenant()).increment(records as u64);
    }

    pub(super) fn event(&mut self, event: &Event) {
        match event {
            Event::StageStarted { stage, .. } => {
                self.campaigns(-1.0);
                self.stage = *stage;
                self.campaigns(1.0);
            }
            Event::Device(report) => {
                let (status, reason) = match report.status {
                    DeviceStatus::Running => return,
                    DeviceStatus::Complete => ("complete", "none"),
                    DeviceStatus::Inferred => ("inferred", "none"),
                    DeviceStatus::AlreadyUpToDate => ("already_up_to_date", "none"),
                    DeviceStatus::Failed { reason, .. } => ("failed", reason.name()),
                };
                let tenant = self.tenant();
                counter!("fuota_devices_total", "tenant" => tenant, "status" => status, "reason" => reason)
                    .increment(1);
            }
            Event::StageEnded(stage) => {
                let (name, status) = (stage.stage.name(), stage.status.name());
                counter!("fuota_stages_total", "tenant" => self.tenant(), "stage" => name, "status" => status)
                    .increment(1);
                counter!("fuota_retries_total", "tenant" => self.tenant(), "stage" => name)
                    .increment(u64::from(stage.retries));
            }
            _ => {}
        }
    }

    pub(super) fn finished(&self, outcome: &Outcome) {
        let status = outcome.status.name();
        counter!("fuota_campaigns_finished_total", "tenant" => self.tenant(), "status" => status)
            .increment(1);
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.campaigns(-1.0);
        self.stands(Tally { devices: 0, complete: 0, failed: 0 });
    }
}
