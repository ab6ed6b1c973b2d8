//! Keeping a campaign's lease while it is worked on.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tracing::Instrument;

use super::settings::Settings;
use super::store::{Lease, Store, StoreError};

/// A lease that a task of its own renews, however long the campaign's loop is held up.
#[derive(Debug)]
pub(super) struct Held {
    lease: Lease,
    margin: Duration,
    /// Until when the store is known to honour it, by this node's monotonic clock.
    until: watch::Receiver<Instant>,
    keeper: JoinHandle<()>,
}

impl Held {
    /// Keeps a lease that was asked for at `asked`.
    pub(super) fn new(lease: Lease, asked: Instant, store: Arc<dyn Store>, settings: &Settings) -> Self {
        let ttl = settings.lease;
        // The store counted from a moment after `asked`, so it honours the lease for longer than this.
        let (known, until) = watch::channel(asked + ttl);
        let keeper = tokio::spawn(keep(store, lease.clone(), ttl, known).in_current_span());
        Self { lease, margin: settings.margin, until, keeper }
    }

    pub(super) const fn lease(&self) -> &Lease {
        &self.lease
    }

    /// How long downlinks may still be handed over; `None` if no longer.
    pub(super) fn remaining(&self) -> Option<Duration> {
        let end = self.until.borrow().checked_sub(self.margin)?;
        end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }

    /// Waits until the lease is lost or has run out.
    pub(super) async fn lost(&self) {
        let mut until = self.until.clone();
        loop {
            let end = *until.borrow_and_update();
            tokio::select! {
                () = tokio::time::sleep_until(end) => return,
                changed = until.changed() => if changed.is_err() { return },
            }
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

/// Renews a lease three times in its life. Ends when it is lost.
async fn keep(store: Arc<dyn Store>, lease: Lease, ttl: Duration, known: watch::Sender<Instant>) {
    let mut pause = ttl / 3;
    loop {
        sleep(pause).await;
        let asked = Instant::now();
        pause = match store.renew(&lease, ttl).await {
            Ok(()) => {
                known.send_replace(asked + ttl);
                ttl / 3
            }
            Err(error) if error.is_transient() => ttl / 12,
            Err(StoreError::Fenced { .. }) => return,
            Err(error) => {
                tracing::error!(campaign = %lease.campaign, %error, "the lease cannot be renewed");
                return;
            }
        };
    }
}
