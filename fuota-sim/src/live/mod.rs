//! A simulated fleet that lives by itself, and what a node of the real driver needs to serve it.
//!
//! ```text
//!   Fuota, with its store ── Network (Transport) ══ Unix socket, JSON lines ══ Host ── World
//! ```
//!
//! The fleet has a process, or at least a thread, of its own, in which virtual time passes whether a node listens or not:
//! so many times faster than real time. A node may die, and another one, or the same anew, find the fleet as it is by
//! then. The fleet counts how often every downlink was handed over and how often it went on air.

mod clock;
mod host;
mod keys;
mod ledger;
mod listener;
mod mailbox;
mod network;
#[cfg(test)]
mod tests;
mod wire;

pub(crate) use self::host::{Ended, Host};
pub(crate) use self::keys::FleetKeys;
pub(crate) use self::listener::{attach, listen};
pub(crate) use self::network::Network;

use fuota_engine::campaign::spec::CampaignSpec;
use sha2::{Digest, Sha256};

/// What tells whether a node and a fleet mean the same campaign: the same plan, image and seed, and so the same keys.
pub(crate) fn fingerprint(spec: &CampaignSpec, image: &[u8], seed: u64) -> String {
    let mut digest = Sha256::new();
    digest.update(spec.to_octets());
    digest.update(image);
    digest.update(seed.to_le_bytes());
    hex::encode(digest.finalize())
}
