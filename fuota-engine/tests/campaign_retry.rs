//! Another try for the devices that failed, with what they have kept.

// What can't be here is a defect of the test.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;

use common::{Heard, PERIOD, Stage, answer_missing, fragmentation2, good, spec};
use fuota_engine::campaign::event::{CampaignStatus, DeviceStatus, FailureReason};
use fuota_engine::campaign::io::Order;
use fuota_engine::campaign::plan::{Plan, PlanError};
use fuota_engine::campaign::retry::RetryError;
use fuota_engine::campaign::spec::{CampaignSpec, Kept, PackageVersion, Redundancy};
use fuota_engine::config::CleanUp;
use fuota_engine::ids::DevEui;
use fuota_engine::percent::Percent;
use fuota_proto::fragmentation::v2::FragSessionStatusAns;

/// A campaign of which the first `failed` devices still miss three fragments in the end.
fn short_of_three(spec: CampaignSpec, failed: usize) -> Stage {
    let mut stage = Stage::new(spec);
    for n in 1..=failed {
        stage = stage.device(n, |heard, _, now| answer_missing(heard, now, 3));
    }
    stage.run();
    stage
}

/// The repair of a campaign, whose devices have kept what they had and miss `missing` until fragments have come.
fn repair(spec: &CampaignSpec, missing: u8) -> Stage {
    let mut stage = Stage::new(spec.clone());
    for n in 1..=spec.devices.len() {
        // Asked before the session, it misses some; after it, none.
        stage = stage.device(n, move |heard, times, now| match heard {
            Heard::Status { participants: true, .. } if times == 1 => answer_missing(heard, now, missing),
            _ => good(heard, now),
        });
    }
    stage
}

fn numbers(stage: &Stage) -> Vec<u16> {
    stage.multicasts.iter().filter_map(|(_, tx)| common::fragment(tx)).map(|(n, _)| n).collect()
}

#[test]
fn devices_that_kept_their_session_get_what_they_miss_and_nobody_is_set_up_again() {
    for clean_up in [CleanUp::Documented, CleanUp::Full] {
        let mut campaign = spec(4);
        campaign.config.success_threshold = Percent::whole(75);
        campaign.config.clean_up = clean_up;
        let stage = short_of_three(campaign, 1);
        // It succeeded, so nothing was cleaned up.
        assert_eq!(stage.outcome.unwrap().status, CampaignStatus::Succeeded);
        assert_eq!(numbers(&stage), (1..=11).collect::<Vec<_>>());

        let again = stage.campaign.retry_plan().unwrap();
        assert_eq!(again.devices.iter().map(|device| device.dev_eui).collect::<Vec<_>>(), [DevEui(1)]);
        assert_eq!(again.kept, [Kept { device: 0, sent: 11 }]);
        let mut stage = repair(&again, 3);
        let outcome = stage.run();
        assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Succeeded, 1));
        // Three, a tenth of parity, and a few.
        let chart = stage.chart();
        let expected = [
            "S->D1 FragSessionStatusReq 1",
            "D1->S FragSessionStatusAns missing 3",
            "S->D1 McClassCSessionReq",
            "D1->S McClassCSessionAns",
            "S->* DataFragment 12..23",
            "S->D1 FragSessionStatusReq 1",
            "D1->S FragSessionStatusAns missing 0",
        ];
        assert_eq!(chart[..7], expected);
    }
}

#[test]
fn the_adaptive_policy_goes_on_with_parity_too() {
    let mut campaign = spec(3);
    campaign.groups[0].redundancy = Redundancy::Adaptive;
    campaign.config.adaptive_excess_max = 0;
    campaign.config.success_threshold = Percent::whole(30);
    let stage = short_of_three(campaign, 2);
    let last = *numbers(&stage).last().unwrap();
    let again = stage.campaign.retry_plan().unwrap();
    assert_eq!(again.kept, [0, 1].map(|device| Kept { device, sent: last }));
    let mut stage = repair(&again, 3);
    let outcome = stage.run();
    assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Succeeded, 2));
    assert_eq!(numbers(&stage)[0], last + 1);
}

#[test]
fn in_rounds_everything_is_sent_again_to_sessions_that_were_kept() {
    let mut campaign = spec(2);
    campaign.groups[0].redundancy = Redundancy::Rounds;
    campaign.config.datafrag_loops_max = 1;
    campaign.config.success_threshold = Percent::whole(50);
    let stage = short_of_three(campaign, 1);
    let mut stage = repair(&stage.campaign.retry_plan().unwrap(), 3);
    assert_eq!(stage.run().complete, 1);
    assert_eq!(numbers(&stage), (1..=10).collect::<Vec<_>>());
    assert!(!stage.log.iter().any(|line| line.ends_with("SetupReq")), "{:#?}", stage.log);
}

#[test]
fn who_is_complete_after_all_need_not_be_sent_anything() {
    let mut campaign = spec(2);
    campaign.config.success_threshold = Percent::whole(50);
    let stage = short_of_three(campaign, 1);
    let mut stage = repair(&stage.campaign.retry_plan().unwrap(), 0);
    let outcome = stage.run();
    assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Succeeded, 1));
    assert!(!stage.log.iter().any(|line| line.contains("McClassCSessionReq")));
}

#[test]
fn a_session_that_is_gone_is_set_up_again_and_everything_is_sent() {
    for version in [PackageVersion::V1, PackageVersion::V2] {
        let mut campaign = spec(3);
        campaign.config.success_threshold = Percent::whole(30);
        for device in &mut campaign.devices {
            device.fragmentation = Some(version);
        }
        // Two still miss some, by their version's own word.
        let missing = move |heard: &Heard, missing, now| match (heard, version) {
            (Heard::Status { .. }, PackageVersion::V2) => Some((201, vec![0x01, 0x00, 0x08, 0x00, missing])),
            _ => answer_missing(heard, now, missing),
        };
        let mut stage = Stage::new(campaign);
        for n in 1..=2 {
            stage = stage.device(n, move |heard, _, now| missing(heard, 3, now));
        }
        stage = stage.device(3, move |heard, _, now| missing(heard, 0, now));
        assert_eq!(stage.run().complete, 1);
        let again = stage.campaign.retry_plan().unwrap();
        assert_eq!((again.kept.len(), again.session_cnt), (2, 1));

        // The first was rebooted: version 1 has no word for that, version 2 has.
        let mut stage = Stage::new(again);
        stage = stage.device(1, move |heard, times, now| match (heard, version) {
            (Heard::Status { .. }, PackageVersion::V1) if times <= 2 => None,
            (Heard::Status { .. }, PackageVersion::V2) if times == 1 => {
                fragmentation2(&FragSessionStatusAns::no_session().into())
            }
            _ => missing(heard, 0, now),
        });
        stage = stage.device(2, move |heard, times, now| missing(heard, if times == 1 { 3 } else { 0 }, now));
        let outcome = stage.run();
        assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Succeeded, 2), "{version:?}");
        assert_eq!(numbers(&stage), (1..=11).collect::<Vec<_>>(), "{version:?}");
        let set_up =
            |n| stage.log.iter().filter(|line| **line == format!("S->D{n} FragSessionSetupReq")).count();
        assert_eq!((set_up(1), set_up(2)), (1, 0), "{version:?}");
    }
}

#[test]
fn who_was_cleaned_up_or_never_set_up_begins_anew() {
    // It failed, and its clean-up took groups and sessions away again.
    let mut campaign = spec(3);
    campaign.config.clean_up = CleanUp::Full;
    let stage = short_of_three(campaign.clone(), 3);
    assert_eq!(stage.outcome.unwrap().status, CampaignStatus::Failed);
    let again = stage.campaign.retry_plan().unwrap();
    assert!(again.kept.is_empty() && again.devices.iter().all(|device| device.membership.is_none()));

    // The late one was never heard: it joins the repair of the one that misses something.
    campaign.config.success_threshold = Percent::whole(30);
    let mut stage = Stage::new(campaign).silence(2).device(1, |heard, _, now| answer_missing(heard, now, 3));
    stage.run();
    let again = stage.campaign.retry_plan().unwrap();
    assert_eq!(again.devices.iter().map(|device| device.dev_eui.0).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(again.kept, [Kept { device: 0, sent: 11 }]);
    let mut stage = repair(&again, 3).device(2, |heard, _, now| good(heard, now));
    assert_eq!(stage.run().complete, 2);
    assert_eq!(numbers(&stage), (1..=11).collect::<Vec<_>>());
    let asked: BTreeSet<_> = stage.log.iter().filter(|line| line.ends_with("SetupReq")).collect();
    assert_eq!(asked.into_iter().collect::<Vec<_>>(), ["S->D2 FragSessionSetupReq", "S->D2 McGroupSetupReq"]);
}

#[test]
fn there_is_nothing_to_retry_before_the_end_or_where_nobody_failed() {
    let mut stage = Stage::new(spec(2));
    stage.run_until(|stage| stage.multicasts.len() > 3);
    assert_eq!(stage.campaign.retry_plan().unwrap_err(), RetryError::NotOver);
    stage.run();
    assert_eq!(stage.campaign.retry_plan().unwrap_err(), RetryError::NobodyFailed);
    // Whom the operator took out stays out.
    let mut stage = Stage::new(spec(2)).order(PERIOD, Order::Exclude { device: DevEui(2) });
    stage.run();
    let excluded = stage.campaign.devices().nth(1).unwrap().status;
    assert!(matches!(excluded, DeviceStatus::Failed { reason: FailureReason::Excluded, .. }));
    assert_eq!(stage.campaign.retry_plan().unwrap_err(), RetryError::NobodyFailed);
}

#[test]
fn what_devices_kept_has_to_make_sense() {
    let refused = |kept: &[(u32, u16)]| {
        let mut spec = spec(3);
        spec.kept = kept.iter().map(|&(device, sent)| Kept { device, sent }).collect();
        Plan::new(spec).unwrap_err()
    };
    assert_eq!(refused(&[(0, 1), (3, 1)]), PlanError::Kept { at: 1 });
    assert_eq!(refused(&[(1, 1), (1, 1)]), PlanError::Kept { at: 1 });
    assert_eq!(refused(&[(2, 1), (1, 1)]), PlanError::Kept { at: 1 });
    assert_eq!(refused(&[(0, 0)]), PlanError::Kept { at: 0 });
    assert_eq!(refused(&[(0, 16_384)]), PlanError::Kept { at: 0 });
}

#[test]
fn a_crash_after_any_output_of_a_repair_changes_nothing() {
    let mut campaign = spec(4);
    campaign.config.success_threshold = Percent::whole(50);
    let stage = short_of_three(campaign, 2);
    let again = stage.campaign.retry_plan().unwrap();
    let octets = again.to_octets();
    assert_eq!(CampaignSpec::from_octets(&octets, again.image.clone()).unwrap().kept, again.kept);
    let mut whole = repair(&again, 3);
    let outcome = whole.run();
    assert_eq!(outcome.complete, 2);
    let sent: BTreeSet<_> = numbers(&whole).into_iter().collect();
    for crash in 1..=whole.outputs {
        let mut stage = repair(&again, 3).crash_after(crash).snapshot_every(3);
        assert_eq!(stage.run(), outcome, "crash after output {crash}");
        let numbers: BTreeSet<_> = numbers(&stage).into_iter().collect();
        assert!(numbers.is_superset(&sent), "crash after output {crash}");
    }
}
