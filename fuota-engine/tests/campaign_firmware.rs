//! Firmware updates as sequence charts.

// What can't be here is a defect of the test.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::{Heard, PERIOD, START, Stage, answer_missing, dev_version, firmware, good, spec};
use fuota_engine::campaign::event::{CampaignStatus, Cause, DeviceStatus, FailureReason, StageKind, Warning};
use fuota_engine::campaign::io::Order;
use fuota_engine::campaign::spec::{CampaignSpec, FirmwareSpec, Kind, Redundancy};
use fuota_engine::config::CleanUp;
use fuota_engine::percent::Percent;
use fuota_engine::time::GpsInstant;
use fuota_proto::Version;
use fuota_proto::firmware::v1::{DevUpgradeImageAns, DevVersionAns, Downlink};
use fuota_proto::multicast::v1::Downlink as Session;

/// The version that the update leads to; devices run version 1 before.
const TARGET: u32 = 2;

fn update(devices: u64, reboot: Option<GpsInstant>) -> CampaignSpec {
    let mut spec = spec(devices);
    spec.kind = Kind::Firmware(FirmwareSpec { target: Version(TARGET), hardware: Some(Version(9)), reboot });
    for device in &mut spec.devices {
        device.firmware = Some(Version(1));
    }
    spec
}

fn reason(stage: &Stage, n: usize) -> Option<FailureReason> {
    match stage.campaign.devices().nth(n - 1)?.status {
        DeviceStatus::Failed { reason, .. } => Some(reason),
        _ => None,
    }
}

/// Answers as a device that has installed the image.
fn updated(heard: &Heard, now: GpsInstant) -> common::Answer {
    match heard {
        Heard::Firmware(Downlink::DevVersionReq(_)) => dev_version(TARGET),
        Heard::Firmware(Downlink::DevUpgradeImageReq(_)) => {
            firmware(&DevUpgradeImageAns::Valid { next_firmware_version: Version(TARGET) }.into())
        }
        _ => good(heard, now),
    }
}

fn stages(stage: &Stage) -> Vec<&'static str> {
    stage.campaign.stages().iter().map(|report| report.stage.name()).collect()
}

#[test]
fn fec_on_without_reboot_time_devices_report_by_themselves_and_the_silent_are_asked() {
    let mut stage = Stage::new(update(2, None))
        .device(1, |heard, _, now| updated(heard, now))
        .device(2, |heard, _, now| updated(heard, now));
    // Device 1 installs on its own and reports after its reboot.
    let mut first = Stage::new(update(2, None));
    first.run();
    let end = first.multicasts.last().unwrap().0;
    stage.answer_at(end.since(START) + Duration::from_secs(60), 1, dev_version(TARGET));
    let outcome = stage.run();
    assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Succeeded, 2));
    assert_eq!(
        stage.chart(),
        [
            "S->D1 McGroupSetupReq",
            "D1->S McGroupSetupAns",
            "S->D2 McGroupSetupReq",
            "D2->S McGroupSetupAns",
            "S->D2 FragSessionSetupReq",
            "D2->S FragSessionSetupAns",
            "S->D1 FragSessionSetupReq",
            "D1->S FragSessionSetupAns",
            "S->D1 McClassCSessionReq",
            "D1->S McClassCSessionAns",
            "S->D2 McClassCSessionReq",
            "D2->S McClassCSessionAns",
            "S->* DataFragment 1..11",
            "D1->S DevVersionAns 2",
            "S->D2 DevVersionReq",
            "D2->S DevVersionAns 2",
            "release group",
        ]
    );
    assert_eq!(
        stages(&stage),
        ["McGroupSetup", "FragSessionSetup", "McClassSession", "DataFragment", "DevVersion"]
    );
}

#[test]
fn with_a_reboot_time_every_device_is_told_and_asked_after_it() {
    let reboot = START + Duration::from_secs(20 * 3600);
    let mut stage = Stage::new(update(1, Some(reboot))).device(1, |heard, _, now| updated(heard, now));
    let outcome = stage.run();
    assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Succeeded, 1));
    let chart = stage.chart();
    assert_eq!(chart[2..4], ["S->D1 DevRebootTimeReq", "D1->S DevRebootTimeAns"]);
    assert_eq!(chart[chart.len() - 3..], ["S->D1 DevVersionReq", "D1->S DevVersionAns 2", "release group"]);
    assert!(stage.now > reboot + stage.campaign.plan().config().fuota_process_max_time);
}

#[test]
fn after_the_reboot_only_those_are_asked_who_have_not_reported_by_themselves() {
    let reboot = START + Duration::from_secs(20 * 3600);
    let mut stage = Stage::new(update(2, Some(reboot)))
        .device(1, |heard, _, now| updated(heard, now))
        .device(2, |heard, _, now| updated(heard, now));
    // Devices report at a random moment up to 128 s after they booted.
    stage.answer_at(reboot.since(START) + Duration::from_secs(20 + 128), 1, dev_version(TARGET));
    assert_eq!(stage.run().complete, 2);
    let asked: Vec<_> = stage.log.iter().filter(|line| line.ends_with("DevVersionReq")).collect();
    assert_eq!(asked, ["S->D2 DevVersionReq"]);
}

#[test]
fn a_device_that_installs_while_fragments_still_travel_is_done_with_the_transfer_too() {
    let mut spec = update(2, None);
    spec.groups[0].redundancy = Redundancy::Rounds;
    let mut first = Stage::new(spec.clone()).device(1, |heard, _, now| updated(heard, now));
    first.run();
    let fragment = first.multicasts[5].0.since(START);
    let mut stage = Stage::new(spec).device(2, |heard, _, now| updated(heard, now));
    stage.answer_at(fragment, 1, dev_version(TARGET));
    assert_eq!(stage.run().complete, 2);
    assert!(!stage.log.contains(&"S->D1 DevUpgradeImageReq".to_owned()));
    assert!(!stage.log.contains(&"S->D1 DevVersionReq".to_owned()));
}

#[test]
fn a_device_that_had_failed_and_reports_the_target_has_been_updated_all_the_same() {
    let mut spec = update(2, None);
    spec.config.success_threshold = Percent::whole(50);
    // Device 1's answers about its session are lost, but it listens.
    let unheard = |heard: &Heard, now| match heard {
        Heard::Multicast(Session::McClassCSessionReq(_)) => None,
        _ => updated(heard, now),
    };
    let run = |report: Option<Duration>| {
        let mut stage = Stage::new(spec.clone())
            .device(1, move |heard, _, now| unheard(heard, now))
            .device(2, |heard, _, now| updated(heard, now));
        if let Some(after) = report {
            stage.answer_at(after, 1, dev_version(TARGET));
        }
        let outcome = stage.run();
        (outcome.complete, stage.multicasts.first().map(|(at, _)| at.since(START)))
    };
    let (complete, first_fragment) = run(None);
    assert_eq!(complete, 1);
    let first_fragment = first_fragment.unwrap();
    assert_eq!(run(Some(first_fragment + Duration::from_secs(20))).0, 2);
}

#[test]
fn a_report_that_comes_twice_counts_once() {
    // Two reports from the wrong hardware, and from another device two of which only the second names the target.
    let mut spec = update(3, None);
    spec.config.success_threshold = Percent::whole(50);
    let mut first = Stage::new(spec.clone());
    first.run();
    let after = |secs| first.multicasts.last().unwrap().0.since(START) + Duration::from_secs(secs);
    let other = DevVersionAns { fw_version: Version(TARGET), hw_version: Version(5) };
    let mut stage = Stage::new(spec);
    for n in 1..=3 {
        stage = stage.device(n, |heard, _, now| updated(heard, now));
    }
    stage.answer_at(after(20), 1, firmware(&other.into()));
    stage.answer_at(after(40), 1, firmware(&other.into()));
    stage.answer_at(after(20), 2, firmware(&other.into()));
    stage.answer_at(after(40), 2, dev_version(TARGET));
    let outcome = stage.run();
    assert_eq!((outcome.complete, outcome.failed), (2, 1));
    assert_eq!(reason(&stage, 1), Some(FailureReason::WrongHardware));
    let report = stage.campaign.stages().last().unwrap();
    assert_eq!((report.succeeded, report.failed), (2, 1));
}

#[test]
fn a_reboot_before_the_transfer_can_be_over_is_refused() {
    let mut stage = Stage::new(update(1, Some(START + Duration::from_secs(60))));
    let outcome = stage.run();
    assert_eq!((outcome.status, outcome.cause), (CampaignStatus::Failed, Some(Cause::RebootTooEarly)));
    assert!(stage.chart().iter().all(|line| !line.starts_with("S->D")));
}

#[test]
fn without_fec_devices_are_asked_for_their_image_and_rounds_repeat() {
    let mut spec = update(2, None);
    spec.groups[0].redundancy = Redundancy::Rounds;
    let mut stage =
        Stage::new(spec).device(1, |heard, _, now| updated(heard, now)).device(2, |heard, times, now| {
            match heard {
                Heard::Firmware(Downlink::DevUpgradeImageReq(_)) if times == 1 => good(heard, now), // no image
                _ => updated(heard, now),
            }
        });
    let outcome = stage.run();
    assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Succeeded, 2));
    let chart = stage.chart();
    let from = chart.iter().position(|line| line == "S->* DataFragment 1..10").unwrap();
    assert_eq!(
        chart[from..],
        [
            "S->* DataFragment 1..10",
            "S->D1 DevUpgradeImageReq",
            "D1->S DevUpgradeImageAns",
            "S->D2 DevUpgradeImageReq",
            "D2->S DevUpgradeImageAns",
            "S->* DataFragment 1..10",
            // Device 1 has said that it holds the image.
            "S->D2 DevUpgradeImageReq",
            "D2->S DevUpgradeImageAns",
            "S->D1 DevVersionReq",
            "D1->S DevVersionAns 2",
            "S->D2 DevVersionReq",
            "D2->S DevVersionAns 2",
            "release group",
        ]
    );
    assert_eq!(
        stages(&stage),
        [
            "McGroupSetup",
            "FragSessionSetup",
            "McClassSession",
            "DataFragment",
            "UpgradeImage",
            "FurtherRounds",
            "UpgradeImage",
            "DevVersion"
        ]
    );
}

#[test]
fn a_version_other_than_the_target_fails_the_device() {
    for (reported, expected) in [(1, FailureReason::RolledBack), (7, FailureReason::WrongVersion(7))] {
        let mut stage = Stage::new(update(1, None)).device(1, move |heard, _, now| match heard {
            Heard::Firmware(Downlink::DevVersionReq(_)) => dev_version(reported),
            _ => good(heard, now),
        });
        assert_eq!(stage.run().status, CampaignStatus::Failed);
        assert_eq!(reason(&stage, 1), Some(expected));
    }
}

#[test]
fn the_wrong_hardware_never_counts() {
    let mut spec = update(1, None);
    spec.kind =
        Kind::Firmware(FirmwareSpec { target: Version(TARGET), hardware: Some(Version(8)), reboot: None });
    let mut stage = Stage::new(spec.clone()).device(1, |heard, _, now| updated(heard, now));
    assert_eq!(stage.run().status, CampaignStatus::Failed);
    assert_eq!(reason(&stage, 1), Some(FailureReason::WrongHardware));

    // What it runs is no matter then: it was never to run the image.
    let mut stage = Stage::new(spec).device(1, |heard, _, now| match heard {
        Heard::Firmware(Downlink::DevVersionReq(_)) => dev_version(1),
        _ => good(heard, now),
    });
    assert_eq!(stage.run().status, CampaignStatus::Failed);
    assert_eq!(reason(&stage, 1), Some(FailureReason::WrongHardware));
}

#[test]
fn devices_that_run_the_target_are_counted_apart_and_left_alone() {
    let mut spec = update(2, None);
    spec.devices[1].firmware = Some(Version(TARGET));
    let mut stage = Stage::new(spec).device(1, |heard, _, now| updated(heard, now));
    let outcome = stage.run();
    assert_eq!((outcome.complete, outcome.already_up_to_date), (2, 1));
    assert!(!stage.log.iter().any(|line| line.contains("D2")));
    assert_eq!(stage.campaign.devices().nth(1).unwrap().status, DeviceStatus::AlreadyUpToDate);
}

#[test]
fn a_refused_reboot_time_is_asked_again_and_an_echoed_one_is_noted() {
    let reboot = START + Duration::from_secs(20 * 3600);
    let mut stage = Stage::new(update(1, Some(reboot))).device(1, move |heard, times, now| match heard {
        // It does not know the time yet; then it echoes the absolute time, as editions before 1.0.0 do.
        Heard::Firmware(Downlink::DevRebootTimeReq(_)) => {
            let reboot_time = if times == 1 { 0 } else { reboot.wire_secs() };
            firmware(&fuota_proto::firmware::v1::DevRebootTimeAns { reboot_time }.into())
        }
        _ => updated(heard, now),
    });
    assert_eq!(stage.run().status, CampaignStatus::Succeeded);
    assert_eq!(stage.log.iter().filter(|line| *line == "S->D1 DevRebootTimeReq").count(), 2);
    assert!(stage.warnings().iter().any(|warning| matches!(warning, Warning::LegacyReboot { .. })));
}

/// The clean-up part of a stopped campaign's chart.
fn clean_up(after: Duration, reboot: bool, clean_up: CleanUp) -> Vec<String> {
    let reboot = reboot.then_some(START + Duration::from_secs(20 * 3600));
    let mut spec = update(1, reboot);
    spec.config.clean_up = clean_up;
    let mut stage = Stage::new(spec).order(after, Order::Stop);
    assert_eq!(stage.run().status, CampaignStatus::Stopped);
    let chart = stage.chart();
    let released = chart.iter().position(|line| line == "release group").unwrap();
    chart[released + 1..].to_vec()
}

/// When the campaign with one device is in its fragments.
fn in_the_fragments(reboot: bool) -> Duration {
    let mut whole = Stage::new(update(1, reboot.then_some(START + Duration::from_secs(20 * 3600))));
    whole.run();
    // Just before one of them leaves.
    whole.multicasts[5].0.since(START) - Duration::from_micros(1)
}

#[test]
fn stopped_before_the_fragments_a_reboot_time_is_cancelled() {
    // The reboot time is confirmed five seconds after the start, the last set-up stage ends four later.
    let after = Duration::from_secs(6);
    assert_eq!(
        clean_up(after, true, CleanUp::Documented),
        // An answer was under way.
        ["D1->S FragSessionSetupAns", "S->D1 DevRebootTimeReq", "D1->S DevRebootTimeAns"]
    );
    assert!(clean_up(after, false, CleanUp::Documented).is_empty());
}

#[test]
fn stopped_in_the_fragments_the_image_is_deleted_after_the_reboot_is_cancelled() {
    assert_eq!(
        clean_up(in_the_fragments(true), true, CleanUp::Documented),
        [
            "S->D1 DevRebootTimeReq",
            "D1->S DevRebootTimeAns",
            "S->D1 DevDeleteImageReq",
            "D1->S DevDeleteImageAns"
        ]
    );
    assert_eq!(
        clean_up(in_the_fragments(false), false, CleanUp::Full),
        [
            "S->D1 DevDeleteImageReq",
            "D1->S DevDeleteImageAns",
            "S->D1 FragSessionDeleteReq",
            "D1->S FragSessionDeleteAns",
            "S->D1 McGroupDeleteReq",
            "D1->S McGroupDeleteAns"
        ]
    );
}

#[test]
fn a_binary_campaign_takes_back_sessions_and_groups_only_if_asked_to() {
    for (setting, lines) in [(CleanUp::Documented, 0), (CleanUp::Full, 4)] {
        let mut spec = spec(1);
        spec.config.clean_up = setting;
        let mut stage = Stage::new(spec).device(1, |heard, _, now| answer_missing(heard, now, 3));
        assert_eq!(stage.run().status, CampaignStatus::Failed);
        let chart = stage.chart();
        let released = chart.iter().position(|line| line == "release group").unwrap();
        assert_eq!(chart.len() - released - 1, lines);
    }
}

#[test]
fn clean_up_never_delays_the_decision_and_ends_even_if_nobody_answers() {
    let mut spec = spec(2);
    spec.config.clean_up = CleanUp::Full;
    let deaf = |heard: &Heard, _, now| match heard {
        Heard::FragSessionDelete => None,
        _ if heard.is("McGroupDeleteReq") => None,
        _ => answer_missing(heard, now, 3),
    };
    let mut stage = Stage::new(spec).device(1, deaf).device(2, deaf);
    assert_eq!(stage.run().status, CampaignStatus::Failed);
    assert!(stage.nothing_is_queued());
    let report = stage.campaign.stages().last().unwrap();
    assert_eq!(report.stage, StageKind::FragSessionStatus);
    // Six tries of three periods each, for everything together.
    assert!(stage.now.since(report.ended) <= PERIOD * 18);
}

#[test]
fn an_answer_to_an_earlier_round_of_questions_is_too_late_for_the_next() {
    let mut spec = update(2, None);
    spec.groups[0].redundancy = Redundancy::Rounds;
    spec.config.success_threshold = Percent::whole(50);
    let build = || {
        Stage::new(spec.clone())
            .device(1, |heard, times, now| match heard {
                Heard::Firmware(Downlink::DevUpgradeImageReq(_)) if times == 1 => good(heard, now), // no image
                _ => updated(heard, now),
            })
            .device(2, |heard, _, now| match heard {
                Heard::Firmware(Downlink::DevUpgradeImageReq(_)) => None,
                _ => updated(heard, now),
            })
    };
    let mut whole = build();
    whole.run();
    let second =
        whole.campaign.stages().iter().rfind(|report| report.stage == StageKind::UpgradeImage).unwrap();
    let after = second.started.since(START) + Duration::from_micros(1);
    let mut stage = build();
    stage.answer_at(after, 2, firmware(&DevUpgradeImageAns::NoImage.into()));
    assert_eq!(stage.run().complete, 1);
    assert_eq!(reason(&stage, 2), Some(FailureReason::NoAnswer));
}

/// What a device says while the campaign is wound up changes nothing: how it ends, and how every device does, is decided.
#[test]
fn what_a_device_says_after_the_end_is_decided_changes_no_account() {
    let words: [fn() -> common::Answer; 3] =
        [|| dev_version(TARGET), || common::status_ans(0, false), || common::status_ans(3, false)];
    for word in words {
        for kind in [Kind::Binary, update(1, None).kind] {
            let mut spec = update(1, None);
            spec.kind = kind;
            spec.config.clean_up = CleanUp::Full;
            // Deaf to what is asked at the end, and to the clean-up that follows.
            let deaf = |heard: &Heard, _: u32, now| match heard {
                Heard::Status { .. } | Heard::FragSessionDelete | Heard::Firmware(_) => None,
                _ => good(heard, now),
            };
            let mut stage = Stage::new(spec).device(1, deaf);
            stage.run_until(|stage| stage.campaign.outcome().is_some());
            let decided = *stage.campaign.outcome().unwrap();
            assert_eq!((decided.status, decided.failed), (CampaignStatus::Failed, 1));
            let status = stage.campaign.devices().next().unwrap().status;
            assert!(stage.outcome.is_none(), "the clean-up is still to come");
            let after = stage.now.since(START) + Duration::from_secs(60);
            stage.answer_at(after, 1, word());
            assert_eq!(stage.run(), decided);
            assert_eq!(stage.campaign.devices().next().unwrap().status, status, "{kind:?}");
        }
    }
}
