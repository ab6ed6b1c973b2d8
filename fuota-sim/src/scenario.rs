//! What a simulated campaign consists of.

use std::time::Duration;

use fuota_engine::airtime::Framing;
use fuota_engine::campaign::io::SessionClass;
use fuota_engine::campaign::spec::{Kind, PackageVersion, Redundancy};
use fuota_engine::config::Config;
use fuota_engine::device::{Ports, Settings};
use fuota_engine::region::{DutyCycle, Region};
use fuota_engine::rule::parity_rule;
use fuota_engine::time::GpsInstant;
use fuota_fec::ParityRule;
use fuota_proto::DataRate;

/// One simulated campaign: what for, the image, the fleet, the radio, the rules, the seed.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What the campaign is for.
    pub kind: Kind,
    /// How devices listen to the group.
    pub class: SessionClass,
    /// Version of every package that has two.
    pub package_version: PackageVersion,
    /// When the multicast session starts; computed when unset.
    pub session_start: Option<GpsInstant>,
    /// The data block that every device shall hold at the end; not used by a multicast setup campaign.
    pub image: Vec<u8>,
    /// Devices in the fleet.
    pub devices: u32,
    /// Probability that a downlink, unicast or multicast, does not reach a device; 0 to 1.
    pub loss: f64,
    /// Probability that an uplink does not reach the gateway; 0 to 1.
    pub uplink_loss: f64,
    /// How losses of fragments are made good.
    pub redundancy: Redundancy,
    /// Where the fleet is.
    pub region: Region,
    /// Duty cycle that the gateway keeps on the channel of RX2 and of multicast.
    pub multicast_duty: DutyCycle,
    /// What surrounds the payload of multicast downlinks on air.
    pub framing: Framing,
    /// Data rate of the multicast session.
    pub data_rate: DataRate,
    /// Data rate of uplinks and of their RX1 downlinks.
    pub uplink_data_rate: DataRate,
    /// Time between a device's ordinary uplinks.
    pub uplink_period: Duration,
    /// The campaign fails once it has lasted this long.
    pub max_duration: Duration,
    /// The campaign agent's parameters.
    pub config: Config,
    /// Devices that go wrong, and how.
    pub faults: Faults,
    /// From this one number follows everything that is random.
    pub seed: u64,
}

impl Scenario {
    /// The rule that its parity fragments follow: each version of the package has its own.
    #[must_use]
    pub const fn parity_rule(&self) -> ParityRule {
        parity_rule(self.package_version)
    }

    /// How the fleet's devices are made.
    #[must_use]
    pub fn device_settings(&self) -> Settings {
        let version = self.package_version;
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
