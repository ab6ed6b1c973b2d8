//! The streaming decoder one operation at a time.

use super::ops::{Op, Steps};
use super::triangular::{Decoder, Parts, Prepared, parts};
use crate::bits;
use crate::store::{Entry, Slot};
use crate::{FecError, FragmentNumber, Progress};

/// What has been begun and not yet committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UnderWay {
    Nothing,
    /// A fragment that goes to its slot as it is.
    Plain {
        n: FragmentNumber,
        index: u16,
        stored: bool,
    },
    /// A row: known fragments from `from` on have yet to be taken off.
    Known {
        n: FragmentNumber,
        from: u16,
        add: bool,
    },
    /// A row over the lost columns: rows from `from` on have yet to be taken off.
    Reduce {
        n: FragmentNumber,
        from: u16,
        add: bool,
    },
    /// The row has become a new one of the triangle, and its bytes are stored.
    Reduced {
        column: u16,
    },
    /// Nothing is left of the row.
    Redundant,
    /// The lost fragment at `position` is being solved for: the columns from `right` on have yet to be taken
    /// off; `other` is the place of the last one looked at.
    Solve {
        position: u16,
        column: u16,
        right: u16,
        other: u16,
        add: Add,
    },
    Solved,
}

/// What the read buffer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Add {
    /// Nothing has been read.
    Start,
    Copy,
    Xor,
    No,
}

impl<W: AsRef<[u32]> + AsMut<[u32]>> Steps for Decoder<W> {
    fn begin(&mut self, n: FragmentNumber) -> Result<(), FecError> {
        self.under_way = match self.prepare(n)? {
            Prepared::Redundant => UnderWay::Redundant,
            Prepared::Plain(index) => UnderWay::Plain { n, index, stored: false },
            Prepared::Row => UnderWay::Known { n, from: 0, add: false },
        };
        Ok(())
    }

    /// Always one column: those to its right must have been stored.
    fn begin_solve(&mut self, _accumulators: u16) -> Result<(), FecError> {
        if self.under_way != UnderWay::Nothing {
            return Err(FecError::Busy);
        }
        if self.missing() > 0 {
            return Err(FecError::NotSolvable { missing: self.missing() });
        }
        let (position, column) = self.next_unsolved().ok_or(FecError::AlreadyComplete)?;
        self.under_way =
            UnderWay::Solve { position, column, right: column + 1, other: position, add: Add::Start };
        Ok(())
    }

    fn replay(&mut self, entry: Entry) -> Result<Option<Slot>, FecError> {
        match entry {
            Entry::Fragment(n) => self.begin(n)?,
            Entry::Solved(position) => {
                self.begin_solve(1)?;
                if !matches!(self.under_way, UnderWay::Solve { position: next, .. } if next == position) {
                    self.under_way = UnderWay::Nothing;
                    return Err(FecError::EntryOutOfOrder);
                }
            }
        }
        while let Some(op) = self.next_op() {
            if let Op::Store { slot, .. } = op {
                return Ok(Some(slot));
            }
        }
        Ok(None)
    }

    fn next_op(&mut self) -> Option<Op> {
        let (op, next) = match self.under_way {
            UnderWay::Plain { n, index, stored: false } => {
                let entry = Entry::Fragment(n);
                let op = Op::Store { acc: 0, slot: Slot::Data(index), entry };
                (op, UnderWay::Plain { n, index, stored: true })
            }
            UnderWay::Known { n, from, add: true } => (Op::Xor(0), UnderWay::Known { n, from, add: false }),
            UnderWay::Known { n, from, add: false } => self.take_off_known(n, from)?,
            UnderWay::Reduce { n, from, add: true } => (Op::Xor(0), UnderWay::Reduce { n, from, add: false }),
            UnderWay::Reduce { n, from, add: false } => self.take_off_row(n, from)?,
            UnderWay::Solve { position, column, right, other, add } => {
                self.take_off_column(position, column, right, other, add)
            }
            UnderWay::Plain { stored: true, .. }
            | UnderWay::Nothing
            | UnderWay::Reduced { .. }
            | UnderWay::Redundant
            | UnderWay::Solved => return None,
        };
        self.under_way = next;
        Some(op)
    }

    fn commit(&mut self) -> Result<Progress, FecError> {
        let progress = match self.under_way {
            UnderWay::Plain { index, stored: true, .. } => self.accept_plain(index),
            UnderWay::Redundant => Progress::Redundant,
            UnderWay::Reduced { column } => {
                let Parts { row, mut triangle, .. } =
                    parts(self.words.as_mut(), self.geometry.nb_frag(), self.lost);
                triangle.put(column, row);
                self.rank += 1;
                self.progress()
            }
            UnderWay::Solved => {
                self.solved += 1;
                self.progress()
            }
            _ => return Err(FecError::OperationsRemain),
        };
        self.under_way = UnderWay::Nothing;
        Ok(progress)
    }

    fn abort(&mut self) -> Option<Slot> {
        let begun = match self.under_way {
            UnderWay::Plain { index, stored: true, .. } => Some(Slot::Data(index)),
            UnderWay::Reduced { column } => Some(Slot::Parity(column)),
            UnderWay::Solved => self.next_unsolved().map(|(position, _)| Slot::Data(position)),
            _ => None,
        };
        self.under_way = UnderWay::Nothing;
        begun
    }
}

impl<W: AsRef<[u32]> + AsMut<[u32]>> Decoder<W> {
    /// Place and column of the lost fragment that is solved for next.
    fn next_unsolved(&mut self) -> Option<(u16, u16)> {
        let column = self.lost.checked_sub(self.solved + 1)?;
        let Parts { known, .. } = parts(self.words.as_mut(), self.geometry.nb_frag(), self.lost);
        let mut position = self.geometry.nb_frag();
        for _ in 0..=self.solved {
            position = bits::last_zero_before(known, position);
        }
        Some((position, column))
    }

    fn take_off_known(&mut self, n: FragmentNumber, from: u16) -> Option<(Op, UnderWay)> {
        let nb_frag = self.geometry.nb_frag();
        let Parts { known, row, .. } = parts(self.words.as_mut(), nb_frag, self.lost);
        if let Some(index) = bits::next_common(row, known, from) {
            return Some((Op::Read(Slot::Data(index)), UnderWay::Known { n, from: index + 1, add: true }));
        }
        bits::squeeze(row, known, nb_frag);
        self.take_off_row(n, 0)
    }

    fn take_off_row(&mut self, n: FragmentNumber, from: u16) -> Option<(Op, UnderWay)> {
        let Parts { row, triangle, .. } = parts(self.words.as_mut(), self.geometry.nb_frag(), self.lost);
        let Some(column) = bits::next_one(row, from) else {
            self.under_way = UnderWay::Redundant;
            return None;
        };
        let slot = Slot::Parity(column);
        if triangle.has(column) {
            triangle.xor_row_into(column, row);
            return Some((Op::Read(slot), UnderWay::Reduce { n, from: column, add: true }));
        }
        Some((Op::Store { acc: 0, slot, entry: Entry::Fragment(n) }, UnderWay::Reduced { column }))
    }

    fn take_off_column(
        &mut self,
        position: u16,
        column: u16,
        right: u16,
        other: u16,
        add: Add,
    ) -> (Op, UnderWay) {
        let solve = |right, other, add| UnderWay::Solve { position, column, right, other, add };
        match add {
            Add::Start => return (Op::Read(Slot::Parity(column)), solve(right, other, Add::Copy)),
            Add::Copy => return (Op::Copy(0), solve(right, other, Add::No)),
            Add::Xor => return (Op::Xor(0), solve(right, other, Add::No)),
            Add::No => {}
        }
        let Parts { known, triangle, .. } = parts(self.words.as_mut(), self.geometry.nb_frag(), self.lost);
        let mut other = other;
        for right in right..self.lost {
            other = bits::next_zero(known, other + 1);
            if triangle.get(column, right) {
                return (Op::Read(Slot::Data(other)), solve(right + 1, other, Add::Xor));
            }
        }
        let op = Op::Store { acc: 0, slot: Slot::Data(position), entry: Entry::Solved(position) };
        (op, UnderWay::Solved)
    }
}
