//! The lost fragments in terms of the parity that is kept: an inverse that grows row by row.

use crate::bits;

/// A linear system over `side` lost fragments, solved for as many of them as there are equations.
///
/// Each column stands for one lost fragment x and is in one of three states:
/// - free: x is unknown; a one in this column means x;
/// - solved for: the row of the same index says what x is; a one in this column means y, an equation;
/// - dropped: x has come uncoded; the column is zero.
///
/// A new equation is first rewritten by what is known, then solved for one of the free x left in it, which
/// is replaced everywhere: one exchange step of Gauss–Jordan elimination in place. When no column is free,
/// the rows are the inverse.
#[derive(Debug)]
pub(super) struct Tableau<'a> {
    side: u16,
    /// Row c in words `c * stride ..`, present if the column is solved for.
    square: &'a mut [u32],
    /// Per column solved for, the number of its equation, two to a word.
    equations: &'a mut [u32],
    free: &'a mut [u32],
    /// The equation under way.
    work: &'a mut [u32],
    stride: usize,
}

/// Marks a column that is not solved for. Equations are numbered by parity slots, of which there are fewer.
const NONE: u16 = u16::MAX;

const fn stride(side: u16) -> usize {
    (side as usize).div_ceil(32)
}

/// 32-bit words of a tableau over `side` columns.
pub(super) const fn tableau_words(side: u16) -> usize {
    let stride = stride(side);
    side as usize * stride + (side as usize).div_ceil(2) + 2 * stride
}

impl<'a> Tableau<'a> {
    /// A view of memory of [`tableau_words`] words.
    pub(super) fn new(memory: &'a mut [u32], side: u16) -> Self {
        let stride = stride(side);
        let (square, rest) = memory.split_at_mut(usize::from(side) * stride);
        let (equations, rest) = rest.split_at_mut(usize::from(side).div_ceil(2));
        let (free, rest) = rest.split_at_mut(stride);
        let (work, _) = rest.split_at_mut(stride);
        Self { side, square, equations, free, work, stride }
    }

    /// All columns free.
    pub(super) fn clear(&mut self) {
        self.square.fill(0);
        self.equations.fill(u32::MAX);
        self.free.fill(0);
        for column in 0..self.side {
            bits::set(self.free, column.into());
        }
    }

    /// The equation that `column` is solved for with.
    pub(super) fn equation(&self, column: u16) -> Option<u16> {
        Some(bits::half(self.equations, column)).filter(|equation| *equation != NONE)
    }

    /// The first column at or after `from` that is solved for.
    pub(super) fn next_solved(&self, from: u16) -> Option<u16> {
        (from..self.side).find(|column| self.equation(*column).is_some())
    }

    /// Whether what `column` is solved to contains the equation of column `other`.
    pub(super) fn contains(&self, column: u16, other: u16) -> bool {
        bits::get(self.row(column), other.into())
    }

    /// The first column whose equation is part of what `column` is solved to.
    pub(super) fn first_part(&self, column: u16) -> Option<u16> {
        bits::next_one(self.row(column), 0)
    }

    /// Rewrites an equation by what is known, and names the first free column left in it: `None` means that
    /// it brings nothing.
    pub(super) fn reduce(&mut self, equation: &[u32]) -> Option<u16> {
        self.work.fill(0);
        let mut from = 0;
        while let Some(column) = bits::next_one(equation, from).filter(|column| *column < self.side) {
            from = column + 1;
            if bits::get(self.free, column.into()) {
                bits::xor_at(self.work, column.into(), 1);
            } else if self.equation(column).is_some() {
                let row = usize::from(column) * self.stride;
                if let Some(row) = self.square.get(row..row + self.stride) {
                    add(self.work, row);
                }
            }
        }
        bits::next_common(self.work, self.free, 0)
    }

    /// Solves the equation last reduced for `pivot`, the column that [`reduce`](Self::reduce) has named.
    pub(super) fn insert(&mut self, pivot: u16, equation: u16) {
        for column in 0..self.side {
            if self.equation(column).is_some() && self.contains(column, pivot) {
                let row = self.row_range(column);
                if let Some(row) = self.square.get_mut(row) {
                    add(row, self.work);
                    // x is gone, and the new equation takes its column.
                    bits::set(row, pivot.into());
                }
            }
        }
        let range = self.row_range(pivot);
        if let Some(row) = self.square.get_mut(range) {
            row.copy_from_slice(self.work);
        }
        bits::clear(self.free, pivot);
        bits::set_half(self.equations, pivot, equation);
    }

    /// Takes note that x of `column` has come uncoded, and says whether a free column has gone with it: if
    /// not, its equation brings nothing any more.
    pub(super) fn drop_column(&mut self, column: u16) -> bool {
        let Some(equation) = self.equation(column) else {
            for row in self.square.chunks_exact_mut(self.stride) {
                bits::clear(row, column);
            }
            bits::clear(self.free, column);
            return true;
        };
        // The row becomes a relation between the others. Its equation is set free: it moves to the column of
        // whatever the relation is solved for.
        let range = self.row_range(column);
        if let Some(row) = self.square.get_mut(range) {
            self.work.copy_from_slice(row);
            row.fill(0);
        }
        bits::set_half(self.equations, column, NONE);
        if let Some(pivot) = bits::next_common(self.work, self.free, 0) {
            let itself = bits::get(self.work, column.into());
            bits::clear(self.work, column);
            bits::clear(self.work, pivot);
            for row in self.square.chunks_exact_mut(self.stride) {
                let replaced = bits::get(row, pivot.into());
                let moved = bits::get(row, column.into()) ^ (replaced && itself);
                if replaced {
                    add(row, self.work);
                }
                bits::clear(row, column);
                bits::assign(row, pivot, moved);
            }
            bits::assign(self.work, pivot, itself);
            let range = self.row_range(pivot);
            if let Some(row) = self.square.get_mut(range) {
                row.copy_from_slice(self.work);
            }
            bits::clear(self.free, pivot);
            bits::set_half(self.equations, pivot, equation);
            return true;
        }
        // Equations alone: one of them follows from the others and is not needed any more.
        let needless = bits::next_one(self.work, 0).unwrap_or(column);
        for row in self.square.chunks_exact_mut(self.stride) {
            if bits::get(row, needless.into()) {
                add(row, self.work);
            }
            let moved = bits::get(row, column.into());
            bits::clear(row, column);
            if needless != column {
                bits::assign(row, needless, moved);
            }
        }
        if needless != column {
            bits::set_half(self.equations, needless, equation);
        }
        false
    }

    fn row_range(&self, column: u16) -> core::ops::Range<usize> {
        let start = usize::from(column) * self.stride;
        start..start + self.stride
    }

    fn row(&self, column: u16) -> &[u32] {
        self.square.get(self.row_range(column)).unwrap_or_default()
    }
}

fn add(target: &mut [u32], source: &[u32]) {
    for (t, s) in target.iter_mut().zip(source) {
        *t ^= s;
    }
}
