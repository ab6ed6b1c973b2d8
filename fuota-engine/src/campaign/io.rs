//! What goes into a [`Campaign`](super::Campaign) and what comes out of it.
//!
//! The campaign neither sends nor waits: it is told what happened ([`Input`]) and says what should happen
//! ([`Output`]), in one ordered stream.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use fuota_proto::{
    DataRate, Descriptor, EncryptedMcKey, FragIndex, Frequency, McAddr, McGroupId, Mic, PingSlotPeriodicity,
};

use super::event::{Event, Outcome};
use super::plan::pacing::Pacing;
use super::plan::{LONGEST_CLASS_B_SESSION, LONGEST_CLASS_C_SESSION};
use super::record::Record;
use super::tx::awaits_answer;
use crate::ids::{DevEui, GroupId, TxId};
use crate::percent::Percent;
use crate::time::GpsInstant;

/// Something that happened outside the campaign.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Input<'a> {
    /// A device was heard. Every uplink of a participant belongs here, whatever its port: hearing a device is
    /// itself information (a class A device can only be reached after it spoke).
    Uplink {
        /// Who spoke.
        from: DevEui,
        /// FPort of the frame.
        port: u8,
        /// Decrypted FRMPayload.
        payload: &'a [u8],
        /// When the network received the end of the frame.
        received: GpsInstant,
    },
    /// The fate of a transmission.
    Downlink {
        /// Which one.
        id: TxId,
        /// What became of it.
        report: Report,
    },
    /// The fate of an order about a multicast group.
    Group {
        /// Which group.
        id: GroupId,
        /// What became of it.
        report: GroupReport,
    },
    /// The answer to [`Output::Derive`]. Keys themselves never enter the campaign.
    Derived {
        /// The device it was derived for.
        device: DevEui,
        /// What was derived.
        value: Derived,
    },
    /// The operator wants something.
    Operator(Order),
    /// What a device was to use, as [`Event::Renumbered`] told, belongs to another campaign: it gets the next. Requests to
    /// it that were taken and not sent yet are dropped ([`Transmit::is_request_to`]).
    Taken {
        /// Which device.
        device: DevEui,
        /// Its fragmentation index or group identifier.
        what: Resource,
    },
    /// The moment named by [`Output::Wait`] has come.
    Timeout,
}

/// What [`Output::Derive`] asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Derived {
    /// `McKey_encrypted`: the group key under the device's McKEKey (TS005-1.0.0 §3.3).
    McKey(EncryptedMcKey),
    /// The integrity code of the data block under the device's DataBlockIntKey (TS004-2.0.0 §5).
    BlockMic(Mic),
    /// There is no key for this device.
    Unavailable,
}

/// What became of a [`Transmit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Report {
    /// The last bit left a gateway's antenna at `at`: the "sent report" of a unicast downlink, the "summary
    /// report" of a multicast one.
    Sent {
        /// End of the transmission.
        at: GpsInstant,
    },
    /// The network server did not take it; it never went on air and does not count as a try.
    Refused(Refusal),
    /// It was still queued when it expired or was cancelled; it never went on air.
    Dropped,
    /// Others are on air before it, so its turn comes at `until`; what became of it is still to be reported. Only
    /// multicast is put off: unicast waits for its device anyway.
    Postponed {
        /// Beginning of the transmission.
        until: GpsInstant,
    },
}

/// Why a network server refuses a downlink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Refusal {
    /// Its queue is full; try again later.
    Busy,
    /// No gateway may transmit in that band now.
    DutyCycle,
    /// The payload is too long for the data rate.
    TooLong,
    /// It does not know the device or the group.
    Unknown,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Busy => "its queue is full",
            Self::DutyCycle => "no gateway may transmit now",
            Self::TooLong => "the payload is too long for the data rate",
            Self::Unknown => "it does not know the device or the group",
        })
    }
}

/// What became of a [`GroupOrder`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum GroupReport {
    /// The group exists at the network server.
    Provisioned {
        /// Frame counter of the next multicast downlink.
        next_fcnt: u32,
    },
    /// The network server cannot host the group.
    Refused,
}

/// What an operator can ask of a running campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Order {
    /// End the campaign: nothing new is sent, the status becomes STOPPED.
    Stop,
    /// Begin, if the campaign still waits for its [`Start`](super::spec::Start): at this moment, or at once.
    Start {
        /// When; at once if unset or past.
        at: Option<GpsInstant>,
    },
    /// Send nothing until told to go on. What is queued at the network server is withdrawn. Answers are taken note of,
    /// and the session and the maximum duration run on.
    Pause,
    /// Go on after a pause. A session that has become too short for what is left is replaced by a later one.
    Resume,
    /// Go on without a device. It fails as `Excluded`, and no longer counts when the success threshold is applied.
    Exclude {
        /// Which.
        device: DevEui,
    },
    /// From now on this share of the devices has to succeed.
    Require {
        /// At most 100 %.
        share: Percent,
    },
}

/// Something the surroundings have to do, in order.
///
/// Exhaustive on purpose: an integrator who overlooks a new kind would lose frames.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub enum Output {
    /// Make a record durable, before anything that follows is carried out.
    Persist(Record),
    /// Hand a downlink to the network server.
    Transmit(Transmit),
    /// Withdraw a queued downlink. If it never went on air the network server reports [`Report::Dropped`].
    Cancel(TxId),
    /// Set up or tear down a multicast group at the network server.
    Group(GroupOrder),
    /// Compute something with a device's keys, answered by [`Input::Derived`].
    Derive(DeriveOrder),
    /// Something worth telling a person or a dashboard.
    Event(Event),
    /// The campaign is over; nothing follows but `Wait(None)`.
    Finished(Outcome),
    /// Nothing more to do until this moment or the next input; `None`: until the next input.
    Wait(Option<GpsInstant>),
}

/// Something to compute with a device's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeriveOrder {
    /// Wrap the group's key under the device's McKEKey.
    McKey {
        /// Whose McKEKey.
        device: DevEui,
        /// Whose McKey.
        group: GroupId,
    },
    /// The integrity code of the plan's data block under the device's DataBlockIntKey (TS004-2.0.0 §5).
    BlockMic {
        /// Whose DataBlockIntKey.
        device: DevEui,
        /// Of this session.
        session_cnt: u16,
        /// Of this index.
        frag_index: FragIndex,
        /// The block's description, as on the wire.
        descriptor: Descriptor,
    },
}

/// One downlink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Under which its [`Report`] comes back.
    pub id: TxId,
    /// To whom.
    pub dest: Dest,
    /// FPort.
    pub port: u8,
    /// FRMPayload in clear.
    pub payload: Vec<u8>,
    /// Not on air before this moment.
    pub not_before: GpsInstant,
    /// Dropped if not on air by this moment.
    pub expires_at: GpsInstant,
}

impl Transmit {
    /// Whether this is the request that a device has under way: it says which session or group the device is to use, and
    /// a driver that hands in [`Input::Taken`] does not send it. What answers a question of the device's own is none.
    #[must_use]
    pub fn is_request_to(&self, device: DevEui) -> bool {
        self.dest == Dest::Unicast(device) && awaits_answer(self.id)
    }
}

/// Where a downlink goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dest {
    /// To one device, when its class allows.
    Unicast(DevEui),
    /// To all who listen to the group.
    Multicast(GroupId),
}

/// An order about a multicast group, answered by [`Input::Group`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupOrder {
    /// Create it, or find it as it was.
    Provision(GroupParameters),
    /// The campaign has no more use for it. Not answered.
    Release(GroupId),
}

/// What a network server needs to know of a multicast group, its keys apart: those it shares with whoever wraps
/// them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub struct GroupParameters {
    /// The campaign's name for the group.
    pub id: GroupId,
    /// The device's name for it, 0 to 3.
    pub mc_group_id: McGroupId,
    /// Its multicast address.
    pub mc_addr: McAddr,
    /// Which of the operator's keys it has: compared with what devices already hold.
    pub key_id: u32,
    /// How its devices listen.
    pub class: SessionClass,
    /// Downlink frequency of its session.
    pub frequency: Frequency,
    /// Data rate of its session.
    pub data_rate: DataRate,
}

/// How a group's devices listen during the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub enum SessionClass {
    /// In ping slots after beacons.
    B {
        /// Every 2^Periodicity seconds.
        periodicity: PingSlotPeriodicity,
    },
    /// All the time.
    C,
}

impl SessionClass {
    /// Time from the start of one multicast frame to the start of the next if at least `gap` has to pass between
    /// them. In class B a frame starts in a ping slot, and those come every 2^(5+k) slots of 30 ms.
    #[must_use]
    pub fn paced(self, gap: Duration) -> Duration {
        match self {
            Self::C => gap,
            Self::B { periodicity } => {
                let period = Duration::from_millis(960 << periodicity.get());
                let periods = gap.as_micros().div_ceil(period.as_micros()).max(1);
                period.saturating_mul(u32::try_from(periods).unwrap_or(u32::MAX))
            }
        }
    }

    /// Most time that so many multicast frames take if at least `gap` has to pass from the start of one to the start of
    /// the next: from the moment when the first may be sent to the moment when one more might be. In class B that is
    /// for the worst places of ping slots and beacons.
    #[must_use]
    pub fn most_time(self, gap: Duration, frames: u32) -> Duration {
        Pacing::new(self, gap).duration(frames)
    }

    /// The longest session that a request can ask for: 2^15 s in class C, 2^15 beacon periods in class B
    /// (TS005-1.0.0 §3.5 and §3.6).
    #[must_use]
    pub const fn longest_session(self) -> Duration {
        match self {
            Self::B { .. } => LONGEST_CLASS_B_SESSION,
            Self::C => LONGEST_CLASS_C_SESSION,
        }
    }
}

/// What only one campaign at a time can have of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Resource {
    /// A fragmentation session.
    FragIndex(u8),
    /// A multicast group.
    McGroupId(u8),
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FragIndex(index) => write!(f, "FragIndex {index}"),
            Self::McGroupId(id) => write!(f, "McGroupID {id}"),
        }
    }
}
