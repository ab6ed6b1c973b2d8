//! The keys of a scenario file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use fuota_engine::campaign::spec::PackageVersion;
use serde::Deserialize;
use toml::Spanned;

use super::expect::Expectation;
use super::values::{
    Drift, Duty, Dwell, NotNegative, Number, Periodicity, Positive, Probability, Rate, RegionName, Share,
    Span, VersionText,
};
use crate::code::Code;

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct File {
    /// Checked when it is read; there is one.
    #[serde(rename = "format")]
    pub(super) _format: Format,
    pub(super) name: String,
    pub(super) about: String,
    pub(super) seed: Option<u64>,
    pub(super) campaign: Campaign,
    /// Read by the agent's own parser.
    #[serde(rename = "agent")]
    pub(super) _agent: toml::Table,
    pub(super) radio: Radio,
    pub(super) backhaul: Backhaul,
    pub(super) gateways: Vec<Spanned<Gateway>>,
    pub(super) devices: Vec<Spanned<Devices>>,
    pub(super) expect: Expectation,
}

/// The format that a file is written in. Its number rises when a key goes or changes its meaning.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(try_from = "u64")]
pub(super) struct Format;

impl TryFrom<u64> for Format {
    type Error = &'static str;

    fn try_from(format: u64) -> Result<Self, Self::Error> {
        if format == 1 { Ok(Self) } else { Err("this program reads scenarios of format 1") }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Campaign {
    pub(super) start: Start,
    #[serde(rename = "type")]
    pub(super) kind: Kind,
    pub(super) package_version: Version,
    pub(super) ack_reception: bool,
    pub(super) image: Option<Spanned<PathBuf>>,
    pub(super) image_size: Option<Spanned<u32>>,
    pub(super) policy: Option<Spanned<Policy>>,
    pub(super) redundancy: Option<Share>,
    pub(super) parity: Option<Spanned<u16>>,
    pub(super) fec: Option<Spanned<bool>>,
    pub(super) code: Option<Spanned<Code>>,
    pub(super) max_duration: Option<Span>,
    pub(super) session_start: Option<Span>,
    pub(super) firmware_version: Option<VersionText>,
    pub(super) reboot_time: Option<Span>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Policy {
    Fixed,
    Carousel,
    Adaptive,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Start {
    #[default]
    Setup,
    Transfer,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    MulticastSetup,
    #[default]
    Binary,
    Firmware,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "u8")]
pub(super) struct Version(pub(super) u8);

impl Default for Version {
    fn default() -> Self {
        Self(1)
    }
}

impl Version {
    /// What the engine calls it.
    pub(super) const fn of_packages(self) -> PackageVersion {
        if self.0 == 1 { PackageVersion::V1 } else { PackageVersion::V2 }
    }
}

impl TryFrom<u8> for Version {
    type Error = &'static str;

    fn try_from(version: u8) -> Result<Self, Self::Error> {
        if matches!(version, 1 | 2) { Ok(Self(version)) } else { Err("1 or 2 is expected") }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Radio {
    pub(super) region: Option<RegionName>,
    pub(super) dwell_time: Option<Spanned<Dwell>>,
    pub(super) class: Class,
    pub(super) ping_periodicity: Option<Periodicity>,
    pub(super) dr: Option<Rate>,
    pub(super) uplink_dr: Option<Rate>,
    pub(super) duty: Option<Duty>,
    pub(super) downlink_crc: bool,
    pub(super) frame_overhead: Option<u8>,
    pub(super) half_duplex: bool,
    pub(super) collisions: bool,
    pub(super) capture_db: Option<NotNegative>,
    pub(super) beacon_loss: Option<Probability>,
    pub(super) beacon_outages: Vec<Spanned<[Span; 2]>>,
}

#[derive(Clone, Copy, Default, Deserialize)]
pub(super) enum Class {
    B,
    #[default]
    C,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Backhaul {
    pub(super) copies: Option<Spanned<u8>>,
    pub(super) delay: Option<Span>,
    pub(super) stale: Option<Probability>,
    pub(super) stale_delay: Option<Span>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Gateway {
    pub(super) coverage: Option<Probability>,
    pub(super) outages: Vec<Spanned<Outage>>,
    pub(super) mean_up: Option<Span>,
    pub(super) mean_down: Option<Span>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Outage {
    pub(super) fragments: Option<[Share; 2]>,
    pub(super) time: Option<[Span; 2]>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Devices {
    pub(super) name: Option<String>,
    pub(super) count: Option<u32>,
    pub(super) downlink: Option<Spanned<Link>>,
    pub(super) uplink: Option<Spanned<Link>>,
    pub(super) uplink_period: Option<Spanned<Span>>,
    pub(super) clock_drift_ppm: Option<Drift>,
    pub(super) clock_synced: Option<Span>,
    pub(super) decoder_lost: Option<u16>,
    pub(super) radio: Option<Spanned<Profile>>,
    pub(super) joins: Option<Spanned<Joins>>,
    pub(super) absent: Option<Spanned<Absent>>,
    pub(super) package_version: Option<Version>,
    pub(super) firmware: Option<VersionText>,
    pub(super) hardware: Option<VersionText>,
    pub(super) boots: Option<VersionText>,
    pub(super) reboots: Option<Spanned<Reboots>>,
    pub(super) refuses: BTreeMap<Spanned<String>, Probability>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Link {
    pub(super) loss: Option<Probability>,
    pub(super) alpha: Option<Positive>,
    pub(super) beta: Option<Positive>,
    pub(super) good_to_bad: Option<Probability>,
    pub(super) bad_to_good: Option<Probability>,
    pub(super) radius_m: Option<Positive>,
    pub(super) exponent: Option<Positive>,
    pub(super) reference_db: Option<Number>,
    pub(super) shadowing_db: Option<NotNegative>,
    pub(super) fading_db: Option<NotNegative>,
    pub(super) power_dbm: Option<Number>,
    pub(super) trace: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Profile {
    Named(String),
    Currents(Currents),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Currents {
    pub(super) voltage: Positive,
    pub(super) rx_ma: NotNegative,
    pub(super) tx_ma: NotNegative,
    pub(super) standby_ma: NotNegative,
    pub(super) sleep_ma: NotNegative,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Joins {
    pub(super) share: Probability,
    pub(super) between: [Span; 2],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Absent {
    pub(super) share: Probability,
    pub(super) fragments: [Share; 2],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reboots {
    pub(super) share: Probability,
    pub(super) fragments: [Share; 2],
    pub(super) takes: Span,
    pub(super) keeps_fragments: bool,
}
