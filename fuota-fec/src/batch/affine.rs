//! Bit matrix times fragments where the machine multiplies bit matrices itself (GFNI).
//!
//! One instruction multiplies eight octets by a matrix of 8×8 bits, four times over. Eight fragments have 64 bits at each
//! octet's place: as a matrix, they turn the bits by which a row picks among these fragments into the octet of their sum,
//! and so for eight rows at once. That is M/8·N/8 multiplications for each octet of a fragment, with all sums in registers.

use alloc::vec;

use super::product::BitRows;
use super::simd::gfni::{Gfni, GfniJob, Register};
use super::tile::{OCTETS, Octets, TILE, apart, side_by_side, spread};

/// Fewer rows are not worth the making of matrices.
pub(super) const LEAST_ROWS: usize = 8;

/// So many times eight rows are added up at a time, in [`HALF`] registers each: as many sums as registers hold.
const EIGHTS: usize = 2;

/// Registers of a tile that are added up at a time.
const HALF: usize = TILE / 2;

/// Octets of matrices that are made at once: they leave room in the second cache.
const ROOM: usize = 128 << 10;

/// Adds to fragment j of `out`, for each row j, the fragments of `source` that the row picks.
pub(super) struct Product<'a> {
    pub(super) rows: BitRows<'a>,
    pub(super) source: &'a [u8],
    pub(super) size: usize,
    pub(super) skip: Option<&'a [u64]>,
    pub(super) out: &'a mut [u8],
}

impl GfniJob for Product<'_> {
    #[inline(always)]
    fn run(mut self, gfni: Gfni) {
        // Rows have no bits for what is behind.
        let bits = 64 * self.rows.stride * self.size;
        self.source = self.source.get(..bits).unwrap_or(self.source);
        let groups = self.source.len().div_ceil(8 * self.size);
        let registers = self.size.div_ceil(OCTETS);
        let most = ROOM / (registers * size_of::<Register>());
        let part = groups.min(most.next_multiple_of(size_of::<Octets>())).next_multiple_of(OCTETS);
        let mut matrices = vec![gfni.zero(); part * registers];
        let mut picks = vec![gfni.zero(); EIGHTS * part / OCTETS];
        for first in (0..groups).step_by(part.max(1)) {
            let groups = (groups - first).min(part).next_multiple_of(OCTETS);
            let matrices = &mut matrices[..groups * registers];
            let picks = &mut picks[..EIGHTS * groups / OCTETS];
            self.make_matrices(gfni, first, matrices);
            for row in (0..self.rows.count()).step_by(8 * EIGHTS) {
                self.make_picks(gfni, row, first, picks);
                for (tile, matrices) in matrices.chunks(TILE * groups).enumerate() {
                    let start = tile * size_of::<Octets>();
                    match matrices.len() / groups {
                        1 => self.add_tile::<1, 0>(gfni, row, start, picks, matrices),
                        2 => self.add_tile::<2, 0>(gfni, row, start, picks, matrices),
                        3 => self.add_tile::<3, 0>(gfni, row, start, picks, matrices),
                        4 => self.add_tile::<HALF, 0>(gfni, row, start, picks, matrices),
                        5 => self.add_tile::<HALF, 1>(gfni, row, start, picks, matrices),
                        6 => self.add_tile::<HALF, 2>(gfni, row, start, picks, matrices),
                        7 => self.add_tile::<HALF, 3>(gfni, row, start, picks, matrices),
                        _ => self.add_tile::<HALF, HALF>(gfni, row, start, picks, matrices),
                    }
                }
            }
        }
    }
}

impl Product<'_> {
    /// The matrices of all groups of eight fragments from the first on: for the first half of the first tile, for its
    /// second half, and so on.
    #[inline(always)]
    fn make_matrices(&self, gfni: Gfni, first: usize, matrices: &mut [Register]) {
        let groups = matrices.len() / self.size.div_ceil(OCTETS);
        for (tile, matrices) in matrices.chunks_mut(TILE * groups).enumerate() {
            let (start, registers) = (tile * size_of::<Octets>(), matrices.len() / groups);
            // Behind a fragment's end are the octets of the next one.
            let own = size_of::<Octets>().min(self.size - start);
            let mask = spread(&[0xff; size_of::<Octets>()][..own], registers);
            let (low, high) = matrices.split_at_mut(registers.min(HALF) * groups);
            for (i, group) in in_tiles(groups).enumerate() {
                // The instruction counts the rows of a matrix from the last octet on.
                let octets = side_by_side(gfni, |i| {
                    let fragment = self.fragment(8 * (first + group) + 7 - i, start);
                    gfni.common(spread(fragment, registers), mask)
                });
                let [a, b, c, d, e, f, g, h] = octets;
                for (half, octets) in [(&mut *low, [a, b, c, d]), (&mut *high, [e, f, g, h])] {
                    let registers = half.len() / groups;
                    for (matrices, octets) in half[i * registers..][..registers].iter_mut().zip(octets) {
                        *matrices = gfni.transposed(octets);
                    }
                }
            }
        }
    }

    /// What there is from the given octet of a fragment on, if it counts: its own octets, and those of fragments
    /// behind it.
    #[inline(always)]
    fn fragment(&self, index: usize, start: usize) -> &[u8] {
        let skipped = |skip: &[u64]| skip.get(index / 64).is_some_and(|word| word >> (index % 64) & 1 != 0);
        if self.skip.is_some_and(skipped) {
            return &[];
        }
        self.source.get(index * self.size + start..).unwrap_or_default()
    }

    /// What each of eight rows from `row` on picks from each group of fragments from the first on, then what the next
    /// eight rows pick. Groups have the order of [`in_tiles`].
    #[inline(always)]
    fn make_picks(&self, gfni: Gfni, row: usize, first: usize, picks: &mut [Register]) {
        let BitRows { words, stride } = self.rows;
        // A group is an octet of each row. Behind a row is the next one, but no fragment that it could pick.
        let octets: &[u8] = bytemuck::cast_slice(words);
        let each = picks.len() / EIGHTS;
        for (row, picks) in (row..).step_by(8).zip(picks.chunks_exact_mut(each)) {
            for (start, picks) in (first..).step_by(size_of::<Octets>()).zip(picks.chunks_mut(TILE)) {
                let rows = side_by_side(gfni, |i| {
                    spread(octets.get((row + i) * 8 * stride + start..).unwrap_or_default(), picks.len())
                });
                picks.copy_from_slice(&rows[..picks.len()]);
            }
        }
    }

    /// Adds to a tile of some fragments what the rows pick from `LOW + HIGH` registers to a group.
    #[inline(always)]
    fn add_tile<const LOW: usize, const HIGH: usize>(
        &mut self,
        gfni: Gfni,
        row: usize,
        start: usize,
        picks: &[Register],
        matrices: &[Register],
    ) {
        let (low, high) = matrices.split_at(matrices.len() / (LOW + HIGH) * LOW);
        let low = multiply::<LOW>(gfni, picks, low);
        let high = if HIGH > 0 { multiply::<HIGH>(gfni, picks, high) } else { [[gfni.zero(); HIGH]; EIGHTS] };
        for ((row, low), high) in (row..).step_by(8).zip(low).zip(high) {
            let mut sums = [gfni.zero(); TILE];
            sums[..LOW].copy_from_slice(&low);
            sums[HALF..][..HIGH].copy_from_slice(&high);
            apart(gfni, sums, LOW + HIGH, |i, sum| {
                let fragment = self.out.get_mut((row + i) * self.size + start..).unwrap_or_default();
                // Behind the fragment's end the sum is zero.
                add_words(fragment, sum, ((LOW + HIGH) * OCTETS).div_ceil(8));
            });
        }
    }
}

/// The numbers of so many groups, as they come: two to a lane of every register of a tile of them.
#[inline(always)]
fn in_tiles(groups: usize) -> impl Iterator<Item = usize> {
    (0..groups).step_by(size_of::<Octets>()).flat_map(move |start| {
        let registers = TILE.min((groups - start) / OCTETS);
        (0..registers).flat_map(move |register| {
            let lane = start + 2 * register;
            let next = lane + 2 * registers;
            [lane, lane + 1, next, next + 1]
        })
    })
}

/// For each place of the tile, the octets of eight rows, [`EIGHTS`] times.
#[inline(always)]
fn multiply<const N: usize>(
    gfni: Gfni,
    picks: &[Register],
    matrices: &[Register],
) -> [[Register; N]; EIGHTS] {
    let mut sums = [[gfni.zero(); N]; EIGHTS];
    let picks: &[u64] = bytemuck::cast_slice(picks);
    let (first, second) = picks.split_at(picks.len() / EIGHTS);
    for ((first, second), matrices) in first.iter().zip(second).zip(matrices.as_chunks::<N>().0) {
        let rows = [gfni.splat(*first), gfni.splat(*second)];
        for (i, matrices) in matrices.iter().enumerate() {
            for (sums, rows) in sums.iter_mut().zip(rows) {
                sums[i] = gfni.add_product(sums[i], rows, *matrices);
            }
        }
    }
    sums
}

/// Adds the first `count` words to the octets, as far as there are any.
#[inline(always)]
fn add_words(octets: &mut [u8], words: [u64; 4], count: usize) {
    if let Some(octets) = octets.get_mut(..8 * count) {
        for (octets, word) in octets.as_chunks_mut().0.iter_mut().zip(words) {
            *octets = (u64::from_le_bytes(*octets) ^ word).to_le_bytes();
        }
    } else {
        for (octet, sum) in octets.iter_mut().zip(words.map(u64::to_le_bytes).as_flattened()) {
            *octet ^= sum;
        }
    }
}
