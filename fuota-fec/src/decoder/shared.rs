//! What both decoders know: which fragments have come, and how many are still needed.

use super::{Mode, Progress, words};
use crate::FecError;
use crate::bits;
use crate::geometry::{FragmentKind, FragmentNumber, Geometry, row_words};
use crate::rule::ParityRule;

/// The state that both modes share. The lost fragments become *columns*, numbered in ascending order, as soon as
/// one row over them has counted: from then on their set does not change.
#[derive(Debug, Clone)]
pub(super) struct Core<W> {
    words: W,
    pub(super) geometry: Geometry,
    pub(super) rule: ParityRule,
    pub(super) max_lost: u16,
    /// Uncoded fragments unknown: all that have not come, or the columns once they are fixed.
    pub(super) lost: u16,
    /// Rows that count: not 0 means that the columns are fixed.
    pub(super) rank: u16,
    /// Columns solved for and stored, the first ones first.
    pub(super) solved: u16,
}

/// What a fragment asks for.
pub(super) enum Arrival {
    /// An uncoded fragment that is known already.
    Repeat,
    /// An uncoded fragment before the columns are fixed: nothing but its slot.
    Plain(u16),
    /// Elimination of its row.
    Row,
    /// Parity, while more fragments are unknown than there are columns.
    TooEarly,
}

impl<W: AsRef<[u32]> + AsMut<[u32]>> Core<W> {
    #[expect(clippy::inline_always, reason = "to move a decoder takes more code than to make one in place")]
    #[inline(always)]
    pub(super) fn new(
        mode: Mode,
        geometry: Geometry,
        rule: ParityRule,
        max_lost: u16,
        mut memory: W,
    ) -> Result<Self, FecError> {
        let lost = geometry.nb_frag();
        let max_lost = max_lost.min(lost);
        lend(words(mode, lost, max_lost), memory.as_mut())?;
        Ok(Self { words: memory, geometry, rule, max_lost, lost, rank: 0, solved: 0 })
    }

    /// Independent fragments still needed.
    pub(super) const fn needed(&self) -> u16 {
        self.lost - self.rank
    }

    pub(super) const fn is_complete(&self) -> bool {
        self.needed() == 0 && self.solved == self.lost
    }

    /// Where the decoder is if `missing` fragments are still needed.
    pub(super) const fn progress(&self, missing: u16) -> Progress {
        match missing {
            0 if self.solved == self.lost => Progress::Complete,
            0 => Progress::Solvable,
            missing => Progress::NeedMore { missing },
        }
    }

    /// Sorts out a fragment.
    pub(super) fn arrive(&mut self, n: FragmentNumber) -> Result<Arrival, FecError> {
        if self.needed() == 0 {
            return Err(FecError::AlreadyComplete);
        }
        let (fixed, fits) = (self.rank > 0, self.lost <= self.max_lost);
        Ok(match self.geometry.kind(n) {
            FragmentKind::Uncoded(index) if bits::get(self.parts().known, index) => Arrival::Repeat,
            FragmentKind::Uncoded(index) if !fixed => Arrival::Plain(index),
            FragmentKind::Parity(_) if !fixed && !fits => Arrival::TooEarly,
            _ => Arrival::Row,
        })
    }

    /// Draws the row of fragment `n`.
    pub(super) fn draw(&mut self, n: u16) {
        let (nb_frag, rule) = (self.geometry.nb_frag(), self.rule);
        let row = self.parts().row;
        match n.checked_sub(nb_frag) {
            None | Some(0) => {
                bits::clear(row);
                bits::set(row, u32::from(n) - 1);
            }
            Some(k) => rule.fill(nb_frag, k, row),
        }
    }

    /// Squeezes the row under way onto the columns.
    pub(super) fn squeeze(&mut self) {
        let Parts { known, row, .. } = self.parts();
        bits::squeeze(row, known);
    }

    /// Counts an uncoded fragment that lies in its slot, before the columns are fixed.
    pub(super) fn count_plain(&mut self, index: u16) {
        bits::set(self.parts().known, index.into());
        self.lost -= 1;
    }

    /// The place in the data block of a column.
    pub(super) fn position(&mut self, column: u16) -> u16 {
        bits::nth_zero(self.parts().known, column)
    }

    pub(super) fn parts(&mut self) -> Parts<'_> {
        let length = row_words(self.geometry.nb_frag());
        let (known, rest) = self.words.as_mut().split_at_mut_checked(length).unwrap_or_default();
        let (row, matrix) = rest.split_at_mut_checked(length).unwrap_or_default();
        Parts { known, row, matrix }
    }
}

/// Checks that memory is enough, and clears it.
fn lend(expected: usize, memory: &mut [u32]) -> Result<(), FecError> {
    if memory.len() < expected {
        return Err(FecError::NotEnoughMemory { expected, got: memory.len() });
    }
    bits::clear(memory);
    Ok(())
}

/// The lent memory, cut into its uses.
pub(super) struct Parts<'a> {
    /// A one for each uncoded fragment that is no column.
    pub(super) known: &'a mut [u32],
    /// The row under way.
    pub(super) row: &'a mut [u32],
    /// What is kept of the rows before.
    pub(super) matrix: &'a mut [u32],
}
