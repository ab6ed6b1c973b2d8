//! Campaigns on a real network: a tokio runtime carries out what the state machines decide.
//!
//! The driver owns nothing of its surroundings. A network server brings a [`Transport`], a disk or a database a
//! [`Store`], the operator's key management a [`KeyProvider`], and time comes from a [`Clock`]. All four are
//! object-safe, take `&self` and are *cancel-safe*: a future that is dropped before it is ready has either had its
//! whole effect or none, and what it would have returned is returned by the next call.
//!
//! # What is promised
//!
//! - Nothing is handed to the transport before the records that lead to it are durable.
//! - Nothing received is acknowledged to the transport before it is durable.
//! - While the store fails, the campaign stands still: nothing is sent, what happens is held back, and it goes on when
//!   the store is back.
//! - Only the holder of a campaign's [`Lease`] writes its records; the store is the judge of that.

pub mod clock;
pub mod keys;
mod memory;
pub mod store;
pub mod transport;

pub use self::clock::Clock;
pub use self::keys::KeyProvider;
pub use self::memory::MemoryStore;
pub use self::store::{Lease, Store};
pub use self::transport::Transport;
