//! What a poll says, all devices taken together: how long the next batch is.

use alloc::vec::Vec;

/// One dissenter among so many devices is outvoted.
const DEVICES_PER_DISSENTER: u32 = 1000;
/// Steps that are sent at most to so few devices that they may be outvoted.
const MINORITY_STEPS: u32 = 3;
/// Added to what a minority may ask for.
pub(super) const MINORITY_MARGIN: u32 = 8;

/// The needs that devices have.
#[derive(Clone, Debug)]
pub(super) struct Ballot {
    devices: u32,
    needs: Vec<u32>,
}

impl Ballot {
    /// A poll of so many devices.
    pub(super) const fn new(devices: u32) -> Self {
        Self { devices, needs: Vec::new() }
    }

    /// A device needs so many fragments.
    pub(super) fn cast(&mut self, need: u32) {
        self.needs.push(need);
    }

    /// Fragments to send next, in a block of `nb_frag`: the largest need, as long as it is not much larger than what
    /// others need too.
    ///
    /// With k = one in a thousand devices, at least one: no more than 1.5 times the need after the k largest, and a few;
    /// where no more than k need anything, no more than a [`step`], and a few; but three steps if a second one needs
    /// nearly as much as the first.
    pub(super) fn batch(&mut self, nb_frag: u16) -> u32 {
        let largest = self.needs.iter().copied().max().unwrap_or_default();
        let step = u32::from(step(nb_frag));
        let most = match self.half_again(dissenters(self.devices)) {
            Some(most) => most,
            None => self.half_again(1).unwrap_or_default().clamp(step, step * MINORITY_STEPS),
        };
        largest.min(most.saturating_add(MINORITY_MARGIN))
    }

    /// 1.5 times the need after the so many largest, if there is one.
    fn half_again(&mut self, outvoted: u32) -> Option<u32> {
        let outvoted = usize::try_from(outvoted).ok().filter(|outvoted| *outvoted < self.needs.len())?;
        let (_, next, _) = self.needs.select_nth_unstable_by(outvoted, |a, b| b.cmp(a));
        Some(next.saturating_add(*next / 2))
    }
}

/// So many of these devices may be outvoted.
pub(super) fn dissenters(devices: u32) -> u32 {
    (devices / DEVICES_PER_DISSENTER).max(1)
}

/// What is sent where little is known, or for few: 5 % of the block.
pub(super) const fn step(nb_frag: u16) -> u16 {
    nb_frag.div_ceil(20)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(devices: u32, nb_frag: u16, needs: &[u32]) -> u32 {
        let mut ballot = Ballot::new(devices);
        needs.iter().for_each(|need| ballot.cast(*need));
        ballot.batch(nb_frag)
    }

    #[test]
    fn the_largest_need_decides_while_others_come_near_it() {
        assert_eq!(batch(1000, 429, &[30, 25, 7]), 30);
        assert_eq!(batch(1000, 429, &[45, 25, 7]), 45);
    }

    #[test]
    fn one_in_a_thousand_is_outvoted() {
        assert_eq!(batch(1000, 429, &[400, 10, 9]), 23);
        // Ten may dissent among ten thousand; the eleventh counts.
        let mut needs = [[400; 10].as_slice(), &[20; 500]].concat();
        assert_eq!(batch(10_000, 429, &needs), 38);
        needs.push(400);
        assert_eq!(batch(10_000, 429, &needs), 400);
    }

    #[test]
    fn of_few_one_is_outvoted_and_two_are_not() {
        assert_eq!(batch(10_000, 1_000, &[400]), 50 + 8);
        assert_eq!(batch(10_000, 1_000, &[400, 20]), 50 + 8);
        assert_eq!(batch(10_000, 1_000, &[100, 60]), 90 + 8);
        assert_eq!(batch(10_000, 1_000, &[400, 400, 20]), 150 + 8);
    }

    #[test]
    fn where_hardly_anybody_misses_anything_a_step_is_enough() {
        assert_eq!(batch(1000, 429, &[400]), 22 + 8);
        assert_eq!(batch(1, 10, &[400]), 1 + 8);
        assert_eq!(batch(1000, 429, &[3]), 3);
        assert_eq!(batch(1000, 429, &[]), 0);
    }
}
