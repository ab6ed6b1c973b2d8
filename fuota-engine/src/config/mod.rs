//! The agent's configuration: every parameter that shapes a campaign's behaviour, with its default.
//!
//! With the feature `std` a [`Config`] is read from a file ([`Config::from_text`]) in TOML, in plain INI or in the groups
//! of the published agent's `config.ini`: whichever it is (see [`Form`]). It has these keys:
//!
#![doc = include_str!("parameters.md")]

use core::time::Duration;

use crate::percent::Percent;

#[cfg(feature = "std")]
mod domain;
#[cfg(feature = "std")]
mod entry;
#[cfg(feature = "std")]
mod error;
#[cfg(feature = "std")]
mod form;
#[cfg(feature = "std")]
mod grouped;
#[cfg(feature = "std")]
mod ini;
#[cfg(feature = "std")]
mod parameter;
#[cfg(feature = "std")]
mod token;
#[cfg(feature = "std")]
mod toml;

#[cfg(feature = "std")]
pub use self::domain::Domain;
#[cfg(feature = "std")]
pub use self::error::ConfigError;
#[cfg(feature = "std")]
pub use self::form::{Form, IgnoredKey};
#[cfg(feature = "std")]
pub use self::parameter::{PARAMETERS, Parameter, markdown};

/// Parameters of a campaign agent, named as its configuration file names them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Config {
    /// FPort of the multicast setup package (TS005).
    pub fucport: u8,
    /// FPort of the fragmentation package (TS004), unicast and multicast.
    pub fmcport: u8,
    /// FPort of the clock synchronisation package (TS003).
    pub aclksynport: u8,
    /// FPort of the firmware management package (TS006).
    pub fdmport: u8,
    /// FPort of the devices' ordinary uplinks.
    pub uplink_port: u8,
    /// From the beginning of the class session stage to the session's start; computed from the fleet when unset.
    pub mcsession_delay: Option<Duration>,
    /// Beacons to wait before a class B session is sure to begin; replaces `classb_opening_delay` when set.
    pub classb_start_beacons_delay: Option<u16>,
    /// Added to a computed start in class B, so that devices find a beacon.
    pub classb_opening_delay: Duration,
    /// From the opening of the class C window to the first fragment, the devices' clock tolerance apart.
    pub first_fragment_delay: Duration,
    /// Least time between the starts of two multicast downlinks.
    pub mcast_msg_delay: Duration,
    /// Least time between two unicast downlinks, over all devices.
    pub ucast_msg_delay: Duration,
    /// How long a unicast downlink may stay unsent before it is sent again; unset: as long as the device is heard.
    pub delivery_timeout: Option<Duration>,
    /// Most repeats of a request without an answer.
    pub msg_retries: u8,
    /// From the last needed answer to the end of a successful campaign.
    pub complete_delay: Duration,
    /// Uplinks to wait for late answers at the end of a stage.
    pub stage_complete_delay: u32,
    /// Time a device needs to process a received image.
    pub fuota_process_max_time: Duration,
    /// Most rounds without FEC, the first included.
    pub datafrag_loops_max: u16,
    /// Share of the fragments that devices are expected to lose: sizes the first batch of the adaptive policy.
    pub expected_loss: Percent,
    /// Most fragments of the adaptive policy, in percent over the uncoded ones and the first batch.
    pub adaptive_excess_max: u16,
    /// Gateways that send each multicast frame. A frame to one device alone is sent by one of them: with more than one
    /// gateway the adaptive policy sends the last few devices their fragments alone where that takes less airtime in all.
    #[cfg_attr(feature = "records", serde(skip, default = "one_gateway"))]
    pub multicast_gateways: u16,
    /// Whether the adaptive policy sends what answers to a poll show to be needed before all answers are in.
    // Written plans have it beside the rest.
    #[cfg_attr(feature = "records", serde(skip))]
    pub adaptive_overlap: bool,
    /// Most parity fragments, whatever the redundancy asks for.
    pub frag_redundancy_max: Option<u16>,
    /// Groups larger than this are asked for their status by multicast, smaller ones device by device.
    pub fsession_status_threshold: StatusThreshold,
    /// Extra wait for status answers after their window.
    pub fsession_status_timeout: Duration,
    /// Time over which status answers spread; computed from the fleet when unset.
    pub fsession_status_spread: Option<Duration>,
    /// Whether the window for status answers follows the documents or is widened until answers get through; as the
    /// policy needs it when unset.
    pub block_ack_delay: Option<AnswerSpread>,
    /// Share of the campaign's devices that has to succeed in every stage.
    pub success_threshold: Percent,
    /// Whether multicast sending goes on without waiting for reports.
    pub summary_reports_disabled: bool,
    /// How long to wait for the report on a multicast downlink; zero: for ever.
    pub summary_report_timeout: Duration,
    /// Added to `summary_report_timeout` for each device of the group.
    pub summary_report_delay_factor: Duration,
    /// The devices' range of acceptable frame counters, in loops.
    pub mcgroup_validity_coeff: u32,
    /// Fixed end of the devices' range of acceptable frame counters.
    pub mcgroup_max_fcntdn: Option<u32>,
    /// FragSize is rounded down to a multiple of this; 0 or 1: not rounded.
    pub fsize_optimization: u8,
    /// Fixed FragSize, octets.
    pub fsize: Option<u8>,
    /// How far a device's clock may be off.
    pub time_sync_tolerance: Duration,
    /// When a stage ends.
    pub stage_end: StageEnd,
    /// How the status is asked for after a further round.
    pub status_rounds: StatusRounds,
    /// What devices are asked to let go of when a campaign is stopped or fails.
    pub clean_up: CleanUp,
    /// Whether unicast timers follow the documents to the letter: one uplink period for the whole stage, the
    /// longest; downlinks that stay unsent are sent again; and every repeat counts.
    pub documented_timers: bool,
    /// How long devices are told to listen; as long as the policy needs when unset and adaptive, as documented otherwise.
    pub session_duration: Option<SessionDuration>,
    /// Whether groups are asked for their status before the first fragment, so that a campaign whose devices
    /// cannot hear the group ends before airtime is spent.
    pub probe_at_start: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            fucport: 200,
            fmcport: 201,
            aclksynport: 202,
            fdmport: 203,
            uplink_port: 10,
            mcsession_delay: None,
            classb_start_beacons_delay: None,
            classb_opening_delay: Duration::from_secs(128),
            first_fragment_delay: Duration::from_secs(3),
            mcast_msg_delay: Duration::ZERO,
            ucast_msg_delay: Duration::ZERO,
            delivery_timeout: None,
            msg_retries: 5,
            complete_delay: Duration::from_secs(10),
            stage_complete_delay: 1,
            fuota_process_max_time: Duration::from_secs(20),
            datafrag_loops_max: 10,
            expected_loss: Percent::whole(5),
            adaptive_excess_max: 200,
            multicast_gateways: one_gateway(),
            adaptive_overlap: false,
            frag_redundancy_max: None,
            fsession_status_threshold: StatusThreshold::Count(5),
            fsession_status_timeout: Duration::from_secs(10),
            fsession_status_spread: None,
            block_ack_delay: None,
            success_threshold: Percent::whole(95),
            summary_reports_disabled: false,
            summary_report_timeout: Duration::from_secs(10),
            summary_report_delay_factor: Duration::ZERO,
            mcgroup_validity_coeff: 10,
            mcgroup_max_fcntdn: None,
            fsize_optimization: 0,
            fsize: None,
            time_sync_tolerance: Duration::from_secs(1),
            stage_end: StageEnd::Settled,
            status_rounds: StatusRounds::Multicast,
            clean_up: CleanUp::Full,
            documented_timers: false,
            session_duration: None,
            probe_at_start: false,
        }
    }
}

/// Where each multicast frame is sent once. Written plans have the number beside the rest.
const fn one_gateway() -> u16 {
    1
}

/// Where asking by multicast begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum StatusThreshold {
    /// More devices than this.
    Count(u32),
    /// More than this share of the group.
    Percent(Percent),
}

impl StatusThreshold {
    /// Whether `asked` devices of a group of `group` are too many to be asked one by one.
    #[must_use]
    pub const fn exceeded_by(self, asked: u32, group: u32) -> bool {
        match self {
            Self::Count(count) => asked > count,
            Self::Percent(share) => share.exceeded_by(asked, group),
        }
    }
}

/// When a unicast stage ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum StageEnd {
    /// When every participant has succeeded or failed, so that no device with tries left is dropped.
    Settled,
    /// As soon as enough devices have succeeded.
    Threshold,
}

/// How the status is asked for after a further round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum StatusRounds {
    /// One multicast request that only devices still missing fragments answer; the silent ones are then asked
    /// one by one.
    Multicast,
    /// Each device still missing fragments by unicast.
    Unicast,
}

/// What devices are asked to let go of when a campaign is stopped or fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum CleanUp {
    /// Reboot times and images of a firmware update, fragmentation sessions, groups.
    Full,
    /// Reboot times and images of a firmware update only.
    Documented,
}

/// How wide the window for status answers is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum AnswerSpread {
    /// The smallest that covers `fsession_status_spread`.
    Documented,
    /// Wider, up to 2048 s, until fewer than half of the answers of the whole fleet would collide.
    Sized,
}

/// How long devices are told to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum SessionDuration {
    /// Until the campaign's maximum duration has passed, or as long as a session may last.
    Documented,
    /// As long as every round and poll that the policy may need take, and a minute.
    Tight,
}
