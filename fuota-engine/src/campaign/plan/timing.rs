//! When things happen: sessions, polls, time-outs, estimates.

use core::time::Duration;

use fuota_proto::TimeOut;

use super::group::GroupPlan;
use super::{DeviceClass, Plan, spread};
use crate::campaign::adaptive::{Adaptive, REQUESTS};
use crate::campaign::io::SessionClass;
use crate::campaign::spec::Kind;
use crate::config::SessionDuration;
use crate::time::GpsInstant;

/// Octets of McGroupSetupReq, the longest set-up request (TS005-1.0.0 §3.3).
const MC_GROUP_SETUP_LEN: usize = 30;
/// Octets of FragSessionSetupReq (TS004-1.0.0 §3.3).
const FRAG_SESSION_SETUP_LEN: usize = 11;
/// Answers of class A devices are waited for this many uplink periods.
const RESPONSE_PERIODS: u32 = 2;
/// How long the answer of a class C device is waited for: it can speak at once.
const CLASS_C_RESPONSE: Duration = Duration::from_secs(30);
/// Beacons come every so many seconds, and class B sessions start at one.
const BEACON_PERIOD: u64 = 128;
/// Added to an uplink period for the way through the network, where unsent downlinks are sent again.
const DELIVERY_MARGIN: Duration = Duration::from_secs(60);
/// Added to a session that lasts no longer than it must, for what is sent twice or late.
const TIGHT_MARGIN: Duration = Duration::from_secs(60);
/// Octets of FragSessionStatusReq (TS004-1.0.0 §3.2).
const FRAG_SESSION_STATUS_LEN: usize = 2;
/// Polls that the adaptive policy takes at least: silence is believed the second time.
const LEAST_ADAPTIVE_POLLS: u32 = 2;
/// Polls that a probe takes at most.
const PROBES: u32 = 2;
/// Least time from now to a configured start for the session stage to make sense.
pub(in crate::campaign) const START_MARGIN: Duration = Duration::from_secs(10);

/// A session: its first second, the exponent of its length, and its end.
pub(in crate::campaign) type Span = (GpsInstant, TimeOut, GpsInstant);

impl Plan {
    /// The time over which devices spread their status answers.
    pub(in crate::campaign) fn answer_window(&self) -> Duration {
        Duration::from_secs(u64::from(self.block_ack_delay.window_s()))
    }

    /// How long a poll by multicast waits for its answers.
    #[must_use]
    pub fn poll_window(&self) -> Duration {
        self.answer_window().saturating_add(self.spec.config.fsession_status_timeout)
    }

    /// Whether the answers of the whole fleet get through if they are spread over `window`.
    pub(in crate::campaign) fn answers_fit(&self, window: Duration) -> bool {
        spread::answers_fit(&self.spec, self.uplink, self.device_count(), window)
    }

    /// How long a poll by multicast takes in a group, until its answers are in.
    pub(in crate::campaign) fn poll_duration(&self, group: &GroupPlan) -> Duration {
        let poll = self.poll_window().saturating_add(group.listening_wait());
        if group.adaptive().is_none() {
            return poll;
        }
        // Its request is sent more than once.
        let request =
            self.multicast_gap(group, FRAG_SESSION_STATUS_LEN).saturating_add(group.listening_wait());
        poll.saturating_add(request.saturating_mul(REQUESTS.into()).saturating_mul(group.copies))
    }

    /// How long the report on a multicast downlink is waited for; `None`: for ever.
    pub(in crate::campaign) fn report_timeout(&self, group: &GroupPlan) -> Option<Duration> {
        let config = &self.spec.config;
        let by_size = config.summary_report_delay_factor.saturating_mul(group.devices());
        let timeout = config.summary_report_timeout.saturating_add(by_size);
        (!config.summary_report_timeout.is_zero()).then(|| timeout.saturating_add(group.listening_wait()))
    }

    /// From a session's opening to the last bit of a round's last fragment and the end of its poll.
    pub(in crate::campaign) fn round_duration(&self, group: &GroupPlan) -> Duration {
        group.fragments_duration().saturating_add(self.around_round(group))
    }

    /// From a session's opening to the end of the last poll that the policy may need.
    fn all_rounds(&self, group: &GroupPlan) -> Duration {
        let (poll, rounds) = (self.poll_duration(group), u32::from(group.policy().rounds_max()));
        let further = match group.adaptive() {
            Some(Adaptive { first, most }) => {
                let parity = group.time_for(u32::from(most - first).saturating_mul(group.copies));
                parity.saturating_add(poll.saturating_mul(rounds.saturating_sub(1)))
            }
            None => group.fragments_duration().saturating_add(poll).saturating_mul(rounds.saturating_sub(1)),
        };
        further.saturating_add(self.round_duration(group))
    }

    /// What a first round takes besides its fragments: the wait for slow clocks and for others, the probe, and the poll.
    pub(super) fn around_round(&self, group: &GroupPlan) -> Duration {
        let probes = if self.spec.config.probe_at_start { PROBES } else { 0 };
        let polls = probes + if group.adaptive().is_some() { LEAST_ADAPTIVE_POLLS } else { 1 };
        let polls = self.poll_duration(group).saturating_mul(polls);
        self.first_fragment_offset(group).saturating_add(self.spec.shared_airtime).saturating_add(polls)
    }

    /// From SessionTime to the first fragment.
    #[must_use]
    pub fn first_fragment_offset(&self, group: &GroupPlan) -> Duration {
        group.first_fragment_offset(&self.spec)
    }

    /// Least time from the start of a multicast downlink with `frm_payload` octets to the start of the next.
    pub(in crate::campaign) fn multicast_gap(&self, group: &GroupPlan, frm_payload: usize) -> Duration {
        group.gap(&self.spec, frm_payload)
    }

    /// How long an answer is waited for after its request went on air, in a stage whose devices speak every
    /// `longest_period` or more often.
    pub(in crate::campaign) fn response_timeout(&self, device: u32, longest_period: Duration) -> Duration {
        match self.device(device) {
            _ if self.spec.config.documented_timers => longest_period.saturating_mul(RESPONSE_PERIODS),
            Some(device) if device.class == DeviceClass::C => CLASS_C_RESPONSE,
            _ => self.period(device).saturating_mul(RESPONSE_PERIODS),
        }
    }

    /// How long a unicast downlink may stay unsent before it is sent again; `None`: as long as the device is heard.
    pub(in crate::campaign) fn delivery_timeout(&self, longest_period: Duration) -> Option<Duration> {
        let config = &self.spec.config;
        let documented = config.documented_timers.then(|| longest_period.saturating_add(DELIVERY_MARGIN));
        config.delivery_timeout.or(documented)
    }

    /// How long it takes to send a device so many fragments alone and to hear how it stands then: in class A each downlink
    /// waits for an uplink.
    pub(in crate::campaign) fn time_alone(&self, device: u32, fragments: u32) -> Duration {
        let wait = match self.device(device) {
            Some(device) if device.class == DeviceClass::C => Duration::ZERO,
            _ => self.period(device),
        };
        wait.saturating_mul(fragments.saturating_add(RESPONSE_PERIODS)).saturating_add(self.poll_window())
    }

    /// How long a device may be silent before it counts as not heard.
    pub(in crate::campaign) fn silence_limit(&self, device: u32) -> Duration {
        self.period(device).saturating_mul(1 + u32::from(self.spec.config.msg_retries))
    }

    /// How long late answers are accepted after a stage.
    pub(in crate::campaign) fn late_answer_time(&self) -> Duration {
        self.longest_period.saturating_mul(self.spec.config.stage_complete_delay)
    }

    /// The longest time that any device has to answer.
    pub(in crate::campaign) fn longest_response(&self) -> Duration {
        self.longest_period.saturating_mul(RESPONSE_PERIODS)
    }

    /// Time on air of an uplink with `frm_payload` octets.
    pub(in crate::campaign) fn uplink_airtime(&self, frm_payload: usize) -> Duration {
        self.uplink.uplink(frm_payload)
    }

    /// When the sessions start if their stage begins at `now`; class B groups follow at a beacon.
    ///
    /// Unless the start is configured, every device has to be reached behind one gateway's RX1 budget first, and
    /// the last of them may need all its tries.
    pub(in crate::campaign) fn session_start(&self, now: GpsInstant) -> GpsInstant {
        let start = self.spec.session_start.unwrap_or_else(|| now + self.session_delay());
        GpsInstant::from_secs(start.ceil_secs())
    }

    /// When sessions that take the place of others start, if they are asked for from `now` on.
    pub(in crate::campaign) fn later_session_start(&self, now: GpsInstant) -> GpsInstant {
        GpsInstant::from_secs((now + self.session_delay()).ceil_secs())
    }

    /// A group's session when those of class C start at `start`, in a campaign that ends at `deadline`; `None` if not
    /// even one round and its poll fit.
    pub(in crate::campaign) fn session(
        &self,
        group: &GroupPlan,
        start: GpsInstant,
        deadline: GpsInstant,
    ) -> Option<Span> {
        let opened = self.spec.session_start.unwrap_or_else(|| start + self.class_b_opening());
        let needed = match self.spec.kind {
            Kind::MulticastSetup => Duration::from_secs(1),
            _ => self.round_duration(group),
        };
        self.span(group, (start, opened), deadline, needed)
    }

    /// A group's session that takes the place of another; `None` if what is still `needed` does not fit.
    pub(in crate::campaign) fn later_session(
        &self,
        group: &GroupPlan,
        start: GpsInstant,
        deadline: GpsInstant,
        needed: Duration,
    ) -> Option<Span> {
        self.span(group, (start, start + self.class_b_opening()), deadline, needed)
    }

    /// A session that starts then in class C, or in class B once beacons are followed.
    fn span(
        &self,
        group: &GroupPlan,
        (start, opened): (GpsInstant, GpsInstant),
        deadline: GpsInstant,
        needed: Duration,
    ) -> Option<Span> {
        let start = match group.parameters.class {
            SessionClass::C => start,
            // One function computes the start for devices and server alike, and never before the set-up is done.
            SessionClass::B { .. } => {
                GpsInstant::from_secs(opened.ceil_secs().next_multiple_of(BEACON_PERIOD))
            }
        };
        let mut duration = deadline.since(start).min(group.longest_session());
        let default =
            if group.adaptive().is_some() { SessionDuration::Tight } else { SessionDuration::Documented };
        let wanted = self.spec.config.session_duration.unwrap_or(default);
        if wanted == SessionDuration::Tight && group.block().is_some() {
            duration = duration.min(self.all_rounds(group).saturating_add(TIGHT_MARGIN));
        }
        let secs = u32::try_from(duration.as_secs()).unwrap_or(u32::MAX);
        let time_out = match group.parameters.class {
            SessionClass::C => TimeOut::class_c_covering(secs),
            SessionClass::B { .. } => TimeOut::class_b_covering(secs),
        };
        (duration >= needed).then(|| (start, time_out, start + Duration::from_secs(u64::from(secs))))
    }

    /// The devices' upper bound on multicast frame counters: everything that this campaign may send, and more.
    pub(in crate::campaign) fn max_mc_fcnt(&self, group: &GroupPlan, next_fcnt: u32) -> u32 {
        let config = &self.spec.config;
        config.mcgroup_max_fcntdn.unwrap_or_else(|| {
            let round =
                group.block().map_or(1, |block| u32::from(block.frames())).saturating_mul(group.copies);
            let rounds = u32::from(group.policy().rounds_max());
            let (fragments, requests) = match group.adaptive() {
                Some(adaptive) => {
                    let further = u32::from(adaptive.most - adaptive.first).saturating_mul(group.copies);
                    (round.saturating_add(further), rounds * u32::from(REQUESTS))
                }
                None => (round.saturating_mul(rounds), 1 + rounds),
            };
            let needed = fragments.saturating_add((PROBES + requests).saturating_mul(group.copies));
            next_fcnt.saturating_add(round.saturating_mul(config.mcgroup_validity_coeff).max(needed))
        })
    }

    /// Added to a computed start in class B, so that devices find a beacon.
    fn class_b_opening(&self) -> Duration {
        let beacons = self.spec.config.classb_start_beacons_delay;
        beacons.map_or(self.spec.config.classb_opening_delay, |beacons| {
            Duration::from_secs(u64::from(beacons) * BEACON_PERIOD)
        })
    }

    /// From the beginning of the session stage to a computed start.
    fn session_delay(&self) -> Duration {
        self.spec.config.mcsession_delay.unwrap_or_else(|| {
            let one = self.spec.region.rx1_duty().gap(self.rx1.downlink(MC_GROUP_SETUP_LEN));
            let reach_all = one.max(self.spec.config.ucast_msg_delay).saturating_mul(self.device_count());
            reach_all.saturating_add(self.patience()).saturating_add(self.late_answer_time())
        })
    }

    /// How long the set-up stages are expected to take behind one gateway.
    ///
    /// All but the last are bound by the gateway's budgets: RX1 at the uplink data rate and RX2 at its own take
    /// turns; a third try is needed by someone in any large fleet. The last has its fixed length.
    #[must_use]
    pub fn setup_estimate(&self) -> Duration {
        let third_try = self.longest_period.saturating_mul((1 + RESPONSE_PERIODS) * 2);
        let stage = |octets| self.queue_time(octets).saturating_add(third_try);
        let fragmentation = match self.spec.kind {
            Kind::MulticastSetup => Duration::ZERO,
            _ => stage(FRAG_SESSION_SETUP_LEN),
        };
        stage(MC_GROUP_SETUP_LEN).saturating_add(fragmentation).saturating_add(self.session_delay())
    }

    /// How long set-up and the longest round are expected to take.
    pub(in crate::campaign) fn transfer_estimate(&self) -> Duration {
        let longest = self.groups.iter().map(|group| self.round_duration(group)).max().unwrap_or_default();
        self.setup_estimate().saturating_add(longest)
    }

    /// How long the last device of an exchange may take if it needs all its tries.
    pub(in crate::campaign) fn patience(&self) -> Duration {
        let tries = 1 + u32::from(self.spec.config.msg_retries);
        self.longest_period.saturating_mul((1 + RESPONSE_PERIODS) * tries)
    }

    /// How long one gateway takes to send a request of `octets` to every device.
    fn queue_time(&self, octets: usize) -> Duration {
        let region = self.spec.region;
        let rx1 = region.rx1_duty().gap(self.rx1.downlink(octets)).as_secs_f64();
        let rx2 = region.downlink(region.rx2_data_rate()).map_or(f64::INFINITY, |dr| {
            self.spec.multicast_duty.gap(dr.modulation.downlink(octets)).as_secs_f64()
        });
        Duration::from_secs_f64(f64::from(self.device_count()) / (1.0 / rx1 + 1.0 / rx2))
    }

    /// Time between the uplinks of a device.
    pub(in crate::campaign) fn period(&self, device: u32) -> Duration {
        self.device(device).map_or(self.longest_period, |d| d.uplink_period)
    }

    fn device_count(&self) -> u32 {
        u32::try_from(self.spec.devices.len()).unwrap_or(u32::MAX)
    }
}
