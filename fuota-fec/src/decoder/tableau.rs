//! The lost fragments in terms of what was received: an inverse that grows equation by equation.

use super::SPARE_PARITY;
use crate::bits;

/// A linear system over the columns, solved for as many of them as there are equations.
///
/// Row c says what the lost fragment of column c is: a sum over columns. A column that is *free* stands for its
/// lost fragment itself, which is unknown, so at first row c is column c. One that is *solved for* stands for an
/// equation: a fragment that was received, less the known fragments in it.
///
/// A new equation is first rewritten by the rows, then solved for one of the free columns left in it, which is
/// replaced everywhere: an exchange step of Gauss–Jordan elimination. When no column is free, the rows are the
/// inverse.
#[derive(Debug)]
pub(super) struct Tableau<'a> {
    /// Lists of numbers of 16 bits, then rows of as many as hold a bit per column:
    ///
    /// ```text
    /// fragment in each parity slot │ equation of each column, 0 while it is free │ row of each column │ work
    /// ```
    memory: &'a mut [u16],
    /// The most columns there can be.
    side: u16,
}

/// Words of 32 bits of a tableau over up to `side` columns.
pub(super) const fn words(side: u16) -> usize {
    (lists(side) + (side as usize + 1) * stride(side)).div_ceil(2)
}

/// Words of 16 bits before the rows.
const fn lists(side: u16) -> usize {
    2 * side as usize + SPARE_PARITY as usize
}

const fn stride(side: u16) -> usize {
    (side as usize).div_ceil(16)
}

impl<'a> Tableau<'a> {
    /// A view of memory of [`words`]; what is beyond them is left alone.
    pub(super) fn new(memory: &'a mut [u16], side: u16) -> Self {
        Self { memory, side }
    }

    /// The number of the fragment in a parity slot.
    pub(super) fn parked(&self, slot: u16) -> u16 {
        self.memory.get(usize::from(slot)).copied().unwrap_or_default()
    }

    /// Takes down which fragment is in a parity slot.
    pub(super) fn park(&mut self, slot: u16, n: u16) {
        if let Some(number) = self.memory.get_mut(usize::from(slot)) {
            *number = n;
        }
    }

    /// The number of the fragment that is the equation of `column`, 0 if it is free.
    pub(super) fn equation(&self, column: u16) -> u16 {
        self.parked(self.side + SPARE_PARITY + column)
    }

    /// Whether the row of `column` contains column `other`.
    pub(super) fn contains(&self, column: u16, other: u16) -> bool {
        bits::has(self.memory.get(self.start(column)..).unwrap_or_default(), other)
    }

    /// All columns free.
    pub(super) fn clear(&mut self) {
        self.clear_rows(0, self.side);
        for column in 0..self.side {
            self.flip(column, column);
        }
    }

    /// Rewrites an equation by what is known, and names a free column left in it: `None` means that it brings
    /// nothing.
    pub(super) fn reduce(&mut self, equation: &[u16]) -> Option<u16> {
        let work = self.side;
        self.clear_rows(work, work + 1);
        for column in 0..self.side {
            if bits::has(equation, column) {
                self.add(work, column);
            }
        }
        (0..self.side).find(|column| self.equation(*column) == 0 && self.contains(work, *column))
    }

    /// Solves the equation last reduced, fragment `n`, for the column that [`reduce`](Self::reduce) has named.
    pub(super) fn insert(&mut self, pivot: u16, n: u16) {
        // Where the lost fragment was in a row, there is the equation now, and all else that it contains.
        let work = self.side;
        self.flip(work, pivot);
        for column in 0..self.side {
            if self.contains(column, pivot) {
                self.add(column, work);
            }
        }
        self.park(self.side + SPARE_PARITY + pivot, n);
    }

    fn flip(&mut self, column: u16, other: u16) {
        let start = self.start(column);
        bits::flip(self.memory.get_mut(start..).unwrap_or_default(), other);
    }

    fn clear_rows(&mut self, from: u16, to: u16) {
        let (start, end) = (self.start(from), self.start(to));
        bits::clear(self.memory.get_mut(start..end).unwrap_or_default());
    }

    /// Adds the row of column `source` to that of column `target`.
    fn add(&mut self, target: u16, source: u16) {
        let (target, source) = (self.start(target), self.start(source));
        for half in 0..stride(self.side) {
            let added = self.memory.get(source + half).copied().unwrap_or_default();
            if let Some(sum) = self.memory.get_mut(target + half) {
                *sum ^= added;
            }
        }
    }

    /// Where the row of a column starts, or what is worked on if it is the column behind the last one.
    fn start(&self, column: u16) -> usize {
        lists(self.side) + usize::from(column) * stride(self.side)
    }
}
