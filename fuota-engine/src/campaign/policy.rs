//! How losses are made good: which fragments a round consists of, and whether another one follows.

use core::fmt::Debug;

use super::adaptive::Adaptive;

/// A redundancy policy: every decision of the campaign about redundancy is one of these questions.
///
/// ```text
///           first round            further rounds
/// Fixed     1 … M, M+1 … M+R       none
/// Carousel  1 … M                  1 … M, up to datafrag_loops_max in all
/// Adaptive  1 … M, M+1 … M+R0      as many as the devices' answers to polls ask for
/// ```
pub(super) trait RedundancyPolicy: Debug {
    /// The fragments of the `round`-th round, counted from 1, of a block of `nb_frag` uncoded ones; `None` if
    /// there is no such round.
    fn batch(&self, nb_frag: u16, round: u16) -> Option<Batch>;

    /// Rounds at most, the first included.
    fn rounds_max(&self) -> u16;

    /// Whether fragments travel that only one of the parity rules explains.
    fn has_parity(&self) -> bool;

    /// Whether a device that kept silent, or ran out of memory for parity, may still be completed by a further
    /// round.
    fn may_still_complete(&self) -> bool;
}

/// Consecutive fragments, sent in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Batch {
    /// Number of the first, counted from 1.
    pub(super) first: u16,
    /// Number of the last.
    pub(super) last: u16,
}

impl Batch {
    /// How many they are.
    pub(super) const fn len(self) -> u16 {
        (self.last + 1).saturating_sub(self.first)
    }
}

/// FEC on: all uncoded fragments and so many parity fragments, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fixed {
    pub(super) parity: u16,
}

impl RedundancyPolicy for Fixed {
    fn batch(&self, nb_frag: u16, round: u16) -> Option<Batch> {
        (round == 1).then(|| Batch { first: 1, last: nb_frag + self.parity })
    }

    fn rounds_max(&self) -> u16 {
        1
    }

    fn has_parity(&self) -> bool {
        self.parity > 0
    }

    fn may_still_complete(&self) -> bool {
        false
    }
}

/// FEC off: all uncoded fragments, again and again. The status of version 1 counts what is missing but does not
/// name it, so a round repeats them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Carousel {
    pub(super) rounds_max: u16,
}

impl RedundancyPolicy for Carousel {
    fn batch(&self, nb_frag: u16, round: u16) -> Option<Batch> {
        (round <= self.rounds_max).then_some(Batch { first: 1, last: nb_frag })
    }

    fn rounds_max(&self) -> u16 {
        self.rounds_max
    }

    fn has_parity(&self) -> bool {
        false
    }

    fn may_still_complete(&self) -> bool {
        true
    }
}

/// The policy of a group, by value: a plan is copied and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policy {
    Fixed(Fixed),
    Carousel(Carousel),
    Adaptive(Adaptive),
}

impl Policy {
    /// What a group follows that has no fragments to send.
    pub(super) const NONE: Self = Self::Fixed(Fixed { parity: 0 });

    /// The policy itself.
    pub(super) fn get(&self) -> &dyn RedundancyPolicy {
        match self {
            Self::Fixed(policy) => policy,
            Self::Carousel(policy) => policy,
            Self::Adaptive(policy) => policy,
        }
    }

    /// The policy if polls decide about further fragments.
    pub(super) const fn adaptive(&self) -> Option<&Adaptive> {
        match self {
            Self::Adaptive(policy) => Some(policy),
            Self::Fixed(_) | Self::Carousel(_) => None,
        }
    }
}
