//! Campaigns on a real network: a tokio runtime carries out what the state machines decide.
//!
//! The driver owns nothing of its surroundings. A network server brings a [`Transport`], a disk or a database a
//! [`Store`], the operator's key management a [`KeyProvider`], and time comes from a [`Clock`]. All four are
//! object-safe, take `&self` and are *cancel-safe*: a future that is dropped before it is ready has either had its
//! whole effect or none, and what it would have returned is returned by the next call.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use fuota_engine::campaign::spec::CampaignSpec;
//! use fuota_engine::driver::store::Tenant;
//! use fuota_engine::driver::{Fuota, KeyProvider, Launch, MemoryStore, Notice, Settings, Transport};
//!
//! async fn update(
//!     network_server: Arc<dyn Transport>,
//!     keys: Arc<dyn KeyProvider>,
//!     spec: CampaignSpec,
//! ) -> Result<(), Box<dyn std::error::Error>> {
//!     let node = Fuota::builder()
//!         .store(Arc::new(MemoryStore::new()))
//!         .transport(network_server)
//!         .keys(keys)
//!         .settings(Settings::new("node-1"))
//!         .build()?;
//!     let id = node.start(Launch::new(Tenant("acme".into()), "spring update", "ada", spec)).await?;
//!     let Some(mut notices) = node.subscribe(id) else { return Ok(()) };
//!     while let Ok(notice) = notices.recv().await {
//!         if let Notice::Finished(outcome) = notice {
//!             println!("{}: {} devices", outcome.status.name(), outcome.complete);
//!         }
//!     }
//!     node.shutdown().await;
//!     Ok(())
//! }
//! ```
//!
//! # What is promised
//!
//! - Nothing is handed to the transport before the records that lead to it are durable.
//! - Nothing received is acknowledged to the transport before it is durable.
//! - While the store fails, the campaign stands still: nothing is sent, what happens is held back, and it goes on when
//!   the store is back.
//! - Only the holder of a campaign's [`Lease`] writes its records; the store is the judge of that.
//! - Multicast downlinks of all campaigns and nodes on a store take turns on the gateways' channels: together they keep
//!   the duty cycle, less the operator's [reserve](Settings::airtime_reserve).
//! - After a crash whatever was handed over and has no known outcome goes out again: at most one multicast frame for each
//!   stream and one request for each device, with the same identifier and octets, each reported as `PossiblyRepeated`.

mod builder;
pub mod clock;
#[cfg(feature = "conformance")]
pub mod conformance;
mod counters;
mod dispatch;
mod item;
pub mod keys;
mod launch;
mod leap;
mod lease;
mod memory;
mod metric;
mod node;
mod notice;
mod runner;
mod settings;
mod share;
pub mod store;
mod surroundings;
mod system_clock;
mod trace;
pub mod transport;
mod vault;

pub use self::builder::{Builder, Missing};
pub use self::clock::Clock;
pub use self::keys::KeyProvider;
pub use self::launch::Launch;
pub use self::leap::{LeapSeconds, LeapSecondsError};
pub use self::memory::MemoryStore;
pub use self::node::{Fuota, OrderError, StartError};
pub use self::notice::Notice;
pub use self::settings::Settings;
pub use self::store::{Lease, Store};
pub use self::system_clock::SystemClock;
pub use self::transport::Transport;
pub use self::vault::{RootKeys, Vault};
