//! What an operator hands in: the raw material of a [`Plan`](super::plan::Plan).

use alloc::vec::Vec;
use core::time::Duration;

pub use fuota_proto::PackageVersion;
use fuota_proto::{DataRate, FragIndex, McAddr, Version};

use super::io::GroupParameters;
use super::quirk::Quirks;
use crate::airtime::Framing;
use crate::config::Config;
use crate::ids::{DevEui, GroupId};
use crate::percent::Percent;
use crate::region::{DutyCycle, Region};
use crate::time::GpsInstant;

/// A campaign as the operator wants it, not yet checked.
///
/// It is written by [`to_octets`](Self::to_octets). Its own serialisation is that of version 1, one part of that.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct CampaignSpec {
    /// What the campaign is for.
    pub kind: Kind,
    /// The data block; not used by a multicast setup campaign.
    #[cfg_attr(feature = "records", serde(skip))]
    pub image: Vec<u8>,
    /// Its four-octet description, caller-chosen (TS004-1.0.0 §3.3). A firmware update replaces it by the target
    /// version.
    pub descriptor: [u8; 4],
    /// The fragmentation session that devices use first; those that don't support it get another.
    pub frag_index: FragIndex,
    /// Counts the fragmentation sessions of a device's index (TS004-2.0.0 §3.3): larger than in any campaign
    /// before that used the index on any of these devices.
    pub session_cnt: u16,
    /// Whether devices of version 2 are asked to report completion by themselves (TS004-2.0.0 §3.3).
    pub ack_reception: bool,
    /// Who shall receive it.
    pub devices: Vec<DeviceSpec>,
    /// The multicast groups that carry it.
    pub groups: Vec<GroupSpec>,
    /// Where the fleet is.
    pub region: Region,
    /// Duty cycle that the gateways keep on the channel of RX2 and of the groups.
    pub multicast_duty: DutyCycle,
    /// Longest time that downlinks of other campaigns keep this one's multicast downlinks waiting, in all: a round
    /// is planned to take so much longer.
    pub shared_airtime: Duration,
    /// What surrounds the payload of multicast downlinks on air.
    pub framing: Framing,
    /// Data rate of the devices' uplinks, which decides that of their RX1 downlinks.
    pub uplink_data_rate: DataRate,
    /// From this number follows which devices the adaptive policy asks where it needs a random sample.
    pub sample_seed: u64,
    /// When the multicast session starts; computed when unset.
    pub session_start: Option<GpsInstant>,
    /// The campaign fails once it has lasted this long.
    pub max_duration: Duration,
    /// Everything else.
    pub config: Config,
    // What follows came after version 1 of the written plan, which the format writes beside the rest.
    /// When the campaign begins.
    #[cfg_attr(feature = "records", serde(skip))]
    pub start: Start,
    /// Devices that have received part of this data block in an earlier campaign, by their place in `devices`, in
    /// order: see [`Campaign::retry_plan`](super::Campaign::retry_plan).
    #[cfg_attr(feature = "records", serde(skip))]
    pub kept: Vec<Kept>,
}

/// When a campaign begins. Until then nothing is sent and no group is set up; its maximum duration has not begun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Start {
    /// When it is created.
    #[default]
    AtOnce,
    /// At this moment, or when the operator says so ([`Order::Start`](super::io::Order::Start)).
    At(GpsInstant),
    /// When the operator says so.
    OnOrder,
}

/// What a device has kept of an earlier campaign with the same data block: its fragmentation session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub struct Kept {
    /// Its place among the devices.
    pub device: u32,
    /// Number of the last fragment that was sent in that session.
    pub sent: u16,
}

impl CampaignSpec {
    /// A campaign without devices and groups yet, that may last a day.
    #[must_use]
    pub fn new(kind: Kind, region: Region, image: Vec<u8>) -> Self {
        Self {
            kind,
            image,
            descriptor: [0; 4],
            frag_index: FragIndex::MIN,
            session_cnt: 0,
            ack_reception: false,
            devices: Vec::new(),
            groups: Vec::new(),
            region,
            multicast_duty: region.rx2_duty(),
            shared_airtime: Duration::ZERO,
            framing: Framing::default(),
            uplink_data_rate: region.slowest_uplink_data_rate(),
            sample_seed: 0,
            session_start: None,
            max_duration: Duration::from_secs(24 * 3600),
            config: Config::default(),
            start: Start::AtOnce,
            kept: Vec::new(),
        }
    }

    /// The data block's description as it travels, in the wire's order.
    pub(super) fn wire_descriptor(&self) -> [u8; 4] {
        match self.kind {
            Kind::Firmware(firmware) => firmware.target.get().to_le_bytes(),
            Kind::Binary | Kind::MulticastSetup => self.descriptor,
        }
    }
}

/// What a campaign is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Kind {
    /// Groups and a session on every device; what is sent then is the application's business.
    MulticastSetup,
    /// A data block on every device.
    Binary,
    /// A firmware image on every device, installed and verified.
    Firmware(FirmwareSpec),
}

/// What a firmware update leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub struct FirmwareSpec {
    /// The version that devices shall run in the end.
    pub target: Version,
    /// The hardware version that devices must report, if it matters.
    pub hardware: Option<Version>,
    /// When devices shall reboot into it; unset: by themselves, once they hold it.
    pub reboot: Option<GpsInstant>,
}

/// A multicast group and how losses in it are made good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub struct GroupSpec {
    /// The group itself.
    pub parameters: GroupParameters,
    /// How losses are made good.
    pub redundancy: Redundancy,
}

/// How losses are made good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Redundancy {
    /// FEC on: parity fragments, this share of the uncoded ones (rounded up), in one round.
    Fec(Percent),
    /// FEC off: further rounds of the uncoded fragments, up to `datafrag_loops_max`.
    Rounds,
    /// FEC on: parity in batches, first for the `expected_loss`, then as many as the devices' answers to polls ask for.
    Adaptive,
}

impl Redundancy {
    /// The policy's name: `fixed`, `carousel` or `adaptive`.
    #[must_use]
    pub const fn policy(self) -> &'static str {
        match self {
            Self::Fec(_) => "fixed",
            Self::Rounds => "carousel",
            Self::Adaptive => "adaptive",
        }
    }
}

/// A device as the operator knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct DeviceSpec {
    /// Its name.
    pub dev_eui: DevEui,
    /// Time between its ordinary uplinks.
    pub uplink_period: Duration,
    /// The group that it belongs to.
    pub group: GroupId,
    /// How it listens to unicast.
    pub class: DeviceClass,
    /// Version of its multicast setup package; asked for when unset.
    pub multicast: Option<PackageVersion>,
    /// Version of its fragmentation package; asked for when unset.
    pub fragmentation: Option<PackageVersion>,
    /// Whether it speaks clock synchronisation (TS003), so that it can be told to ask for the time.
    pub clock_sync: bool,
    /// The group membership that it is known to hold.
    pub membership: Option<Membership>,
    /// The firmware version that it is known to run.
    pub firmware: Option<Version>,
    /// What its model can take.
    pub limits: Limits,
    /// What its model does otherwise than the standard.
    pub quirks: Quirks,
}

impl DeviceSpec {
    /// A class A device of version 1 in the first group, without known limits.
    ///
    /// Its other properties are fields to be set.
    #[must_use]
    pub const fn new(dev_eui: DevEui, uplink_period: Duration) -> Self {
        Self {
            dev_eui,
            uplink_period,
            group: GroupId(0),
            class: DeviceClass::A,
            multicast: Some(PackageVersion::V1),
            fragmentation: Some(PackageVersion::V1),
            clock_sync: false,
            membership: None,
            firmware: None,
            limits: Limits::NONE,
            quirks: Quirks::NONE,
        }
    }
}

/// How a device listens to unicast downlinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum DeviceClass {
    /// Only after its own uplinks.
    A,
    /// Always.
    C,
}

/// A multicast group that a device already holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub struct Membership {
    /// The group's address.
    pub mc_addr: McAddr,
    /// Which of the operator's group keys it has: the group's own name for its key, not the key.
    pub key_id: u32,
    /// Lowest frame counter that the device accepts.
    pub min_mc_fcnt: u32,
    /// First frame counter that it no longer accepts.
    pub max_mc_fcnt: u32,
}

/// What a device model can take; `None`: whatever the standard allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Limits {
    /// Most uncoded fragments.
    pub nb_frag: Option<u16>,
    /// Longest fragment, octets.
    pub frag_size: Option<u8>,
    /// Most lost fragments that its decoder can make good.
    pub redundancy: Option<u16>,
    /// The group identifiers that it supports.
    pub mc_group_ids: Indices,
    /// The fragmentation indices that it supports.
    pub frag_indices: Indices,
    /// The only descriptor that it accepts, as on the wire.
    pub descriptor: Option<[u8; 4]>,
}

impl Limits {
    /// Whatever the standard allows.
    pub const NONE: Self = Self {
        nb_frag: None,
        frag_size: None,
        redundancy: None,
        mc_group_ids: Indices::ALL,
        frag_indices: Indices::ALL,
        descriptor: None,
    };
}

/// Some of the four identifiers 0 to 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub struct Indices(u8);

impl Indices {
    /// All four.
    pub const ALL: Self = Self(0b1111);

    /// These; numbers above 3 are not identifiers and left out.
    pub fn only(indices: impl IntoIterator<Item = u8>) -> Self {
        Self(indices.into_iter().filter(|index| *index < 4).fold(0, |set, index| set | 1 << index))
    }

    /// Whether it is one of them.
    #[must_use]
    pub const fn contains(self, index: u8) -> bool {
        index < 4 && self.0 >> index & 1 == 1
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The first of them among `start`, `start + step` … modulo 4.
    pub(super) fn first_from(self, start: u8, step: u8) -> Option<u8> {
        self.in_order(start, step).next()
    }

    /// The one after `current` in that order; `None` if it is the last.
    pub(super) fn after(self, current: u8, start: u8, step: u8) -> Option<u8> {
        self.in_order(start, step).skip_while(|&index| index != current).nth(1)
    }

    fn in_order(self, start: u8, step: u8) -> impl Iterator<Item = u8> {
        (0..4 / step).map(move |n| (start + n * step) % 4).filter(move |&index| self.contains(index))
    }
}

impl Default for Indices {
    fn default() -> Self {
        Self::ALL
    }
}
