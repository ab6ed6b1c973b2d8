//! Bit matrix times fragments, by the Method of Four Russians.
//!
//! A row picks about half of all fragments. Instead of adding them one by one, the fragments are taken `k` at
//! a time: all 2^k sums of such a group are worked out once, and each row adds the one that its bits name. For N
//! rows that is M/k·(2^k + N) additions instead of N·M/2.

use alloc::vec;
use alloc::vec::Vec;
use core::array;

use super::simd::{Job, Registers, Simd};

/// 32 octets: one register of the widest kind that is common.
pub(super) type Chunk = [u64; 4];

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
    fn count(self) -> usize {
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
        let mut sums: Vec<Line<C>> = self.out.chunks_exact(self.size).take(count).map(load).collect();
        match group_bits(count) {
            0 => self.add_one_by_one(&mut sums),
            4 => self.add_in_groups::<4, 16>(&mut sums),
            5 => self.add_in_groups::<5, 32>(&mut sums),
            6 => self.add_in_groups::<6, 64>(&mut sums),
            7 => self.add_in_groups::<7, 128>(&mut sums),
            _ => self.add_in_groups::<8, 256>(&mut sums),
        }
        for (out, sum) in self.out.chunks_exact_mut(self.size).zip(&sums) {
            store(sum, out);
        }
    }
}

impl<const C: usize> Product<'_, C> {
    #[inline(always)]
    fn fragment(&self, index: usize) -> Line<C> {
        let rest = self.source.get(index * self.size..).unwrap_or_default();
        if rest.is_empty() || self.skip.is_some_and(|skip| skip[index / 64] >> (index % 64) & 1 != 0) {
            return [[0; 4]; C];
        }
        load(&rest[..rest.len().min(self.size)])
    }

    /// Few rows: sums of groups would cost more than they save.
    #[inline(always)]
    fn add_one_by_one(&self, sums: &mut [Line<C>]) {
        for position in 0..self.source.len().div_ceil(self.size) {
            let fragment = self.fragment(position);
            for (out, row) in sums.iter_mut().zip(self.rows.words.chunks_exact(self.rows.stride)) {
                if row[position / 64] >> (position % 64) & 1 != 0 {
                    *out = sum(out, &fragment);
                }
            }
        }
    }

    /// Four groups of `K` fragments at a time, so that a sum is loaded and stored once for all four.
    #[inline(always)]
    fn add_in_groups<const K: usize, const SIZE: usize>(&self, sums: &mut [Line<C>]) {
        let mut tables = vec![[[[0; 4]; C]; SIZE]; 4];
        let stride = self.rows.stride;
        for position in (0..self.source.len().div_ceil(self.size)).step_by(4 * K) {
            for (start, table) in (position..).step_by(K).zip(&mut tables) {
                self.fill_table::<K, SIZE>(start, table);
            }
            let [a, b, c, d] = &tables[..] else { return };
            let (word, shift) = (position / 64, position % 64);
            let spills = shift + 4 * K > 64 && word + 1 < stride;
            for (sum, row) in sums.iter_mut().zip(self.rows.words.chunks_exact(stride)) {
                let mut bits = row[word] >> shift;
                if spills {
                    bits |= row[word + 1] << (64 - shift);
                }
                let bits = bits as usize;
                let (a, b) = (&a[bits % SIZE], &b[bits / SIZE % SIZE]);
                let (c, d) = (&c[bits / SIZE / SIZE % SIZE], &d[bits / SIZE / SIZE / SIZE % SIZE]);
                // As one value: all loads come before the first store, whatever might overlap.
                *sum =
                    array::from_fn(|i| array::from_fn(|j| sum[i][j] ^ a[i][j] ^ b[i][j] ^ c[i][j] ^ d[i][j]));
            }
        }
    }

    /// All sums of the `K` fragments from `start` on: bit i of the index stands for fragment `start + i`.
    #[inline(always)]
    fn fill_table<const K: usize, const SIZE: usize>(&self, start: usize, table: &mut [Line<C>; SIZE]) {
        table[0] = [[0; 4]; C];
        for i in 0..K {
            let fragment = self.fragment(start + i);
            let (done, fresh) = table.split_at_mut(1 << i);
            for (fresh, done) in fresh.iter_mut().zip(done) {
                *fresh = sum(done, &fragment);
            }
        }
    }
}

/// Fragments per group that make M/k·(2^k + N) least; 0 if going one by one is cheaper still.
fn group_bits(rows: usize) -> usize {
    if rows < 24 {
        return 0;
    }
    let cost = |k: usize| ((1 << k) + rows) * 840 / k;
    (4..=8).min_by_key(|k| cost(*k)).unwrap_or(8)
}

#[inline(always)]
fn sum<const C: usize>(a: &Line<C>, b: &Line<C>) -> Line<C> {
    array::from_fn(|i| array::from_fn(|j| a[i][j] ^ b[i][j]))
}

#[inline(always)]
fn load<const C: usize>(octets: &[u8]) -> Line<C> {
    let mut line = [[[0_u8; 8]; 4]; C];
    let flat = line.as_flattened_mut().as_flattened_mut();
    let len = octets.len().min(flat.len());
    flat[..len].copy_from_slice(&octets[..len]);
    line.map(|chunk| chunk.map(u64::from_ne_bytes))
}

#[inline(always)]
fn store<const C: usize>(line: &Line<C>, out: &mut [u8]) {
    let octets = line.map(|chunk| chunk.map(u64::to_ne_bytes));
    let flat = octets.as_flattened().as_flattened();
    let len = out.len().min(flat.len());
    out[..len].copy_from_slice(&flat[..len]);
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
        for (rows, fragments, size) in [
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
        ] {
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
                let mut out = vec![7; rows * size];
                multiply(Registers::Common, bits, &source, size, skip, &mut out);
                let mut wide = vec![7; rows * size];
                multiply(Registers::Widest, bits, &source, size, skip, &mut wide);
                assert!(wide == out, "{rows} rows of {fragments} fragments of {size}");
                for (row, out) in words.chunks_exact(stride).zip(out.chunks_exact(size)) {
                    let mut sum = vec![7; size];
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
