//! The validated plan: everything that can be known before the first frame is computed and checked here.

use alloc::vec::Vec;
use core::time::Duration;

use fuota_fec::{Geometry, ParityRule};
use fuota_proto::{BlockAckDelay, TimeOut};
use hashbrown::HashSet;

use super::event::Warning;
use super::io::GroupParameters;
use super::spec::{CampaignSpec, DeviceSpec, Redundancy};
use crate::airtime::Modulation;
use crate::config::Config;
use crate::percent::Percent;
use crate::region::Region;
use crate::time::GpsInstant;

/// Fragment numbers have 14 bits (TS004-1.0.0 §3.6).
pub const MAX_FRAGMENTS: u32 = 16_383;
/// Longest class C session: 2^15 s (TS005-1.0.0 §3.5).
pub const LONGEST_CLASS_C_SESSION: Duration = Duration::from_secs(1 << 15);
/// Octets of a DataFragment before its data: CID, and Index&N (TS004-1.0.0 §3.6).
pub const DATA_FRAGMENT_OVERHEAD: u8 = 3;
/// Octets of McGroupSetupReq, the longest set-up request (TS005-1.0.0 §3.3).
const MC_GROUP_SETUP_LEN: usize = 30;
/// Octets of FragSessionSetupReq (TS004-1.0.0 §3.3).
const FRAG_SESSION_SETUP_LEN: usize = 11;
/// Answers are waited for this many uplink periods.
const RESPONSE_PERIODS: u32 = 2;

/// Why a campaign cannot be planned, and what would make it possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// There is nothing to send.
    #[error("the image is empty")]
    EmptyImage,
    /// There is nobody to send to.
    #[error("the campaign has no devices")]
    NoDevices,
    /// A device is named twice.
    #[error("device {0} is named twice")]
    DuplicateDevice(crate::ids::DevEui),
    /// A device without a usable uplink period.
    #[error("device {0} has an uplink period of zero")]
    NoUplinkPeriod(crate::ids::DevEui),
    /// The region does not define the data rate.
    #[error("{} does not define data rate {dr}", region.name())]
    UndefinedDataRate {
        /// The data rate's index.
        dr: u8,
        /// The region.
        region: Region,
    },
    /// Fragments of this size don't fit the data rate, or are empty.
    #[error("fragment size {frag_size} is outside 1 to {max}, what a frame carries at this data rate")]
    FragSize {
        /// The size asked for, octets.
        frag_size: u8,
        /// The largest that fits, octets.
        max: u8,
    },
    /// Rounding the fragment size down leaves nothing.
    #[error("rounding the fragment size {frag_size} down to a multiple of {multiple} leaves nothing")]
    FragSizeRounding {
        /// The size before rounding, octets.
        frag_size: u8,
        /// `fsize_optimization`.
        multiple: u8,
    },
    /// More fragments than the 14-bit number can tell apart.
    #[error("{nb_frag} + {parity} fragments of {frag_size} octets exceed {MAX_FRAGMENTS}; {remedy}")]
    TooManyFragments {
        /// Uncoded fragments.
        nb_frag: u32,
        /// Parity fragments.
        parity: u64,
        /// Octets per fragment.
        frag_size: u8,
        /// What would fit.
        remedy: Remedy,
    },
    /// The success threshold is above 100 %.
    #[error("a success threshold of {0} % can't be met")]
    Threshold(Percent),
    /// Without FEC at least one round is needed.
    #[error("datafrag_loops_max is 0: without FEC at least one round is needed")]
    NoRounds,
    /// The maximum duration is zero.
    #[error("the maximum duration is zero")]
    NoDuration,
    /// One round and its poll are longer than a session or the campaign may be.
    #[error(
        "one round of {frames} fragments and its poll take {} s, but {bound} allows {} s; {remedy}",
        needed.as_secs(), allowed.as_secs()
    )]
    RoundTooLong {
        /// Fragments of one round, parity included.
        frames: u32,
        /// Time for the round and its poll.
        needed: Duration,
        /// Time there is.
        allowed: Duration,
        /// What sets the limit.
        bound: Bound,
        /// What would fit.
        remedy: Remedy,
    },
}

/// What limits the length of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Bound {
    /// The longest class C session.
    Session,
    /// The campaign's maximum duration.
    MaxDuration,
}

impl core::fmt::Display for Bound {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Session => "the longest class C session",
            Self::MaxDuration => "the maximum duration",
        })
    }
}

/// What would fit instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remedy {
    /// This fragment size, octets, everything else unchanged.
    FragSize(u8),
    /// At most this many octets of image, everything else unchanged.
    LargestImage(usize),
    /// Nothing short of another data rate, redundancy or duration.
    Nothing,
}

impl core::fmt::Display for Remedy {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::FragSize(octets) => write!(f, "a fragment size of {octets} would fit"),
            Self::LargestImage(octets) => write!(f, "the largest image that fits has {octets} octets"),
            Self::Nothing => f.write_str("no image fits these parameters"),
        }
    }
}

/// A campaign that can be run.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(super) spec: CampaignSpec,
    geometry: Geometry,
    parity: u16,
    required: u32,
    block_ack_delay: BlockAckDelay,
    /// Time on air of one fragment.
    fragment_airtime: Duration,
    /// Least time between the starts of two fragments.
    fragment_gap: Duration,
    downlink: Modulation,
    uplink: Modulation,
    longest_period: Duration,
}

impl Plan {
    /// Checks what the operator wants and computes what follows from it.
    ///
    /// # Errors
    /// [`PlanError`] says what does not fit, and what would.
    pub fn new(spec: CampaignSpec) -> Result<Self, PlanError> {
        let devices = check_devices(&spec.devices)?;
        if spec.config.success_threshold > Percent::whole(100) {
            return Err(PlanError::Threshold(spec.config.success_threshold));
        }
        if spec.max_duration.is_zero() {
            return Err(PlanError::NoDuration);
        }
        if spec.redundancy == Redundancy::Rounds && spec.config.datafrag_loops_max == 0 {
            return Err(PlanError::NoRounds);
        }
        let undefined = |dr: u8| PlanError::UndefinedDataRate { dr, region: spec.region };
        let downlink = spec.region.data_rate(spec.group.data_rate);
        let downlink = downlink.ok_or(undefined(spec.group.data_rate.get()))?;
        let uplink = spec.region.data_rate(spec.uplink_data_rate);
        let uplink = uplink.ok_or(undefined(spec.uplink_data_rate.get()))?.modulation;
        let frag_size = frag_size(&spec.config, downlink.max_payload)?;
        let (geometry, parity) = fragments(&spec, frag_size, downlink.max_payload - DATA_FRAGMENT_OVERHEAD)?;

        let fragment_len = usize::from(frag_size) + usize::from(DATA_FRAGMENT_OVERHEAD);
        let required = spec.config.success_threshold.of_ceil(devices);
        let mut plan = Self {
            geometry,
            parity,
            required: u32::try_from(required).unwrap_or(devices),
            block_ack_delay: block_ack_delay(&spec.config, devices),
            fragment_airtime: downlink.modulation.downlink(fragment_len),
            fragment_gap: Duration::ZERO,
            downlink: downlink.modulation,
            uplink,
            longest_period: spec.devices.iter().map(|d| d.uplink_period).max().unwrap_or_default(),
            spec,
        };
        plan.fragment_gap = plan.multicast_gap(fragment_len);
        plan.check_round()?;
        Ok(plan)
    }

    /// The shape of the data block.
    #[must_use]
    pub const fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Parity fragments per round, R; 0 without FEC.
    #[must_use]
    pub const fn parity(&self) -> u16 {
        self.parity
    }

    /// Devices that have to succeed in every stage.
    #[must_use]
    pub const fn required(&self) -> u32 {
        self.required
    }

    /// Devices of the campaign.
    #[must_use]
    pub fn devices(&self) -> &[DeviceSpec] {
        &self.spec.devices
    }

    /// The multicast group.
    #[must_use]
    pub const fn group(&self) -> &GroupParameters {
        &self.spec.group
    }

    /// The agent's parameters.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.spec.config
    }

    /// Time on air of one fragment, and least time between the starts of two.
    #[must_use]
    pub const fn fragment_timing(&self) -> (Duration, Duration) {
        (self.fragment_airtime, self.fragment_gap)
    }

    /// What an operator should know before the start.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        let (setup, max_duration) = (self.setup_estimate(), self.spec.max_duration);
        let outlasts = setup.saturating_add(self.round_duration()) > max_duration;
        outlasts.then_some(Warning::SetupOutlastsCampaign { setup, max_duration }).into_iter().collect()
    }

    /// The rule of the parity rows: version 1 of the package.
    pub(super) const fn rule(&self) -> ParityRule {
        ParityRule::V1
    }

    /// Least time from the start of a multicast downlink with `frm_payload` octets to the start of the next.
    pub(super) fn multicast_gap(&self, frm_payload: usize) -> Duration {
        let airtime = self.downlink.downlink(frm_payload);
        self.spec.region.rx2_duty().gap(airtime).max(self.spec.config.mcast_msg_delay)
    }

    /// How long devices spread their status answers.
    pub(super) const fn block_ack_delay(&self) -> BlockAckDelay {
        self.block_ack_delay
    }

    /// Fragments of one round, parity included.
    pub(super) fn round_frames(&self) -> u16 {
        self.geometry.nb_frag() + self.parity
    }

    /// Rounds of fragments at most.
    pub(super) const fn rounds_max(&self) -> u16 {
        match self.spec.redundancy {
            Redundancy::Fec(_) => 1,
            Redundancy::Rounds => self.spec.config.datafrag_loops_max,
        }
    }

    /// How long a poll by multicast waits for its answers.
    pub(super) fn poll_window(&self) -> Duration {
        let answers = Duration::from_secs(u64::from(self.block_ack_delay.window_s()));
        answers.saturating_add(self.spec.config.fsession_status_timeout)
    }

    /// From the session's opening to the last bit of a round's last fragment and the end of its poll.
    pub(super) fn round_duration(&self) -> Duration {
        self.fragments_duration()
            .saturating_add(self.first_fragment_offset())
            .saturating_add(self.poll_window())
    }

    /// From the start of a round's first fragment to the moment when the duty cycle allows a further frame.
    pub(super) fn fragments_duration(&self) -> Duration {
        self.fragment_gap.saturating_mul(u32::from(self.round_frames()))
    }

    /// From SessionTime to the first fragment: clocks may be late, windows take time to open.
    pub(super) fn first_fragment_offset(&self) -> Duration {
        self.spec.config.time_sync_tolerance.saturating_add(self.spec.config.first_fragment_delay)
    }

    /// How long an answer is waited for after its request went on air.
    pub(super) fn response_timeout(&self, device: usize) -> Duration {
        self.period(device).saturating_mul(RESPONSE_PERIODS)
    }

    /// How long a device may be silent before it counts as not heard.
    pub(super) fn silence_limit(&self, device: usize) -> Duration {
        self.period(device).saturating_mul(1 + u32::from(self.spec.config.msg_retries))
    }

    /// How long late answers are accepted after a stage.
    pub(super) fn late_answer_time(&self) -> Duration {
        self.longest_period.saturating_mul(self.spec.config.stage_complete_delay)
    }

    /// Time on air of an uplink with `frm_payload` octets.
    pub(super) fn uplink_airtime(&self, frm_payload: usize) -> Duration {
        self.uplink.uplink(frm_payload)
    }

    /// From the beginning of the class session stage to the session's start.
    ///
    /// Every device has to be reached behind one gateway's RX1 budget, and the last of them may need all its
    /// tries.
    pub(super) fn session_delay(&self) -> Duration {
        self.spec.config.mcsession_delay.unwrap_or_else(|| {
            let tries = 1 + u32::from(self.spec.config.msg_retries);
            let one = self.spec.region.rx1_duty().gap(self.uplink.downlink(MC_GROUP_SETUP_LEN));
            let reach_all = one.max(self.spec.config.ucast_msg_delay).saturating_mul(self.device_count());
            let last = self.longest_period.saturating_mul((1 + RESPONSE_PERIODS) * tries);
            reach_all.saturating_add(last).saturating_add(self.late_answer_time())
        })
    }

    /// The session's length and its exponent, if it starts at `start` in a campaign that ends at `deadline`;
    /// `None` if not even one round and its poll fit.
    pub(super) fn session(&self, start: GpsInstant, deadline: GpsInstant) -> Option<(TimeOut, GpsInstant)> {
        let duration = deadline.since(start).min(LONGEST_CLASS_C_SESSION);
        let secs = u32::try_from(duration.as_secs()).unwrap_or(u32::MAX);
        (duration >= self.round_duration())
            .then(|| (TimeOut::class_c_covering(secs), start + Duration::from_secs(u64::from(secs))))
    }

    /// The devices' upper bound on multicast frame counters: everything that this campaign may send, and more.
    pub(super) fn max_mc_fcnt(&self, next_fcnt: u32) -> u32 {
        let config = &self.spec.config;
        config.mcgroup_max_fcntdn.unwrap_or_else(|| {
            let round = u32::from(self.round_frames());
            let polls = 1 + u32::from(self.rounds_max());
            let needed = round * u32::from(self.rounds_max()) + polls;
            next_fcnt.saturating_add(round.saturating_mul(config.mcgroup_validity_coeff).max(needed))
        })
    }

    /// How long the three set-up stages are expected to take behind one gateway.
    ///
    /// The first two are bound by the gateway's budgets: RX1 at the uplink data rate and RX2 at its own take
    /// turns; a third try is needed by someone in any large fleet. The third has its fixed length.
    fn setup_estimate(&self) -> Duration {
        let third_try = self.longest_period.saturating_mul((1 + RESPONSE_PERIODS) * 2);
        let stage = |octets| self.queue_time(octets).saturating_add(third_try);
        stage(MC_GROUP_SETUP_LEN)
            .saturating_add(stage(FRAG_SESSION_SETUP_LEN))
            .saturating_add(self.session_delay())
    }

    /// How long one gateway takes to send a request of `octets` to every device.
    fn queue_time(&self, octets: usize) -> Duration {
        let region = self.spec.region;
        let rx1 = region.rx1_duty().gap(self.uplink.downlink(octets)).as_secs_f64();
        let rx2 = region
            .data_rate(region.rx2_data_rate())
            .map_or(f64::INFINITY, |dr| region.rx2_duty().gap(dr.modulation.downlink(octets)).as_secs_f64());
        Duration::from_secs_f64(f64::from(self.device_count()) / (1.0 / rx1 + 1.0 / rx2))
    }

    fn period(&self, device: usize) -> Duration {
        self.spec.devices.get(device).map_or(self.longest_period, |d| d.uplink_period)
    }

    fn device_count(&self) -> u32 {
        u32::try_from(self.spec.devices.len()).unwrap_or(u32::MAX)
    }

    /// One round and its poll must fit the longest session and the campaign.
    fn check_round(&self) -> Result<(), PlanError> {
        let needed = self.round_duration();
        let (allowed, bound) = if self.spec.max_duration < LONGEST_CLASS_C_SESSION {
            (self.spec.max_duration, Bound::MaxDuration)
        } else {
            (LONGEST_CLASS_C_SESSION, Bound::Session)
        };
        if needed <= allowed {
            return Ok(());
        }
        let around = self.first_fragment_offset().saturating_add(self.poll_window());
        let frames = allowed.saturating_sub(around).as_micros() / self.fragment_gap.as_micros().max(1);
        let frames = u32::try_from(frames).unwrap_or(u32::MAX);
        let remedy = largest_image(&self.spec, frames.min(MAX_FRAGMENTS), self.geometry.frag_size());
        Err(PlanError::RoundTooLong {
            frames: u32::from(self.round_frames()),
            needed,
            allowed,
            bound,
            remedy,
        })
    }
}

/// Every device once, each with an uplink period; returns how many.
fn check_devices(devices: &[DeviceSpec]) -> Result<u32, PlanError> {
    let mut seen = HashSet::with_capacity(devices.len());
    for device in devices {
        if !seen.insert(device.dev_eui) {
            return Err(PlanError::DuplicateDevice(device.dev_eui));
        }
        if device.uplink_period.is_zero() {
            return Err(PlanError::NoUplinkPeriod(device.dev_eui));
        }
    }
    match u32::try_from(devices.len()) {
        Ok(0) | Err(_) => Err(PlanError::NoDevices),
        Ok(count) => Ok(count),
    }
}

/// Octets per fragment: as configured, or as many as a frame carries.
fn frag_size(config: &Config, max_payload: u8) -> Result<u8, PlanError> {
    let max = max_payload - DATA_FRAGMENT_OVERHEAD;
    let size = config.fsize.unwrap_or(max);
    if size == 0 || size > max {
        return Err(PlanError::FragSize { frag_size: size, max });
    }
    match config.fsize_optimization {
        0 => Ok(size),
        multiple if size < multiple => Err(PlanError::FragSizeRounding { frag_size: size, multiple }),
        multiple => Ok(size - size % multiple),
    }
}

/// Cuts the image into fragments and counts the parity; both together have 14-bit numbers.
fn fragments(spec: &CampaignSpec, frag_size: u8, max_size: u8) -> Result<(Geometry, u16), PlanError> {
    if spec.image.is_empty() {
        return Err(PlanError::EmptyImage);
    }
    let nb_frag = |size: u8| u32::try_from(spec.image.len().div_ceil(usize::from(size))).unwrap_or(u32::MAX);
    let fits = |size: u8| u64::from(nb_frag(size)) + parity(spec, nb_frag(size)) <= u64::from(MAX_FRAGMENTS);
    let too_many = || {
        let multiple = spec.config.fsize_optimization.max(1);
        let remedy = match (frag_size..=max_size).find(|&size| size % multiple == 0 && fits(size)) {
            Some(size) => Remedy::FragSize(size),
            None => largest_image(spec, MAX_FRAGMENTS, max_size),
        };
        let nb_frag = nb_frag(frag_size);
        PlanError::TooManyFragments { nb_frag, parity: parity(spec, nb_frag), frag_size, remedy }
    };
    if !fits(frag_size) {
        return Err(too_many());
    }
    let geometry = Geometry::new(spec.image.len(), frag_size).map_err(|_| too_many())?;
    let parity = u16::try_from(parity(spec, u32::from(geometry.nb_frag()))).map_err(|_| too_many())?;
    Ok((geometry, parity))
}

/// Parity fragments for `nb_frag` uncoded ones.
fn parity(spec: &CampaignSpec, nb_frag: u32) -> u64 {
    match spec.redundancy {
        Redundancy::Fec(share) => {
            let most = spec.config.frag_redundancy_max.map_or(u64::MAX, u64::from);
            share.of_ceil(nb_frag).min(most)
        }
        Redundancy::Rounds => 0,
    }
}

/// The largest image whose fragments and parity are at most `frames`.
fn largest_image(spec: &CampaignSpec, frames: u32, frag_size: u8) -> Remedy {
    let fits = |nb_frag: u32| u64::from(nb_frag) + parity(spec, nb_frag) <= u64::from(frames);
    // Parity grows with the fragments, so the largest that fits is found by bisection.
    let (mut low, mut high) = (0, frames + 1);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if fits(middle) { low = middle } else { high = middle }
    }
    if low == 0 {
        Remedy::Nothing
    } else {
        Remedy::LargestImage(usize::try_from(low).unwrap_or(0) * usize::from(frag_size))
    }
}

/// The smallest exponent whose window covers the spread that the fleet's size asks for: N/16 + 1 s, at most 128.
fn block_ack_delay(config: &Config, devices: u32) -> BlockAckDelay {
    let documented = Duration::from_secs(u64::from((devices / 16 + 1).min(128)));
    let spread = config.fsession_status_spread.unwrap_or(documented);
    BlockAckDelay::covering(u32::try_from(spread.as_secs()).unwrap_or(u32::MAX))
}
