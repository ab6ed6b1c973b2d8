//! The flags of `fuota run`.

use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};
use fuota_engine::percent::Percent;
use fuota_engine::region::{DwellTime, Region};
use fuota_engine::time::GpsInstant;
use fuota_proto::{DataRate, PingSlotPeriodicity, Version};

use super::super::live::LiveArgs;
use super::super::values::{
    ClassArg, DEVICES_MAX, data_rate, dwell_time, percent_up_to, periodicity, probability, redundancy,
    region, time_span,
};
use super::moment::moment;

/// Runs one campaign in virtual time: every device of a simulated fleet gets its group, the image or new firmware
/// over a lossy radio.
///
/// Exit code: 0 the campaign SUCCEEDED, 2 it FAILED, 3 it was STOPPED (Ctrl-C), 1 anything else.
#[derive(Args, Clone, Debug)]
#[command(allow_negative_numbers = true)]
pub(crate) struct RunArgs {
    /// TOML file that describes the whole campaign; flags win
    #[arg(long, value_name = "FILE")]
    pub(crate) scenario: Option<PathBuf>,

    /// Compare the outcome with what the scenario's [expect] says; exit code 2 if it differs, 0 if not
    #[arg(long, requires = "scenario")]
    pub(crate) check: bool,

    /// What the campaign is for [default: binary]
    #[arg(long = "type", value_name = "TYPE", value_enum)]
    pub(crate) kind: Option<KindArg>,

    /// How devices listen to the group: in ping slots (B) or without pause (C) [default: C]
    #[arg(long, value_enum, ignore_case = true)]
    pub(crate) class: Option<ClassArg>,

    /// Ping slots every 0.96 × 2^N seconds; class B only [default: 0]
    #[arg(long, value_name = "N", value_parser = periodicity)]
    pub(crate) periodicity: Option<PingSlotPeriodicity>,

    /// Version of the packages that have two [default: 1]
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<u8>::new().range(1..=2))]
    pub(crate) package_version: Option<u8>,

    /// Have devices report completion by themselves; version 2 of the packages only
    #[arg(long)]
    pub(crate) ack_reception: bool,

    /// When the multicast session starts: RFC 3339, GPS seconds or an offset such as +6h [default: computed]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) session_start: Option<GpsInstant>,

    /// When devices reboot into new firmware, as above [default: once they have it]; firmware only
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) reboot_time: Option<GpsInstant>,

    /// Version of the image as X.Y.Z.P; the fleet begins with 1.0.0.0; firmware only [default: 2.0.0.0]
    #[arg(long, value_name = "VERSION", value_parser = version)]
    pub(crate) firmware_version: Option<Version>,

    /// File to distribute [default: a built-in image of 50 KiB]
    #[arg(long, value_name = "FILE")]
    pub(crate) image: Option<PathBuf>,

    /// Devices in the fleet [default: 1000]
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<u32>::new().range(1..=DEVICES_MAX.into()))]
    pub(crate) devices: Option<u32>,

    /// Probability that a downlink does not reach a device [default: 0.1]
    #[arg(long, value_name = "P", value_parser = probability)]
    pub(crate) loss: Option<f64>,

    /// Probability that an uplink does not reach the gateway [default: 0.05]
    #[arg(long, value_name = "P", value_parser = probability)]
    pub(crate) uplink_loss: Option<f64>,

    /// How losses are made good [default: fixed, with --no-fec carousel]
    #[arg(long, value_name = "POLICY", value_enum, conflicts_with = "no_fec")]
    pub(crate) policy: Option<PolicyArg>,

    /// Parity fragments in percent of the uncoded ones, 0 to 1000, decimals allowed; policy fixed [default: 30]
    #[arg(long, value_name = "PERCENT", value_parser = redundancy, conflicts_with = "no_fec")]
    pub(crate) redundancy: Option<Percent>,

    /// No parity: rounds of the uncoded fragments until enough devices are complete; as --policy carousel
    #[arg(long)]
    pub(crate) no_fec: bool,

    /// Most rounds without parity, the first included; policy carousel [default: 10]
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<u16>::new().range(1..=1000))]
    pub(crate) rounds_max: Option<u16>,

    /// Region of the fleet: EU868, US915 or AS923 [default: EU868]
    #[arg(long, value_parser = region)]
    pub(crate) region: Option<Region>,

    /// Whether a frame may be on air for 400 ms only (1); AS923 only
    #[arg(long, value_name = "0|1", value_parser = dwell_time)]
    pub(crate) dwell_time: Option<DwellTime>,

    /// Data rate of the multicast session [default: 5, in US915 13]
    #[arg(long, value_name = "DR", value_parser = data_rate)]
    pub(crate) dr: Option<DataRate>,

    /// Octets of data per fragment [default: as many as the data rate carries]
    #[arg(long, value_name = "N")]
    pub(crate) frag_size: Option<u8>,

    /// Percentage of the devices that has to succeed in every stage, 0 to 100 [default: 95]
    #[arg(long, value_name = "PERCENT", value_parser = threshold)]
    pub(crate) success_threshold: Option<Percent>,

    /// Longest duration of the campaign, such as 24h or 10d [default: 24h]
    #[arg(long, value_name = "TIME", value_parser = time_span)]
    pub(crate) max_duration: Option<Duration>,

    /// Most repeats of a request without an answer [default: 5]
    #[arg(long, value_name = "N")]
    pub(crate) msg_retries: Option<u8>,

    /// Time between a device's ordinary uplinks [default: 600s]
    #[arg(long, value_name = "TIME", value_parser = time_span)]
    pub(crate) uplink_period: Option<Duration>,

    /// Data rate of uplinks, which decides that of RX1 [default: 5, in US915 3]
    #[arg(long, value_name = "DR", value_parser = data_rate)]
    pub(crate) uplink_dr: Option<DataRate>,

    /// Devices that are never heard [default: 0]
    #[arg(long, value_name = "N", help_heading = "Faults")]
    pub(crate) silent_devices: Option<u32>,

    /// Devices that die midway through the fragments [default: 0]
    #[arg(long, value_name = "N", help_heading = "Faults")]
    pub(crate) dying_devices: Option<u32>,

    /// Devices with another root key than the server knows [default: 0]
    #[arg(long, value_name = "N", help_heading = "Faults")]
    pub(crate) wrong_key_devices: Option<u32>,

    /// Run devices' own package stacks: a command that speaks JSON lines (fuota-sim/src/external/protocol.md)
    #[arg(long, value_name = "COMMAND", help_heading = "External devices")]
    pub(crate) external_device: Option<String>,

    /// How many devices run outside, the first of the fleet [default: 1]
    #[arg(long, value_name = "N", requires = "external_device", help_heading = "External devices",
        value_parser = RangedU64ValueParser::<u32>::new().range(1..=DEVICES_MAX.into()))]
    pub(crate) external_count: Option<u32>,

    /// How many processes they share [default: one for each]
    #[arg(long, value_name = "N", requires = "external_device", help_heading = "External devices",
        value_parser = RangedU64ValueParser::<u32>::new().range(1..=DEVICES_MAX.into()))]
    pub(crate) external_processes: Option<u32>,

    /// File with the agent's parameters, in TOML, INI or groups in braces; flags win (see --parameters)
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Print every parameter that --config may set, and exit
    #[arg(long)]
    pub(crate) parameters: bool,

    /// The number from which everything random follows [default: 1]
    #[arg(long)]
    pub(crate) seed: Option<u64>,

    /// Write report.html, report.json, devices.csv and timeline.svg into this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,

    /// Threads that a scenario which starts with the transfer may use [default: as many as there are cores]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZero<usize>>,

    /// Print the report as JSON and nothing else on stdout
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) live: LiveArgs,
}

/// What a campaign is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum KindArg {
    /// Groups and a session on every device, for the application to use
    MulticastSetup,
    /// A file on every device
    Binary,
    /// A firmware image on every device, installed and verified
    Firmware,
}

/// How losses are made good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PolicyArg {
    /// Parity fragments once, as many as --redundancy says
    Fixed,
    /// Rounds of the uncoded fragments, up to --rounds-max
    Carousel,
    /// Parity in batches, as much as polls of the devices ask for
    Adaptive,
}

fn version(text: &str) -> Result<Version, &'static str> {
    let parts: Result<Vec<u8>, _> = text.split('.').map(str::parse).collect();
    let parts = parts.ok().and_then(|parts| <[u8; 4]>::try_from(parts).ok());
    parts.map(Version::from_parts).ok_or("four numbers from 0 to 255 with points between them are expected")
}

fn threshold(text: &str) -> Result<Percent, String> {
    percent_up_to(text, 100)
}
