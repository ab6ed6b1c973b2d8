//! One device's state within a campaign, kept compact: there may be a million.

use core::time::Duration;

use super::event::{DeviceReport, DeviceStatus, FailureReason, StageKind};
use crate::ids::DevEui;
use crate::time::GpsInstant;

/// Where a device stands in the exchange of the current stage.
///
/// ```text
///  AwaitFirstUplink ──heard──▶ Queued ──▶ AwaitKey ──▶ AwaitReport ──sent──▶ AwaitAnswer ──▶ Done
///                                ▲  └─────────────────────▲    │ refused, dropped     │ silence
///                                │                             ▼                      │
///                                └────────────────────────── Resting ◀───────────────┘
///  Listening ──answer──▶ Done          any of these ──▶ Failed, Complete
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Never heard in this campaign; nothing is sent to it before it is.
    AwaitFirstUplink,
    /// Its request may be sent.
    Queued,
    /// Its request waits for the wrapped group key.
    AwaitKey,
    /// Its request is at the network server; the number is the transmission's.
    AwaitReport(u32),
    /// Its request went on air.
    AwaitAnswer,
    /// The network server took nothing; try again later.
    Resting,
    /// It was asked by multicast, with everybody else.
    Listening,
    /// It has done the current stage.
    Done,
    /// It reported the whole data block.
    Complete,
    /// It no longer takes part.
    Failed(StageKind, FailureReason),
}

impl State {
    /// Whether the current stage still waits for the device.
    pub(super) const fn is_open(self) -> bool {
        !matches!(self, Self::Done | Self::Complete | Self::Failed(..))
    }

    /// Whether the device failed only because nothing was heard of it, so that a late answer can still save it.
    pub(super) const fn is_silent(self) -> bool {
        matches!(self, Self::Failed(_, FailureReason::NoAnswer | FailureReason::NotHeard))
    }

    /// Whether the device failed in `stage` for want of an answer, which may still come late.
    pub(super) fn is_silent_in(self, stage: StageKind) -> bool {
        self.is_silent() && matches!(self, Self::Failed(at, _) if at == stage)
    }
}

/// A device of the campaign.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    pub(super) dev_eui: DevEui,
    pub(super) state: State,
    /// When it was last heard; `None` until its first uplink.
    pub(super) last_heard: Option<GpsInstant>,
    /// When the campaign does something about it by itself.
    pub(super) deadline: Option<GpsInstant>,
    /// Since when it is complete or failed.
    pub(super) since: GpsInstant,
    /// Times that the current request went on air.
    pub(super) tries: u8,
    /// The last `MissingFrag` it reported.
    pub(super) missing_frag: Option<u8>,
    /// Unicast requests on air over the whole campaign.
    pub(super) requests: u16,
}

impl Member {
    pub(super) const fn new(dev_eui: DevEui, now: GpsInstant) -> Self {
        Self {
            dev_eui,
            state: State::AwaitFirstUplink,
            last_heard: None,
            deadline: None,
            since: now,
            tries: 0,
            missing_frag: None,
            requests: 0,
        }
    }

    /// When the device counts as not heard, if nothing is heard before: `limit` after its last uplink or, if
    /// that is longer ago, after the stage began.
    pub(super) fn silent_at(&self, stage_began: GpsInstant, limit: Duration) -> GpsInstant {
        self.last_heard.map_or(stage_began, |heard| heard.max(stage_began)) + limit
    }

    /// The account given to operators.
    pub(super) const fn report(&self) -> DeviceReport {
        DeviceReport {
            dev_eui: self.dev_eui,
            status: match self.state {
                State::Complete => DeviceStatus::Complete,
                State::Failed(stage, reason) => DeviceStatus::Failed { stage, reason },
                _ => DeviceStatus::Running,
            },
            requests: self.requests as u32,
            missing_frag: self.missing_frag,
            since: self.since,
        }
    }
}
