//! Any fragment of a data block by its number.

use crate::FecError;
use crate::bits::Ones;
use crate::geometry::{FragmentKind, FragmentNumber, Geometry, MAX_FRAGMENT_NUMBER, row_words};
use crate::rule::ParityRule;
use crate::xor::xor;

/// Makes fragments of one data block, each on its own and in any order.
///
/// Needs no memory but 2 KB of stack for the row of a parity fragment. For many parity fragments at once
/// the batch encoder (feature `alloc`) is far faster.
#[derive(Debug, Clone, Copy)]
pub struct Encoder<'a> {
    geometry: Geometry,
    rule: ParityRule,
    image: &'a [u8],
}

impl<'a> Encoder<'a> {
    /// Takes the data block without its padding.
    ///
    /// # Errors
    /// [`FecError::ImageLength`] if `image` is not what the geometry was made for.
    pub const fn new(geometry: Geometry, rule: ParityRule, image: &'a [u8]) -> Result<Self, FecError> {
        if image.len() != geometry.image_len() {
            return Err(FecError::ImageLength { expected: geometry.image_len(), got: image.len() });
        }
        Ok(Self { geometry, rule, image })
    }

    /// The shape of the data block.
    #[must_use]
    pub const fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// The rule that parity rows are drawn by.
    #[must_use]
    pub const fn rule(&self) -> ParityRule {
        self.rule
    }

    /// Writes fragment `n` into `out`, which is exactly `FragSize` octets long.
    ///
    /// # Errors
    /// [`FecError::FragmentLength`] for another length of `out`.
    pub fn fragment(&self, n: FragmentNumber, out: &mut [u8]) -> Result<(), FecError> {
        self.geometry.check_len(out)?;
        out.fill(0);
        match self.geometry.kind(n) {
            FragmentKind::Uncoded(index) => xor_prefix(out, self.uncoded(index)),
            FragmentKind::Parity(k) => {
                let mut row = [0; row_words(MAX_FRAGMENT_NUMBER)];
                self.rule.fill(self.geometry.nb_frag(), k.get(), &mut row);
                for index in Ones::new(&row) {
                    xor_prefix(out, self.uncoded(index));
                }
            }
        }
        Ok(())
    }

    /// The octets of an uncoded fragment, shorter than `FragSize` where padding follows.
    fn uncoded(&self, index: u16) -> &'a [u8] {
        let rest = self.image.get(self.geometry.fragment_offset(index)..).unwrap_or_default();
        rest.get(..usize::from(self.geometry.frag_size())).unwrap_or(rest)
    }
}

/// Adds a fragment whose padding has been left away: zeros add nothing.
fn xor_prefix(out: &mut [u8], fragment: &[u8]) {
    if let Some(out) = out.get_mut(..fragment.len()) {
        xor(out, fragment);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_zero_and_lengths_are_checked() {
        let geometry = Geometry::new(7, 4).unwrap();
        let encoder = Encoder::new(geometry, ParityRule::V1, &[1, 2, 3, 4, 5, 6, 7]).unwrap();
        let mut out = [0xff; 4];
        encoder.fragment(FragmentNumber::new(2).unwrap(), &mut out).unwrap();
        assert_eq!(out, [5, 6, 7, 0]);
        let refused = encoder.fragment(FragmentNumber::FIRST, &mut [0; 5]);
        assert_eq!(refused, Err(FecError::FragmentLength { expected: 4, got: 5 }));
        let wrong = Encoder::new(geometry, ParityRule::V1, &[0; 8]).err();
        assert_eq!(wrong, Some(FecError::ImageLength { expected: 7, got: 8 }));
    }
}
