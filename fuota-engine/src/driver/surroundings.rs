//! What every campaign of a node has in common.

use std::fmt;
use std::sync::Arc;

use super::clock::Clock;
use super::keys::KeyProvider;
use super::settings::Settings;
use super::store::Store;
use super::transport::Transport;

/// Store, network server, keys, clock and settings of a node.
#[derive(Clone)]
pub(super) struct Surroundings {
    pub(super) store: Arc<dyn Store>,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) keys: Arc<dyn KeyProvider>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) settings: Settings,
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings").field("settings", &self.settings).finish_non_exhaustive()
    }
}
