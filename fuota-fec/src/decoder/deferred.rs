//! The decoder that keeps parity as it came and solves at the end.

use super::deferred_steps::{Pass, UnderWay};
use super::ops::{Steps, run};
use super::shared::{Arrival, Core, Parts};
use super::tableau::Tableau;
use super::{Mode, Progress, SPARE_PARITY};
use crate::bits;
use crate::geometry::{FragmentNumber, Geometry};
use crate::rule::ParityRule;
use crate::store::{FragmentStore, Slot};
use crate::{FecError, InsertError};

/// The decoder that reads and writes least.
///
/// On arrival there is only bit work: an uncoded fragment goes to its slot, a parity fragment that brings
/// something to a parity slot, both as they are. Once nothing is missing, the lost fragments are found a few
/// at a time: each pass reads every slot it needs once and adds it to all accumulators that want it.
///
/// While more fragments are unknown than there is room for, parity is kept unseen; as soon as the unknown
/// ones fit, all that was kept is looked at.
#[derive(Debug, Clone)]
pub struct DeferredDecoder<W> {
    pub(super) core: Core<W>,
    /// Parity slots filled.
    pub(super) parked: u16,
    /// Those among them, from the first on, whose rows have been looked at.
    seen: u16,
    pub(super) under_way: UnderWay,
    pub(super) pass: Pass,
}

impl<W: AsRef<[u32]> + AsMut<[u32]>> DeferredDecoder<W> {
    /// A decoder of nothing yet, in memory of at least [`words`](super::words) words. More memory makes the
    /// passes faster.
    ///
    /// # Errors
    /// [`FecError::NotEnoughMemory`].
    pub fn new(geometry: Geometry, rule: ParityRule, max_lost: u16, memory: W) -> Result<Self, FecError> {
        let core = Core::new(Mode::Deferred, geometry, rule, max_lost, memory)?;
        Ok(Self { core, parked: 0, seen: 0, under_way: UnderWay::Nothing, pass: Pass::new(0, 0) })
    }

    /// The shape of the data block.
    pub const fn geometry(&self) -> Geometry {
        self.core.geometry
    }

    /// Independent fragments still needed: what `FragSessionStatusAns` reports, saturated at 255, as
    /// MissingFrag (TS004-1.0.0 §3.2). While parity is kept unseen, all of it is taken to count.
    pub const fn missing(&self) -> u16 {
        let needed = self.core.needed();
        match needed.saturating_sub(self.parked - self.seen) {
            0 if needed > 0 => 1,
            missing => missing,
        }
    }

    /// Whether the whole data block is in the store.
    pub const fn is_complete(&self) -> bool {
        self.core.is_complete()
    }

    /// Takes a fragment, and solves for the lost ones if it was the last one needed.
    ///
    /// # Errors
    /// [`FecError::FragmentLength`], [`FecError::AlreadyComplete`], [`FecError::ScratchFull`],
    /// [`FecError::Busy`] or [`InsertError::Store`]: the decoder is in the state before. If the store fails
    /// while the lost fragments are solved for, the fragment has counted and [`solve`](Self::solve) goes on.
    pub fn insert<S: FragmentStore>(
        &mut self,
        n: FragmentNumber,
        fragment: &[u8],
        store: &mut S,
    ) -> Result<Progress, InsertError<S::Error>> {
        self.core.geometry.check_len(fragment)?;
        self.begin(n)?;
        store.load(fragment);
        match self.carry_out(store)? {
            Progress::Solvable => self.solve(store),
            other => Ok(other),
        }
    }

    /// Solves for what is left, pass by pass, with all accumulators of the store.
    ///
    /// # Errors
    /// [`FecError::NotSolvable`], [`FecError::AlreadyComplete`], [`FecError::Busy`], or [`InsertError::Store`]:
    /// what earlier passes have solved is kept.
    pub fn solve<S: FragmentStore>(&mut self, store: &mut S) -> Result<Progress, InsertError<S::Error>> {
        loop {
            self.begin_solve(store.accumulators())?;
            match self.carry_out(store)? {
                Progress::Solvable => {}
                other => return Ok(other),
            }
        }
    }

    fn carry_out<S: FragmentStore>(&mut self, store: &mut S) -> Result<Progress, InsertError<S::Error>> {
        if let Err(error) = run(self, store) {
            self.give_up();
            return Err(InsertError::Store(error));
        }
        Ok(self.commit()?)
    }

    /// Checks whether a fragment may come now, and what becomes of it.
    pub(super) fn prepare(&mut self, n: FragmentNumber) -> Result<UnderWay, FecError> {
        if !matches!(self.under_way, UnderWay::Nothing) {
            return Err(FecError::Busy);
        }
        let pivot = match self.core.arrive(n)? {
            Arrival::Repeat => return Ok(UnderWay::Redundant),
            Arrival::TooEarly if self.parked_in(n.get()).is_some() => return Ok(UnderWay::Redundant),
            Arrival::Plain(_) | Arrival::TooEarly => None,
            Arrival::Row => match self.reduce(n.get()) {
                None => return Ok(UnderWay::Redundant),
                pivot => pivot,
            },
        };
        let slots = self.core.max_lost + SPARE_PARITY;
        if self.slot(n.get()) == Slot::Parity(slots) {
            return Err(FecError::ScratchFull { slots });
        }
        Ok(UnderWay::Fragment { n, pivot, stored: false })
    }

    /// Counts a fragment that lies in its slot.
    pub(super) fn count(&mut self, n: u16, pivot: Option<u16>) {
        match (self.slot(n), pivot) {
            (Slot::Data(index), None) => self.core.count_plain(index),
            (slot, pivot) => {
                if let Slot::Parity(slot) = slot {
                    self.tableau().park(slot, n);
                    self.parked += 1;
                }
                if let Some(pivot) = pivot {
                    self.seen = self.parked;
                    self.solve_for(pivot, n);
                }
            }
        }
    }

    /// Looks at the next parity kept unseen, if the unknown fragments fit by now and there is any.
    pub(super) fn look(&mut self) -> bool {
        if self.seen >= self.parked || self.core.lost > self.core.max_lost {
            return false;
        }
        let seen = self.seen;
        let n = self.tableau().parked(seen);
        self.seen += 1;
        if let Some(pivot) = self.reduce(n) {
            self.solve_for(pivot, n);
        }
        true
    }

    /// Where the fragment with this number lies, or goes if it comes now.
    pub(super) fn slot(&mut self, n: u16) -> Slot {
        if n <= self.core.geometry.nb_frag() {
            return Slot::Data(n - 1);
        }
        Slot::Parity(self.parked_in(n).unwrap_or(self.parked))
    }

    pub(super) fn progress(&mut self) -> Progress {
        let missing = self.missing();
        // A column whose fragment has come by itself needs no solving.
        while missing == 0 && self.core.solved < self.core.lost {
            let position = self.core.position(self.core.solved);
            if !self.has_come(position) {
                break;
            }
            self.core.solved += 1;
        }
        self.core.progress(missing)
    }

    /// Whether the lost fragment at this position came uncoded after the columns were fixed.
    pub(super) fn has_come(&mut self, position: u16) -> bool {
        let lost = self.core.lost;
        let tableau = self.tableau();
        (0..lost).any(|column| tableau.equation(column) == position + 1)
    }

    /// What is known of the columns.
    pub(super) fn tableau(&mut self) -> Tableau<'_> {
        let max_lost = self.core.max_lost;
        Tableau::new(bits::halves(self.core.parts().matrix), max_lost)
    }

    /// The parity slot that holds the fragment with this number.
    fn parked_in(&mut self, n: u16) -> Option<u16> {
        let parked = self.parked;
        let tableau = self.tableau();
        (0..parked).find(|slot| tableau.parked(*slot) == n)
    }

    /// Draws the row of fragment `n`, rewrites it by what is known, and names the column that it can be solved for.
    fn reduce(&mut self, n: u16) -> Option<u16> {
        self.core.draw(n);
        self.core.squeeze();
        let (first, max_lost) = (self.core.rank == 0, self.core.max_lost);
        let Parts { row, matrix, .. } = self.core.parts();
        let mut tableau = Tableau::new(bits::halves(matrix), max_lost);
        if first {
            tableau.clear();
        }
        tableau.reduce(bits::halves(row))
    }

    fn solve_for(&mut self, pivot: u16, n: u16) {
        self.tableau().insert(pivot, n);
        self.core.rank += 1;
    }
}
