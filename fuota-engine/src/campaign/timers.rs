//! When which device needs attention.
//!
//! ```text
//!   set ──▶ bucket of its minute ──opened──▶ run, in order ──▶ the earliest
//!     └───▶ fresh, if that bucket is open ──────────────────────▲
//! ```
//!
//! There may be a million timers, most of which never run out: the device is heard before, and gets another. So none is
//! searched for to be taken out. An entry counts as long as the device still has that deadline, and is passed over when its
//! turn comes otherwise. Setting a timer then writes at the end of a list, and what is in order is in order in memory, too,
//! where a search tree would wait for memory several times.

use alloc::collections::{BTreeMap, BinaryHeap};
use alloc::vec::Vec;
use core::cmp::Reverse;

use crate::time::GpsInstant;

/// A bucket takes 2^26 µs, about a minute.
const BUCKET_BITS: u32 = 26;
/// So many outdated entries never matter.
const FEW: usize = 64;

/// A moment, and whose it is.
type Entry = (GpsInstant, u32);

/// The timers of all devices, one each at most. What is asked for a device's deadline knows it at any time.
#[derive(Clone, Debug, Default)]
pub(super) struct Timers {
    /// Devices by the bucket of their deadline.
    later: BTreeMap<u64, Vec<u32>>,
    /// Entries of these.
    later_count: usize,
    /// How many there were when outdated ones had last been thrown out.
    kept_count: usize,
    /// The first bucket that is not open.
    next_bucket: u64,
    /// Of open buckets, the earliest last.
    run: Vec<Entry>,
    /// What was set when its bucket was open.
    fresh: BinaryHeap<Reverse<Entry>>,
}

const fn bucket(at: GpsInstant) -> u64 {
    at.as_micros() >> BUCKET_BITS
}

impl Timers {
    /// A device has a deadline now. [`tidy`](Self::tidy) has to follow.
    pub(super) fn set(&mut self, at: GpsInstant, index: u32) {
        if bucket(at) < self.next_bucket {
            self.fresh.push(Reverse((at, index)));
        } else {
            self.later.entry(bucket(at)).or_default().push(index);
            self.later_count += 1;
        }
    }

    /// The earliest deadline.
    pub(super) fn first(&self) -> Option<Entry> {
        let fresh = self.fresh.peek().map(|&Reverse(entry)| entry);
        self.run.last().copied().into_iter().chain(fresh).min()
    }

    /// Has outdated entries leave the front: to be called whenever a deadline has changed.
    pub(super) fn tidy(&mut self, deadline: impl Fn(u32) -> Option<GpsInstant>) {
        let counts = |&(at, index): &Entry| deadline(index) == Some(at);
        if self.fresh.len() > FEW + self.run.len() / 4 {
            self.merge(counts);
        }
        if self.later_count > FEW + 2 * self.kept_count {
            self.throw_out(&deadline);
        }
        loop {
            while self.run.pop_if(|entry| !counts(entry)).is_some() {}
            while self.fresh.peek().is_some_and(|Reverse(entry)| !counts(entry)) {
                self.fresh.pop();
            }
            if self.first().is_some() || !self.open(&deadline) {
                return;
            }
        }
    }

    /// Puts what is fresh in order with the rest, so that there is never much of it.
    fn merge(&mut self, counts: impl Fn(&Entry) -> bool) {
        let fresh = core::mem::take(&mut self.fresh).into_vec();
        self.run.retain(&counts);
        self.run.extend(fresh.into_iter().map(|Reverse(entry)| entry).filter(counts));
        // Deadlines are mostly set in their order, and a heap leaves that as it is: two runs, which a stable sort finds.
        self.run.sort_by_key(|entry| Reverse(*entry));
    }

    /// Throws out of later buckets whoever has no deadline there any more.
    fn throw_out(&mut self, deadline: impl Fn(u32) -> Option<GpsInstant>) {
        self.later.retain(|&place, devices| {
            devices.retain(|&index| deadline(index).map(bucket) == Some(place));
            !devices.is_empty()
        });
        self.kept_count = self.later.values().map(Vec::len).sum();
        self.later_count = self.kept_count;
    }

    /// Opens the next bucket, if there is one.
    fn open(&mut self, deadline: impl Fn(u32) -> Option<GpsInstant>) -> bool {
        let Some((place, devices)) = self.later.pop_first() else { return false };
        self.later_count -= devices.len();
        self.next_bucket = place + 1;
        let entries = devices.iter().filter_map(|&index| Some((deadline(index)?, index)));
        self.run = entries.filter(|(at, _)| bucket(*at) == place).collect();
        self.run.sort_unstable_by_key(|entry| Reverse(*entry));
        true
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;
    use alloc::vec;
    use core::time::Duration;

    use proptest::prelude::*;

    use super::*;

    /// What happens to a timer.
    #[derive(Clone, Debug)]
    enum Change {
        /// A device gets this deadline, so long from now, or none.
        Set(u32, Option<Duration>),
        /// So much time passes; who is due is taken.
        Pass(Duration),
    }

    const DEVICES: u32 = 40;

    /// From microseconds to days, so that some share a bucket and a moment.
    fn span() -> impl Strategy<Value = Duration> {
        (0..64_u64, 0..36_u32).prop_map(|(times, power)| Duration::from_micros(times << power))
    }

    fn changes() -> impl Strategy<Value = Vec<Change>> {
        let set =
            (0..DEVICES, proptest::option::weighted(0.9, span())).prop_map(|(n, at)| Change::Set(n, at));
        proptest::collection::vec(prop_oneof![9 => set, 1 => span().prop_map(Change::Pass)], 0..600)
    }

    proptest! {
        /// The slow twin is a set in order, from which what is outdated is removed at once.
        #[test]
        fn the_earliest_is_that_of_a_set_in_order(changes in changes()) {
            let (mut timers, mut twin) = (Timers::default(), BTreeSet::new());
            let mut deadlines = vec![None; DEVICES as usize];
            let mut now = GpsInstant::from_secs(1_400_000_000);
            let mut set = |timers: &mut Timers, twin: &mut BTreeSet<Entry>, index: u32, at: Option<GpsInstant>| {
                let old = core::mem::replace(&mut deadlines[index as usize], at);
                old.map(|old| twin.remove(&(old, index)));
                if let Some(at) = at {
                    timers.set(at, index);
                    twin.insert((at, index));
                }
                timers.tidy(|index| deadlines[index as usize]);
            };
            for change in changes {
                match change {
                    Change::Set(index, span) => set(&mut timers, &mut twin, index, span.map(|span| now + span)),
                    Change::Pass(span) => {
                        now += span;
                        while let Some((_, index)) = timers.first().filter(|(at, _)| *at <= now) {
                            prop_assert_eq!(timers.first(), twin.first().copied());
                            set(&mut timers, &mut twin, index, None);
                        }
                    }
                }
                prop_assert_eq!(timers.first(), twin.first().copied());
            }
        }
    }

    /// A device that is heard again and again leaves an entry behind each time.
    #[test]
    fn outdated_entries_do_not_pile_up() {
        for step in [1, 1 << BUCKET_BITS] {
            let (mut timers, mut deadlines) = (Timers::default(), [GpsInstant::EPOCH; 10]);
            for n in 1..100_000_u32 {
                let index = n % 10;
                deadlines[index as usize] = GpsInstant::from_micros(u64::from(n) * step + (1 << 40));
                timers.set(deadlines[index as usize], index);
                timers.tidy(|index| deadlines.get(index as usize).copied());
            }
            assert_eq!(timers.later_count, timers.later.values().map(Vec::len).sum::<usize>());
            let entries = timers.later_count + timers.run.len() + timers.fresh.len();
            assert!(entries < 4 * FEW, "{entries} entries of 10 devices");
        }
    }
}
