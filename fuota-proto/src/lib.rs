//! LoRaWAN application packages for firmware updates over the air: payloads ⇄ commands.
//!
//! | Package | Module | Default FPort | Identifier | Versions |
//! |---|---|---|---|---|
//! | Clock synchronisation (TS003) | [`clock_sync`] | 202 | 1 | 1, 2 |
//! | Fragmented data block transport (TS004) | [`fragmentation`] | 201 | 3 | 1, 2 |
//! | Remote multicast setup (TS005) | [`multicast`] | 200 | 2 | 1, 2 |
//! | Firmware management (TS006) | [`firmware`] | 203 | 4 | 1 |
//! | Multi-package access (TS007) | [`multi_package`] | 225 | 0 | 1 |
//!
//! Versions are types: `multicast::v1::Downlink` and `multicast::v2::Downlink` hold the commands a server sends,
//! `Uplink` those a device sends, and no octet of a payload tells which version it is of. Ask with
//! [`PackageVersionReq`] and choose with [`PackageVersionAns::negotiate`].
//!
//! Nothing here allocates, panics or reads past its input, whatever it is given. Values are bounded by their width on
//! the wire, so every octet string of a command decodes and encodes again, and encoding fails only for want of space.
//! What a value *means* is checked by `validate()`, whose error says how to answer; constructors for senders, such as
//! [`NbFrag::new`], take only what means something.
//!
//! # A device
//!
//! Answers go into one buffer as long as the data rate allows; what does not fit is asked for again.
//!
//! ```
//! # #[cfg(feature = "ts004-v1")] {
//! use fuota_proto::Writer;
//! use fuota_proto::fragmentation::v1::{Downlink, FragSessionSetupAns, PackageVersionAns, Uplink};
//! use fuota_proto::fragmentation::v1::{PACKAGE_IDENTIFIER, PACKAGE_VERSION};
//!
//! /// Handles a payload that came on the package's FPort, and returns the length of the answers.
//! fn handle(payload: &[u8], answers: &mut [u8]) -> usize {
//!     let mut out = Writer::new(answers);
//!     for command in Downlink::commands(payload) {
//!         let answer = match command {
//!             Ok(Downlink::PackageVersionReq(_)) => Uplink::from(PackageVersionAns {
//!                 package_identifier: PACKAGE_IDENTIFIER,
//!                 package_version: PACKAGE_VERSION,
//!             }),
//!             Ok(Downlink::FragSessionSetupReq(session)) => Uplink::from(match session.validate() {
//!                 Ok(()) => FragSessionSetupAns::accepting(session.frag_index),
//!                 Err(error) => FragSessionSetupAns::refusing(session.frag_index, error),
//!             }),
//!             Ok(Downlink::DataFragment(fragment)) => {
//!                 if fragment.validate(payload.len()).is_ok() {
//!                     // Give `fragment.n` and `fragment.data` to the erasure code.
//!                 }
//!                 continue;
//!             }
//!             Ok(_) => continue,
//!             // What came before is done already; where the rest would start is not known.
//!             Err(_) => break,
//!         };
//!         if answer.encode(&mut out).is_err() {
//!             break;
//!         }
//!     }
//!     out.len()
//! }
//!
//! let mut answers = [0; 51];
//! // Which version, and a session of 10 fragments of 48 octets; then a command that does not exist.
//! let payload = [0x00, 0x02, 0x01, 10, 0, 48, 0x02, 7, 1, 4, 3, 1, 0x7F];
//! assert_eq!(handle(&payload, &mut answers), 5);
//! assert_eq!(answers[..5], [0x00, 3, 1, 0x02, 0x00]);
//! # }
//! ```
//!
//! # A server
//!
//! ```
//! # #[cfg(feature = "ts005-v2")] {
//! use fuota_proto::multicast::v2::{Downlink, McClassCSessionReq, Uplink};
//! use fuota_proto::{DataRate, Frequency, GpsSeconds, McGroupId, TimeOut};
//!
//! let session = McClassCSessionReq {
//!     mc_group_id: McGroupId::new(0)?,
//!     session_time: GpsSeconds(1_400_000_000),
//!     // Twenty minutes of fragments: the device listens for 2048 s at most.
//!     time_out: TimeOut::class_c_covering(20 * 60),
//!     dl_frequency_hz: Frequency::from_hz(869_525_000)?,
//!     dr: DataRate::new(3)?,
//! };
//! session.validate()?;
//! let mut payload = [0; Downlink::MAX_LEN];
//! let len = Downlink::from(session).encode_to_slice(&mut payload)?;
//! assert_eq!(payload[..len], [0x04, 0, 0x00, 0x4E, 0x72, 0x53, 11, 0xD2, 0xAD, 0x84, 3]);
//!
//! // The device will start in 300 s, counted from its answer; or it says what is wrong.
//! for answer in Uplink::commands(&[0x04, 0x00, 0x2C, 0x01, 0x00]) {
//!     let Uplink::McClassCSessionAns(answer) = answer? else { continue };
//!     match (answer.time_to_start(), answer.errors()) {
//!         (Some(time_to_start), _) => assert_eq!(time_to_start.get(), 300),
//!         (None, errors) => println!("group {}: {errors:?}", answer.mc_group_id),
//!     }
//! }
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! They only add. One for each package and version (`ts003-v1` to `ts007-v1`; `packages` is all of them): firmware
//! names what it speaks. `crypto` has the `keys` of multicast groups and data blocks, `serde` gives JSON for people and
//! compact records, `defmt` logs on a device, `arbitrary` serves tests, `std` is for the standard library's traits.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(feature = "packages"),
    allow(rustdoc::broken_intra_doc_links, reason = "the table above links them all")
)]
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
#[cfg(feature = "serde")]
#[allow(dead_code, reason = "a build may have no package at all")]
mod tagged;
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
