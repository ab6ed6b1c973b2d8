//! Inverting bit matrices, by the Method of Four Russians.

use alloc::vec;
use alloc::vec::Vec;

use super::simd::{Job, Registers, Simd};

/// Columns that are eliminated together: all sums of their pivot rows are worked out once.
const BLOCK: usize = 8;

/// A matrix of bits with an identity beside it: `[A | I]`.
struct Extended<'a> {
    /// All rows, each of `stride` words.
    words: &'a mut [u64],
    stride: usize,
    columns: usize,
}

/// For each column of a matrix of `rows` rows, the rows whose sum is one in this column alone; `None` if
/// there are no such sums for some column, since the rank is less.
///
/// `matrix` holds ⌈columns/64⌉ words per row, and so does the answer for each column, with ⌈rows/64⌉.
pub(super) fn left_inverse(matrix: &[u64], columns: usize, rows: usize) -> Option<Vec<u64>> {
    let (left, right) = (columns.div_ceil(64), rows.div_ceil(64));
    let stride = left + right;
    let mut words = vec![0; rows * stride];
    for (i, (extended, row)) in words.chunks_exact_mut(stride).zip(matrix.chunks_exact(left)).enumerate() {
        extended[..left].copy_from_slice(row);
        extended[left + i / 64] = 1 << (i % 64);
    }
    Registers::Widest.run(Extended { words: &mut words, stride, columns }).then(|| {
        // After elimination the pivot of column c is in row c.
        words.chunks_exact(stride).take(columns).flat_map(|row| &row[left..]).copied().collect()
    })
}

impl Job for Extended<'_> {
    type Output = bool;

    /// Gauss–Jordan elimination; says whether every column got its pivot.
    #[inline(always)]
    fn run<S: Simd>(mut self, _simd: S) -> bool {
        let mut sums = vec![0; (1 << BLOCK) * self.stride];
        let mut start = 0;
        while start < self.columns {
            let end = (start + BLOCK).min(self.columns);
            if !(start..end).all(|column| self.find_pivot(start, column)) {
                return false;
            }
            self.fill_sums(start, end, &mut sums);
            self.clear_block(start, end, &sums);
            start = end;
        }
        true
    }
}

impl Extended<'_> {
    fn row(&self, row: usize) -> &[u64] {
        &self.words[row * self.stride..][..self.stride]
    }

    /// Bits of a row from `start` on, those of a block at least.
    #[inline(always)]
    fn bits(row: &[u64], start: usize) -> usize {
        // A block lies in one word, since 64 is a multiple of its length.
        (row[start / 64] >> (start % 64)) as usize
    }

    /// Puts a row with a one in `column` in its place, with zeros in the earlier columns of the block, and
    /// clears `column` in the pivot rows of these.
    #[inline(always)]
    fn find_pivot(&mut self, start: usize, column: usize) -> bool {
        let count = self.words.len() / self.stride;
        let found = (column..count).find(|candidate| {
            // Only now are earlier columns of the block taken off this row, and only if there are any.
            for earlier in start..column {
                if self.row(*candidate)[earlier / 64] >> (earlier % 64) & 1 != 0 {
                    self.add(earlier, *candidate);
                }
            }
            self.row(*candidate)[column / 64] >> (column % 64) & 1 != 0
        });
        let Some(found) = found else { return false };
        if found != column {
            let (low, high) = self.words.split_at_mut(found * self.stride);
            low[column * self.stride..][..self.stride].swap_with_slice(&mut high[..self.stride]);
        }
        for earlier in start..column {
            if self.row(earlier)[column / 64] >> (column % 64) & 1 != 0 {
                self.add(column, earlier);
            }
        }
        true
    }

    /// Adds row `source` to row `target`.
    #[inline(always)]
    fn add(&mut self, source: usize, target: usize) {
        let (low, high) = self.words.split_at_mut(source.max(target) * self.stride);
        let (low, high) =
            (&mut low[source.min(target) * self.stride..][..self.stride], &mut high[..self.stride]);
        let (source, target) = if source < target { (low, high) } else { (high, low) };
        for (t, s) in target.iter_mut().zip(source) {
            *t ^= *s;
        }
    }

    /// All sums of the pivot rows of the block: bit i of the index stands for row `start + i`.
    #[inline(always)]
    fn fill_sums(&self, start: usize, end: usize, sums: &mut [u64]) {
        for (i, pivot) in (start..end).enumerate() {
            let pivot = self.row(pivot);
            let (done, fresh) = sums.split_at_mut((1 << i) * self.stride);
            for (fresh, done) in fresh.chunks_exact_mut(self.stride).zip(done.chunks_exact(self.stride)) {
                for ((fresh, done), pivot) in fresh.iter_mut().zip(done).zip(pivot) {
                    *fresh = done ^ pivot;
                }
            }
        }
    }

    /// Takes the block's columns off all rows but its own pivots.
    #[inline(always)]
    fn clear_block(&mut self, start: usize, end: usize, sums: &[u64]) {
        let mask = (1 << (end - start)) - 1;
        let skip = start / 64;
        for (i, row) in self.words.chunks_exact_mut(self.stride).enumerate() {
            let bits = Self::bits(row, start) & mask;
            if bits == 0 || (start..end).contains(&i) {
                continue;
            }
            // To the left of the block pivot rows are zero.
            let sum = &sums[bits * self.stride..][..self.stride];
            for (row, sum) in row[skip..].iter_mut().zip(&sum[skip..]) {
                *row ^= sum;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_rows_are_ones_in_one_column() {
        let mut state = 7_u64;
        let mut random = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed ^ mixed >> 27
        };
        for (columns, rows) in
            [(1, 1), (1, 5), (7, 9), (8, 30), (64, 80), (65, 90), (130, 150), (300, 330), (20, 20)]
        {
            let stride = usize::div_ceil(columns, 64);
            let mut matrix: Vec<u64> = (0..rows * stride).map(|_| random()).collect();
            for row in matrix.chunks_exact_mut(stride).filter(|_| columns % 64 != 0) {
                row[stride - 1] &= (1 << (columns % 64)) - 1;
            }
            let Some(inverse) = left_inverse(&matrix, columns, rows) else {
                assert!(rows < columns + 8, "{rows} random rows nearly always have rank {columns}");
                continue;
            };
            for (column, picks) in inverse.chunks_exact(rows.div_ceil(64)).enumerate() {
                let mut sum = vec![0; stride];
                for (i, row) in matrix.chunks_exact(stride).enumerate() {
                    if picks[i / 64] >> (i % 64) & 1 != 0 {
                        sum.iter_mut().zip(row).for_each(|(s, r)| *s ^= r);
                    }
                }
                let alone = (0..stride).map(|w| if w == column / 64 { 1 << (column % 64) } else { 0 });
                assert!(sum.into_iter().eq(alone), "column {column} of {columns}, {rows} rows");
            }
        }
    }

    #[test]
    fn too_low_a_rank_is_noticed() {
        assert_eq!(left_inverse(&[0b011, 0b101, 0b110], 3, 3), None);
        assert_eq!(left_inverse(&[0b01, 0b01], 2, 2), None);
        assert!(left_inverse(&[0b011, 0b101, 0b110, 0b111], 3, 4).is_some());
    }
}
