//! Whether receivers could decode, without any bytes: for simulations of whole fleets.

use alloc::vec;
use alloc::vec::Vec;

use super::eliminate::{LANES, Lanes, eliminate_by_fours, eliminate_one_by_one};
use super::rows::ParityRows;
use super::simd::{Job, Registers, Simd};
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
        Registers::Widest.run(CompleteAt { columns: self, lost, scratch })
    }

    /// How many fragments a receiver of 1, 2, …, `sent` still misses: uncoded ones that it lost or that were not sent yet,
    /// less the rank of the parity that it got. `lost` and `scratch` as in [`complete_at`](Self::complete_at).
    #[must_use]
    pub fn missing(&self, lost: &[u64], sent: u16, scratch: &mut RankScratch) -> u16 {
        Registers::Widest.run(Missing { columns: self, lost, sent, scratch })
    }

    /// [`missing`](Self::missing), a receiver's worth of work that is worth wide registers.
    #[inline(always)]
    fn count_missing<S: Simd>(&self, simd: S, lost: &[u64], sent: u16, scratch: &mut RankScratch) -> u16 {
        let uncoded = sent.min(self.nb_frag);
        let words = lost.iter().take(usize::from(uncoded).div_ceil(64)).enumerate();
        let losses: u32 = words.map(|(i, word)| (word & below(uncoded, i)).count_ones()).sum();
        let unsent = self.nb_frag - uncoded;
        let parity = (sent - uncoded).min(self.parity);
        if losses == 0 || parity == 0 {
            return losses as u16 + unsent;
        }
        let losses = losses as usize;
        self.receive(lost, &mut scratch.received);
        // What was not sent yet was not received.
        for (i, word) in scratch.received.iter_mut().enumerate() {
            *word &= below(parity, i);
        }
        let words = usize::from(parity).div_ceil(64);
        let mut dependent = 0;
        self.pivots(simd, lost, words, losses, scratch, |pivot| {
            dependent += u16::from(pivot.is_none());
            true
        });
        dependent
    }

    /// [`complete_at`](Self::complete_at), a receiver's worth of work that is worth wide registers.
    #[inline(always)]
    fn find<S: Simd>(&self, simd: S, lost: &[u64], scratch: &mut RankScratch) -> Option<u16> {
        let uncoded = lost.iter().take(usize::from(self.nb_frag).div_ceil(64)).enumerate();
        let losses: u32 = uncoded.map(|(i, word)| (word & below(self.nb_frag, i)).count_ones()).sum();
        if losses == 0 {
            return Some(self.nb_frag);
        }
        let losses = losses as usize;
        self.receive(lost, &mut scratch.received);
        // The first words that are likely to be enough, and if they are not, all.
        let (mut words, mut received) = (0, 0);
        while words < self.stride && received < losses + SPARE {
            received += scratch.received[words].count_ones() as usize;
            words += 1;
        }
        if received < losses {
            return None;
        }
        loop {
            let mut latest = Some(0);
            self.pivots(simd, lost, words, losses, scratch, |pivot| {
                latest = latest.max(pivot).filter(|_| pivot.is_some());
                latest.is_some()
            });
            if latest.is_some() || words == self.stride {
                return latest.map(|pivot| self.nb_frag + pivot as u16 + 1);
            }
            words = self.stride;
        }
    }

    /// A one for each parity fragment that is not lost.
    #[inline(always)]
    fn receive(&self, lost: &[u64], received: &mut Vec<u64>) {
        let (skip, shift) = (usize::from(self.nb_frag) / 64, self.nb_frag % 64);
        let word = |i: usize| lost.get(i).copied().unwrap_or(0);
        received.clear();
        received.extend((0..self.stride).map(|i| {
            let lost = word(skip + i) >> shift | word(skip + i + 1) << 1 << (63 - shift);
            !lost & below(self.parity, i)
        }));
    }

    /// Tells the pivots of the first `words` words of the lost fragments' columns, as far as parity came.
    #[inline(always)]
    fn pivots<S: Simd>(
        &self,
        simd: S,
        lost: &[u64],
        words: usize,
        losses: usize,
        scratch: &mut RankScratch,
        tell: impl FnMut(Option<usize>) -> bool,
    ) {
        scratch.columns.clear();
        scratch.columns.resize(words * losses.div_ceil(LANES), [0; LANES]);
        match words {
            1 => self.pivots_in::<S, 1>(simd, lost, losses, scratch, tell),
            2 => self.pivots_in::<S, 2>(simd, lost, losses, scratch, tell),
            3 => self.pivots_in::<S, 3>(simd, lost, losses, scratch, tell),
            _ => {
                let places = (0..losses).map(|i| (i / LANES * words, i % LANES));
                for (index, (place, lane)) in self.lost(lost).zip(places) {
                    let column = &self.words[index * self.stride..];
                    let lanes = scratch.columns[place..][..words].iter_mut();
                    for (lanes, (column, received)) in lanes.zip(column.iter().zip(&scratch.received)) {
                        lanes[lane] = column & received;
                    }
                }
                eliminate_one_by_one(&mut scratch.columns, words, losses, tell);
            }
        }
    }

    /// [`pivots`](Self::pivots) for few words.
    #[inline(always)]
    #[expect(
        clippy::needless_range_loop,
        reason = "loops over constant ranges become straight code, iterators do not"
    )]
    fn pivots_in<S: Simd, const W: usize>(
        &self,
        simd: S,
        lost: &[u64],
        losses: usize,
        scratch: &mut RankScratch,
        tell: impl FnMut(Option<usize>) -> bool,
    ) {
        let Some(received) = scratch.received.first_chunk::<W>() else { return };
        let (columns, _) = scratch.columns.as_chunks_mut::<W>();
        let mut lost = self.lost(lost);
        for four in &mut *columns {
            for lane in 0..LANES {
                let Some(index) = lost.next() else { break };
                let column = self.words.get(index * self.stride..).and_then(<[u64]>::first_chunk::<W>);
                if let Some(column) = column {
                    for word in 0..W {
                        four[word][lane] = column[word] & received[word];
                    }
                }
            }
        }
        eliminate_by_fours(simd, columns, losses, tell);
    }

    /// The uncoded fragments that are lost.
    #[inline(always)]
    fn lost(&self, lost: &[u64]) -> impl Iterator<Item = usize> {
        let words = lost.iter().take(usize::from(self.nb_frag).div_ceil(64)).enumerate();
        words.flat_map(|(i, word)| {
            let mut left = word & below(self.nb_frag, i);
            core::iter::from_fn(move || {
                let place = left.trailing_zeros();
                (left != 0).then(|| {
                    left &= left - 1;
                    i * 64 + place as usize
                })
            })
        })
    }
}

struct CompleteAt<'a> {
    columns: &'a ParityColumns,
    lost: &'a [u64],
    scratch: &'a mut RankScratch,
}

impl Job for CompleteAt<'_> {
    type Output = Option<u16>;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Option<u16> {
        self.columns.find(simd, self.lost, self.scratch)
    }
}

struct Missing<'a> {
    columns: &'a ParityColumns,
    lost: &'a [u64],
    sent: u16,
    scratch: &'a mut RankScratch,
}

impl Job for Missing<'_> {
    type Output = u16;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> u16 {
        self.columns.count_missing(simd, self.lost, self.sent, self.scratch)
    }
}

/// Memory that [`ParityColumns::complete_at`] works in.
#[derive(Debug, Clone, Default)]
pub struct RankScratch {
    received: Vec<u64>,
    columns: Vec<Lanes>,
}

/// Parity fragments more than are lost that are looked at first.
const SPARE: usize = 8;

/// The bits of word `i` whose positions are below `end`.
#[inline(always)]
fn below(end: u16, i: usize) -> u64 {
    match usize::from(end).saturating_sub(i * 64) {
        0 => 0,
        left @ 1..64 => (1 << left) - 1,
        _ => u64::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_bits_below_an_end_as_it_says() {
        let masks = |end| [0, 1, 2].map(|word| below(end, word));
        assert_eq!(masks(0), [0, 0, 0]);
        assert_eq!(masks(1), [1, 0, 0]);
        assert_eq!(masks(63), [u64::MAX >> 1, 0, 0]);
        assert_eq!(masks(64), [u64::MAX, 0, 0]);
        assert_eq!(masks(130), [u64::MAX, u64::MAX, 0b11]);
    }
}
