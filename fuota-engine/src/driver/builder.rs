//! Putting a node together.

use std::sync::Arc;

use super::clock::Clock;
use super::keys::KeyProvider;
use super::node::Fuota;
use super::settings::Settings;
use super::store::Store;
use super::surroundings::Surroundings;
use super::system_clock::SystemClock;
use super::transport::Transport;

/// Puts a node together.
#[derive(Default)]
pub struct Builder {
    store: Option<Arc<dyn Store>>,
    transport: Option<Arc<dyn Transport>>,
    keys: Option<Arc<dyn KeyProvider>>,
    clock: Option<Arc<dyn Clock>>,
    settings: Option<Settings>,
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// What a node lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a node needs a {0}")]
pub struct Missing(&'static str);

impl Builder {
    /// Where campaigns are kept.
    #[must_use]
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// The network server.
    #[must_use]
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// Who holds the keys.
    #[must_use]
    pub fn keys(mut self, keys: Arc<dyn KeyProvider>) -> Self {
        self.keys = Some(keys);
        self
    }

    /// The time; the machine's own unless another is given.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The node's name and pace.
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = Some(settings);
        self
    }

    /// Starts the node on the tokio runtime of the caller: it takes up the campaigns that nobody holds, then listens.
    ///
    /// # Errors
    /// [`Missing`] without store, transport, keys or settings: there is nothing sensible to assume for them.
    pub fn build(self) -> Result<Fuota, Missing> {
        let around = Surroundings {
            store: self.store.ok_or(Missing("store"))?,
            transport: self.transport.ok_or(Missing("transport"))?,
            keys: self.keys.ok_or(Missing("key provider"))?,
            clock: self.clock.unwrap_or_else(|| Arc::new(SystemClock::default())),
            settings: self.settings.ok_or(Missing("name, given by its settings"))?,
        };
        Ok(Fuota::live(around))
    }
}
