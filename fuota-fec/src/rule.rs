//! The two parity rules: which uncoded fragments a parity fragment is the sum of.

use core::num::{NonZeroU16, NonZeroU32};

use crate::FecError;
use crate::bits;
use crate::geometry::row_words;
use crate::prbs::Prbs23;

/// How the row of a parity fragment is drawn. The session's package version decides, not `FragAlgo`, which is
/// 0 in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParityRule {
    /// TS004-1.0.0: ⌊M/2⌋ draws; a fragment drawn twice is taken once and both draws count.
    V1,
    /// TS004-2.0.0: draws until ⌊M/2⌋ different fragments are taken.
    V2,
}

impl ParityRule {
    /// Writes the row of parity fragment k = N − M over `nb_frag` uncoded ones: bit i of word i / 32 is set
    /// if the fragment at 0-based place i is part of the sum.
    ///
    /// # Errors
    /// [`FecError::RowLength`] if `row` has fewer than ⌈M/32⌉ words; longer is fine, the rest is cleared.
    pub fn row(self, nb_frag: u16, k: NonZeroU16, row: &mut [u32]) -> Result<(), FecError> {
        let expected = row_words(nb_frag);
        if row.len() < expected {
            return Err(FecError::RowLength { expected, got: row.len() });
        }
        self.fill(nb_frag, k.get(), row);
        Ok(())
    }

    /// [`row`](Self::row) for a buffer that is known to be long enough.
    pub(crate) fn fill(self, nb_frag: u16, k: u16, row: &mut [u32]) {
        bits::clear(row);
        let m = u32::from(nb_frag);
        // A power of two would make the low bits of the register the draw, so one more value is allowed and
        // drawn again.
        let modulus = m + u32::from(m.is_power_of_two());
        let divisor = Divisor::new(NonZeroU32::new(modulus).unwrap_or(NonZeroU32::MIN));
        let mut prbs = Prbs23::for_row(k);
        let mut left = nb_frag / 2;
        while left > 0 {
            let draw = divisor.remainder(prbs.step());
            if draw >= m {
                continue;
            }
            let Some(word) = row.get_mut((draw / 32) as usize) else { break };
            let one = 1 << (draw % 32);
            let repeated = *word & one != 0;
            *word |= one;
            if repeated && self == Self::V2 {
                continue;
            }
            left -= 1;
        }
    }
}

/// Whether the core divides faster than it multiplies three times. The cores without an instruction for division are
/// those without atomic exchange, which is what can be asked for; elsewhere it takes longer than here.
const DIVIDES: bool = cfg!(all(target_arch = "arm", target_has_atomic = "32"));

/// What it takes to divide by the same number again and again.
struct Divisor {
    divisor: NonZeroU32,
    /// 2^shift / divisor, of 16 bits.
    inverse: u32,
    shift: u32,
}

impl Divisor {
    /// For divisors up to 2^14.
    fn new(divisor: NonZeroU32) -> Self {
        let (mut inverse, mut rest, mut shift) = (0, 1, 0);
        // One bit of the quotient at a time, until there are enough of them.
        while !DIVIDES && inverse < 1 << 15 {
            inverse <<= 1;
            rest <<= 1;
            shift += 1;
            if rest >= divisor.get() {
                rest -= divisor.get();
                inverse |= 1;
            }
        }
        Self { divisor, inverse, shift }
    }

    /// `number` modulo the divisor, for numbers of 24 bits.
    fn remainder(&self, number: u32) -> u32 {
        if DIVIDES { number % self.divisor } else { self.by_multiplication(number) }
    }

    fn by_multiplication(&self, number: u32) -> u32 {
        // Too small by a little: what the 8 low bits and the rounded inverse leave out.
        let quotient = ((number >> 8) * self.inverse) >> (self.shift - 8);
        let divisor = self.divisor.get();
        let mut rest = number - quotient * divisor;
        while rest >= divisor {
            rest -= divisor;
        }
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_takes_no_less_room_than_it_has_words_and_clears_the_rest() {
        let first = NonZeroU16::MIN;
        let (mut exact, mut longer) = ([0; 2], [u32::MAX; 3]);
        assert_eq!(
            ParityRule::V2.row(40, first, &mut exact[..1]),
            Err(FecError::RowLength { expected: 2, got: 1 })
        );
        assert_eq!(ParityRule::V2.row(40, first, &mut exact), Ok(()));
        assert_eq!(ParityRule::V2.row(40, first, &mut longer), Ok(()));
        assert_eq!((&longer[..2], longer[2]), (&exact[..], 0));
    }

    #[test]
    fn remainders_are_those_of_division() {
        for divisor in (2..300).chain([1000, 1024, 1025, 4095, 8191, 8193, 16383]) {
            let fast = Divisor::new(NonZeroU32::new(divisor).unwrap());
            for number in (0..1 << 24).step_by(997).chain((1 << 24) - 300..1 << 24).chain(0..300) {
                assert_eq!(fast.by_multiplication(number), number % divisor, "{number} modulo {divisor}");
            }
        }
    }
}
