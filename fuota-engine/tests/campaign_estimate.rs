//! What a campaign says is still to come, held against what came.

// What can't be here is a defect of the test.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::{Heard, PERIOD, START, Stage, answer_missing, good, spec};
use fuota_engine::campaign::event::{CampaignStatus, Event, StageKind};
use fuota_engine::campaign::plan::Plan;
use fuota_engine::campaign::spec::Redundancy;
use fuota_engine::campaign::{Campaign, Estimate};

/// The estimates, each with the stage that had begun.
fn estimates(stage: &Stage) -> Vec<(StageKind, Estimate)> {
    let mut current = None;
    let mut found = Vec::new();
    for event in &stage.events {
        match event {
            Event::StageStarted { stage, .. } => current = Some(*stage),
            Event::Estimated(estimate) => found.push((current.unwrap(), *estimate)),
            _ => {}
        }
    }
    found
}

#[test]
fn every_stage_says_what_is_still_to_come_and_the_session_is_close_to_it() {
    let mut stage = Stage::new(spec(2));
    assert_eq!(stage.run().status, CampaignStatus::Succeeded);
    let estimates = estimates(&stage);
    let frames: Vec<_> = estimates.iter().map(|(kind, estimate)| (kind.name(), estimate.frames)).collect();
    assert_eq!(
        frames,
        [
            ("McGroupSetup", 11),
            ("FragSessionSetup", 11),
            ("McClassSession", 11),
            ("DataFragment", 11),
            ("FragSessionStatus", 0)
        ]
    );
    // Time only runs down.
    assert!(estimates.windows(2).all(|pair| pair[1].1.time <= pair[0].1.time), "{estimates:?}");
    // Once the session is scheduled, only the poll's answers are uncertain: one uplink period at most.
    let report = stage.campaign.stages()[2];
    let (_, scheduled) = estimates[2];
    let came = stage.now.since(report.started);
    let (low, high) = (came.saturating_sub(PERIOD), came + PERIOD);
    assert!((low..=high).contains(&scheduled.time), "{scheduled:?} for {came:?}");
}

#[test]
fn a_further_round_is_estimated_too() {
    let mut spec = spec(1);
    spec.groups[0].redundancy = Redundancy::Rounds;
    let mut stage = Stage::new(spec).device(1, |heard, nth, now| match heard {
        Heard::Status { .. } if nth < 3 => answer_missing(heard, now, 2),
        _ => good(heard, now),
    });
    assert_eq!(stage.run().status, CampaignStatus::Succeeded);
    let rounds: Vec<_> =
        estimates(&stage).into_iter().filter(|(kind, _)| *kind >= StageKind::DataFragment).collect();
    let frames: Vec<_> = rounds.iter().map(|(_, estimate)| estimate.frames).collect();
    assert_eq!(frames, [10, 0, 10, 10]);
}

#[test]
fn an_estimate_can_be_had_at_any_moment() {
    let plan = Plan::new(spec(1)).unwrap();
    let campaign = Campaign::new(plan.clone(), START);
    let estimate = campaign.estimate();
    assert_eq!(estimate.frames, 11);
    assert!(estimate.time > plan.setup_estimate());

    let mut stage = Stage::new(spec(1));
    stage.run();
    assert_eq!((stage.campaign.estimate().frames, stage.campaign.estimate().time), (0, Duration::ZERO));
}
