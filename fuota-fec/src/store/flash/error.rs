//! What can go wrong with a store in flash.

use thiserror::Error;

use crate::FecError;
use crate::store::Slot;

/// What can go wrong with a store in flash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FlashError<E> {
    /// The flash itself.
    #[error("the flash failed")]
    Flash(E),
    /// The session does not fit.
    #[error("the session ends at octet {needed}, the flash at {capacity}")]
    NoRoom {
        /// Where the session would end.
        needed: u64,
        /// Octets of flash.
        capacity: usize,
    },
    /// The session does not start where an erase unit does.
    #[error("octet {base} starts no erase unit of {unit} octets")]
    Unaligned {
        /// Where it was to start.
        base: u32,
        /// Octets of an erase unit.
        unit: usize,
    },
    /// The lent buffers are shorter than a read buffer, one accumulator and a journal entry need.
    #[error("buffers of {got} octets, at least {expected} are needed")]
    BufferTooShort {
        /// Octets needed.
        expected: usize,
        /// Octets lent.
        got: usize,
    },
    /// There is no session here, or it was being set up when power went.
    #[error("no session")]
    NoSession,
    /// The session was set up with another number of spare slots.
    #[error("the session has {got} spare slots, not {expected}")]
    Spares {
        /// Spare slots by type.
        expected: usize,
        /// Spare slots of the session.
        got: u16,
    },
    /// The journal is full: power went too often.
    #[error("all {entries} entries of the journal are used up")]
    JournalFull {
        /// Entries of the journal.
        entries: u32,
    },
    /// More slots are burned than there are spare ones.
    #[error("all {spares} spare slots are used up")]
    SparesUsedUp {
        /// Spare slots of the session.
        spares: usize,
    },
    /// A write that failed, or was given up, has come through all the same: after a reset it would count. It is not
    /// what is to be written now, so the decoder must learn of it: [`resume`](crate::FlashStore::resume) with a
    /// fresh one.
    #[error("a write that seemed to fail did not: the session has to be resumed")]
    OutOfStep,
    /// The decoder asks for a slot that the session does not have.
    #[error("no slot {slot:?}")]
    NoSuchSlot {
        /// The slot asked for.
        slot: Slot,
    },
    /// The entries don't belong to this decoder.
    #[error(transparent)]
    Decoder(#[from] FecError),
}
