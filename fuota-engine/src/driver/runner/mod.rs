//! One campaign's loop: what happened goes in, what comes out is made durable and then carried out.

mod derive;
mod perform;
mod portion;
mod restore;
mod turn;

use self::portion::Portion;
pub(super) use self::restore::Lines;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use tokio::sync::{Semaphore, broadcast, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::counters::Counters;
use super::item::{Given, Item, SharedReceipt};
use super::lease::Held;
use super::metric::Meter;
use super::notice::Notice;
use super::store::{CampaignId, Channel, Snapshot, StoreError};
use super::surroundings::Surroundings;
use super::transport::TransportEvent;
use crate::campaign::Campaign;
use crate::campaign::event::Outcome;
use crate::campaign::io::{GroupReport, Input, Order, Report, Transmit};
use crate::ids::{DevEui, GroupId, TxId};
use crate::time::GpsInstant;

/// Inputs taken together, and outputs carried out together: what shares a commit of the store.
const PORTION: usize = 256;

/// Why a campaign is no longer worked on here.
#[derive(Debug)]
pub(super) enum Ended {
    /// It is over.
    Finished(Outcome),
    /// Its lease is lost; somebody goes on from what is durable.
    Lost,
    /// The node is to stop.
    Stopped,
    /// The store says something that waiting does not mend.
    Broken(StoreError),
}

/// A campaign that this node works on.
#[derive(Debug)]
pub(super) struct Runner {
    id: CampaignId,
    meter: Meter,
    campaign: Campaign,
    held: Held,
    around: Surroundings,
    inbox: mpsc::Receiver<Item>,
    notices: broadcast::Sender<Notice>,
    stop: CancellationToken,
    /// Records that are durable.
    records: u64,
    snapshot_at: u64,
    /// Whether the node has said something about the store or the network server that no longer holds.
    troubled: bool,
    /// What this loop itself found out and the campaign does not know yet.
    found: VecDeque<Found>,
    /// Keys being computed.
    derivations: JoinSet<derive::Derivation>,
    derivations_at_once: Arc<Semaphore>,
    image: Arc<[u8]>,
    /// To be handed back with the next commit.
    receipts: Vec<Arc<SharedReceipt>>,
    /// To be noted and answered with the next commit.
    orders: Vec<Given>,
    /// Still queued at the network server since before the restart: not to be handed over again.
    queued: HashSet<TxId>,
    counters: Counters,
    /// Multicast downlinks that wait for their turn on air, by when it comes.
    turns: BTreeMap<(GpsInstant, TxId), Transmit>,
    /// Where the groups go on air, as far as that was needed.
    channels: HashMap<GroupId, Vec<Channel>>,
}

/// Something that the loop itself found out.
#[derive(Clone, Copy, Debug)]
enum Found {
    Downlink(TxId, Report),
    Group(GroupId, GroupReport),
}

impl Runner {
    /// Works on the campaign until there is a reason not to. What is left is its lease.
    pub(super) async fn run(mut self) -> (Held, Ended) {
        let ended = match self.work().await {
            Ok(outcome) => Ended::Finished(outcome),
            Err(ended) => ended,
        };
        if let Ended::Finished(outcome) = &ended {
            self.meter.finished(outcome);
        }
        (self.held, ended)
    }

    /// Whom the campaign wants to hear.
    pub(super) fn devices(&self) -> Vec<DevEui> {
        self.campaign.plan().devices().iter().map(|device| device.dev_eui).collect()
    }

    async fn work(&mut self) -> Result<Outcome, Ended> {
        loop {
            self.hand_over_what_is_due().await?;
            let until = loop {
                let Portion { outputs, until, finished, .. } = self.durable_portion().await?;
                for output in outputs {
                    self.perform(output).await?;
                }
                if let Some(outcome) = finished {
                    return Ok(outcome);
                }
                if let Some(until) = until {
                    break until;
                }
            };
            self.keep_snapshot().await?;
            self.gather(until).await?;
        }
    }

    /// Bounds the replay after the next restart.
    async fn keep_snapshot(&mut self) -> Result<(), Ended> {
        if self.records < self.snapshot_at {
            return Ok(());
        }
        let Some(state) = self.campaign.snapshot() else { return Ok(()) };
        self.snapshot_at = self.records + self.around.settings.snapshot_every;
        let snapshot = Snapshot { records: self.records, state };
        match self.around.store.put_snapshot(self.held.lease(), &snapshot).await {
            Ok(()) => Ok(()),
            Err(StoreError::Fenced { .. }) => Err(Ended::Lost),
            // The records are there; it is only the restart that takes longer.
            Err(error) => {
                tracing::warn!(campaign = %self.id, %error, "no snapshot is kept");
                Ok(())
            }
        }
    }

    /// Waits for the next thing to happen and takes it, with whatever else has happened by then.
    async fn gather(&mut self, until: Option<GpsInstant>) -> Result<(), Ended> {
        if self.found.is_empty() {
            let clock = Arc::clone(&self.around.clock);
            let wake = until.into_iter().chain(self.next_turn()).min();
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(Ended::Stopped),
                () = self.held.lost() => return Err(Ended::Lost),
                item = self.inbox.recv() => match item {
                    Some(item) => self.take(item),
                    None => return Err(Ended::Stopped),
                },
                Some(derived) = self.derivations.join_next() => self.take_derived(derived),
                () = due(&*clock, wake) => {
                    let now = clock.now();
                    if until.is_some_and(|until| until <= now) {
                        self.campaign.handle(now, Input::Timeout);
                    }
                }
            }
        }
        for found in std::mem::take(&mut self.found) {
            let now = self.around.clock.now();
            match found {
                Found::Downlink(id, report) => self.campaign.handle(now, Input::Downlink { id, report }),
                Found::Group(id, report) => self.campaign.handle(now, Input::Group { id, report }),
            }
        }
        for _ in 1..PORTION {
            match self.inbox.try_recv() {
                Ok(item) => self.take(item),
                Err(_) => break,
            }
        }
        while let Some(derived) = self.derivations.try_join_next() {
            self.take_derived(derived);
        }
        Ok(())
    }

    fn take(&mut self, item: Item) {
        let now = self.around.clock.now();
        let (event, receipt) = match item {
            Item::Order { order, given } => return self.obey(now, order, given),
            Item::Heard { event, receipt } => (event, receipt),
        };
        match &*event {
            TransportEvent::Uplink { from, port, payload, received } => {
                self.meter.uplink();
                self.campaign
                    .handle(now, Input::Uplink { from: *from, port: *port, payload, received: *received });
            }
            TransportEvent::Downlink { id, report, .. } => {
                self.meter.reported(report);
                self.campaign.handle(now, Input::Downlink { id: *id, report: *report });
            }
        }
        self.receipts.extend(receipt);
    }

    /// Has the campaign do what was ordered, if it can be done.
    fn obey(&mut self, now: GpsInstant, order: Order, given: Given) {
        match self.campaign.check(order) {
            Ok(()) => {
                self.campaign.handle(now, Input::Operator(order));
                self.orders.push(given);
            }
            Err(refusal) => given.answer(Err(refusal.into())),
        }
    }

    fn take_derived(&mut self, derived: Result<derive::Derivation, tokio::task::JoinError>) {
        match derived {
            Ok(derive::Derivation { device, value }) => {
                self.campaign.handle(self.around.clock.now(), Input::Derived { device, value });
            }
            // The key provider panicked; its task is gone, and the campaign will ask again after a restart.
            Err(error) => tracing::error!(campaign = %self.id, %error, "a key was not computed"),
        }
    }

    /// Tells of something that holds the campaign up, once.
    fn trouble(&mut self, notice: Notice) {
        if !std::mem::replace(&mut self.troubled, true) {
            self.tell(notice);
        }
    }

    /// Tells that it is over, if something was told.
    fn over_it(&mut self, notice: Notice) {
        if std::mem::take(&mut self.troubled) {
            self.tell(notice);
        }
    }

    fn tell(&self, notice: Notice) {
        // Nobody need listen.
        let _ = self.notices.send(notice);
    }

    fn devices_of(&self, group: GroupId) -> Vec<DevEui> {
        let devices = self.campaign.plan().devices().iter();
        devices.filter(|device| device.group == group).map(|device| device.dev_eui).collect()
    }
}

/// Waits for a moment, or for ever.
async fn due(clock: &dyn super::clock::Clock, until: Option<GpsInstant>) {
    match until {
        Some(until) => clock.sleep_until(until).await,
        None => std::future::pending().await,
    }
}
