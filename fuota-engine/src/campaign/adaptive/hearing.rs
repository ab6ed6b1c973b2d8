//! What a poll's answers come to: whom to believe, and how much those need.

use alloc::vec::Vec;

use super::ballot::{Ballot, MINORITY_MARGIN, dissenters, step};
use super::count::Count;
use super::repair::Need;
use crate::campaign::Campaign;
use crate::campaign::member::Member;
use crate::campaign::stream::{Key, Stream};

/// Counts that cannot be true are the devices' fault unless more than one in so many say them.
const DEVICES_PER_LIAR: u32 = 20;
/// Counts that stand for any number are the devices' fault if no more than one in so many say them.
const DEVICES_PER_SATURATED: u32 = 50;
/// One in so many devices, or fewer, miss something because of where they are.
const DEVICES_PER_FEW: u32 = 32;
/// Where nobody is shown to lie, as many of a thousand honest devices may be taken for liars as may be outvoted, and no more
/// than this in a fleet of any size.
const MOST_OUTVOTED_PERMILLE: u32 = 10;
/// Honest devices in a thousand that may be taken for liars for each liar that there is.
const PERMILLE_PER_LIAR: u32 = 10;
/// Of a thousand honest devices, most that may be taken for liars.
pub(super) const MOST_PERMILLE: u16 = 100;

/// A poll's answers, weighed.
#[derive(Debug, Default)]
pub(super) struct Hearing {
    /// Devices that are believed to miss something.
    pub(super) named: u32,
    /// Fragments that these need.
    pub(super) batch: u16,
    /// Devices that are not believed.
    pub(super) suspects: u32,
    /// The most that any device says it is missing.
    pub(super) largest: Option<u8>,
    /// What each device needs that is believed; left out behind a single gateway, where nobody asks.
    pub(super) needs: Vec<Need>,
    /// Whether the batch is only for those who say that they miss 255 or more.
    pub(super) for_saturated: bool,
    /// Devices that are not believed from now on.
    newly_suspect: Vec<u32>,
}

impl Campaign {
    /// Weighs what the devices of a stream said in its last poll.
    pub(super) fn hear(&mut self, at: usize) -> Hearing {
        let hearing = self.streams.get(at).and_then(|stream| self.weigh(stream)).unwrap_or_default();
        for &index in &hearing.newly_suspect {
            self.roster.update(index, |member| member.track.suspect = true);
        }
        hearing
    }

    fn weigh(&self, stream: &Stream) -> Option<Hearing> {
        let nb_frag = self.plan.group(stream.key.group)?.block()?.geometry.nb_frag();
        let (course, asked_at) = (stream.course, stream.early.asked_at());
        // Sent while answers came in.
        let ahead = u32::from(stream.sent().saturating_sub(asked_at));
        let of_poll = |(index, member): (u32, &'_ Member)| {
            let speaks = member.is_running()
                && member.track.named_in() == course.polls
                && Key::of(&self.plan, member) == stream.key;
            let missing = member.missing_frag.filter(|missing| *missing > 0 && speaks)?;
            Some((index, member.track, Count { missing, nb_frag, sent: member.track.counted_at }))
        };
        let named = || self.roster.indices().zip(self.roster.members()).filter_map(of_poll);
        // Where some are shown to lie, a doubtful device is more likely to be another one than to be unlucky.
        let liars = named().filter(|(_, track, count)| track.suspect && track.is_stuck(*count, 1)).count();
        let liars = u32::try_from(liars).unwrap_or(u32::MAX);
        let outvoted = dissenters(course.devices).min(MOST_OUTVOTED_PERMILLE);
        let permille = outvoted.saturating_add(liars.saturating_mul(PERMILLE_PER_LIAR));
        let permille = u16::try_from(permille).unwrap_or(MOST_PERMILLE).min(MOST_PERMILLE);

        let all = u32::try_from(named().count()).unwrap_or(u32::MAX);
        let few = are_few(all, DEVICES_PER_FEW, course.devices);
        let (mut believed, mut doubted, mut saturated) = (Vec::new(), Vec::new(), Vec::new());
        let mut hearing = Hearing::default();
        for (index, track, count) in named() {
            hearing.largest = hearing.largest.max(Some(count.missing));
            // Counted from when the poll began.
            let later = u32::from(count.sent.saturating_sub(asked_at));
            let need = (index, track.need(count, permille, few).saturating_add(later));
            if count.is_impossible() {
                hearing.suspects += 1;
            } else if track.suspect || track.is_stuck(count, permille) {
                doubted.push(need);
            } else if count.is_saturated() {
                saturated.push(need);
            } else {
                believed.push(need);
            }
        }
        let no_more_than = |needs: &[Need], per: u32| {
            u32::try_from(needs.len()).is_ok_and(|devices| are_few(devices, per, course.devices))
        };
        // So many devices don't lie: it is the radio.
        let radio = doubted.len() > 1 && !no_more_than(&doubted, DEVICES_PER_LIAR);
        if radio {
            believed.append(&mut doubted);
        }
        let cast = |needs: &[Need]| {
            let mut ballot = Ballot::new(course.devices);
            needs.iter().for_each(|&(_, need)| ballot.cast(need));
            ballot.batch(nb_frag)
        };
        let batch = if radio || saturated.is_empty() || !no_more_than(&saturated, DEVICES_PER_SATURATED) {
            believed.append(&mut saturated);
            cast(&believed)
        } else if !believed.is_empty() {
            // They will say more when those have what they need.
            let batch = cast(&believed);
            believed.append(&mut saturated);
            batch
        } else if !course.saturated_step {
            hearing.for_saturated = true;
            believed.append(&mut saturated);
            cast(&believed).min(u32::from(step(nb_frag)) + MINORITY_MARGIN)
        } else {
            doubted.append(&mut saturated);
            0
        };
        hearing.named = u32::try_from(believed.len()).unwrap_or(u32::MAX);
        hearing.suspects += u32::try_from(doubted.len()).unwrap_or(u32::MAX);
        let still = |need: u32| if need > 0 { need.saturating_sub(ahead).max(1) } else { 0 };
        hearing.batch = u16::try_from(still(batch)).unwrap_or(u16::MAX);
        hearing.newly_suspect = doubted.iter().map(|&(index, _)| index).collect();
        if self.plan.config().multicast_gateways > 1 {
            hearing.needs = believed.into_iter().map(|(index, need)| (index, still(need))).collect();
        }
        Some(hearing)
    }
}

/// Whether these are no more than one in `per` of a fleet.
const fn are_few(devices: u32, per: u32, fleet: u32) -> bool {
    devices.saturating_mul(per) <= fleet
}

/// Whether so few of a fleet say that they miss 255 or more that it is their fault.
pub(super) const fn are_few_saturated(devices: u32, fleet: u32) -> bool {
    are_few(devices, DEVICES_PER_SATURATED, fleet)
}
