//! Package versions 1 and 2: what differs between them, side by side in one campaign.

mod common;

use std::time::Duration;

use common::{Heard, START, Stage, fragment, fragmentation2, good, spec};
use fuota_engine::campaign::event::{CampaignStatus, DeviceStatus, FailureReason, Warning};
use fuota_engine::campaign::spec::{CampaignSpec, DeviceClass, Membership, PackageVersion, Redundancy};
use fuota_proto::clock_sync::v1::AppTimeReq;
use fuota_proto::fragmentation::v2::{
    FragDataBlockReceivedReq, FragSessionReport, FragSessionSetupAns, FragSessionStatusAns, Uplink,
};
use fuota_proto::multicast::v1::{Downlink, McClassCSessionAns, McGroupSetupAns};
use fuota_proto::{FragCount, FragIndex, GpsSeconds, McGroupId, Mic, TimeToStart, TimeToken};

fn second_edition(devices: u64) -> CampaignSpec {
    let mut spec = spec(devices);
    spec.session_cnt = 7;
    for device in &mut spec.devices {
        device.multicast = Some(PackageVersion::V2);
        device.fragmentation = Some(PackageVersion::V2);
    }
    spec
}

fn status2(missing_frag: u8, mic_error: bool) -> common::Answer {
    status_of(FragIndex::MIN, missing_frag, mic_error)
}

fn status_of(frag_index: FragIndex, missing_frag: u8, mic_error: bool) -> common::Answer {
    let report = FragSessionReport { nb_frag_received: FragCount::MIN, frag_index, missing_frag };
    fragmentation2(&FragSessionStatusAns { mic_error, ..FragSessionStatusAns::reporting(report) }.into())
}

/// Answers as a device of version 2 that received everything.
fn good2(heard: &Heard, now: fuota_engine::time::GpsInstant) -> common::Answer {
    match heard {
        Heard::Status { .. } => status2(0, false),
        _ => good(heard, now),
    }
}

fn reason(stage: &Stage, n: usize) -> Option<FailureReason> {
    match stage.campaign.devices().nth(n - 1)?.status {
        DeviceStatus::Failed { reason, .. } => Some(reason),
        _ => None,
    }
}

#[test]
fn version_2_carries_the_session_count_and_an_integrity_code_per_device() {
    let (seen, requests) = std::sync::mpsc::channel();
    let mut stage = Stage::new(second_edition(2));
    for n in 1..=2u8 {
        let seen = seen.clone();
        stage = stage.device(n.into(), move |heard, _, now| {
            if let Heard::FragSessionSetup2(req) = heard {
                seen.send((n, req.session_cnt, req.mic, req.descriptor.0)).unwrap();
            }
            good2(heard, now)
        });
    }
    assert_eq!(stage.run().complete, 2);
    let mut requests: Vec<_> = requests.try_iter().collect();
    requests.sort_unstable_by_key(|request| request.0);
    // The scripted key store makes a code of the device's number.
    assert_eq!(requests, [(1, 7, Mic([1; 4]), [1, 2, 3, 4]), (2, 7, Mic([2; 4]), [1, 2, 3, 4])]);
}

#[test]
fn a_key_that_comes_after_its_stage_is_not_taken_for_a_missing_integrity_code() {
    // After a restart a key is derived again; the answer to the earlier request may be faster.
    let mut stage = Stage::new(second_edition(2)).outdated_keys();
    let outcome = stage.run();
    assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Succeeded, 2));
    assert!(stage.warnings().contains(&Warning::UnknownInput));
}

#[test]
fn a_set_up_of_version_2_without_answer_is_probed_before_it_is_repeated() {
    // The device took the first request, but its answer was lost; it ignores repeats.
    let mut stage = Stage::new(second_edition(1)).device(1, |heard, _, now| match heard {
        Heard::FragSessionSetup2(_) => None,
        Heard::Status { .. } => status2(10, false),
        _ => good2(heard, now),
    });
    stage.run();
    let chart = stage.chart();
    assert_eq!(
        chart[2..6],
        [
            "S->D1 FragSessionSetupReq",
            "S->D1 FragSessionStatusReq 1",
            "D1->S FragSessionStatusAns missing 0", // as version 1 would read it
            "S->D1 McClassCSessionReq"
        ]
    );
}

#[test]
fn a_device_without_the_session_gets_the_set_up_again() {
    let mut stage = Stage::new(second_edition(1)).device(1, |heard, times, now| match heard {
        Heard::FragSessionSetup2(_) if times == 1 => None,
        Heard::Status { .. } if times == 1 => fragmentation2(&FragSessionStatusAns::no_session().into()),
        _ => good2(heard, now),
    });
    assert_eq!(stage.run().status, CampaignStatus::Succeeded);
    assert_eq!(stage.log.iter().filter(|line| *line == "S->D1 FragSessionSetupReq").count(), 2);
}

#[test]
fn the_replay_bit_in_answer_to_a_repeat_is_no_failure() {
    let replay =
        FragSessionSetupAns { session_cnt_replay: true, ..FragSessionSetupAns::accepting(FragIndex::MIN) };
    let mut stage = Stage::new(second_edition(1)).device(1, move |heard, times, now| match heard {
        // The first request and the first probe are lost.
        Heard::FragSessionSetup2(_) | Heard::Status { .. } if times == 1 => None,
        Heard::FragSessionSetup2(_) => fragmentation2(&replay.into()),
        _ => good2(heard, now),
    });
    assert_eq!(stage.run().status, CampaignStatus::Succeeded);

    // In answer to the first request it is one.
    let mut stage = Stage::new(second_edition(1)).device(1, move |heard, _, now| match heard {
        Heard::FragSessionSetup2(_) => fragmentation2(&replay.into()),
        _ => good2(heard, now),
    });
    assert_eq!(stage.run().status, CampaignStatus::Failed);
    assert_eq!(reason(&stage, 1), Some(FailureReason::Refused(0x10)));
}

#[test]
fn an_integrity_error_is_a_failure_never_a_completion() {
    let mut stage = Stage::new(second_edition(1)).device(1, |heard, _, now| match heard {
        Heard::Status { .. } => status2(0, true),
        _ => good2(heard, now),
    });
    assert_eq!(stage.run().status, CampaignStatus::Failed);
    assert_eq!(reason(&stage, 1), Some(FailureReason::MicError));
}

#[test]
fn a_lost_session_is_a_failure_that_is_named() {
    let mut stage = Stage::new(second_edition(1)).device(1, |heard, _, now| match heard {
        Heard::Status { .. } => fragmentation2(&FragSessionStatusAns::no_session().into()),
        _ => good2(heard, now),
    });
    assert_eq!(stage.run().status, CampaignStatus::Failed);
    assert_eq!(reason(&stage, 1), Some(FailureReason::SessionLost));
}

#[test]
fn a_report_of_completion_is_always_answered_and_completes_the_device() {
    let mut whole = Stage::new(second_edition(1));
    whole.run();
    let last = whole.multicasts.last().unwrap().0.since(START);
    let report = |mic_error| {
        let req = FragDataBlockReceivedReq { frag_index: FragIndex::MIN, mic_error };
        fragmentation2(&Uplink::from(req))
    };
    let mut spec = second_edition(1);
    spec.ack_reception = true;
    let mut stage = Stage::new(spec).device(1, |heard, _, now| match heard {
        Heard::Status { .. } => None,
        _ => good2(heard, now),
    });
    for repeat in 0..2 {
        stage.answer_at(last + Duration::from_secs(2 + 3 * repeat), 1, report(false));
    }
    assert_eq!(stage.run().complete, 1);
    assert_eq!(stage.log.iter().filter(|line| *line == "S->D1 FragDataBlockReceivedAns").count(), 2);

    let mut stage = Stage::new(second_edition(1)).device(1, |heard, _, now| match heard {
        Heard::Status { .. } => None,
        _ => good2(heard, now),
    });
    stage.answer_at(last + Duration::from_secs(2), 1, report(true));
    assert_eq!(stage.run().complete, 0);
    assert_eq!(reason(&stage, 1), Some(FailureReason::MicError));
}

/// Answers as a device of version 2 that was given the second index.
fn good2_second(heard: &Heard, now: fuota_engine::time::GpsInstant) -> common::Answer {
    match heard {
        Heard::Status { .. } => status_of(FragIndex::from_wire(1), 0, false),
        _ => good(heard, now),
    }
}

/// A device of either version.
fn mixed_spec(redundancy: Redundancy) -> CampaignSpec {
    let mut spec = spec(2);
    spec.groups[0].redundancy = redundancy;
    spec.devices[1].multicast = Some(PackageVersion::V2);
    spec.devices[1].fragmentation = Some(PackageVersion::V2);
    spec
}

fn mixed(redundancy: Redundancy) -> Stage {
    let spec = mixed_spec(redundancy);
    match redundancy {
        Redundancy::Rounds => Stage::new(spec).device(2, |heard, _, now| good2(heard, now)),
        _ => Stage::new(spec).device(2, |heard, _, now| good2_second(heard, now)),
    }
}

#[test]
fn mixed_versions_share_every_fragment_while_no_parity_travels() {
    let mut stage = mixed(Redundancy::Rounds);
    assert_eq!(stage.run().complete, 2);
    let sent: Vec<_> = stage.multicasts.iter().filter_map(|(_, tx)| fragment(tx)).collect();
    assert_eq!(sent, (1..=10).map(|n| (n, 0)).collect::<Vec<_>>());
}

#[test]
fn mixed_versions_get_a_fragmentation_index_each_where_parity_travels() {
    let mut stage = mixed(Redundancy::Fec(fuota_engine::percent::Percent::whole(20)));
    assert_eq!(stage.run().complete, 2);
    let sent: Vec<_> = stage.multicasts.iter().filter_map(|(_, tx)| fragment(tx)).collect();
    let both = (1..=12).map(|n| (n, 0)).chain((1..=12).map(|n| (n, 1)));
    assert_eq!(sent, both.collect::<Vec<_>>());
    // The uncoded fragments are the same, the coded ones are not.
    let payload = |at: usize| &stage.multicasts[at].1.payload[3..];
    assert!((0..10).all(|n| payload(n) == payload(n + 12)));
    assert!((10..12).any(|n| payload(n) != payload(n + 12)));
}

/// The group hears the question about either index. A device of version 2 says to the one that it does not have.
#[test]
fn a_device_that_does_not_have_the_other_version_s_index_has_lost_nothing() {
    let asked_by_multicast = |own: fn() -> common::Answer| {
        let mut spec = mixed_spec(Redundancy::Fec(fuota_engine::percent::Percent::whole(20)));
        spec.config.fsession_status_threshold = fuota_engine::config::StatusThreshold::Count(0);
        let mut stage = Stage::new(spec).device(2, move |heard, times, now| match heard {
            Heard::Status { multicast: true, .. } if times == 1 => {
                fragmentation2(&FragSessionStatusAns::no_session().into())
            }
            Heard::Status { .. } => own(),
            _ => good2(heard, now),
        });
        stage.run();
        stage
    };
    let stage = asked_by_multicast(|| status_of(FragIndex::from_wire(1), 0, false));
    assert_eq!(stage.log.iter().filter(|line| line.ends_with("FragSessionStatusReq 1")).count(), 2);
    assert_eq!((reason(&stage, 1), reason(&stage, 2)), (None, None));

    // Asked alone it means what it says, as often as it is asked.
    let stage = asked_by_multicast(|| fragmentation2(&FragSessionStatusAns::no_session().into()));
    assert_eq!((reason(&stage, 1), reason(&stage, 2)), (None, Some(FailureReason::SessionLost)));
}

#[test]
fn versions_that_are_not_known_are_asked_for_first() {
    let mut spec = spec(2);
    spec.devices[1].multicast = None;
    spec.devices[1].fragmentation = None;
    let mut stage = Stage::new(spec).device(2, |heard, _, now| match heard {
        Heard::PackageVersion(port) => Some((*port, vec![0, if *port == 200 { 2 } else { 3 }, 2])),
        _ => good2_second(heard, now),
    });
    assert_eq!(stage.run().complete, 2);
    let chart = stage.chart();
    assert_eq!(
        chart[..4],
        [
            "S->D2 PackageVersionReq",
            "D2->S PackageVersionAns",
            "S->D2 PackageVersionReq",
            "D2->S PackageVersionAns"
        ]
    );
    assert_eq!(stage.campaign.stages()[0].stage.name(), "PackageVersion");

    let mut spec = common::spec(1);
    spec.devices[0].fragmentation = None;
    let mut stage = Stage::new(spec).device(1, |heard, _, now| match heard {
        Heard::PackageVersion(port) => Some((*port, vec![0, 3, 9])),
        _ => good(heard, now),
    });
    assert_eq!(stage.run().status, CampaignStatus::Failed);
    assert_eq!(reason(&stage, 1), Some(FailureReason::UnsupportedPackage));
}

#[test]
fn indices_that_a_device_does_not_support_are_replaced() {
    let mut stage = Stage::new(spec(1)).device(1, |heard, _, now| match heard {
        Heard::Multicast(Downlink::McGroupSetupReq(req)) if req.mc_group_id == McGroupId::MIN => {
            common::multicast(&McGroupSetupAns { mc_group_id: req.mc_group_id, id_error: true }.into())
        }
        Heard::FragSessionSetup(req) if req.frag_index == FragIndex::MIN => {
            common::fragmentation(&fuota_proto::fragmentation::v1::Uplink::from(
                fuota_proto::fragmentation::v1::FragSessionSetupAns {
                    frag_session_index_not_supported: true,
                    encoding_unsupported: false,
                    not_enough_memory: false,
                    wrong_descriptor: false,
                    frag_index: req.frag_index,
                },
            ))
        }
        Heard::Status { .. } => None,
        _ => good(heard, now),
    });
    stage.run();
    let requests = |name: &str| stage.log.iter().filter(|line| *line == name).count();
    assert_eq!((requests("S->D1 McGroupSetupReq"), requests("S->D1 FragSessionSetupReq")), (2, 2));
    assert!(stage.multicasts.iter().filter_map(|(_, tx)| fragment(tx)).all(|(_, index)| index == 1));
}

#[test]
fn a_member_of_the_group_is_not_set_up_again() {
    let member = |key_id, max_mc_fcnt| {
        let mut spec = spec(1);
        let mc_addr = spec.groups[0].parameters.mc_addr;
        spec.devices[0].membership = Some(Membership { mc_addr, key_id, min_mc_fcnt: 0, max_mc_fcnt });
        let mut stage = Stage::new(spec);
        assert_eq!(stage.run().complete, 1);
        stage.log.iter().filter(|line| *line == "S->D1 McGroupSetupReq").count()
    };
    assert_eq!(member(1, 100_000), 0);
    assert_eq!(member(2, 100_000), 1, "another key");
    assert_eq!(member(1, 10), 1, "too few counters left");
}

#[test]
fn a_class_c_device_is_asked_without_waiting_for_it() {
    let mut spec = spec(1);
    spec.devices[0].class = DeviceClass::C;
    let mut stage = Stage::new(spec).silence(1);
    stage.run();
    // It is never heard here, but its request was made at once.
    assert!(stage.records.iter().any(|record| {
        matches!(record.entry, fuota_engine::campaign::record::Entry::Derived { .. }) && record.at == START
    }));
}

#[test]
fn clocks_are_put_right_during_the_campaign() {
    let mut stage = Stage::new(spec(1));
    let request = |seconds_off: i32, ans_required| {
        let device_time = GpsSeconds(START.wire_secs().wrapping_add_signed(50 + seconds_off));
        let request = AppTimeReq { device_time, token_req: TimeToken::from_wire(3), ans_required };
        let mut payload = [0; 6];
        fuota_proto::Command::encode_to_slice(&request, &mut payload).unwrap();
        Some((202, payload.to_vec()))
    };
    stage.answer_at(Duration::from_secs(50), 1, request(0, false)); // right, and not insisting: no answer
    stage.answer_at(Duration::from_secs(50), 1, request(0, true));
    stage.answer_at(Duration::from_secs(50), 1, request(-100, false));
    assert_eq!(stage.run().complete, 1);
    assert_eq!(stage.log.iter().filter(|line| *line == "S->D1 AppTimeAns").count(), 2);
}

#[test]
fn a_device_whose_clock_disagrees_is_told_to_ask_for_the_time() {
    let mut spec = spec(1);
    spec.devices[0].clock_sync = true;
    let mut stage = Stage::new(spec).device(1, |heard, times, now| match heard {
        Heard::Multicast(Downlink::McClassCSessionReq(req)) if times == 1 => {
            let wrong = TimeToStart::saturating(86_400 * 2);
            common::multicast(&McClassCSessionAns::accepting(req.mc_group_id, wrong).into())
        }
        _ => good(heard, now),
    });
    assert_eq!(stage.run().complete, 1);
    assert!(stage.warnings().iter().any(|warning| matches!(warning, Warning::ClockOff { .. })));
    assert!(stage.log.iter().any(|line| line == "S->D1 ForceDeviceResyncReq"));
}
