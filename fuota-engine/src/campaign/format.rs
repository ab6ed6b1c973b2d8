//! Plans, records and snapshots as octets: what a store keeps.
//!
//! ```text
//!  record      version  record
//!  plan        version  octets of the image  everything else of the campaign's specification
//!  snapshot    version  state
//! ```
//!
//! The version is one octet. What follows is [postcard](https://postcard.jamesmunns.com/wire-format): fields in the
//! order of their declaration, integers as variable-length groups of 7 bits, enumerations by the place of their variant.
//! An image is kept apart from its plan, because many campaigns may send the same.
//!
//! # How the format may change
//! A plan and a record are a campaign's history, so whatever was ever written stays readable. New variants go to the end
//! of an enumeration and need no new version: an older program reports what it does not know. Any other change of a type
//! that is written gets a new version number, and the old layout a type of its own to be read into. A
//! [snapshot](super::Campaign::snapshot) can be made again from records, so one of another version is only refused
//! ([`FormatError::Version`]). `tests/format.rs` reads what each version once wrote.
//!

use alloc::vec::Vec;
use core::fmt;

use postcard::Deserializer;
use postcard::de_flavors::Flavor;
use serde::{Deserialize, Serialize};

use super::record::Record;
use super::spec::{CampaignSpec, Kept, Start};

/// Version of the format that records are written in.
pub const RECORD_VERSION: u8 = 1;
/// Version of the format that plans are written in.
pub const PLAN_VERSION: u8 = 4;
/// Version of the format that snapshots are written in.
pub const SNAPSHOT_VERSION: u8 = 4;

/// Version of the format that progress is written in.
pub const PROGRESS_VERSION: u8 = 1;

/// Version of the format that a roll-out's records are written in.
pub const ROLLOUT_VERSION: u8 = 1;

/// What is written as octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// A [`Record`].
    Record,
    /// A [`CampaignSpec`] without its image.
    Plan,
    /// The state of a [`Campaign`](super::Campaign).
    Snapshot,
    /// How a device or a campaign stands, for programs that look it up.
    Progress,
    /// A [`Record`](crate::rollout::Record) of a roll-out.
    Rollout,
}

impl Format {
    /// The version that is written.
    #[must_use]
    pub const fn version(self) -> u8 {
        match self {
            Self::Record => RECORD_VERSION,
            Self::Plan => PLAN_VERSION,
            Self::Snapshot => SNAPSHOT_VERSION,
            Self::Progress => PROGRESS_VERSION,
            Self::Rollout => ROLLOUT_VERSION,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Record => "record",
            Self::Plan => "plan",
            Self::Snapshot => "snapshot",
            Self::Progress => "progress",
            Self::Rollout => "roll-out's record",
        })
    }
}

/// Why octets are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// There is not even a version.
    #[error("the {format} is empty")]
    Empty {
        /// Of what.
        format: Format,
    },
    /// It was written by another version of this program.
    #[error("the {format} has format version {found}, this program reads {known}")]
    Version {
        /// Of what.
        format: Format,
        /// Its version.
        found: u8,
        /// The version that can be read.
        known: u8,
    },
    /// The octets end too early.
    #[error("the {format} ends in the middle, after {at} octets")]
    Truncated {
        /// Of what.
        format: Format,
        /// How many octets there are to what could not be read.
        at: usize,
    },
    /// Something cannot have this value.
    #[error("octet {at} of the {format}: {problem}")]
    Value {
        /// Of what.
        format: Format,
        /// Before which octet, counted from 0, the mistake lies.
        at: usize,
        /// What is wrong.
        problem: &'static str,
    },
    /// More octets follow.
    #[error("the {format} ends after {at} octets, {left} follow")]
    Trailing {
        /// Of what.
        format: Format,
        /// Its length.
        at: usize,
        /// How many octets follow.
        left: usize,
    },
    /// The plan belongs to another image.
    #[error("the plan is for an image of {expected} octets, this one has {got}")]
    Image {
        /// Octets of the plan's image.
        expected: usize,
        /// Octets of the one at hand.
        got: usize,
    },
    /// The snapshot belongs to another plan.
    #[error("the snapshot has {got} {what}, the plan {expected}")]
    Plan {
        /// Of what the numbers differ.
        what: &'static str,
        /// How many the plan has.
        expected: usize,
        /// How many the snapshot has.
        got: usize,
    },
    /// The values are possible one by one, but not together.
    #[error("no campaign is ever in the snapshot's state: {0}")]
    State(&'static str),
}

impl Record {
    /// The record as octets.
    #[must_use]
    pub fn to_octets(&self) -> Vec<u8> {
        write(Format::Record, self)
    }

    /// The record that these octets hold.
    ///
    /// # Errors
    /// [`FormatError`] says where they go wrong.
    pub fn from_octets(octets: &[u8]) -> Result<Self, FormatError> {
        read(Format::Record, octets)
    }
}

/// A plan as version 1 wrote it.
#[derive(Serialize, Deserialize)]
struct Plan1<S> {
    image_len: u64,
    spec: S,
}

/// A plan as version 2 wrote it.
#[derive(Serialize, Deserialize)]
struct Plan2<S> {
    first: Plan1<S>,
    start: Start,
    kept: Vec<Kept>,
}

/// A plan as version 3 wrote it.
#[derive(Serialize, Deserialize)]
struct Plan3<S> {
    second: Plan2<S>,
    multicast_gateways: u16,
}

/// A plan as it is written.
#[derive(Serialize, Deserialize)]
struct Plan4<S> {
    third: Plan3<S>,
    adaptive_overlap: bool,
}

impl CampaignSpec {
    /// Everything but the image as octets.
    #[must_use]
    pub fn to_octets(&self) -> Vec<u8> {
        let first = Plan1 { image_len: self.image.len() as u64, spec: self };
        let second = Plan2 { first, start: self.start, kept: self.kept.clone() };
        let third = Plan3 { second, multicast_gateways: self.config.multicast_gateways };
        write(Format::Plan, &Plan4 { third, adaptive_overlap: self.config.adaptive_overlap })
    }

    /// The specification that these octets hold, with its image.
    ///
    /// # Errors
    /// [`FormatError`] says where they go wrong, or that the image has another length.
    pub fn from_octets(octets: &[u8], image: Vec<u8>) -> Result<Self, FormatError> {
        let of_2 = |second| Plan3 { second, multicast_gateways: 1 };
        let of_3 = |third| Plan4 { third, adaptive_overlap: false };
        let plan: Plan4<Self> = match octets.first() {
            Some(1) => {
                let first = body(Format::Plan, octets)?;
                of_3(of_2(Plan2 { first, start: Start::default(), kept: Vec::new() }))
            }
            Some(2) => of_3(of_2(body(Format::Plan, octets)?)),
            Some(3) => of_3(body(Format::Plan, octets)?),
            _ => read(Format::Plan, octets)?,
        };
        let Plan4 { third: Plan3 { second, multicast_gateways }, adaptive_overlap } = plan;
        let Plan2 { first: Plan1 { image_len, mut spec }, start, kept } = second;
        (spec.config.multicast_gateways, spec.config.adaptive_overlap) =
            (multicast_gateways, adaptive_overlap);
        if image_len != image.len() as u64 {
            let expected = usize::try_from(image_len).unwrap_or(usize::MAX);
            return Err(FormatError::Image { expected, got: image.len() });
        }
        Ok(Self { image, start, kept, ..spec })
    }
}

/// A value behind its version.
pub(crate) fn write(format: Format, value: &impl Serialize) -> Vec<u8> {
    // Nothing that is written has a length that is not known beforehand, the only thing that could fail.
    let octets = postcard::to_extend(value, alloc::vec![format.version()]);
    debug_assert!(octets.is_ok());
    octets.unwrap_or_default()
}

/// The value that these octets of today's version hold, and nothing else.
pub(crate) fn read<'a, T: Deserialize<'a>>(format: Format, octets: &'a [u8]) -> Result<T, FormatError> {
    match octets.first() {
        None => Err(FormatError::Empty { format }),
        Some(&found) if found != format.version() => {
            Err(FormatError::Version { format, found, known: format.version() })
        }
        Some(_) => body(format, octets),
    }
}

/// The value behind the version, whichever that is, and nothing else.
fn body<'a, T: Deserialize<'a>>(format: Format, octets: &'a [u8]) -> Result<T, FormatError> {
    let (_, body) = octets.split_first().ok_or(FormatError::Empty { format })?;
    let mut deserializer = Deserializer::from_flavor(Body(body));
    let value = T::deserialize(&mut deserializer);
    // The remainder also tells where it went wrong.
    let left = deserializer.finalize().map_or(0, <[u8]>::len);
    let at = octets.len() - left;
    match value {
        Ok(value) if left == 0 => Ok(value),
        Ok(_) => Err(FormatError::Trailing { format, at, left }),
        Err(postcard::Error::DeserializeUnexpectedEnd) => Err(FormatError::Truncated { format, at }),
        Err(error) => Err(FormatError::Value { format, at, problem: problem(&error) }),
    }
}

/// What a person makes of the deserialiser's complaint.
const fn problem(error: &postcard::Error) -> &'static str {
    match error {
        postcard::Error::DeserializeBadVarint => "the number is larger than it can be",
        postcard::Error::DeserializeBadBool => "neither true nor false",
        postcard::Error::DeserializeBadOption => "neither something nor nothing",
        postcard::Error::DeserializeBadEnum | postcard::Error::SerdeDeCustom => {
            "a value that this program does not know"
        }
        _ => "unreadable",
    }
}

/// The octets that are left, also after a mistake.
struct Body<'a>(&'a [u8]);

impl<'a> Flavor<'a> for Body<'a> {
    type Remainder = &'a [u8];
    type Source = &'a [u8];

    fn pop(&mut self) -> postcard::Result<u8> {
        let (&first, rest) = self.0.split_first().ok_or(postcard::Error::DeserializeUnexpectedEnd)?;
        self.0 = rest;
        Ok(first)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }

    fn try_take_n(&mut self, count: usize) -> postcard::Result<&'a [u8]> {
        let (taken, rest) =
            self.0.split_at_checked(count).ok_or(postcard::Error::DeserializeUnexpectedEnd)?;
        self.0 = rest;
        Ok(taken)
    }

    fn finalize(self) -> postcard::Result<&'a [u8]> {
        Ok(self.0)
    }
}
