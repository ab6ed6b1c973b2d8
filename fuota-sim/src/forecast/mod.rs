//! What a campaign would take, before anything is sent.
//!
//! Unlike the campaign's own plan, which refuses what cannot be carried out, a forecast always has its figures and
//! says beside them what does not fit.

mod advice;
mod success;

use std::time::Duration;

use fuota_engine::airtime::Framing;
use fuota_engine::campaign::io::{GroupParameters, SessionClass};
use fuota_engine::campaign::plan::{DATA_FRAGMENT_OVERHEAD, MAX_FRAGMENTS, Plan, PlanError};
use fuota_engine::campaign::spec::{CampaignSpec, DeviceSpec, GroupSpec, Kind, PackageVersion, Redundancy};
use fuota_engine::config::Config;
use fuota_engine::ids::{DevEui, GroupId};
use fuota_engine::percent::Percent;
use fuota_engine::region::{DataRateParameters, DutyCycle, DwellTime, Region};
use fuota_engine::rule::parity_rule;
use fuota_fec::structure::weaknesses;
use fuota_proto::{DataRate, McAddr, McGroupId, TimeOut};

pub use self::advice::{Advice, Objective, TARGET, advise};
pub use self::success::{Method, Success, success};
use crate::energy::{EMPTY_WINDOW_SYMBOLS, Profile, RadioTime};

/// Losses for which a forecast tells the success.
pub const LOSSES: [f64; 6] = [0.01, 0.05, 0.1, 0.2, 0.3, 0.4];
/// Octets of the requests and answers of the set-up stages of version 1: McGroupSetup, FragSessionSetup, McClassSession
/// (TS005-1.0.0 §3.3, TS004-1.0.0 §3.3, TS005-1.0.0 §3.5).
const SETUP_EXCHANGES: [(usize, usize); 3] = [(30, 2), (11, 2), (11, 5)];
/// Octets of FragSessionStatusAns (TS004-1.0.0 §3.2).
const STATUS_ANSWER: usize = 5;

/// What is to be distributed, to whom and how.
#[derive(Clone, Debug)]
pub struct Question {
    /// Octets of the image.
    pub image_len: usize,
    /// Where the fleet is.
    pub region: Region,
    /// Data rate of the session.
    pub data_rate: DataRate,
    /// Data rate of the devices' uplinks.
    pub uplink_data_rate: DataRate,
    /// Octets of data per fragment; `None`: as many as the data rate carries.
    pub frag_size: Option<u8>,
    /// Parity fragments.
    pub parity: Parity,
    /// How devices listen.
    pub class: SessionClass,
    /// Duty cycle of the multicast channel.
    pub duty: DutyCycle,
    /// What surrounds a fragment on air.
    pub framing: Framing,
    /// Version of the fragmentation package, which decides the parity rule.
    pub version: PackageVersion,
    /// Devices of the fleet.
    pub devices: u32,
    /// Probability that a fragment does not reach a device.
    pub loss: f64,
    /// Time between a device's ordinary uplinks.
    pub uplink_period: Duration,
    /// The devices' radios.
    pub profile: Profile,
}

/// How much parity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Parity {
    /// So many fragments.
    Fragments(u32),
    /// This share of the uncoded fragments, rounded up.
    Share(Percent),
}

/// The answer. Times are exact to the microsecond.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// Octets of data per fragment, FragSize.
    pub frag_size: u8,
    /// Uncoded fragments, M.
    pub nb_frag: u64,
    /// Octets added to the last fragment.
    pub padding: u64,
    /// Parity fragments, R.
    pub parity: u64,
    /// Time on air of one full fragment frame.
    pub time_on_air: Duration,
    /// Time on air of all of them.
    pub airtime: Duration,
    /// Time from the start of one fragment to the start of the next; in class B where no beacon comes between them.
    pub gap: Duration,
    /// First bit of the first fragment to the last bit of the last; in class B at most, wherever ping slots and beacons
    /// lie.
    pub data_phase: Duration,
    /// The set-up stages, behind one gateway.
    pub setup: Duration,
    /// BlockAckDelay, the exponent of the answer window (TS004-1.0.0 §3.3).
    pub block_ack_delay: u8,
    /// How long a poll waits for answers.
    pub poll: Duration,
    /// From the session's opening to the end of the poll.
    pub session: Duration,
    /// TimeOut, the exponent of the session's length (TS005-1.0.0 §3.5, §3.6); the largest if that is too short.
    pub session_time_out: u8,
    /// What a device's radio does for the campaign, set-up first, then the session.
    pub energy: [RadioTime; 2],
    /// Why it cannot be carried out like this; empty if it can.
    pub reasons: Vec<String>,
    /// What could be better.
    pub warnings: Vec<String>,
}

impl Forecast {
    /// Fragments, parity included.
    #[must_use]
    pub const fn frames(&self) -> u64 {
        self.nb_frag + self.parity
    }

    /// Set-up, transfer and poll.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.setup.saturating_add(self.session)
    }

    /// Energy that the campaign costs a device, in joules.
    #[must_use]
    pub fn joules(&self, profile: &Profile) -> f64 {
        self.energy.iter().map(|time| profile.joules(time)).sum()
    }
}

/// Computes the figures.
///
/// # Errors
/// [`PlanError`] for what leaves nothing to compute: a data rate that does not exist, no image, no devices.
pub fn forecast(question: &Question) -> Result<Forecast, PlanError> {
    let Question { image_len, class, .. } = *question;
    if image_len == 0 {
        return Err(PlanError::EmptyImage);
    }
    let mut reasons = Vec::new();
    let rate = rate(question, &mut reasons)?;
    let longest = rate.max_payload.saturating_sub(DATA_FRAGMENT_OVERHEAD);
    let frag_size = question.frag_size.unwrap_or(longest).max(1);
    if frag_size > longest {
        reasons.push(PlanError::FragSize { frag_size, max: longest }.to_string());
    }
    let (nb_frag, parity) = fragments(question, frag_size);
    let frames = nb_frag + parity;
    if frames > MAX_FRAGMENTS.into() {
        reasons.push(format!(
            "{frames} fragments cannot be numbered, {MAX_FRAGMENTS} can: the image has to be smaller or the fragments larger"
        ));
    }
    let octets = usize::from(frag_size) + usize::from(DATA_FRAGMENT_OVERHEAD);
    let time_on_air = rate.modulation.framed(octets, question.framing);
    let silence = question.duty.gap(time_on_air);
    let transfer = class.most_time(silence, u32::try_from(frames).unwrap_or(u32::MAX));
    let data_phase = transfer.saturating_sub(silence).saturating_add(time_on_air);

    let reference = reference(question)?;
    let poll = reference.poll_window();
    let offset =
        reference.groups().first().map_or(Duration::ZERO, |group| reference.first_fragment_offset(group));
    let session = offset.saturating_add(transfer).saturating_add(poll);
    let needed = u32::try_from(session.as_secs().saturating_add(1)).unwrap_or(u32::MAX);
    let session_time_out = match class {
        SessionClass::B { .. } => TimeOut::class_b_covering(needed),
        SessionClass::C => TimeOut::class_c_covering(needed),
    };
    if session > class.longest_session() {
        let longest = class.longest_session().as_secs();
        reasons.push(format!(
            "the transfer and its poll take {} s, the longest session has {longest} s: {} sessions one after the other would do",
            session.as_secs(),
            session.as_secs().div_ceil(longest)
        ));
    }
    let mut forecast = Forecast {
        frag_size,
        nb_frag,
        padding: nb_frag * u64::from(frag_size) - image_len as u64,
        parity,
        time_on_air,
        airtime: times(time_on_air, frames),
        gap: class.paced(silence),
        data_phase,
        setup: reference.setup_estimate(),
        block_ack_delay: reference.block_ack_delay().get(),
        poll,
        session,
        session_time_out: session_time_out.get(),
        energy: [RadioTime::default(); 2],
        reasons,
        warnings: Vec::new(),
    };
    forecast.energy = [setup_energy(question), session_energy(question, rate, &forecast)];
    forecast.warnings = warnings(question, &forecast);
    Ok(forecast)
}

/// The session's data rate. One that exists, only not like this, still has its figures.
fn rate(question: &Question, reasons: &mut Vec<String>) -> Result<DataRateParameters, PlanError> {
    let Question { region, data_rate, .. } = *question;
    if let Some(rate) = region.downlink(data_rate) {
        return Ok(rate);
    }
    let refused = PlanError::DownlinkDataRate { dr: data_rate.get(), region };
    let open = region.with_dwell_time(DwellTime::Unlimited);
    if let Some(rate) = open.and_then(|open| open.downlink(data_rate)) {
        reasons.push(format!("{refused} within a dwell time of 400 ms"));
        return Ok(rate);
    }
    let rate = region.data_rate(data_rate).ok_or(refused)?;
    reasons.push(refused.to_string());
    Ok(rate)
}

/// Uncoded and parity fragments.
fn fragments(question: &Question, frag_size: u8) -> (u64, u64) {
    let nb_frag = question.image_len.div_ceil(usize::from(frag_size));
    let parity = match question.parity {
        Parity::Fragments(parity) => u64::from(parity),
        Parity::Share(share) => share.of_ceil(u32::try_from(nb_frag).unwrap_or(u32::MAX)),
    };
    (nb_frag as u64, parity)
}

/// A plan of the same fleet with next to nothing to send: it knows how long set-up and polls take.
fn reference(question: &Question) -> Result<Plan, PlanError> {
    let Question { region, class, devices, .. } = *question;
    let mut spec = CampaignSpec::new(Kind::Binary, region, vec![0]);
    let device = |device| DeviceSpec::new(DevEui(device), question.uplink_period);
    spec.devices = (0..u64::from(devices)).map(device).collect();
    let parameters = GroupParameters {
        id: GroupId(0),
        mc_group_id: McGroupId::MIN,
        mc_addr: McAddr(0),
        key_id: 0,
        class,
        frequency: region.rx2_frequency(),
        data_rate: region.rx2_data_rate(),
    };
    spec.groups = vec![GroupSpec { parameters, redundancy: Redundancy::Fec(Percent::whole(0)) }];
    spec.uplink_data_rate = question.uplink_data_rate;
    spec.multicast_duty = question.duty;
    spec.max_duration = Duration::MAX;
    spec.config = Config::default();
    Plan::new(spec)
}

/// What a device does in the set-up stages: it answers three requests, the windows after each answer included.
fn setup_energy(question: &Question) -> RadioTime {
    let Question { region, uplink_data_rate, .. } = *question;
    let uplink = region.uplink(uplink_data_rate).map(|rate| rate.modulation);
    let rx1 = region.downlink(region.rx1_data_rate(uplink_data_rate)).map(|rate| rate.modulation);
    let rx2 = region.downlink(region.rx2_data_rate()).map(|rate| rate.modulation);
    let mut time = RadioTime::default();
    for (request, answer) in SETUP_EXCHANGES {
        time.rx += rx1.map_or(Duration::ZERO, |rate| rate.downlink(request));
        time.tx += uplink.map_or(Duration::ZERO, |rate| rate.uplink(answer));
        let windows = [rx1, rx2].into_iter().flatten();
        time.rx += windows.map(|rate| rate.symbol() * EMPTY_WINDOW_SYMBOLS).sum::<Duration>();
        time.standby += crate::server::RX2_DELAY;
    }
    time
}

/// What a device does during the session: listens, and answers one poll.
fn session_energy(question: &Question, rate: DataRateParameters, forecast: &Forecast) -> RadioTime {
    let answer = question.region.uplink(question.uplink_data_rate);
    let tx = answer.map_or(Duration::ZERO, |rate| rate.modulation.uplink(STATUS_ANSWER));
    let rx = match question.class {
        SessionClass::C => forecast.session,
        SessionClass::B { periodicity } => {
            let beacon = question.region.beacon();
            let beacon = question
                .region
                .downlink(beacon.data_rate)
                .map_or(Duration::ZERO, |rate| rate.modulation.beacon(beacon.octets.into()));
            let beacons = forecast.session.as_secs().div_ceil(128);
            let slots = forecast.session.as_millis() / u128::from(960_u64 << periodicity.get());
            let empty = u64::try_from(slots).unwrap_or(u64::MAX).saturating_sub(forecast.frames());
            times(beacon, beacons)
                .saturating_add(times(rate.modulation.symbol() * EMPTY_WINDOW_SYMBOLS, empty))
                .saturating_add(forecast.airtime)
        }
    };
    RadioTime { rx, tx, ..RadioTime::default() }
}

fn warnings(question: &Question, forecast: &Forecast) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Ok(nb_frag) = u16::try_from(forecast.nb_frag)
        && forecast.parity > 0
        && u64::from(MAX_FRAGMENTS) >= forecast.nb_frag
    {
        let found = weaknesses(parity_rule(question.version), nb_frag);
        warnings.extend(found.map(|weakness| format!("{nb_frag} fragments: {weakness}")));
    }
    if question.region == Region::As923(DwellTime::Unlimited) && forecast.time_on_air > DWELL_TIME {
        warnings.push(format!(
            "a fragment is on air for {:.0} ms: where the dwell time is limited to 400 ms it cannot be sent (--dwell-time 1)",
            forecast.time_on_air.as_secs_f64() * 1e3
        ));
    }
    // TimeOut 15 and no slack: what a repeated poll or a late start takes is not there any more.
    if forecast.session <= question.class.longest_session()
        && forecast.session * 10 > question.class.longest_session() * 9
    {
        warnings.push(format!(
            "the session is all but as long as a session can be ({} of {} s): nothing may go wrong",
            forecast.session.as_secs(),
            question.class.longest_session().as_secs()
        ));
    }
    if question.loss > 0.0 && forecast.parity == 0 {
        warnings.push("there is no parity: every lost fragment has to be sent again".into());
    }
    warnings
}

/// The longest frame where dwell time is limited.
const DWELL_TIME: Duration = Duration::from_millis(400);

fn times(duration: Duration, count: u64) -> Duration {
    let micros = duration.as_micros().saturating_mul(u128::from(count));
    u64::try_from(micros).map_or(Duration::MAX, Duration::from_micros)
}

#[cfg(test)]
mod tests;
