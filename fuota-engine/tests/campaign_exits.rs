//! Every stage of every type of campaign, left in each way there is: threshold met, retries exhausted, error bit,
//! maximum duration passed, stopped.

// What can't be here is a defect of the test.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::{Answer, Heard, START, Stage, answer_missing, dev_version, firmware, good, multicast, spec};
use fuota_engine::campaign::event::{
    CampaignStatus, Cause, DeviceStatus, FailureReason, StageKind, StageStatus,
};
use fuota_engine::campaign::io::Order;
use fuota_engine::campaign::spec::{CampaignSpec, FirmwareSpec, Kind, Redundancy};
use fuota_engine::percent::Percent;
use fuota_engine::time::GpsInstant;
use fuota_proto::Version;
use fuota_proto::firmware::v1::{DevRebootTimeAns, DevUpgradeImageAns, Downlink as FirmwareDownlink};
use fuota_proto::multicast::SessionErrors;
use fuota_proto::multicast::v1::{Downlink, McClassCSessionAns, McGroupSetupAns};

const TARGET: u32 = 2;

/// A type of campaign, with the stages that it has.
struct Type {
    name: &'static str,
    spec: CampaignSpec,
    stages: &'static [StageKind],
}

/// Two devices in each, a session that starts a fixed time after its stage began, tries as many as may be.
fn types() -> Vec<Type> {
    use StageKind::{
        DataFragment, DevRebootTime, DevVersion, FragSessionSetup, FragSessionStatus, FurtherRounds,
        McClassSession, McGroupSetup, PackageVersion, UpgradeImage,
    };
    let mut binary = spec(2);
    binary.config.success_threshold = Percent::whole(100);
    binary.config.mcsession_delay = Some(Duration::from_secs(4_000));
    binary.config.fsession_status_threshold = fuota_engine::config::StatusThreshold::Count(5);
    let with = |change: &dyn Fn(&mut CampaignSpec)| {
        let mut spec = binary.clone();
        change(&mut spec);
        spec
    };
    let update = |reboot| Kind::Firmware(FirmwareSpec { target: Version(TARGET), hardware: None, reboot });
    vec![
        Type {
            name: "multicast setup",
            spec: with(&|spec| (spec.kind, spec.image) = (Kind::MulticastSetup, Vec::new())),
            stages: &[McGroupSetup, McClassSession],
        },
        Type {
            name: "binary, versions asked for",
            spec: with(&|spec| spec.devices.iter_mut().for_each(|device| device.multicast = None)),
            stages: &[
                PackageVersion,
                McGroupSetup,
                FragSessionSetup,
                McClassSession,
                DataFragment,
                FragSessionStatus,
            ],
        },
        Type {
            name: "binary in rounds",
            spec: with(&|spec| spec.groups[0].redundancy = Redundancy::Rounds),
            stages: &[
                McGroupSetup,
                FragSessionSetup,
                McClassSession,
                DataFragment,
                FragSessionStatus,
                FurtherRounds,
            ],
        },
        Type {
            name: "firmware",
            spec: with(&|spec| spec.kind = update(Some(START + Duration::from_secs(40_000)))),
            stages: &[
                McGroupSetup,
                DevRebootTime,
                FragSessionSetup,
                McClassSession,
                DataFragment,
                DevVersion,
            ],
        },
        Type {
            name: "firmware in rounds",
            spec: with(&|spec| {
                spec.kind = update(None);
                spec.groups[0].redundancy = Redundancy::Rounds;
            }),
            stages: &[McGroupSetup, FragSessionSetup, McClassSession, DataFragment, UpgradeImage, DevVersion],
        },
    ]
}

/// The request that a stage consists of; `None` for stages that ask nothing by unicast.
const fn request(stage: StageKind) -> Option<&'static str> {
    Some(match stage {
        StageKind::PackageVersion => "PackageVersionReq",
        StageKind::McGroupSetup => "McGroupSetupReq",
        StageKind::DevRebootTime => "DevRebootTimeReq",
        StageKind::FragSessionSetup => "FragSessionSetupReq",
        StageKind::McClassSession => "McClassCSessionReq",
        StageKind::FragSessionStatus => "FragSessionStatusReq",
        StageKind::UpgradeImage => "DevUpgradeImageReq",
        StageKind::DevVersion => "DevVersionReq",
        _ => return None,
    })
}

/// Answers as a device that receives all and installs it. In rounds, the first status is short of two fragments.
fn well(rounds: bool) -> impl FnMut(&Heard, u32, GpsInstant) -> Answer + Clone {
    move |heard, nth, now| match heard {
        Heard::Firmware(FirmwareDownlink::DevVersionReq(_)) => dev_version(TARGET),
        Heard::Firmware(FirmwareDownlink::DevUpgradeImageReq(_)) => {
            firmware(&DevUpgradeImageAns::Valid { next_firmware_version: Version(TARGET) }.into())
        }
        Heard::Status { .. } if rounds && nth == 1 => answer_missing(heard, now, 2),
        _ => good(heard, now),
    }
}

/// Two devices that do well, unless the second is given a way to fail.
fn staged(
    kind: &Type,
    change: impl FnOnce(&mut CampaignSpec),
    second: impl FnMut(&Heard) -> Option<Answer> + 'static,
) -> Stage {
    let mut spec = kind.spec.clone();
    change(&mut spec);
    let rounds = kind.stages.contains(&StageKind::FurtherRounds);
    let (mut one, mut two, mut fails) = (well(rounds), well(rounds), second);
    Stage::new(spec)
        .device(1, move |heard, nth, now| one(heard, nth, now))
        .device(2, move |heard, nth, now| fails(heard).unwrap_or_else(|| two(heard, nth, now)))
}

fn well_done(kind: &Type) -> Stage {
    let mut stage = staged(kind, |_| {}, |_| None);
    let outcome = stage.run();
    assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Succeeded, 2), "{}", kind.name);
    stage
}

fn second(stage: &Stage) -> Option<(StageKind, FailureReason)> {
    match stage.campaign.devices().nth(1)?.status {
        DeviceStatus::Failed { stage, reason } => Some((stage, reason)),
        _ => None,
    }
}

#[test]
fn a_stage_whose_threshold_is_met_leads_to_the_next() {
    for kind in types() {
        let stage = well_done(&kind);
        let stages: Vec<_> = stage.campaign.stages().iter().map(|report| report.stage).collect();
        assert_eq!(stages, kind.stages, "{}", kind.name);
        assert!(stage.campaign.stages().iter().all(|report| report.status == StageStatus::Completed));
    }
}

#[test]
fn a_device_that_uses_up_its_tries_fails_in_that_stage_and_the_threshold_decides() {
    for kind in types() {
        for &asked in kind.stages {
            let Some(name) = request(asked) else { continue };
            // In rounds silence is not the end: the device may be completed by the next one.
            if kind.stages.contains(&StageKind::FurtherRounds) && asked == StageKind::FragSessionStatus {
                continue;
            }
            let label = format!("{}, {asked}", kind.name);
            for (threshold, status) in [(100, CampaignStatus::Failed), (50, CampaignStatus::Succeeded)] {
                let mut stage = staged(
                    &kind,
                    |spec| spec.config.success_threshold = Percent::whole(threshold),
                    move |heard| heard.is(name).then_some(None),
                );
                let outcome = stage.run();
                assert_eq!(outcome.status, status, "{label} {threshold} %");
                let reason = second(&stage);
                assert!(
                    matches!(reason, Some((at, FailureReason::NoAnswer | FailureReason::MissedSessionStart)) if at == asked),
                    "{label}: {reason:?}"
                );
                if status == CampaignStatus::Failed {
                    let cause = Cause::BelowThreshold { stage: asked, succeeded: 1, required: 2 };
                    assert_eq!(outcome.cause, Some(cause), "{label}");
                    assert_eq!(stage.campaign.stages().last().unwrap().status, StageStatus::Error);
                }
            }
        }
    }
}

/// An answer that refuses, and the reason that the device then fails for.
type Refusal = (fn(&Heard) -> Answer, FailureReason);

fn refusal(stage: StageKind) -> Option<Refusal> {
    Some(match stage {
        StageKind::PackageVersion => (|_| Some((200, vec![0x00, 2, 9])), FailureReason::UnsupportedPackage),
        StageKind::McGroupSetup => (
            |heard| match heard {
                Heard::Multicast(Downlink::McGroupSetupReq(req)) => {
                    multicast(&McGroupSetupAns { mc_group_id: req.mc_group_id, id_error: true }.into())
                }
                _ => None,
            },
            // After all four identifiers were tried.
            FailureReason::Refused(0x04 | 3),
        ),
        StageKind::DevRebootTime => {
            (|_| firmware(&DevRebootTimeAns { reboot_time: 0 }.into()), FailureReason::Refused(0))
        }
        StageKind::FragSessionSetup => (
            |heard| match heard {
                Heard::FragSessionSetup(req) => common::setup_ans(req, true),
                _ => None,
            },
            FailureReason::Refused(0x02),
        ),
        StageKind::McClassSession => (
            |heard| match heard {
                Heard::Multicast(Downlink::McClassCSessionReq(req)) => {
                    let errors = SessionErrors::FREQ_ERROR;
                    multicast(&McClassCSessionAns::refusing(req.mc_group_id, errors).into())
                }
                _ => None,
            },
            FailureReason::Refused(0x08),
        ),
        StageKind::FragSessionStatus => (|_| common::status_ans(3, true), FailureReason::MemoryError),
        StageKind::UpgradeImage => {
            (|_| firmware(&DevUpgradeImageAns::WrongHardware.into()), FailureReason::WrongHardware)
        }
        StageKind::DevVersion => (|_| dev_version(7), FailureReason::WrongVersion(7)),
        _ => return None,
    })
}

#[test]
fn a_device_that_refuses_fails_in_that_stage_and_the_threshold_decides() {
    for kind in types() {
        for &asked in kind.stages {
            let (Some(name), Some((answer, reason))) = (request(asked), refusal(asked)) else { continue };
            if kind.stages.contains(&StageKind::FurtherRounds) && asked == StageKind::FragSessionStatus {
                continue;
            }
            let label = format!("{}, {asked}", kind.name);
            for (threshold, status) in [(100, CampaignStatus::Failed), (50, CampaignStatus::Succeeded)] {
                let mut stage = staged(
                    &kind,
                    |spec| spec.config.success_threshold = Percent::whole(threshold),
                    move |heard| heard.is(name).then(|| answer(heard)),
                );
                assert_eq!(stage.run().status, status, "{label} {threshold} %");
                assert_eq!(second(&stage), Some((asked, reason)), "{label}");
            }
        }
    }
}

#[test]
fn a_stage_in_which_the_maximum_duration_passes_ends_the_campaign_there() {
    for kind in types() {
        let whole = well_done(&kind);
        for report in whole.campaign.stages() {
            let asked = report.stage;
            let Some(name) = request(asked) else { continue };
            // Device 2 is asked again and again, and time runs out. A round has to fit the campaign in any case.
            let limit = report.started.since(START) + Duration::from_secs(500);
            let tireless = move |spec: &mut CampaignSpec| {
                spec.config.msg_retries = u8::MAX;
                spec.max_duration = limit;
            };
            let mut stage = staged(&kind, tireless, move |heard| heard.is(name).then_some(None));
            let outcome = stage.run();
            let label = format!("{}, {asked}", kind.name);
            assert_eq!(outcome.status, CampaignStatus::Failed, "{label}");
            // Sessions that no round fits into any more are not even opened.
            let expected = matches!(
                outcome.cause,
                Some(Cause::TimedOut { stage } | Cause::NoTimeLeft { stage }) if stage == asked
            );
            assert!(expected, "{label}: {:?}", outcome.cause);
            // Reboot times are still taken back after that.
            let ended = stage.campaign.stages().last().unwrap().ended;
            assert!(ended.since(START) <= limit, "{label}");
        }
    }
}

#[test]
fn a_campaign_stopped_in_a_stage_says_in_which() {
    for kind in types() {
        let whole = well_done(&kind);
        for report in whole.campaign.stages() {
            let label = format!("{}, {}", kind.name, report.stage);
            // Where a stage has no length of its own, the moment belongs to what follows.
            if report.ended == report.started {
                continue;
            }
            let middle = report.started.since(START) + report.ended.since(report.started) / 2;
            let mut stage = staged(&kind, |_| {}, |_| None).order(middle, Order::Stop);
            let outcome = stage.run();
            assert_eq!(outcome.status, CampaignStatus::Stopped, "{label}");
            assert_eq!(outcome.cause, Some(Cause::Stopped { stage: report.stage }), "{label}");
            assert_eq!(outcome.complete + outcome.failed, 2);
            assert_eq!(stage.campaign.stages().last().unwrap().status, StageStatus::Error, "{label}");
        }
    }
}
