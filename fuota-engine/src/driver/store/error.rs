//! Why a store could not do what it was asked.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use super::{CampaignId, Resource, Tenant};
use crate::ids::DevEui;
use crate::time::GpsInstant;

/// Why a store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// It may work later. The campaign stands still until then.
    #[error("the store cannot be used now: {cause}")]
    Unavailable {
        /// What stands in the way.
        cause: Obstacle,
        /// What the database says.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// The lease has run out, or somebody else holds the campaign. Whoever is told this must not send any more.
    #[error("campaign {campaign} is no longer held under token {token}")]
    Fenced {
        /// Which campaign.
        campaign: CampaignId,
        /// The token that is no longer valid.
        token: u64,
    },
    /// Somebody else holds the campaign.
    #[error("campaign {campaign} is held by {by} for another {remaining:?}")]
    Held {
        /// Which campaign.
        campaign: CampaignId,
        /// By whom.
        by: String,
        /// How long its lease still runs.
        remaining: Duration,
    },
    /// The batch does not follow on what is there.
    #[error("campaign {campaign} has {records} records, the batch begins with the {first}-th")]
    OutOfSequence {
        /// Which campaign.
        campaign: CampaignId,
        /// How many records it has.
        records: u64,
        /// Where the batch begins.
        first: u64,
    },
    /// What a campaign needs of a device belongs to another that is not over.
    #[error("{what} of device {device} belongs to campaign {holder}")]
    Claimed {
        /// Which device.
        device: DevEui,
        /// Its fragmentation index or group identifier.
        what: Resource,
        /// The other campaign.
        holder: CampaignId,
    },
    /// The tenant has as much as it may have.
    #[error("tenant {tenant} may have {limit} {what}")]
    Quota {
        /// Whose quota.
        tenant: Tenant,
        /// How many.
        limit: u64,
        /// Of what.
        what: &'static str,
    },
    /// While a campaign was planned, more time on air was promised to others. It has to be planned anew.
    #[error("{promised:?} of the time on air are promised by now, {planned:?} when the campaign was planned")]
    Overtaken {
        /// What is promised where it is most.
        promised: Duration,
        /// What it was planned for.
        planned: Duration,
    },
    /// All frame counters of a group are used up.
    #[error("the frame counters of the group are used up")]
    CountersExhausted,
    /// The channels are taken for too long.
    #[error("the next turn on air is at {free}, later than {latest}")]
    NoAirtime {
        /// When all of them are free.
        free: GpsInstant,
        /// When the transmission would have had to begin.
        latest: GpsInstant,
    },
    /// The connection has to be encrypted, and this program was built without what it takes.
    #[error("an encrypted connection is asked for, which needs the feature postgres-tls")]
    NoTls,
    /// There is no such campaign.
    #[error("there is no campaign {0}")]
    Unknown(CampaignId),
    /// What the store holds is not what was put there.
    #[error("the store holds something unexpected: {what}")]
    Corrupt {
        /// What was found.
        what: String,
    },
    /// The store refuses for a reason of its own that waiting does not mend.
    #[error("the store failed")]
    Other(#[source] Box<dyn Error + Send + Sync>),
}

impl StoreError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

/// What keeps a store from working for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Obstacle {
    /// The disk is full.
    Full,
    /// It may not be written to.
    ReadOnly,
    /// Others are using it.
    Busy,
    /// The connection is lost, or was refused.
    Disconnected,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the disk is full",
            Self::ReadOnly => "it is read-only",
            Self::Busy => "it is busy",
            Self::Disconnected => "it cannot be reached",
        })
    }
}
