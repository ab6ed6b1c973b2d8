//! The streaming decoder: a triangle of bits, bytes added on arrival.

use super::shared::{Arrival, Core, Parts};
use super::triangular_steps::UnderWay;
use super::{Mode, Progress, triangle};
use crate::bits;
use crate::geometry::{FragmentKind, FragmentNumber, Geometry};
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
    pub(super) core: Core<W>,
    pub(super) under_way: UnderWay,
}

impl<W: AsRef<[u32]> + AsMut<[u32]>> Decoder<W> {
    /// A decoder of nothing yet, in memory of at least [`words`](super::words) words.
    ///
    /// # Errors
    /// [`FecError::NotEnoughMemory`].
    pub fn new(geometry: Geometry, rule: ParityRule, max_lost: u16, memory: W) -> Result<Self, FecError> {
        let core = Core::new(Mode::Triangular, geometry, rule, max_lost, memory)?;
        Ok(Self { core, under_way: UnderWay::Nothing })
    }

    /// The shape of the data block.
    pub const fn geometry(&self) -> Geometry {
        self.core.geometry
    }

    /// Independent fragments still needed: what `FragSessionStatusAns` reports, saturated at 255, as
    /// `MissingFrag` (TS004-1.0.0 §3.2).
    pub const fn missing(&self) -> u16 {
        self.core.needed()
    }

    /// Whether the whole data block is in the store.
    pub const fn is_complete(&self) -> bool {
        self.core.is_complete()
    }

    /// Takes a fragment, and solves for the lost ones if it was the last one needed.
    ///
    /// # Errors
    /// Those of [`receive`](Self::receive) and [`solve`](Self::solve): if the store fails while the lost
    /// fragments are solved for, the fragment has counted and [`solve`](Self::solve) goes on.
    #[inline]
    pub fn insert<S: FragmentStore>(
        &mut self,
        n: FragmentNumber,
        fragment: &[u8],
        store: &mut S,
    ) -> Result<Progress, InsertError<S::Error>> {
        match self.receive(n, fragment, store)? {
            Progress::Solvable => self.solve(store),
            other => Ok(other),
        }
    }

    /// Takes a fragment and leaves solving, which may take long, to the caller: [`Progress::Solvable`] says
    /// that [`solve`](Self::solve) or [`solve_some`](Self::solve_some) is due.
    ///
    /// # Errors
    /// [`FecError::FragmentLength`], [`FecError::AlreadyComplete`], [`FecError::TooManyMissing`],
    /// [`FecError::Busy`] or [`InsertError::Store`]: the decoder is in the state before.
    pub fn receive<S: FragmentStore>(
        &mut self,
        n: FragmentNumber,
        fragment: &[u8],
        store: &mut S,
    ) -> Result<Progress, InsertError<S::Error>> {
        self.core.geometry.check_len(fragment)?;
        self.take(n, fragment, store)
    }

    /// Takes a fragment whose bytes nobody keeps: for simulations that only ask whether a block is complete.
    ///
    /// # Errors
    /// [`FecError::AlreadyComplete`], [`FecError::TooManyMissing`] or [`FecError::Busy`], in the state before.
    pub fn insert_rank(&mut self, n: FragmentNumber) -> Result<Progress, FecError> {
        match self.take(n, &[], &mut RankOnly) {
            Ok(Progress::Solvable) => {
                self.core.solved = self.core.lost;
                Ok(Progress::Complete)
            }
            Ok(progress) => Ok(progress),
            Err(InsertError::Fec(error)) => Err(error),
        }
    }

    /// Finds the lost fragments, or goes on with it after the store failed on the way.
    ///
    /// # Errors
    /// [`FecError::NotSolvable`], [`FecError::Busy`], or [`InsertError::Store`]: what has been solved is kept.
    pub fn solve<S: FragmentStore>(&mut self, store: &mut S) -> Result<Progress, InsertError<S::Error>> {
        self.solve_some(u16::MAX, store)
    }

    /// Finds up to `columns` of the lost fragments: [`Progress::Solvable`] says that there are more.
    ///
    /// # Errors
    /// Those of [`solve`](Self::solve).
    pub fn solve_some<S: FragmentStore>(
        &mut self,
        columns: u16,
        store: &mut S,
    ) -> Result<Progress, InsertError<S::Error>> {
        self.solvable()?;
        let end = self.core.lost.min(self.core.solved.saturating_add(columns));
        while self.core.solved < end {
            self.solve_next(store).map_err(InsertError::Store)?;
        }
        Ok(self.core.progress(0))
    }

    /// [`receive`](Self::receive) without the length.
    #[inline]
    fn take<S: FragmentStore>(
        &mut self,
        n: FragmentNumber,
        fragment: &[u8],
        store: &mut S,
    ) -> Result<Progress, InsertError<S::Error>> {
        match self.arrive(n)? {
            Arrival::Plain(index) => {
                let (slot, entry) = (Slot::Data(index), Entry::Fragment(n));
                store.keep(fragment, slot, entry).map_err(InsertError::Store)?;
                self.core.count_plain(index);
                Ok(self.core.progress(self.core.needed()))
            }
            Arrival::Row => self.take_row(n, fragment, store),
            Arrival::Repeat | Arrival::TooEarly => Ok(Progress::Redundant),
        }
    }

    /// [`take`](Self::take) of a fragment that is a row over the lost ones. Apart, except where code is what counts.
    #[cfg_attr(feature = "std", inline(never))]
    fn take_row<S: FragmentStore>(
        &mut self,
        n: FragmentNumber,
        fragment: &[u8],
        store: &mut S,
    ) -> Result<Progress, InsertError<S::Error>> {
        store.load(fragment);
        if !self.takes_row(n, store) {
            self.core.draw(n.get());
        }
        self.take_off_known(store).map_err(InsertError::Store)?;
        match self.eliminate(n, store).map_err(InsertError::Store)? {
            true => Ok(self.core.progress(self.core.needed())),
            false => Ok(Progress::Redundant),
        }
    }

    /// Lets the store write the row of a fragment. Whether it did.
    fn takes_row<S: FragmentStore>(&mut self, n: FragmentNumber, store: &mut S) -> bool {
        let (geometry, rule) = (self.core.geometry, self.core.rule);
        match geometry.kind(n) {
            FragmentKind::Uncoded(_) => false,
            FragmentKind::Parity(k) => store.lend_row(rule, geometry.nb_frag(), k, self.core.parts().row),
        }
    }

    /// Takes the known fragments of the row under way off what has been loaded, and off the row.
    ///
    /// This and what follows are calls, so that the stack holds the variables of one of them at a time.
    #[inline(never)]
    fn take_off_known<S: FragmentStore>(&mut self, store: &mut S) -> Result<(), S::Error> {
        let Parts { known, row, .. } = self.core.parts();
        store.take_off_known(row, known)
    }

    /// Takes the rows that are there off the row under way, and keeps what is left of it, if anything is.
    #[inline(never)]
    fn eliminate<S: FragmentStore>(&mut self, n: FragmentNumber, store: &mut S) -> Result<bool, S::Error> {
        let lost = self.core.lost;
        let Parts { row, matrix, .. } = self.core.parts();
        let (row, matrix) = (bits::halves(row), bits::halves(matrix));
        let mut end = lost;
        while let Some(column) = bits::last_one(row, end) {
            end = column;
            let slot = Slot::Parity(column);
            let stored = matrix.get_mut(triangle::row(column)).unwrap_or_default();
            if !bits::has(stored, column) {
                store.save(0, slot, Entry::Fragment(n))?;
                bits::add(stored, row);
                self.core.rank += 1;
                return Ok(true);
            }
            bits::add(row, stored);
            store.xor_slot(slot, 0)?;
        }
        Ok(false)
    }

    /// Solves for the next column: everything to its left is known by now.
    #[inline(never)]
    fn solve_next<S: FragmentStore>(&mut self, store: &mut S) -> Result<(), S::Error> {
        let column = self.core.solved;
        store.clear(0);
        store.xor_slot(Slot::Parity(column), 0)?;
        let Parts { known, matrix, .. } = self.core.parts();
        let row = bits::halves(matrix).get(triangle::row(column)).unwrap_or_default();
        let position = store.xor_solved(row, known, column)?;
        store.save(0, Slot::Data(position), Entry::Solved(position))?;
        self.core.solved += 1;
        Ok(())
    }

    /// Sorts out a fragment if it may come now.
    pub(super) fn arrive(&mut self, n: FragmentNumber) -> Result<Arrival, FecError> {
        self.idle()?;
        match self.core.arrive(n)? {
            Arrival::TooEarly => {
                let (missing, max_lost) = (self.core.lost, self.core.max_lost);
                Err(FecError::TooManyMissing { missing, max_lost })
            }
            arrival => Ok(arrival),
        }
    }

    pub(super) fn solvable(&self) -> Result<(), FecError> {
        self.idle()?;
        match self.core.needed() {
            0 => Ok(()),
            missing => Err(FecError::NotSolvable { missing }),
        }
    }

    fn idle(&self) -> Result<(), FecError> {
        if matches!(self.under_way, UnderWay::Nothing) { Ok(()) } else { Err(FecError::Busy) }
    }
}
