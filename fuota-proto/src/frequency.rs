//! Radio frequencies in the two steps that 24 bits carry.

use thiserror::Error;

use crate::cursor::{load_bits, store_bits};
use crate::field::Field;

/// A downlink frequency (DLFreq, TS005 §3.5).
///
/// The wire counts steps of 100 Hz; from 12,000,000 on it counts steps of 200 Hz, which is the 2.4 GHz band. Every
/// value of 24 bits decodes, the reserved ones below 100 MHz included.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Frequency {
    wire: u32,
}

impl Frequency {
    /// In a class B session: hop as the region's class B downlinks do. Reserved in a class C session.
    pub const HOPPING: Self = Self { wire: 0 };
    /// Lowest frequency that is not reserved, in Hz.
    pub const LOWEST_HZ: u32 = 100_000_000;
    const HIGH_BAND: u32 = 12_000_000;
    const LOW_STEP_HZ: u32 = 100;
    const HIGH_STEP_HZ: u32 = 200;

    /// The frequency of `hz` Hz.
    ///
    /// # Errors
    /// [`FrequencyError`] where the wire has no value for it: not a multiple of 100 Hz below 1.2 GHz or of 200 Hz from
    /// 2.4 GHz on, between those two, or above 3,355.443 MHz.
    pub const fn from_hz(hz: u32) -> Result<Self, FrequencyError> {
        let (step_hz, high) = if hz < Self::HIGH_BAND * Self::LOW_STEP_HZ {
            (Self::LOW_STEP_HZ, false)
        } else if hz >= Self::HIGH_BAND * Self::HIGH_STEP_HZ {
            (Self::HIGH_STEP_HZ, true)
        } else {
            return Err(FrequencyError::OutsideBands { hz });
        };
        if !hz.is_multiple_of(step_hz) {
            return Err(FrequencyError::NotInSteps { hz, step_hz });
        }
        let wire = hz / step_hz;
        if high && wire > 0xFF_FFFF {
            return Err(FrequencyError::OutsideBands { hz });
        }
        Ok(Self { wire })
    }

    /// The frequency that the low 24 bits stand for.
    #[must_use]
    pub const fn from_wire(wire: u32) -> Self {
        Self { wire: wire & 0xFF_FFFF }
    }

    /// The 24 bits on the wire.
    #[must_use]
    pub const fn to_wire(self) -> u32 {
        self.wire
    }

    /// The frequency in Hz, at most 3,355,443,000.
    #[must_use]
    pub const fn hz(self) -> u32 {
        self.wire * if self.wire < Self::HIGH_BAND { Self::LOW_STEP_HZ } else { Self::HIGH_STEP_HZ }
    }

    /// Whether the value lies below 100 MHz, which the standard keeps for later (0 in class B excepted, see
    /// [`HOPPING`](Self::HOPPING)).
    #[must_use]
    pub const fn is_reserved(self) -> bool {
        self.hz() < Self::LOWEST_HZ
    }
}

/// A frequency that 24 bits cannot carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum FrequencyError {
    /// Between 1.2 and 2.4 GHz or too high.
    #[error("{hz} Hz is neither below 1.2 GHz nor within 2.4 to 3.355443 GHz")]
    OutsideBands {
        /// The frequency given.
        hz: u32,
    },
    /// Between two steps.
    #[error("{hz} Hz is not a multiple of {step_hz} Hz")]
    NotInSteps {
        /// The frequency given.
        hz: u32,
        /// The band's step.
        step_hz: u32,
    },
}

impl TryFrom<u32> for Frequency {
    type Error = FrequencyError;

    fn try_from(hz: u32) -> Result<Self, Self::Error> {
        Self::from_hz(hz)
    }
}

impl Field for Frequency {
    const BITS: usize = 24;

    #[inline]
    fn load(body: &[u8], at: usize) -> Self {
        Self { wire: load_bits(body, at, 24) }
    }

    #[inline]
    fn store(self, body: &mut [u8], at: usize) {
        store_bits(body, at, 24, self.wire);
    }
}

impl core::fmt::Display for Frequency {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} Hz", self.hz())
    }
}

impl core::fmt::Debug for Frequency {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Frequency({self})")
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Frequency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.hz())
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Frequency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_hz(u32::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "arbitrary")]
impl<'a> arbitrary::Arbitrary<'a> for Frequency {
    fn arbitrary(u: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
        Ok(Self::from_wire(u.arbitrary()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_steps_reach_their_ends_and_nothing_between() {
        for (hz, wire) in [
            (0, 0),
            (869_525_000, 8_695_250),
            (1_199_999_900, 11_999_999),
            (2_400_000_000, 12_000_000),
            (3_355_443_000, 0xFF_FFFF),
        ] {
            assert_eq!(Frequency::from_hz(hz), Ok(Frequency::from_wire(wire)));
            assert_eq!((Frequency::from_wire(wire).hz(), Frequency::from_wire(wire).to_wire()), (hz, wire));
        }
        for hz in [1_200_000_000, 2_399_999_800, 3_355_443_200] {
            assert_eq!(Frequency::from_hz(hz), Err(FrequencyError::OutsideBands { hz }));
        }
        assert!(Frequency::from_hz(u32::MAX).is_err());
        assert_eq!(
            Frequency::from_hz(868_000_050),
            Err(FrequencyError::NotInSteps { hz: 868_000_050, step_hz: 100 })
        );
        assert_eq!(
            Frequency::from_hz(2_400_000_100),
            Err(FrequencyError::NotInSteps { hz: 2_400_000_100, step_hz: 200 })
        );
    }

    #[test]
    fn frequencies_print_in_hz() {
        assert_eq!(std::format!("{}", Frequency::from_wire(8_695_250)), "869525000 Hz");
    }

    #[test]
    fn below_100_mhz_is_reserved() {
        assert!(Frequency::HOPPING.is_reserved() && Frequency::from_wire(999_999).is_reserved());
        assert!(!Frequency::from_wire(1_000_000).is_reserved());
    }
}
