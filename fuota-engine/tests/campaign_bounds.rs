//! Whatever devices answer to an adaptive campaign's polls, it keeps within its bounds.

mod common;

use common::{Heard, Stage, answer_missing, good, spec};
use fuota_engine::campaign::event::Event;
use fuota_engine::campaign::spec::{CampaignSpec, Redundancy};
use fuota_engine::percent::Percent;
use proptest::prelude::*;

/// What came of a poll.
#[derive(Debug)]
struct Polled {
    poll: u16,
    fragments: u16,
    answers: u32,
}

fn polls(stage: &Stage) -> Vec<Polled> {
    let polled = |event: &Event| match *event {
        Event::Polled { poll, fragments, answers, .. } => Some(Polled { poll, fragments, answers }),
        _ => None,
    };
    stage.events.iter().filter_map(polled).collect()
}

/// Whether the second follows the first: it is the next poll, or the same one once silent devices were asked alone, some of
/// which may have said that they miss something.
fn follows(first: &Polled, second: &Polled) -> bool {
    let judged_again = second.poll == first.poll && second.fragments == first.fragments;
    second.poll == first.poll + 1 || (judged_again && second.answers >= first.answers)
}

/// What a device does with a poll: nothing, or an answer that it misses so many. Whether it has the block is not asked.
fn moods() -> impl Strategy<Value = Vec<Option<u8>>> {
    proptest::collection::vec(proptest::option::weighted(0.7, any::<u8>()), 0..45)
}

/// Devices that answer polls according to their moods.
fn moody(spec: CampaignSpec, devices: Vec<Vec<Option<u8>>>) -> Stage {
    (1..).zip(devices).fold(Stage::new(spec), |stage, (n, moods)| {
        stage.device(n, move |heard, times, now| match heard {
            Heard::Status { .. } => {
                let mood = moods.get(times as usize - 1).copied().flatten();
                mood.filter(|missing| *missing > 0).and_then(|missing| answer_missing(heard, now, missing))
            }
            _ => good(heard, now),
        })
    })
}

#[test]
fn whoever_says_when_asked_alone_that_it_misses_some_is_named_in_that_poll() {
    let mut spec = spec(1);
    spec.groups[0].redundancy = Redundancy::Adaptive;
    // Two fragments of parity and no more.
    spec.config.expected_loss = Percent::whole(10);
    spec.config.adaptive_excess_max = 9;
    spec.config.success_threshold = Percent::whole(1);
    // Each poll asks twice. It speaks in the second, keeps silent in two, and is asked alone.
    let mut stage = moody(spec, vec![vec![None, None, None, Some(1), None, None, None, None, Some(1)]]);
    assert_eq!(stage.run().complete, 0);
    let polls: Vec<_> = polls(&stage).iter().map(|polled| (polled.poll, polled.answers)).collect();
    assert_eq!(polls, [(1, 0), (2, 1), (3, 0), (4, 0), (4, 1)]);
}

proptest! {
    /// Whatever devices answer, the campaign ends within its bounds, and whoever was named last does not count as
    /// complete.
    #[test]
    fn any_answers_lead_to_an_end_within_the_bounds(
        devices in proptest::collection::vec(moods(), 1..6),
        excess in 0..300_u16,
        expected_loss in 0..60_u32,
        threshold in 0..101_u32,
        overlap: bool,
    ) {
        let mut spec = spec(devices.len() as u64);
        spec.groups[0].redundancy = Redundancy::Adaptive;
        spec.config.adaptive_excess_max = excess;
        spec.config.adaptive_overlap = overlap;
        spec.config.expected_loss = Percent::whole(expected_loss);
        spec.config.success_threshold = Percent::whole(threshold);
        let first = Percent::whole(expected_loss).of_rest_ceil(10);
        let most = (10 + first) * (100 + u64::from(excess)) / 100;
        let mut stage = moody(spec, devices);
        let outcome = stage.run();
        let fragments: u32 = stage.campaign.stages().iter().map(|stage| stage.fragments).sum();
        prop_assert!(u64::from(fragments) <= most, "{} of {}", fragments, most);
        let polls = polls(&stage);
        prop_assert!(polls.windows(2).all(|two| follows(&two[0], &two[1])), "{:?}", polls);
        prop_assert!(polls.windows(3).all(|three| three[0].poll < three[2].poll), "{:?}", polls);
        prop_assert!(polls.last().unwrap().poll <= 20);
        prop_assert_eq!(outcome.complete, outcome.inferred);
        // Silence is believed after two polls, so nobody who spoke in the last of them is.
        let answers = polls.last().unwrap().answers;
        prop_assert!((outcome.complete + answers) as usize <= stage.campaign.devices().len());
    }
}
