//! What can go wrong, with the numbers in it.

use thiserror::Error;

/// A geometry, a fragment or a buffer that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FecError {
    /// A data block of no octets has no fragments.
    #[error("the data block is empty")]
    EmptyImage,
    /// `FragSize` is 1..=255 on the wire (TS004-1.0.0 §3.3).
    #[error("FragSize is 0")]
    ZeroFragSize,
    /// `NbFrag` is 1..=16383: the fragment number has 14 bits (TS004-1.0.0 §3.3, §3.6).
    #[error("NbFrag is {got}, allowed are 1 to {max}")]
    NbFragOutOfRange {
        /// Fragments asked for.
        got: u32,
        /// The largest count.
        max: u16,
    },
    /// Padding fills up the last fragment only, so it is less than `FragSize` (TS004-1.0.0 §3.3).
    #[error("padding of {padding} octets in a fragment of {frag_size}")]
    PaddingTooLong {
        /// Octets of padding.
        padding: u8,
        /// Octets of one fragment.
        frag_size: u8,
    },
    /// The image is not the one that the geometry was made for.
    #[error("the data block has {got} octets, the geometry says {expected}")]
    ImageLength {
        /// Octets by the geometry.
        expected: usize,
        /// Octets given.
        got: usize,
    },
    /// A fragment or a buffer for one is not `FragSize` octets long.
    #[error("a fragment of {got} octets, FragSize is {expected}")]
    FragmentLength {
        /// `FragSize`.
        expected: u8,
        /// Octets given.
        got: usize,
    },
    /// The fragment number is 0 or above 16383.
    #[error("fragment number {got} is outside 1 to {max}")]
    FragmentNumber {
        /// The number given.
        got: u16,
        /// The largest number that 14 bits hold.
        max: u16,
    },
    /// The buffer lent for a row is too short.
    #[error("{got} words for a row that needs {expected}")]
    RowLength {
        /// Words of 32 bits needed.
        expected: usize,
        /// Words given.
        got: usize,
    },
    /// Rows that were drawn for another number of fragments.
    #[error("rows over {got} fragments, the data block has {expected}")]
    RowsOfOther {
        /// NbFrag of the data block.
        expected: u16,
        /// NbFrag of the rows.
        got: u16,
    },
    /// The memory lent to a decoder is too short: see [`words`](crate::words).
    #[error("{got} words of memory, {expected} needed")]
    NotEnoughMemory {
        /// Words of 32 bits needed.
        expected: usize,
        /// Words given.
        got: usize,
    },
    /// More uncoded fragments are unknown than the decoder has room for; nothing has changed.
    #[error("{missing} fragments are missing, there is room for {max_lost}")]
    TooManyMissing {
        /// Uncoded fragments unknown now.
        missing: u16,
        /// Unknown fragments that the memory can solve for.
        max_lost: u16,
    },
    /// The scratch space for parity is used up by fragments that bring nothing; nothing has changed.
    #[error("all {slots} parity slots are taken")]
    ScratchFull {
        /// Parity slots of the decoder.
        slots: u16,
    },
    /// Something else is under way: commit or abort it first.
    #[error("the decoder has an operation under way")]
    Busy,
    /// Not all operations have been given out yet, or none was begun.
    #[error("the operations are not done")]
    OperationsRemain,
    /// Too few fragments to solve for the lost ones.
    #[error("{missing} independent fragments are still needed")]
    NotSolvable {
        /// Independent fragments still needed.
        missing: u16,
    },
    /// A stored entry does not follow from those before it.
    #[error("a stored entry does not follow from those before it")]
    EntryOutOfOrder,
    /// The data block is complete: there is nothing left to add (TS004-1.0.0 §3.6).
    #[error("the data block is already complete")]
    AlreadyComplete,
}

/// What inserting a fragment reports: the fragment was at fault, or the store was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InsertError<E> {
    /// The fragment is refused; the decoder is in the state before it.
    #[error(transparent)]
    Fec(#[from] FecError),
    /// The store failed; the decoder does not count what was not stored.
    #[error("the fragment store failed")]
    Store(E),
}
