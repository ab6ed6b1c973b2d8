//! The streaming decoder: a triangle of bits, bytes added on arrival.

use super::triangle::Triangle;
use super::triangular_steps::UnderWay;
use super::{Mode, Progress, words};
use crate::bits;
use crate::geometry::{FragmentKind, FragmentNumber, Geometry, row_words};
use crate::rule::ParityRule;
use crate::store::{Entry, FragmentStore, RankOnly, Slot};
use crate::{FecError, InsertError};

/// The streaming decoder with the least memory.
///
/// Uncoded fragments go straight to their slots. The first parity fragment that brings something fixes which
/// fragments are the lost ones, and they become the columns of a triangular bit matrix; from then on every
/// fragment, parity or late uncoded one, is a row. A block is complete at the very fragment that gives the
/// rows full rank, in any order of arrival. Each slot is written once.
#[derive(Debug, Clone)]
pub struct Decoder<W> {
    pub(super) words: W,
    pub(super) geometry: Geometry,
    rule: ParityRule,
    max_lost: u16,
    /// Uncoded fragments unknown: all that have not come, or the columns once they are fixed.
    pub(super) lost: u16,
    /// Rows in the triangle: not 0 means that the columns are fixed.
    pub(super) rank: u16,
    /// Columns solved, the last one first.
    pub(super) solved: u16,
    pub(super) under_way: UnderWay,
}

impl<W: AsRef<[u32]> + AsMut<[u32]>> Decoder<W> {
    /// A decoder of nothing yet, in memory of at least [`words`] words.
    ///
    /// # Errors
    /// [`FecError::NotEnoughMemory`].
    pub fn new(geometry: Geometry, rule: ParityRule, max_lost: u16, mut memory: W) -> Result<Self, FecError> {
        let max_lost = max_lost.min(geometry.nb_frag());
        let expected = words(Mode::Triangular, geometry.nb_frag(), max_lost);
        let lent = memory.as_mut();
        if lent.len() < expected {
            return Err(FecError::NotEnoughMemory { expected, got: lent.len() });
        }
        lent.fill(0);
        Ok(Self {
            words: memory,
            geometry,
            rule,
            max_lost,
            lost: geometry.nb_frag(),
            rank: 0,
            solved: 0,
            under_way: UnderWay::Nothing,
        })
    }

    /// The shape of the data block.
    pub const fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Independent fragments still needed: what `FragSessionStatusAns` reports, saturated at 255, as
    /// `MissingFrag` (TS004-1.0.0 §3.2).
    pub const fn missing(&self) -> u16 {
        self.lost - self.rank
    }

    /// Whether the whole data block is in the store.
    pub const fn is_complete(&self) -> bool {
        self.missing() == 0 && self.solved == self.rank
    }

    /// Takes a fragment, and solves for the lost ones if it was the last one needed.
    ///
    /// # Errors
    /// [`FecError::FragmentLength`], [`FecError::AlreadyComplete`], [`FecError::TooManyMissing`],
    /// [`FecError::Busy`] or [`InsertError::Store`]: the decoder is in the state before. If the store fails
    /// while the lost fragments are solved for, the fragment has counted and [`solve`](Self::solve) goes on.
    pub fn insert<S: FragmentStore>(
        &mut self,
        n: FragmentNumber,
        fragment: &[u8],
        store: &mut S,
    ) -> Result<Progress, InsertError<S::Error>> {
        let expected = self.geometry.frag_size();
        if fragment.len() != usize::from(expected) {
            return Err(FecError::FragmentLength { expected, got: fragment.len() }.into());
        }
        match self.take(n, fragment, store)? {
            Progress::Solvable => self.solve(store),
            other => Ok(other),
        }
    }

    /// Takes a fragment whose bytes nobody keeps: for simulations that only ask whether a block is complete.
    ///
    /// # Errors
    /// [`FecError::AlreadyComplete`], [`FecError::TooManyMissing`] or [`FecError::Busy`], in the state before.
    pub fn insert_rank(&mut self, n: FragmentNumber) -> Result<Progress, FecError> {
        match self.take(n, &[], &mut RankOnly) {
            Ok(Progress::Solvable) => {
                self.solved = self.lost;
                Ok(Progress::Complete)
            }
            Ok(progress) => Ok(progress),
            Err(InsertError::Fec(error)) => Err(error),
        }
    }

    /// Goes on with finding the lost fragments after the store failed on the way.
    ///
    /// # Errors
    /// [`FecError::NotSolvable`], [`FecError::Busy`], or [`InsertError::Store`]: what has been solved is kept.
    pub fn solve<S: FragmentStore>(&mut self, store: &mut S) -> Result<Progress, InsertError<S::Error>> {
        self.idle()?;
        if self.missing() > 0 {
            return Err(FecError::NotSolvable { missing: self.missing() }.into());
        }
        let nb_frag = self.geometry.nb_frag();
        let Parts { known, triangle, .. } = parts(self.words.as_mut(), nb_frag, self.lost);
        let mut position = nb_frag;
        for done in 0..self.lost {
            position = bits::last_zero_before(known, position);
            if done < self.solved {
                continue;
            }
            // Everything to the right of this column is known by now.
            let column = self.lost - 1 - done;
            store.read(Slot::Parity(column)).map_err(InsertError::Store)?;
            store.copy(0);
            let start = triangle.start(column);
            let mut others = bits::Zeros::after(known, position);
            for right in 1..=done {
                let other = others.next();
                if triangle.bit(start + u32::from(right)) {
                    store.xor_slot(Slot::Data(other), 0).map_err(InsertError::Store)?;
                }
            }
            store.save(0, Slot::Data(position), Entry::Solved(position)).map_err(InsertError::Store)?;
            self.solved += 1;
        }
        Ok(Progress::Complete)
    }

    /// [`insert`](Self::insert) without the length and without solving.
    fn take<S: FragmentStore>(
        &mut self,
        n: FragmentNumber,
        fragment: &[u8],
        store: &mut S,
    ) -> Result<Progress, InsertError<S::Error>> {
        match self.prepare(n)? {
            Prepared::Redundant => return Ok(Progress::Redundant),
            Prepared::Plain(index) => {
                store.load(fragment);
                store.save(0, Slot::Data(index), Entry::Fragment(n)).map_err(InsertError::Store)?;
                return Ok(self.accept_plain(index));
            }
            Prepared::Row => {}
        }
        store.load(fragment);
        let nb_frag = self.geometry.nb_frag();
        let Parts { known, row, mut triangle } = parts(self.words.as_mut(), nb_frag, self.lost);
        let mut base = 0;
        for (row, known) in row.iter().zip(known.iter()) {
            let mut ones = row & known;
            while ones != 0 {
                let index = base + bits::low(ones);
                store.xor_slot(Slot::Data(index), 0).map_err(InsertError::Store)?;
                ones &= ones - 1;
            }
            base += 32;
        }
        bits::squeeze(row, known, nb_frag);
        let mut from = 0;
        while let Some(column) = bits::next_one(row, from) {
            if !triangle.has(column) {
                store.save(0, Slot::Parity(column), Entry::Fragment(n)).map_err(InsertError::Store)?;
                triangle.put(column, row);
                self.rank += 1;
                return Ok(self.progress());
            }
            triangle.xor_row_into(column, row);
            store.xor_slot(Slot::Parity(column), 0).map_err(InsertError::Store)?;
            from = column;
        }
        Ok(Progress::Redundant)
    }

    /// Checks whether a fragment may come now, and draws its row if it takes one.
    pub(super) fn prepare(&mut self, n: FragmentNumber) -> Result<Prepared, FecError> {
        self.idle()?;
        if self.missing() == 0 {
            return Err(FecError::AlreadyComplete);
        }
        let nb_frag = self.geometry.nb_frag();
        let Parts { known, row, .. } = parts(self.words.as_mut(), nb_frag, self.lost);
        match self.geometry.kind(n) {
            FragmentKind::Uncoded(index) => {
                if bits::get(known, index.into()) {
                    return Ok(Prepared::Redundant);
                }
                if self.rank == 0 {
                    return Ok(Prepared::Plain(index));
                }
                row.fill(0);
                bits::set(row, index.into());
            }
            FragmentKind::Parity(k) => {
                if self.rank == 0 && self.lost > self.max_lost {
                    return Err(FecError::TooManyMissing { missing: self.lost, max_lost: self.max_lost });
                }
                self.rule.fill(nb_frag, k.get(), row);
            }
        }
        Ok(Prepared::Row)
    }

    /// Counts an uncoded fragment that lies in its slot.
    pub(super) fn accept_plain(&mut self, index: u16) -> Progress {
        let Parts { known, .. } = parts(self.words.as_mut(), self.geometry.nb_frag(), self.lost);
        bits::set(known, index.into());
        self.lost -= 1;
        self.progress()
    }

    pub(super) const fn progress(&self) -> Progress {
        match self.missing() {
            0 if self.solved == self.lost => Progress::Complete,
            0 => Progress::Solvable,
            missing => Progress::NeedMore { missing },
        }
    }

    fn idle(&self) -> Result<(), FecError> {
        if self.under_way == UnderWay::Nothing { Ok(()) } else { Err(FecError::Busy) }
    }
}

/// What a fragment takes.
pub(super) enum Prepared {
    Redundant,
    /// An uncoded fragment before the columns are fixed: nothing but its slot.
    Plain(u16),
    /// Elimination of the row that has been drawn.
    Row,
}

/// The lent memory, cut into its uses.
pub(super) struct Parts<'a> {
    /// A one for each uncoded fragment that has its slot filled; fixed once there is a row in the triangle.
    pub(super) known: &'a mut [u32],
    /// The row under way.
    pub(super) row: &'a mut [u32],
    pub(super) triangle: Triangle<'a>,
}

pub(super) fn parts(words: &mut [u32], nb_frag: u16, columns: u16) -> Parts<'_> {
    let length = row_words(nb_frag);
    let (known, rest) = words.split_at_mut(length);
    let (row, rest) = rest.split_at_mut(length);
    Parts { known, row, triangle: Triangle::new(rest, columns) }
}
