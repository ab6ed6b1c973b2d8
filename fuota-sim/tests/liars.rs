//! One device that does not tell the truth, in a fleet of ten thousand.

// What can't be here is a defect of the test.
#![allow(clippy::unwrap_used)]

use fuota_engine::campaign::event::CampaignStatus;
use fuota_engine::campaign::spec::Redundancy;
use fuota_engine::percent::Percent;
use fuota_sim::bulk::campaign::{CampaignRecord, Liars, campaign};
use fuota_sim::scenario::{DeviceGroup, Link, Scenario};

const DEVICES: u32 = 10_000;

/// 429 fragments and as much parity as is asked for; every device is wanted, and each loses a tenth.
fn with(liars: Liars, threshold: Percent) -> CampaignRecord {
    let fleet =
        DeviceGroup { devices: DEVICES, downlink: Link::Independent { loss: 0.1 }, ..DeviceGroup::default() };
    let mut scenario = Scenario {
        image: vec![7; 429 * 239],
        fleet: vec![fleet],
        redundancy: Redundancy::Adaptive,
        ..Scenario::default()
    };
    scenario.config.fsize = Some(239);
    scenario.config.success_threshold = threshold;
    campaign(&scenario, liars).unwrap()
}

#[test]
fn it_costs_the_others_little_and_is_not_called_complete() {
    let honest = with(Liars::default(), Percent::whole(100));
    assert_eq!((honest.outcome.status, honest.outcome.complete), (CampaignStatus::Succeeded, DEVICES));
    assert!(honest.suspects.is_empty());
    for missing in [1, u8::MAX] {
        let one = with(Liars { devices: 1, missing }, Percent::whole(100));
        assert!(
            one.airtime.as_secs_f64() <= 1.05 * honest.airtime.as_secs_f64(),
            "{:?} where all tell the truth, {:?} with one that says {missing}",
            honest.airtime,
            one.airtime
        );
        assert_eq!((one.outcome.status, one.outcome.complete), (CampaignStatus::Failed, DEVICES - 1));
        assert_eq!((one.suspects.len(), one.wrong), (1, 0), "it alone is named");
    }
}

/// Who wants 99.9 % has them, and the one is not among them.
#[test]
fn it_does_not_keep_a_campaign_from_succeeding_that_may_lose_a_few() {
    let one = with(Liars { devices: 1, missing: 1 }, "99.9".parse().unwrap());
    assert_eq!(one.outcome.status, CampaignStatus::Succeeded);
    assert!(one.outcome.complete >= 9_990 && one.outcome.complete < DEVICES, "{:?}", one.outcome);
    assert_eq!(one.wrong, 0);
}
