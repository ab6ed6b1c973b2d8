//! The network server, as the driver needs it.

use std::error::Error;
use std::fmt;

use async_trait::async_trait;

use super::keys::GroupKeys;
use super::store::CampaignId;
use crate::campaign::io::{GroupParameters, Refusal, Report, Transmit};
use crate::ids::{DevEui, GroupId, TxId};
use crate::time::GpsInstant;

/// A network server.
///
/// One transport serves all campaigns of a node. Nothing here waits for something to go on air: a downlink is taken or
/// refused at once, and its fate comes through [`recv`](Self::recv).
#[async_trait]
pub trait Transport: Send + Sync {
    /// What this network server can do.
    fn capabilities(&self) -> Capabilities;

    /// Hands a downlink over. The same identifier again, after a restart, carries the same octets: a network server
    /// that remembers it takes it once.
    ///
    /// # Errors
    /// [`SendError::Refused`] becomes [`Report::Refused`]; [`SendError::Unavailable`] is tried again.
    async fn send(&self, from: Handover, transmit: &Transmit) -> Result<(), SendError>;

    /// Withdraws a downlink. One that never went on air is reported [`Report::Dropped`]; one that did, or that is not
    /// known, keeps the report it has.
    ///
    /// # Errors
    /// [`TransportError`].
    async fn cancel(&self, campaign: CampaignId, id: TxId) -> Result<(), TransportError>;

    /// Creates a multicast group with its devices, or finds it as it was. Returns the frame counter of its next
    /// downlink.
    ///
    /// # Errors
    /// [`ProvisionError::Refused`] becomes `GroupReport::Refused`; [`ProvisionError::Unavailable`] is tried again.
    async fn provision(&self, group: &Provision<'_>) -> Result<u32, ProvisionError>;

    /// The gateways that a multicast group of these devices is sent from. Campaigns share their time on air. Unless a
    /// network server says otherwise, all gateways count as one: no more goes on air than a single one may send.
    ///
    /// # Errors
    /// [`TransportError`].
    async fn gateways(&self, devices: &[DevEui]) -> Result<Vec<Gateway>, TransportError> {
        let _ = devices;
        Ok(vec![Gateway::all()])
    }

    /// Lets go of a group. One that is not there is let go already.
    ///
    /// # Errors
    /// [`TransportError`].
    async fn release(&self, campaign: CampaignId, group: GroupId) -> Result<(), TransportError>;

    /// Waits for the next thing that happens. What was not acknowledged before the connection was lost, or the
    /// process ended, comes again, if the network server can do that at all.
    ///
    /// Of several nodes each hears everything, and acknowledges what concerns none of its campaigns. What comes while a
    /// campaign changes hands may be heard by neither node; then the device is asked again.
    ///
    /// # Errors
    /// [`TransportError`]; the next call tries again.
    async fn recv(&self) -> Result<Delivery, TransportError>;

    /// What was received is durable: it need not come again.
    ///
    /// # Errors
    /// [`TransportError`]; it may come again.
    async fn acknowledge(&self, receipt: Receipt) -> Result<(), TransportError>;

    /// The downlinks of a campaign that are still queued, for a network server that can tell
    /// ([`Capabilities::lists_queue`]). After a crash what is queued need not be handed over again.
    ///
    /// # Errors
    /// [`TransportError`].
    async fn queued(&self, campaign: CampaignId) -> Result<Vec<TxId>, TransportError>;
}

/// A gateway, by the network server's name for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gateway(pub String);

impl Gateway {
    /// All gateways, taken for one.
    #[must_use]
    pub fn all() -> Self {
        Self("*".into())
    }
}

impl fmt::Display for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a network server can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// Who counts multicast frames.
    pub counters: CounterOwner,
    /// Whether [`Transport::queued`] tells what is queued.
    pub lists_queue: bool,
    /// Whether it refuses what is handed over under an outdated token.
    pub checks_tokens: bool,
    /// Downlinks that it takes before it refuses with [`Refusal::Busy`]: so many may go out twice after a crash.
    pub queue_depth: u16,
}

impl Capabilities {
    /// A network server that counts frames itself, takes this many downlinks and can do no more than it must.
    #[must_use]
    pub const fn basic(queue_depth: u16) -> Self {
        Self { counters: CounterOwner::NetworkServer, lists_queue: false, checks_tokens: false, queue_depth }
    }
}

/// Who counts multicast frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CounterOwner {
    /// The network server: it encrypts, too.
    NetworkServer,
    /// The engine, which reserves counters in the store before they are used.
    Engine,
}

/// On whose behalf a downlink is handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handover {
    /// The campaign.
    pub campaign: CampaignId,
    /// The token of its lease. A network server that has seen a larger one should refuse.
    pub token: u64,
    /// Must be taken by then: after it somebody else may hold the campaign.
    pub deadline: GpsInstant,
    /// The multicast frame counter to be used, where the engine owns it.
    pub fcnt: Option<u32>,
}

/// A multicast group to be created.
#[derive(Clone, Debug)]
pub struct Provision<'a> {
    /// For which campaign.
    pub campaign: CampaignId,
    /// What it is like.
    pub parameters: &'a GroupParameters,
    /// Its keys.
    pub keys: &'a GroupKeys,
    /// Its members.
    pub devices: &'a [DevEui],
}

/// Something that happened, and how to say that it is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// What happened.
    pub event: TransportEvent,
    /// To be handed back once it is durable; `None` if it cannot come again anyway.
    pub receipt: Option<Receipt>,
}

/// The network server's name for something that it delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Receipt(pub u64);

/// Something that happened on the network.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransportEvent {
    /// A device was heard, on whatever port.
    Uplink {
        /// Who spoke.
        from: DevEui,
        /// FPort of the frame.
        port: u8,
        /// Decrypted FRMPayload.
        payload: Vec<u8>,
        /// When the network received the end of the frame.
        received: GpsInstant,
    },
    /// The fate of a downlink.
    Downlink {
        /// Whose.
        campaign: CampaignId,
        /// Which one.
        id: TxId,
        /// What became of it.
        report: Report,
    },
}

/// Why a downlink was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The network server does not want it.
    #[error("the network server refuses the downlink: {0}")]
    Refused(Refusal),
    /// Somebody else holds the campaign by now.
    #[error("the network server has seen a newer token")]
    Fenced,
    /// Whether it was taken is not known.
    #[error(transparent)]
    Unavailable(#[from] TransportError),
}

/// Why a group was not created.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProvisionError {
    /// The network server cannot host it.
    #[error("the network server refuses the group: {0}")]
    Refused(String),
    /// Whether it was created is not known.
    #[error(transparent)]
    Unavailable(#[from] TransportError),
}

/// The network server does not answer; it may later.
#[derive(Debug, thiserror::Error)]
#[error("the network server cannot be reached")]
pub struct TransportError(#[source] pub Box<dyn Error + Send + Sync>);
