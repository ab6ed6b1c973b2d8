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
        let mut prbs = Prbs23::for_row(k);
        let mut left = nb_frag / 2;
        while left > 0 {
            let draw = prbs.step() % modulus;
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
