//! The device side: elimination on bits in RAM, bytes in a store.

mod deferred;
mod deferred_steps;
mod ops;
mod shared;
mod tableau;
mod triangle;
mod triangular;
mod triangular_steps;

pub use deferred::DeferredDecoder;
pub use ops::{Op, Steps, apply, run};
pub use triangular::Decoder;

use crate::geometry::row_words;

/// Parity slots beyond the largest number of lost fragments in [`Mode::Deferred`]: room for fragments that
/// turn out to bring nothing.
pub const SPARE_PARITY: u16 = 16;

/// How a decoder spends memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mode {
    /// A triangle over the lost fragments and one accumulator: the least RAM, bytes are added on arrival.
    Triangular,
    /// A square over the lost fragments: parity is kept as it came and solved at the end, a few columns per
    /// pass, which reads the store far less often.
    Deferred,
}

impl Mode {
    /// Parity slots that a store needs for `max_lost` unknown fragments.
    #[must_use]
    pub const fn parity_slots(self, max_lost: u16) -> u16 {
        match self {
            Self::Triangular => max_lost,
            Self::Deferred => max_lost.saturating_add(SPARE_PARITY),
        }
    }
}

/// 32-bit words of memory that a decoder needs for `fragments` uncoded fragments of which up to `max_lost`
/// may be unknown when parity begins to count.
///
/// For [`Mode::Deferred`] it is the least: what is lent beyond it goes into the masks of a pass. With one
/// word per accumulator a row is worked through in ⌈M/32⌉ blocks, with ⌈M/32⌉ words in one.
#[must_use]
pub const fn words(mode: Mode, fragments: u16, max_lost: u16) -> usize {
    let matrix = match mode {
        Mode::Triangular => triangle::halves(max_lost).div_ceil(2),
        // A word for a mask, at least.
        Mode::Deferred => tableau::words(max_lost) + 1,
    };
    2 * row_words(fragments) + matrix
}

/// What a fragment changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Progress {
    /// It counted; so many independent fragments are still needed.
    NeedMore {
        /// Independent fragments still needed: MissingFrag of `FragSessionStatusAns` before it saturates.
        missing: u16,
    },
    /// It brought nothing new.
    Redundant,
    /// Enough has been received; solving finds the rest of the data block.
    Solvable,
    /// The data block is whole.
    Complete,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two sets of all fragments, and a matrix over the lost ones.
    #[test]
    fn the_memory_asked_for_is_that_of_the_documentation() {
        // Triangular: row i has i bits, in halves of words.
        assert_eq!(words(Mode::Triangular, 64, 0), 4);
        assert_eq!(words(Mode::Triangular, 64, 32), 4 + (16 + 32) / 2);
        assert_eq!(words(Mode::Triangular, 1000, 100), 64 + 182);
        // Deferred: an equation and a parity slot for each, spare slots, and a row for each and one to work in.
        let spare = usize::from(SPARE_PARITY);
        assert_eq!(words(Mode::Deferred, 64, 0), 4 + spare.div_ceil(2) + 1);
        assert_eq!(words(Mode::Deferred, 64, 32), 4 + (64 + spare + 33 * 2).div_ceil(2) + 1);
    }
}
