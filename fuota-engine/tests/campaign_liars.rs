//! Devices that say what is not so: what is sent because of them, and what is not.

// What can't be here is a defect of the test.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Answer, Heard, Stage, answer_missing, good, spec};
use fuota_engine::campaign::event::{CampaignStatus, DeviceStatus, Event};
use fuota_engine::campaign::spec::{CampaignSpec, Redundancy};
use fuota_engine::percent::Percent;
use fuota_engine::time::GpsInstant;

/// A campaign of so many uncoded fragments that wants every device.
fn adaptive(devices: u64, nb_frag: usize) -> CampaignSpec {
    let mut spec = spec(devices);
    spec.image = vec![7; nb_frag];
    spec.config.fsize = Some(1);
    // Twenty minutes pass until the last of 120 devices is heard.
    spec.config.msg_retries = 12;
    spec.groups[0].redundancy = Redundancy::Adaptive;
    spec.config.success_threshold = Percent::whole(100);
    spec
}

/// A device that answers the n-th poll with the n-th of these counts, and later ones with the last; 0 is silence.
fn says(missing: &'static [u8]) -> impl FnMut(&Heard, u32, GpsInstant) -> Answer {
    move |heard, times, now| match heard {
        // The request comes twice and is answered once.
        Heard::Status { multicast: true, .. } if times % 2 == 0 => None,
        Heard::Status { .. } => {
            let poll = (times as usize - 1) / 2;
            answer_missing(heard, now, *missing.get(poll).or(missing.last()).unwrap())
        }
        _ => good(heard, now),
    }
}

/// Of each poll: fragments before it, answers, of these not believed, and fragments after it.
fn polls(stage: &Stage) -> Vec<(u16, u32, u32, u16)> {
    let polled = |event: &Event| match *event {
        Event::Polled { fragments, answers, suspects, batch, .. } => {
            Some((fragments, answers, suspects, batch))
        }
        _ => None,
    };
    stage.events.iter().filter_map(polled).collect()
}

#[test]
fn few_that_say_255_or_more_wait_for_the_others_and_get_one_step() {
    let mut stage = Stage::new(adaptive(60, 1_000)).device(7, says(&[255]));
    let outcome = stage.run();
    assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Failed, 59));
    // 5 % and eight; it would take 437 fragments until it had lost more than half.
    assert_eq!(polls(&stage), [(1_053, 1, 0, 58), (1_111, 1, 1, 0), (1_111, 1, 1, 0)]);
    let seventh = stage.campaign.devices().nth(6).unwrap();
    assert!(seventh.suspect && matches!(seventh.status, DeviceStatus::Failed { .. }));

    // As long as others need something, that alone decides.
    let mut stage = Stage::new(adaptive(120, 1_000))
        .device(7, says(&[255]))
        .device(8, says(&[20, 0]))
        .device(9, says(&[20, 0]));
    stage.run();
    // 21 / (1 − 73/2106) = 21.8.
    assert_eq!(polls(&stage)[..2], [(1_053, 3, 0, 22), (1_075, 1, 0, 58)]);
}

#[test]
fn one_that_said_255_and_counts_down_is_served() {
    let mut stage = Stage::new(adaptive(60, 1_000)).device(7, says(&[255, 230, 150, 60, 0]));
    let outcome = stage.run();
    assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Succeeded, 60));
    assert!(polls(&stage).iter().take(4).all(|&(.., suspects, batch)| suspects == 0 && batch > 0));
}

#[test]
fn in_a_small_fleet_one_that_says_255_is_no_small_minority() {
    let mut stage = Stage::new(adaptive(3, 1_000)).device(2, says(&[255, 255, 255, 100, 0]));
    let outcome = stage.run();
    assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Succeeded, 3));
}

/// Two devices miss what is made good at once, `liars` say for ever that they miss one, and another is heard first in the
/// second poll and says so too.
fn among(liars: usize) -> Vec<(u16, u32, u32, u16)> {
    let mut stage = Stage::new(adaptive(100, 200)).device(1, says(&[25, 0])).device(2, says(&[25, 0]));
    for n in 3..3 + liars {
        stage = stage.device(n, says(&[1]));
    }
    stage = stage.device(50, says(&[0, 1]));
    let outcome = stage.run();
    assert_eq!(outcome.complete as usize, 99 - liars);
    let last = stage.campaign.devices().nth(49).unwrap();
    assert!(last.suspect, "it is named");
    polls(&stage)
}

#[test]
fn where_others_lie_less_is_sent_to_find_out() {
    let since_the_second = |polls: &[(u16, u32, u32, u16)]| polls.iter().skip(1).map(|poll| poll.3).sum();
    let (alone, in_company): (u16, u16) = (since_the_second(&among(0)), since_the_second(&among(3)));
    // Where all other devices are honest chance is given one in a thousand; three liars make it 31.
    assert_eq!((alone, in_company), (22, 12));
}
