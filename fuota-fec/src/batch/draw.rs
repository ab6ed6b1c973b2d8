//! Drawing rows, 32 draws at a time.

use alloc::vec;
use alloc::vec::Vec;
use core::hint::black_box;

use super::remainder::{BLOCK, Block, Modulus};
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
const MANY: usize = 64;

impl Job for Draw<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let mut taken = Taken::new(self.nb_frag, self.rule);
        for (k, row) in self.indices.iter().zip(self.words.chunks_exact_mut(self.stride)) {
            let mut prbs = Prbs23::for_row(*k);
            let left = taken.take_early(&mut prbs);
            let mut draws = Draws::new(taken.modulus, prbs);
            // As many draws as are missing are never too many; those that don't count are missing still.
            match self.rule {
                ParityRule::V1 => taken.take_all(simd, &mut draws, left),
                ParityRule::V2 => {
                    let mut left = left;
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
        Self { octets: vec![0; PLACES], nb_frag, half: usize::from(nb_frag / 2), rule, modulus }
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
        let mut left = count;
        while left > 0 {
            let Some(octets) = self.octets() else { return };
            if draws.taken == 0 && left >= BLOCK {
                left -= BLOCK * simd.apart(TakeBlocks { octets, draws, blocks: left / BLOCK, reject });
            }
            if left > 0 {
                left -= simd.apart(TakeSome { octets, draws, count: left, reject });
            }
        }
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
        let taken = &self.octets[..usize::from(self.nb_frag).next_multiple_of(32)];
        taken.as_chunks().0.iter().map(|octets| simd.signs(octets).count_ones() as usize).sum()
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
struct Draws {
    modulus: Modulus,
    /// 64 bits that the register will shift out; a state is any 23 of them in a row.
    window: u64,
    /// Draws that have been taken of those that the window gives.
    taken: usize,
}

impl Draws {
    #[inline(always)]
    fn new(modulus: Modulus, prbs: Prbs23) -> Self {
        let state = u64::from(prbs.state());
        // s(t + 23) = s(t) + s(t + 5), as far as 23 known bits reach, and on from there.
        let bits = state | ((state ^ state >> 5) & 0x3_ffff) << 23;
        let bits = bits | ((bits >> 18 ^ bits >> 23) & 0x3_ffff) << 41;
        let window = bits & ((1 << 59) - 1) | ((bits >> 36 ^ bits >> 41) & 0x1f) << 59;
        Self { modulus, window, taken: 0 }
    }

    /// What the window gives.
    #[inline(always)]
    fn block<S: Simd>(&self, simd: S) -> Block {
        // The first of these states is one step on.
        simd.remainders(self.window >> 1, self.modulus)
    }

    /// Moves on by so many draws of this window.
    #[inline(always)]
    fn advance(&mut self, draws: usize) {
        self.taken += draws;
        if self.taken == BLOCK {
            self.taken = 0;
            // Squared, the recurrence is s(t + 46) = s(t) + s(t + 10): it reaches 32 bits further at once.
            let more = (self.window >> 18 ^ self.window >> 28) as u32;
            self.window = self.window >> 32 | u64::from(more) << 32;
        }
    }
}

/// Takes whole blocks of draws up to the first with a draw that does not count, and says how many before it.
struct TakeBlocks<'a> {
    octets: &'a mut [u8; PLACES],
    draws: &'a mut Draws,
    blocks: usize,
    /// The draw that does not count.
    reject: u16,
}

impl Job for TakeBlocks<'_> {
    type Output = usize;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> usize {
        let Self { octets, draws, blocks, reject } = self;
        let Draws { modulus, window, taken } = *draws;
        let mut next = Draws { modulus, window, taken };
        let mut taken = 0;
        while taken < blocks {
            scatter(octets, &next.block(simd));
            if octets[usize::from(reject)] != 0 {
                break;
            }
            next.advance(BLOCK);
            taken += 1;
        }
        draws.window = next.window;
        taken
    }
}

/// Takes what is left of a block, at most `count` draws, and says how many count.
struct TakeSome<'a> {
    octets: &'a mut [u8; PLACES],
    draws: &'a mut Draws,
    count: usize,
    /// The draw that does not count.
    reject: u16,
}

impl Job for TakeSome<'_> {
    type Output = usize;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> usize {
        let Self { octets, draws, count, reject } = self;
        let block = draws.block(simd);
        let taken = count.min(BLOCK - draws.taken);
        let mut rejected = 0;
        for draw in &block[draws.taken..draws.taken + taken] {
            octets[usize::from(*draw)] = TAKEN;
            rejected += usize::from(*draw == reject);
        }
        octets[usize::from(reject)] = 0;
        draws.advance(taken);
        taken - rejected
    }
}

/// Takes a block of draws.
#[inline(always)]
fn scatter(octets: &mut [u8; PLACES], block: &Block) {
    // Registers hand out one number per cycle, so a quarter of them takes the way through memory.
    const THROUGH_MEMORY: usize = BLOCK / 4;

    let Some((behind, block)) = block.split_first_chunk::<THROUGH_MEMORY>() else { return };
    let mut behind = *behind;
    let behind = black_box(&mut behind);
    for draw in block {
        octets[usize::from(*draw)] = TAKEN;
    }
    for draw in behind {
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
            let block = draws.block(simd);
            let start = draws.taken;
            if start == 0 && left >= BLOCK {
                for draw in block {
                    left -= take(octets, draw);
                }
                draws.advance(BLOCK);
            } else {
                for draw in &block[start..] {
                    if left > 0 {
                        left -= take(octets, *draw);
                        draws.advance(1);
                    }
                }
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
