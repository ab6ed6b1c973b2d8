//! The streaming decoder one operation at a time.

use super::ops::{Op, Steps};
use super::shared::{Arrival, Parts};
use super::triangle;
use super::triangular::Decoder;
use crate::bits;
use crate::store::{Entry, Slot};
use crate::{FecError, FragmentNumber, Progress};

/// What has been begun and not yet committed. `read` says that the read buffer holds what has to be added next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UnderWay {
    Nothing,
    /// Nothing is left of the row, or there was none.
    Redundant,
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
        read: bool,
    },
    /// A row over the lost columns: rows of columns below `end` have yet to be taken off.
    Reduce {
        n: FragmentNumber,
        end: u16,
        read: bool,
    },
    /// The row has become that of `column`, and its bytes are stored.
    Reduced {
        column: u16,
    },
    /// The next column is being solved for.
    Solve {
        next: Part,
        read: bool,
    },
    Solved,
}

/// What makes up a lost fragment, in the order in which it is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Nothing.
    Clear,
    /// The row of its column.
    Own,
    /// Those of the columns to the left that the row contains, from this one on.
    Left(u16),
}

impl<W: AsRef<[u32]> + AsMut<[u32]>> Steps for Decoder<W> {
    fn begin(&mut self, n: FragmentNumber) -> Result<(), FecError> {
        self.under_way = match self.arrive(n)? {
            Arrival::Repeat | Arrival::TooEarly => UnderWay::Redundant,
            Arrival::Plain(index) => UnderWay::Plain { n, index, stored: false },
            Arrival::Row => {
                self.core.draw(n.get());
                UnderWay::Known { n, from: 0, read: false }
            }
        };
        Ok(())
    }

    /// Always one column: those to its left must have been stored.
    fn begin_solve(&mut self, _accumulators: u16) -> Result<(), FecError> {
        self.solvable()?;
        if self.core.is_complete() {
            return Err(FecError::AlreadyComplete);
        }
        self.under_way = UnderWay::Solve { next: Part::Clear, read: false };
        Ok(())
    }

    fn replay(&mut self, entry: Entry) -> Result<Option<Slot>, FecError> {
        match entry {
            Entry::Fragment(n) => self.begin(n)?,
            Entry::Solved(position) => {
                self.begin_solve(1)?;
                if self.core.position(self.core.solved) != position {
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
                let op = Op::Store { acc: 0, slot: Slot::Data(index), entry: Entry::Fragment(n) };
                (op, UnderWay::Plain { n, index, stored: true })
            }
            UnderWay::Known { n, from, read: true } => (Op::Xor(0), UnderWay::Known { n, from, read: false }),
            UnderWay::Known { n, from, read: false } => self.known_op(n, from)?,
            UnderWay::Reduce { n, end, read: true } => (Op::Xor(0), UnderWay::Reduce { n, end, read: false }),
            UnderWay::Reduce { n, end, read: false } => self.row_op(n, end)?,
            UnderWay::Solve { next, read: true } => (Op::Xor(0), UnderWay::Solve { next, read: false }),
            UnderWay::Solve { next, read: false } => self.add_part(next),
            UnderWay::Plain { stored: true, .. }
            | UnderWay::Nothing
            | UnderWay::Redundant
            | UnderWay::Reduced { .. }
            | UnderWay::Solved => return None,
        };
        self.under_way = next;
        Some(op)
    }

    fn commit(&mut self) -> Result<Progress, FecError> {
        match self.under_way {
            UnderWay::Plain { index, stored: true, .. } => self.core.count_plain(index),
            UnderWay::Reduced { column } => {
                let Parts { row, matrix, .. } = self.core.parts();
                if let Some(stored) = bits::halves(matrix).get_mut(triangle::row(column)) {
                    bits::add(stored, bits::halves(row));
                }
                self.core.rank += 1;
            }
            UnderWay::Solved => self.core.solved += 1,
            UnderWay::Redundant => {
                self.under_way = UnderWay::Nothing;
                return Ok(Progress::Redundant);
            }
            _ => return Err(FecError::OperationsRemain),
        }
        self.under_way = UnderWay::Nothing;
        Ok(self.core.progress(self.core.needed()))
    }

    fn abort(&mut self) -> Option<Slot> {
        let begun = match self.under_way {
            UnderWay::Plain { index, stored: true, .. } => Some(Slot::Data(index)),
            UnderWay::Reduced { column } => Some(Slot::Parity(column)),
            UnderWay::Solved => Some(Slot::Data(self.core.position(self.core.solved))),
            _ => None,
        };
        self.under_way = UnderWay::Nothing;
        begun
    }
}

impl<W: AsRef<[u32]> + AsMut<[u32]>> Decoder<W> {
    fn known_op(&mut self, n: FragmentNumber, from: u16) -> Option<(Op, UnderWay)> {
        let Parts { known, row, .. } = self.core.parts();
        if let Some(index) = bits::next_common(row, known, from) {
            return Some((Op::Read(Slot::Data(index)), UnderWay::Known { n, from: index + 1, read: true }));
        }
        self.core.squeeze();
        self.row_op(n, self.core.lost)
    }

    fn row_op(&mut self, n: FragmentNumber, end: u16) -> Option<(Op, UnderWay)> {
        let Parts { row, matrix, .. } = self.core.parts();
        let row = bits::halves(row);
        let Some(column) = bits::last_one(row, end) else {
            self.under_way = UnderWay::Redundant;
            return None;
        };
        let slot = Slot::Parity(column);
        let stored = bits::halves(matrix).get(triangle::row(column)).unwrap_or_default();
        if bits::has(stored, column) {
            bits::add(row, stored);
            return Some((Op::Read(slot), UnderWay::Reduce { n, end: column, read: true }));
        }
        Some((Op::Store { acc: 0, slot, entry: Entry::Fragment(n) }, UnderWay::Reduced { column }))
    }

    fn add_part(&mut self, part: Part) -> (Op, UnderWay) {
        let column = self.core.solved;
        let from = match part {
            Part::Clear => return (Op::Clear(0), UnderWay::Solve { next: Part::Own, read: false }),
            Part::Own => {
                let next = UnderWay::Solve { next: Part::Left(0), read: true };
                return (Op::Read(Slot::Parity(column)), next);
            }
            Part::Left(from) => from,
        };
        let row = bits::halves(self.core.parts().matrix).get(triangle::row(column)).unwrap_or_default();
        if let Some(left) = (from..column).find(|left| bits::has(row, *left)) {
            let slot = Slot::Data(self.core.position(left));
            return (Op::Read(slot), UnderWay::Solve { next: Part::Left(left + 1), read: true });
        }
        let position = self.core.position(column);
        let op = Op::Store { acc: 0, slot: Slot::Data(position), entry: Entry::Solved(position) };
        (op, UnderWay::Solved)
    }
}
