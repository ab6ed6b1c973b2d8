//! Fragments that reached a device and that its session has not been given yet.
//!
//! A session that misses more fragments than are waiting here cannot become whole by them, and nothing else that
//! fragments do shows outside it. So they may wait until something else happens to the device: it is then given all of
//! them, in order and with the times at which they came, while its data block stays in the processor's cache. One
//! fragment for a thousand devices in turn would fetch each of their blocks from memory each time.

use std::sync::Arc;

use fuota_engine::device::Source;
use fuota_engine::time::GpsInstant;
use fuota_proto::Command as _;
use fuota_proto::fragmentation::DataFragment;

use crate::frame::Opened;

/// The fragments, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Backlog(Vec<Waiting>);

/// A fragment as it came.
#[derive(Debug)]
pub(super) struct Waiting {
    /// By the device's own clock.
    pub(super) at: GpsInstant,
    pub(super) source: Source,
    pub(super) opened: Arc<Opened>,
}

impl Backlog {
    /// Whether a session that misses so many could be whole if it were given all of these and one more.
    pub(super) fn would_do(&self, missing: u16) -> bool {
        self.0.len() + 1 >= usize::from(missing)
    }

    /// Lets a fragment wait.
    pub(super) fn push(&mut self, waiting: Waiting) {
        self.0.push(waiting);
    }

    /// Those that wait, which no longer do. The memory for them is given back.
    pub(super) fn take(&mut self) -> Vec<Waiting> {
        std::mem::take(&mut self.0)
    }
}

/// Whether a payload for the fragmentation package is a fragment and nothing else: a DataFragment takes all that
/// follows it (TS004-1.0.0 §3.6).
pub(super) fn is_fragment(payload: &[u8]) -> bool {
    payload.first() == Some(&DataFragment::CID)
}
