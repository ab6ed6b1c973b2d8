//! How closely a group's frames follow one another, and how long many of them take.
//!
//! In class C only the gap counts. In class B a frame starts in a ping slot, and those do not come evenly: where
//! they begin differs from beacon period to beacon period, and around each beacon there are none.
//!
//! ```text
//!   beacon ├ reserved ┤·····slot─────slot─────slot···├ guard ┤ beacon     first slot: anywhere in its ping period
//! ```

use core::time::Duration;

use fuota_proto::PingSlotPeriodicity;

use crate::campaign::io::SessionClass;

/// Length of a beacon period (LoRaWAN 1.0.3 §11).
const BEACON_PERIOD: Duration = Duration::from_secs(128);
/// Time around a beacon in which no slot begins: 2.120 s after it and 3 s before the next.
const SILENCE: Duration = Duration::from_millis(5_120);
/// Ping period of Periodicity 0: 2^5 slots of 30 ms.
const PING_PERIOD_0: Duration = Duration::from_millis(960);

/// When frames of one length may follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::campaign) struct Pacing {
    /// Least time from the start of a frame to the start of the next.
    pub(super) gap: Duration,
    /// The group's ping slots; `None` in class C.
    pub(super) slots: Option<PingSlotPeriodicity>,
}

impl Pacing {
    pub(in crate::campaign) const fn new(class: SessionClass, gap: Duration) -> Self {
        let slots = match class {
            SessionClass::B { periodicity } => Some(periodicity),
            SessionClass::C => None,
        };
        Self { gap, slots }
    }

    /// Most time that so many frames take, from the moment when the first may be sent to the moment when one
    /// more might.
    pub(in crate::campaign) fn duration(self, frames: u32) -> Duration {
        let Some(slots) = self.slots else { return self.gap.saturating_mul(frames) };
        let period = ping_period(slots);
        let per_beacon = slots.pings_per_beacon_period();
        // Every so many-th slot can be used, from this one of a beacon period on at the latest.
        let step = ceil_div(self.gap, period).max(1);
        let first = ceil_div(self.gap.saturating_sub(SILENCE), period);
        if first >= per_beacon {
            // The gap may outlast a beacon period: each frame waits for its slot alone.
            return self.gap.saturating_add(slot_wait(slots)).saturating_mul(frames);
        }
        let in_a_beacon_period = (per_beacon - 1 - first) / step + 1;
        let whole = BEACON_PERIOD.saturating_mul(frames / in_a_beacon_period);
        let rest = period.saturating_mul(step.saturating_mul(frames % in_a_beacon_period));
        // The round begins anywhere in a beacon period and leaves another unfinished.
        let ends = period.saturating_mul(step).saturating_add(slot_wait(slots)).saturating_mul(2);
        whole.saturating_add(rest).saturating_add(ends)
    }

    /// Most frames whose [`duration`](Self::duration) is within `time`, at most `most`.
    pub(super) fn frames_within(self, time: Duration, most: u32) -> u32 {
        let (mut fit, mut too_many) = (0, most.saturating_add(1));
        while too_many - fit > 1 {
            let middle = fit + (too_many - fit) / 2;
            if self.duration(middle) <= time { fit = middle } else { too_many = middle }
        }
        fit
    }
}

/// Time from one ping slot to the next within a beacon period.
pub(super) const fn ping_period(slots: PingSlotPeriodicity) -> Duration {
    PING_PERIOD_0.saturating_mul(1 << slots.get())
}

/// Longest wait for a ping slot: over a beacon, from a period whose slots come early to one whose slots come late.
pub(super) const fn slot_wait(slots: PingSlotPeriodicity) -> Duration {
    ping_period(slots).saturating_mul(2).saturating_add(SILENCE)
}

/// How often `part` goes into `whole`, rounded up.
pub(super) fn ceil_div(whole: Duration, part: Duration) -> u32 {
    let times = whole.as_micros().div_ceil(part.as_micros().max(1));
    u32::try_from(times).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Starts of the frames, one by one, with the first slot of each beacon period where `offsets` says.
    fn starts(pacing: Pacing, frames: u32, begin: Duration, offsets: &[f64]) -> Vec<Duration> {
        let slots = pacing.slots.unwrap();
        let period = ping_period(slots);
        let next_slot = |wanted: Duration| {
            (0..)
                .flat_map(|beacon: u32| {
                    let offset = period.mul_f64(offsets[beacon as usize % offsets.len()]);
                    let first = BEACON_PERIOD * beacon + Duration::from_millis(2_120) + offset;
                    (0..slots.pings_per_beacon_period()).map(move |n| first + period * n)
                })
                .find(|slot| *slot >= wanted)
                .unwrap()
        };
        let mut ready = begin;
        (0..frames)
            .map(|_| {
                let start = next_slot(ready);
                ready = start + pacing.gap;
                start
            })
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn no_order_of_slots_takes_longer_than_planned(
            k in 0u8..=7,
            gap_ms in 50u64..200_000,
            frames in 1u32..60,
            begin_ms in 0u64..128_000,
            offsets in proptest::collection::vec(0.0f64..0.999, 1..8),
        ) {
            let slots = PingSlotPeriodicity::new(k).unwrap();
            let pacing = Pacing { gap: Duration::from_millis(gap_ms), slots: Some(slots) };
            let begin = Duration::from_millis(begin_ms);
            let starts = starts(pacing, frames, begin, &offsets);
            let end = *starts.last().unwrap() + pacing.gap;
            prop_assert!(end - begin <= pacing.duration(frames));
        }
    }

    #[test]
    fn the_plan_for_many_frames_is_close_to_what_they_take() {
        let offsets: Vec<_> = (0..97).map(|i| f64::from(i * 37 % 97) / 97.0).collect();
        for (k, gap_ms) in [(0, 700), (2, 3_945), (4, 7_000), (5, 30_000)] {
            let slots = PingSlotPeriodicity::new(k).unwrap();
            let pacing = Pacing { gap: Duration::from_millis(gap_ms), slots: Some(slots) };
            let taken = *starts(pacing, 200, Duration::ZERO, &offsets).last().unwrap();
            let planned = pacing.duration(200);
            assert!(planned >= taken);
            assert!(planned.as_secs_f64() < 1.35 * taken.as_secs_f64(), "{k}: {planned:?} for {taken:?}");
        }
    }

    #[test]
    fn in_class_c_only_the_gap_counts() {
        let pacing = Pacing { gap: Duration::from_millis(3_945), slots: None };
        assert_eq!(pacing.duration(215), Duration::from_millis(3_945) * 215);
        assert_eq!(pacing.frames_within(Duration::from_millis(3_945) * 215, 16_383), 215);
        assert_eq!(pacing.frames_within(Duration::from_millis(3_945) * 216, 215), 215);
        assert_eq!(pacing.frames_within(Duration::from_millis(3_944), 215), 0);
    }
}
