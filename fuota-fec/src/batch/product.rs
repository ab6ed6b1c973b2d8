//! Bit matrix times fragments, by the Method of Four Russians.
//!
//! A row picks about half of all fragments. Instead of adding them one by one, the fragments are taken `k` at
//! a time: all 2^k sums of such a group are worked out once, and each row adds the one that its bits name. For N
//! rows that is M/k·(2^k + N) additions instead of N·M/2.

use alloc::vec;
use alloc::vec::Vec;

#[cfg(all(feature = "std", target_arch = "x86_64"))]
use super::affine;
#[cfg(all(feature = "std", target_arch = "x86_64"))]
use super::simd::gfni::Gfni;
use super::simd::{Job, Registers, Simd};

/// 32 octets: one register of the widest kind that is common. Aligned, since a chunk across two cache lines takes
/// twice as long to load.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(32))]
pub(super) struct Chunk([u64; 4]);

impl Chunk {
    #[inline(always)]
    fn add(&mut self, other: Self) {
        for (word, other) in self.0.iter_mut().zip(other.0) {
            *word ^= other;
        }
    }
}

/// A fragment in chunks, zeros after its end.
pub(super) type Line<const C: usize> = [Chunk; C];

/// The most octets that a line holds: FragSize has 8 bits.
pub(super) const MAX_CHUNKS: usize = 8;

/// Rows of bits, each of `stride` words.
#[derive(Debug, Clone, Copy)]
pub(super) struct BitRows<'a> {
    pub(super) words: &'a [u64],
    pub(super) stride: usize,
}

impl BitRows<'_> {
    pub(super) fn count(self) -> usize {
        self.words.len().checked_div(self.stride).unwrap_or(0)
    }
}

/// Adds to fragment j of `out`, for each row j, the fragments of `source` that the row picks.
///
/// `source` holds fragments of `size` octets, the last of which may be shorter; those marked in `skip`
/// count as zero. `out` holds one fragment of `size` octets for each row.
pub(super) fn multiply(
    registers: Registers,
    rows: BitRows<'_>,
    source: &[u8],
    size: usize,
    skip: Option<&[u64]>,
    out: &mut [u8],
) {
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    if registers == Registers::Widest
        && rows.count() >= affine::LEAST_ROWS
        && let Some(gfni) = Gfni::detect()
    {
        return gfni.run(affine::Product { rows, source, size, skip, out });
    }
    multiply_by_tables(registers, rows, source, size, skip, out);
}

/// [`multiply`] with what every machine has.
fn multiply_by_tables(
    registers: Registers,
    rows: BitRows<'_>,
    source: &[u8],
    size: usize,
    skip: Option<&[u64]>,
    out: &mut [u8],
) {
    match size.div_ceil(32) {
        0 | 1 => registers.run(Product::<1> { rows, source, size, skip, out }),
        2 => registers.run(Product::<2> { rows, source, size, skip, out }),
        3 => registers.run(Product::<3> { rows, source, size, skip, out }),
        4 => registers.run(Product::<4> { rows, source, size, skip, out }),
        5 => registers.run(Product::<5> { rows, source, size, skip, out }),
        6 => registers.run(Product::<6> { rows, source, size, skip, out }),
        7 => registers.run(Product::<7> { rows, source, size, skip, out }),
        _ => registers.run(Product::<MAX_CHUNKS> { rows, source, size, skip, out }),
    }
}

struct Product<'a, const C: usize> {
    rows: BitRows<'a>,
    source: &'a [u8],
    size: usize,
    skip: Option<&'a [u64]>,
    out: &'a mut [u8],
}

impl<const C: usize> Job for Product<'_, C> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _simd: S) {
        let count = self.rows.count();
        let mask = load(&[0xff; 32 * MAX_CHUNKS][..self.size]);
        let mut sums: Vec<Line<C>> =
            (0..count).map(|i| line_at(self.out, i * self.size, self.size, &mask)).collect();
        match group_bits(count, 32 * C) {
            0 => self.add_one_by_one(&mask, &mut sums),
            4 => self.add_in_groups::<4, 16>(&mask, &mut sums),
            5 => self.add_in_groups::<5, 32>(&mask, &mut sums),
            6 => self.add_in_groups::<6, 64>(&mask, &mut sums),
            7 => self.add_in_groups::<7, 128>(&mask, &mut sums),
            _ => self.add_in_groups::<8, 256>(&mask, &mut sums),
        }
        for (i, sum) in sums.iter().enumerate() {
            store_at(self.out, i * self.size, self.size, sum);
        }
    }
}

/// Groups whose sums are added at a time: K octets of a row, so that so many times as many make K words.
const GROUPS: usize = 8;

impl<const C: usize> Product<'_, C> {
    #[inline(always)]
    fn fragment(&self, index: usize, mask: &Line<C>) -> Line<C> {
        if self
            .skip
            .is_some_and(|skip| skip.get(index / 64).is_some_and(|word| word >> (index % 64) & 1 != 0))
        {
            return [Chunk::default(); C];
        }
        line_at(self.source, index * self.size, self.size, mask)
    }

    /// Few rows: sums of groups would cost more than they save.
    #[inline(always)]
    fn add_one_by_one(&self, mask: &Line<C>, sums: &mut [Line<C>]) {
        for position in 0..self.source.len().div_ceil(self.size) {
            let fragment = self.fragment(position, mask);
            for (sum, row) in sums.iter_mut().zip(self.rows.words.chunks_exact(self.rows.stride)) {
                if row[position / 64] >> (position % 64) & 1 != 0 {
                    add(sum, &fragment);
                }
            }
        }
    }

    /// Eight groups of `K` fragments at a time, so that a sum is loaded and stored once for all eight.
    #[inline(always)]
    fn add_in_groups<const K: usize, const SIZE: usize>(&self, mask: &Line<C>, sums: &mut [Line<C>]) {
        let mut tables = vec![Table([[Chunk::default(); C]; SIZE]); GROUPS];
        let mut picks = vec![0; 8 * sums.len()];
        let fragments = self.source.len().div_ceil(self.size);
        for first in (0..fragments).step_by(8 * K * GROUPS) {
            self.turn::<K>(first / 64, &mut picks);
            let turns = (first..fragments).step_by(K * GROUPS).zip(picks.chunks_exact(sums.len()));
            for (start, picks) in turns {
                for (start, table) in (start..).step_by(K).zip(&mut tables) {
                    self.fill_table::<K, SIZE>(start, mask, table);
                }
                add_picked::<C, K, SIZE>(&tables, picks, sums);
            }
        }
    }

    /// Turns `K` words of every row on their side: the bits for the first eight groups of all rows, for the
    /// second eight, and so on. There may be bits of later groups behind them.
    #[inline(always)]
    fn turn<const K: usize>(&self, first: usize, picks: &mut [u64]) {
        let (words, stride, count) = (self.rows.words, self.rows.stride, self.rows.count());
        for row in 0..count {
            let rest = &words[row * stride + first..];
            // Eight groups are K octets, which lie as they are needed if the first octet of a word is its lowest.
            let octets = bytemuck::cast_slice::<u64, u8>(rest).first_chunk::<64>();
            if let Some(octets) = octets.filter(|_| cfg!(target_endian = "little")) {
                for turn in 0..8 {
                    picks[turn * count + row] = eight(octets, K * turn);
                }
            } else {
                for turn in 0..8 {
                    let (word, shift) = (turn * K / 8, turn * K % 8 * 8);
                    let low = rest.get(word).copied().unwrap_or(0);
                    let high = rest.get(word + 1).copied().unwrap_or(0);
                    picks[turn * count + row] = low >> shift | high << 1 << (63 - shift);
                }
            }
        }
    }

    /// All sums of the `K` fragments from `start` on: bit i of the index stands for fragment `start + i`.
    #[inline(always)]
    fn fill_table<const K: usize, const SIZE: usize>(
        &self,
        start: usize,
        mask: &Line<C>,
        Table(table): &mut Table<C, SIZE>,
    ) {
        table[0] = [Chunk::default(); C];
        for i in 0..K {
            let fragment = self.fragment(start + i, mask);
            let (done, fresh) = table.split_at_mut(1 << i);
            for (fresh, done) in fresh.iter_mut().zip(done) {
                let mut line = *done;
                add(&mut line, &fragment);
                *fresh = line;
            }
        }
    }
}

/// All sums of a group of fragments. Lines of an even number of chunks begin where cache lines do.
#[derive(Clone)]
#[repr(align(64))]
struct Table<const C: usize, const SIZE: usize>([Line<C>; SIZE]);

/// Adds to each sum what its bits pick from the tables.
#[inline(always)]
fn add_picked<const C: usize, const K: usize, const SIZE: usize>(
    tables: &[Table<C, SIZE>],
    picks: &[u64],
    sums: &mut [Line<C>],
) {
    let Ok(tables): Result<&[Table<C, SIZE>; GROUPS], _> = tables.try_into() else { return };
    for (sum, picks) in sums.iter_mut().zip(picks) {
        // Worked out by value: all loads come before the first store, whatever might overlap.
        let mut line = *sum;
        for (group, Table(table)) in tables.iter().enumerate() {
            add(&mut line, &table[(picks >> (group * K)) as usize & (SIZE - 1)]);
        }
        *sum = line;
    }
}

/// The number in eight octets.
#[inline(always)]
fn eight(octets: &[u8; 64], at: usize) -> u64 {
    octets[at..].first_chunk().map_or(0, |eight| u64::from_le_bytes(*eight))
}

/// Octets that the tables of all groups may take, the innermost cache. With half of it a sum would be loaded and stored more
/// often, which costs more than what the sums push out.
const CACHE: usize = 32 << 10;

/// Fragments per group that make M/k·(2^k + N) least; 0 if going one by one is cheaper still.
fn group_bits(rows: usize, line: usize) -> usize {
    if rows < 24 {
        return 0;
    }
    let cost = |k: usize| ((1 << k) + rows) * 840 / k;
    let fits = |k: &usize| *k == 4 || (GROUPS * line) << k <= CACHE;
    (4..=8).filter(fits).min_by_key(|k| cost(*k)).unwrap_or(8)
}

#[inline(always)]
fn add<const C: usize>(sum: &mut Line<C>, line: &Line<C>) {
    for (sum, chunk) in sum.iter_mut().zip(line) {
        sum.add(*chunk);
    }
}

/// The `size` octets at `start`, as far as there are any.
#[inline(always)]
fn line_at<const C: usize>(octets: &[u8], start: usize, size: usize, mask: &Line<C>) -> Line<C> {
    let rest = octets.get(start..).unwrap_or_default();
    let Some(whole) = rest.as_chunks::<32>().0.first_chunk::<C>() else {
        return load(&rest[..rest.len().min(size)]);
    };
    // What follows is read too, in whole chunks, and masked.
    let mut line = whole.map(|chunk| Chunk(bytemuck::cast(chunk)));
    for (chunk, mask) in line.iter_mut().zip(mask) {
        for (word, mask) in chunk.0.iter_mut().zip(mask.0) {
            *word &= mask;
        }
    }
    line
}

#[inline(always)]
fn load<const C: usize>(octets: &[u8]) -> Line<C> {
    let mut line = [[[0_u8; 8]; 4]; C];
    let flat = line.as_flattened_mut().as_flattened_mut();
    let len = octets.len().min(flat.len());
    flat[..len].copy_from_slice(&octets[..len]);
    line.map(|chunk| Chunk(chunk.map(u64::from_ne_bytes)))
}

/// Writes `size` octets at `start`. What follows may be overwritten.
#[inline(always)]
fn store_at<const C: usize>(out: &mut [u8], start: usize, size: usize, line: &Line<C>) {
    let rest = out.get_mut(start..).unwrap_or_default();
    if let Some(whole) = rest.as_chunks_mut::<32>().0.first_chunk_mut::<C>() {
        *whole = line.map(|chunk| bytemuck::cast(chunk.0));
    } else {
        let octets: [[u8; 32]; C] = line.map(|chunk| bytemuck::cast(chunk.0));
        let len = rest.len().min(size);
        rest[..len].copy_from_slice(&octets.as_flattened()[..len]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xor::xor;

    /// Against picking fragments one by one, for all paths, line lengths and a shorter last fragment.
    #[test]
    fn every_path_gives_the_obvious_sums() {
        let mut state = 1_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state ^ state >> 29
        };
        let every_size = (1..=255).map(|size| (9, 700, size));
        let shapes = [
            (1, 1, 1),
            (5, 70, 40),
            (23, 64, 255),
            (24, 65, 31),
            (60, 200, 32),
            (100, 130, 97),
            (200, 129, 160),
            (300, 127, 161),
            (700, 333, 200),
            (1500, 100, 8),
            (8, 2000, 255),
            (25, 3000, 48),
        ];
        for (rows, fragments, size) in shapes.into_iter().chain(every_size) {
            let stride = usize::div_ceil(fragments, 64);
            let mut words: Vec<u64> = (0..rows * stride).map(|_| random()).collect();
            for row in words.chunks_exact_mut(stride).filter(|_| fragments % 64 != 0) {
                row[stride - 1] &= (1 << (fragments % 64)) - 1;
            }
            let source: Vec<u8> =
                (0..fragments * size - size / 2).map(|_| random().to_le_bytes()[3]).collect();
            let skip: Vec<u64> = (0..stride).map(|_| random()).collect();
            for skip in [None, Some(&skip[..])] {
                let bits = BitRows { words: &words, stride };
                let before: Vec<u8> = (0..rows * size).map(|_| random().to_le_bytes()[5]).collect();
                let mut out = before.clone();
                multiply(Registers::Common, bits, &source, size, skip, &mut out);
                let mut wide = before.clone();
                multiply_by_tables(Registers::Widest, bits, &source, size, skip, &mut wide);
                assert!(wide == out, "{rows} rows of {fragments} fragments of {size}");
                let mut best = before.clone();
                multiply(Registers::Widest, bits, &source, size, skip, &mut best);
                assert!(best == out, "{rows} rows of {fragments} fragments of {size}");
                let sums = before.chunks_exact(size).zip(out.chunks_exact(size));
                for (row, (before, out)) in words.chunks_exact(stride).zip(sums) {
                    let mut sum = before.to_vec();
                    for (i, fragment) in source.chunks(size).enumerate() {
                        let skipped = skip.is_some_and(|skip| skip[i / 64] >> (i % 64) & 1 != 0);
                        if row[i / 64] >> (i % 64) & 1 != 0 && !skipped {
                            let len = fragment.len();
                            xor(&mut sum[..len], fragment);
                        }
                    }
                    assert!(sum == out, "{rows} rows of {fragments} fragments of {size}");
                }
            }
        }
    }
}
