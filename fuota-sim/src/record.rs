//! What a simulated campaign leaves behind, for reports and tests.

use std::time::Duration;

use fuota_engine::campaign::event::{DeviceReport, DeviceStatus, Outcome, StageKind, StageReport, Warning};
use fuota_engine::ids::DevEui;
use fuota_engine::time::GpsInstant;
use serde::{Deserialize, Serialize};

use crate::energy::RadioTime;
use crate::external::Failure;

/// Everything a finished run is known by. Times are virtual.
#[derive(Clone, Debug)]
pub struct RunRecord {
    /// How the campaign ended.
    pub outcome: Outcome,
    /// When it began.
    pub started: GpsInstant,
    /// How long it took.
    pub duration: Duration,
    /// The stages that were entered, in order.
    pub stages: Vec<StageReport>,
    /// The rounds of fragments, in order.
    pub rounds: Vec<RoundRecord>,
    /// The polls of the adaptive policy, in order.
    pub polls: Vec<PollRecord>,
    /// Every device, in the plan's order.
    pub devices: Vec<DeviceRecord>,
    /// The devices whose packages ran in processes, in the plan's order: the first of `devices`.
    pub external: Vec<ExternalRecord>,
    /// Warnings, in order.
    pub warnings: Vec<Warning>,
    /// First second of the class C session, if it was scheduled.
    pub session_start: Option<GpsInstant>,
    /// Uncoded fragments of the data block, M.
    pub nb_frag: u16,
    /// Octets per fragment.
    pub frag_size: u8,
    /// Octets added to the last fragment.
    pub padding: u8,
    /// Parity fragments per round, R.
    pub parity: u16,
    /// Fragments that went on air, repeats included.
    pub frames: u32,
    /// Gateway airtime of fragments, polls and repair.
    pub airtime: Duration,
    /// Gateway airtime of the set-up stages.
    pub setup_airtime: Duration,
    /// First bit of the first fragment and last bit of the last; `None` if none went on air.
    pub data_phase: Option<(GpsInstant, GpsInstant)>,
    /// Devices whose reassembled image was compared with the file, octet for octet.
    pub bytes_checked: u32,
    /// How devices progressed: whenever a count changed.
    pub timeline: Vec<TimelinePoint>,
}

/// One round of fragments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoundRecord {
    /// Counted from 1.
    pub round: u16,
    /// Devices known complete after its poll.
    pub complete: u32,
    /// Participants still missing fragments after its poll.
    pub outstanding: u32,
    /// When its poll was settled.
    pub ended: GpsInstant,
}

/// One poll of the adaptive policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PollRecord {
    /// Counted from 1.
    pub poll: u16,
    /// Fragments sent before it, in all.
    pub fragments: u16,
    /// Devices that said they miss something.
    pub answers: u32,
    /// The most that one of them did.
    pub largest: Option<u8>,
    /// Of these, devices that are not believed.
    pub suspects: u32,
    /// Fragments sent because of it.
    pub batch: u16,
    /// When it was judged.
    pub ended: GpsInstant,
}

/// One device at the end of a run.
#[derive(Clone, Copy, Debug)]
pub struct DeviceRecord {
    /// What the campaign knows of it.
    pub report: DeviceReport,
    /// Fragments that reached it, repeats included.
    pub fragments_received: u32,
    /// Whether the device itself holds the whole data block, whatever the campaign believes.
    pub holds_block: bool,
    /// Whether its bytes were compared with the file.
    pub bytes_checked: bool,
    /// What its radio did: in the set-up stages, while fragments were on air, and after.
    pub radio: [RadioTime; 3],
}

/// How a device fared whose packages ran in a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalRecord {
    /// Which device.
    pub dev_eui: DevEui,
    /// Whether it named the SHA-256 of the image.
    pub holds_image: bool,
    /// Why it no longer took part, or is not believed.
    pub failure: Option<Failure>,
}

impl DeviceRecord {
    /// Whether it counts as complete because it kept silent, and is not.
    #[must_use]
    pub fn is_wrongly_inferred(&self) -> bool {
        self.report.status == DeviceStatus::Inferred && !self.holds_block
    }
}

/// Devices that had got so far at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelinePoint {
    /// The moment.
    pub at: GpsInstant,
    /// The stage under way.
    pub stage: StageKind,
    /// Participants that have done this stage (for [`StageKind::DataFragment`] and later: devices that hold the
    /// whole data block).
    pub done: u32,
}
