//! What goes into a roll-out and what comes out.

use core::fmt;

use fuota_proto::Version;

use super::record::Record;
use crate::campaign::event::DeviceReport;
use crate::ids::DevEui;
use crate::time::GpsInstant;

/// Something that happened.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Input<'a> {
    /// The campaign of a wave is over. One that is told twice counts once.
    Ended {
        /// Of which wave, counted from 0.
        wave: usize,
        /// How its devices stand.
        devices: &'a [DeviceReport],
        /// The version that a complete device has been verified to run, if the campaign verified one.
        verified: Option<Version>,
    },
    /// A device was heard.
    Heard(DevEui),
    /// A device said which version it runs.
    Version {
        /// Which device.
        device: DevEui,
        /// What it runs.
        version: Version,
    },
    /// The operator ends the roll-out.
    Stop,
    /// The moment named by [`Output::Wait`] has come.
    Timeout,
}

/// Something to do, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Output {
    /// Make a record durable, before anything that follows is carried out.
    Persist(Record),
    /// Run a campaign for the devices of this wave ([`RolloutPlan::devices`](super::RolloutPlan::devices)). After a restart it may come again: a wave
    /// whose campaign is there already needs no other.
    Serve {
        /// Counted from 0.
        wave: usize,
    },
    /// Stop the wave's campaign.
    Halt {
        /// Counted from 0.
        wave: usize,
    },
    /// Something worth telling.
    Event(Event),
    /// Nothing follows but `Wait(None)`.
    Finished(End),
    /// Nothing more to do until this moment or the next input; `None`: until the next input.
    Wait(Option<GpsInstant>),
}

/// Something worth telling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A wave's campaign may begin.
    WaveStarted {
        /// Counted from 0.
        wave: usize,
        /// How many devices it has.
        devices: u32,
    },
    /// A wave's campaign is over, and enough of its devices are complete.
    SoakStarted {
        /// Counted from 0.
        wave: usize,
        /// How many are complete.
        complete: u32,
        /// Until when they are watched.
        until: GpsInstant,
    },
    /// A wave is well.
    GatePassed {
        /// Counted from 0.
        wave: usize,
        /// How many of its devices are complete.
        complete: u32,
        /// How many were heard in the end.
        heard: u32,
    },
}

/// How a roll-out ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum End {
    /// Every wave is well.
    Succeeded,
    /// A gate stays shut.
    GateFailed {
        /// Of which wave, counted from 0.
        wave: usize,
        /// What is wrong with its devices.
        check: Check,
        /// How many were right.
        counted: u32,
        /// How many had to be.
        required: u32,
    },
    /// The operator ended it.
    Stopped {
        /// In which wave, counted from 0.
        wave: usize,
    },
}

/// What a gate looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Check {
    /// Devices that have what the campaign was for.
    Complete,
    /// Devices that run the version.
    Version,
    /// Devices that are still heard.
    Heard,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Succeeded => f.write_str("every wave is well"),
            Self::GateFailed { wave, check, counted, required } => {
                let what = match check {
                    Check::Complete => "complete",
                    Check::Version => "on the version",
                    Check::Heard => "still heard",
                };
                write!(f, "wave {wave}: {counted} devices are {what}, {required} required")
            }
            Self::Stopped { wave } => write!(f, "wave {wave}: stopped by the operator"),
        }
    }
}
