//! Fragments in NOR flash, safe against the loss of power at any moment.
//!
//! ```text
//! header │ journal: M + L + 2K + 16 entries │ M data slots │ L parity slots │ K spare slots
//! ```
//! Everything is erased when a session is set up, and every place is written once after that; the header,
//! which makes the session valid, comes last. An entry of the journal is written before the bytes that it
//! announces and holds their check value. After a reset the decoder's rows are drawn again from the numbers
//! in the entries. An entry that is torn is skipped. One whose bytes don't match is not counted, and its slot
//! is burned, even where it looks erased: what belongs there goes to a spare slot from then on. So no place
//! is ever named by two valid entries, and an entry that was once found wanting stays so.
//!
//! All of it is written once, for flash that is waited for ([`AsyncFlashStore`]). A driver that blocks is one that
//! never makes anybody wait: [`FlashStore`].

mod blocking;
mod buffers;
mod crc;
mod drive;
mod error;
mod journal;
mod layout;
mod waiting;

pub use blocking::FlashStore;
pub use error::FlashError;
pub use journal::FlashSession;
pub use waiting::AsyncFlashStore;
