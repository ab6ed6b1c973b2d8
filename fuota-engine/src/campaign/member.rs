//! One device's state within a campaign, kept compact: there may be a million.

use core::time::Duration;

use fuota_proto::{FragIndex, McGroupId};

use super::adaptive::Track;
use super::event::{DeviceReport, DeviceStatus, FailureReason, StageKind};
use super::spec::{DeviceSpec, PackageVersion};
use crate::ids::DevEui;
use crate::time::GpsInstant;

/// How a device stands in the campaign as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Standing {
    /// It takes part.
    Running,
    /// It has what the campaign is for.
    Complete,
    /// It had it before.
    UpToDate,
    /// It no longer takes part.
    Failed(StageKind, FailureReason),
    /// It kept silent when only devices that miss something were to answer, and that was believed.
    Inferred,
}

impl Standing {
    /// Whether the operator took the device out.
    pub(super) const fn is_excluded(self) -> bool {
        matches!(self, Self::Failed(_, FailureReason::Excluded))
    }

    /// Whether the device failed only because nothing was heard of it, so that a late answer can still save it.
    pub(super) const fn is_silent(self) -> bool {
        matches!(self, Self::Failed(_, FailureReason::NoAnswer | FailureReason::NotHeard))
    }
}

/// Where a device stands in the exchange under way.
///
/// ```text
///  AwaitFirstUplink ──heard──▶ Queued ──▶ AwaitDerived ──▶ AwaitReport ──sent──▶ AwaitAnswer ──▶ Done
///                                ▲  └────────────────────────▲    │ refused, dropped   │ silence
///                                │                                ▼                    │
///                                └───────────────────────────── Resting ◀──────────────┘
///  Listening ──answer──▶ Done
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Errand {
    /// It has no part in it.
    None,
    /// Never heard in this campaign; nothing is sent to it before it is.
    AwaitFirstUplink,
    /// Its request may be sent.
    Queued,
    /// Its request waits for something that is computed with its keys. If it was handed over before a restart, it goes
    /// out again under this serial number.
    AwaitDerived(Option<u32>),
    /// Its request is at the network server; the number is the transmission's.
    AwaitReport(u32),
    /// Its request went on air.
    AwaitAnswer,
    /// Not now; try again later.
    Resting,
    /// It was asked by multicast, with everybody else.
    Listening,
    /// It has answered.
    Done,
    /// What is being computed is for a request that it is not sent any more; it is asked when that has come.
    AwaitOutdated,
}

impl Errand {
    /// Whether the exchange still waits for the device.
    pub(super) const fn is_open(self) -> bool {
        !matches!(self, Self::None | Self::Done)
    }

    /// Whether something is being computed for it.
    pub(super) const fn awaits_derived(self) -> bool {
        matches!(self, Self::AwaitDerived(_) | Self::AwaitOutdated)
    }
}

/// What is so of a device, or is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// It holds a multicast group, which the clean-up would take away.
    Group,
    /// It holds a fragmentation session, which the clean-up would take away.
    Session,
    /// It means to reboot.
    Reboot,
    /// The session is one of an earlier campaign, with fragments in it.
    Kept,
    /// In this exchange it was asked a second time because its answer may have been behind.
    Doubted,
    /// It said that it has the data block, which in a firmware update is not the end.
    Block,
}

/// All marks of a device, in the space of an octet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "records", serde(from = "[bool; 6]", into = "[bool; 6]"))]
pub(super) struct Marks(u8);

impl Marks {
    pub(super) const fn has(self, mark: Mark) -> bool {
        self.0 >> mark as u8 & 1 != 0
    }

    pub(super) const fn set(&mut self, mark: Mark, is_so: bool) {
        self.0 = self.0 & !(1 << mark as u8) | (is_so as u8) << mark as u8;
    }
}

impl From<[bool; 6]> for Marks {
    fn from(marks: [bool; 6]) -> Self {
        Self(marks.into_iter().rev().fold(0, |all, mark| all << 1 | u8::from(mark)))
    }
}

impl From<Marks> for [bool; 6] {
    fn from(marks: Marks) -> Self {
        [0, 1, 2, 3, 4, 5].map(|place| marks.0 >> place & 1 != 0)
    }
}

/// What a device's group and its session are called on it, in the space of an octet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "records", serde(from = "(McGroupId, FragIndex)", into = "(McGroupId, FragIndex)"))]
pub(super) struct Identifiers(u8);

impl Identifiers {
    const fn mc_group_id(self) -> McGroupId {
        McGroupId::from_wire(self.0)
    }

    const fn frag_index(self) -> FragIndex {
        FragIndex::from_wire(self.0 >> 2)
    }
}

impl From<(McGroupId, FragIndex)> for Identifiers {
    fn from((mc_group_id, frag_index): (McGroupId, FragIndex)) -> Self {
        Self(mc_group_id.get() | frag_index.get() << 2)
    }
}

impl From<Identifiers> for (McGroupId, FragIndex) {
    fn from(identifiers: Identifiers) -> Self {
        (identifiers.mc_group_id(), identifiers.frag_index())
    }
}

/// A device of the campaign.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Member {
    pub(super) standing: Standing,
    pub(super) errand: Errand,
    /// When it was last heard; `None` until its first uplink.
    pub(super) last_heard: Maybe,
    /// When the campaign does something about it by itself.
    pub(super) deadline: Maybe,
    /// Since when it is complete or failed.
    pub(super) since: GpsInstant,
    /// In the how many-th stage its standing was decided: some kinds of stage come more than once, some hundred times at
    /// most.
    pub(super) decided_in: u16,
    /// Times that the current request went on air.
    pub(super) tries: u8,
    /// The last `MissingFrag` it reported.
    pub(super) missing_frag: Option<u8>,
    /// How its counts have gone, for the adaptive policy.
    pub(super) track: Track,
    /// Unicast requests on air over the whole campaign.
    pub(super) requests: u16,
    /// Index of its group in the plan, which snapshots leave to the plan.
    #[cfg_attr(feature = "records", serde(skip))]
    pub(super) group: u8,
    pub(super) identifiers: Identifiers,
    pub(super) multicast: Option<PackageVersion>,
    pub(super) fragmentation: Option<PackageVersion>,
    pub(super) marks: Marks,
}

// A cache line.
const _: () = assert!(size_of::<Member>() == 64);

/// A moment or none, in the space of a moment. None is the last one that can be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "records", serde(from = "Option<GpsInstant>", into = "Option<GpsInstant>"))]
pub(super) struct Maybe(GpsInstant);

impl Maybe {
    /// No moment.
    pub(super) const NONE: Self = Self(GpsInstant::from_micros(u64::MAX));

    /// The moment, if it is one.
    pub(super) fn get(self) -> Option<GpsInstant> {
        (self != Self::NONE).then_some(self.0)
    }
}

impl From<Option<GpsInstant>> for Maybe {
    fn from(moment: Option<GpsInstant>) -> Self {
        moment.map_or(Self::NONE, Self)
    }
}

impl From<Maybe> for Option<GpsInstant> {
    fn from(moment: Maybe) -> Self {
        moment.get()
    }
}

impl Member {
    pub(super) fn new(
        spec: &DeviceSpec,
        mc_group_id: McGroupId,
        frag_index: FragIndex,
        now: GpsInstant,
    ) -> Self {
        Self {
            standing: Standing::Running,
            errand: Errand::None,
            last_heard: Maybe::NONE,
            deadline: Maybe::NONE,
            since: now,
            decided_in: 0,
            tries: 0,
            missing_frag: None,
            track: Track::default(),
            requests: 0,
            group: spec.group.0,
            identifiers: (mc_group_id, frag_index).into(),
            multicast: spec.multicast,
            fragmentation: spec.fragmentation,
            marks: Marks::default(),
        }
    }

    /// The group's name on this device.
    pub(super) const fn mc_group_id(&self) -> McGroupId {
        self.identifiers.mc_group_id()
    }

    /// Its fragmentation session.
    pub(super) const fn frag_index(&self) -> FragIndex {
        self.identifiers.frag_index()
    }

    pub(super) fn set_mc_group_id(&mut self, mc_group_id: McGroupId) {
        self.identifiers = (mc_group_id, self.frag_index()).into();
    }

    pub(super) fn set_frag_index(&mut self, frag_index: FragIndex) {
        self.identifiers = (self.mc_group_id(), frag_index).into();
    }

    pub(super) const fn has(&self, mark: Mark) -> bool {
        self.marks.has(mark)
    }

    pub(super) fn is_running(&self) -> bool {
        self.standing == Standing::Running
    }

    /// Whether a further round could bring it forward.
    pub(super) fn needs_fragments(&self) -> bool {
        self.is_running() && !self.has(Mark::Block)
    }

    /// Whether it failed for want of an answer in the `stage`-th stage, so that an answer may still come late.
    pub(super) const fn is_silent_in(&self, stage: u16) -> bool {
        self.standing.is_silent() && self.decided_in == stage
    }

    /// Whether it failed in the `stage`-th stage.
    pub(super) const fn has_failed_in(&self, stage: u16) -> bool {
        matches!(self.standing, Standing::Failed(..)) && self.decided_in == stage
    }

    /// Whether it has what the campaign is for.
    pub(super) fn has_succeeded(&self) -> bool {
        matches!(self.standing, Standing::Complete | Standing::Inferred | Standing::UpToDate)
    }

    /// When the device counts as not heard, if nothing is heard before: `limit` after its last uplink or, if
    /// that is longer ago, after the stage began.
    pub(super) fn silent_at(&self, stage_began: GpsInstant, limit: Duration) -> GpsInstant {
        self.last_heard.get().map_or(stage_began, |heard| heard.max(stage_began)) + limit
    }

    /// The account given to operators, under the device's name.
    pub(super) const fn report(&self, dev_eui: DevEui) -> DeviceReport {
        DeviceReport {
            dev_eui,
            status: match self.standing {
                Standing::Running => DeviceStatus::Running,
                Standing::Complete => DeviceStatus::Complete,
                Standing::Inferred => DeviceStatus::Inferred,
                Standing::UpToDate => DeviceStatus::AlreadyUpToDate,
                Standing::Failed(stage, reason) => DeviceStatus::Failed { stage, reason },
            },
            requests: self.requests as u32,
            missing_frag: self.missing_frag,
            suspect: self.track.suspect,
            since: self.since,
        }
    }
}
