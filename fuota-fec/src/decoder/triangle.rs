//! The bit matrix over the lost fragments: an upper triangle without a gap.

use crate::bits;

/// Rows in echelon form over `side` columns: row i starts at column i, and its first bit says whether it is
/// there at all. Rows follow each other without a gap, so that `side` columns take side·(side + 1) / 2 bits.
#[derive(Debug)]
pub(crate) struct Triangle<'a> {
    words: &'a mut [u32],
    side: u16,
}

/// 32-bit words of a triangle over `side` columns.
pub(crate) const fn triangle_words(side: u16) -> usize {
    let side = side as usize;
    (side * (side + 1) / 2).div_ceil(32)
}

impl<'a> Triangle<'a> {
    pub(crate) fn new(words: &'a mut [u32], side: u16) -> Self {
        Self { words, side }
    }

    /// Whether row `i` is there.
    pub(crate) fn has(&self, i: u16) -> bool {
        bits::get(self.words, self.start(i))
    }

    /// Bit `column` of row `i`, where `column >= i`.
    pub(crate) fn get(&self, i: u16, column: u16) -> bool {
        self.bit(self.start(i) + u32::from(column - i))
    }

    /// The bit at this place of the matrix.
    pub(crate) fn bit(&self, place: u32) -> bool {
        bits::get(self.words, place)
    }

    /// XORs row `i` into `row`, which is aligned at column 0.
    pub(crate) fn xor_row_into(&self, i: u16, row: &mut [u32]) {
        let mut source = self.start(i);
        let mut column = u32::from(i);
        let side = u32::from(self.side);
        for word in row.iter_mut().skip(usize::from(i / 32)) {
            if column >= side {
                return;
            }
            // The first word starts inside, all others at a word boundary; the last one must not reach over
            // into the next row.
            let here = (32 - column % 32).min(side - column);
            *word ^= (bits::peek(self.words, source) & low_mask(here)) << (column % 32);
            source += here;
            column += here;
        }
    }

    /// Makes `row`, whose first one is at `i`, row `i`, which must not be there yet.
    pub(crate) fn put(&mut self, i: u16, row: &[u32]) {
        let mut target = self.start(i);
        let mut column = u32::from(i);
        let side = u32::from(self.side);
        for word in row.iter().skip(usize::from(i / 32)) {
            if column >= side {
                return;
            }
            let here = (32 - column % 32).min(side - column);
            bits::xor_at(self.words, target, (word >> (column % 32)) & low_mask(here));
            target += here;
            column += here;
        }
    }

    /// The place where row `i` starts: the sum of side − t over all t < i.
    pub(crate) fn start(&self, i: u16) -> u32 {
        let i = u32::from(i);
        i * u32::from(self.side) - i * i.saturating_sub(1) / 2
    }
}

/// The lowest `count` bits, 1 ≤ `count` ≤ 32.
const fn low_mask(count: u32) -> u32 {
    u32::MAX >> (32 - count)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every row of every small triangle comes back as it went in, and touches no other.
    #[test]
    fn rows_do_not_touch_each_other() {
        for side in 1..=70_u16 {
            let mut memory = [0; triangle_words(70)];
            let memory = &mut memory[..triangle_words(side)];
            let pattern = |i: u16| -> [u32; 3] {
                let mut row = [0; 3];
                for column in i..side {
                    if column == i || (i * 7 + column * 13) % 5 < 2 {
                        bits::set(&mut row, column.into());
                    }
                }
                row
            };
            let mut triangle = Triangle::new(memory, side);
            for i in (0..side).rev() {
                assert!(!triangle.has(i));
                triangle.put(i, &pattern(i));
            }
            for i in 0..side {
                let mut row = [0; 3];
                triangle.xor_row_into(i, &mut row);
                assert_eq!(row, pattern(i), "side {side}, row {i}");
                assert!(triangle.has(i));
                assert_eq!(triangle.get(i, side - 1), bits::get(&row, u32::from(side) - 1));
            }
        }
    }
}
