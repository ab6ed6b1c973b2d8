//! Many parity fragments of one data block.

use alloc::vec;
use alloc::vec::Vec;

use super::product::{BitRows, multiply};
use super::rows::ParityRows;
use super::simd::Registers;
use crate::{FecError, Geometry, ParityRule};

/// The parity fragments that `rows` stand for, FragSize octets each, one after the other.
///
/// # Errors
/// [`FecError::ImageLength`] for another image than the geometry's, [`FecError::RowsOfOther`] for rows of
/// another M.
pub fn encode_with(rows: &ParityRows, geometry: Geometry, image: &[u8]) -> Result<Vec<u8>, FecError> {
    sums(Registers::Widest, rows, geometry, image)
}

/// [`encode`] without wide registers.
///
/// # Errors
/// Those of [`encode`].
pub fn encode_plainly(
    geometry: Geometry,
    rule: ParityRule,
    image: &[u8],
    parity: u16,
) -> Result<Vec<u8>, FecError> {
    let rows = 1..parity.saturating_add(1);
    let rows = ParityRows::new_with(Registers::Common, geometry.nb_frag(), rule, rows);
    sums(Registers::Common, &rows, geometry, image)
}

/// The first `parity` parity fragments, FragSize octets each, one after the other.
///
/// # Errors
/// [`FecError::ImageLength`] for another image than the geometry's.
pub fn encode(geometry: Geometry, rule: ParityRule, image: &[u8], parity: u16) -> Result<Vec<u8>, FecError> {
    encode_with(&ParityRows::first(geometry, rule, parity), geometry, image)
}

/// [`encode`] on all cores.
///
/// # Errors
/// Those of [`encode`].
#[cfg(feature = "std")]
pub fn encode_on_all_cores(
    geometry: Geometry,
    rule: ParityRule,
    image: &[u8],
    parity: u16,
) -> Result<Vec<u8>, FecError> {
    use rayon::prelude::*;

    // Sums of groups are worked out for each part anew, which pays off from some hundred rows on.
    let threads = u16::try_from(rayon::current_num_threads()).unwrap_or(u16::MAX);
    let part = parity.div_ceil(threads).max(128);
    let starts: Vec<u16> = (1..=parity).step_by(part.into()).collect();
    let parts = starts.into_par_iter().map(|start| {
        let end = start.saturating_add(part).min(parity.saturating_add(1));
        encode_with(&ParityRows::new(geometry.nb_frag(), rule, start..end), geometry, image)
    });
    Ok(parts.collect::<Result<Vec<_>, _>>()?.concat())
}

fn sums(
    registers: Registers,
    rows: &ParityRows,
    geometry: Geometry,
    image: &[u8],
) -> Result<Vec<u8>, FecError> {
    if image.len() != geometry.image_len() {
        return Err(FecError::ImageLength { expected: geometry.image_len(), got: image.len() });
    }
    if rows.nb_frag() != geometry.nb_frag() {
        return Err(FecError::RowsOfOther { expected: geometry.nb_frag(), got: rows.nb_frag() });
    }
    let size = usize::from(geometry.frag_size());
    let mut out = vec![0; rows.len() * size];
    multiply(registers, BitRows { words: rows.words(), stride: rows.stride() }, image, size, None, &mut out);
    Ok(out)
}
