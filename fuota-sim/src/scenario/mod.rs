//! What a simulated campaign consists of.

mod devices;
mod file;
mod link;
mod network;
mod trace;

use std::time::Duration;

use fuota_engine::airtime::Framing;
use fuota_engine::campaign::io::SessionClass;
use fuota_engine::campaign::spec::{Kind, PackageVersion, Redundancy};
use fuota_engine::config::Config;
use fuota_engine::device::{Ports, Settings};
use fuota_engine::percent::Percent;
use fuota_engine::region::{DutyCycle, Region};
use fuota_engine::rule::parity_rule;
use fuota_engine::time::GpsInstant;
use fuota_fec::ParityRule;
use fuota_proto::DataRate;

pub use self::devices::{Absent, DeviceGroup, ErrorBit, Joins, Reboots};
pub use self::file::{Expectation, FileError, ScenarioFile};
pub(crate) use self::file::{line_of, place_of};
pub use self::link::{Link, PathLoss};
pub use self::network::{Backhaul, GatewaySpec, OnOff, Outage, RadioEffects};
pub use self::trace::{Trace, TraceError};
use crate::code::Code;
use crate::external::ExternalDevices;

/// One simulated campaign: what for, the image, the fleet, the radio, the rules, the seed.
///
/// The default is what `fuota run` runs when nothing is asked for, with an empty image.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Where it begins.
    pub start: Start,
    /// What the campaign is for.
    pub kind: Kind,
    /// How devices listen to the group.
    pub class: SessionClass,
    /// Version of every package that has two, for devices whose group does not say.
    pub package_version: PackageVersion,
    /// Whether devices of version 2 are asked to report completion by themselves (TS004-2.0.0 §3.3).
    pub ack_reception: bool,
    /// When the multicast session starts; computed when unset.
    pub session_start: Option<GpsInstant>,
    /// The data block that every device shall hold at the end; not used by a multicast setup campaign.
    pub image: Vec<u8>,
    /// The fleet, kind by kind.
    pub fleet: Vec<DeviceGroup>,
    /// The gateways; every one sends every multicast frame.
    pub gateways: Vec<GatewaySpec>,
    /// What the radio does beside losing frames.
    pub radio: RadioEffects,
    /// What happens to uplinks between gateway and campaign.
    pub backhaul: Backhaul,
    /// How losses of fragments are made good.
    pub redundancy: Redundancy,
    /// What parity fragments are made of: `None` for the rule of the package version. Any other code is for
    /// comparisons, in scenarios that start with the transfer.
    pub code: Option<Code>,
    /// Where the fleet is.
    pub region: Region,
    /// Duty cycle that a gateway keeps on the channel of RX2 and of multicast.
    pub multicast_duty: DutyCycle,
    /// What surrounds the payload of multicast downlinks on air.
    pub framing: Framing,
    /// Data rate of the multicast session.
    pub data_rate: DataRate,
    /// Data rate of uplinks, which decides that of their RX1 downlinks.
    pub uplink_data_rate: DataRate,
    /// The campaign fails once it has lasted this long.
    pub max_duration: Duration,
    /// The campaign agent's parameters.
    pub config: Config,
    /// Devices that go wrong, and how.
    pub faults: Faults,
    /// Devices whose packages run in processes of their own.
    pub external: Option<ExternalDevices>,
    /// From this one number follows everything that is random.
    pub seed: u64,
}

/// Where a scenario begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Start {
    /// At the beginning of the campaign.
    Setup,
    /// With the first fragment, every device set up: only losses and ranks matter from there on, so that a fleet may
    /// have a million devices.
    Transfer,
}

impl Default for Scenario {
    fn default() -> Self {
        let region = Region::Eu868;
        Self {
            start: Start::Setup,
            kind: Kind::Binary,
            class: SessionClass::C,
            package_version: PackageVersion::V1,
            ack_reception: false,
            session_start: None,
            image: Vec::new(),
            fleet: vec![DeviceGroup::default()],
            gateways: vec![GatewaySpec::default()],
            radio: RadioEffects::default(),
            backhaul: Backhaul::default(),
            redundancy: Redundancy::Fec(Percent::whole(30)),
            code: None,
            region,
            multicast_duty: region.rx2_duty(),
            framing: Framing::default(),
            data_rate: region.usual_multicast_data_rate(),
            uplink_data_rate: region.usual_uplink_data_rate(),
            max_duration: Duration::from_secs(24 * 3600),
            config: Config::default(),
            faults: Faults::default(),
            external: None,
            seed: 1,
        }
    }
}

impl Scenario {
    /// Devices of the fleet.
    #[must_use]
    pub fn devices(&self) -> u32 {
        self.fleet.iter().fold(0, |sum, group| sum.saturating_add(group.devices))
    }

    /// The group that a device belongs to: groups take the fleet's devices in turn.
    #[must_use]
    pub fn group(&self, device: u32) -> Option<&DeviceGroup> {
        let mut first = 0_u32;
        self.fleet.iter().find(|group| {
            first = first.saturating_add(group.devices);
            device < first
        })
    }

    /// How downlinks get lost, in words: every link that occurs, once.
    #[must_use]
    pub fn downlinks(&self) -> String {
        self.links(|group| &group.downlink)
    }

    /// How uplinks get lost, in words.
    #[must_use]
    pub fn uplinks(&self) -> String {
        self.links(|group| &group.uplink)
    }

    fn links(&self, link: impl Fn(&DeviceGroup) -> &Link) -> String {
        let mut texts: Vec<_> = self.fleet.iter().map(|group| link(group).to_string()).collect();
        texts.dedup();
        texts.join(" and ")
    }

    /// Makes the fleet this large, every group in proportion; the last takes what rounding leaves.
    pub fn set_devices(&mut self, devices: u32) {
        let before = u64::from(self.devices().max(1));
        let mut left = devices;
        let last = self.fleet.len().saturating_sub(1);
        for (at, group) in self.fleet.iter_mut().enumerate() {
            let share = u64::from(group.devices) * u64::from(devices) / before;
            group.devices =
                if at == last { left } else { u32::try_from(share).unwrap_or(u32::MAX).min(left) };
            left -= group.devices;
        }
    }

    /// Moves the campaign to a region, with its usual data rates and its duty cycle.
    pub fn set_region(&mut self, region: Region) {
        self.region = region;
        self.multicast_duty = region.rx2_duty();
        self.data_rate = region.usual_multicast_data_rate();
        self.uplink_data_rate = region.usual_uplink_data_rate();
    }

    /// The version of the packages that a group's devices speak.
    #[must_use]
    pub fn package_version_of(&self, group: &DeviceGroup) -> PackageVersion {
        group.package_version.unwrap_or(self.package_version)
    }

    /// What the parity fragments of a transfer are made of; a transfer's devices all follow one rule.
    #[must_use]
    pub fn code(&self) -> Code {
        let rule = self.parity_rules().first().copied().unwrap_or(ParityRule::V1);
        self.code.unwrap_or_else(|| Code::of_rule(rule))
    }

    /// The rules that its parity fragments follow, each once: every version of the package has its own.
    #[must_use]
    pub fn parity_rules(&self) -> Vec<ParityRule> {
        let speaks = |version| self.fleet.iter().any(|group| self.package_version_of(group) == version);
        let versions = [PackageVersion::V1, PackageVersion::V2];
        versions.into_iter().filter(|&version| speaks(version)).map(parity_rule).collect()
    }

    /// How a group's devices are made.
    #[must_use]
    pub fn device_settings(&self, group: &DeviceGroup) -> Settings {
        let version = self.package_version_of(group);
        Settings {
            ports: Ports {
                clock_sync: self.config.aclksynport,
                multicast: self.config.fucport,
                fragmentation: self.config.fmcport,
                firmware: self.config.fdmport,
            },
            clock_sync: version,
            multicast: version,
            fragmentation: version,
            class_b: matches!(self.class, SessionClass::B { .. }),
            installs_at_once: matches!(self.kind, Kind::Firmware(_)),
        }
    }
}

/// Devices that go wrong; each kind takes its own devices from the end of the fleet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Devices that never transmit and never hear anything.
    pub silent: u32,
    /// Devices that die (neither transmit nor hear from then on) midway through the fragments.
    pub dying: u32,
    /// Devices whose root key is not the one the server knows: they unwrap another McKey.
    pub wrong_key: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fleet_keeps_its_proportions() {
        let of = |devices| DeviceGroup { devices, ..DeviceGroup::default() };
        let mut scenario = Scenario { fleet: vec![of(100), of(300), of(600)], ..Scenario::default() };
        scenario.set_devices(25);
        let counts: Vec<_> = scenario.fleet.iter().map(|group| group.devices).collect();
        assert_eq!((counts, scenario.devices()), (vec![2, 7, 16], 25));
        let group = |device| scenario.group(device).map(|group| group.devices);
        assert_eq!([group(1), group(2), group(24), group(25)], [Some(2), Some(7), Some(16), None]);
    }
}
