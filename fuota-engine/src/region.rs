//! What a region allows: payload lengths, modulations and duty cycles.

use core::time::Duration;

use fuota_proto::{DataRate, Frequency};

use crate::airtime::Modulation;

/// A region of the LoRaWAN regional parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Region {
    /// 863 to 870 MHz, Europe.
    Eu868,
}

/// What one data rate of a region means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataRateParameters {
    /// How its frames are modulated.
    pub modulation: Modulation,
    /// Longest FRMPayload in octets, without repeater and without FOpts.
    pub max_payload: u8,
}

/// Share of time a transmitter may be on air, as the divisor of the duty cycle: 100 means 1 %.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DutyCycle {
    divisor: u32,
}

impl DutyCycle {
    /// One part in `divisor`; 1 (or 0) means no limit.
    #[must_use]
    pub const fn one_in(divisor: u32) -> Self {
        Self { divisor: if divisor == 0 { 1 } else { divisor } }
    }

    /// Least time from the start of a frame of `airtime` to the start of the next.
    #[must_use]
    pub fn gap(self, airtime: Duration) -> Duration {
        airtime.saturating_mul(self.divisor)
    }
}

impl Region {
    /// The region's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Eu868 => "EU868",
        }
    }

    /// What a data rate means here; `None` if the region does not define it.
    #[must_use]
    pub const fn data_rate(self, dr: DataRate) -> Option<DataRateParameters> {
        match self {
            Self::Eu868 => {
                let (spreading_factor, bandwidth_khz, max_payload) = match dr.get() {
                    0 => (12, 125, 51),
                    1 => (11, 125, 51),
                    2 => (10, 125, 51),
                    3 => (9, 125, 115),
                    4 => (8, 125, 242),
                    5 => (7, 125, 242),
                    6 => (7, 250, 242),
                    _ => return None,
                };
                Some(DataRateParameters {
                    modulation: Modulation { spreading_factor, bandwidth_khz },
                    max_payload,
                })
            }
        }
    }

    /// Duty cycle that all RX1 downlinks of a gateway share.
    #[must_use]
    pub const fn rx1_duty(self) -> DutyCycle {
        match self {
            Self::Eu868 => DutyCycle::one_in(100),
        }
    }

    /// Duty cycle that RX2 and multicast downlinks of a gateway share.
    #[must_use]
    pub const fn rx2_duty(self) -> DutyCycle {
        match self {
            Self::Eu868 => DutyCycle::one_in(10),
        }
    }

    /// Default frequency of RX2 and of class C multicast.
    #[must_use]
    pub const fn rx2_frequency(self) -> Frequency {
        match self {
            Self::Eu868 => Frequency::from_wire(8_695_250),
        }
    }

    /// Default data rate of RX2.
    #[must_use]
    pub const fn rx2_data_rate(self) -> DataRate {
        match self {
            Self::Eu868 => DataRate::MIN,
        }
    }
}
