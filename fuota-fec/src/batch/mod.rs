//! The server side: many parity fragments at once, whole sessions at once, ranks of whole fleets.
//!
//! The fast paths are plain safe code over arrays, compiled for AVX2 as well where the machine has it (feature
//! `std`): see `simd.rs` for the only `unsafe` there is.

#![allow(clippy::cast_possible_truncation, reason = "bits are picked from wider words on purpose")]

mod decoder;
mod encoder;
mod inverse;
mod product;
mod ranks;
mod rows;
mod simd;

pub use decoder::{DecodeError, decode};
#[cfg(feature = "std")]
pub use encoder::encode_on_all_cores;
pub use encoder::{encode, encode_plainly, encode_with};
pub use ranks::{ParityColumns, RankScratch};
pub use rows::ParityRows;
pub use simd::Registers;
