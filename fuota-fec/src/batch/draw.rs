//! Drawing rows, 32 draws at a time.

use alloc::vec;
use alloc::vec::Vec;
use core::hint::black_box;

use super::remainder::{BLOCK, Block, Modulus, NOWHERE};
use super::simd::{Job, Simd};
use crate::ParityRule;
use crate::prbs::Prbs23;

/// Draws the rows of the given indices into `words`, `stride` of them each.
pub(super) struct Draw<'a> {
    pub(super) nb_frag: u16,
    pub(super) rule: ParityRule,
    pub(super) indices: &'a [u16],
    pub(super) stride: usize,
    pub(super) words: &'a mut [u64],
}

/// From so many draws on it is faster to take them all and count again than to look at each.
const MANY: usize = 128;

impl Job for Draw<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let mut taken = Taken::new(self.nb_frag, self.rule);
        for (k, row) in self.indices.iter().zip(self.words.chunks_exact_mut(self.stride)) {
            let mut prbs = Prbs23::for_row(*k);
            let mut left = taken.take_early(&mut prbs);
            let mut draws = Draws::new(taken.modulus, prbs);
            // As many draws as are missing are never too many; those that don't count are missing still.
            match self.rule {
                ParityRule::V1 => taken.take_all(simd, &mut draws, left),
                ParityRule::V2 => {
                    while left >= MANY {
                        taken.take_all(simd, &mut draws, left);
                        left = taken.half - taken.count(simd);
                    }
                    taken.take_fresh(simd, &mut draws, left);
                }
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
    half: usize,
    rule: ParityRule,
    modulus: Modulus,
}

/// What stands at the place of a fragment that has been taken.
const TAKEN: u8 = 0xff;

impl Taken {
    fn new(nb_frag: u16, rule: ParityRule) -> Self {
        let modulus = Modulus::new(nb_frag + u16::from(nb_frag.is_power_of_two()));
        let mut octets = vec![0; PLACES];
        // What is not drawn is not new.
        octets[usize::from(NOWHERE)] = TAKEN;
        Self { octets, nb_frag, half: usize::from(nb_frag / 2), rule, modulus }
    }

    #[inline(always)]
    fn octets(&mut self) -> Option<&mut [u8; PLACES]> {
        self.octets.first_chunk_mut()
    }

    /// From k = 8381 on the first states have 24 bits and are none of a register's: they come one by one. Says
    /// how many draws are missing behind them.
    #[inline(always)]
    fn take_early(&mut self, prbs: &mut Prbs23) -> usize {
        let mut left = self.half;
        while left > 0 && prbs.state() >= 1 << 23 {
            let draw = self.modulus.of(prbs.step());
            if draw < self.nb_frag {
                let place = &mut self.octets[usize::from(draw)];
                left -= usize::from(self.rule == ParityRule::V1 || *place == 0);
                *place = TAKEN;
            }
        }
        left
    }

    /// Takes draws until `count` of them were not rejected.
    #[inline(always)]
    fn take_all<S: Simd>(&mut self, simd: S, draws: &mut Draws, count: usize) {
        let reject = self.nb_frag;
        let Some(octets) = self.octets() else { return };
        simd.apart(TakeAll { octets, draws, count, reject });
    }

    /// Takes draws until `count` of them were new.
    #[inline(always)]
    fn take_fresh<S: Simd>(&mut self, simd: S, draws: &mut Draws, count: usize) {
        let reject = usize::from(self.nb_frag);
        let Some(octets) = self.octets() else { return };
        // A draw that is rejected finds its place taken.
        octets[reject] = TAKEN;
        simd.apart(TakeFresh { octets, draws, count });
        octets[reject] = 0;
    }

    /// The number of fragments that are taken.
    #[inline(always)]
    fn count<S: Simd>(&self, simd: S) -> usize {
        // Behind the fragments nothing is taken, up to where draws go that are none.
        let chunks = self.octets.as_chunks().0.iter().take(usize::from(self.nb_frag).div_ceil(32));
        chunks.map(|octets| simd.signs(octets).count_ones() as usize).sum()
    }

    /// Writes the row and begins anew.
    #[inline(always)]
    fn pack<S: Simd>(&mut self, simd: S, row: &mut [u64]) {
        let (halves, _) = self.octets.as_chunks_mut::<32>();
        let (pairs, _) = halves.as_chunks_mut::<2>();
        for (word, [low, high]) in row.iter_mut().zip(pairs) {
            *word = u64::from(simd.signs(low)) | u64::from(simd.signs(high)) << 32;
            *low = [0; 32];
            *high = [0; 32];
        }
    }
}

/// The generator of one row.
#[derive(Clone, Copy)]
struct Draws {
    modulus: Modulus,
    /// 64 bits that the register will shift out; a state is any 23 of them in a row.
    window: u64,
}

impl Draws {
    #[inline(always)]
    fn new(modulus: Modulus, prbs: Prbs23) -> Self {
        let state = u64::from(prbs.state());
        // s(t + 23) = s(t) + s(t + 5), as far as 23 known bits reach, and on from there.
        let bits = state | ((state ^ state >> 5) & 0x3_ffff) << 23;
        let bits = bits | ((bits >> 18 ^ bits >> 23) & 0x3_ffff) << 41;
        let window = bits & ((1 << 59) - 1) | ((bits >> 36 ^ bits >> 41) & 0x1f) << 59;
        Self { modulus, window }
    }

    /// The next `count` draws, a block at most.
    #[inline(always)]
    fn next<S: Simd>(&mut self, simd: S, count: usize) -> Block {
        // The first of these states is one step on.
        let block = simd.remainders(self.window >> 1, self.modulus, count);
        // Squared, the recurrence is s(t + 46) = s(t) + s(t + 10): it reaches 32 bits further at once.
        let more = self.window >> 18 ^ self.window >> 28;
        self.window = self.window >> count | more << (u64::BITS as usize - count);
        block
    }
}

/// Takes draws until so many of them were not rejected.
struct TakeAll<'a> {
    octets: &'a mut [u8; PLACES],
    draws: &'a mut Draws,
    count: usize,
    /// The draw that does not count.
    reject: u16,
}

impl Job for TakeAll<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { octets, draws, count: mut left, reject } = self;
        if left == 0 {
            return;
        }
        let mut next = *draws;
        let mut block = next.next(simd, left.min(BLOCK));
        while left > 0 {
            // Stores queue up; the block after this one is worked out before they do, and waits for none of them.
            let (mut after, mut ahead) = (next, block);
            let more = left >= 2 * BLOCK;
            if more {
                ahead = after.next(simd, BLOCK);
            }
            left -= left.min(BLOCK);
            scatter(octets, block);
            let rejected = &mut octets[usize::from(reject)];
            if *rejected != 0 {
                *rejected = 0;
                left += block.iter().filter(|draw| **draw == reject).count();
            }
            if more {
                (next, block) = (after, ahead);
            } else if left > 0 {
                block = next.next(simd, left.min(BLOCK));
            }
        }
        *draws = next;
    }
}

/// Takes a block of draws. They go through memory: registers hand out one number per cycle at most.
#[inline(always)]
fn scatter(octets: &mut [u8; PLACES], mut block: Block) {
    for draw in black_box(&mut block) {
        octets[usize::from(*draw)] = TAKEN;
    }
}

/// Takes draws until so many of them were new.
struct TakeFresh<'a> {
    octets: &'a mut [u8; PLACES],
    draws: &'a mut Draws,
    count: usize,
}

impl Job for TakeFresh<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { octets, draws, count: mut left } = self;
        while left > 0 {
            let mut block = draws.next(simd, BLOCK);
            for draw in black_box(&mut block) {
                if left == 0 {
                    break;
                }
                left -= take(octets, *draw);
            }
        }
    }
}

/// Takes a draw, and says whether it is new.
#[inline(always)]
fn take(octets: &mut [u8; PLACES], draw: u16) -> usize {
    let place = &mut octets[usize::from(draw)];
    let fresh = usize::from(!*place & 1);
    *place = TAKEN;
    fresh
}
