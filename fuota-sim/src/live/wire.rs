//! What a node and the fleet say to each other: a JSON value on each line.

use fuota_engine::campaign::event::StageKind;
use fuota_engine::campaign::io::{Dest, GroupParameters, Refusal, Transmit};
use fuota_engine::ids::{DevEui, GroupId, TxId};
use fuota_engine::time::GpsInstant;
use serde::{Deserialize, Serialize};

use super::clock::FastClock;
use crate::world::{Holdings, Told};

/// What a node says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Said {
    /// Comes back with the answer.
    pub(super) n: u64,
    pub(super) call: Call,
}

/// What a node wants.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Call {
    /// The first of all: who speaks. What that node has not acknowledged comes again.
    Hello { node: String },
    /// Take a downlink.
    Send { campaign: u64, token: u64, downlink: Downlink },
    /// Take it back.
    Cancel { id: TxId },
    /// Host a group.
    Provision { campaign: u64, parameters: GroupParameters, mc_app_s_key: [u8; 16], mc_nwk_s_key: [u8; 16] },
    /// Forget it.
    Release { group: GroupId },
    /// What is queued?
    Queued,
    /// Something told is durable; not answered.
    Acknowledge { receipt: u64 },
    /// The campaign is in this stage.
    Enter { stage: StageKind },
    /// What do devices hold?
    TakeStock,
    /// The campaign is over.
    Finish,
}

/// What the fleet says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    /// The answer to a call.
    Answer { n: u64, answer: Answer },
    /// Something happened.
    Told { receipt: u64, campaign: u64, told: Told },
}

/// The answer to a call.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    Hello(Greeting),
    Done,
    Refused(Refusal),
    Fenced,
    /// Frame counter of the group's next downlink.
    Counter(u32),
    Queued(Vec<TxId>),
    Stock(Box<Holdings>),
}

/// What the fleet is like.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Greeting {
    pub(super) clock: FastClock,
    /// Which campaign it is made for.
    pub(super) fingerprint: String,
    /// Whether its network server can do no more than it must.
    pub(super) is_plain: bool,
    pub(super) queue_depth: u16,
}

/// A downlink.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Downlink {
    id: TxId,
    to: To,
    port: u8,
    payload: Vec<u8>,
    not_before: GpsInstant,
    expires_at: GpsInstant,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum To {
    Device(DevEui),
    Group(GroupId),
}

impl From<&Transmit> for Downlink {
    fn from(transmit: &Transmit) -> Self {
        let Transmit { id, dest, port, ref payload, not_before, expires_at } = *transmit;
        let to = match dest {
            Dest::Unicast(device) => To::Device(device),
            Dest::Multicast(group) => To::Group(group),
        };
        Self { id, to, port, payload: payload.clone(), not_before, expires_at }
    }
}

impl From<Downlink> for Transmit {
    fn from(downlink: Downlink) -> Self {
        let Downlink { id, to, port, payload, not_before, expires_at } = downlink;
        let dest = match to {
            To::Device(device) => Dest::Unicast(device),
            To::Group(group) => Dest::Multicast(group),
        };
        Self { id, dest, port, payload, not_before, expires_at }
    }
}
