//! What is bad about a given M, and which FragSize avoids it.
//!
//! The rows are drawn by a shift register and a division, and for some M the draws are far from random.

mod choice;
mod coverage;
#[cfg(feature = "alloc")]
mod twins;

pub use choice::{pick_frag_size, pick_frag_size_in_steps};
pub use coverage::latest_coverage;
#[cfg(feature = "alloc")]
pub use twins::{Twins, twins};

use core::fmt;

use crate::ParityRule;

/// The most rows that are drawn to compare columns, and to find the first row that covers a fragment.
pub const DRAWN_ROWS: u16 = 512;

/// Something that makes parity weaker than random for a given M.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Weakness {
    /// M = 1: ⌊M/2⌋ = 0, so that every parity row is empty.
    NoParity,
    /// M = 2 or 3: ⌊M/2⌋ = 1, so that parity only repeats single fragments.
    Copies,
    /// M < 20: several fragments beyond M are needed, which is much in proportion.
    Few,
    /// TS004-2.0.0 with ⌊M/2⌋ even: all parity rows have even weight, so that at least one uncoded fragment
    /// has to come.
    EvenWeight,
    /// M is a multiple of 64, but no power of two: a draw modulo M then gives away both taps of the shift
    /// register, draws are followed by the same draws again and again, and at least two pairs of fragments
    /// are taken together by nearly all rows. Who loses both is not helped by hundreds of parity fragments.
    Twins,
    /// A mild form of that: M is an odd multiple of 32, or 47 or 144.
    NearTwins,
    /// Some fragment is first taken by a parity row so late that chance would seldom do it. At low loss, who loses
    /// it needs far more parity than others: with TS004-1.0.0 and M = 50, 7 % of the receivers that lose one fragment
    /// in twenty need more than ten beyond M. See [`latest_coverage`].
    LateCoverage,
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoParity => "all parity rows are empty",
            Self::Copies => "parity only repeats single fragments",
            Self::Few => "fewer than 20 fragments: those needed beyond M are many in proportion",
            Self::EvenWeight => "all parity rows have even weight: one uncoded fragment has to come",
            Self::Twins => "a multiple of 64: pairs of fragments that nearly all parity rows take together",
            Self::LateCoverage => {
                "some fragment is first taken by a late parity row: who loses it has to wait"
            }
            Self::NearTwins => "pairs of fragments that most parity rows take together",
        })
    }
}

/// What is bad about `nb_frag` under a rule, the worst last.
///
/// Each is looked for when its turn comes. [`Weakness::LateCoverage`] takes the drawing of some twenty rows, with 4 KiB
/// of stack: some 0.03 ms at M = 1000 and 1 ms at M = 16383 on a server.
pub fn weaknesses(rule: ParityRule, nb_frag: u16) -> impl Iterator<Item = Weakness> {
    [
        Weakness::Few,
        Weakness::EvenWeight,
        Weakness::LateCoverage,
        Weakness::NearTwins,
        Weakness::Twins,
        Weakness::Copies,
        Weakness::NoParity,
    ]
    .into_iter()
    .filter(move |weakness| weakness.weakens(rule, nb_frag))
}

impl Weakness {
    /// Whether `m` has it under a rule.
    fn weakens(self, rule: ParityRule, m: u16) -> bool {
        match self {
            Self::Few => m < 20,
            Self::EvenWeight => rule == ParityRule::V2 && m > 1 && (m / 2).is_multiple_of(2),
            Self::LateCoverage => coverage::covers_late(rule, m),
            Self::NearTwins => (m % 64 == 32 && m > 32) || m == 47 || m == 144,
            Self::Twins => m.is_multiple_of(64) && !m.is_power_of_two(),
            Self::Copies => m == 2 || m == 3,
            Self::NoParity => m == 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn has(weakness: Weakness, rule: ParityRule, nb_frag: u16) -> bool {
        weaknesses(rule, nb_frag).any(|found| found == weakness)
    }

    #[test]
    fn each_weakness_begins_and_ends_where_it_says() {
        use ParityRule::{V1, V2};

        assert!(has(Weakness::NoParity, V1, 1) && !has(Weakness::NoParity, V1, 2));
        assert_eq!([1, 2, 3, 4].map(|m| has(Weakness::Copies, V1, m)), [false, true, true, false]);
        assert!(has(Weakness::Few, V1, 19) && !has(Weakness::Few, V1, 20));
        // Half of M draws: of 4 or 5 fragments two, of 6 or 7 three. None at all are no parity, not an even one.
        assert_eq!(
            [1, 4, 5, 6, 7, 8].map(|m| has(Weakness::EvenWeight, V2, m)),
            [false, true, true, false, false, true]
        );
        assert!(!has(Weakness::EvenWeight, V1, 8));
        assert_eq!(
            [32, 96, 47, 144, 48].map(|m| has(Weakness::NearTwins, V1, m)),
            [false, true, true, true, false]
        );
        assert_eq!([64, 192, 128, 193].map(|m| has(Weakness::Twins, V1, m)), [false, true, false, false]);
    }

    #[test]
    fn each_weakness_is_told_in_words_of_its_own() {
        let told: BTreeSet<_> = [1, 2, 4, 50, 96, 192]
            .into_iter()
            .flat_map(|m| weaknesses(ParityRule::V1, m).chain(weaknesses(ParityRule::V2, m)))
            .map(|weakness| (std::format!("{weakness:?}"), std::format!("{weakness}")))
            .collect();
        let words: BTreeSet<_> = told.iter().map(|(_, words)| words).collect();
        assert_eq!((told.len(), words.len()), (7, 7), "{told:?}");
        assert!(words.iter().all(|words| !words.is_empty()));
    }
}
