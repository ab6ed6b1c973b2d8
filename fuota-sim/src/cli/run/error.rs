//! Why `fuota run` does not get as far as a report.

use std::io;
use std::path::PathBuf;

use fuota_engine::config::ConfigError;

use super::super::values::NoDwellTime;
use crate::scenario::FileError;
use crate::world::SimError;

/// Why `fuota run` does not get as far as a report; each fits on one line.
#[derive(Debug, thiserror::Error)]
pub(super) enum RunError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file or folder cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The scenario file is wrong.
    #[error(transparent)]
    Scenario(#[from] FileError),
    /// The configuration file is wrong.
    #[error("{}: {source}", path.display())]
    Config {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: ConfigError,
    },
    /// More devices shall go wrong than there are.
    #[error("{faulty} devices shall go wrong, but the fleet has only {devices}")]
    Faults {
        /// How many shall go wrong.
        faulty: u64,
        /// The fleet.
        devices: u32,
    },
    /// More devices shall run outside than there are.
    #[error("{external} external devices are wanted, but the fleet has only {devices}")]
    TooFewForExternal {
        /// How many shall run outside.
        external: u32,
        /// The fleet.
        devices: u32,
    },
    /// A flag goes with another policy only.
    #[error("{flag} goes with {needs} only")]
    Policy {
        /// Which flag.
        flag: &'static str,
        /// What it goes with.
        needs: &'static str,
    },
    /// The region's dwell time is no choice.
    #[error(transparent)]
    DwellTime(#[from] NoDwellTime),
    /// The simulation cannot begin or go on.
    #[error(transparent)]
    Simulation(#[from] SimError),
    /// A scenario without a network server has nothing for a driver to do.
    #[error(
        "a scenario that starts with the transfer knows no network server: it takes neither stores nor fleets"
    )]
    #[cfg(unix)]
    TransferAlone,
    /// Nodes and fleets speak over Unix sockets.
    #[error("stores and fleets need a system with Unix sockets")]
    #[cfg(not(unix))]
    NeedsUnix,
    /// A report cannot be drawn or serialised.
    #[error("cannot make {what}: {why}")]
    Report {
        /// Which one.
        what: &'static str,
        /// The reason given.
        why: String,
    },
    /// Ctrl-C cannot be watched for.
    #[error("cannot watch for Ctrl-C: {0}")]
    Signal(#[from] ctrlc::Error),
}

impl RunError {
    /// Turns a failure to make a report into an error.
    pub(super) fn report<E: std::fmt::Display>(what: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self::Report { what, why: error.to_string() }
    }
}
