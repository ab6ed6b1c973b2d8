//! What answers show before a poll is over: fragments that are needed whatever else comes are sent while answers come in.
//!
//! A device that misses m fragments needs at least m more, counted from when it was asked: its count was taken then, or
//! later. Whether it counts when it is asked or when it answers, the standard leaves to it (TS004-1.0.0 §3.2). So as many
//! are sent ahead as all but those who may be outvoted have shown to need. What a poll comes to includes what was sent
//! ahead, so that it is never more than without.

use alloc::collections::BTreeMap;

use fuota_proto::FragN;

use super::POLLS_MAX;
use super::ballot::dissenters;
use super::count::{Count, SATURATED};
use super::hearing::{MOST_PERMILLE, are_few_saturated};
use crate::campaign::Campaign;
use crate::campaign::member::Member;
use crate::campaign::quirk::Quirk;

/// What answers to the poll under way have said so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub(in crate::campaign) struct Early {
    /// Fragments sent when it began.
    asked_at: u16,
    /// Devices by how many fragments they say they are missing; of those only that are believed beyond doubt.
    missing: BTreeMap<u8, u32>,
}

impl Early {
    /// Before the first poll.
    pub(in crate::campaign) const fn new() -> Self {
        Self { asked_at: 0, missing: BTreeMap::new() }
    }

    /// A poll begins, so many fragments sent.
    pub(in crate::campaign) fn begin(&mut self, sent: u16) {
        *self = Self { asked_at: sent, ..Self::new() };
    }

    /// Fragments sent when the poll under way began.
    pub(super) const fn asked_at(&self) -> u16 {
        self.asked_at
    }

    /// A device says something, and what it said before no longer counts.
    fn replace(&mut self, before: Option<u8>, now: Option<u8>) {
        if let Some(devices) = before.and_then(|missing| self.missing.get_mut(&missing)) {
            *devices = devices.saturating_sub(1);
        }
        if let Some(missing) = now {
            let devices = self.missing.entry(missing).or_default();
            *devices = devices.saturating_add(1);
        }
    }

    /// Devices that have said so.
    fn devices(&self) -> u32 {
        self.missing.values().copied().fold(0, u32::saturating_add)
    }

    /// Fragments that all but so many devices of those who miss most are known to need, of a fleet of that size.
    fn needed(&self, outvoted: u32, fleet: u32) -> Option<u8> {
        let saturated = self.missing.get(&SATURATED).copied().unwrap_or_default();
        let counts = |missing: u8| missing != SATURATED || !are_few_saturated(saturated, fleet);
        let mut left = outvoted;
        self.missing.iter().rev().filter(|(missing, _)| counts(**missing)).find_map(|(&missing, &devices)| {
            let decides = devices > left;
            left = left.saturating_sub(devices);
            decides.then_some(missing)
        })
    }
}

impl Campaign {
    /// What a device says it is missing, if it is beyond doubt: its word in the `poll`-th poll.
    pub(super) fn early_word(&self, index: u32, poll: u16, nb_frag: u16) -> Option<u8> {
        let &Member { track, missing_frag, .. } =
            self.roster.get(index).filter(|member| member.is_running())?;
        let missing = missing_frag.filter(|missing| *missing > 0 && track.named_in() == poll)?;
        let count = Count { missing, nb_frag, sent: track.counted_at };
        // Whoever may be doubted once all have answered is not heeded before; nor one whose count may be behind.
        let doubted = track.suspect || track.is_stuck(count, MOST_PERMILLE);
        let behind = self.quirks(index).has(Quirk::MissingFragLags);
        (!doubted && !behind).then_some(missing)
    }

    /// A device of a stream that is polled said something; `before` is what counted until then.
    pub(super) fn get_ahead(&mut self, at: usize, index: u32, before: Option<u8>) {
        let may_fail = self.may_fail();
        let Some(stream) = self.streams.get(at) else { return };
        let Some(block) = self.plan.group(stream.key.group).and_then(|group| group.block()) else { return };
        let now = self.early_word(index, stream.course.polls, block.geometry.nb_frag());
        let (left, _) = self.left(at).unwrap_or_default();
        let Some(stream) = self.streams.get_mut(at) else { return };
        stream.early.replace(before, now);
        // What only those need who may fail is not sent for their sake, and nothing that no poll follows.
        if stream.early.devices() <= may_fail || stream.course.polls >= POLLS_MAX {
            return;
        }
        let fleet = stream.course.devices;
        let Some(needed) = stream.early.needed(dissenters(fleet), fleet) else { return };
        let since = stream.sent().saturating_sub(stream.early.asked_at());
        let further = u16::from(needed).saturating_sub(since).min(left);
        stream.extend(stream.number().saturating_add(further).min(FragN::MAX.get()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn early(counts: &[u8]) -> Early {
        let mut early = Early::new();
        counts.iter().for_each(|missing| early.replace(None, Some(*missing)));
        early
    }

    #[test]
    fn what_all_but_the_outvoted_need_is_the_need_after_theirs() {
        // The slow way: in order, and the one after those who may be outvoted.
        let counts = [3, 9, 9, 1, 20, 7, 9, 2];
        let mut sorted = counts;
        sorted.sort_unstable_by(|a, b| b.cmp(a));
        for outvoted in 0..10_u8 {
            let expected = sorted.get(usize::from(outvoted)).copied();
            assert_eq!(early(&counts).needed(outvoted.into(), 1_000), expected);
        }
    }

    #[test]
    fn who_says_something_else_counts_once() {
        let mut early = early(&[9, 4, 4]);
        early.replace(Some(9), Some(2));
        assert_eq!((early.needed(1, 1_000), early.devices()), (Some(4), 3));
        early.replace(Some(4), None);
        assert_eq!((early.needed(1, 1_000), early.devices()), (Some(2), 2));
    }

    #[test]
    fn few_that_say_255_or_more_wait_for_the_others() {
        let counts = [SATURATED, SATURATED, SATURATED, 8, 7];
        assert_eq!(early(&counts).needed(1, 150), Some(7));
        // More than one in fifty: it is the radio.
        assert_eq!(early(&counts).needed(1, 149), Some(SATURATED));
    }
}
