//! What goes wrong with a process.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Why the processes of external devices cannot be started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A quotation mark or a backslash stands alone, or there is nothing at all.
    #[error("`{command}` is no command: a program and its arguments, quoted as for a shell, are expected")]
    Command {
        /// What was given.
        command: String,
    },
    /// The system does not start it.
    #[error("cannot start `{command}`: {why}")]
    Start {
        /// The command.
        command: String,
        /// What the system says.
        why: String,
    },
}

/// Why an external device no longer takes part.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Failure {
    /// It owes a `ready` and says nothing.
    #[error("its process was silent for {} s", after.as_secs_f64())]
    Silent {
        /// For how long it was waited.
        after: Duration,
    },
    /// It goes on answering without coming to an end.
    #[error("its process answered {lines} lines without a `ready`")]
    Endless {
        /// Lines that were read.
        lines: usize,
    },
    /// It does not read what it is told.
    #[error("its process does not read its input")]
    Deaf,
    /// The process ended.
    #[error("its process ended ({how})")]
    Ended {
        /// Its exit status, as the system has it.
        how: String,
    },
    /// A line that is none of the protocol's.
    #[error("its process wrote `{line}`: {why}")]
    Garbage {
        /// The line, or how it begins.
        line: String,
        /// What was expected.
        why: String,
    },
    /// It speaks without having been told anything.
    #[error("its process wrote `{line}` though it was not asked")]
    Unasked {
        /// The line, or how it begins.
        line: String,
    },
    /// It speaks for a device that it was not told about just then.
    #[error("its process spoke for the device `{device}` when it was told of {asked}")]
    Foreign {
        /// The device that it names.
        device: String,
        /// The device that was meant.
        asked: String,
    },
    /// An uplink that no radio would send.
    #[error(
        "its process wants to send {len} octets on port {port}; at most {most} octets on ports 1 to 223 are possible"
    )]
    Uplink {
        /// FPort.
        port: u8,
        /// Octets of its payload.
        len: usize,
        /// Most octets at the fleet's uplink data rate.
        most: usize,
    },
    /// It holds something other than the image.
    #[error("it says it holds a file with the SHA-256 {sha256}, which is not that of the image")]
    WrongImage {
        /// What it says.
        sha256: String,
    },
    /// It answered that nothing is missing, and never said what it holds.
    #[error("it counts as complete and never named the image's SHA-256")]
    Unproven,
}
