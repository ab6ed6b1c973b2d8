//! Whether receivers could decode, without any bytes: for simulations of whole fleets.

use alloc::vec;
use alloc::vec::Vec;

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
    fn count_missing(&self, lost: &[u64], sent: u16, scratch: &mut RankScratch) -> u16 {
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
        self.gather(lost, words, losses.next_multiple_of(LANES), scratch);
        let mut dependent = 0;
        eliminate(scratch, words, losses, |pivot| {
            dependent += u16::from(pivot.is_none());
            true
        });
        dependent
    }

    /// [`complete_at`](Self::complete_at), a receiver's worth of work that is worth wide registers.
    #[inline(always)]
    fn find(&self, lost: &[u64], scratch: &mut RankScratch) -> Option<u16> {
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
            self.gather(lost, words, losses.next_multiple_of(LANES), scratch);
            let pivot = latest_pivot(scratch, words, losses);
            if pivot.is_some() || words == self.stride {
                return pivot.map(|pivot| self.nb_frag + pivot as u16 + 1);
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

    /// The first words of the lost fragments' columns, as far as parity came: all first words, then all second
    /// ones, `count` of each.
    #[inline(always)]
    fn gather(&self, lost: &[u64], words: usize, count: usize, scratch: &mut RankScratch) {
        scratch.columns.clear();
        scratch.columns.resize(words * count, 0);
        let mut i = 0;
        for (position, lost) in lost.iter().take(usize::from(self.nb_frag).div_ceil(64)).enumerate() {
            let mut left = lost & below(self.nb_frag, position);
            while left != 0 {
                let index = position * 64 + left.trailing_zeros() as usize;
                left &= left - 1;
                let column = &self.words[index * self.stride..][..words];
                for (word, (column, received)) in column.iter().zip(&scratch.received).enumerate() {
                    scratch.columns[word * count + i] = column & received;
                }
                i += 1;
            }
        }
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
    fn run<S: Simd>(self, _simd: S) -> Option<u16> {
        self.columns.find(self.lost, self.scratch)
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
    fn run<S: Simd>(self, _simd: S) -> u16 {
        self.columns.count_missing(self.lost, self.sent, self.scratch)
    }
}

/// Memory that [`ParityColumns::complete_at`] works in.
#[derive(Debug, Clone, Default)]
pub struct RankScratch {
    received: Vec<u64>,
    columns: Vec<u64>,
    /// All ones for each column that the pivot is added to.
    masks: Vec<[u64; LANES]>,
}

/// Parity fragments more than are lost that are looked at first.
const SPARE: usize = 8;

/// Columns that are worked on at once.
const LANES: usize = 8;

/// The latest of the rows that are pivots of the first `losses` columns; `None` if they depend on each other.
#[inline(always)]
fn latest_pivot(scratch: &mut RankScratch, words: usize, losses: usize) -> Option<usize> {
    let mut latest = Some(0);
    eliminate(scratch, words, losses, |pivot| {
        latest = latest.max(pivot).filter(|_| pivot.is_some());
        latest.is_some()
    });
    latest
}

/// Tells each of the first `losses` columns' pivot row, or that it depends on those before, while `tell` wants more.
///
/// Each column in turn has its earliest one taken off all that follow. So the pivots are the earliest rows that
/// are independent, whatever the order of the columns.
#[inline(always)]
fn eliminate(
    scratch: &mut RankScratch,
    words: usize,
    losses: usize,
    mut tell: impl FnMut(Option<usize>) -> bool,
) {
    let count = losses.next_multiple_of(LANES);
    let columns = &mut scratch.columns[..words * count];
    for i in 0..losses {
        let Some(word) = (0..words).find(|word| columns[word * count + i] != 0) else {
            if tell(None) {
                continue;
            }
            return;
        };
        let pivot = columns[word * count + i].trailing_zeros();
        if !tell(Some(word * 64 + pivot as usize)) {
            return;
        }
        // Columns before this one are done with; so is this one, from which the pivot takes all.
        let start = i / LANES * LANES;
        if word + 1 == words {
            let added = columns[word * count + i];
            for lanes in columns[word * count + start..].as_chunks_mut::<LANES>().0 {
                for lane in lanes {
                    *lane ^= added & ((*lane >> pivot & 1).wrapping_neg());
                }
            }
            continue;
        }
        scratch.masks.clear();
        scratch.masks.extend(
            columns[word * count + start..(word + 1) * count].as_chunks::<LANES>().0.iter().map(|lanes| {
                let mut masks = [0; LANES];
                for (mask, lane) in masks.iter_mut().zip(lanes) {
                    *mask = (lane >> pivot & 1).wrapping_neg();
                }
                masks
            }),
        );
        for columns in columns.chunks_exact_mut(count).skip(word) {
            let added = columns[i];
            for (lanes, masks) in columns[start..].as_chunks_mut::<LANES>().0.iter_mut().zip(&scratch.masks) {
                for (lane, mask) in lanes.iter_mut().zip(masks) {
                    *lane ^= added & mask;
                }
            }
        }
    }
}

/// The bits of word `i` whose positions are below `end`.
#[inline(always)]
fn below(end: u16, i: usize) -> u64 {
    match usize::from(end).saturating_sub(i * 64) {
        0 => 0,
        left @ 1..64 => (1 << left) - 1,
        _ => u64::MAX,
    }
}
