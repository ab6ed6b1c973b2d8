//! What of a roll-out has to be durable, and how it is rebuilt from it.

use alloc::vec::Vec;

use fuota_proto::Version;

use super::{Output, Phase, Rollout, RolloutPlan};
#[cfg(feature = "records")]
use crate::campaign::format::{Format, FormatError, read, write};
use crate::time::GpsInstant;

/// Something that happened to a roll-out, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub struct Record {
    /// When.
    pub at: GpsInstant,
    /// What.
    pub entry: Entry,
}

/// What happened. Devices are named by their place in the wave under way.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Entry {
    /// The roll-out began. The first record, and only that.
    Started,
    /// The wave's campaign is over.
    Ended {
        /// Devices that are complete.
        complete: Vec<Completion>,
        /// The version that they were verified to run.
        verified: Option<Version>,
    },
    /// A device was heard in the part of the soak that counts.
    Heard {
        /// Which.
        place: u32,
    },
    /// A device said which version it runs.
    Version {
        /// Which device.
        place: u32,
        /// What it runs.
        version: Version,
    },
    /// The operator ended it.
    Stopped,
    /// The wave has soaked.
    Timeout,
}

/// A device that is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub struct Completion {
    /// Which.
    pub place: u32,
    /// Since when.
    pub since: GpsInstant,
}

/// Why records don't make a roll-out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// There are no records.
    #[error("there are no records")]
    Empty,
    /// The first record is not [`Entry::Started`], or another one is.
    #[error("record {at} is out of place: a roll-out starts once, with its first record")]
    Start {
        /// Place of the record, counted from 0.
        at: usize,
    },
}

impl Rollout {
    /// A roll-out as its records leave it. A wave whose campaign has not ended is to be served again, under the same
    /// number.
    ///
    /// # Errors
    /// [`RestoreError`] if the records are no roll-out's.
    pub fn restore(
        plan: RolloutPlan,
        records: impl IntoIterator<Item = Record>,
    ) -> Result<Self, RestoreError> {
        let mut records = records.into_iter().enumerate();
        let (_, first) = records.next().ok_or(RestoreError::Empty)?;
        if first.entry != Entry::Started {
            return Err(RestoreError::Start { at: 0 });
        }
        let mut rollout = Self::new(plan, first.at);
        for (at, record) in records {
            if record.entry == Entry::Started {
                return Err(RestoreError::Start { at });
            }
            // Records of a roll-out that is over are none of its own; they change nothing.
            if rollout.phase != Phase::Over {
                rollout.take(record.at, record.entry);
            }
        }
        rollout.outputs.clear();
        match (rollout.phase, rollout.end) {
            (Phase::Serving, _) => rollout.outputs.push_back(Output::Serve { wave: rollout.wave }),
            (_, Some(end)) => rollout.outputs.push_back(Output::Finished(end)),
            _ => {}
        }
        Ok(rollout)
    }
}

#[cfg(feature = "records")]
impl Record {
    /// The record as octets.
    #[must_use]
    pub fn to_octets(&self) -> Vec<u8> {
        write(Format::Rollout, self)
    }

    /// The record that these octets hold.
    ///
    /// # Errors
    /// [`FormatError`] says where they go wrong.
    pub fn from_octets(octets: &[u8]) -> Result<Self, FormatError> {
        read(Format::Rollout, octets)
    }
}
