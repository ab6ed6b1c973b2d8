//! Timers that can be configured: how long answers, reports, sessions and reboots are waited for.

// What can't be here is a defect of the test.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::{Heard, PERIOD, START, Stage, good, spec};
use fuota_engine::campaign::event::{CampaignStatus, DeviceStatus, Event, FailureReason, Warning};
use fuota_engine::campaign::io::{GroupParameters, Report, SessionClass};
use fuota_engine::campaign::spec::DeviceClass;
use fuota_engine::config::SessionDuration;
use fuota_proto::PingSlotPeriodicity;

/// Moments at which device `n`'s first request was handed to the network server, from the campaign's start.
fn first_request(stage: &Stage, n: u64) -> Vec<Duration> {
    let to = fuota_engine::campaign::io::Dest::Unicast(fuota_engine::ids::DevEui(n));
    let first = &stage.unicasts.iter().find(|(_, tx)| tx.dest == to).unwrap().1;
    let same = stage.unicasts.iter().filter(|(_, tx)| tx.dest == to && tx.payload == first.payload);
    same.map(|(at, _)| at.since(START)).collect()
}

#[test]
fn each_device_has_its_own_time_to_answer_unless_the_documented_timers_are_wanted() {
    // Device 1 never answers its set-up; its own period is a tenth of device 2's.
    for (documented, pause) in [(false, 2 * PERIOD / 10), (true, 2 * PERIOD)] {
        let mut spec = spec(2);
        spec.config.msg_retries = 1;
        spec.config.documented_timers = documented;
        spec.devices[0].uplink_period = PERIOD / 10;
        spec.devices[0].class = DeviceClass::C;
        spec.config.delivery_timeout = Some(Duration::from_secs(3_600));
        if !documented {
            // A class C device answers at once, whatever its period.
            spec.devices[0].class = DeviceClass::A;
        }
        let mut stage = Stage::new(spec).device(1, |heard, _, now| match heard {
            Heard::Multicast(_) => None,
            _ => good(heard, now),
        });
        stage.run();
        let requests = first_request(&stage, 1);
        let sent = stage.log.iter().filter(|line| line.starts_with("S->D1")).count();
        assert_eq!(sent, 2);
        let after = requests[1] - requests[0];
        assert!(after >= pause && after < pause + PERIOD, "{documented}: {after:?}");
    }
}

#[test]
fn with_documented_timers_an_unsent_downlink_is_repeated_and_every_repeat_counts() {
    let mut spec = spec(2);
    spec.config.msg_retries = 2;
    spec.config.documented_timers = true;
    spec.devices[0].class = DeviceClass::C;
    let mut stage = Stage::new(spec.clone()).silence(1);
    stage.run();
    // Handed over again after the longest period and a minute, until the device counts as not heard.
    let times: Vec<_> = first_request(&stage, 1).iter().map(Duration::as_secs).collect();
    assert_eq!(times, [0, 160]);
    let status = stage.campaign.devices().next().unwrap().status;
    assert!(matches!(status, DeviceStatus::Failed { reason: FailureReason::NotHeard, .. }), "{status:?}");

    // By default what waits in a queue costs nothing: one hand-over, however long it takes.
    spec.config.documented_timers = false;
    let mut stage = Stage::new(spec).silence(1);
    stage.run();
    assert_eq!(first_request(&stage, 1).len(), 1);
}

#[test]
fn with_documented_timers_refusals_use_up_the_tries() {
    for (documented, hand_overs) in [(true, 3), (false, 5)] {
        let mut spec = spec(2);
        spec.config.msg_retries = 2;
        spec.config.documented_timers = documented;
        let mut stage = Stage::new(spec).refuse_unicast(1, 4);
        stage.run();
        let status = stage.campaign.devices().next().unwrap().status;
        assert_eq!(first_request(&stage, 1).len(), hand_overs);
        assert_eq!(matches!(status, DeviceStatus::Complete), !documented, "{status:?}");
    }
}

#[test]
fn a_tight_session_lasts_for_the_rounds_and_polls_it_may_need() {
    let scheduled = |stage: &Stage| {
        stage.events.iter().find_map(|event| match event {
            Event::SessionScheduled { duration, .. } => Some(*duration),
            _ => None,
        })
    };
    let mut spec = spec(1);
    let mut stage = Stage::new(spec.clone());
    stage.run();
    assert!(scheduled(&stage) > Some(Duration::from_secs(3_600)), "to the end of the campaign");

    spec.config.session_duration = Some(SessionDuration::Tight);
    let mut stage = Stage::new(spec.clone());
    assert_eq!(stage.run().status, CampaignStatus::Succeeded);
    let gap = stage.campaign.plan().groups()[0].block().unwrap().gap;
    // Clock tolerance 1 s, opening 3 s, eleven fragments, the poll's window of 16 s and ten more, a minute.
    let needed = Duration::from_secs(4 + 16 + 10 + 60) + gap * 11;
    assert_eq!(scheduled(&stage), Some(Duration::from_secs(needed.as_secs())));
}

#[test]
fn the_silent_are_still_asked_when_the_session_is_over() {
    // A tight session ends a minute after the poll's window; device 1 answers the fourth question only.
    let mut spec = spec(7);
    spec.config.session_duration = Some(SessionDuration::Tight);
    let mut stage = Stage::new(spec).device(1, |heard, nth, now| match heard {
        Heard::Status { .. } if nth < 4 => None,
        _ => good(heard, now),
    });
    assert_eq!(stage.run().complete, 7);
    let session_end = stage.events.iter().find_map(|event| match event {
        Event::SessionScheduled { start, duration, .. } => Some(*start + *duration),
        _ => None,
    });
    assert!(Some(stage.now) > session_end);
}

#[test]
fn reports_are_waited_for_longer_in_a_larger_group() {
    let mut spec = spec(3);
    spec.config.summary_report_delay_factor = Duration::from_millis(1_500);
    let mut stage = Stage::new(spec).multicast_fate(|n, _| (n == 5).then_some(Report::Dropped));
    assert_eq!(stage.run().status, CampaignStatus::Succeeded);
    let pause = stage.multicasts[5].0.since(stage.multicasts[4].0);
    assert_eq!(pause, Duration::from_millis(10_000 + 3 * 1_500));
}

#[test]
fn a_report_is_missing_in_class_b_only_when_every_slot_has_passed() {
    let periodicity = PingSlotPeriodicity::new(5).unwrap();
    let mut spec = spec(1);
    spec.groups[0].parameters =
        GroupParameters { class: SessionClass::B { periodicity }, ..spec.groups[0].parameters };
    let mut stage = Stage::new(spec).multicast_fate(|n, _| (n == 5).then_some(Report::Dropped));
    assert_eq!(stage.run().status, CampaignStatus::Succeeded);
    assert_eq!(stage.warnings().iter().filter(|warning| **warning == Warning::ReportMissing).count(), 1);
    let pause = stage.multicasts[5].0.since(stage.multicasts[4].0);
    assert_eq!(pause, Duration::from_millis(10_000 + 2 * 30_720 + 5_120));
}
