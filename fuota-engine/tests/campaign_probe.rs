//! The probe before the first fragment: no airtime for groups that nobody hears.

// What can't be here is a defect of the test.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::{Heard, Stage, answer_missing, fragment, good, spec, status_ans};
use fuota_engine::campaign::event::{CampaignStatus, Cause, StageKind, Warning};
use fuota_engine::campaign::spec::CampaignSpec;
use fuota_engine::percent::Percent;
use fuota_proto::DataRate;

/// Three devices, all of which have to succeed.
fn probed() -> CampaignSpec {
    let mut spec = spec(3);
    spec.config.probe_at_start = true;
    spec.config.success_threshold = Percent::whole(100);
    spec
}

/// The log from the first multicast frame on.
fn from_the_session(stage: &Stage) -> Vec<String> {
    stage.chart().into_iter().skip_while(|line| !line.starts_with("S->*")).collect()
}

/// A device that hears the group and has everything once fragments were sent.
fn hears(heard: &Heard, nth: u32, now: fuota_engine::time::GpsInstant) -> common::Answer {
    match heard {
        Heard::Status { multicast: true, .. } if nth == 1 => answer_missing(heard, now, 10),
        _ => good(heard, now),
    }
}

#[test]
fn fragments_are_sent_once_the_groups_have_answered() {
    let mut stage = Stage::new(probed()).device(1, hears).device(2, hears).device(3, hears);
    assert_eq!(stage.run().complete, 3);
    assert_eq!(
        from_the_session(&stage)[..5],
        [
            "S->* FragSessionStatusReq 1",
            "D1->S FragSessionStatusAns missing 10",
            "D2->S FragSessionStatusAns missing 10",
            "D3->S FragSessionStatusAns missing 10",
            "S->* DataFragment 1..11",
        ]
    );
}

#[test]
fn a_lost_answer_is_asked_for_again_and_only_once() {
    let late = |heard: &Heard, nth: u32, now| match heard {
        Heard::Status { multicast: true, .. } if nth == 1 => None,
        _ => hears(heard, nth - 1, now),
    };
    let mut stage = Stage::new(probed()).device(1, hears).device(2, late).device(3, hears);
    assert_eq!(stage.run().complete, 3);
    let chart = from_the_session(&stage);
    let polls = chart.iter().take_while(|line| !line.contains("DataFragment"));
    assert_eq!(polls.filter(|line| line.starts_with("S->*")).count(), 2);
}

#[test]
fn a_group_that_too_few_hear_ends_the_campaign_before_a_single_fragment() {
    // Device 2 derived another key: it answers what it is asked alone, and hears nothing of its group.
    let deaf = |heard: &Heard, _, now| match heard {
        Heard::Status { multicast: true, .. } => None,
        _ => good(heard, now),
    };
    let mut stage = Stage::new(probed()).device(1, hears).device(2, deaf).device(3, hears);
    let outcome = stage.run();
    assert_eq!(outcome.status, CampaignStatus::Failed);
    let cause = Cause::BelowThreshold { stage: StageKind::DataFragment, succeeded: 2, required: 3 };
    assert_eq!(outcome.cause, Some(cause));
    assert!(stage.multicasts.iter().all(|(_, tx)| fragment(tx).is_none()));
    assert_eq!(stage.multicasts.len(), 2, "asked twice");
}

#[test]
fn nothing_missing_before_the_first_fragment_completes_nobody() {
    // Some stacks count the losses they know of: none so far.
    let mut stage = Stage::new(probed());
    for n in 1..=3 {
        stage = stage.device(n, |heard, nth, now| match heard {
            Heard::Status { multicast: true, .. } if nth == 1 => status_ans(0, false),
            Heard::Status { .. } => answer_missing(heard, now, 4),
            _ => good(heard, now),
        });
    }
    let outcome = stage.run();
    assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Failed, 0));
    assert!(from_the_session(&stage).contains(&"S->* DataFragment 1..11".to_owned()));
}

#[test]
fn a_fleet_whose_answers_would_drown_each_other_is_not_probed() {
    let mut spec = probed();
    spec.uplink_data_rate = DataRate::MIN;
    spec.devices = common::spec(20).devices;
    let mut stage = Stage::new(spec);
    assert_eq!(stage.run().complete, 20);
    let skipped = Warning::ProbeSkipped { answers: 20, window: Duration::from_secs(16) };
    assert!(stage.warnings().contains(&skipped));
    assert!(fragment(&stage.multicasts[0].1).is_some());
}
