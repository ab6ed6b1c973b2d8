//! Devices that go wrong are named, and the campaign goes on.

use std::sync::atomic::AtomicBool;

use fuota_engine::campaign::event::{CampaignStatus, Cause, DeviceStatus, Event, FailureReason, StageKind};
use fuota_engine::percent::Percent;
use fuota_sim::record::{DeviceRecord, RunRecord};
use fuota_sim::scenario::{Faults, Scenario};
use fuota_sim::world::{Observer, World};

use crate::harness::*;

fn forgiving(faults: Faults) -> Scenario {
    let mut scenario = Scenario { faults, fleet: fleet(40, 0.1, 0.05), ..lossy() };
    scenario.config.success_threshold = Percent::whole(50);
    scenario
}

fn failures(record: &RunRecord) -> impl Iterator<Item = (usize, FailureReason, &DeviceRecord)> {
    record.devices.iter().enumerate().filter_map(|(index, device)| match device.report.status {
        DeviceStatus::Failed { reason, .. } => Some((index, reason, device)),
        _ => None,
    })
}

#[test]
fn a_device_that_is_never_heard_is_named() {
    let record = run(&forgiving(Faults { silent: 1, ..Faults::default() })).unwrap();
    assert_eq!(record.outcome.status, CampaignStatus::Succeeded);
    let named: Vec<_> = failures(&record).map(|(index, reason, _)| (index, reason)).collect();
    assert!(named.contains(&(39, FailureReason::NotHeard)), "{named:?}");
    assert_eq!(record.devices[39].report.requests, 0, "nothing is sent to a device that was never heard");
}

#[test]
fn devices_that_die_midway_are_named() {
    let record = run(&forgiving(Faults { dying: 10, ..Faults::default() })).unwrap();
    assert_eq!(record.outcome.status, CampaignStatus::Succeeded);
    let dead: Vec<_> = failures(&record).filter(|(index, ..)| *index >= 30).collect();
    assert_eq!(dead.len(), 10);
    for (index, reason, device) in dead {
        assert!(matches!(reason, FailureReason::NotHeard | FailureReason::NoAnswer), "{index}: {reason:?}");
        assert!((20..=35).contains(&device.fragments_received), "{index}: {}", device.fragments_received);
        assert!(!device.holds_block);
    }
}

/// It answers everything by unicast, since it cannot know that what it unwrapped is not the group's key.
#[test]
fn a_device_that_unwraps_another_key_hears_nothing_on_the_group() {
    let record = run(&forgiving(Faults { wrong_key: 2, ..Faults::default() })).unwrap();
    assert_eq!(record.outcome.status, CampaignStatus::Succeeded);
    for device in &record.devices[38..] {
        assert_eq!(device.fragments_received, 0);
        let failed = DeviceStatus::Failed {
            stage: StageKind::FragSessionStatus,
            reason: FailureReason::Incomplete(50),
        };
        assert_eq!(device.report.status, failed);
    }
    assert!(record.devices[..38].iter().all(|device| device.fragments_received > 30));
}

/// Orders a stop as soon as a stage begins.
struct StopAt<'a>(StageKind, &'a AtomicBool);

impl Observer for StopAt<'_> {
    fn event(&mut self, event: &Event, _at: fuota_engine::time::GpsInstant) {
        if matches!(event, Event::StageStarted { stage, .. } if *stage == self.0) {
            self.1.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    }
}

#[test]
fn an_operator_can_stop_in_any_stage() {
    let stages = [
        StageKind::McGroupSetup,
        StageKind::McClassSession,
        StageKind::DataFragment,
        StageKind::FragSessionStatus,
    ];
    for stage in stages {
        let stop = AtomicBool::new(false);
        let record = World::new(&lossy()).unwrap().run(&mut StopAt(stage, &stop), &stop).unwrap();
        assert_eq!(record.outcome.status, CampaignStatus::Stopped, "{stage}");
        assert_eq!(record.outcome.cause, Some(Cause::Stopped { stage }));
        assert_eq!(record.stages.last().map(|report| report.stage), Some(stage));
    }
}
