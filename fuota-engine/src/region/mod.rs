//! What a region allows: payload lengths, modulations, duty cycles, windows and beacons.
//!
//! Figures of the LoRaWAN regional parameters (RP002), in the editions that common device stacks follow.

mod band;
mod duty;
mod table;
#[cfg(test)]
mod tests;

use core::fmt;

use fuota_proto::{DataRate, Frequency};

pub use self::band::SubBand;
pub use self::duty::DutyCycle;
use self::table::Table;
use crate::airtime::Modulation;

/// A region of the LoRaWAN regional parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Region {
    /// 863 to 870 MHz, Europe.
    Eu868,
    /// 902 to 928 MHz, North America.
    Us915,
    /// 923 MHz, Asia; the group AS923-1.
    As923(DwellTime),
}

/// How long a single frame may be on air, where a region leaves it to the country.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub enum DwellTime {
    /// As long as it takes (DwellTime 0).
    Unlimited,
    /// At most 400 ms (DwellTime 1).
    Limited,
}

/// What one data rate of a region means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataRateParameters {
    /// How its frames are modulated.
    pub modulation: Modulation,
    /// Longest FRMPayload in octets, without repeater and without FOpts.
    pub max_payload: u8,
}

/// How a region's class B beacons are sent (LoRaWAN 1.0.3 §15, RP002 "Class B beacon").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BeaconParameters {
    /// Data rate.
    pub data_rate: DataRate,
    /// Octets of the beacon frame.
    pub octets: u8,
    /// Where beacons are sent; [`Frequency::HOPPING`] where they hop from channel to channel.
    pub frequency: Frequency,
    /// Where ping slots are unless something else is agreed; [`Frequency::HOPPING`] where they hop.
    pub ping_frequency: Frequency,
}

impl Region {
    /// Every region, with each dwell time that it knows.
    pub const ALL: [Self; 4] =
        [Self::Eu868, Self::Us915, Self::As923(DwellTime::Unlimited), Self::As923(DwellTime::Limited)];

    /// The region's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.table().name
    }

    /// The region of that name, in upper or lower case; without a limit to the dwell time where that is open.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|region| region.name().eq_ignore_ascii_case(name))
    }

    /// The same region under this dwell time; `None` if it leaves no choice.
    #[must_use]
    pub const fn with_dwell_time(self, dwell_time: DwellTime) -> Option<Self> {
        match self {
            Self::As923(_) => Some(Self::As923(dwell_time)),
            Self::Eu868 | Self::Us915 => None,
        }
    }

    /// What a data rate means here, whether uplinks or downlinks use it; `None` if the region does not define it.
    #[must_use]
    pub fn data_rate(self, dr: DataRate) -> Option<DataRateParameters> {
        let (_, rate) = self.rate(dr)?;
        let (spreading_factor, bandwidth_khz, max_payload) = rate;
        let modulation = Modulation { spreading_factor, bandwidth_khz };
        Some(DataRateParameters { modulation, max_payload })
    }

    /// What a data rate means for downlinks; `None` if there are none at it.
    #[must_use]
    pub fn downlink(self, dr: DataRate) -> Option<DataRateParameters> {
        let (directions, _) = self.rate(dr)?;
        self.data_rate(dr).filter(|_| directions.downlinks())
    }

    /// What a data rate means for uplinks; `None` if there are none at it.
    #[must_use]
    pub fn uplink(self, dr: DataRate) -> Option<DataRateParameters> {
        let (directions, _) = self.rate(dr)?;
        self.data_rate(dr).filter(|_| directions.uplinks())
    }

    /// Every data rate at which downlinks exist, the slowest first.
    pub fn downlink_data_rates(self) -> impl Iterator<Item = DataRate> {
        (0..=DataRate::MAX.get()).map(DataRate::from_wire).filter(move |&dr| self.downlink(dr).is_some())
    }

    /// Data rate of RX1 after an uplink at `uplink`, without offset (RX1DROffset 0).
    #[must_use]
    pub fn rx1_data_rate(self, uplink: DataRate) -> DataRate {
        match self {
            // RP002, US902-928 "RX1DROffset 0": ten up, and no further than the fastest.
            Self::Us915 => DataRate::from_wire(uplink.get().saturating_add(10).min(13)),
            Self::Eu868 | Self::As923(_) => uplink,
        }
    }

    /// The data rate whose uplinks reach farthest.
    #[must_use]
    pub const fn slowest_uplink_data_rate(self) -> DataRate {
        match self {
            Self::As923(DwellTime::Limited) => DataRate::from_wire(2),
            Self::Eu868 | Self::Us915 | Self::As923(DwellTime::Unlimited) => DataRate::MIN,
        }
    }

    /// Data rate that a fleet close to its gateways uses for uplinks: SF7 in the narrowest channel.
    #[must_use]
    pub const fn usual_uplink_data_rate(self) -> DataRate {
        self.table().usual_uplink
    }

    /// Data rate that a fleet close to its gateways uses for multicast: SF7 in the narrowest downlink channel.
    #[must_use]
    pub const fn usual_multicast_data_rate(self) -> DataRate {
        self.table().usual_multicast
    }

    /// Channels that a device's uplinks take turns on, unless the network adds more.
    #[must_use]
    pub const fn uplink_channels(self) -> u8 {
        self.table().uplink_channels
    }

    /// Duty cycle that all RX1 downlinks of a gateway share.
    #[must_use]
    pub const fn rx1_duty(self) -> DutyCycle {
        self.table().rx1_duty
    }

    /// Duty cycle that RX2 and multicast downlinks of a gateway share.
    #[must_use]
    pub const fn rx2_duty(self) -> DutyCycle {
        self.table().rx2_duty
    }

    /// Default frequency of RX2 and of class C multicast.
    #[must_use]
    pub const fn rx2_frequency(self) -> Frequency {
        self.table().rx2_frequency
    }

    /// Default data rate of RX2.
    #[must_use]
    pub const fn rx2_data_rate(self) -> DataRate {
        self.table().rx2_data_rate
    }

    /// How class B beacons are sent.
    #[must_use]
    pub const fn beacon(self) -> BeaconParameters {
        self.table().beacon
    }

    /// Whether a device's radio may use this frequency; [`Frequency::HOPPING`] where ping slots hop.
    #[must_use]
    pub fn covers(self, frequency: Frequency) -> bool {
        let (lowest, highest) = self.table().band_hz;
        let hops = frequency == Frequency::HOPPING && self.beacon().ping_frequency == Frequency::HOPPING;
        hops || (lowest..=highest).contains(&frequency.hz())
    }

    const fn table(self) -> &'static Table {
        match self {
            Self::Eu868 => &table::EU868,
            Self::Us915 => &table::US915,
            Self::As923(DwellTime::Unlimited) => &table::AS923,
            Self::As923(DwellTime::Limited) => &table::AS923_LIMITED,
        }
    }

    fn rate(self, dr: DataRate) -> Option<(table::Directions, (u8, u16, u8))> {
        self.table().rates.iter().find(|(number, ..)| *number == dr.get()).map(|&(_, way, rate)| (way, rate))
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
