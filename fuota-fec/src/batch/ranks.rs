//! Whether receivers could decode, without any bytes: for simulations of whole fleets.

use alloc::vec;
use alloc::vec::Vec;

use super::rows::ParityRows;
use crate::{Geometry, ParityRule};

/// Parity rows, turned on their side: for each uncoded fragment, the parity fragments that it is part of.
///
/// A receiver that lost L fragments has L columns to tell apart by the parity that it got. Eliminating them
/// with the earliest parity fragment of each as the pivot says at once from which fragment on it is complete.
#[derive(Debug, Clone)]
pub struct ParityColumns {
    nb_frag: u16,
    parity: u16,
    /// Words per column.
    stride: usize,
    words: Vec<u64>,
}

impl ParityColumns {
    /// The columns of the first `parity` parity fragments.
    #[must_use]
    pub fn new(geometry: Geometry, rule: ParityRule, parity: u16) -> Self {
        let rows = ParityRows::first(geometry, rule, parity);
        let stride = rows.len().div_ceil(64).max(1);
        let mut words = vec![0; usize::from(geometry.nb_frag()) * stride];
        for (k, row) in rows.iter().enumerate() {
            for (column, words) in words.chunks_exact_mut(stride).enumerate() {
                words[k / 64] |= (row[column / 64] >> (column % 64) & 1) << (k % 64);
            }
        }
        Self { nb_frag: geometry.nb_frag(), parity: rows.len() as u16, stride, words }
    }

    /// Words of 64 that hold one bit for each fragment, uncoded and parity.
    #[must_use]
    pub fn lost_words(&self) -> usize {
        (usize::from(self.nb_frag) + usize::from(self.parity)).div_ceil(64)
    }

    /// The number N of the fragment with which a receiver that listens to 1, 2, …, M + R is complete; `None`
    /// if it never is. Bit N − 1 of `lost` stands for fragment N; words and bits that are not there count as
    /// received.
    ///
    /// `scratch` keeps its memory from call to call; what is in it does not matter.
    #[must_use]
    pub fn complete_at(&self, lost: &[u64], scratch: &mut RankScratch) -> Option<u16> {
        match self.stride {
            1 => self.complete_at_in::<1>(lost, scratch),
            2 => self.complete_at_in::<2>(lost, scratch),
            3 => self.complete_at_in::<3>(lost, scratch),
            4 => self.complete_at_in::<4>(lost, scratch),
            5..=8 => self.complete_at_in::<8>(lost, scratch),
            9..=16 => self.complete_at_in::<16>(lost, scratch),
            17..=64 => self.complete_at_in::<64>(lost, scratch),
            _ => self.complete_at_in::<256>(lost, scratch),
        }
    }

    /// With columns of at most `W` words.
    fn complete_at_in<const W: usize>(&self, lost: &[u64], scratch: &mut RankScratch) -> Option<u16> {
        let received: [u64; W] = self.received_parity(lost);
        let rows = usize::from(self.parity);
        // Per row that is some column's pivot, where its column starts.
        scratch.pivots.clear();
        scratch.pivots.resize(rows, NONE);
        scratch.basis.clear();
        let (mut last_lost, mut last_pivot) = (None, None);
        for index in ones_below(lost, self.nb_frag) {
            last_lost = Some(index);
            let mut column = [0; W];
            let start = usize::from(index) * self.stride;
            for ((column, word), received) in
                column.iter_mut().zip(&self.words[start..start + self.stride]).zip(&received)
            {
                *column = word & received;
            }
            loop {
                // A column of zeros depends on the others: no parity tells them apart.
                let pivot = lowest_one(&column)?;
                let at = scratch.pivots[pivot];
                if at == NONE {
                    scratch.pivots[pivot] = scratch.basis.len() as u32;
                    scratch.basis.extend_from_slice(&column);
                    last_pivot = last_pivot.max(Some(pivot as u16));
                    break;
                }
                for (column, basis) in column.iter_mut().zip(&scratch.basis[at as usize..][..W]) {
                    *column ^= basis;
                }
            }
        }
        Some(match (last_pivot, last_lost) {
            (Some(pivot), _) => self.nb_frag + pivot + 1,
            (None, Some(_)) => return None,
            (None, None) => self.nb_frag,
        })
    }

    /// A one for each parity fragment that is not lost.
    fn received_parity<const W: usize>(&self, lost: &[u64]) -> [u64; W] {
        let (skip, shift) = (usize::from(self.nb_frag) / 64, self.nb_frag % 64);
        let word = |i: usize| lost.get(i).copied().unwrap_or(0);
        core::array::from_fn(|i| {
            let low = word(skip + i) >> shift;
            let high = if shift == 0 { 0 } else { word(skip + i + 1) << (64 - shift) };
            !(low | high)
        })
    }
}

/// Memory that [`ParityColumns::complete_at`] works in.
#[derive(Debug, Clone, Default)]
pub struct RankScratch {
    pivots: Vec<u32>,
    basis: Vec<u64>,
}

const NONE: u32 = u32::MAX;

fn lowest_one(words: &[u64]) -> Option<usize> {
    let (i, word) = words.iter().enumerate().find(|(_, word)| **word != 0)?;
    Some(i * 64 + word.trailing_zeros() as usize)
}

/// Positions of the ones below `end`.
fn ones_below(words: &[u64], end: u16) -> impl Iterator<Item = u16> {
    let words = words.iter().take(usize::from(end).div_ceil(64)).enumerate();
    words.flat_map(move |(i, word)| {
        let below = usize::from(end) - i * 64;
        let mut left = if below < 64 { word & ((1 << below) - 1) } else { *word };
        core::iter::from_fn(move || {
            let bit = (left != 0).then(|| left.trailing_zeros() as u16)?;
            left &= left - 1;
            Some(i as u16 * 64 + bit)
        })
    })
}
