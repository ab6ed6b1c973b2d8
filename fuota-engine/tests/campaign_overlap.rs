//! The adaptive policy sends what answers show to be needed while other answers come in.

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use common::{Answer, BUSY, Heard, START, Stage, answer_missing, fragment, good, spec, status_ans};
use fuota_engine::campaign::event::{CampaignStatus, Event};
use fuota_engine::campaign::io::Order;
use fuota_engine::campaign::quirk::{Quirk, Quirks};
use fuota_engine::campaign::spec::{CampaignSpec, Redundancy};
use fuota_engine::percent::Percent;
use fuota_engine::time::GpsInstant;

/// A campaign of ten uncoded fragments that wants every device, with overlap.
fn overlapped(devices: u64) -> CampaignSpec {
    let mut spec = spec(devices);
    spec.groups[0].redundancy = Redundancy::Adaptive;
    spec.config.success_threshold = Percent::whole(100);
    spec.config.adaptive_overlap = true;
    spec
}

/// A device that answers the first poll with this count and is silent to later ones; asked alone, it is complete.
fn misses(missing: u8) -> impl FnMut(&Heard, u32, GpsInstant) -> Answer {
    move |heard, times, now| match heard {
        Heard::Status { multicast: true, .. } if times > 1 => None,
        Heard::Status { multicast: true, .. } => answer_missing(heard, now, missing),
        Heard::Status { .. } => status_ans(0, false),
        _ => good(heard, now),
    }
}

/// A device that is silent to the group, so that it can be made to answer later; asked alone, it is complete.
fn waits() -> impl FnMut(&Heard, u32, GpsInstant) -> Answer {
    |heard, _, now| match heard {
        Heard::Status { multicast: true, .. } => None,
        Heard::Status { .. } => status_ans(0, false),
        _ => good(heard, now),
    }
}

/// From the campaign's start to the moment when the first poll was on air for the last time.
fn first_window(spec: CampaignSpec) -> Duration {
    let mut stage = Stage::new(spec);
    stage.run();
    let second = stage.multicasts.iter().filter(|(_, tx)| tx.payload[0] == 1).nth(1);
    second.map_or(Duration::ZERO, |(at, _)| at.since(START))
}

/// The chart from the first poll on.
fn polls(stage: &Stage) -> Vec<String> {
    stage.chart().into_iter().skip_while(|line| line != ASKED).collect()
}

/// Fragments until each poll was judged, and those that were to follow.
fn batches(stage: &Stage) -> Vec<(u16, u16)> {
    let polled = |event: &Event| match *event {
        Event::Polled { fragments, batch, .. } => Some((fragments, batch)),
        _ => None,
    };
    stage.events.iter().filter_map(polled).collect()
}

fn fragments(stage: &Stage) -> Vec<u16> {
    stage.multicasts.iter().filter_map(|(_, tx)| Some(fragment(tx)?.0)).collect()
}

const ASKED: &str = "S->* FragSessionStatusReq 0";

/// Three of four devices answer: two at once, one ten seconds after the window has opened.
fn three_answers(spec: CampaignSpec) -> Stage {
    let window = first_window(spec.clone());
    let mut stage = Stage::new(spec).device(1, misses(3)).device(2, misses(2)).device(3, waits());
    stage.answer_at(window + Duration::from_secs(10), 3, status_ans(4, false));
    stage
}

#[test]
fn what_all_but_the_outvoted_need_is_sent_while_others_may_answer() {
    let mut stage = three_answers(overlapped(4));
    assert_eq!(stage.run().status, CampaignStatus::Succeeded);
    let chart = polls(&stage);
    assert_eq!(
        chart[..8],
        [
            ASKED,
            ASKED,
            "D1->S FragSessionStatusAns missing 3",
            "D2->S FragSessionStatusAns missing 2",
            // One may be outvoted: at least two are needed.
            "S->* DataFragment 12..13",
            // Now a second one needs at least three: one more, and the rest when the window is closed.
            "D3->S FragSessionStatusAns missing 4",
            "S->* DataFragment 14..18",
            ASKED,
        ]
    );
    // 5 / (1 − 5/22) is seven in all.
    assert_eq!(batches(&stage)[0], (14, 4));
    let window = first_window(overlapped(4));
    let sent_at = |n: u16| {
        let at = stage.multicasts.iter().find(|(_, tx)| fragment(tx).is_some_and(|(sent, _)| sent == n));
        at.map(|(at, _)| at.since(START).saturating_sub(window).as_secs())
    };
    assert!(sent_at(14) < Some(12) && sent_at(15) >= Some(26), "{:?}, {:?}", sent_at(14), sent_at(15));
}

#[test]
fn no_more_is_sent_than_without() {
    let mut plain = overlapped(4);
    plain.config.adaptive_overlap = false;
    let (mut plain, mut ahead) = (three_answers(plain), three_answers(overlapped(4)));
    plain.run();
    ahead.run();
    assert_eq!(fragments(&ahead), fragments(&plain));
    // The poll is over before anything is sent.
    assert_eq!(batches(&plain)[0], (11, 7));
    let polled_again = |stage: &Stage| {
        let polls = stage.multicasts.iter().filter(|(_, tx)| tx.payload[0] == 1);
        polls.map(|(at, _)| *at).nth(2)
    };
    assert!(polled_again(&ahead) < polled_again(&plain));
}

#[test]
fn what_one_device_needs_waits_for_the_others() {
    let mut stage = Stage::new(overlapped(3)).device(1, misses(4));
    stage.run();
    assert_eq!(batches(&stage)[0].0, 11);
}

#[test]
fn what_only_those_need_who_may_fail_waits_too() {
    let mut spec = overlapped(10);
    spec.config.success_threshold = Percent::whole(70);
    let mut stage = Stage::new(spec);
    for n in 1..=3 {
        stage = stage.device(n, misses(4));
    }
    stage.run();
    assert_eq!(batches(&stage)[0].0, 11);
}

#[test]
fn a_count_that_may_be_behind_is_not_heeded_before_its_time() {
    let mut spec = overlapped(3);
    for device in &mut spec.devices {
        device.quirks = Quirks::NONE.with(Quirk::MissingFragLags);
    }
    let mut stage = Stage::new(spec).device(1, misses(4)).device(2, misses(3));
    stage.run();
    assert_eq!(batches(&stage)[0].0, 11);
}

#[test]
fn who_says_that_it_is_complete_needs_nothing_any_more() {
    let spec = overlapped(3);
    let window = first_window(spec.clone());
    let mut stage = Stage::new(spec).device(1, misses(4)).device(2, waits());
    // A device that says that it misses one, and then that it misses none, before another one answers.
    stage.answer_at(window - Duration::from_secs(1), 2, status_ans(3, false));
    stage.answer_at(window - Duration::from_millis(900), 2, status_ans(0, false));
    stage.run();
    assert_eq!(batches(&stage)[0].0, 11);
}

#[test]
fn a_fragment_that_is_refused_while_answers_come_in_is_sent_again() {
    let refused = |times: u32| {
        let mut left = times;
        three_answers(overlapped(4)).multicast_fate(move |_, tx| {
            let refuses = left > 0 && fragment(tx).is_some_and(|(n, _)| n == 13);
            left -= u32::from(refuses);
            refuses.then_some(BUSY)
        })
    };
    let mut stage = refused(2);
    assert_eq!(stage.run().status, CampaignStatus::Succeeded);
    let sent = fragments(&stage);
    assert_eq!(sent[11..16], [12, 13, 13, 13, 14]);
    assert_eq!(sent.last(), Some(&18));
}

#[test]
fn a_pause_while_answers_come_in_sends_nothing_and_loses_nothing() {
    let window = first_window(overlapped(4));
    let mut stage = three_answers(overlapped(4))
        .order(window + Duration::from_millis(1_500), Order::Pause)
        .order(window + Duration::from_secs(60), Order::Resume);
    assert_eq!(stage.run().status, CampaignStatus::Succeeded);
    let paused = |at: GpsInstant| {
        let after = at.since(START);
        after > window + Duration::from_millis(1_500) && after < window + Duration::from_secs(60)
    };
    assert!(!stage.multicasts.iter().any(|(at, _)| paused(*at)));
    let mut sent = fragments(&stage);
    sent.dedup();
    assert_eq!(sent, (1..=18).collect::<Vec<_>>());
}

#[test]
fn a_crash_after_any_output_leaves_no_gap_and_repeats_what_it_was() {
    let mut whole = three_answers(overlapped(4));
    let status = whole.run().status;
    for crash in 1..=whole.outputs {
        let mut stage = three_answers(overlapped(4)).crash_after(crash).snapshot_every(3);
        // An answer may be lost with the crash.
        assert_eq!(stage.run().status, status, "crash after output {crash}");
        let mut once = BTreeMap::new();
        for (_, tx) in &stage.multicasts {
            if let Some(before) = once.insert(tx.id, tx.payload.clone()) {
                assert_eq!(before, tx.payload);
            }
        }
        let mut numbers = fragments(&stage);
        numbers.dedup();
        let last = numbers.last().copied().unwrap_or_default();
        assert!(last >= 14, "crash after output {crash}: {last}");
        assert_eq!(numbers, (1..=last).collect::<Vec<_>>(), "crash after output {crash}");
    }
}

#[test]
fn a_campaign_that_is_handed_over_whenever_it_waits_sends_the_same() {
    let mut whole = three_answers(overlapped(4));
    let mut stage = three_answers(overlapped(4)).handed_over();
    assert_eq!(stage.run(), whole.run());
    assert_eq!(stage.chart(), whole.chart());
}

#[test]
fn a_probe_is_answered_before_any_fragment() {
    let mut spec = overlapped(3);
    spec.config.probe_at_start = true;
    let hears = |heard: &Heard, nth: u32, now: GpsInstant| match heard {
        Heard::Status { multicast: true, .. } if nth == 1 => answer_missing(heard, now, 10),
        _ => good(heard, now),
    };
    let mut stage = Stage::new(spec).device(1, hears).device(2, hears).device(3, hears);
    assert_eq!(stage.run().complete, 3);
    let chart: Vec<_> = stage.chart().into_iter().skip_while(|line| !line.starts_with("S->*")).collect();
    assert_eq!(chart[0], "S->* FragSessionStatusReq 1");
    assert!(chart[1..4].iter().all(|line| line.ends_with("FragSessionStatusAns missing 10")), "{chart:#?}");
    assert_eq!(chart[4], "S->* DataFragment 1..11");
}
