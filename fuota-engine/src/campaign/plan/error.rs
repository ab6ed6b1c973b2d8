//! Why a campaign cannot be planned, and what would make it possible.

use core::fmt;
use core::time::Duration;

use super::MAX_FRAGMENTS;
use crate::ids::{DevEui, GroupId};
use crate::percent::Percent;
use crate::region::Region;

/// Why a campaign cannot be planned, and what would make it possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// There is nothing to send.
    #[error("the image is empty")]
    EmptyImage,
    /// There is nobody to send to.
    #[error("the campaign has no devices")]
    NoDevices,
    /// A device is named twice.
    #[error("device {0} is named twice")]
    DuplicateDevice(DevEui),
    /// A device without a usable uplink period.
    #[error("device {0} has an uplink period of zero")]
    NoUplinkPeriod(DevEui),
    /// A device names a group that the campaign does not have.
    #[error("device {device} belongs to group {}, which the campaign does not have", group.0)]
    UnknownGroup {
        /// Which device.
        device: DevEui,
        /// Which group.
        group: GroupId,
    },
    /// Groups are named by their place.
    #[error("group {} stands at place {at}; groups are named 0, 1, 2 … in order", id.0)]
    GroupOrder {
        /// Its name.
        id: GroupId,
        /// Its place.
        at: usize,
    },
    /// A class C device cannot take part in a class B session (TS005-1.0.0 §3.6).
    #[error("device {0} listens in class C, which a class B session excludes")]
    ClassConflict(DevEui),
    /// The region has no downlinks at the group's data rate.
    #[error("{region} has no downlinks at data rate {dr}")]
    DownlinkDataRate {
        /// The data rate's index.
        dr: u8,
        /// The region.
        region: Region,
    },
    /// The region has no uplinks at the fleet's data rate.
    #[error("{region} has no uplinks at data rate {dr}")]
    UplinkDataRate {
        /// The data rate's index.
        dr: u8,
        /// The region.
        region: Region,
    },
    /// The group's frequency cannot carry a session (TS005-1.0.0 §3.5).
    #[error("{hz} Hz is not a frequency for a multicast session")]
    Frequency {
        /// The frequency in Hz.
        hz: u32,
    },
    /// Fragments of this size don't fit the data rate or a device, or are empty.
    #[error("fragment size {frag_size} is outside 1 to {max}, what a frame carries at this data rate")]
    FragSize {
        /// The size asked for, octets.
        frag_size: u8,
        /// The largest that fits, octets.
        max: u8,
    },
    /// Rounding the fragment size down leaves nothing.
    #[error("rounding the fragment size {frag_size} down to a multiple of {multiple} leaves nothing")]
    FragSizeRounding {
        /// The size before rounding, octets.
        frag_size: u8,
        /// `fsize_optimization`.
        multiple: u8,
    },
    /// More fragments than the 14-bit number can tell apart.
    #[error("{nb_frag} + {parity} fragments of {frag_size} octets exceed {MAX_FRAGMENTS}; {remedy}")]
    TooManyFragments {
        /// Uncoded fragments.
        nb_frag: u32,
        /// Parity fragments.
        parity: u64,
        /// Octets per fragment.
        frag_size: u8,
        /// What would fit.
        remedy: Remedy,
    },
    /// More fragments than a device can take.
    #[error(
        "{nb_frag} fragments of {frag_size} octets are more than the {limit} that device {device} takes; {remedy}"
    )]
    DeviceLimit {
        /// Which device.
        device: DevEui,
        /// Uncoded fragments.
        nb_frag: u16,
        /// Octets per fragment.
        frag_size: u8,
        /// Most uncoded fragments that the device takes.
        limit: u16,
        /// What would fit.
        remedy: Remedy,
    },
    /// A device supports none of the four identifiers.
    #[error("device {device} supports no {what}: one of 0 to 3 is needed")]
    NoIndex {
        /// Which device.
        device: DevEui,
        /// The standard's name of the identifier.
        what: &'static str,
    },
    /// A device takes only blocks with another description.
    #[error("device {device} accepts descriptor {accepted:02x?} only, and the block has {descriptor:02x?}")]
    Descriptor {
        /// Which device.
        device: DevEui,
        /// What it accepts, as on the wire.
        accepted: [u8; 4],
        /// What the block has, as on the wire.
        descriptor: [u8; 4],
    },
    /// What a device has kept is not named in order, names no device, or no fragment.
    #[error("entry {at} of what devices have kept is out of order, or names no device or fragment")]
    Kept {
        /// Its place, counted from 0.
        at: usize,
    },
    /// The success threshold is above 100 %.
    #[error("a success threshold of {0} % can't be met")]
    Threshold(Percent),
    /// Without FEC at least one round is needed.
    #[error("datafrag_loops_max is 0: without FEC at least one round is needed")]
    NoRounds,
    /// The maximum duration is zero.
    #[error("the maximum duration is zero")]
    NoDuration,
    /// One round and its poll are longer than a session or the campaign may be.
    #[error(
        "one round of {frames} fragments and its poll take {} s, but {bound} allows {} s; {remedy}",
        needed.as_secs(), allowed.as_secs()
    )]
    RoundTooLong {
        /// Fragments of one round, parity included.
        frames: u32,
        /// Time for the round and its poll.
        needed: Duration,
        /// Time there is.
        allowed: Duration,
        /// What sets the limit.
        bound: Bound,
        /// What would fit.
        remedy: Remedy,
    },
}

/// What limits the length of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Bound {
    /// The longest session of the group's class.
    Session,
    /// The campaign's maximum duration.
    MaxDuration,
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Session => "the longest session",
            Self::MaxDuration => "the maximum duration",
        })
    }
}

/// What would fit instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remedy {
    /// This fragment size, octets, everything else unchanged.
    FragSize(u8),
    /// At most this many octets of image, everything else unchanged.
    LargestImage(usize),
    /// Nothing short of another data rate, redundancy or duration.
    Nothing,
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FragSize(octets) => write!(f, "a fragment size of {octets} would fit"),
            Self::LargestImage(octets) => write!(f, "the largest image that fits has {octets} octets"),
            Self::Nothing => f.write_str("no image fits these parameters"),
        }
    }
}
