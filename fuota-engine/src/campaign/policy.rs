//! How losses are made good: what a round consists of, and whether another follows.
//!
//! A new policy is a new variant: every decision about redundancy is one of these functions.

/// A redundancy policy and its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policy {
    /// FEC on: all uncoded fragments and so many parity fragments, once.
    Fixed { parity: u16 },
    /// FEC off: all uncoded fragments, again and again.
    Carousel { rounds_max: u16 },
}

impl Policy {
    /// Fragments of a round are those numbered 1 to this.
    pub(super) const fn last_fragment(self, nb_frag: u16) -> u16 {
        match self {
            Self::Fixed { parity } => nb_frag + parity,
            Self::Carousel { .. } => nb_frag,
        }
    }

    /// Rounds at most, the first included.
    pub(super) const fn rounds_max(self) -> u16 {
        match self {
            Self::Fixed { .. } => 1,
            Self::Carousel { rounds_max } => rounds_max,
        }
    }

    /// Whether fragments travel that only one of the parity rules explains.
    pub(super) const fn has_parity(self) -> bool {
        matches!(self, Self::Fixed { parity } if parity > 0)
    }

    /// Whether a device that kept silent, or ran out of memory for parity, may still be completed by a further
    /// round.
    pub(super) const fn may_still_complete(self) -> bool {
        matches!(self, Self::Carousel { .. })
    }
}
