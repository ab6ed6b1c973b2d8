//! The erasure code of LoRaWAN fragmentation (TS004-1.0.0 and TS004-2.0.0, `FragAlgo` 0).
//!
//! A data block is cut into M fragments; every further fragment is the sum over GF(2) of about half of them,
//! picked by a pseudo-random row that sender and receiver draw alike. Any M independent fragments give the
//! block back.
//!
//! ```
//! use fuota_fec::{Decoder, Encoder, FragmentNumber, Geometry, Mode, ParityRule, Progress, SliceStore, words};
//!
//! let image = *b"a data block of thirty octets.";
//! let geometry = Geometry::new(image.len(), 3)?;
//! let encoder = Encoder::new(geometry, ParityRule::V1, &image)?;
//!
//! // The memory of a device: M = 10 fragments, of which up to 4 may be lost.
//! let memory = [0; words(Mode::Triangular, 10, 4)];
//! let (mut block, mut parity, mut accumulator) = ([0; 30], [0; 12], [0; 3]);
//! let mut store = SliceStore::new(geometry, &mut block, &mut parity, &mut accumulator)?;
//! let mut decoder = Decoder::new(geometry, ParityRule::V1, 4, memory)?;
//!
//! let mut fragment = [0; 3];
//! let received = (1..).filter(|n| ![2, 5, 6].contains(n)).filter_map(FragmentNumber::new);
//! for n in received {
//!     encoder.fragment(n, &mut fragment)?;
//!     if decoder.insert(n, &fragment, &mut store)? == Progress::Complete {
//!         break;
//!     }
//! }
//! assert_eq!(store.image(), image);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
#![doc = include_str!("algorithm.md")]
#![no_std]
#![cfg_attr(not(feature = "std"), forbid(unsafe_code))]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

#[cfg(feature = "alloc")]
pub mod batch;
mod bits;
mod decoder;
mod encoder;
mod error;
mod geometry;
#[cfg(feature = "alloc")]
pub mod naive;
mod prbs;
mod rule;
mod store;
pub mod structure;
mod xor;

pub use bits::Ones;
pub use decoder::{Decoder, DeferredDecoder, Mode, Op, Progress, SPARE_PARITY, Steps, apply, run, words};
pub use encoder::Encoder;
pub use error::{FecError, InsertError};
pub use geometry::{FragmentKind, FragmentNumber, Geometry, MAX_FRAGMENT_NUMBER, max_parity, row_words};
pub use prbs::Prbs23;
pub use rule::ParityRule;
#[cfg(feature = "alloc")]
pub use store::MemoryStore;
#[cfg(feature = "flash")]
pub use store::{AsyncFlashStore, FlashError, FlashSession, FlashStore};
pub use store::{Entry, FragmentStore, NoSuchSlot, RankOnly, SliceStore, Slot, for_each_piece};
#[cfg(feature = "std")]
pub use store::{SharedBlock, SharingStore};
pub use xor::xor;
