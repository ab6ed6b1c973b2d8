//! The rows of many parity fragments at once.

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use super::simd::{Job, Registers, Simd};
use crate::prbs::Prbs23;
use crate::{Geometry, ParityRule};

/// Rows of parity fragments that follow each other, ready to encode with.
///
/// They depend on M, the rule and the range alone: one set serves every data block of the same M, and drawing
/// rows is most of the work of encoding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParityRows {
    nb_frag: u16,
    rule: ParityRule,
    /// Index of the first row, counted from 1.
    first: u16,
    stride: usize,
    words: Vec<u64>,
}

impl ParityRows {
    /// Draws rows k of the range, counted from 1; an empty one starts anywhere. Rows beyond 16383 are not
    /// drawn.
    #[must_use]
    pub fn new(nb_frag: u16, rule: ParityRule, rows: Range<u16>) -> Self {
        Self::new_with(Registers::Widest, nb_frag, rule, rows)
    }

    /// [`new`](Self::new) with registers of choice.
    #[must_use]
    pub fn new_with(registers: Registers, nb_frag: u16, rule: ParityRule, rows: Range<u16>) -> Self {
        let first = rows.start.max(1);
        let indices: Vec<u16> = (first..rows.end.min(1 << 14)).collect();
        Self::of(registers, nb_frag, rule, first, &indices)
    }

    /// The rows of the first `parity` parity fragments.
    #[must_use]
    pub fn first(geometry: Geometry, rule: ParityRule, parity: u16) -> Self {
        Self::new(geometry.nb_frag(), rule, 1..parity.saturating_add(1))
    }

    /// Rows of any indices, one after the other.
    pub(super) fn of(
        registers: Registers,
        nb_frag: u16,
        rule: ParityRule,
        first: u16,
        indices: &[u16],
    ) -> Self {
        let stride = usize::from(nb_frag).div_ceil(64);
        let mut words = vec![0; indices.len() * stride];
        registers.run(Draw { nb_frag, rule, indices, stride, words: &mut words });
        Self { nb_frag, rule, first, stride, words }
    }

    /// The number of uncoded fragments.
    #[must_use]
    pub const fn nb_frag(&self) -> u16 {
        self.nb_frag
    }

    /// The rule that they are drawn by.
    #[must_use]
    pub const fn rule(&self) -> ParityRule {
        self.rule
    }

    /// Index of the first row, counted from 1.
    #[must_use]
    pub const fn first_index(&self) -> u16 {
        self.first
    }

    /// The number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.words.len() / self.stride
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Words per row.
    pub(super) const fn stride(&self) -> usize {
        self.stride
    }

    /// All rows, 64 positions to a word.
    pub(super) fn words(&self) -> &[u64] {
        &self.words
    }

    /// The rows one by one: bit i of word i / 64 stands for the uncoded fragment at 0-based place i.
    pub fn iter(&self) -> impl Iterator<Item = &[u64]> {
        self.words.chunks_exact(self.stride)
    }
}

struct Draw<'a> {
    nb_frag: u16,
    rule: ParityRule,
    indices: &'a [u16],
    stride: usize,
    words: &'a mut [u64],
}

impl Job for Draw<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let m = u32::from(self.nb_frag);
        let mut taken = Taken::new(self.nb_frag);
        for (k, row) in self.indices.iter().zip(self.words.chunks_exact_mut(self.stride)) {
            taken.clear();
            let mut draws = Draws::new(m, *k);
            let half = m / 2;
            // As many draws as are missing are never too many; those that don't count are missing still.
            let mut left = half - taken.take_all(&mut draws, half, m);
            if self.rule == ParityRule::V2 {
                taken.pack(simd, row);
                left = half - row.iter().map(|word| word.count_ones()).sum::<u32>();
            }
            while left > 0 {
                left -= match self.rule {
                    ParityRule::V1 => taken.take_all(&mut draws, left, m),
                    ParityRule::V2 => taken.take_fresh(&mut draws, left),
                };
            }
            taken.pack(simd, row);
        }
    }
}

/// As many as there are values of a draw's type, so that no draw has to be checked.
const PLACES: usize = 1 << 16;

/// One octet per fragment while a row is drawn: a store that needs no load before it.
struct Taken {
    octets: Vec<u8>,
    nb_frag: u16,
}

impl Taken {
    fn new(nb_frag: u16) -> Self {
        Self { octets: vec![0; PLACES], nb_frag }
    }

    #[inline(always)]
    fn octets(&mut self) -> Option<&mut [u8; PLACES]> {
        self.octets.first_chunk_mut()
    }

    #[inline(always)]
    fn clear(&mut self) {
        let m = usize::from(self.nb_frag);
        self.octets[..m].fill(0);
        // A draw that is rejected finds its place taken.
        self.octets[m] = 1;
    }

    /// Takes every draw, and says how many were below M.
    #[inline(always)]
    fn take_all(&mut self, draws: &mut Draws, count: u32, m: u32) -> u32 {
        let Some(octets) = self.octets() else { return count };
        let mut rejected = [0_u16; 32];
        draws.next(count, |block| {
            for draw in block {
                octets[usize::from(*draw)] = 1;
            }
            if m.is_power_of_two() {
                for (rejected, draw) in rejected.iter_mut().zip(block) {
                    *rejected += u16::from(u32::from(*draw) == m);
                }
            }
        });
        count - rejected.iter().map(|rejected| u32::from(*rejected)).sum::<u32>()
    }

    /// Takes draws, and says how many were new.
    #[inline(always)]
    fn take_fresh(&mut self, draws: &mut Draws, count: u32) -> u32 {
        let Some(octets) = self.octets() else { return count };
        let mut fresh = 0;
        draws.next(count, |block| {
            for draw in block {
                let place = &mut octets[usize::from(*draw)];
                fresh += 1 - u32::from(*place);
                *place = 1;
            }
        });
        fresh
    }

    #[inline(always)]
    fn pack<S: Simd>(&self, simd: S, row: &mut [u64]) {
        let (halves, _) = self.octets.as_chunks::<32>();
        let (pairs, _) = halves.as_chunks::<2>();
        for (word, [low, high]) in row.iter_mut().zip(pairs) {
            *word = u64::from(simd.low_bits(low)) | u64::from(simd.low_bits(high)) << 32;
        }
        if let Some(last) = row.last_mut()
            && !self.nb_frag.is_multiple_of(64)
        {
            *last &= (1 << (self.nb_frag % 64)) - 1;
        }
    }
}

/// Below this M the quotient may be too large for the division by multiplication.
const SMALL: u32 = 8;

/// The generator, 32 states at a time.
struct Draws {
    modulus: u32,
    inverse: f32,
    /// The next 64 bits that the register will shift out; a state is any 23 of them in a row.
    window: u64,
    block: [u16; 32],
    next: usize,
}

impl Draws {
    #[inline(always)]
    fn new(m: u32, k: u16) -> Self {
        let modulus = m + u32::from(m.is_power_of_two());
        let inverse = 1.0 / modulus as f32;
        let mut draws = Self { modulus, inverse, window: 0, block: [0; 32], next: 32 };
        // From k = 8381 on the first states have 24 bits and are none of a register's: they come one by one.
        let mut prbs = Prbs23::for_row(k);
        let mut early = [0; 32];
        let mut count = 0;
        while prbs.state() >= 1 << 23 {
            early[count] = (prbs.step() % modulus) as u16;
            count += 1;
        }
        draws.next = 32 - count;
        draws.block[32 - count..].copy_from_slice(&early[..count]);
        let state = u64::from(prbs.state());
        // s(t + 23) = s(t) + s(t + 5), as far as 23 known bits reach, and on from there.
        let bits = state | ((state ^ state >> 5) & 0x3_ffff) << 23;
        draws.window = bits | ((bits >> 18 ^ bits >> 23) & 0x3_ffff) << 41;
        draws.window =
            draws.window & ((1 << 59) - 1) | ((draws.window >> 36 ^ draws.window >> 41) & 0x1f) << 59;
        draws
    }

    /// Hands out `count` draws, as many at a time as there are.
    #[inline(always)]
    fn next(&mut self, count: u32, mut take: impl FnMut(&[u16])) {
        let mut count = count as usize;
        while count > 0 {
            if self.next == 32 {
                self.refill();
                if count >= 32 {
                    // By value: its length is known, and whatever `take` writes to is another place.
                    let block = self.block;
                    take(&block);
                    self.next = 32;
                    count -= 32;
                    continue;
                }
            }
            let end = (self.next + count).min(32);
            take(&self.block[self.next..end]);
            count -= end - self.next;
            self.next = end;
        }
    }

    #[inline(always)]
    fn refill(&mut self) {
        // The first of these states is one step on.
        let (low, high) = ((self.window >> 1) as u32, (self.window >> 33) as u32);
        let (modulus, inverse) = (self.modulus, self.inverse);
        let mut states = [0; 32];
        for (shift, state) in (0_u32..).zip(&mut states) {
            *state = (low >> shift | high << 1 << (31 - shift)) & 0x7f_ffff;
        }
        if modulus < SMALL {
            self.block = states.map(|state| (state % modulus) as u16);
        } else {
            for (draw, state) in self.block.iter_mut().zip(states) {
                *draw = remainder(state, modulus, inverse) as u16;
            }
        }
        // Squared, the recurrence is s(t + 46) = s(t) + s(t + 10): it reaches 32 bits further at once.
        let more = (self.window >> 18 ^ self.window >> 28) as u32;
        self.window = self.window >> 32 | u64::from(more) << 32;
        self.next = 0;
    }
}

/// `state` modulo `modulus`, by multiplication.
#[inline(always)]
fn remainder(state: u32, modulus: u32, inverse: f32) -> u32 {
    // Adding 2^23 leaves the rounded quotient in the low bits. It is off by less than one, so that at most one
    // modulus is missing.
    let quotient = (state as f32 * inverse + 8_388_608.0).to_bits() & 0x7f_ffff;
    let rest = state.wrapping_sub(quotient.wrapping_mul(modulus));
    rest.wrapping_add(modulus & (rest.cast_signed() >> 31).cast_unsigned())
}

#[cfg(test)]
mod tests {
    use core::num::NonZeroU16;

    use super::*;
    use crate::row_words;

    fn compare(m: u16, rows: Range<u16>) {
        for rule in [ParityRule::V1, ParityRule::V2] {
            let fast = ParityRows::new(m, rule, rows.clone());
            assert_eq!(fast, ParityRows::new_with(Registers::Common, m, rule, rows.clone()));
            assert_eq!(fast.len(), rows.len());
            for (k, fast) in rows.clone().zip(fast.iter()) {
                let mut slow = vec![0; row_words(m)];
                rule.row(m, NonZeroU16::new(k).unwrap(), &mut slow).unwrap();
                let fast = fast.iter().flat_map(|word| [*word as u32, (*word >> 32) as u32]);
                assert!(fast.take(slow.len()).eq(slow), "{rule:?} M = {m} k = {k}");
            }
        }
    }

    #[test]
    fn small_m() {
        for m in 1..=300 {
            compare(m, 1..60);
            compare(m, 8375..8400);
        }
    }

    #[test]
    fn large_m() {
        for m in [1000, 1024, 4095, 4096, 4267, 8191, 8192, 8193, 16382, 16383] {
            compare(m, 1..40);
            compare(m, 8370..8420);
            compare(m, 16370..16384);
        }
    }
}
