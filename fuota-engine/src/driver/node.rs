//! The facade: a node that runs campaigns.

use std::collections::HashSet;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use super::builder::Builder;
use super::dispatch::{Line, Switchboard};
use super::item::{Given, Item};
use super::launch::{Launch, claims};
use super::lease::Held;
use super::notice::Notice;
use super::runner::{Ended, Lines, Runner};
use super::settings::Settings;
use super::share::{Planned, planned};
use super::store::{AuditEntry, CampaignId, Lease, Listing, NewCampaign, StoreError, Tenant};
use super::surroundings::Surroundings;
use super::trace;
use super::transport::TransportError;
use crate::campaign::io::Order;
use crate::campaign::order::OrderRefusal;
use crate::campaign::plan::PlanError;
use crate::percent::Percent;

/// Notices kept for a subscriber that is slow; one that is slower misses some, and is told how many.
const NOTICES: usize = 1_024;

/// A node that runs campaigns, its own and those that other nodes leave behind. Copies are the same node.
///
/// It lives on the tokio runtime that [`Builder::build`] is called on, has no state outside itself, and sets up neither
/// logging nor metrics: it speaks through `tracing` and `metrics`. When the last copy is dropped it stops as after
/// [`shutdown`](Self::shutdown), only that nobody waits for it.
#[derive(Clone, Debug)]
pub struct Fuota {
    node: Arc<Running>,
}

/// A node at work: it stops when nobody has it any more. Its tasks have only the [`Node`].
#[derive(Debug)]
struct Running(Arc<Node>);

impl Deref for Running {
    type Target = Arc<Node>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.stop.cancel();
    }
}

#[derive(Debug)]
struct Node {
    around: Surroundings,
    board: Switchboard,
    /// Campaigns that this node holds, or is about to: it must not take them from itself.
    held: Mutex<HashSet<CampaignId>>,
    /// Campaigns that cannot go on here or anywhere: their leases are kept, so that no node tries in vain.
    parked: Mutex<Vec<Held>>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// Why a campaign is not started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// It cannot be carried out as specified.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The store does not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The network server does not tell which gateways it would use.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The reserve leaves nothing of the gateways' time on air.
    #[error("a reserve of {reserve} of the time on air leaves nothing for campaigns")]
    NoAirtime {
        /// What is kept back.
        reserve: Percent,
    },
}

/// Why an order is not carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OrderError {
    /// It is over, or another node has it.
    #[error("campaign {0} does not run on this node")]
    NotHere(CampaignId),
    /// As the campaign stands, it cannot be.
    #[error(transparent)]
    Refused(#[from] OrderRefusal),
    /// The campaign ended, or left this node, before the answer was known. Its status tells, wherever it goes on.
    #[error("campaign {0} left this node before it was known what became of the order")]
    Unanswered(CampaignId),
}

impl Fuota {
    /// A node to be put together.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Starts a node in these surroundings.
    pub(super) fn live(around: Surroundings) -> Self {
        let node = Arc::new(Node {
            around,
            board: Switchboard::default(),
            held: Mutex::default(),
            parked: Mutex::default(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        let main = Arc::clone(&node);
        node.tasks.spawn(async move { main.live().await });
        Self { node: Arc::new(Running(node)) }
    }

    /// Keeps a campaign and starts it. It goes on through restarts of this node, and on other nodes if this one dies.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(&self, launch: Launch) -> Result<CampaignId, StartError> {
        let id = loop {
            let Launch { tenant, name, spec, actor, keys_of } = launch.clone();
            let Planned { plan, octets, airtime, beside } = planned(&self.node.around, spec).await?;
            let campaign = NewCampaign {
                tenant,
                name,
                plan: octets,
                image: plan.image().to_vec(),
                devices: claims(&plan),
                airtime,
                beside,
                secrets_of: keys_of,
                actor,
            };
            match self.node.around.store.create(&campaign).await {
                // Somebody else's campaign was kept meanwhile; this one is planned beside it, too.
                Err(StoreError::Overtaken { .. }) => {}
                created => break created?,
            }
        };
        // If another node is faster, the campaign runs there.
        if let Err(error) = self.node.take_up(id).await {
            tracing::info!(campaign = %id, %error, "the campaign is left to be taken up");
        }
        Ok(id)
    }

    /// Gives a campaign an order and waits until it is durable, with a note of who gave it: from then on no restart
    /// forgets it. While the store fails, that takes as long. An order is not taken back by no longer waiting.
    ///
    /// # Errors
    /// [`OrderError`].
    pub async fn order(&self, id: CampaignId, order: Order, actor: &str) -> Result<(), OrderError> {
        let line = self.node.board.line(id).ok_or(OrderError::NotHere(id))?;
        let (answer, answered) = oneshot::channel();
        let entry = AuditEntry { actor: actor.into(), order: format!("{order:?}") };
        let item = Item::Order { order, given: Given { entry, answer } };
        line.inbox.send(item).await.map_err(|_| OrderError::NotHere(id))?;
        answered.await.unwrap_or(Err(OrderError::Unanswered(id)))
    }

    /// What operators ordered a campaign to do, its start first, on whatever node.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] if there is no such campaign.
    pub async fn audits(&self, id: CampaignId) -> Result<Vec<AuditEntry>, StoreError> {
        self.node.around.store.audits(id).await
    }

    /// How a campaign stands, as far as that is durable.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] if there is no such campaign.
    pub async fn status(&self, id: CampaignId) -> Result<Listing, StoreError> {
        self.node.around.store.find(id).await
    }

    /// The campaigns of a tenant, or all, on whatever node.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list(&self, tenant: Option<&Tenant>) -> Result<Vec<Listing>, StoreError> {
        self.node.around.store.list(tenant).await
    }

    /// What happens to a campaign from now on; `None` if it does not run on this node.
    #[must_use]
    pub fn subscribe(&self, id: CampaignId) -> Option<broadcast::Receiver<Notice>> {
        self.node.board.line(id).map(|line| line.notices.subscribe())
    }

    /// Finishes what is under way, gives the campaigns back and stops. They go on where they are taken up next.
    pub async fn shutdown(&self) {
        self.node.stop.cancel();
        self.node.tasks.close();
        self.node.tasks.wait().await;
    }
}

impl Node {
    async fn live(self: Arc<Self>) {
        self.take_up_all().await;
        for task in [Task::Listen, Task::Adopt, Task::WatchClock] {
            let node = Arc::clone(&self);
            self.tasks.spawn(async move {
                let work = async {
                    match task {
                        Task::Listen => node.listen().await,
                        Task::Adopt => node.adopt().await,
                        Task::WatchClock => node.watch_clock().await,
                    }
                };
                node.stop.run_until_cancelled(work).await;
            });
        }
    }

    /// After a start: whatever this node held before, and whatever nobody holds.
    async fn take_up_all(self: &Arc<Self>) {
        let mut backoff = self.around.settings.backoff();
        let listings = loop {
            match self.around.store.list(None).await {
                Ok(listings) => break listings,
                Err(error) => {
                    tracing::warn!(%error, "the store cannot be read yet");
                    if self.stop.run_until_cancelled(sleep(backoff.pause())).await.is_none() {
                        return;
                    }
                }
            }
        };
        let open = listings.iter().filter(|listing| !listing.standing.is_some_and(|standing| standing.over));
        for listing in open {
            if self.stop.is_cancelled() {
                return;
            }
            match self.take_up(listing.id).await {
                Ok(()) | Err(StoreError::Held { .. }) => {}
                Err(error) => tracing::warn!(campaign = %listing.id, %error, "a campaign is not taken up"),
            }
        }
    }

    /// Hands on what the network server tells.
    async fn listen(&self) {
        let transport = &self.around.transport;
        let mut backoff = self.around.settings.backoff();
        loop {
            match transport.recv().await {
                Ok(delivery) => {
                    backoff = self.around.settings.backoff();
                    let Some(receipt) = self.board.deliver(delivery).await else { continue };
                    if let Err(error) = transport.acknowledge(receipt).await {
                        tracing::debug!(%error, "a receipt is not taken; it may come again");
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "nothing is heard from the network server");
                    sleep(backoff.pause()).await;
                }
            }
        }
    }

    /// Takes up what other nodes leave behind.
    async fn adopt(self: &Arc<Self>) {
        let Settings { node, lease, adopt_every, .. } = &self.around.settings;
        loop {
            sleep(*adopt_every).await;
            loop {
                let asked = Instant::now();
                match self.around.store.acquire_any(node, *lease).await {
                    Ok(Some(lease)) => {
                        self.holds(|held| held.insert(lease.campaign));
                        self.run(lease, asked).await;
                    }
                    Ok(None) => break,
                    Err(error) => {
                        tracing::warn!(%error, "the store cannot be asked for campaigns");
                        break;
                    }
                }
            }
        }
    }

    async fn watch_clock(&self) {
        loop {
            let step = self.around.clock.stepped().await;
            tracing::warn!(from = %step.from, to = %step.to, "the clock was set");
            for line in self.board.lines() {
                let _ = line.notices.send(Notice::ClockStepped(step));
            }
        }
    }

    /// Takes up a campaign, unless this node has it already.
    async fn take_up(self: &Arc<Self>, id: CampaignId) -> Result<(), StoreError> {
        if !self.holds(|held| held.insert(id)) {
            return Ok(());
        }
        let asked = Instant::now();
        let Settings { node, lease, .. } = &self.around.settings;
        match self.around.store.acquire(id, node, *lease).await {
            Ok(lease) => {
                self.run(lease, asked).await;
                Ok(())
            }
            Err(error) => {
                self.holds(|held| held.remove(&id));
                Err(error)
            }
        }
    }

    fn holds<T>(&self, with: impl FnOnce(&mut HashSet<CampaignId>) -> T) -> T {
        with(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Works on a campaign in a task of its own.
    async fn run(self: &Arc<Self>, lease: Lease, asked: Instant) {
        let span = trace::campaign(&lease, &self.around.settings.node);
        self.work_on(lease, asked).instrument(span).await;
    }

    async fn work_on(self: &Arc<Self>, lease: Lease, asked: Instant) {
        let id = lease.campaign;
        let held = Held::new(lease, asked, Arc::clone(&self.around.store), &self.around.settings);
        let (inbox, receiver) = mpsc::channel(self.around.settings.inbox);
        let (notices, _) = broadcast::channel(NOTICES);
        let lines = Lines { inbox: receiver, notices: notices.clone(), stop: self.stop.child_token() };
        let runner = match Runner::take_up(self.around.clone(), held, lines).await {
            Ok(runner) => runner,
            Err((held, error)) => {
                tracing::error!(campaign = %id, %error, "a campaign cannot be taken up");
                if error.is_transient() {
                    self.give_back(held).await;
                } else {
                    self.park(held);
                }
                return;
            }
        };
        self.board.connect(id, Line { inbox, notices: notices.clone() }, runner.devices());
        let node = Arc::clone(self);
        let work = async move {
            let (held, ended) = runner.run().await;
            node.board.disconnect(id);
            let notice = match ended {
                Ended::Finished(outcome) => {
                    node.give_back(held).await;
                    Notice::Finished(outcome)
                }
                Ended::Stopped => {
                    node.give_back(held).await;
                    Notice::HandedOver
                }
                Ended::Lost => {
                    node.holds(|held| held.remove(&id));
                    Notice::HandedOver
                }
                Ended::Broken(error) => {
                    tracing::error!(campaign = %id, %error, "a campaign cannot go on");
                    node.park(held);
                    Notice::HandedOver
                }
            };
            let _ = notices.send(notice);
        };
        self.tasks.spawn(work.in_current_span());
    }

    async fn give_back(&self, held: Held) {
        self.holds(|all| all.remove(&held.lease().campaign));
        if let Err(error) = self.around.store.release(held.lease()).await {
            tracing::warn!(campaign = %held.lease().campaign, %error, "a lease is left to run out");
        }
    }

    /// Keeps a campaign from being tried again until somebody has looked at it.
    fn park(&self, held: Held) {
        self.parked.lock().unwrap_or_else(PoisonError::into_inner).push(held);
    }
}

/// What a node does beside its campaigns.
#[derive(Clone, Copy, Debug)]
enum Task {
    Listen,
    Adopt,
    WatchClock,
}
