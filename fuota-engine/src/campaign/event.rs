//! What a campaign tells people: everything that happens, and how whoever takes part stands.

use core::time::Duration;

use fuota_proto::{FragIndex, McGroupId};

use super::Estimate;
use super::io::Order;
pub use super::standing::{
    CampaignStatus, Cause, DeviceReport, DeviceStatus, FailureReason, Outcome, StageKind, StageReport,
    StageStatus,
};
pub use super::warning::Warning;
use crate::ids::{DevEui, GroupId};
use crate::time::GpsInstant;

/// Something worth telling.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A stage began.
    StageStarted {
        /// Which.
        stage: StageKind,
        /// With how many devices.
        participants: u32,
    },
    /// A stage ended.
    StageEnded(StageReport),
    /// A device failed or is known complete.
    Device(DeviceReport),
    /// A device uses other identifiers than before: its model does not support the first, or another campaign has them.
    Renumbered {
        /// Which device.
        device: DevEui,
        /// Its fragmentation session from now on.
        frag_index: FragIndex,
        /// Its name for the group from now on.
        mc_group_id: McGroupId,
    },
    /// The session of a group was scheduled.
    SessionScheduled {
        /// Whose.
        group: GroupId,
        /// Its first second.
        start: GpsInstant,
        /// How long devices will listen.
        duration: Duration,
    },
    /// The end is decided; clean-up may follow.
    Decided(Outcome),
    /// A round of fragments ended and every answer to its poll is in.
    RoundEnded {
        /// Counted from 1.
        round: u16,
        /// Devices known complete by now.
        complete: u32,
        /// Participants not known complete.
        outstanding: u32,
    },
    /// A poll of the adaptive policy was judged; the same one again if devices had to be asked one by one first.
    Polled {
        /// Whose.
        group: GroupId,
        /// Counted from 1.
        poll: u16,
        /// Fragments sent before it, and while answers came in, in all.
        fragments: u16,
        /// Devices that said they miss something.
        answers: u32,
        /// The most that one of them did.
        largest: Option<u8>,
        /// Of these, devices that are not believed.
        suspects: u32,
        /// Fragments that are sent because of it, beside those sent while answers came in.
        batch: u16,
    },
    /// Devices that a poll named are sent what they need one by one: that takes less airtime than a batch for all.
    RepairedAlone {
        /// Whose devices.
        group: GroupId,
        /// How many.
        devices: u32,
        /// Fragments for them, all together.
        fragments: u32,
    },
    /// The operator ordered something, and that is being done.
    Ordered(Order),
    /// What is still to come, told when a stage or a round begins.
    Estimated(Estimate),
    /// Something an operator should know.
    Warning(Warning),
}
