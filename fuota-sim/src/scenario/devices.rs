//! A kind of device, and how many there are.

use std::time::Duration;

use fuota_engine::campaign::spec::PackageVersion;
use fuota_engine::percent::Percent;
use fuota_proto::Version;

use super::link::Link;
use crate::energy::Profile;
use crate::node::{FACTORY_FIRMWARE, HARDWARE};

/// Devices of one kind.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceGroup {
    /// What reports call them.
    pub name: String,
    /// How many.
    pub devices: u32,
    /// How downlinks reach them.
    pub downlink: Link,
    /// How their uplinks reach a gateway.
    pub uplink: Link,
    /// Time between a device's ordinary uplinks.
    pub uplink_period: Duration,
    /// How fast or slow clocks may run, in parts per million; each device's is drawn uniformly.
    pub clock_drift_ppm: f64,
    /// How long before the campaign clocks were right.
    pub clock_synced: Duration,
    /// When they are heard first; unset: from the start.
    pub joins: Option<Joins>,
    /// When they hear nothing of the beginning; unset: all of it is on air for them.
    pub absent: Option<Absent>,
    /// When they reboot; unset: never by themselves.
    pub reboots: Option<Reboots>,
    /// Losses that the decoder's memory suffices for; unset: as many as the simulator's memory does.
    pub decoder_lost: Option<u16>,
    /// Error bits that devices set in their answers, and the share of devices that sets each.
    pub refuses: Vec<(ErrorBit, f64)>,
    /// Version of the packages that have two; unset: the campaign's.
    pub package_version: Option<PackageVersion>,
    /// What they run in the beginning.
    pub firmware: Version,
    /// What they are.
    pub hardware: Version,
    /// What they run once they have booted into new firmware; unset: that firmware.
    pub boots: Option<Version>,
    /// What their radios take from the battery.
    pub profile: Profile,
}

impl Default for DeviceGroup {
    fn default() -> Self {
        Self {
            name: "devices".into(),
            devices: 1000,
            downlink: Link::Independent { loss: 0.1 },
            uplink: Link::Independent { loss: 0.05 },
            uplink_period: Duration::from_secs(600),
            clock_drift_ppm: 0.0,
            clock_synced: Duration::ZERO,
            joins: None,
            absent: None,
            reboots: None,
            decoder_lost: None,
            refuses: Vec::new(),
            package_version: None,
            firmware: FACTORY_FIRMWARE,
            hardware: HARDWARE,
            boots: None,
            profile: Profile::default(),
        }
    }
}

/// Devices that are heard late.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Joins {
    /// Share of the group that is late.
    pub share: f64,
    /// Between so long after the start of the campaign and so long after it, uniformly.
    pub between: (Duration, Duration),
}

/// Devices that are set up, and away when the fragments begin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Absent {
    /// Share of the group that is away.
    pub share: f64,
    /// They come back between these shares of the first round's fragments, uniformly.
    pub fragments: (Percent, Percent),
}

/// Devices that reboot while fragments are on air.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reboots {
    /// Share of the group that reboots, each device once.
    pub share: f64,
    /// Between these shares of the first round's fragments, uniformly.
    pub fragments: (Percent, Percent),
    /// How long a device is away.
    pub takes: Duration,
    /// Whether what it has received, its group and its session survive.
    pub keeps_fragments: bool,
}

/// A bit of an answer that means refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorBit {
    /// McGroupSetupAns: IDerror (TS005-1.0.0 §3.3).
    McGroupId,
    /// FragSessionSetupAns: encoding unsupported (TS004-1.0.0 §3.3).
    Encoding,
    /// FragSessionSetupAns: not enough memory.
    Memory,
    /// FragSessionSetupAns: index not supported.
    FragIndex,
    /// FragSessionSetupAns: wrong descriptor.
    Descriptor,
    /// FragSessionSetupAns of version 2: SessionCnt replay (TS004-2.0.0 §3.3).
    SessionCnt,
    /// McClassB/CSessionAns: DR error (TS005-1.0.0 §3.5).
    DataRate,
    /// McClassB/CSessionAns: frequency error.
    Frequency,
    /// McClassB/CSessionAns: McGroup undefined.
    McGroup,
    /// McClassB/CSessionAns of version 2: start missed (TS005-2.0.0 §3.5).
    StartMissed,
    /// FragDataBlockAuth or status of version 2: MIC error (TS004-2.0.0 §3.2): the device finds its block corrupt.
    Mic,
}

impl ErrorBit {
    /// Each with its name in scenario files.
    pub const NAMES: [(&'static str, Self); 11] = [
        ("mc_group_id", Self::McGroupId),
        ("encoding", Self::Encoding),
        ("memory", Self::Memory),
        ("frag_index", Self::FragIndex),
        ("descriptor", Self::Descriptor),
        ("session_cnt", Self::SessionCnt),
        ("data_rate", Self::DataRate),
        ("frequency", Self::Frequency),
        ("mc_group", Self::McGroup),
        ("start_missed", Self::StartMissed),
        ("mic", Self::Mic),
    ];
}
