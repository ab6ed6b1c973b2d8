//! Bit matrix times fragments where the machine multiplies bit matrices itself (GFNI).
//!
//! One instruction multiplies eight octets by a matrix of 8×8 bits, four times over. Eight fragments have 64 bits
//! at each octet's place: as a matrix, they turn the bits by which a row picks among these fragments into the
//! octet of their sum, and so for eight rows at once. That is M/8·N/8 multiplications for each octet of a
//! fragment, with all sums in registers.

use alloc::vec;

use super::product::BitRows;
use super::simd::x86::{Gfni, GfniJob, Quad};

/// Fewer rows are not worth the making of matrices.
pub(super) const LEAST_ROWS: usize = 8;

/// Octets of a tile: as many sums as registers hold, for [`EIGHTS`] times eight rows.
const TILE: usize = 4 * QUADS;
const QUADS: usize = 3;
const EIGHTS: usize = 3;

/// Adds to fragment j of `out`, for each row j, the fragments of `source` that the row picks.
pub(super) struct Product<'a> {
    pub(super) rows: BitRows<'a>,
    pub(super) source: &'a [u8],
    pub(super) size: usize,
    pub(super) skip: Option<&'a [u64]>,
    pub(super) out: &'a mut [u8],
}

/// The matrices of eight fragments in one tile.
type Matrices = [[u64; 4]; QUADS];

/// Octets of matrices that are made at once: so few that two parts do for most blocks, and never more than leave room
/// in the second cache.
const FEW: usize = 64 << 10;
const MOST: usize = 256 << 10;

impl GfniJob for Product<'_> {
    #[inline(always)]
    fn run(self, gfni: Gfni) {
        let tiles = self.size.div_ceil(TILE);
        // Of 64 fragments each, as many as there are bits in a word of a row.
        let words_of = |octets: usize| (octets / (8 * size_of::<Matrices>() * tiles)).max(1);
        let words =
            self.rows.stride.div_ceil(2).min(words_of(MOST)).max(words_of(FEW)).min(self.rows.stride.max(1));
        let mut matrices = vec![[[0; 4]; QUADS]; 8 * words * tiles];
        let mut picks = vec![[0; EIGHTS]; 8 * words];
        let mut sums = vec![[0; EIGHTS]; (TILE * tiles).next_multiple_of(8)];
        for first in (0..self.rows.stride).step_by(words) {
            self.make_matrices(gfni, 8 * first, &mut matrices);
            let BitRows { words: bits, stride } = self.rows;
            let fragments = self.out.chunks_mut(8 * EIGHTS * self.size);
            for (rows, fragments) in bits.chunks(8 * EIGHTS * stride).zip(fragments) {
                turn(gfni, rows, stride, first, &mut picks);
                let tiles = matrices.chunks_exact(picks.len()).zip(sums.chunks_exact_mut(TILE));
                for (matrices, sums) in tiles {
                    multiply(gfni, &picks, matrices, sums);
                }
                add(gfni, &sums, self.size, fragments);
            }
        }
    }
}

impl Product<'_> {
    /// The matrices of all groups from the first on in the first tile, then in the second, and so on.
    #[inline(always)]
    fn make_matrices(&self, gfni: Gfni, first: usize, matrices: &mut [Matrices]) {
        let groups = matrices.len() / self.size.div_ceil(TILE);
        for group in 0..groups {
            // The instruction counts the rows of a matrix from the last octet on.
            let mut fragments: [&[u8]; 8] = [&[]; 8];
            for (index, fragment) in (8 * (first + group)..).zip(fragments.iter_mut().rev()) {
                *fragment = self.fragment(index);
            }
            for start in (0..self.size).step_by(8) {
                let mut octets = [0; 8];
                for (octets, fragment) in octets.iter_mut().zip(fragments) {
                    *octets = eight(fragment, start);
                }
                let octets = gfni.turned(octets);
                for (quad, four) in (start / 4..).zip(octets.as_chunks::<4>().0) {
                    if let Some(matrices) = matrices.get_mut(quad / QUADS * groups + group) {
                        matrices[quad % QUADS] = gfni.transposed(*four);
                    }
                }
            }
        }
    }

    /// The octets of a fragment, if there are any and they count.
    #[inline(always)]
    fn fragment(&self, index: usize) -> &[u8] {
        let skipped = |skip: &[u64]| skip.get(index / 64).is_some_and(|word| word >> (index % 64) & 1 != 0);
        if self.skip.is_some_and(skipped) {
            return &[];
        }
        let rest = self.source.get(index * self.size..).unwrap_or_default();
        rest.get(..self.size).unwrap_or(rest)
    }
}

/// The sums of one tile: for each octet's place, that of eight rows, [`EIGHTS`] times.
#[inline(always)]
fn multiply(gfni: Gfni, picks: &[[u64; EIGHTS]], matrices: &[Matrices], sums: &mut [[u64; EIGHTS]]) {
    let mut quads: [[Quad; QUADS]; EIGHTS] = [[gfni.splat(0); QUADS]; EIGHTS];
    for (picks, matrices) in picks.iter().zip(matrices) {
        let rows = [gfni.splat(picks[0]), gfni.splat(picks[1]), gfni.splat(picks[2])];
        for (i, matrix) in matrices.iter().enumerate() {
            let matrix = gfni.quad(*matrix);
            for (quads, rows) in quads.iter_mut().zip(rows) {
                quads[i] = gfni.add_product(quads[i], rows, matrix);
            }
        }
    }
    for (eight, quads) in quads.iter().enumerate() {
        for (sums, quad) in sums.chunks_exact_mut(4).zip(quads) {
            for (sums, sum) in sums.iter_mut().zip(gfni.words(*quad)) {
                sums[eight] = sum;
            }
        }
    }
}

/// Rows by groups: what each of eight rows picks from the first eight fragments behind `first` words, from the
/// second, and so on.
#[inline(always)]
fn turn(gfni: Gfni, rows: &[u64], stride: usize, first: usize, picks: &mut [[u64; EIGHTS]]) {
    for (word, picks) in (first..stride).zip(picks.as_chunks_mut::<8>().0) {
        for eight in 0..EIGHTS {
            let mut words = [0; 8];
            for (i, bits) in words.iter_mut().enumerate() {
                *bits = rows.get((8 * eight + i) * stride + word).copied().unwrap_or(0);
            }
            for (picks, octets) in picks.iter_mut().zip(gfni.turned(words)) {
                picks[eight] = octets;
            }
        }
    }
}

/// Adds the sums to the fragments that they are of.
#[inline(always)]
fn add(gfni: Gfni, sums: &[[u64; EIGHTS]], size: usize, fragments: &mut [u8]) {
    for (eight, fragments) in fragments.chunks_mut(8 * size).enumerate() {
        for (start, sums) in (0..size).step_by(8).zip(sums.as_chunks::<8>().0) {
            let mut octets = [0; 8];
            for (octets, sums) in octets.iter_mut().zip(sums) {
                *octets = sums[eight];
            }
            for (fragment, octets) in fragments.chunks_exact_mut(size).zip(gfni.turned(octets)) {
                let fragment = &mut fragment[start..];
                if let Some(whole) = fragment.first_chunk_mut::<8>() {
                    *whole = (u64::from_le_bytes(*whole) ^ octets).to_le_bytes();
                } else {
                    for (octet, sum) in fragment.iter_mut().zip(octets.to_le_bytes()) {
                        *octet ^= sum;
                    }
                }
            }
        }
    }
}

/// The number in the eight octets from `start` on, zeros behind the end.
#[inline(always)]
fn eight(octets: &[u8], start: usize) -> u64 {
    let rest = octets.get(start..).unwrap_or_default();
    match rest.first_chunk() {
        Some(whole) => u64::from_le_bytes(*whole),
        None => rest.iter().rev().fold(0, |number, octet| number << 8 | u64::from(*octet)),
    }
}
