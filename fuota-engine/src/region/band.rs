//! Sub-bands: within one of them all transmissions of a gateway share a duty cycle.

use core::fmt;

use fuota_proto::Frequency;

use super::Region;

/// A sub-band of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubBand {
    lowest_hz: u32,
    highest_hz: u32,
}

impl SubBand {
    pub(super) const fn new(lowest_hz: u32, highest_hz: u32) -> Self {
        Self { lowest_hz, highest_hz }
    }

    /// Whether a frequency, in Hz, is one of its own.
    #[must_use]
    pub fn covers(self, hz: u32) -> bool {
        (self.lowest_hz..=self.highest_hz).contains(&hz)
    }
}

impl fmt::Display for SubBand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{} kHz", self.lowest_hz / 1_000, self.highest_hz / 1_000)
    }
}

impl Region {
    /// The sub-band of a frequency. What hops, or lies between sub-bands, counts as using the whole region.
    #[must_use]
    pub fn sub_band(self, frequency: Frequency) -> SubBand {
        let table = self.table();
        let (lowest, highest) = table.band_hz;
        let own = table.sub_bands.iter().copied().find(|band| band.covers(frequency.hz()));
        own.unwrap_or(SubBand::new(lowest, highest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rx2_and_the_default_channels_of_eu868_are_in_different_sub_bands() {
        let band = |hz: u32| Region::Eu868.sub_band(Frequency::from_wire(hz / 100)).to_string();
        assert_eq!(band(869_525_000), "869400-869650 kHz");
        for hz in [868_100_000, 868_300_000, 868_500_000] {
            assert_eq!(band(hz), "868000-868600 kHz");
        }
        assert_eq!(band(868_650_000), "863000-870000 kHz", "between two sub-bands");
    }

    #[test]
    fn sub_bands_lie_apart_and_within_their_region() {
        for region in Region::ALL {
            let (lowest, highest) = region.table().band_hz;
            let mut end = lowest;
            for band in region.table().sub_bands {
                assert!(band.lowest_hz >= end && band.highest_hz > band.lowest_hz, "{region}: {band}");
                end = band.highest_hz;
            }
            assert!(end <= highest);
        }
    }

    #[test]
    fn where_nothing_is_divided_and_where_slots_hop_everything_is_one() {
        assert_eq!(
            Region::Us915.sub_band(Frequency::HOPPING),
            Region::Us915.sub_band(Region::Us915.rx2_frequency())
        );
        assert_eq!(Region::Eu868.sub_band(Frequency::HOPPING), SubBand::new(863_000_000, 870_000_000));
    }
}
