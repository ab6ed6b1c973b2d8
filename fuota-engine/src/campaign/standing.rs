//! How stages, devices and campaigns stand, how they end, and why they fail. Names are stable; scripts match on them.

use core::fmt;

use crate::ids::DevEui;
use crate::time::GpsInstant;

/// The stages of a campaign, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum StageKind {
    /// Devices are asked which package versions they speak.
    PackageVersion,
    /// Every device is told the group's address and key.
    McGroupSetup,
    /// Every device is told when to reboot; firmware updates with a reboot time only.
    DevRebootTime,
    /// Every device is told the shape of the data block.
    FragSessionSetup,
    /// Every device is told when to listen, in class B or C.
    McClassSession,
    /// The fragments go out on the group.
    DataFragment,
    /// Every device is asked what it is missing.
    FragSessionStatus,
    /// More rounds of uncoded fragments, each with its poll; only without FEC.
    FurtherRounds,
    /// Every device is asked whether it holds a valid image; firmware updates without FEC only.
    UpgradeImage,
    /// Every device is asked which version it runs.
    DevVersion,
}

impl StageKind {
    /// The stage's name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PackageVersion => "PackageVersion",
            Self::McGroupSetup => "McGroupSetup",
            Self::DevRebootTime => "DevRebootTime",
            Self::FragSessionSetup => "FragSessionSetup",
            Self::McClassSession => "McClassSession",
            Self::DataFragment => "DataFragment",
            Self::FragSessionStatus => "FragSessionStatus",
            Self::FurtherRounds => "FurtherRounds",
            Self::UpgradeImage => "UpgradeImage",
            Self::DevVersion => "DevVersion",
        }
    }
}

impl fmt::Display for StageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a stage stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum StageStatus {
    /// Under way.
    Running,
    /// Enough devices succeeded, also where the time was up before the last fragment.
    Completed,
    /// Too few had when it ended or the time was up, or the campaign was stopped in it.
    Error,
}

impl StageStatus {
    /// The status's name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Completed => "COMPLETED",
            Self::Error => "ERROR",
        }
    }
}

/// The account of one stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct StageReport {
    /// Which stage.
    pub stage: StageKind,
    /// How it stands.
    pub status: StageStatus,
    /// Devices that took part.
    pub participants: u32,
    /// Requests that went on air, retries included. In [`StageKind::DataFragment`] and
    /// [`StageKind::FurtherRounds`] fragments are counted apart, in `fragments`.
    pub requests: u32,
    /// Valid answers without error bits that brought a device forward.
    pub answers: u32,
    /// Requests on air beyond the first to the same device.
    pub retries: u32,
    /// Fragments that went on air.
    pub fragments: u32,
    /// Participants that succeeded in this stage.
    pub succeeded: u32,
    /// Participants that failed in this stage.
    pub failed: u32,
    /// When it began.
    pub started: GpsInstant,
    /// When it ended; the latest moment known while it runs.
    pub ended: GpsInstant,
}

/// Why a device no longer takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum FailureReason {
    /// No uplink came for (1 + `msg_retries`) of its uplink periods.
    NotHeard,
    /// It is heard, but all tries of a request went unanswered.
    NoAnswer,
    /// It answered with error bits (the status octet is given).
    Refused(u8),
    /// Its clock does not agree with the session's start, again and again.
    ClockMismatch,
    /// It had not confirmed the session when the session began.
    MissedSessionStart,
    /// No key is known for it.
    NoKey,
    /// It speaks no version of a package that the campaign speaks.
    UnsupportedPackage,
    /// Its data block did not have the right integrity code (TS004-2.0.0).
    MicError,
    /// It lost its fragmentation session.
    SessionLost,
    /// The image it holds is for other hardware, or it reports other hardware.
    WrongHardware,
    /// It runs another version than the one it was sent (which).
    WrongVersion(u32),
    /// It runs the version that it ran before.
    RolledBack,
    /// It ran out of memory while decoding.
    MemoryError,
    /// It was still missing fragments when the last were sent (how many it said).
    Incomplete(u8),
    /// The campaign ended before the device was done.
    CampaignEnded,
    /// Whatever identifiers it supports belong to other campaigns.
    IndicesTaken,
    /// The operator took it out of the campaign.
    Excluded,
}

impl FailureReason {
    /// The reason's name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotHeard => "NotHeard",
            Self::NoAnswer => "NoAnswer",
            Self::Refused(_) => "Refused",
            Self::ClockMismatch => "ClockMismatch",
            Self::MissedSessionStart => "MissedSessionStart",
            Self::NoKey => "NoKey",
            Self::UnsupportedPackage => "UnsupportedPackage",
            Self::MicError => "MicError",
            Self::SessionLost => "SessionLost",
            Self::WrongHardware => "WrongHardware",
            Self::WrongVersion(_) => "WrongVersion",
            Self::RolledBack => "RolledBack",
            Self::MemoryError => "MemoryError",
            Self::Incomplete(_) => "Incomplete",
            Self::CampaignEnded => "CampaignEnded",
            Self::IndicesTaken => "IndicesTaken",
            Self::Excluded => "Excluded",
        }
    }
}

impl fmt::Display for FailureReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(status) => write!(f, "Refused (status {status:#04x})"),
            Self::WrongVersion(version) => write!(f, "WrongVersion ({version:#010x})"),
            Self::Incomplete(missing) => write!(f, "Incomplete ({missing} missing)"),
            other => f.write_str(other.name()),
        }
    }
}

/// How a device stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum DeviceStatus {
    /// Still taking part.
    Running,
    /// It reported the whole data block, or runs the target version.
    Complete,
    /// It kept silent, again, when only devices that miss something were to answer. It has not said that it is complete.
    Inferred,
    /// It ran the target version before the campaign reached it.
    AlreadyUpToDate,
    /// It no longer takes part.
    Failed {
        /// In which stage it failed.
        stage: StageKind,
        /// Why.
        reason: FailureReason,
    },
}

impl DeviceStatus {
    /// The status's name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Complete => "COMPLETE",
            Self::Inferred => "INFERRED",
            Self::AlreadyUpToDate => "ALREADY_UP_TO_DATE",
            Self::Failed { .. } => "FAILED",
        }
    }
}

/// One device's account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct DeviceReport {
    /// Which device.
    pub dev_eui: DevEui,
    /// How it stands.
    pub status: DeviceStatus,
    /// Requests sent to it alone, over the whole campaign.
    pub requests: u32,
    /// The last `MissingFrag` it reported.
    pub missing_frag: Option<u8>,
    /// Whether that was not believed: it cannot be, or it did not fall whatever was sent.
    pub suspect: bool,
    /// When it failed or was known complete.
    pub since: GpsInstant,
}

impl DeviceReport {
    /// Whether it counts as complete, having said so or being believed to be.
    #[must_use]
    pub const fn counts_as_complete(&self) -> bool {
        matches!(self.status, DeviceStatus::Complete | DeviceStatus::Inferred)
    }
}

/// How a campaign stands. An [`Outcome`] has one of the last three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum CampaignStatus {
    /// There is a plan, and nothing has been sent to a device yet.
    Configured,
    /// Devices are being served.
    Running,
    /// Enough devices hold the data block.
    Succeeded,
    /// Too few do, or time ran out.
    Failed,
    /// The operator ended it.
    Stopped,
}

impl CampaignStatus {
    /// The status's name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Configured => "CONFIGURED",
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Stopped => "STOPPED",
        }
    }
}

/// How a campaign ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Outcome {
    /// Its status.
    pub status: CampaignStatus,
    /// Why, when it did not succeed.
    pub cause: Option<Cause>,
    /// Devices that have what the campaign is for, those included that had it before or are believed to have it.
    pub complete: u32,
    /// Of these, devices that are believed to have it because they kept silent; the others have said so.
    pub inferred: u32,
    /// Of these, devices that ran the target version before the campaign reached them.
    pub already_up_to_date: u32,
    /// Devices that do not have it.
    pub failed: u32,
}

/// Why a campaign did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Cause {
    /// Fewer devices than required succeeded in a stage.
    BelowThreshold {
        /// In which stage.
        stage: StageKind,
        /// How many succeeded.
        succeeded: u32,
        /// How many had to.
        required: u32,
    },
    /// The maximum duration passed.
    TimedOut {
        /// In which stage.
        stage: StageKind,
    },
    /// What was left of the session or of the maximum duration was too short for the next round and its poll.
    NoTimeLeft {
        /// In which stage.
        stage: StageKind,
    },
    /// The devices' range of multicast frame counters is used up.
    CountersExhausted {
        /// In which stage.
        stage: StageKind,
    },
    /// The network server could not host a multicast group.
    GroupRefused,
    /// Devices would reboot before the transfer can be over.
    RebootTooEarly,
    /// The configured start of the session had passed, or was about to, when set-up was done.
    SessionStartPassed,
    /// The operator ordered it.
    Stopped {
        /// In which stage.
        stage: StageKind,
    },
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BelowThreshold { stage, succeeded, required } => {
                write!(f, "{stage}: {succeeded} devices succeeded, {required} required")
            }
            Self::TimedOut { stage } => write!(f, "{stage}: campaign is timed out"),
            Self::NoTimeLeft { stage } => write!(f, "{stage}: no time left for another round and its poll"),
            Self::CountersExhausted { stage } => write!(f, "{stage}: the range of frame counters is used up"),
            Self::RebootTooEarly => f.write_str("devices would reboot before the transfer can be over"),
            Self::SessionStartPassed => {
                f.write_str("set-up was not done by the configured start of the session")
            }
            Self::GroupRefused => f.write_str("the network server refused the multicast group"),
            Self::Stopped { stage } => write!(f, "{stage}: stopped by the operator"),
        }
    }
}
