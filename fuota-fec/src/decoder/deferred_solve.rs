//! The deferred decoder one operation at a time, and its passes over the store.

use super::deferred::{DeferredDecoder, Parts, UnderWay};
use super::ops::{Op, Steps};
use crate::bits;
use crate::store::{Entry, Slot};
use crate::{FecError, FragmentNumber, Progress};

/// A pass solves for `batch` columns that follow each other, one per accumulator, from column `first` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pass {
    batch: u16,
    first: u16,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Parity of the equation of column `part` goes to the accumulators that contain it; `acc` is the next
    /// one to look at, and stands for column `column`.
    Parity { part: u16, acc: u16, column: u16, read: bool },
    /// Known fragments from `position` on go to the accumulators whose masks say so; `acc` is the next one
    /// to look at. The masks reach up to the block's `end`.
    Known { position: u16, acc: u16, end: u16, read: bool },
    /// Accumulators from `acc` on are stored; the next one stands for `column`.
    Store { acc: u16, column: u16 },
}

impl<W: AsRef<[u32]> + AsMut<[u32]>> Steps for DeferredDecoder<W> {
    fn begin(&mut self, n: FragmentNumber) -> Result<(), FecError> {
        self.under_way = self.prepare(n)?;
        Ok(())
    }

    fn begin_solve(&mut self, accumulators: u16) -> Result<(), FecError> {
        let first = self.next_unsolved()?;
        // Each accumulator needs a word of mask at least.
        let room = u16::try_from(self.parts().masks.len()).unwrap_or(u16::MAX);
        let batch = accumulators.clamp(1, room).min(self.unknown - self.solved);
        let phase = Phase::Parity { part: 0, acc: 0, column: first, read: false };
        self.under_way = UnderWay::Solve(Pass { batch, first, phase });
        Ok(())
    }

    fn replay(&mut self, entry: Entry) -> Result<Option<Slot>, FecError> {
        let n = match entry {
            Entry::Fragment(n) => n,
            Entry::Solved(position) => {
                let column = self.next_unsolved()?;
                if bits::nth_zero(self.parts().frozen, column) != position {
                    return Err(FecError::EntryOutOfOrder);
                }
                self.under_way = UnderWay::Replayed;
                return Ok(Some(Slot::Data(position)));
            }
        };
        self.begin(n)?;
        match self.next_op() {
            Some(Op::Store { slot, .. }) => Ok(Some(slot)),
            _ => Ok(None),
        }
    }

    fn next_op(&mut self) -> Option<Op> {
        match self.under_way {
            UnderWay::Plain { n, index, stored: false } => {
                self.under_way = UnderWay::Plain { n, index, stored: true };
                Some(Op::Store { acc: 0, slot: Slot::Data(index), entry: Entry::Fragment(n) })
            }
            UnderWay::Park { n, pivot, stored: false } => {
                self.under_way = UnderWay::Park { n, pivot, stored: true };
                Some(Op::Store { acc: 0, slot: Slot::Parity(self.parked), entry: Entry::Fragment(n) })
            }
            UnderWay::Solve(mut pass) => {
                let op = self.pass_op(&mut pass);
                self.under_way = UnderWay::Solve(pass);
                op
            }
            _ => None,
        }
    }

    fn commit(&mut self) -> Result<Progress, FecError> {
        let progress = match self.under_way {
            UnderWay::Redundant => Progress::Redundant,
            UnderWay::Plain { index, stored: true, .. } => self.accept_plain(index),
            UnderWay::Park { n, pivot, stored: true } => self.accept_parity(n, pivot),
            UnderWay::Solve(Pass { batch, phase: Phase::Store { acc, .. }, .. }) if acc == batch => {
                self.solved += batch;
                self.progress()
            }
            UnderWay::Replayed => {
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
            UnderWay::Park { stored: true, .. } => Some(Slot::Parity(self.parked)),
            UnderWay::Solve(Pass { phase: Phase::Store { acc: done @ 1.., .. }, .. }) => {
                // All but the last one given out are stored, and count.
                self.solved += done - 1;
                let column = self.column_of(self.solved);
                Some(Slot::Data(bits::nth_zero(self.parts().frozen, column)))
            }
            _ => None,
        };
        self.under_way = UnderWay::Nothing;
        begun
    }
}

impl<W: AsRef<[u32]> + AsMut<[u32]>> DeferredDecoder<W> {
    /// The column that is solved for next.
    fn next_unsolved(&mut self) -> Result<u16, FecError> {
        if self.under_way != UnderWay::Nothing {
            return Err(FecError::Busy);
        }
        match self.missing() {
            0 if self.is_complete() => Err(FecError::AlreadyComplete),
            0 => Ok(self.column_of(self.solved)),
            missing => Err(FecError::NotSolvable { missing }),
        }
    }

    /// The column of the lost fragment with so many lost ones before it.
    fn column_of(&mut self, before: u16) -> u16 {
        let columns = self.columns;
        let tableau = self.parts().tableau;
        let mut column = tableau.next_solved(0);
        for _ in 0..before {
            column = column.and_then(|column| tableau.next_solved(column + 1));
        }
        column.unwrap_or(columns)
    }

    fn pass_op(&mut self, pass: &mut Pass) -> Option<Op> {
        loop {
            let (op, phase) = match pass.phase {
                Phase::Parity { part, acc, column, read } => self.parity_op(pass, part, acc, column, read),
                Phase::Known { position, acc, end, read } => self.known_op(pass, position, acc, end, read),
                Phase::Store { acc, .. } if acc == pass.batch => return None,
                Phase::Store { acc, column } => {
                    let Parts { frozen, tableau, .. } = self.parts();
                    let index = bits::nth_zero(frozen, column);
                    let column = tableau.next_solved(column + 1).unwrap_or(column);
                    let op = Op::Store { acc, slot: Slot::Data(index), entry: Entry::Solved(index) };
                    (Some(op), Phase::Store { acc: acc + 1, column })
                }
            };
            pass.phase = phase;
            if op.is_some() {
                return op;
            }
        }
    }

    /// Looks at one part and one accumulator after the other until there is something to do.
    fn parity_op(
        &mut self,
        pass: &Pass,
        part: u16,
        acc: u16,
        column: u16,
        read: bool,
    ) -> (Option<Op>, Phase) {
        let tableau = self.parts().tableau;
        let (mut part, mut acc, mut column, mut read) = (part, acc, column, read);
        while let Some(next) = tableau.next_solved(part) {
            part = next;
            while acc < pass.batch {
                if !tableau.contains(column, part) {
                    acc += 1;
                    column = tableau.next_solved(column + 1).unwrap_or(column);
                    continue;
                }
                if !read {
                    let slot = Slot::Parity(tableau.equation(part).unwrap_or_default());
                    return (Some(Op::Read(slot)), Phase::Parity { part, acc, column, read: true });
                }
                // What an accumulator gets first also clears what it held before.
                let op = if tableau.first_part(column) == Some(part) { Op::Copy(acc) } else { Op::Xor(acc) };
                let column = tableau.next_solved(column + 1).unwrap_or(column);
                return (Some(op), Phase::Parity { part, acc: acc + 1, column, read });
            }
            (part, acc, column, read) = (part + 1, 0, pass.first, false);
        }
        (None, Phase::Known { position: 0, acc: 0, end: 0, read: false })
    }

    /// Looks at one known fragment and one accumulator after the other until there is something to do.
    fn known_op(
        &mut self,
        pass: &Pass,
        position: u16,
        acc: u16,
        end: u16,
        read: bool,
    ) -> (Option<Op>, Phase) {
        let nb_frag = self.geometry.nb_frag();
        if position >= nb_frag {
            return (None, Phase::Store { acc: 0, column: pass.first });
        }
        if position == end {
            let end = self.build_masks(pass, position).min(nb_frag);
            return (None, Phase::Known { position, acc: 0, end, read: false });
        }
        let block = block_words(self.parts().masks.len(), pass.batch, nb_frag);
        let masks = self.parts().masks;
        let (mut position, mut acc, mut read) = (position, acc, read);
        while position < end {
            let word = usize::from(position / 32) % block;
            let bit = position % 32;
            while acc < pass.batch {
                let mask = masks.get(usize::from(acc) * block + word).copied().unwrap_or_default();
                if (mask >> bit) & 1 != 0 {
                    if !read {
                        let op = Op::Read(Slot::Data(position));
                        return (Some(op), Phase::Known { position, acc, end, read: true });
                    }
                    return (Some(Op::Xor(acc)), Phase::Known { position, acc: acc + 1, end, read });
                }
                acc += 1;
            }
            (position, acc, read) = (position + 1, 0, false);
        }
        (None, Phase::Known { position, acc, end, read })
    }

    /// Fills the masks for the block that starts at `position`, and says where it ends.
    ///
    /// The lost fragments are sums of equations; the known fragments in each of these have to be taken off.
    /// Their rows are drawn again rather than kept.
    fn build_masks(&mut self, pass: &Pass, position: u16) -> u16 {
        let (nb_frag, rule) = (self.geometry.nb_frag(), self.rule);
        let Parts { known, row, numbers, tableau, masks, .. } = self.parts();
        let block = block_words(masks.len(), pass.batch, nb_frag);
        let start = usize::from(position / 32);
        masks.fill(0);
        let mut part = 0;
        while let Some(next) = tableau.next_solved(part) {
            part = next + 1;
            let number = bits::half(numbers, tableau.equation(next).unwrap_or_default());
            rule.fill(nb_frag, number.saturating_sub(nb_frag), row);
            for (row, known) in row.iter_mut().zip(known.iter()) {
                *row &= known;
            }
            let row = row.get(start..).unwrap_or_default();
            let mut column = Some(pass.first);
            for mask in masks.chunks_exact_mut(block).take(pass.batch.into()) {
                let Some(this) = column else { break };
                if tableau.contains(this, next) {
                    for (mask, row) in mask.iter_mut().zip(row) {
                        *mask ^= row;
                    }
                }
                column = tableau.next_solved(this + 1);
            }
        }
        u16::try_from((start + block) * 32).unwrap_or(u16::MAX)
    }
}

/// Words of mask per accumulator: as many as there is memory for, and no more than a row has.
fn block_words(memory: usize, batch: u16, nb_frag: u16) -> usize {
    (memory / usize::from(batch)).min(crate::row_words(nb_frag)).max(1)
}
