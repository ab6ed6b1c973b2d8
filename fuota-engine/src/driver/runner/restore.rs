//! Taking a campaign up, new or from what is durable.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use tokio::sync::{Semaphore, broadcast, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::super::counters::Counters;
use super::super::item::Item;
use super::super::lease::Held;
use super::super::metric::Meter;
use super::super::notice::Notice;
use super::super::store::{CampaignId, StoreError, Tenant};
use super::super::surroundings::Surroundings;
use super::super::trace;
use super::Runner;
use crate::campaign::Campaign;
use crate::campaign::format::FormatError;
use crate::campaign::plan::{Plan, PlanError};
use crate::campaign::record::{Record, Restore, RestoreError};
use crate::campaign::spec::CampaignSpec;

/// Records asked for at once.
const PAGE: u32 = 4_096;

/// Why a campaign cannot be taken up.
#[derive(Debug, thiserror::Error)]
pub(in super::super) enum ResumeError {
    /// The store does not give it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its plan or a record of it cannot be read.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// Its plan is none, by today's rules.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Its records are not its own.
    #[error(transparent)]
    Restore(#[from] RestoreError),
}

impl ResumeError {
    /// Whether the campaign may be taken up later.
    pub(in super::super) const fn is_transient(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_transient())
    }
}

/// How a runner hears and is heard.
pub(in super::super) struct Lines {
    pub(in super::super) inbox: mpsc::Receiver<Item>,
    pub(in super::super) notices: broadcast::Sender<Notice>,
    pub(in super::super) stop: CancellationToken,
}

impl Runner {
    /// Takes up a campaign whose lease is held.
    pub(in super::super) async fn take_up(
        around: Surroundings,
        held: Held,
        lines: Lines,
    ) -> Result<Self, (Held, ResumeError)> {
        let id = held.lease().campaign;
        let (tenant, campaign, records) = match restored(&around, id).await {
            Ok(restored) => restored,
            Err(error) => return Err((held, error)),
        };
        let queued = if records > 0 && around.transport.capabilities().lists_queue {
            // Without an answer everything goes out again, which is allowed, and reported.
            around.transport.queued(id).await.map(HashSet::from_iter).unwrap_or_default()
        } else {
            HashSet::new()
        };
        trace::tenant(&tenant);
        Ok(Self {
            id,
            meter: Meter::new(&tenant, campaign.progress().stage, campaign.tally()),
            image: campaign.plan().image().into(),
            campaign,
            held,
            inbox: lines.inbox,
            notices: lines.notices,
            stop: lines.stop,
            records,
            snapshot_at: records + around.settings.snapshot_every,
            troubled: false,
            found: VecDeque::new(),
            derivations: JoinSet::new(),
            derivations_at_once: Arc::new(Semaphore::new(around.settings.derivations)),
            receipts: Vec::new(),
            orders: Vec::new(),
            queued,
            counters: Counters::default(),
            turns: BTreeMap::new(),
            channels: HashMap::new(),
            around,
        })
    }
}

/// Whose campaign it is, the campaign as its records leave it, and how many they are.
async fn restored(around: &Surroundings, id: CampaignId) -> Result<(Tenant, Campaign, u64), ResumeError> {
    let store = &*around.store;
    let stored = store.load(id).await?;
    let plan = Plan::new(CampaignSpec::from_octets(&stored.plan, stored.image)?)?;
    let now = around.clock.now();
    if stored.records == 0 {
        return Ok((stored.tenant, Campaign::new(plan, now), 0));
    }
    let snapshot = store.snapshot(id).await?;
    let from_snapshot = snapshot.and_then(|snapshot| {
        let restore = Restore::from_snapshot(plan.clone(), &snapshot.state, snapshot.records);
        // One of another version is passed over: the records lead to the same state.
        restore
            .map_err(|error| tracing::info!(campaign = %id, %error, "the snapshot is not used"))
            .ok()
            .map(|restore| (restore, snapshot.records))
    });
    let (mut restore, mut next) = from_snapshot.unwrap_or_else(|| (Restore::new(plan), 0));
    loop {
        let page = store.records(id, next, PAGE).await?;
        for record in &page {
            restore.apply(Record::from_octets(record)?)?;
        }
        next += page.len() as u64;
        if page.len() < PAGE as usize {
            break;
        }
    }
    Ok((stored.tenant, restore.finish(now)?, next))
}
