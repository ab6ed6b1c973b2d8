//! What one device's counts say: how much more it needs, and whether they can be true.
//!
//! Whole numbers throughout, so that every machine comes to the same.

/// A count of so many fragments stands for so many or more: `MissingFrag` has eight bits (TS004-1.0.0 §3.2).
pub(super) const SATURATED: u8 = u8::MAX;
/// A need doubles with each poll that brought a device nothing, up to so often.
const MOST_DOUBLINGS: u8 = 4;
/// So many of the fragments to come may be received by luck.
const LUCK: u32 = 40;
/// One in so many of the fragments sent is the least that is sent next.
const LEAST: u32 = 200;
/// Added to the fragments without progress that chance explains.
const PATIENCE_MARGIN: u16 = 4;
/// Standard deviations within which nothing is beyond doubt.
const DOUBT: i64 = 6;
/// One, in the fixed point of probabilities.
const ONE: u64 = 1 << 32;

/// How a device's counts have gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub(in crate::campaign) struct Track {
    /// The poll in or after which it last said that it misses something, counted from 1; 0: it never did. There are
    /// fewer than 256.
    named_in: u8,
    /// Fragments sent since it was asked when it last did: no more than a count can show to be needed.
    since: u8,
    /// Fragments sent when it was last asked before it did: its count was taken then or later.
    pub(super) counted_at: u16,
    /// Fragments sent when its count was last heard to fall, or when it first spoke.
    progress_at: u16,
    /// Counts in a row that did not fall although fragments had been sent.
    stalls: u8,
    /// Whether its last count is not believed.
    pub(in crate::campaign) suspect: bool,
}

/// How doubtful it is that a device which fell silent has the block: the less, the more doubtful.
///
/// What it received since it spoke says less than how often it would have to have missed a poll, or its answers to have been
/// lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::campaign) struct Doubt {
    /// Polls since it spoke.
    silent: u16,
    /// By how many fragments it is expected to be beyond what it needs.
    surplus: i64,
}

/// A count and what it refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::campaign) struct Count {
    /// Fragments that the device says it is missing.
    pub(in crate::campaign) missing: u8,
    /// Uncoded fragments, M.
    pub(in crate::campaign) nb_frag: u16,
    /// Fragments sent when it was taken, M + n.
    pub(in crate::campaign) sent: u16,
}

impl Count {
    /// Fragments sent that did not help the device. As good as lost: the rank of a random code falls short of the
    /// fragments received by 1.6 in the mean.
    fn lost(self) -> u32 {
        (u32::from(self.sent) + u32::from(self.missing)).saturating_sub(u32::from(self.nb_frag))
    }

    /// Whether more than half of what was sent was lost on the device.
    pub(in crate::campaign) fn is_mostly_lost(self) -> bool {
        2 * self.lost() > u32::from(self.sent)
    }

    /// Whether no device can count so many.
    pub(in crate::campaign) const fn is_impossible(self) -> bool {
        self.missing as u16 > self.nb_frag
    }

    /// Whether it stands for any number from there on.
    pub(in crate::campaign) const fn is_saturated(self) -> bool {
        self.missing == SATURATED
    }

    /// Fragments to send for the device, one more than it misses: (m + 1) / (1 − p/2), p the share that it lost so
    /// far. Half of p, because whoever misses most was unlucky too, and the whole of it overshoots.
    ///
    /// And never less than 0.5 % of what was sent: another poll takes longer.
    fn need(self) -> u32 {
        let sent = u32::from(self.sent);
        let twice = 2 * sent;
        let hopeful = twice.saturating_sub(self.lost()).max(1);
        ((u32::from(self.missing) + 1) * twice).div_ceil(hopeful).max(sent / LEAST)
    }

    /// Fragments to send for the device where hardly any other misses some: then its place is what made it lose so many,
    /// and it goes on. All but a few of (m + 1) / (1 − p), luck for the rest.
    fn need_of_few(self) -> u32 {
        let sent = u32::from(self.sent);
        let sober = ((u32::from(self.missing) + 1) * sent).div_ceil(sent.saturating_sub(self.lost()).max(1));
        sober.saturating_sub(LUCK)
    }

    /// Fragments without progress that a device which loses as much as this one may see so often in a thousand times: F
    /// with (1 − (1 − p)/2)^F no more than that, and a few more.
    ///
    /// Half of the fragments that arrive help a device that misses only few.
    fn patience(self, permille: u16) -> u16 {
        let sent = u64::from(self.sent.max(1));
        let loss = (u64::from(self.lost()) * ONE / sent).min(ONE * 3 / 5) + ONE / 20;
        let fruitless = u64::midpoint(ONE, loss);
        let (mut chance, mut frames) = (ONE, 0);
        while chance > ONE / 1000 * u64::from(permille.max(1)) {
            chance = (chance * fruitless) >> 32;
            frames += 1;
        }
        frames + PATIENCE_MARGIN
    }
}

impl Track {
    /// The device says, in or after the `poll`-th poll, how many it is missing; `before` is what it said last, and now
    /// `sent` fragments have been sent. What was sent while it answered is held against nobody.
    pub(in crate::campaign) fn note(&mut self, poll: u16, before: Option<u8>, count: Count, sent: u16) {
        let missing = count.missing;
        if before.is_none_or(|before| missing < before) {
            self.progress_at = sent;
            self.stalls = 0;
        } else if missing == SATURATED {
            // It may have fallen from any height to any other.
            self.progress_at = sent;
        } else if count.sent > self.heard_at() {
            self.stalls = self.stalls.saturating_add(1).min(MOST_DOUBLINGS);
        }
        self.counted_at = count.sent;
        self.since = u8::try_from(sent.saturating_sub(count.sent)).unwrap_or(u8::MAX);
        self.named_in = u8::try_from(poll).unwrap_or(u8::MAX);
        self.suspect = count.is_impossible() || count.is_mostly_lost() || self.is_stuck(count, 1);
    }

    /// The poll in or after which it last said that it misses something, counted from 1; 0: it never did.
    pub(in crate::campaign) fn named_in(&self) -> u16 {
        self.named_in.into()
    }

    /// Fragments sent when its count was heard: it was taken then or before.
    fn heard_at(&self) -> u16 {
        self.counted_at.saturating_add(self.since.into())
    }

    /// Whether the device saw more fragments without progress than an honest one does, but for so many of a thousand.
    pub(in crate::campaign) fn is_stuck(&self, count: Count, permille: u16) -> bool {
        count.sent.saturating_sub(self.progress_at) >= count.patience(permille)
    }

    /// Fragments to send for the device, doubled with each count that did not fall; but then no more than show whether it
    /// is stuck. `few` tells whether hardly any other device misses some.
    pub(in crate::campaign) fn need(&self, count: Count, permille: u16, few: bool) -> u32 {
        let need = count.need();
        if self.stalls == 0 {
            return if few { need.max(count.need_of_few()) } else { need };
        }
        let proof = self.progress_at.saturating_add(count.patience(permille)).saturating_sub(count.sent);
        need.saturating_mul(1 << self.stalls.min(MOST_DOUBLINGS)).min(u32::from(proof.max(1)).max(need))
    }

    /// How doubtful it is that a device which last counted `missing` of `nb_frag`, and was silent since, has the block now
    /// that `sent` fragments have been sent and so many `polls` begun; `None` if it is beyond doubt.
    ///
    /// In doubt is what is less than [`DOUBT`] standard deviations, were its losses independent. They may come in bursts.
    pub(in crate::campaign) fn doubt(
        &self,
        missing: u8,
        nb_frag: u16,
        sent: u16,
        polls: u16,
    ) -> Option<Doubt> {
        let then = Count { missing, nb_frag, sent: self.counted_at };
        let (of, since) = (i64::from(then.sent.max(1)), i64::from(sent.saturating_sub(self.heard_at())));
        // Nobody loses next to nothing for sure.
        let lost = i64::from(then.lost()).max(of / 20);
        let surplus = since * (of - lost) - i64::from(missing) * of;
        let variance = since * lost * (of - lost);
        let is_doubtful = surplus < 0 || surplus * surplus < DOUBT * DOUBT * variance;
        let silent = polls.saturating_sub(self.named_in());
        is_doubtful.then_some(Doubt { silent, surplus: surplus / of })
    }

    /// Whether a device that last counted `missing` must still miss some now that `sent` fragments have been sent.
    pub(in crate::campaign) fn must_miss(&self, missing: u8, sent: u16) -> bool {
        sent.saturating_sub(self.counted_at) < u16::from(missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn count(missing: u8, nb_frag: u16, sent: u16) -> Count {
        Count { missing, nb_frag, sent }
    }

    /// A count that was taken when it was heard.
    fn note(track: &mut Track, poll: u16, before: Option<u8>, count: Count) {
        track.note(poll, before, count, count.sent);
    }

    /// The rule as it is written, in floating point.
    fn patience_by_logarithm(loss: f64, permille: u16) -> f64 {
        let loss = loss.min(0.6) + 0.05;
        ((f64::from(permille) / 1000.0).ln() / (1.0 - (1.0 - loss) / 2.0).ln()).ceil() + 4.0
    }

    fn need_by_division(missing: f64, loss: f64, sent: f64) -> f64 {
        let hopeful = (missing + 1.0) / (1.0 - loss / 2.0);
        hopeful.max((sent / 200.0).floor())
    }

    proptest! {
        #[test]
        fn whole_numbers_come_to_what_the_formulas_say(
            nb_frag in 1..16_000_u16,
            parity in 0..400_u16,
            missing in any::<u8>(),
            permille in 1..=200_u16,
        ) {
            let count = count(missing, nb_frag, nb_frag + parity);
            prop_assume!(!count.is_impossible());
            let received = f64::from(nb_frag) - f64::from(missing);
            let sent = f64::from(nb_frag + parity);
            let loss = 1.0 - received / sent;
            // Where a quotient is a whole number either neighbour is right.
            prop_assert!((f64::from(count.need()) - need_by_division(missing.into(), loss, sent).ceil()).abs() <= 1.0);
            prop_assert!((f64::from(count.patience(permille)) - patience_by_logarithm(loss, permille)).abs() <= 1.0);
        }
    }

    #[test]
    fn who_lost_a_tenth_needs_a_twentieth_more_than_it_misses() {
        // 429 + 22 sent, 45 lost: 23 missing. 24 / (1 − 0.0998 / 2) = 25.3.
        assert_eq!(count(23, 429, 451).need(), 26);
        assert_eq!(count(0, 10, 10).need(), 1);
    }

    #[test]
    fn who_is_nearly_alone_in_losing_many_is_sent_what_it_will_lose_too() {
        // 1,000 + 300 sent, 455 lost: 155 missing. 156 / (1 − 0.35 / 2) = 189.1, 156 / (1 − 0.35) = 240.
        assert_eq!(count(155, 1000, 1300).need(), 190);
        assert_eq!(count(155, 1000, 1300).need_of_few(), 200);
        // Of few that it misses luck may bring them all.
        assert_eq!(count(20, 1000, 1300).need_of_few(), 0);
    }

    #[test]
    fn of_a_long_block_no_less_is_sent_than_half_a_percent() {
        assert_eq!(count(1, 1000, 1300).need(), 6);
        assert_eq!(count(1, 215, 260).need(), 3);
    }

    #[test]
    fn a_count_that_does_not_fall_doubles_the_need_until_it_is_not_believed() {
        let mut track = Track::default();
        let mut before = None;
        let mut needs = Vec::new();
        for (poll, sent) in (1..).zip([230, 232, 236, 244, 260]) {
            let count = count(1, 215, sent);
            note(&mut track, poll, before, count);
            needs.push((track.need(count, 1, false), track.suspect));
            before = Some(1);
        }
        let believed = |need| (need, false);
        // As many as show that it is stuck are enough: 17 after the first in all.
        assert_eq!(needs[..4], [believed(3), believed(6), believed(11), believed(3)]);
        assert!(needs[4].1, "thirty fragments, and not one helped");
    }

    #[test]
    fn where_others_lie_a_device_is_given_less_time() {
        let mut track = Track::default();
        note(&mut track, 1, None, count(1, 215, 230));
        note(&mut track, 2, Some(1), count(1, 215, 242));
        let count = count(1, 215, 242);
        assert!(!track.suspect && !track.is_stuck(count, 1));
        assert!(track.is_stuck(count, 50));
    }

    #[test]
    fn polls_without_fragments_between_them_are_no_stall() {
        let mut track = Track::default();
        for poll in 1..=9 {
            note(&mut track, poll, (poll > 1).then_some(3), count(3, 100, 110));
        }
        assert_eq!((track.stalls, track.suspect), (0, false));
    }

    #[test]
    fn counts_that_cannot_be_or_need_more_than_half_again_are_not_believed() {
        for (missing, nb_frag, sent) in [(11, 10, 12), (6, 10, 10), (255, 254, 600), (255, 1000, 1491)] {
            let mut track = Track::default();
            note(&mut track, 1, None, count(missing, nb_frag, sent));
            assert!(track.suspect, "{missing} of {nb_frag} after {sent}");
        }
        for (missing, nb_frag, sent) in [(10, 20, 20), (255, 1000, 1053), (255, 1000, 1490)] {
            let mut track = Track::default();
            note(&mut track, 1, None, count(missing, nb_frag, sent));
            assert!(!track.suspect, "{missing} of {nb_frag} after {sent}");
        }
    }

    #[test]
    fn a_saturated_count_is_no_stall() {
        let mut track = Track::default();
        note(&mut track, 1, None, count(255, 1000, 1053));
        note(&mut track, 2, Some(255), count(255, 1000, 1300));
        assert_eq!((track.stalls, track.suspect), (0, false));
        note(&mut track, 3, Some(255), count(200, 1000, 1400));
        assert_eq!((track.stalls, track.progress_at), (0, 1400));
    }

    #[test]
    fn who_was_sent_hardly_more_than_it_missed_is_in_doubt() {
        let mut track = Track::default();
        // 30 of 229 lost.
        note(&mut track, 1, None, count(16, 215, 229));
        // 17 arrive of 20 in the mean, one more than it missed; the standard deviation is 1.5.
        assert_eq!(track.doubt(16, 215, 249, 3), Some(Doubt { silent: 2, surplus: 1 }));
        assert_eq!(track.doubt(16, 215, 245, 3), Some(Doubt { silent: 2, surplus: -2 }));
        // 35 of 40, and six times 2.1: beyond doubt.
        assert_eq!(track.doubt(16, 215, 269, 3), None);
    }

    /// To be silent in five polls takes more bad luck than to receive none of six fragments.
    #[test]
    fn who_spoke_last_is_in_doubt_most() {
        let (mut early, mut late) = (Track::default(), Track::default());
        note(&mut early, 1, None, count(97, 215, 227));
        note(&mut late, 4, None, count(1, 215, 392));
        let [early, late] =
            [(early, 97), (late, 1)].map(|(track, missing)| track.doubt(missing, 215, 398, 6));
        assert_eq!(early, Some(Doubt { silent: 5, surplus: -8 }));
        assert!(late < early && late.is_some());
    }

    #[test]
    fn fewer_fragments_than_are_missing_complete_nobody() {
        let mut track = Track::default();
        note(&mut track, 1, None, count(20, 100, 110));
        assert!(track.must_miss(20, 129) && !track.must_miss(20, 130));
    }
}
