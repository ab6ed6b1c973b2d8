//! How a data block is cut into fragments, and how fragments are numbered.

use core::num::NonZeroU16;
use core::ops::Range;

use crate::FecError;

/// The largest fragment number: N has 14 bits on the wire (TS004-1.0.0 §3.6).
pub const MAX_FRAGMENT_NUMBER: u16 = (1 << 14) - 1;

/// The number of parity fragments that `nb_frag` uncoded ones leave room for, since M + R ≤ 16383.
#[must_use]
pub const fn max_parity(nb_frag: u16) -> u16 {
    MAX_FRAGMENT_NUMBER.saturating_sub(nb_frag)
}

/// A data block of `NbFrag` fragments of `FragSize` octets, the last one filled up with padding.
///
/// Valid by construction: 1 ≤ `NbFrag` ≤ 16383, 1 ≤ `FragSize` ≤ 255, Padding < `FragSize` (TS004-1.0.0 §3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Geometry {
    nb_frag: u16,
    frag_size: u8,
    padding: u8,
}

impl Geometry {
    /// Cuts an image of `image_len` octets into fragments of `frag_size` octets.
    ///
    /// # Errors
    /// [`FecError::EmptyImage`], [`FecError::ZeroFragSize`], or [`FecError::NbFragOutOfRange`] for an image
    /// that takes more than 16383 fragments.
    #[expect(clippy::cast_possible_truncation, reason = "const: the ranges are checked by hand")]
    pub const fn new(image_len: usize, frag_size: u8) -> Result<Self, FecError> {
        if image_len == 0 {
            return Err(FecError::EmptyImage);
        }
        if frag_size == 0 {
            return Err(FecError::ZeroFragSize);
        }
        let size = frag_size as usize;
        let fragments = image_len.div_ceil(size);
        if fragments > MAX_FRAGMENT_NUMBER as usize {
            let got = if fragments > u32::MAX as usize { u32::MAX } else { fragments as u32 };
            return Err(FecError::NbFragOutOfRange { got, max: MAX_FRAGMENT_NUMBER });
        }
        Ok(Self { nb_frag: fragments as u16, frag_size, padding: (fragments * size - image_len) as u8 })
    }

    /// Takes the values of a `FragSessionSetupReq` (TS004-1.0.0 §3.3).
    ///
    /// # Errors
    /// [`FecError::NbFragOutOfRange`], [`FecError::ZeroFragSize`] or [`FecError::PaddingTooLong`].
    pub const fn from_session(nb_frag: u16, frag_size: u8, padding: u8) -> Result<Self, FecError> {
        if nb_frag == 0 || nb_frag > MAX_FRAGMENT_NUMBER {
            return Err(FecError::NbFragOutOfRange { got: nb_frag as u32, max: MAX_FRAGMENT_NUMBER });
        }
        if frag_size == 0 {
            return Err(FecError::ZeroFragSize);
        }
        if padding >= frag_size {
            return Err(FecError::PaddingTooLong { padding, frag_size });
        }
        Ok(Self { nb_frag, frag_size, padding })
    }

    /// `NbFrag`: the number of uncoded fragments, M.
    #[must_use]
    pub const fn nb_frag(self) -> u16 {
        self.nb_frag
    }

    /// `FragSize`: octets of each fragment.
    #[must_use]
    pub const fn frag_size(self) -> u8 {
        self.frag_size
    }

    /// Padding: zero octets at the end of the last fragment.
    #[must_use]
    pub const fn padding(self) -> u8 {
        self.padding
    }

    /// Octets of the data block, padding excluded.
    #[must_use]
    pub const fn image_len(self) -> usize {
        self.padded_len() - self.padding as usize
    }

    /// Octets of all uncoded fragments together, padding included.
    #[must_use]
    pub const fn padded_len(self) -> usize {
        self.nb_frag as usize * self.frag_size as usize
    }

    /// Where the uncoded fragment of 0-based `index` starts in the data block.
    #[must_use]
    pub const fn fragment_offset(self, index: u16) -> usize {
        index as usize * self.frag_size as usize
    }

    /// The octets that the uncoded fragment of 0-based `index` takes in the padded data block.
    #[must_use]
    pub const fn fragment_range(self, index: u16) -> Range<usize> {
        let start = self.fragment_offset(index);
        start..start + self.frag_size as usize
    }

    /// What the fragment with this number carries.
    #[must_use]
    pub const fn kind(self, n: FragmentNumber) -> FragmentKind {
        match NonZeroU16::new(n.get().saturating_sub(self.nb_frag)) {
            Some(k) => FragmentKind::Parity(k),
            None => FragmentKind::Uncoded(n.get() - 1),
        }
    }

    /// Refuses what is not as long as a fragment.
    pub(crate) const fn check_len(self, fragment: &[u8]) -> Result<(), FecError> {
        if fragment.len() == self.frag_size as usize {
            Ok(())
        } else {
            Err(FecError::FragmentLength { expected: self.frag_size, got: fragment.len() })
        }
    }

    /// 32-bit words that hold one bit per uncoded fragment.
    #[must_use]
    pub const fn row_words(self) -> usize {
        row_words(self.nb_frag)
    }
}

/// 32-bit words that hold one bit for each of `nb_frag` fragments.
#[must_use]
pub const fn row_words(nb_frag: u16) -> usize {
    (nb_frag as usize).div_ceil(32)
}

/// What a fragment is, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FragmentKind {
    /// A piece of the data block, by its 0-based place.
    Uncoded(u16),
    /// A sum of pieces, by the 1-based index of its row: k = N − M.
    Parity(NonZeroU16),
}

/// The number N of a `DataFragment`: 1..=16383, where 1..=M are the uncoded fragments (TS004-1.0.0 §3.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FragmentNumber(NonZeroU16);

impl FragmentNumber {
    /// The first uncoded fragment.
    pub const FIRST: Self = Self(NonZeroU16::MIN);

    /// `None` for 0, which no fragment carries, and for more than 14 bits.
    #[must_use]
    pub const fn new(n: u16) -> Option<Self> {
        if n > MAX_FRAGMENT_NUMBER {
            return None;
        }
        match NonZeroU16::new(n) {
            Some(n) => Some(Self(n)),
            None => None,
        }
    }

    /// The number of the uncoded fragment at 0-based `index`.
    #[must_use]
    pub const fn uncoded(index: u16) -> Option<Self> {
        Self::new(index.saturating_add(1))
    }

    /// The number as it goes on the wire.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0.get()
    }
}

impl TryFrom<u16> for FragmentNumber {
    type Error = FecError;

    fn try_from(n: u16) -> Result<Self, FecError> {
        Self::new(n).ok_or(FecError::FragmentNumber { got: n, max: MAX_FRAGMENT_NUMBER })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_fragment_is_padded() {
        let geometry = Geometry::new(101, 10).unwrap();
        assert_eq!((geometry.nb_frag(), geometry.padding()), (11, 9));
        assert_eq!((geometry.image_len(), geometry.padded_len()), (101, 110));
        assert_eq!(Geometry::from_session(11, 10, 9), Ok(geometry));
        assert_eq!(geometry.fragment_range(10), 100..110);
    }

    #[test]
    fn what_the_wire_cannot_carry_is_refused() {
        assert_eq!(Geometry::new(0, 10), Err(FecError::EmptyImage));
        assert_eq!(Geometry::new(10, 0), Err(FecError::ZeroFragSize));
        assert_eq!(Geometry::new(16384, 1), Err(FecError::NbFragOutOfRange { got: 16384, max: 16383 }));
        assert_eq!(Geometry::from_session(0, 1, 0), Err(FecError::NbFragOutOfRange { got: 0, max: 16383 }));
        let beyond = Err(FecError::NbFragOutOfRange { got: 16384, max: 16383 });
        assert_eq!(Geometry::from_session(16384, 1, 0), beyond);
        assert!(Geometry::from_session(16383, 1, 0).is_ok());
        assert_eq!(
            Geometry::from_session(1, 7, 7),
            Err(FecError::PaddingTooLong { padding: 7, frag_size: 7 })
        );
        assert_eq!(FragmentNumber::new(0), None);
        assert_eq!(FragmentNumber::new(16384), None);
        assert_eq!(FragmentNumber::try_from(16384), Err(FecError::FragmentNumber { got: 16384, max: 16383 }));
    }

    #[test]
    fn numbers_up_to_nb_frag_are_uncoded() {
        let geometry = Geometry::from_session(10, 4, 0).unwrap();
        let kind = |n| geometry.kind(FragmentNumber::new(n).unwrap());
        assert_eq!(kind(1), FragmentKind::Uncoded(0));
        assert_eq!(kind(10), FragmentKind::Uncoded(9));
        assert_eq!(kind(11), FragmentKind::Parity(NonZeroU16::new(1).unwrap()));
        assert_eq!(max_parity(10), 16373);
        assert_eq!(FragmentNumber::uncoded(9), FragmentNumber::new(10));
        assert_eq!(FragmentNumber::uncoded(16383), None);
    }

    #[test]
    fn a_row_has_a_bit_for_each_uncoded_fragment() {
        for (nb_frag, words) in [(1, 1), (32, 1), (33, 2), (16383, 512)] {
            assert_eq!(Geometry::from_session(nb_frag, 1, 0).unwrap().row_words(), words, "{nb_frag}");
        }
    }
}
