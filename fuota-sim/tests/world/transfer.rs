//! Campaigns over air that loses frames.

use std::sync::atomic::AtomicBool;

use fuota_engine::campaign::event::{CampaignStatus, Cause, DeviceStatus, Event, FailureReason, StageKind};
use fuota_engine::campaign::plan::PlanError;
use fuota_engine::campaign::spec::Redundancy;
use fuota_engine::percent::Percent;
use fuota_sim::scenario::Scenario;
use fuota_sim::world::{SimError, World};

use crate::harness::*;

#[test]
fn parity_makes_good_what_the_air_takes() {
    let record = run(&Scenario { fleet: fleet(60, 0.1, 0.05), ..lossy() }).unwrap();
    assert_eq!(record.outcome.status, CampaignStatus::Succeeded);
    assert_eq!((record.nb_frag, record.parity, record.frames), (50, 20, 70));
    assert_eq!(record.bytes_checked, record.outcome.complete);
    assert!(record.outcome.complete >= 57);
    let received: u32 = record.devices.iter().map(|device| device.fragments_received).sum();
    let complete = record
        .devices
        .iter()
        .all(|device| device.holds_block == (device.report.status == DeviceStatus::Complete));
    assert!(complete, "who holds the block has said so, and nobody else");
    // Devices stop counting once they are complete, after 50 to 60 of the 63 fragments that reach each.
    assert!((60 * 50..60 * 63).contains(&received), "{received}");
}

#[test]
fn too_little_parity_fails_and_says_what_each_device_misses() {
    let scenario = Scenario { redundancy: Redundancy::Fec(Percent::whole(4)), ..lossy() };
    let record = run(&scenario).unwrap();
    assert_eq!(record.outcome.status, CampaignStatus::Failed);
    assert!(matches!(
        record.outcome.cause,
        Some(Cause::BelowThreshold { stage: StageKind::FragSessionStatus, .. })
    ));
    let incomplete = record.devices.iter().filter(|device| {
        matches!(device.report.status, DeviceStatus::Failed { reason: FailureReason::Incomplete(1..), .. })
    });
    assert!(incomplete.count() > 10);
}

#[test]
fn without_fec_rounds_go_on_until_enough_devices_are_complete() {
    let scenario = Scenario { redundancy: Redundancy::Rounds, fleet: fleet(60, 0.1, 0.05), ..lossy() };
    let record = run(&scenario).unwrap();
    assert_eq!(record.outcome.status, CampaignStatus::Succeeded);
    // After r rounds a device misses one of 50 fragments with 1 - (1 - 0.1^r)^50: 0.39, 0.049, 0.005.
    assert!((2..=4).contains(&record.rounds.len()), "{:?}", record.rounds);
    assert_eq!(record.frames, 50 * u32::try_from(record.rounds.len()).unwrap());
    assert!(
        record
            .rounds
            .windows(2)
            .all(|pair| pair[0].complete <= pair[1].complete && pair[0].ended < pair[1].ended)
    );

    let mut config = scenario.config.clone();
    config.datafrag_loops_max = 1;
    let record = run(&Scenario { config, ..scenario }).unwrap();
    assert_eq!((record.outcome.status, record.rounds.len()), (CampaignStatus::Failed, 1));
}

#[test]
fn the_timeline_follows_the_devices() {
    let record = run(&lossy()).unwrap();
    assert!(
        record.timeline.windows(2).all(|pair| pair[0].at <= pair[1].at && pair[0].stage <= pair[1].stage)
    );
    let last = record.timeline.last().unwrap();
    let holders = record.devices.iter().filter(|device| device.holds_block).count();
    assert_eq!((last.stage, last.done as usize), (StageKind::FragSessionStatus, holders));
    let within =
        |stage| record.timeline.iter().filter(move |point| point.stage == stage).map(|point| point.done);
    assert!(within(StageKind::DataFragment).is_sorted());
    assert_eq!(within(StageKind::McGroupSetup).next_back(), Some(20));
}

#[test]
fn whoever_watches_sees_every_stage_begin_and_fill_up() {
    let mut watcher = Watcher::default();
    World::new(&lossy()).unwrap().run(&mut watcher, &AtomicBool::new(false)).unwrap();
    assert!(watcher.events.windows(2).all(|pair| pair[0].0 <= pair[1].0));
    let started = watcher.events.iter().filter_map(|(_, event)| match event {
        Event::StageStarted { stage, .. } => Some(*stage),
        _ => None,
    });
    let stages = [
        StageKind::McGroupSetup,
        StageKind::FragSessionSetup,
        StageKind::McClassSession,
        StageKind::DataFragment,
        StageKind::FragSessionStatus,
    ];
    assert!(started.eq(stages));
    for stage in stages {
        let last = watcher.progress.iter().rfind(|(of, ..)| *of == stage);
        let full = if stage == StageKind::DataFragment { 70 } else { 20 };
        assert_eq!(last, Some(&(stage, full, full)));
    }
    assert!(watcher.progress.windows(2).all(|pair| pair[0] != pair[1]), "nothing is said twice");
}

#[test]
fn a_plan_that_cannot_be_is_an_error_not_a_run() {
    let nobody = run(&Scenario { fleet: Vec::new(), ..quiet() });
    assert!(matches!(nobody, Err(SimError::Plan(PlanError::NoDevices))));
    let nothing = run(&Scenario { image: Vec::new(), ..quiet() });
    assert!(matches!(nothing, Err(SimError::Plan(PlanError::EmptyImage))));
}
