//! LoRaWAN application packages for firmware updates over the air: payloads ⇄ commands.
#![no_std]
#![forbid(unsafe_code)]
#![allow(clippy::doc_markdown, reason = "the standards' names are words here, not code")]

#[cfg(any(test, feature = "std"))]
extern crate std;

#[cfg(any(feature = "ts003-v1", feature = "ts003-v2"))]
pub mod clock_sync;
mod command;
mod cursor;
mod error;
mod field;
#[cfg(feature = "ts006-v1")]
pub mod firmware;
#[cfg(any(feature = "ts004-v1", feature = "ts004-v2"))]
pub mod fragmentation;
mod frequency;
mod hex;
mod ids;
#[cfg(feature = "crypto")]
pub mod keys;
#[cfg(feature = "ts007-v1")]
pub mod multi_package;
#[cfg(any(feature = "ts005-v1", feature = "ts005-v2"))]
pub mod multicast;
#[allow(unused_macros, unused_imports, reason = "a build may have no package at all")]
mod package;
mod stream;
mod units;
mod version;

pub use command::Command;
pub use cursor::{Reader, Writer};
pub use error::{DecodeCause, DecodeError, EncodeError, NotFitted, OutOfRange, Truncated};
pub use frequency::{Frequency, FrequencyError};
pub use ids::{
    Descriptor, EncryptedMcKey, FragAlgo, FragCount, FragIndex, FragN, GroupMask, McAddr, McGroupId, Mic,
    NbFrag, NbTotalGroups, NbTransmissions, PackageId, TimeToken, Token,
};
pub use stream::{CommandSet, Commands};
pub use units::{
    AppTimePeriod, BlockAckDelay, Countdown, DataRate, GpsSeconds, PingSlotPeriodicity, TimeOut, TimeToStart,
    Version,
};
pub use version::{Package, PackageVersion, PackageVersionAns, PackageVersionReq, VersionError};
