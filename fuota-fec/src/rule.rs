//! The two parity rules: which uncoded fragments a parity fragment is the sum of.

use core::num::NonZeroU16;

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
        row.fill(0);
        let m = u32::from(nb_frag);
        // A power of two would make the low bits of the register the draw, so one more value is allowed and
        // drawn again.
        let modulus = m + u32::from(m.is_power_of_two());
        let divisor = Divisor::new(modulus);
        let mut prbs = Prbs23::for_row(k);
        let mut left = nb_frag / 2;
        while left > 0 {
            let draw = divisor.remainder(prbs.step());
            if draw >= m {
                continue;
            }
            let fresh = bits::set(row, draw);
            if fresh || self == Self::V1 {
                left -= 1;
            }
        }
    }
}

/// Division by multiplication: the smallest cores have no instruction for division.
struct Divisor {
    divisor: u32,
    /// 2^(15 + bits) / divisor, of 16 bits.
    inverse: u32,
    /// Bits of the divisor.
    bits: u32,
}

impl Divisor {
    fn new(divisor: u32) -> Self {
        let bits = u32::BITS - divisor.leading_zeros();
        // 2^(15 + bits) / divisor, one bit at a time.
        let (mut inverse, mut rest) = (0, 1 << (bits - 1));
        for _ in 0..=16 {
            inverse <<= 1;
            if rest >= divisor {
                rest -= divisor;
                inverse |= 1;
            }
            rest <<= 1;
        }
        Self { divisor, inverse, bits }
    }

    /// `number` modulo the divisor, for numbers of 24 bits.
    fn remainder(&self, number: u32) -> u32 {
        // Too small by a little: what the 8 low bits and the rounded inverse leave out.
        let quotient = ((number >> 8) * self.inverse) >> (7 + self.bits);
        let mut rest = number - quotient * self.divisor;
        while rest >= self.divisor {
            rest -= self.divisor;
        }
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remainders_are_those_of_division() {
        for divisor in (2..300).chain([1000, 1024, 1025, 4095, 8191, 8193, 16383]) {
            let fast = Divisor::new(divisor);
            for number in (0..1 << 24).step_by(997).chain((1 << 24) - 300..1 << 24).chain(0..300) {
                assert_eq!(fast.remainder(number), number % divisor, "{number} modulo {divisor}");
            }
        }
    }
}
