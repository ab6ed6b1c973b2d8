//! Byte work as single operations, for stores that cannot be waited for in place.

use crate::store::{Entry, FragmentStore, Slot};
use crate::{FecError, FragmentNumber, Progress};

/// One piece of byte work. Bits change only when all of them are done and committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// Fill the read buffer from a slot.
    Read(Slot),
    /// Add the read buffer to an accumulator.
    Xor(u16),
    /// Fill an accumulator with zeros.
    Clear(u16),
    /// Write an accumulator to a slot, together with what it is.
    Store {
        /// The accumulator.
        acc: u16,
        /// A slot that has not been written before.
        slot: Slot,
        /// What the slot then holds.
        entry: Entry,
    },
    /// Nothing: the work on bits goes on with the next call. No call does more of it than one row takes.
    Pause,
}

/// A decoder that is driven one operation at a time.
///
/// ```text
///        begin(n) ──► next_op … next_op ──► commit ──► Progress
///  replay(entry) ─┘        │
///    begin_solve ─┘        └──────────────► abort: as if it had never begun
/// ```
///
/// The state lives in the decoder, so that a caller may wait between operations for as long as it likes.
/// After a reset a fresh decoder gets back its state from the entries alone, in the order they were stored.
pub trait Steps {
    /// Starts to take fragment `n`, whose bytes lie in accumulator 0.
    ///
    /// # Errors
    /// Those of inserting a fragment, and [`FecError::Busy`] while something else is under way.
    fn begin(&mut self, n: FragmentNumber) -> Result<(), FecError>;

    /// Starts to solve for up to `accumulators` of the lost fragments.
    ///
    /// # Errors
    /// [`FecError::NotSolvable`], [`FecError::AlreadyComplete`] or [`FecError::Busy`].
    fn begin_solve(&mut self, accumulators: u16) -> Result<(), FecError>;

    /// Starts to take back an entry that was stored before a reset, and says which slot its bytes are in;
    /// `None` if there is nothing that it could have been stored for. [`commit`](Self::commit) follows if
    /// they are intact, [`abort`](Self::abort) if not.
    ///
    /// # Errors
    /// [`FecError::EntryOutOfOrder`] or those of [`begin`](Self::begin).
    fn replay(&mut self, entry: Entry) -> Result<Option<Slot>, FecError>;

    /// The next operation, or `None` when all have been given out. To ask says that the one before is done.
    fn next_op(&mut self) -> Option<Op>;

    /// Counts what is done. Work on bits that [`next_op`](Self::next_op) was not asked for any more is done here.
    ///
    /// # Errors
    /// [`FecError::OperationsRemain`] if not all operations have been given out, or nothing was begun.
    fn commit(&mut self) -> Result<Progress, FecError>;

    /// Gives up what is under way, and says which slot had been given out to be written: it must be taken
    /// for spoilt unless it is known to be untouched.
    fn abort(&mut self) -> Option<Slot>;
}

/// Carries out operations on a store that answers at once.
///
/// # Errors
/// Those of the store; the decoder waits for [`Steps::abort`] then.
pub fn run<D: Steps + ?Sized, S: FragmentStore>(decoder: &mut D, store: &mut S) -> Result<(), S::Error> {
    while let Some(op) = decoder.next_op() {
        apply(op, store)?;
    }
    Ok(())
}

/// Carries out one operation.
///
/// # Errors
/// Those of the store.
pub fn apply<S: FragmentStore>(op: Op, store: &mut S) -> Result<(), S::Error> {
    match op {
        Op::Read(slot) => store.read(slot)?,
        Op::Xor(acc) => store.xor(acc),
        Op::Clear(acc) => store.clear(acc),
        Op::Store { acc, slot, entry } => store.save(acc, slot, entry)?,
        Op::Pause => {}
    }
    Ok(())
}
