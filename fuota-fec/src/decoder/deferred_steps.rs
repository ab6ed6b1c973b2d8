//! The deferred decoder one operation at a time, and its passes over the store.

use super::deferred::DeferredDecoder;
use super::ops::{Op, Steps};
use super::shared::Parts;
use super::tableau::{self, Tableau};
use crate::bits;
use crate::geometry::row_words;
use crate::store::{Entry, Slot};
use crate::{FecError, FragmentNumber, Progress};

/// What has been begun and not yet committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UnderWay {
    Nothing,
    Redundant,
    /// A fragment that goes to its slot as it came; `pivot` is the column it will be solved for.
    Fragment {
        n: FragmentNumber,
        pivot: Option<u16>,
        stored: bool,
    },
    /// The fragment counts; parity kept until now is looked at.
    Counted,
    Solve,
    /// A stored solution taken back.
    Replayed,
}

/// A pass solves for `batch` columns that follow each other, one per accumulator. Sources are looked at one after
/// the other, and each is added to the accumulators that contain it:
///
/// ```text
/// 0 clears │ 1 ..= M: a known fragment, or the equation of the column in its place │ beyond: store
/// ```
#[derive(Debug, Clone, Copy)]
pub(super) struct Pass {
    batch: u16,
    source: u16,
    /// The next accumulator to look at.
    acc: u16,
    /// Whether the source is in the read buffer; when storing, whether the accumulator has been given out.
    read: bool,
    /// Columns before the source.
    column: u16,
    /// Masks say which accumulators contain a source, in blocks of so many words each.
    block: u16,
    /// The first word of the block that the masks are for.
    first: u16,
    /// Equations, from the first on, that these masks comprise.
    drawn: u16,
}

impl Pass {
    pub(super) fn new(batch: u16, block: u16) -> Self {
        let zero = bits::zero();
        Self { batch, source: zero, acc: zero, read: false, column: zero, block, first: zero, drawn: zero }
    }
}

impl<W: AsRef<[u32]> + AsMut<[u32]>> Steps for DeferredDecoder<W> {
    fn begin(&mut self, n: FragmentNumber) -> Result<(), FecError> {
        self.under_way = self.prepare(n)?;
        Ok(())
    }

    fn begin_solve(&mut self, accumulators: u16) -> Result<(), FecError> {
        self.solvable()?;
        let row = row_words(self.core.geometry.nb_frag());
        let max_lost = self.core.max_lost;
        let room = self.core.parts().matrix.len().saturating_sub(tableau::words(max_lost));
        // Each accumulator needs a word of mask at least.
        let room = u16::try_from(room).unwrap_or(u16::MAX);
        let batch = accumulators.min(self.core.lost - self.core.solved).min(room).max(1);
        let (mut block, mut rest) = (0, room);
        while rest >= batch && usize::from(block) < row {
            rest -= batch;
            block += 1;
        }
        self.pass = Pass::new(batch, block);
        self.under_way = UnderWay::Solve;
        Ok(())
    }

    fn replay(&mut self, entry: Entry) -> Result<Option<Slot>, FecError> {
        match entry {
            Entry::Fragment(n) => {
                self.begin(n)?;
                match self.next_op() {
                    Some(Op::Store { slot, .. }) => Ok(Some(slot)),
                    _ => Ok(None),
                }
            }
            Entry::Solved(position) => {
                self.solvable()?;
                if self.core.position(self.core.solved) != position {
                    return Err(FecError::EntryOutOfOrder);
                }
                self.under_way = UnderWay::Replayed;
                Ok(Some(Slot::Data(position)))
            }
        }
    }

    fn next_op(&mut self) -> Option<Op> {
        match self.under_way {
            UnderWay::Fragment { n, pivot, stored: false } => {
                self.under_way = UnderWay::Fragment { n, pivot, stored: true };
                Some(Op::Store { acc: 0, slot: self.slot(n.get()), entry: Entry::Fragment(n) })
            }
            UnderWay::Fragment { n, pivot, stored: true } => {
                self.count(n.get(), pivot);
                self.under_way = UnderWay::Counted;
                Some(Op::Pause)
            }
            UnderWay::Counted => self.look().then_some(Op::Pause),
            UnderWay::Solve => self.pass_op(),
            UnderWay::Nothing | UnderWay::Redundant | UnderWay::Replayed => None,
        }
    }

    fn commit(&mut self) -> Result<Progress, FecError> {
        match self.under_way {
            UnderWay::Redundant => {
                self.under_way = UnderWay::Nothing;
                return Ok(Progress::Redundant);
            }
            UnderWay::Fragment { stored: true, .. } | UnderWay::Counted => while self.next_op().is_some() {},
            UnderWay::Solve if self.is_storing() && self.pass.acc == self.pass.batch => {}
            UnderWay::Replayed => self.core.solved += 1,
            _ => return Err(FecError::OperationsRemain),
        }
        self.give_up();
        Ok(self.progress())
    }

    fn abort(&mut self) -> Option<Slot> {
        let begun = match self.under_way {
            UnderWay::Fragment { n, stored: true, .. } => Some(self.slot(n.get())),
            UnderWay::Counted => {
                while self.next_op().is_some() {}
                None
            }
            UnderWay::Solve if self.is_storing() && self.pass.read => {
                Some(Slot::Data(self.core.position(self.core.solved + self.pass.acc)))
            }
            _ => None,
        };
        self.give_up();
        begun
    }
}

impl<W: AsRef<[u32]> + AsMut<[u32]>> DeferredDecoder<W> {
    /// Whatever was under way is over.
    pub(super) fn give_up(&mut self) {
        if matches!(self.under_way, UnderWay::Solve) && self.is_storing() {
            // All but the last one given out are stored, and count.
            self.core.solved += self.pass.acc;
        }
        self.under_way = UnderWay::Nothing;
    }

    fn solvable(&self) -> Result<(), FecError> {
        if !matches!(self.under_way, UnderWay::Nothing) {
            return Err(FecError::Busy);
        }
        match self.missing() {
            0 if self.is_complete() => Err(FecError::AlreadyComplete),
            0 => Ok(()),
            missing => Err(FecError::NotSolvable { missing }),
        }
    }

    fn is_storing(&self) -> bool {
        self.pass.source > self.core.geometry.nb_frag()
    }

    /// One operation, or one equation in the masks, or one source without any accumulator that contains it.
    fn pass_op(&mut self) -> Option<Op> {
        if self.pass.acc == self.pass.batch {
            if self.is_storing() {
                return None;
            }
            self.next_source();
        }
        if self.is_storing() {
            return self.store_op();
        }
        if self.pass.source == 0 {
            self.pass.acc += 1;
            return Some(Op::Clear(self.pass.acc - 1));
        }
        if self.pass.drawn < self.core.lost {
            self.draw_masks();
            return Some(Op::Pause);
        }
        while self.pass.acc < self.pass.batch {
            let acc = self.pass.acc;
            if self.contains_source(acc) {
                if self.pass.read {
                    self.pass.acc += 1;
                    return Some(Op::Xor(acc));
                }
                self.pass.read = true;
                return Some(Op::Read(self.source_slot()));
            }
            self.pass.acc += 1;
        }
        Some(Op::Pause)
    }

    fn next_source(&mut self) {
        let source = self.pass.source;
        if source > 0 && !bits::get(self.core.parts().known, source - 1) {
            self.pass.column += 1;
        }
        if source / 32 == self.pass.first + self.pass.block {
            (self.pass.first, self.pass.drawn) = (source / 32, 0);
        }
        (self.pass.source, self.pass.acc, self.pass.read) = (source + 1, 0, false);
    }

    /// What comes next is asked for when the accumulator given out is stored.
    fn store_op(&mut self) -> Option<Op> {
        self.pass.acc += u16::from(core::mem::take(&mut self.pass.read));
        while self.pass.acc < self.pass.batch {
            let acc = self.pass.acc;
            let position = self.core.position(self.core.solved + acc);
            if !self.has_come(position) {
                self.pass.read = true;
                return Some(Op::Store { acc, slot: Slot::Data(position), entry: Entry::Solved(position) });
            }
            self.pass.acc += 1;
        }
        None
    }

    /// Whether an accumulator contains the source.
    fn contains_source(&mut self, acc: u16) -> bool {
        let Pass { source, block, first, .. } = self.pass;
        let start = tableau::words(self.core.max_lost) + usize::from(acc) * usize::from(block);
        let mask = self.core.parts().matrix.get(start..).unwrap_or_default();
        bits::get(mask, source - 1 - 32 * first)
    }

    fn source_slot(&mut self) -> Slot {
        let Pass { source, column, .. } = self.pass;
        let is_known = bits::get(self.core.parts().known, source - 1);
        let n = if is_known { source } else { self.tableau().equation(column) };
        self.slot(n)
    }

    /// Adds the next equation to the masks for a block: the lost fragments are sums of equations, and the known
    /// fragments in each of these have to be taken off. Rows are drawn again rather than kept.
    fn draw_masks(&mut self) {
        let (solved, equation) = (self.core.solved, self.pass.drawn);
        let position = self.core.position(equation);
        let max_lost = self.core.max_lost;
        let start = tableau::words(max_lost);
        let n = self.tableau().equation(equation);
        if equation == 0 {
            bits::clear(self.core.parts().matrix.get_mut(start..).unwrap_or_default());
        }
        self.core.draw(n);
        self.pass.drawn += 1;
        let [batch, block, first] = [self.pass.batch, self.pass.block, self.pass.first].map(usize::from);
        let Parts { known, row, matrix } = self.core.parts();
        for (row, known) in row.iter_mut().zip(known.iter()) {
            *row &= known;
        }
        bits::set(row, position.into());
        let row = row.get(first..).unwrap_or_default();
        for (column, acc) in (solved..).zip(0..batch) {
            if Tableau::new(bits::halves(matrix), max_lost).contains(column, equation) {
                let mask = start + acc * block;
                bits::add(matrix.get_mut(mask..mask + block).unwrap_or_default(), row);
            }
        }
    }
}
