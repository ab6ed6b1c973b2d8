//! A whole session at once.

use alloc::vec;
use alloc::vec::Vec;

use thiserror::Error;

use super::inverse::left_inverse;
use super::product::{BitRows, multiply};
use super::rows::ParityRows;
use super::simd::Registers;
use crate::{FecError, FragmentKind, FragmentNumber, Geometry, ParityRule};

/// Parity fragments beyond the lost ones that are looked at first: more are needed in one of 10^4 sessions.
const EXTRA: usize = 16;

/// Why a session has not been decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The fragments don't determine the data block.
    #[error("{lost} fragments are lost, and {parity} parity fragments don't give them back")]
    NotEnough {
        /// Uncoded fragments that have not been received.
        lost: u16,
        /// Different parity fragments received.
        parity: u16,
    },
    /// A fragment does not belong to the session.
    #[error(transparent)]
    Fragment(#[from] FecError),
}

/// The data block, without its padding, from received fragments in any order, repeats and all.
///
/// # Errors
/// [`DecodeError::NotEnough`], or [`DecodeError::Fragment`] for a fragment that is not FragSize octets long.
pub fn decode<'f>(
    geometry: Geometry,
    rule: ParityRule,
    fragments: impl IntoIterator<Item = (FragmentNumber, &'f [u8])>,
) -> Result<Vec<u8>, DecodeError> {
    let mut session = Session::new(geometry);
    for (n, fragment) in fragments {
        session.take(n, fragment)?;
    }
    session.solve(rule)?;
    session.image.truncate(geometry.image_len());
    Ok(session.image)
}

/// What has been received.
struct Session<'f> {
    geometry: Geometry,
    image: Vec<u8>,
    /// A one for each uncoded fragment that is lost, 64 to a word.
    lost: Vec<u64>,
    parity: Vec<(u16, &'f [u8])>,
}

impl<'f> Session<'f> {
    fn new(geometry: Geometry) -> Self {
        let m = usize::from(geometry.nb_frag());
        let mut lost = vec![u64::MAX; m.div_ceil(64)];
        if let Some(last) = lost.last_mut().filter(|_| m % 64 != 0) {
            *last = (1 << (m % 64)) - 1;
        }
        Self { geometry, image: vec![0; geometry.padded_len()], lost, parity: Vec::new() }
    }

    fn take(&mut self, n: FragmentNumber, fragment: &'f [u8]) -> Result<(), FecError> {
        let expected = self.geometry.frag_size();
        if fragment.len() != usize::from(expected) {
            return Err(FecError::FragmentLength { expected, got: fragment.len() });
        }
        match self.geometry.kind(n) {
            FragmentKind::Uncoded(index) => {
                self.image[self.geometry.fragment_range(index)].copy_from_slice(fragment);
                self.lost[usize::from(index) / 64] &= !(1 << (index % 64));
            }
            FragmentKind::Parity(k) => self.parity.push((k.get(), fragment)),
        }
        Ok(())
    }

    /// Finds the lost fragments: first from a few parity fragments more than are lost, then from all.
    fn solve(&mut self, rule: ParityRule) -> Result<(), DecodeError> {
        let lost: usize = self.lost.iter().map(|word| word.count_ones() as usize).sum();
        if lost == 0 {
            return Ok(());
        }
        self.parity.sort_unstable_by_key(|(k, _)| *k);
        self.parity.dedup_by_key(|(k, _)| *k);
        let all = self.parity.len();
        for used in [all.min(lost + EXTRA), all] {
            if used >= lost && self.solve_with(rule, lost, used) {
                return Ok(());
            }
        }
        Err(DecodeError::NotEnough { lost: lost as u16, parity: all as u16 })
    }

    /// Tries the first `used` parity fragments.
    fn solve_with(&mut self, rule: ParityRule, lost: usize, used: usize) -> bool {
        let size = usize::from(self.geometry.frag_size());
        let (indices, parity): (Vec<u16>, Vec<&[u8]>) = self.parity.iter().take(used).copied().unzip();
        let rows = ParityRows::of(Registers::Widest, self.geometry.nb_frag(), rule, 0, &indices);
        let Some(inverse) = left_inverse(&self.lost_columns(&rows, lost), lost, used) else { return false };

        // What parity holds of the lost fragments alone; these count as zero here.
        let mut sums: Vec<u8> = parity.concat();
        let rows = BitRows { words: rows.words(), stride: rows.stride() };
        multiply(Registers::Widest, rows, &self.image, size, Some(&self.lost), &mut sums);
        let mut found = vec![0; lost * size];
        let inverse = BitRows { words: &inverse, stride: used.div_ceil(64) };
        multiply(Registers::Widest, inverse, &sums, size, None, &mut found);
        for (index, fragment) in ones(&self.lost).zip(found.chunks_exact(size)) {
            self.image[index * size..][..size].copy_from_slice(fragment);
        }
        true
    }

    /// The rows over the lost fragments alone.
    fn lost_columns(&self, rows: &ParityRows, lost: usize) -> Vec<u64> {
        let stride = lost.div_ceil(64);
        let columns: Vec<usize> = ones(&self.lost).collect();
        let mut squeezed = vec![0; rows.len() * stride];
        for (squeezed, row) in squeezed.chunks_exact_mut(stride).zip(rows.iter()) {
            for (squeezed, columns) in squeezed.iter_mut().zip(columns.chunks(64)) {
                for (bit, column) in columns.iter().enumerate() {
                    *squeezed |= (row[column / 64] >> (column % 64) & 1) << bit;
                }
            }
        }
        squeezed
    }
}

/// Positions of the ones, 64 to a word.
fn ones(words: &[u64]) -> impl Iterator<Item = usize> {
    words.iter().enumerate().flat_map(|(i, word)| {
        let mut left = *word;
        core::iter::from_fn(move || {
            let bit = (left != 0).then(|| left.trailing_zeros() as usize)?;
            left &= left - 1;
            Some(i * 64 + bit)
        })
    })
}
