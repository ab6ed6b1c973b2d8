//! The set-up stages, each with every way out of it.

// What can't be here is a defect of the test.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::{Heard, PERIOD, START, Stage, good, multicast, setup_ans, spec};
use fuota_engine::campaign::Campaign;
use fuota_engine::campaign::event::{
    CampaignStatus, Cause, DeviceStatus, Event, FailureReason, StageKind, StageStatus, Warning,
};
use fuota_engine::campaign::io::{Dest, GroupReport, Input, Order};
use fuota_engine::campaign::plan::Plan;
use fuota_engine::campaign::spec::DeviceClass;
use fuota_engine::config::StageEnd;
use fuota_engine::ids::{DevEui, GroupId};
use fuota_engine::percent::Percent;
use fuota_proto::fragmentation::v1::FragSessionSetupReq;
use fuota_proto::multicast::v1::{Downlink, McClassCSessionAns, McGroupSetupAns, Uplink};
use fuota_proto::{FragIndex, McGroupId, TimeToStart};

fn failed(stage: &Stage, n: usize) -> Option<(StageKind, FailureReason)> {
    match stage.campaign.devices().nth(n - 1)?.status {
        DeviceStatus::Failed { stage, reason } => Some((stage, reason)),
        _ => None,
    }
}

#[test]
fn a_request_is_repeated_until_it_is_answered() {
    // Two requests are lost on the way; the third is answered.
    let mut stage = Stage::new(spec(1)).device(1, |heard, times, now| match heard {
        Heard::FragSessionSetup(_) if times < 3 => None,
        _ => good(heard, now),
    });
    assert_eq!(stage.run().status, CampaignStatus::Succeeded);
    let report = stage.campaign.stages()[1];
    assert_eq!((report.requests, report.retries, report.answers), (3, 2, 1));
    let chart = stage.chart();
    assert_eq!(
        chart[2..6],
        [
            "S->D1 FragSessionSetupReq",
            "S->D1 FragSessionSetupReq",
            "S->D1 FragSessionSetupReq",
            "D1->S FragSessionSetupAns"
        ]
    );
}

#[test]
fn a_device_that_never_answers_fails_after_all_tries_and_the_others_go_on() {
    let mut spec = spec(4);
    spec.config.success_threshold = Percent::whole(75);
    let mut stage = Stage::new(spec).device(2, |heard, _, now| match heard {
        _ if heard.is("McGroupSetupReq") => None,
        _ => good(heard, now),
    });
    let outcome = stage.run();
    assert_eq!((outcome.status, outcome.complete, outcome.failed), (CampaignStatus::Succeeded, 3, 1));
    assert_eq!(failed(&stage, 2), Some((StageKind::McGroupSetup, FailureReason::NoAnswer)));
    // One request and five repeats, none of them while another was outstanding.
    let requests = stage.log.iter().filter(|line| *line == "S->D2 McGroupSetupReq").count();
    assert_eq!(requests, 6);
}

#[test]
fn a_device_that_is_never_heard_fails_without_a_single_request() {
    let mut spec = spec(4);
    spec.config.success_threshold = Percent::whole(75);
    let mut stage = Stage::new(spec).silence(4);
    let outcome = stage.run();
    assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Succeeded, 3));
    assert_eq!(failed(&stage, 4), Some((StageKind::McGroupSetup, FailureReason::NotHeard)));
    assert!(!stage.log.iter().any(|line| line.contains("D4")));
    // Six of its uplink periods were waited for, then one more for late answers.
    let report = stage.campaign.stages()[0];
    assert_eq!(report.ended.since(report.started), PERIOD * 7);
}

#[test]
fn a_device_that_answers_with_an_error_bit_fails_and_is_not_asked_again() {
    let mut spec = spec(4);
    spec.config.success_threshold = Percent::whole(75);
    let mut stage = Stage::new(spec).device(1, |heard, _, now| match heard {
        Heard::FragSessionSetup(req) => setup_ans(req, true),
        _ => good(heard, now),
    });
    assert_eq!(stage.run().complete, 3);
    // Bit 1: not enough memory.
    assert_eq!(failed(&stage, 1), Some((StageKind::FragSessionSetup, FailureReason::Refused(0b10))));
    assert_eq!(stage.log.iter().filter(|line| *line == "S->D1 FragSessionSetupReq").count(), 1);
}

#[test]
fn too_few_devices_end_the_campaign_in_any_set_up_stage() {
    for (refused, kind) in [
        ("McGroupSetupReq", StageKind::McGroupSetup),
        ("FragSessionSetupReq", StageKind::FragSessionSetup),
        ("McClassCSessionReq", StageKind::McClassSession),
    ] {
        let mut stage = Stage::new(spec(2))
            .device(1, move |heard, _, now| if heard.is(refused) { None } else { good(heard, now) });
        let outcome = stage.run();
        assert_eq!(outcome.status, CampaignStatus::Failed);
        assert_eq!(outcome.cause, Some(Cause::BelowThreshold { stage: kind, succeeded: 1, required: 2 }));
        assert_eq!(stage.campaign.stages().last().map(|report| report.status), Some(StageStatus::Error));
        assert!(stage.multicasts.is_empty());
        assert_eq!(failed(&stage, 1), Some((kind, FailureReason::NoAnswer)));
        assert_eq!(failed(&stage, 2), Some((kind, FailureReason::CampaignEnded)));
    }
}

#[test]
fn a_late_answer_brings_its_device_back_while_the_stage_waits() {
    let mut spec = spec(2);
    spec.config.msg_retries = 0;
    // The only request is answered at the fourth uplink period: after the response timeout of two periods, within
    // the late-answer time of one more.
    let mut stage = Stage::new(spec).device(2, |heard, _, now| match heard {
        _ if heard.is("McGroupSetupReq") => None,
        _ => good(heard, now),
    });
    let late = Uplink::from(McGroupSetupAns { mc_group_id: McGroupId::MIN, id_error: false });
    stage.answer_at(Duration::from_secs(11) + PERIOD * 2 + PERIOD / 2, 2, multicast(&late));
    let outcome = stage.run();
    assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Succeeded, 2));
    let report = stage.campaign.stages()[0];
    assert_eq!((report.answers, report.succeeded, report.failed), (2, 2, 0));
}

#[test]
fn with_stage_end_threshold_a_stage_ends_as_documented() {
    let mut spec = spec(4);
    spec.config.success_threshold = Percent::whole(75);
    spec.config.stage_end = StageEnd::Threshold;
    let mut stage = Stage::new(spec).device(1, |_, _, _| None);
    let outcome = stage.run();
    assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Succeeded, 3));
    // It was not asked again once three had answered; one uplink period was left for a late answer.
    assert_eq!(stage.log.iter().filter(|line| *line == "S->D1 McGroupSetupReq").count(), 1);
    let report = stage.campaign.stages()[0];
    assert!(report.ended.since(report.started) < PERIOD + Duration::from_secs(40));
}

#[test]
fn a_clock_that_disagrees_is_asked_again_and_then_given_up() {
    let hour_off = |heard: &Heard, _, now| match heard {
        Heard::Multicast(Downlink::McClassCSessionReq(req)) => {
            let wrong = TimeToStart::saturating(3600 * 24);
            multicast(&Uplink::from(McClassCSessionAns::accepting(req.mc_group_id, wrong)))
        }
        _ => good(heard, now),
    };
    let mut stage = Stage::new(spec(1)).device(1, hour_off);
    assert_eq!(stage.run().status, CampaignStatus::Failed);
    assert_eq!(failed(&stage, 1), Some((StageKind::McClassSession, FailureReason::ClockMismatch)));
    assert_eq!(stage.log.iter().filter(|line| *line == "S->D1 McClassCSessionReq").count(), 6);
    assert!(stage.warnings().iter().any(|warning| matches!(warning, Warning::ClockOff { .. })));
}

#[test]
fn every_device_is_told_the_same_start_and_a_session_that_lasts_to_the_end() {
    let (starts, seen) = std::sync::mpsc::channel();
    let mut stage = Stage::new(spec(3));
    for n in 1..=3 {
        let starts = starts.clone();
        stage = stage.device(n, move |heard, _, now| {
            if let Heard::Multicast(Downlink::McClassCSessionReq(req)) = heard {
                starts.send((req.session_time.get(), req.time_out.get())).unwrap();
            }
            good(heard, now)
        });
    }
    stage.run();
    let told: Vec<_> = seen.try_iter().collect();
    assert_eq!(told.len(), 3);
    assert!(told.iter().all(|session| *session == told[0]));
    let scheduled = stage.events.iter().find_map(|event| match event {
        Event::SessionScheduled { start, duration, .. } => Some((*start, *duration)),
        _ => None,
    });
    let (start, duration) = scheduled.unwrap();
    assert_eq!(told[0].0, start.wire_secs());
    // The campaign lasts a day, the longest session 2^15 seconds.
    assert_eq!((duration, told[0].1), (Duration::from_secs(1 << 15), 15));
    // The first fragment leaves one second of clock tolerance and three of opening after the start.
    assert_eq!(stage.multicasts[0].0, start + Duration::from_secs(4));
}

#[test]
fn the_maximum_duration_ends_the_campaign_in_any_state() {
    let mut whole = Stage::new(spec(2));
    whole.run();
    let length = whole.now.since(START);
    for hundredth in 1..100 {
        let mut spec = spec(2);
        spec.max_duration = (length * hundredth / 100).max(Duration::from_secs(130));
        // The set-up of a shorter campaign would be refused outright if it had a fixed session delay.
        let limit = spec.max_duration;
        let mut stage = Stage::new(spec);
        let outcome = stage.run();
        assert!(stage.now.since(START) <= limit);
        assert_eq!(outcome.status, CampaignStatus::Failed, "at {hundredth} %");
        assert_eq!(outcome.complete + outcome.failed, 2);
    }
}

#[test]
fn an_answer_that_comes_twice_is_told_and_changes_nothing() {
    let mut stage = Stage::new(spec(2));
    let again = McGroupSetupAns { mc_group_id: McGroupId::MIN, id_error: true };
    stage.answer_at(Duration::from_secs(300), 1, multicast(&Uplink::from(again)));
    assert_eq!(stage.run().complete, 2);
    let told = Warning::UnexpectedAnswer { device: DevEui(1), port: 200 };
    assert_eq!(stage.warnings(), [told]);
}

#[test]
fn a_campaign_is_configured_then_running_and_ends_in_its_outcome() {
    let plan = Plan::new(spec(1)).unwrap();
    let mut campaign = Campaign::new(plan, START);
    assert_eq!(campaign.status(), CampaignStatus::Configured);
    let report = GroupReport::Provisioned { next_fcnt: 0 };
    campaign.handle(START, Input::Group { id: GroupId(0), report });
    assert_eq!(campaign.status(), CampaignStatus::Running);
    for (order, status) in [(false, CampaignStatus::Succeeded), (true, CampaignStatus::Stopped)] {
        let mut stage = Stage::new(spec(1));
        if order {
            stage = stage.order(Duration::from_secs(100), Order::Stop);
        }
        assert_eq!(stage.run().status, status);
        assert_eq!(stage.campaign.status(), status);
    }
    assert_eq!(CampaignStatus::Configured.name(), "CONFIGURED");
}

#[test]
fn unicast_downlinks_keep_their_distance_over_all_devices() {
    let mut spec = spec(5);
    spec.config.ucast_msg_delay = Duration::from_secs(30);
    for device in &mut spec.devices {
        device.class = DeviceClass::C;
    }
    let mut stage = Stage::new(spec);
    assert_eq!(stage.run().complete, 5);
    assert!(stage.unicasts.windows(2).all(|pair| pair[1].0.since(pair[0].0) >= Duration::from_secs(30)));
    assert_eq!(stage.unicasts[4].0.since(START), Duration::from_secs(4 * 30));
}

#[test]
fn a_device_without_a_key_fails_alone() {
    let mut stage = Stage::new(spec(2)).without_key(1);
    stage.run();
    assert_eq!(failed(&stage, 1), Some((StageKind::McGroupSetup, FailureReason::NoKey)));
    assert!(stage.unicasts.iter().all(|(_, tx)| tx.dest == Dest::Unicast(DevEui(2))));
}

#[test]
fn answers_about_another_group_or_session_do_not_count() {
    // Device 1 answers about group 2 and session 2, which it was not asked about.
    let mut stage = Stage::new(spec(2)).device(1, |heard, nth, now| match heard {
        Heard::Multicast(Downlink::McGroupSetupReq(_)) if nth == 1 => {
            let mc_group_id = McGroupId::new(2).unwrap();
            multicast(&McGroupSetupAns { mc_group_id, id_error: false }.into())
        }
        Heard::FragSessionSetup(req) if nth == 1 => {
            let frag_index = FragIndex::new(2).unwrap();
            setup_ans(&FragSessionSetupReq { frag_index, ..*req }, false)
        }
        _ => good(heard, now),
    });
    assert_eq!(stage.run().complete, 2);
    let unexpected: Vec<_> = stage
        .warnings()
        .into_iter()
        .filter(|warning| matches!(warning, Warning::UnexpectedAnswer { device: DevEui(1), .. }))
        .collect();
    assert_eq!(unexpected.len(), 2);
    // Each was asked again.
    let asked = |name: &str| stage.log.iter().filter(|line| **line == format!("S->D1 {name}")).count();
    assert_eq!((asked("McGroupSetupReq"), asked("FragSessionSetupReq")), (2, 2));
}

#[test]
fn an_operator_stops_the_campaign_in_any_state() {
    let mut whole = Stage::new(spec(2));
    whole.run();
    let length = whole.now.since(START);
    for hundredth in 0..100 {
        let mut stage = Stage::new(spec(2)).order(length * hundredth / 100, Order::Stop);
        let outcome = stage.run();
        assert_eq!(outcome.status, CampaignStatus::Stopped, "at {hundredth} %");
        assert!(matches!(outcome.cause, Some(Cause::Stopped { .. })));
        assert_eq!(stage.now, START + length * hundredth / 100, "nothing delays the end");
        assert_eq!(outcome.complete + outcome.failed, 2);
        assert!(stage.nothing_is_queued());
        assert_eq!(stage.log.last().map(String::as_str), Some("release group"));
    }
}

#[test]
fn keys_that_come_too_late_do_not_hold_up_the_next_stage() {
    // More devices than keys are asked for at once, and most of their keys come when the stage is over.
    let mut spec = spec(200);
    spec.config.stage_end = StageEnd::Threshold;
    spec.config.success_threshold = Percent::whole(10);
    spec.config.clean_up = fuota_engine::config::CleanUp::Documented;
    for device in &mut spec.devices {
        device.fragmentation = Some(fuota_engine::campaign::spec::PackageVersion::V2);
        device.class = DeviceClass::C;
    }
    let mut stage = Stage::new(spec).keys_for(20);
    stage.run();
    assert!(stage.log.iter().any(|line| line.ends_with("FragSessionSetupReq")));
}

#[test]
fn a_counter_beyond_the_configured_end_is_an_end_not_a_wrap() {
    let mut spec = spec(1);
    spec.config.mcgroup_max_fcntdn = Some(3); // the network server is at 7
    let mut stage = Stage::new(spec);
    let outcome = stage.run();
    assert_eq!(outcome.cause, Some(Cause::CountersExhausted { stage: StageKind::McGroupSetup }));
    assert!(stage.log.iter().all(|line| !line.starts_with("S->D")));
}

#[test]
fn stages_that_meet_in_one_instant_are_still_two() {
    // Device 2 fails in the very instant in which the next stage begins; its answer to that stage's question is
    // none that it was asked for.
    let mut spec = spec(2);
    spec.config.msg_retries = 0;
    spec.config.stage_complete_delay = 0;
    spec.config.success_threshold = Percent::whole(50);
    let mut stage = Stage::new(spec).device(2, |heard, _, now| match heard {
        _ if heard.is("McGroupSetupReq") => None,
        _ => good(heard, now),
    });
    // Two uplink periods after its request went on air it has failed.
    let failed = Duration::from_secs(11 + 1) + PERIOD * 2;
    let ans = fuota_proto::fragmentation::v1::FragSessionSetupAns::accepting(FragIndex::MIN);
    stage.answer_at(failed + Duration::from_micros(1), 2, common::fragmentation(&ans.into()));
    assert_eq!(stage.run().complete, 1);
    assert_eq!(failed_since(&stage, 2), START + failed);
    assert_eq!(stage.campaign.stages()[1].started, START + failed);
    assert_eq!(self::failed(&stage, 2), Some((StageKind::McGroupSetup, FailureReason::NoAnswer)));
}

fn failed_since(stage: &Stage, n: usize) -> fuota_engine::time::GpsInstant {
    stage.campaign.devices().nth(n - 1).map_or(START, |device| device.since)
}
