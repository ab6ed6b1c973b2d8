//! The figures of each region.

use fuota_proto::{DataRate, Frequency};

use super::{BeaconParameters, DutyCycle, SubBand};

/// The figures of one region.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) band_hz: (u32, u32),
    /// Where duty cycles are counted apart; none where nothing is divided.
    pub(super) sub_bands: &'static [SubBand],
    /// Number, direction, and spreading factor, bandwidth in kHz, longest FRMPayload in octets.
    pub(super) rates: &'static [(u8, Directions, (u8, u16, u8))],
    pub(super) usual_uplink: DataRate,
    pub(super) usual_multicast: DataRate,
    pub(super) uplink_channels: u8,
    pub(super) rx1_duty: DutyCycle,
    pub(super) rx2_duty: DutyCycle,
    pub(super) rx2_frequency: Frequency,
    pub(super) rx2_data_rate: DataRate,
    pub(super) beacon: BeaconParameters,
}

/// Which frames a data rate is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Directions {
    Up,
    Down,
    Both,
}

impl Directions {
    pub(super) const fn uplinks(self) -> bool {
        matches!(self, Self::Up | Self::Both)
    }

    pub(super) const fn downlinks(self) -> bool {
        matches!(self, Self::Down | Self::Both)
    }
}

use Directions::{Both, Down, Up};

/// Of RP002 "EU863-870". The default channels share 1 %, 869.4 to 869.65 MHz has 10 % (ERC 70-03, bands L and P).
pub(super) const EU868: Table = Table {
    name: "EU868",
    band_hz: (863_000_000, 870_000_000),
    sub_bands: &[
        SubBand::new(863_000_000, 865_000_000),
        SubBand::new(865_000_000, 868_000_000),
        SubBand::new(868_000_000, 868_600_000),
        SubBand::new(868_700_000, 869_200_000),
        SubBand::new(869_400_000, 869_650_000),
        SubBand::new(869_700_000, 870_000_000),
    ],
    rates: &[
        (0, Both, (12, 125, 51)),
        (1, Both, (11, 125, 51)),
        (2, Both, (10, 125, 51)),
        (3, Both, (9, 125, 115)),
        (4, Both, (8, 125, 242)),
        (5, Both, (7, 125, 242)),
        (6, Both, (7, 250, 242)),
    ],
    usual_uplink: DataRate::from_wire(5),
    usual_multicast: DataRate::from_wire(5),
    uplink_channels: 3,
    rx1_duty: DutyCycle::one_in(100),
    rx2_duty: DutyCycle::one_in(10),
    rx2_frequency: Frequency::from_wire(8_695_250),
    rx2_data_rate: DataRate::from_wire(0),
    beacon: BeaconParameters {
        data_rate: DataRate::from_wire(3),
        octets: 17,
        frequency: Frequency::from_wire(8_695_250),
        ping_frequency: Frequency::from_wire(8_695_250),
    },
};

/// Of RP002 "US902-928": uplinks within a dwell time of 400 ms, downlinks 500 kHz wide. A sub-band has eight
/// channels.
pub(super) const US915: Table = Table {
    name: "US915",
    band_hz: (902_000_000, 928_000_000),
    sub_bands: &[],
    rates: &[
        (0, Up, (10, 125, 11)),
        (1, Up, (9, 125, 53)),
        (2, Up, (8, 125, 125)),
        (3, Up, (7, 125, 242)),
        (4, Up, (8, 500, 242)),
        (8, Down, (12, 500, 53)),
        (9, Down, (11, 500, 129)),
        (10, Down, (10, 500, 242)),
        (11, Down, (9, 500, 242)),
        (12, Down, (8, 500, 242)),
        (13, Down, (7, 500, 242)),
    ],
    usual_uplink: DataRate::from_wire(3),
    usual_multicast: DataRate::from_wire(13),
    uplink_channels: 8,
    rx1_duty: DutyCycle::UNLIMITED,
    rx2_duty: DutyCycle::UNLIMITED,
    rx2_frequency: Frequency::from_wire(9_233_000),
    rx2_data_rate: DataRate::from_wire(8),
    beacon: BeaconParameters {
        data_rate: DataRate::from_wire(8),
        octets: 23,
        frequency: Frequency::HOPPING,
        ping_frequency: Frequency::HOPPING,
    },
};

/// Of RP002 "AS923" without a limit to the dwell time. Its default channels have a duty cycle below 1 %, and RX2 is
/// one of them.
pub(super) const AS923: Table = Table {
    name: "AS923",
    band_hz: (915_000_000, 928_000_000),
    sub_bands: &[],
    rates: &[
        (0, Both, (12, 125, 51)),
        (1, Both, (11, 125, 51)),
        (2, Both, (10, 125, 115)),
        (3, Both, (9, 125, 115)),
        (4, Both, (8, 125, 242)),
        (5, Both, (7, 125, 242)),
        (6, Both, (7, 250, 242)),
    ],
    usual_uplink: DataRate::from_wire(5),
    usual_multicast: DataRate::from_wire(5),
    uplink_channels: 2,
    rx1_duty: DutyCycle::one_in(100),
    rx2_duty: DutyCycle::one_in(100),
    rx2_frequency: Frequency::from_wire(9_232_000),
    rx2_data_rate: DataRate::from_wire(2),
    beacon: BeaconParameters {
        data_rate: DataRate::from_wire(3),
        octets: 17,
        frequency: Frequency::from_wire(9_234_000),
        ping_frequency: Frequency::from_wire(9_234_000),
    },
};

/// Of RP002 "AS923" within a dwell time of 400 ms: the slowest data rates carry nothing any more.
pub(super) const AS923_LIMITED: Table = Table {
    rates: &[
        (2, Both, (10, 125, 11)),
        (3, Both, (9, 125, 53)),
        (4, Both, (8, 125, 125)),
        (5, Both, (7, 125, 242)),
        (6, Both, (7, 250, 242)),
    ],
    ..AS923
};
