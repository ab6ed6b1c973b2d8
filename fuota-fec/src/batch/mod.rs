//! The server side: many parity fragments at once, whole sessions at once, ranks of whole fleets.
//!
//! The fast paths are plain safe code over arrays, compiled for AVX2 as well; where the machine multiplies bit
//! matrices itself (GFNI), that is used. What it has is found out at run time (feature `std`): see `simd` for the only
//! `unsafe` there is.

#![allow(clippy::cast_possible_truncation, reason = "bits are picked from wider words on purpose")]

#[cfg(feature = "std")]
mod add_lines;
#[cfg(all(feature = "std", target_arch = "x86_64"))]
mod affine;
mod decoder;
mod draw;
mod eliminate;
mod encoder;
mod inverse;
mod product;
mod ranks;
mod remainder;
mod rows;
mod simd;
#[cfg(all(feature = "std", target_arch = "x86_64"))]
mod tile;

#[cfg(feature = "std")]
pub(crate) use add_lines::add_lines;
pub use decoder::{DecodeError, decode};
#[cfg(feature = "std")]
pub use encoder::encode_on_all_cores;
pub use encoder::{encode, encode_plainly, encode_with};
pub use ranks::{ParityColumns, RankScratch};
pub use rows::ParityRows;
pub use simd::Registers;
