//! What can go wrong, with the numbers in it.

use thiserror::Error;

/// The octets end before the command does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[error("truncated: {expected} octets expected, {got} left")]
pub struct Truncated {
    /// Octets that the command needs at this point.
    pub expected: usize,
    /// Octets that the payload still holds.
    pub got: usize,
}

/// Why the commands of a payload could not all be read.
///
/// Everything decoded before `offset` is valid and has been handed out already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[error("offset {offset}: {cause}")]
pub struct DecodeError {
    /// Position in the payload of the first octet of the command that cannot be taken.
    pub offset: usize,
    /// What is wrong with it.
    pub cause: DecodeCause,
}

/// The cause of a [`DecodeError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum DecodeCause {
    /// The package does not define this command identifier in this direction. Its length is therefore
    /// unknown, and nothing after it can be read.
    #[error("unknown CID {cid:#04x}")]
    UnknownCid {
        /// The identifier found.
        cid: u8,
    },
    /// The payload ends inside the command.
    #[error(transparent)]
    Truncated(#[from] Truncated),
    /// A command that must be the only one of its message stands beside others (TS007-1.0.0, MultiPackBufferReq).
    #[error("a command that must stand alone has company")]
    NotAlone,
}

impl DecodeCause {
    /// The cause as one word for machines: `unknown_cid`, `truncated` or `not_alone`.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::UnknownCid { .. } => "unknown_cid",
            Self::Truncated(_) => "truncated",
            Self::NotAlone => "not_alone",
        }
    }
}

/// Why a command was not written. The buffer is as it was before the attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum EncodeError {
    /// The command does not fit in what is left of the buffer.
    #[error("{needed} octets needed, {available} left")]
    BufferTooSmall {
        /// Length of the command, CID included.
        needed: usize,
        /// Octets left in the buffer.
        available: usize,
    },
    /// It would be taken for part of the command before: a `DataFragment`, or an answer whose short form is told from
    /// the long one by the octets that it lacks.
    #[error("it would be taken for part of the command before")]
    AfterLast,
}

/// Some commands of a list were written, and one was not. Those before it are in the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[error("command {index}: {cause}")]
pub struct NotFitted {
    /// Index in the list of the first command that was not written, which is also how many were.
    pub index: usize,
    /// Why.
    pub cause: EncodeError,
}

/// A number outside what a field may mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[error("{got} is not within {min}..={max}")]
pub struct OutOfRange {
    /// Smallest number allowed.
    pub min: u32,
    /// Largest number allowed.
    pub max: u32,
    /// The number given.
    pub got: u32,
}
