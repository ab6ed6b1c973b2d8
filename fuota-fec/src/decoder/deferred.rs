//! The decoder that keeps parity as it came and solves at the end.

use super::deferred_solve::Pass;
use super::ops::{Steps, run};
use super::tableau::{Tableau, tableau_words};
use super::{Mode, Progress, words};
use crate::bits;
use crate::geometry::{FragmentKind, FragmentNumber, Geometry, row_words};
use crate::rule::ParityRule;
use crate::store::FragmentStore;
use crate::{FecError, InsertError};

/// 32-bit words for the numbers of the parity fragments kept, two to a word.
pub(super) const fn numbers_words(max_lost: u16) -> usize {
    (Mode::Deferred.parity_slots(max_lost) as usize).div_ceil(2)
}

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
    pub(super) words: W,
    pub(super) geometry: Geometry,
    pub(super) rule: ParityRule,
    max_lost: u16,
    /// Uncoded fragments that have not come.
    pub(super) unknown: u16,
    /// Parity slots filled.
    pub(super) parked: u16,
    /// Columns of the tableau; 0 while there is none.
    pub(super) columns: u16,
    /// Columns of it that are free.
    free: u16,
    /// Unknown fragments solved for and stored, in ascending order.
    pub(super) solved: u16,
    pub(super) under_way: UnderWay,
}

/// What has been begun and not yet committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UnderWay {
    Nothing,
    Redundant,
    /// An uncoded fragment that goes to its slot.
    Plain {
        n: FragmentNumber,
        index: u16,
        stored: bool,
    },
    /// A parity fragment that goes to a parity slot; `pivot` is the column it will be solved for.
    Park {
        n: FragmentNumber,
        pivot: Option<u16>,
        stored: bool,
    },
    Solve(Pass),
    /// A stored solution taken back.
    Replayed,
}

impl<W: AsRef<[u32]> + AsMut<[u32]>> DeferredDecoder<W> {
    /// A decoder of nothing yet, in memory of at least [`words`] words. More memory makes the passes faster.
    ///
    /// # Errors
    /// [`FecError::NotEnoughMemory`].
    pub fn new(geometry: Geometry, rule: ParityRule, max_lost: u16, mut memory: W) -> Result<Self, FecError> {
        let max_lost = max_lost.min(geometry.nb_frag());
        let expected = words(Mode::Deferred, geometry.nb_frag(), max_lost);
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
            unknown: geometry.nb_frag(),
            parked: 0,
            columns: 0,
            free: 0,
            solved: 0,
            under_way: UnderWay::Nothing,
        })
    }

    /// The shape of the data block.
    pub const fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Independent fragments still needed: what `FragSessionStatusAns` reports, saturated at 255, as
    /// MissingFrag (TS004-1.0.0 §3.2). While parity is kept unseen, all of it is taken to count.
    pub const fn missing(&self) -> u16 {
        if self.columns > 0 {
            return self.free;
        }
        match (self.unknown, self.unknown.saturating_sub(self.parked)) {
            (0, _) => 0,
            (_, 0) => 1,
            (_, missing) => missing,
        }
    }

    /// Whether the whole data block is in the store.
    pub const fn is_complete(&self) -> bool {
        self.missing() == 0 && self.solved == self.unknown
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
        let expected = self.geometry.frag_size();
        if fragment.len() != usize::from(expected) {
            return Err(FecError::FragmentLength { expected, got: fragment.len() }.into());
        }
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
    /// [`FecError::NotSolvable`], [`FecError::Busy`], or [`InsertError::Store`]: what earlier passes have
    /// solved is kept.
    pub fn solve<S: FragmentStore>(&mut self, store: &mut S) -> Result<Progress, InsertError<S::Error>> {
        loop {
            self.begin_solve(store.accumulators())?;
            if self.carry_out(store)? == Progress::Complete {
                return Ok(Progress::Complete);
            }
        }
    }

    fn carry_out<S: FragmentStore>(&mut self, store: &mut S) -> Result<Progress, InsertError<S::Error>> {
        if let Err(error) = run(self, store) {
            self.abort();
            return Err(InsertError::Store(error));
        }
        Ok(self.commit()?)
    }

    /// Checks whether a fragment may come now, and what becomes of it.
    pub(super) fn prepare(&mut self, n: FragmentNumber) -> Result<UnderWay, FecError> {
        if self.under_way != UnderWay::Nothing {
            return Err(FecError::Busy);
        }
        if self.missing() == 0 {
            return Err(FecError::AlreadyComplete);
        }
        let k = match self.geometry.kind(n) {
            FragmentKind::Uncoded(index) => {
                let known = bits::get(self.parts().known, index.into());
                return Ok(if known {
                    UnderWay::Redundant
                } else {
                    UnderWay::Plain { n, index, stored: false }
                });
            }
            FragmentKind::Parity(k) => k.get(),
        };
        self.build_if_it_fits();
        let pivot = if self.columns == 0 {
            let parked = self.parked;
            let numbers = self.parts().numbers;
            if (0..parked).any(|slot| bits::half(numbers, slot) == n.get()) {
                return Ok(UnderWay::Redundant);
            }
            None
        } else {
            let Some(pivot) = self.reduce(k) else {
                return Ok(UnderWay::Redundant);
            };
            Some(pivot)
        };
        let slots = Mode::Deferred.parity_slots(self.max_lost);
        if self.parked >= slots {
            return Err(FecError::ScratchFull { slots });
        }
        Ok(UnderWay::Park { n, pivot, stored: false })
    }

    /// Counts an uncoded fragment that lies in its slot.
    pub(super) fn accept_plain(&mut self, index: u16) -> Progress {
        let parts = self.parts();
        bits::set(parts.known, index.into());
        let column = bits::zeros_before(parts.frozen, index);
        self.unknown -= 1;
        if self.columns > 0 {
            if self.parts().tableau.drop_column(column) {
                self.free -= 1;
            }
        } else if self.parked > 0 {
            self.build_if_it_fits();
        }
        self.progress()
    }

    /// Counts a parity fragment that lies in the next parity slot.
    pub(super) fn accept_parity(&mut self, n: FragmentNumber, pivot: Option<u16>) -> Progress {
        let slot = self.parked;
        let mut parts = self.parts();
        bits::set_half(parts.numbers, slot, n.get());
        if let Some(pivot) = pivot {
            parts.tableau.insert(pivot, slot);
            self.free -= 1;
        }
        self.parked += 1;
        self.progress()
    }

    pub(super) const fn progress(&self) -> Progress {
        match self.missing() {
            0 if self.solved == self.unknown => Progress::Complete,
            0 => Progress::Solvable,
            missing => Progress::NeedMore { missing },
        }
    }

    /// Draws row k over the columns and rewrites it by what is known.
    fn reduce(&mut self, k: u16) -> Option<u16> {
        let (nb_frag, rule) = (self.geometry.nb_frag(), self.rule);
        let Parts { frozen, row, mut tableau, .. } = self.parts();
        rule.fill(nb_frag, k, row);
        bits::squeeze(row, frozen, nb_frag);
        tableau.reduce(row)
    }

    /// Fixes the columns once the unknown fragments fit, and looks at all parity kept until then.
    fn build_if_it_fits(&mut self) {
        if self.columns > 0 || self.unknown > self.max_lost {
            return;
        }
        self.columns = self.unknown;
        self.free = self.unknown;
        let mut parts = self.parts();
        parts.frozen.copy_from_slice(parts.known);
        parts.tableau.clear();
        for slot in 0..self.parked {
            let k = bits::half(self.parts().numbers, slot) - self.geometry.nb_frag();
            if let Some(pivot) = self.reduce(k) {
                self.parts().tableau.insert(pivot, slot);
                self.free -= 1;
            }
        }
    }

    pub(super) fn parts(&mut self) -> Parts<'_> {
        let length = row_words(self.geometry.nb_frag());
        let (known, rest) = self.words.as_mut().split_at_mut(length);
        let (frozen, rest) = rest.split_at_mut(length);
        let (row, rest) = rest.split_at_mut(length);
        let (numbers, rest) = rest.split_at_mut(numbers_words(self.max_lost));
        let (tableau, masks) = rest.split_at_mut(tableau_words(self.max_lost));
        Parts { known, frozen, row, numbers, tableau: Tableau::new(tableau, self.columns), masks }
    }
}

/// The lent memory, cut into its uses.
pub(super) struct Parts<'a> {
    /// A one for each uncoded fragment that has come.
    pub(super) known: &'a mut [u32],
    /// The same, at the time when the columns were fixed.
    pub(super) frozen: &'a mut [u32],
    /// The row under way.
    pub(super) row: &'a mut [u32],
    /// Fragment number per parity slot, two to a word.
    pub(super) numbers: &'a mut [u32],
    pub(super) tableau: Tableau<'a>,
    /// For a pass: which known fragments each accumulator takes.
    pub(super) masks: &'a mut [u32],
}
