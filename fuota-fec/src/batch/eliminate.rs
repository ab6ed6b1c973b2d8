//! Elimination of columns of bits.

use super::simd::Simd;

/// Columns that are worked on at once.
pub(super) const LANES: usize = 4;

/// A word of each of so many columns.
pub(super) type Lanes = [u64; LANES];

/// Tells of each of the first `count` columns the row that is its pivot, or that it depends on those before it, while
/// `tell` wants more.
///
/// Each column in turn has its earliest one taken off all that follow. So the pivots are the earliest rows that are
/// independent, whatever the order of the columns.
///
/// For each four columns, `columns` has their first words, their second ones and so on, `words` of them; what there is
/// after the last column is zero.
#[inline(always)]
pub(super) fn eliminate_one_by_one(
    columns: &mut [Lanes],
    words: usize,
    count: usize,
    mut tell: impl FnMut(Option<usize>) -> bool,
) {
    for i in 0..count {
        let (place, lane) = (i / LANES * words, i % LANES);
        let Some(word) = (0..words).find(|word| columns[place + word][lane] != 0) else {
            if tell(None) {
                continue;
            }
            return;
        };
        let pivot = columns[place + word][lane].trailing_zeros();
        if !tell(Some(word * 64 + pivot as usize)) {
            return;
        }
        // Columns before this one are done with.
        let (four, later) = columns[place..].split_at_mut(words);
        for other in lane + 1..LANES {
            if four[word][other] >> pivot & 1 != 0 {
                for lanes in &mut *four {
                    lanes[other] ^= lanes[lane];
                }
            }
        }
        for later in later.chunks_exact_mut(words) {
            let masks = later[word].map(|bits| (bits >> pivot & 1).wrapping_neg());
            for (lanes, four) in later.iter_mut().zip(&*four).skip(word) {
                for (bits, mask) in lanes.iter_mut().zip(masks) {
                    *bits ^= four[lane] & mask;
                }
            }
        }
    }
}

/// [`eliminate_one_by_one`] for few words: only four columns at a time have to wait for each other, and what follows
/// them is loaded and stored once for all four.
#[inline(always)]
#[expect(
    clippy::needless_range_loop,
    reason = "loops over constant ranges become straight code, iterators do not"
)]
pub(super) fn eliminate_by_fours<S: Simd, const W: usize>(
    simd: S,
    columns: &mut [[Lanes; W]],
    count: usize,
    mut tell: impl FnMut(Option<usize>) -> bool,
) {
    let (mut columns, mut left) = (columns, count);
    while let Some((four, later)) = columns.split_first_mut() {
        let (mut added, mut pivots) = ([[0; W]; LANES], [[0; W]; LANES]);
        for (word, lanes) in four.iter().enumerate() {
            for (added, bits) in added.iter_mut().zip(lanes) {
                added[word] = *bits;
            }
        }
        for lane in 0..LANES {
            if lane == left {
                return;
            }
            let column = added[lane];
            let (pivot, row) = earliest(&column);
            if !tell(row) {
                return;
            }
            for other in lane + 1..LANES {
                let mask = mask(&added[other], &pivot);
                for word in 0..W {
                    added[other][word] ^= column[word] & mask;
                }
            }
            pivots[lane] = pivot;
        }
        simd.take_off(later, &Four { added, pivots });
        (columns, left) = (later, left.saturating_sub(LANES));
    }
}

/// Columns that are taken off others, one after the other.
#[derive(Clone, Copy)]
pub(super) struct Four<const W: usize> {
    pub(super) added: [[u64; W]; LANES],
    /// The one that decides for each of them: those columns that have it too.
    pub(super) pivots: [[u64; W]; LANES],
}

impl<const W: usize> Four<W> {
    /// Takes the four off all columns that have their pivots.
    #[inline(always)]
    pub(super) fn take_off(&self, columns: &mut [[Lanes; W]]) {
        for lanes in columns {
            for (added, pivot) in self.added.iter().zip(&self.pivots) {
                for lane in 0..LANES {
                    let mut column = [0; W];
                    for word in 0..W {
                        column[word] = lanes[word][lane];
                    }
                    let mask = mask(&column, pivot);
                    for (lanes, added) in lanes.iter_mut().zip(added) {
                        lanes[lane] ^= added & mask;
                    }
                }
            }
        }
    }
}

/// All ones if a column has the pivot's one.
#[inline(always)]
fn mask<const W: usize>(column: &[u64; W], pivot: &[u64; W]) -> u64 {
    let mut hit = 0;
    for word in 0..W {
        hit |= column[word] & pivot[word];
    }
    u64::from(hit == 0).wrapping_sub(1)
}

/// The earliest one of a column: alone in its word, and the row that it is in.
#[inline(always)]
fn earliest<const W: usize>(column: &[u64; W]) -> ([u64; W], Option<usize>) {
    let (mut pivot, mut row) = ([0; W], None);
    for (i, (pivot, word)) in pivot.iter_mut().zip(column).enumerate() {
        if row.is_none() && *word != 0 {
            *pivot = word & word.wrapping_neg();
            row = Some(i * 64 + word.trailing_zeros() as usize);
        }
    }
    (pivot, row)
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;
    use crate::batch::simd::{Job, Registers};

    /// Tells the pivots of so many columns, up to the first column that depends on others if that ends it.
    struct ByFours<'a, const W: usize> {
        columns: &'a mut [[Lanes; W]],
        count: usize,
        ends: bool,
    }

    impl<const W: usize> Job for ByFours<'_, W> {
        type Output = Vec<Option<usize>>;

        #[inline(always)]
        fn run<S: Simd>(self, simd: S) -> Self::Output {
            let mut told = Vec::new();
            eliminate_by_fours(simd, self.columns, self.count, |row| {
                told.push(row);
                row.is_some() || !self.ends
            });
            told
        }
    }

    fn compare<const W: usize>() {
        let mut state = 1_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state ^ state >> 29
        };
        // More columns than rows too, dense and sparse: then some depend on others, and some have nothing in them.
        for (count, sparse) in (1..100 * W).step_by(7).flat_map(|count| [(count, false), (count, true)]) {
            let mut columns = vec![[[0; LANES]; W]; count.div_ceil(LANES)];
            for i in 0..count {
                for lanes in &mut columns[i / LANES] {
                    lanes[i % LANES] =
                        if sparse { random() & random() & random() & random() } else { random() };
                }
            }
            let mut slow = Vec::new();
            let mut flat = columns.as_flattened().to_vec();
            eliminate_one_by_one(&mut flat, W, count, |row| {
                slow.push(row);
                true
            });
            assert_eq!(slow.len(), count);
            for registers in [Registers::Common, Registers::Widest] {
                let fast = registers.run(ByFours { columns: &mut columns.clone(), count, ends: false });
                assert_eq!(fast, slow, "{count} columns of {W} words, {registers:?}");
            }
        }
    }

    #[test]
    fn by_fours_it_has_the_pivots_of_one_by_one() {
        compare::<1>();
        compare::<2>();
        compare::<3>();
    }

    /// Nothing is told of the columns after the one with which `tell` has had enough.
    #[test]
    fn both_end_when_they_are_told_to() {
        let columns = [1, 1, 2, 4];
        let mut told = Vec::new();
        eliminate_one_by_one(&mut [columns], 1, 4, |row| {
            told.push(row);
            row.is_some()
        });
        assert_eq!(told, [Some(0), None]);
        for registers in [Registers::Common, Registers::Widest] {
            let fast = ByFours { columns: &mut [[columns]], count: 4, ends: true };
            assert_eq!(registers.run(fast), told);
        }
    }
}
