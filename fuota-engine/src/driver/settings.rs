//! What a node does at which pace.

use std::time::Duration;

use crate::percent::Percent;

/// How a node works. The defaults suit a database in the same building.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// The node's name, different from every other node's on the same store.
    pub node: String,
    /// How long a campaign stays with a node that no longer answers. A third of it passes between renewals.
    pub lease: Duration,
    /// A downlink is not handed over so shortly before the lease ends.
    pub margin: Duration,
    /// Pause before something that failed for the moment is tried again; twice as long each time, up to thirty times
    /// the first.
    pub retry: Duration,
    /// How often the node looks for campaigns that nobody holds.
    pub adopt_every: Duration,
    /// Share of the gateways' time on air that campaigns leave to everything else the network server sends, their own
    /// unicast included. A simulated network has nothing else: there it is 0.
    pub airtime_reserve: Percent,
    /// Records after which a snapshot is taken.
    pub snapshot_every: u64,
    /// What happened and still waits, per campaign, before the transport is no longer asked for more.
    pub inbox: usize,
    /// Keys computed at the same time, per campaign.
    pub derivations: usize,
}

impl Settings {
    /// The defaults, under this name.
    #[must_use]
    pub fn new(node: impl Into<String>) -> Self {
        Self {
            node: node.into(),
            lease: Duration::from_secs(30),
            margin: Duration::from_secs(2),
            retry: Duration::from_secs(1),
            adopt_every: Duration::from_secs(10),
            airtime_reserve: Percent::whole(50),
            snapshot_every: 20_000,
            inbox: 4_096,
            derivations: 64,
        }
    }

    /// Pauses between tries.
    pub(super) fn backoff(&self) -> Backoff {
        Backoff { next: self.retry, longest: self.retry.saturating_mul(30) }
    }
}

/// Pauses that grow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    next: Duration,
    longest: Duration,
}

impl Backoff {
    /// The next pause.
    pub(super) fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = pause.saturating_mul(2).min(self.longest);
        pause
    }
}
