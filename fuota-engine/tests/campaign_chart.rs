//! Whole campaigns as sequence charts: who says what to whom, in which order.

mod common;

use common::{Heard, Stage, answer_missing, good, spec};
use fuota_engine::campaign::event::{CampaignStatus, Cause, DeviceStatus, FailureReason, StageKind};
use fuota_engine::campaign::spec::Redundancy;

#[test]
fn fec_on_small_group_is_set_up_served_and_asked_by_unicast() {
    let mut stage = Stage::new(spec(2));
    let outcome = stage.run();
    assert_eq!((outcome.status, outcome.complete, outcome.failed), (CampaignStatus::Succeeded, 2, 0));
    assert_eq!(
        stage.chart(),
        [
            "S->D1 McGroupSetupReq",
            "D1->S McGroupSetupAns",
            "S->D2 McGroupSetupReq",
            "D2->S McGroupSetupAns",
            // The stage ends with the last answer, whose uplink opens the next window of that device.
            "S->D2 FragSessionSetupReq",
            "D2->S FragSessionSetupAns",
            "S->D1 FragSessionSetupReq",
            "D1->S FragSessionSetupAns",
            "S->D1 McClassCSessionReq",
            "D1->S McClassCSessionAns",
            "S->D2 McClassCSessionReq",
            "D2->S McClassCSessionAns",
            "S->* DataFragment 1..11",
            "S->D1 FragSessionStatusReq 1",
            "D1->S FragSessionStatusAns missing 0",
            "S->D2 FragSessionStatusReq 1",
            "D2->S FragSessionStatusAns missing 0",
            "release group",
        ]
    );
}

#[test]
fn fec_on_large_group_is_asked_by_multicast_and_the_silent_by_unicast() {
    // Device 3 answers only when it is asked alone.
    let mut stage = Stage::new(spec(7)).device(3, |heard, _, now| match heard {
        Heard::Status { multicast: true, .. } => None,
        _ => good(heard, now),
    });
    let outcome = stage.run();
    assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Succeeded, 7));
    let chart = stage.chart();
    let from = chart.iter().position(|line| line == "S->* DataFragment 1..11").unwrap();
    assert_eq!(
        chart[from + 1..],
        [
            "S->* FragSessionStatusReq 1",
            "D1->S FragSessionStatusAns missing 0",
            "D2->S FragSessionStatusAns missing 0",
            "D4->S FragSessionStatusAns missing 0",
            "D5->S FragSessionStatusAns missing 0",
            "D6->S FragSessionStatusAns missing 0",
            "D7->S FragSessionStatusAns missing 0",
            "S->D3 FragSessionStatusReq 1",
            "D3->S FragSessionStatusAns missing 0",
            "release group",
        ]
    );
}

#[test]
fn fec_on_never_repeats_and_fails_below_the_threshold() {
    let mut stage = Stage::new(spec(2)).device(2, |heard, _, now| answer_missing(heard, now, 3));
    let outcome = stage.run();
    assert_eq!(outcome.status, CampaignStatus::Failed);
    let cause = Cause::BelowThreshold { stage: StageKind::FragSessionStatus, succeeded: 1, required: 2 };
    assert_eq!(outcome.cause, Some(cause));
    let reports: Vec<_> = stage.campaign.devices().map(|device| device.status).collect();
    let failed =
        DeviceStatus::Failed { stage: StageKind::FragSessionStatus, reason: FailureReason::Incomplete(3) };
    assert_eq!(reports, [DeviceStatus::Complete, failed]);
    assert_eq!(stage.chart().iter().filter(|line| line.contains("DataFragment")).count(), 1);
}

#[test]
fn fec_off_repeats_rounds_and_confirms_silence_by_unicast() {
    let mut spec = spec(2);
    spec.groups[0].redundancy = Redundancy::Rounds;
    // Device 2 misses fragments until the second round has passed.
    let mut stage = Stage::new(spec).device(2, |heard, times, now| match heard {
        Heard::Status { .. } => answer_missing(heard, now, if times == 1 { 4 } else { 0 }),
        _ => good(heard, now),
    });
    let outcome = stage.run();
    assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Succeeded, 2));
    let chart = stage.chart();
    let from = chart.iter().position(|line| line == "S->* DataFragment 1..10").unwrap();
    assert_eq!(
        chart[from + 1..],
        [
            "S->D1 FragSessionStatusReq 1",
            "D1->S FragSessionStatusAns missing 0",
            "S->D2 FragSessionStatusReq 1",
            "D2->S FragSessionStatusAns missing 4",
            // All fragments again: the device said how many it misses, not which.
            "S->* DataFragment 1..10",
            "S->* FragSessionStatusReq 0",
            // Its silence may mean completeness or loss, so it is asked.
            "S->D2 FragSessionStatusReq 1",
            "D2->S FragSessionStatusAns missing 0",
            "release group",
        ]
    );
    let stages: Vec<_> = stage.campaign.stages().iter().map(|report| report.stage.name()).collect();
    assert_eq!(
        stages,
        [
            "McGroupSetup",
            "FragSessionSetup",
            "McClassSession",
            "DataFragment",
            "FragSessionStatus",
            "FurtherRounds"
        ]
    );
}

#[test]
fn fec_off_ends_when_the_rounds_are_used_up() {
    let mut spec = spec(1);
    spec.groups[0].redundancy = Redundancy::Rounds;
    spec.config.datafrag_loops_max = 2;
    let mut stage = Stage::new(spec).device(1, |heard, _, now| answer_missing(heard, now, 1));
    let outcome = stage.run();
    assert_eq!(outcome.status, CampaignStatus::Failed);
    let rounds = stage.chart().iter().filter(|line| *line == "S->* DataFragment 1..10").count();
    assert_eq!(rounds, 2);
}
