//! Device models that do otherwise than the standard, or can take less: each misbehaves here as it does in the field.

// What can't be here is a defect of the test.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::{Heard, Stage, answer_missing, fragment, fragmentation2, good, multicast, spec};
use fuota_engine::campaign::event::{CampaignStatus, DeviceStatus, FailureReason, Warning};
use fuota_engine::campaign::io::Order;
use fuota_engine::campaign::plan::{Plan, PlanError};
use fuota_engine::campaign::quirk::{Quirk, Quirks};
use fuota_engine::campaign::spec::{CampaignSpec, FirmwareSpec, Indices, Kind, PackageVersion, Redundancy};
use fuota_engine::ids::DevEui;
use fuota_engine::percent::Percent;
use fuota_proto::fragmentation::v2::FragSessionSetupAns;
use fuota_proto::multicast::v1::{Downlink, McClassCSessionAns};
use fuota_proto::multicast::{SessionErrors, v2};
use fuota_proto::{FragIndex, Version};

/// Devices of which the first is of a model with a quirk.
fn with(quirk: Quirk, devices: u64) -> CampaignSpec {
    let mut spec = spec(devices);
    spec.config.success_threshold = Percent::whole(100);
    spec.devices[0].quirks = Quirks::NONE.with(quirk);
    spec
}

fn applied(stage: &Stage, quirk: Quirk) -> usize {
    let told = Warning::QuirkApplied { device: DevEui(1), quirk };
    stage.warnings().iter().filter(|warning| **warning == told).count()
}

fn reason(stage: &Stage) -> Option<FailureReason> {
    match stage.campaign.devices().next()?.status {
        DeviceStatus::Failed { reason, .. } => Some(reason),
        _ => None,
    }
}

/// Requests of that name to device 1.
fn asked(stage: &Stage, name: &str) -> usize {
    stage.log.iter().filter(|line| **line == format!("S->D1 {name}")).count()
}

#[test]
fn a_status_of_version_2_in_the_order_of_version_1_is_read_so() {
    // Ten received, none missing, no error: in the order of version 2 that would be an error and 168 missing.
    let whole = [0x01, 0x0A, 0x00, 0x00, 0x00];
    let run = |quirks, answer: [u8; 5]| {
        let answer = Some((201, answer.to_vec()));
        let mut spec = spec(1);
        spec.devices[0].fragmentation = Some(PackageVersion::V2);
        spec.devices[0].quirks = quirks;
        let answer = answer.clone();
        let mut stage = Stage::new(spec).device(1, move |heard, _, now| match heard {
            Heard::FragSessionSetup2(req) => {
                fragmentation2(&FragSessionSetupAns::accepting(req.frag_index).into())
            }
            Heard::Status { .. } => answer.clone(),
            _ => good(heard, now),
        });
        let outcome = stage.run();
        (outcome.complete, applied(&stage, Quirk::StatusInV1Order))
    };
    let quirk = Quirks::NONE.with(Quirk::StatusInV1Order);
    assert_eq!(run(quirk, whole), (1, 1));
    assert_eq!(run(Quirks::NONE, whole), (0, 0));
    // With an error bit nobody is complete: too little memory, a wrong integrity code, no such session.
    for error in [0x01, 0x02, 0x04] {
        let [cid, low, high, missing, _] = whole;
        assert_eq!(run(quirk, [cid, low, high, missing, error]).0, 0, "{error}");
    }
}

#[test]
fn a_count_that_lags_is_asked_for_twice_before_it_is_believed() {
    // The first answer still counts what the decoder has made good since.
    let lagging = |heard: &Heard, nth, now| match heard {
        Heard::Status { .. } if nth == 1 => answer_missing(heard, now, 1),
        _ => good(heard, now),
    };
    for devices in [1, 7] {
        let mut stage = Stage::new(with(Quirk::MissingFragLags, devices)).device(1, lagging);
        assert_eq!(stage.run().status, CampaignStatus::Succeeded, "{devices} devices");
        assert_eq!(applied(&stage, Quirk::MissingFragLags), 1);
        // In a small group both requests go to the device alone, in a large one the second does.
        assert_eq!(asked(&stage, "FragSessionStatusReq 1"), if devices == 1 { 2 } else { 1 });
    }
    // What it says twice is so.
    let mut stage =
        Stage::new(with(Quirk::MissingFragLags, 1)).device(1, |heard, _, now| answer_missing(heard, now, 1));
    assert_eq!(stage.run().status, CampaignStatus::Failed);
    assert_eq!(reason(&stage), Some(FailureReason::Incomplete(1)));
    assert_eq!(asked(&stage, "FragSessionStatusReq 1"), 2);
    // Nobody else is doubted.
    let mut stage = Stage::new(spec(1)).device(1, lagging);
    assert_eq!(stage.run().status, CampaignStatus::Failed);
}

#[test]
fn a_device_that_leaves_when_complete_is_asked_alone_and_nobody_waits_for_it() {
    let gone = |heard: &Heard, _, now| match heard {
        Heard::Status { multicast: true, .. } => None,
        _ => good(heard, now),
    };
    let polled = |quirk: bool| {
        let spec = if quirk { with(Quirk::LeavesWhenComplete, 7) } else { spec(7) };
        let mut stage = Stage::new(spec).device(1, gone);
        assert_eq!(stage.run().complete, 7);
        assert_eq!(asked(&stage, "FragSessionStatusReq 1"), 1);
        assert_eq!(applied(&stage, Quirk::LeavesWhenComplete), usize::from(quirk));
        let (poll, _) = stage.multicasts.last().unwrap();
        stage.unicasts.last().unwrap().0.since(*poll)
    };
    // The others have answered long before the window of 16 s and ten more closes.
    assert!(polled(true) < Duration::from_secs(5));
    assert!(polled(false) > Duration::from_secs(26));
}

#[test]
fn a_device_that_ignores_a_repeated_set_up_is_asked_for_its_status_in_version_1_too() {
    // It took the first request; the answer was lost.
    let once = |heard: &Heard, _, now| match heard {
        Heard::FragSessionSetup(_) => None,
        Heard::Status { .. } => answer_missing(heard, now, 0),
        _ => good(heard, now),
    };
    let mut stage = Stage::new(with(Quirk::IgnoresRepeatedSetup, 1)).device(1, once);
    assert_eq!(stage.run().status, CampaignStatus::Succeeded);
    assert_eq!(asked(&stage, "FragSessionSetupReq"), 1);
    assert_eq!(applied(&stage, Quirk::IgnoresRepeatedSetup), 1);
    // Others overwrite what they have, so repeating is safe and all that is done.
    let mut stage = Stage::new(spec(1)).device(1, once);
    assert_eq!(stage.run().status, CampaignStatus::Failed);
    assert_eq!(asked(&stage, "FragSessionSetupReq"), 6);
}

#[test]
fn a_device_that_takes_a_start_to_come_for_past_has_its_clock_set_if_it_can() {
    // Version 1 has no bit for a start that has passed; devices say that they don't know the group instead.
    let refusal = |req: &fuota_proto::multicast::v1::McClassCSessionReq, version| match version {
        PackageVersion::V1 => {
            let errors = SessionErrors::MC_GROUP_UNDEFINED;
            multicast(&McClassCSessionAns::refusing(req.mc_group_id, errors).into())
        }
        PackageVersion::V2 => {
            let ans = v2::McClassCSessionAns::refusing(req.mc_group_id, SessionErrors::START_MISSED);
            let mut payload = [0; 8];
            let len = fuota_proto::Command::encode_to_slice(&ans, &mut payload).unwrap();
            Some((200, payload[..len].to_vec()))
        }
    };
    for version in [PackageVersion::V1, PackageVersion::V2] {
        for clock_sync in [true, false] {
            let mut spec = spec(1);
            spec.devices[0].multicast = Some(version);
            spec.devices[0].clock_sync = clock_sync;
            let mut stage = Stage::new(spec).device(1, move |heard, nth, now| match heard {
                Heard::Multicast(Downlink::McClassCSessionReq(req)) if nth == 1 => refusal(req, version),
                _ => good(heard, now),
            });
            assert_eq!(stage.run().complete, u32::from(clock_sync), "{version:?}");
            assert_eq!(asked(&stage, "ForceDeviceResyncReq"), usize::from(clock_sync));
            assert!(stage.warnings().contains(&Warning::StartMissedEarly { device: DevEui(1) }));
            let status = if version == PackageVersion::V1 { 0x10 } else { 0x20 };
            let refused = (!clock_sync).then_some(FailureReason::Refused(status));
            assert_eq!(reason(&stage), refused, "{version:?}");
        }
    }
}

#[test]
fn indices_that_a_model_does_not_support_are_not_even_tried() {
    let mut spec = spec(1);
    spec.devices[0].limits.mc_group_ids = Indices::only([2, 3]);
    spec.devices[0].limits.frag_indices = Indices::only([3]);
    let mut stage = Stage::new(spec.clone()).device(1, |heard, _, now| {
        match heard {
            Heard::Multicast(Downlink::McGroupSetupReq(req)) => assert_eq!(req.mc_group_id.get(), 2),
            Heard::FragSessionSetup(req) => assert_eq!(req.frag_index, FragIndex::MAX),
            _ => {}
        }
        match heard {
            Heard::Status { .. } => None,
            _ => good(heard, now),
        }
    });
    stage.run();
    assert_eq!((asked(&stage, "McGroupSetupReq"), asked(&stage, "FragSessionSetupReq")), (1, 1));
    assert!(stage.multicasts.iter().filter_map(|(_, tx)| fragment(tx)).all(|(_, index)| index == 3));

    spec.devices[0].limits.frag_indices = Indices::only([7]);
    let no_index = PlanError::NoIndex { device: DevEui(1), what: "FragIndex" };
    assert_eq!(Plan::new(spec).unwrap_err(), no_index);
}

#[test]
fn what_a_model_cannot_take_is_known_before_the_start() {
    let mut picky = spec(1);
    picky.devices[0].limits.descriptor = Some([1, 2, 3, 5]);
    let (accepted, descriptor) = ([1, 2, 3, 5], [1, 2, 3, 4]);
    assert_eq!(
        Plan::new(picky.clone()).unwrap_err(),
        PlanError::Descriptor { device: DevEui(1), accepted, descriptor }
    );
    picky.descriptor = accepted;
    assert!(Plan::new(picky).is_ok());

    // One parity fragment is planned.
    let mut small = spec(3);
    small.devices[1].limits.redundancy = Some(0);
    small.devices[2].limits.redundancy = Some(1);
    assert_eq!(
        Plan::new(small).unwrap().warnings(),
        [Warning::RedundancyBeyondDecoder { devices: 1, redundancy: 0, parity: 1 }]
    );
}

/// A fleet under the adaptive policy, of which the first device always says that it misses two.
fn with_a_stuck_counter(firmware: bool, quirks: Quirks) -> Stage {
    let mut spec = spec(3);
    spec.groups[0].redundancy = Redundancy::Adaptive;
    spec.config.success_threshold = Percent::whole(100);
    spec.devices[0].quirks = quirks;
    if firmware {
        spec.kind = Kind::Firmware(FirmwareSpec { target: Version(1), hardware: None, reboot: None });
    }
    let mut stage = Stage::new(spec).device(1, |heard, times, now| match heard {
        // The request comes twice and is answered once.
        Heard::Status { .. } if times % 2 == 0 => None,
        _ => answer_missing(heard, now, 2),
    });
    stage.run();
    stage
}

fn fragments(stage: &Stage) -> usize {
    stage.multicasts.iter().filter(|(_, tx)| fragment(tx).is_some()).count()
}

#[test]
fn a_count_that_sticks_asks_for_nothing_and_proves_nothing() {
    let sticks = Quirks::NONE.with(Quirk::MissingFragSticks);
    // A version settles it: without the quirk, fragments are sent for its sake.
    let (known, unknown) = (with_a_stuck_counter(true, sticks), with_a_stuck_counter(true, Quirks::NONE));
    assert_eq!((known.outcome.unwrap().complete, unknown.outcome.unwrap().complete), (3, 3));
    assert_eq!((fragments(&known), applied(&known, Quirk::MissingFragSticks)), (11, 2));
    assert!(fragments(&unknown) > 11 && applied(&unknown, Quirk::MissingFragSticks) == 0);

    // Nothing settles a binary transfer: it is named, and not taken for complete.
    let stage = with_a_stuck_counter(false, sticks);
    assert_eq!((stage.outcome.unwrap().status, stage.outcome.unwrap().complete), (CampaignStatus::Failed, 2));
    assert_eq!((fragments(&stage), reason(&stage)), (11, Some(FailureReason::Incomplete(2))));
}

#[test]
fn a_start_called_missed_in_version_1_by_the_bit_of_version_2_is_understood() {
    // Some stacks of version 1 answer with bit 5, which is reserved there, and without TimeToStart.
    for clock_sync in [true, false] {
        let mut spec = spec(1);
        spec.devices[0].clock_sync = clock_sync;
        let mut stage = Stage::new(spec).device(1, |heard, nth, now| match heard {
            Heard::Multicast(Downlink::McClassCSessionReq(_)) if nth == 1 => Some((200, vec![0x04, 0x20])),
            _ => good(heard, now),
        });
        assert_eq!(stage.run().complete, u32::from(clock_sync));
        assert_eq!(asked(&stage, "ForceDeviceResyncReq"), usize::from(clock_sync));
        assert!(stage.warnings().contains(&Warning::StartMissedEarly { device: DevEui(1) }));
    }
}

#[test]
fn an_image_called_missing_by_either_bit_is_deleted() {
    // Which bit of DevDeleteImageAns says that there is no image is read differently; it is gone either way.
    for status in [0x00, 0x01, 0x02] {
        let mut spec = spec(1);
        spec.kind = Kind::Firmware(FirmwareSpec { target: Version(2), hardware: None, reboot: None });
        spec.config.clean_up = fuota_engine::config::CleanUp::Full;
        let mut whole = Stage::new(spec.clone());
        whole.run_until(|stage| stage.multicasts.len() >= 3);
        // The operator stops it while fragments travel.
        let after = whole.now.since(common::START) + Duration::from_secs(1);
        let mut stage =
            Stage::new(spec).order(after, Order::Stop).device(1, move |heard, _, now| match heard {
                Heard::Firmware(fuota_proto::firmware::v1::Downlink::DevDeleteImageReq(_)) => {
                    Some((203, vec![0x05, status]))
                }
                _ => good(heard, now),
            });
        assert_eq!(stage.run().status, CampaignStatus::Stopped);
        assert_eq!(asked(&stage, "DevDeleteImageReq"), 1, "status {status:#04x}");
    }
}
