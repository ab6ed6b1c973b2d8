//! The adaptive policy: what is sent, asked and believed, from poll to poll.

mod common;

use std::time::Duration;

use common::{Answer, Heard, Stage, answer_missing, good, spec};
use fuota_engine::campaign::event::{
    CampaignStatus, Cause, DeviceStatus, Event, FailureReason, StageKind, StageReport,
};
use fuota_engine::campaign::io::Report;
use fuota_engine::campaign::spec::{CampaignSpec, FirmwareSpec, Kind, Redundancy};
use fuota_engine::config::{AnswerSpread, SessionDuration};
use fuota_engine::percent::Percent;
use fuota_engine::time::GpsInstant;
use fuota_proto::{DataRate, Version};

/// A campaign of ten uncoded fragments that wants every device.
fn adaptive(devices: u64) -> CampaignSpec {
    let mut spec = spec(devices);
    spec.groups[0].redundancy = Redundancy::Adaptive;
    spec.config.success_threshold = Percent::whole(100);
    spec
}

/// A device that, of the polls that it hears, answers the n-th with the n-th of these counts, and later ones as complete.
fn counts(missing: &'static [u8]) -> impl FnMut(&Heard, u32, GpsInstant) -> Answer {
    move |heard, times, now| match heard {
        // The request comes twice and is answered once.
        Heard::Status { multicast: true, .. } if times % 2 == 0 => None,
        Heard::Status { multicast: true, .. } => {
            let poll = (times as usize - 1) / 2;
            answer_missing(heard, now, missing.get(poll).copied().unwrap_or(0))
        }
        _ => good(heard, now),
    }
}

/// The chart from the first fragment on.
fn transfer(stage: &Stage) -> Vec<String> {
    let chart = stage.chart();
    let first = |line: &String| line.starts_with("S->* DataFragment");
    chart.into_iter().skip_while(|line| !first(line)).collect()
}

fn statuses(stage: &Stage) -> Vec<DeviceStatus> {
    stage.campaign.devices().map(|device| device.status).collect()
}

fn polls(stage: &Stage) -> Vec<(u16, u16, u32, u32, u16)> {
    let polled = |event: &Event| match *event {
        Event::Polled { poll, fragments, answers, suspects, batch, .. } => {
            Some((poll, fragments, answers, suspects, batch))
        }
        _ => None,
    };
    stage.events.iter().filter_map(polled).collect()
}

const ASKED: [&str; 2] = ["S->* FragSessionStatusReq 0", "S->* FragSessionStatusReq 0"];

#[test]
fn nobody_misses_anything_two_silent_polls_say() {
    let mut stage = Stage::new(adaptive(3));
    let outcome = stage.run();
    assert_eq!((outcome.status, outcome.complete, outcome.inferred), (CampaignStatus::Succeeded, 3, 3));
    // 5 % are expected to be lost: 10 · 5 / 95 is one parity fragment.
    let chart = transfer(&stage);
    assert_eq!(chart[0], "S->* DataFragment 1..11");
    assert_eq!(chart[1..], [&ASKED[..], &ASKED[..], &["release group"]].concat());
    // Nobody has said so.
    assert_eq!(statuses(&stage), [DeviceStatus::Inferred; 3]);
}

#[test]
fn the_next_batch_is_what_the_devices_ask_for() {
    let mut stage = Stage::new(adaptive(3)).device(1, counts(&[2])).device(3, counts(&[1, 1]));
    assert_eq!(stage.run().status, CampaignStatus::Succeeded);
    assert_eq!(
        transfer(&stage),
        [
            "S->* DataFragment 1..11",
            ASKED[0],
            ASKED[1],
            "D1->S FragSessionStatusAns missing 2",
            "D3->S FragSessionStatusAns missing 1",
            // Three more for the first, which lost 3 of 11: 3 / (1 − 3/22) = 3.5.
            "S->* DataFragment 12..15",
            ASKED[0],
            ASKED[1],
            // No progress: 2 / (1 − 6/30) = 2.5, and twice that. Alone it gets as many.
            "D3->S FragSessionStatusAns missing 1",
            "S->* DataFragment 16..21",
            ASKED[0],
            ASKED[1],
            ASKED[0],
            ASKED[1],
            // Ten and six fragments are few enough to be unlucky with.
            "S->D1 FragSessionStatusReq 1",
            "D1->S FragSessionStatusAns missing 0",
            "S->D3 FragSessionStatusReq 1",
            "D3->S FragSessionStatusAns missing 0",
            "release group",
        ]
    );
    // The last one is judged again after those two were asked.
    let silent = |poll| (poll, 21, 0, 0, 0);
    assert_eq!(polls(&stage), [(1, 11, 2, 0, 4), (2, 15, 1, 0, 6), silent(3), silent(4), silent(4)]);
}

#[test]
fn an_answer_between_two_silent_polls_starts_the_count_of_silence_anew() {
    let mut stage = Stage::new(adaptive(1)).device(1, counts(&[0, 1]));
    assert_eq!(stage.run().status, CampaignStatus::Succeeded);
    let polls: Vec<_> = polls(&stage).into_iter().map(|(poll, _, answers, ..)| (poll, answers)).collect();
    assert_eq!(
        polls,
        [(1, 0), (2, 1), (3, 0), (4, 0), (4, 0)],
        "the last one twice: the device was asked alone"
    );
}

#[test]
fn a_request_that_is_refused_is_asked_again_and_one_that_never_went_out_is_no_silence() {
    // Every status request is refused until the session is over.
    let mut stage =
        Stage::new(adaptive(2)).multicast_fate(|_, tx| (tx.payload.len() == 2).then_some(common::BUSY));
    let outcome = stage.run();
    assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Failed, 0));
    assert_eq!(outcome.cause, Some(Cause::NoTimeLeft { stage: StageKind::FragSessionStatus }));
}

#[test]
fn an_unreported_poll_is_no_silence() {
    let mut lost = 0;
    let mut stage = Stage::new(adaptive(2)).multicast_fate(move |_, tx| {
        let is_poll = tx.payload.len() == 2;
        lost += u32::from(is_poll);
        (is_poll && lost <= 4).then_some(Report::Dropped)
    });
    let outcome = stage.run();
    assert_eq!((outcome.status, outcome.inferred), (CampaignStatus::Succeeded, 2));
    assert_eq!(polls(&stage).len(), 4, "two whose requests may not have been on air, and two that count");
}

#[test]
fn a_device_that_sticks_at_one_missing_is_outvoted_and_named() {
    let mut stage = Stage::new(adaptive(3)).device(2, counts(&[1; 40]));
    let outcome = stage.run();
    assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Failed, 2));
    let failed =
        DeviceStatus::Failed { stage: StageKind::FurtherRounds, reason: FailureReason::Incomplete(1) };
    assert_eq!(statuses(&stage), [DeviceStatus::Inferred, failed, DeviceStatus::Inferred]);
    let suspects: Vec<_> = stage.campaign.devices().map(|device| device.suspect).collect();
    assert_eq!(suspects, [false, true, false]);
    // Twice as much the second time; then it would have lost more than half, and is not believed.
    let batches: Vec<_> = polls(&stage).into_iter().map(|(.., batch)| batch).collect();
    assert_eq!(batches, [3, 6, 0, 0]);
}

#[test]
fn nonsense_is_not_believed() {
    // More missing than there are.
    let mut stage = Stage::new(adaptive(30)).device(2, counts(&[200; 40]));
    let outcome = stage.run();
    assert_eq!(outcome.complete, 29);
    assert_eq!(polls(&stage), [(1, 11, 1, 1, 0), (2, 11, 1, 1, 0)]);
}

#[test]
fn where_many_lost_most_it_is_the_radio_and_not_the_devices() {
    // Everybody lost more than half.
    let mut stage = Stage::new(adaptive(3));
    for n in 1..=3 {
        stage = stage.device(n, counts(&[7]));
    }
    let outcome = stage.run();
    assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Succeeded, 3));
    // 8 / (1 − 8/22).
    assert_eq!(polls(&stage)[0], (1, 11, 3, 0, 13));
}

#[test]
fn a_campaign_that_lets_some_fail_stops_when_no_more_are_named() {
    // Four of five are required; one misses something whatever is sent, and loses little enough to be believed.
    let mut spec = adaptive(5);
    spec.config.success_threshold = Percent::whole(80);
    let mut stage = Stage::new(spec).device(5, counts(&[3, 3, 3, 3, 3, 3]));
    let outcome = stage.run();
    assert_eq!((outcome.status, outcome.complete, outcome.failed), (CampaignStatus::Succeeded, 4, 1));
    // Two polls that name it, a step of 5 %, two more.
    assert_eq!(polls(&stage), [(1, 11, 1, 0, 0), (2, 11, 1, 0, 1), (3, 12, 1, 0, 0), (4, 12, 1, 0, 0)]);
    let failed =
        DeviceStatus::Failed { stage: StageKind::FurtherRounds, reason: FailureReason::Incomplete(3) };
    assert_eq!(statuses(&stage)[4], failed);
}

#[test]
fn no_more_is_sent_than_the_operator_allows() {
    let mut spec = adaptive(4);
    // 11 fragments are expected, and half as many on top.
    spec.config.adaptive_excess_max = 50;
    let mut stage = Stage::new(spec);
    for n in 1..=4 {
        stage = stage.device(n, counts(&[5, 5, 5, 5, 5, 5, 5, 5]));
    }
    let outcome = stage.run();
    assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Failed, 0));
    let last = polls(&stage).last().copied();
    assert_eq!(last.map(|(_, fragments, ..)| fragments), Some(16));
    let fragments: u32 = stage.campaign.stages().iter().map(|stage: &StageReport| stage.fragments).sum();
    assert_eq!(fragments, 16);
}

#[test]
fn the_absolute_limit_of_parity_holds_too() {
    let mut spec = adaptive(1);
    spec.config.frag_redundancy_max = Some(3);
    let mut stage = Stage::new(spec).device(1, counts(&[4; 40]));
    stage.run();
    let fragments: u32 = stage.campaign.stages().iter().map(|stage| stage.fragments).sum();
    assert_eq!(fragments, 13);
}

#[test]
fn the_session_is_tight_and_the_window_wide_unless_the_operator_wants_otherwise() {
    let window = |spec: CampaignSpec| Stage::new(spec).campaign.plan().poll_window().as_secs() - 10;
    let mut few = adaptive(250);
    assert_eq!(window(few.clone()), 32, "so that less than half of 250 answers collide");
    few.config.block_ack_delay = Some(AnswerSpread::Documented);
    assert_eq!(window(few), 16);

    let session = |spec: CampaignSpec| {
        let mut stage = Stage::new(spec);
        stage.run();
        stage.events.iter().find_map(|event| match event {
            Event::SessionScheduled { duration, .. } => Some(*duration),
            _ => None,
        })
    };
    let tight = session(adaptive(2)).unwrap();
    assert!(tight < Duration::from_secs(20 * 60), "{tight:?}");
    let mut documented = adaptive(2);
    documented.config.session_duration = Some(SessionDuration::Documented);
    assert!(session(documented).unwrap() > Duration::from_secs(8 * 3600));
}

#[test]
fn a_device_that_reports_something_missing_after_all_is_no_longer_believed() {
    let mut spec = adaptive(2);
    spec.config.complete_delay = Duration::from_secs(300);
    let mut stage = Stage::new(spec.clone());
    stage.run();
    let end = stage.now;
    let mut stage = Stage::new(spec);
    let late = end.since(common::START) - Duration::from_secs(100);
    stage.answer_at(late, 2, common::status_ans(4, false));
    let outcome = stage.run();
    assert_eq!((outcome.status, outcome.complete, outcome.inferred), (CampaignStatus::Failed, 1, 1));
}

#[test]
fn a_device_that_says_it_is_complete_is_confirmed() {
    let mut stage = Stage::new(adaptive(2)).device(1, |heard, times, now| match heard {
        Heard::Status { .. } if times == 1 => common::status_ans(0, false),
        _ => good(heard, now),
    });
    let outcome = stage.run();
    assert_eq!((outcome.complete, outcome.inferred), (2, 1));
    assert_eq!(statuses(&stage), [DeviceStatus::Complete, DeviceStatus::Inferred]);
}

/// A device that answers the first poll that it misses `first`, keeps silent to all others, and says what it is asked alone.
fn falls_silent(
    first: u8,
    mut alone: impl FnMut(u32) -> Option<u8> + 'static,
) -> impl FnMut(&Heard, u32, GpsInstant) -> Answer {
    let (mut polled, mut asked) = (0, 0);
    move |heard, _, now| match heard {
        Heard::Status { multicast: true, .. } => {
            polled += 1;
            (polled == 1).then(|| answer_missing(heard, now, first)).flatten()
        }
        Heard::Status { .. } => {
            asked += 1;
            match alone(asked)? {
                0 => common::status_ans(0, false),
                missing => answer_missing(heard, now, missing),
            }
        }
        _ => good(heard, now),
    }
}

#[test]
fn whoever_may_still_miss_some_is_asked_alone_before_its_silence_is_believed() {
    let alone = |asked| Some(if asked == 1 { 1 } else { 0 });
    let mut stage = Stage::new(adaptive(3)).device(1, falls_silent(2, alone));
    let outcome = stage.run();
    assert_eq!((outcome.status, outcome.complete, outcome.inferred), (CampaignStatus::Succeeded, 3, 2));
    let asked_twice = [ASKED[0]; 4];
    let expected = [
        &["S->* DataFragment 1..11", ASKED[0], ASKED[1], "D1->S FragSessionStatusAns missing 2"][..],
        // Four fragments for two that it missed prove nothing.
        &["S->* DataFragment 12..15"],
        &asked_twice,
        &["S->D1 FragSessionStatusReq 1", "D1->S FragSessionStatusAns missing 1"],
        // 2 / (1 − 6/30), twice: four more had not helped it enough.
        &["S->* DataFragment 16..18"],
        &asked_twice,
        &["S->D1 FragSessionStatusReq 1", "D1->S FragSessionStatusAns missing 0", "release group"],
    ];
    assert_eq!(transfer(&stage), expected.concat());
    assert_eq!(statuses(&stage), [DeviceStatus::Complete, DeviceStatus::Inferred, DeviceStatus::Inferred]);
}

#[test]
fn whoever_does_not_answer_alone_either_is_not_believed() {
    let mut stage = Stage::new(adaptive(3)).device(1, falls_silent(2, |_| None));
    let outcome = stage.run();
    assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Failed, 2));
    let failed =
        DeviceStatus::Failed { stage: StageKind::FurtherRounds, reason: FailureReason::Incomplete(2) };
    assert_eq!(statuses(&stage), [failed, DeviceStatus::Inferred, DeviceStatus::Inferred]);
}

/// A window of 16 s for the answers of 120 devices, each of which takes more than a second.
fn drowning() -> CampaignSpec {
    let mut spec = adaptive(120);
    spec.uplink_data_rate = DataRate::from_wire(0);
    // Twenty minutes pass until the last of them is heard.
    spec.config.msg_retries = 12;
    spec.config.block_ack_delay = Some(AnswerSpread::Documented);
    spec.config.fsession_status_spread = Some(Duration::from_secs(1));
    spec
}

#[test]
fn where_answers_may_drown_each_other_silence_is_put_to_the_test() {
    // Every device keeps silent to the group, and misses two when it is asked alone.
    let mut stage = Stage::new(drowning());
    for n in 1..=120 {
        stage = stage.device(n, |heard, times, now| match heard {
            Heard::Status { multicast: true, .. } => None,
            Heard::Status { .. } => answer_missing(heard, now, if times <= 5 { 2 } else { 0 }),
            _ => good(heard, now),
        });
    }
    let outcome = stage.run();
    assert_eq!(outcome.status, CampaignStatus::Succeeded);
    // Sixty are asked and miss something: fragments for them, and another sample, which has the block.
    assert_eq!((outcome.complete, outcome.inferred), (120, 60));
    let asked = stage.unicasts.iter().filter(|(_, tx)| tx.payload == [0x01, 0x01]).count();
    assert_eq!(asked, 120);
}

#[test]
fn silence_is_never_success_where_nobody_of_a_sample_answers() {
    let mut stage = Stage::new(drowning());
    for n in 1..=120 {
        stage = stage.device(n, |heard, _, now| match heard {
            Heard::Status { .. } => None,
            _ => good(heard, now),
        });
    }
    let outcome = stage.run();
    assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Failed, 0));
}

#[test]
fn the_sample_follows_from_the_plan_s_seed() {
    let sample = |seed| {
        let mut spec = drowning();
        spec.sample_seed = seed;
        let mut stage = Stage::new(spec);
        stage.run();
        let asked = stage.unicasts.iter().filter(|(_, tx)| tx.payload == [0x01, 0x01]);
        let mut asked: Vec<_> = asked.map(|(_, tx)| format!("{:?}", tx.dest)).collect();
        asked.sort();
        asked
    };
    assert_eq!(sample(7), sample(7));
    assert_ne!(sample(7), sample(8));
}

#[test]
fn an_update_is_verified_whatever_the_polls_inferred() {
    let mut spec = adaptive(2);
    spec.kind = Kind::Firmware(FirmwareSpec { target: Version(1), hardware: None, reboot: None });
    let mut stage = Stage::new(spec).device(1, counts(&[2]));
    let outcome = stage.run();
    assert_eq!((outcome.status, outcome.complete, outcome.inferred), (CampaignStatus::Succeeded, 2, 0));
    let chart = transfer(&stage);
    assert_eq!(chart[3], "D1->S FragSessionStatusAns missing 2");
    assert_eq!(chart[4], "S->* DataFragment 12..15");
    assert!(chart.iter().any(|line| line == "D1->S DevVersionAns 1"), "{chart:#?}");
}
