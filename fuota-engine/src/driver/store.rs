//! What has to outlive the process, as the driver needs it.
//!
//! A store keeps campaigns: what each was started with, its journal of records, a snapshot that bounds the replay, how
//! its devices stand (for people to query), and who may write to it. Plans, records and snapshots are octets here:
//! their format and its versions are [`record`](crate::campaign::record)'s business, so a store never has to change
//! with them.
//!
//! # Leases
//! A campaign is written by whoever holds its lease. Each time it changes hands its *token* grows, and a write under
//! an older token, or after the lease has run out, is refused with [`StoreError::Fenced`]. Times are the store's own:
//! nodes' clocks need not agree.
//!
//! # Time on air
//! Campaigns of all nodes take turns on the channels of the gateways. Whoever wants to transmit books the next moment
//! that is free; so in any stretch of time no channel carries more than its duty cycle allows, and nobody waits longer
//! than the others' turns take. These moments are GPS time by the nodes' clocks.

mod airtime;
mod error;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

pub use self::airtime::{Booking, Channel, Promise};
pub use self::error::{Obstacle, StoreError};
use crate::campaign::event::{CampaignStatus, DeviceReport, StageKind};
pub use crate::campaign::io::Resource;
use crate::ids::{DevEui, GroupId};
use crate::time::GpsInstant;

/// A durable home for campaigns, shared by as many nodes as it can serve.
///
/// Every method has its whole effect or none, whatever fails and whenever; once it has answered `Ok`, what it did
/// survives a power cut.
#[async_trait]
pub trait Store: Send + Sync {
    /// Keeps a new campaign, that nobody holds yet.
    ///
    /// # Errors
    /// [`StoreError::Claimed`] if one of its devices already has that fragmentation index or group identifier in a
    /// campaign that is not over; [`StoreError::Quota`] if its tenant has as many campaigns or devices as it may;
    /// [`StoreError::Unknown`] if there is no campaign to take secrets from; [`StoreError::Overtaken`] if others were
    /// promised more of its time on air than it was planned for.
    async fn create(&self, campaign: &NewCampaign) -> Result<CampaignId, StoreError>;

    /// What a campaign was started with.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] if there is no such campaign.
    async fn load(&self, id: CampaignId) -> Result<StoredCampaign, StoreError>;

    /// The campaigns of one tenant, or of all, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list(&self, tenant: Option<&Tenant>) -> Result<Vec<Listing>, StoreError>;

    /// One campaign as people see it.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] if there is no such campaign.
    async fn find(&self, id: CampaignId) -> Result<Listing, StoreError> {
        let listing = self.list(None).await?.into_iter().find(|listing| listing.id == id);
        listing.ok_or(StoreError::Unknown(id))
    }

    /// At most `most` records from the `first`-th on, counted from 0, in order. Fewer than `most` only at the end.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] if there is no such campaign.
    async fn records(&self, id: CampaignId, first: u64, most: u32) -> Result<Vec<Vec<u8>>, StoreError>;

    /// The latest snapshot, if there is one.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] if there is no such campaign.
    async fn snapshot(&self, id: CampaignId) -> Result<Option<Snapshot>, StoreError>;

    /// Takes a campaign that nobody holds, or whose lease has run out, for `ttl` from now. Its token is larger than any
    /// before. A node that asks for what it holds itself has been restarted: it gets the campaign at once, under a new
    /// token.
    ///
    /// # Errors
    /// [`StoreError::Held`] while somebody else's lease runs.
    async fn acquire(&self, id: CampaignId, node: &str, ttl: Duration) -> Result<Lease, StoreError>;

    /// Takes one campaign that is not over and that nobody holds, or whose lease has run out, the oldest first; `None`
    /// if there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn acquire_any(&self, node: &str, ttl: Duration) -> Result<Option<Lease>, StoreError>;

    /// Prolongs a lease that still runs to `ttl` from now.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if it has run out, or somebody else holds the campaign.
    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<(), StoreError>;

    /// Gives a campaign back, so that others need not wait for the lease to run out. A lease that is no longer valid
    /// is given back already.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn release(&self, lease: &Lease) -> Result<(), StoreError>;

    /// Adds a batch to a campaign, all or nothing. `batch.first` must be the number of records so far: whoever lost
    /// track must load them first. The same batch once more is taken for done, since its first answer may have been lost.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if the lease is no longer valid; [`StoreError::OutOfSequence`] for a gap, or other
    /// records in the same place; [`StoreError::Claimed`] if something that the campaign takes of a device belongs to
    /// another that is not over.
    async fn append(&self, lease: &Lease, batch: &Batch) -> Result<(), StoreError>;

    /// Keeps a snapshot in place of the one before. Records that it covers may be forgotten.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if the lease is no longer valid; [`StoreError::OutOfSequence`] if it covers records that
    /// the store does not have.
    async fn put_snapshot(&self, lease: &Lease, snapshot: &Snapshot) -> Result<(), StoreError>;

    /// Sets `count` frame counters of a group aside, never to be handed out again, and returns the first. For network
    /// servers that leave the counters to the engine.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if the lease is no longer valid; [`StoreError::CountersExhausted`] beyond 2^32.
    async fn reserve_counters(&self, lease: &Lease, group: GroupId, count: u32) -> Result<u32, StoreError>;

    /// Books the first moment from `booking.from` on at which all its channels are free, and returns it; they are free
    /// again `booking.taken` later. What was promised to the campaign there is less by so much.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if the lease is no longer valid; [`StoreError::NoAirtime`] if that moment is after
    /// `booking.latest`: then nothing is booked.
    async fn book_airtime(&self, lease: &Lease, booking: &Booking) -> Result<GpsInstant, StoreError>;

    /// What is promised to campaigns that are not over, on that one of these channels where it is most.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn promised_airtime(&self, channels: &[Channel]) -> Result<Duration, StoreError>;

    /// Keeps a secret of a group, sealed by the caller, unless there is one; returns the one that is kept.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] if there is no such campaign.
    async fn secret(&self, id: CampaignId, group: GroupId, sealed: &[u8]) -> Result<Vec<u8>, StoreError>;

    /// What operators ordered, in order: the start first, then what the batches say.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] if there is no such campaign.
    async fn audits(&self, id: CampaignId) -> Result<Vec<AuditEntry>, StoreError>;

    /// How the devices of a campaign stand, from the `first`-th on in the plan's order, at most `most`.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] if there is no such campaign.
    async fn devices(&self, id: CampaignId, first: u32, most: u32) -> Result<Vec<DeviceRow>, StoreError>;
}

/// A campaign's name in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CampaignId(pub u64);

impl fmt::Display for CampaignId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whose campaign it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tenant(pub String);

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A campaign to be kept.
#[derive(Clone, Debug)]
pub struct NewCampaign {
    /// Whose it is.
    pub tenant: Tenant,
    /// What people call it.
    pub name: String,
    /// The plan without its image.
    pub plan: Vec<u8>,
    /// The data block; kept once, however many campaigns send it.
    pub image: Vec<u8>,
    /// Its devices, in the plan's order.
    pub devices: Vec<Claim>,
    /// What its first rounds will take of the gateways' time on air.
    pub airtime: Vec<Promise>,
    /// What was promised to others there when it was planned, as [`Store::promised_airtime`] tells.
    pub beside: Duration,
    /// A campaign whose secrets it begins with, because the operator wants its groups' keys used again.
    pub secrets_of: Option<CampaignId>,
    /// Who starts it: its first [`AuditEntry`], [`AuditEntry::start`].
    pub actor: String,
}

/// What a campaign takes of a device's four fragmentation indices and four groups, until it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The device.
    pub dev_eui: DevEui,
    /// Index of its fragmentation session, 0 to 3; `None` if the campaign sends no data block.
    pub frag_index: Option<u8>,
    /// Its name for the group, 0 to 3.
    pub mc_group_id: u8,
}

/// A campaign as it was started.
#[derive(Clone, Debug)]
pub struct StoredCampaign {
    /// Whose it is.
    pub tenant: Tenant,
    /// What people call it.
    pub name: String,
    /// The plan without its image.
    pub plan: Vec<u8>,
    /// The data block.
    pub image: Vec<u8>,
    /// How many records there are.
    pub records: u64,
}

/// A campaign as people see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Its name in the store.
    pub id: CampaignId,
    /// Whose it is.
    pub tenant: Tenant,
    /// What people call it.
    pub name: String,
    /// How far it is; `None` before the first batch.
    pub standing: Option<Standing>,
}

/// How far a campaign is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub struct Standing {
    /// Its status.
    pub status: CampaignStatus,
    /// The stage under way, or the last.
    pub stage: StageKind,
    /// Devices that have what the campaign is for.
    pub complete: u32,
    /// Devices that no longer take part.
    pub failed: u32,
    /// Devices in all.
    pub devices: u32,
    /// Nothing follows: its devices are free for other campaigns.
    pub over: bool,
}

/// A device's progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceRow {
    /// How it stands; `None` before it was first told.
    pub report: Option<DeviceReport>,
    /// What the campaign takes of it.
    pub claim: Claim,
}

/// What one turn of the loop makes durable.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Number of the first record, counted from 0.
    pub first: u64,
    /// The records, in order.
    pub records: Vec<Vec<u8>>,
    /// Devices whose standing changed.
    pub devices: Vec<DeviceReport>,
    /// Devices of which the campaign takes something else from now on, in place of what it took.
    pub claims: Vec<Claim>,
    /// What was ordered, to be noted along with the records. Without records there are none.
    pub orders: Vec<AuditEntry>,
    /// How far the campaign is after it.
    pub standing: Standing,
}

/// A campaign's whole state after so many records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Records that it covers.
    pub records: u64,
    /// The state.
    pub state: Vec<u8>,
}

/// The right to write to a campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Which campaign.
    pub campaign: CampaignId,
    /// Grows each time that the campaign changes hands. A network server that checks it can tell a late sender.
    pub token: u64,
}

/// Something that an operator ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Who.
    pub actor: String,
    /// What.
    pub order: String,
}

impl AuditEntry {
    /// Somebody starts a campaign.
    #[must_use]
    pub fn start(actor: impl Into<String>) -> Self {
        Self { actor: actor.into(), order: "Start".into() }
    }
}
