//! The flags of `fuota plan`.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};
use fuota_engine::percent::Percent;
use fuota_engine::region::{DutyCycle, DwellTime, Region};
use fuota_proto::{DataRate, PingSlotPeriodicity};

use super::super::values::{
    ClassArg, DEVICES_MAX, data_rate, duration, duty, dwell_time, periodicity, probability, redundancy,
    region,
};
use crate::energy::Profile;
use crate::forecast::Objective;

/// What would it take: fragments, airtime, duration, energy and the chance of success, before anything is sent.
///
/// Always prints its figures; whether the campaign can be carried out like this is one of them.
#[derive(Args, Clone, Debug)]
#[command(allow_negative_numbers = true)]
pub(crate) struct PlanArgs {
    /// File to distribute
    #[arg(long, value_name = "FILE", required_unless_present = "image_size", conflicts_with = "image_size")]
    pub(super) image: Option<PathBuf>,

    /// Octets of the file, in its place
    #[arg(long, value_name = "BYTES", value_parser = RangedU64ValueParser::<u32>::new().range(1..))]
    pub(super) image_size: Option<u32>,

    /// Region of the fleet: EU868, US915 or AS923
    #[arg(long, default_value = "EU868", value_parser = region)]
    pub(super) region: Region,

    /// Whether a frame may be on air for 400 ms only (1); AS923 only
    #[arg(long, value_name = "0|1", value_parser = dwell_time)]
    pub(super) dwell_time: Option<DwellTime>,

    /// Data rate of the multicast session [default: 5, in US915 13]
    #[arg(long, value_name = "DR", value_parser = data_rate)]
    pub(super) dr: Option<DataRate>,

    /// Data rate of uplinks, which decides that of RX1 [default: 5, in US915 3]
    #[arg(long, value_name = "DR", value_parser = data_rate)]
    pub(super) uplink_dr: Option<DataRate>,

    /// Octets of data per fragment [default: as many as the data rate carries]
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<u8>::new().range(1..))]
    pub(super) frag_size: Option<u8>,

    /// Parity fragments in percent of the uncoded ones, 0 to 1000, decimals allowed
    #[arg(long, value_name = "PERCENT", default_value = "30", value_parser = redundancy, conflicts_with = "parity")]
    pub(super) redundancy: Percent,

    /// Parity fragments, counted
    #[arg(long, value_name = "R")]
    pub(super) parity: Option<u32>,

    /// How devices listen to the group: in ping slots (B) or without pause (C)
    #[arg(long, value_enum, ignore_case = true, default_value = "C")]
    pub(super) class: ClassArg,

    /// Ping slots every 0.96 × 2^K seconds; class B only
    #[arg(long, value_name = "K", default_value = "0", value_parser = periodicity)]
    pub(super) ping_periodicity: PingSlotPeriodicity,

    /// Duty cycle of the multicast channel, such as 0.1 or 10% [default: the region's]
    #[arg(long, value_name = "D", value_parser = duty)]
    pub(super) duty: Option<DutyCycle>,

    /// Count a payload CRC in downlinks, which LoRaWAN does not send
    #[arg(long)]
    pub(super) downlink_crc: bool,

    /// Octets of a frame beside its payload
    #[arg(long, value_name = "N", default_value_t = 13)]
    pub(super) frame_overhead: u8,

    /// Version of the fragmentation package, which decides the parity rule
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<u8>::new().range(1..=2), default_value_t = 1)]
    pub(super) package_version: u8,

    /// Devices in the fleet
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = RangedU64ValueParser::<u32>::new().range(1..=DEVICES_MAX.into()))]
    pub(super) devices: u32,

    /// Probability that a fragment does not reach a device
    #[arg(long, value_name = "P", default_value = "0.1", value_parser = probability)]
    pub(super) loss: f64,

    /// Time between a device's ordinary uplinks, in seconds or as 10min
    #[arg(long, value_name = "S", default_value = "600", value_parser = duration)]
    pub(super) uplink_period: Duration,

    /// Radio of the devices: sx1262, sx1276, stm32wle5 or generic
    #[arg(long, value_name = "NAME", default_value = "sx1262", value_parser = profile)]
    pub(super) radio: Profile,

    /// What a recommendation shall make least
    #[arg(long, value_enum, default_value = "airtime")]
    pub(super) optimize: ObjectiveArg,

    /// Print JSON and nothing else on stdout
    #[arg(long)]
    pub(super) json: bool,
}

/// What a recommendation shall make least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ObjectiveArg {
    /// Time on air of all fragments
    Airtime,
    /// Set-up, transfer and poll
    Duration,
    /// What a device's battery gives
    Energy,
}

impl ObjectiveArg {
    pub(super) const fn objective(self) -> Objective {
        match self {
            Self::Airtime => Objective::Airtime,
            Self::Duration => Objective::Duration,
            Self::Energy => Objective::Energy,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Airtime => "airtime",
            Self::Duration => "duration",
            Self::Energy => "energy",
        }
    }
}

fn profile(text: &str) -> Result<Profile, &'static str> {
    Profile::find(text).ok_or("sx1262, sx1276, stm32wle5 or generic is expected")
}
