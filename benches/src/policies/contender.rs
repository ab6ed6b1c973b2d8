//! Who is compared, and what one campaign of each takes.

use std::time::Duration;

use clap::ValueEnum;
use fuota_engine::campaign::plan::Block;
use fuota_engine::campaign::spec::Redundancy;
use fuota_engine::percent::Percent;
use fuota_sim::bulk::campaign::{CampaignRecord, Liars, campaign, reference, rounds};
use fuota_sim::energy::{Profile, RadioTime};
use fuota_sim::scenario::{DeviceGroup, Scenario};
use fuota_sim::world::SimError;
use serde::{Deserialize, Serialize};

use super::channels::Channel;

/// Octets of a fragment: as many as EU868 DR5 carries.
const FRAG_SIZE: u8 = 239;
/// Rounds without parity at most.
const ROUNDS: u16 = 60;
/// Fragments that the reference is given, in multiples of M: nobody needs more.
const REFERENCE: u16 = 4;

/// Who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Contender {
    /// Knows every loss, sends parity in order until the last device is complete, and never asks.
    Oracle,
    /// The same until 99.9 % of the devices are.
    OracleOfMost,
    /// Half as much parity as there are uncoded fragments, once; nobody asks.
    FixedHalf,
    /// Uncoded fragments round after round until every device has all; nobody asks.
    Carousel,
    /// The adaptive policy, every device required.
    Adaptive,
    /// The same, 99.9 % of the devices required.
    AdaptiveForMost,
    /// The same as [`Adaptive`](Self::Adaptive), and the engine knows how many gateways send each frame; only where there
    /// are several.
    AdaptiveAlone,
    /// The same as [`Adaptive`](Self::Adaptive), and what answers show to be needed is sent while others come in.
    AdaptiveOverlap,
    /// The same as [`Adaptive`](Self::Adaptive), and one device says for ever that it misses one.
    OneLiar,
    /// The same, and one in a hundred does.
    Liars,
    /// The same, and one in a hundred says for ever that it misses 255 or more.
    SaturatedLiars,
}

/// What is run at once: all that follows from the same losses without a server is one task.
pub(crate) const TASKS: [Contender; 9] = [
    Contender::Oracle,
    Contender::Adaptive,
    Contender::AdaptiveForMost,
    Contender::AdaptiveAlone,
    Contender::AdaptiveOverlap,
    Contender::Carousel,
    Contender::OneLiar,
    Contender::Liars,
    Contender::SaturatedLiars,
];

/// What a campaign took, from its first fragment on.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Took {
    /// Airtime of a gateway's frames, in fragments: of several gateways' in the mean.
    pub(crate) frames: f64,
    /// The same in seconds.
    pub(crate) airtime_s: f64,
    /// Until it was decided.
    pub(crate) duration_s: f64,
    /// Airtime of the devices' answers, all together.
    pub(crate) uplink_s: f64,
    /// Energy of a device's radio in the mean: its receiver is on all the time (class C).
    pub(crate) joules: f64,
    /// Polls.
    pub(crate) polls: u16,
    /// Share of the devices that hold the block in the end.
    pub(crate) done: f64,
    /// Devices that count as complete and are not.
    pub(crate) wrong: u32,
    /// Devices that the report names because their counts are not believed.
    pub(crate) named: u32,
}

/// A fleet of one kind behind a channel, with an image of so many fragments.
pub(crate) fn scenario(channel: &Channel, nb_frag: u16, devices: u32, seed: u64) -> Scenario {
    let fleet = DeviceGroup { devices, downlink: channel.link.clone(), ..DeviceGroup::default() };
    let mut scenario = Scenario {
        image: vec![0; usize::from(nb_frag) * usize::from(FRAG_SIZE)],
        fleet: vec![fleet],
        gateways: channel.gateways(),
        redundancy: Redundancy::Adaptive,
        seed,
        ..Scenario::default()
    };
    scenario.config.fsize = Some(FRAG_SIZE);
    scenario.config.success_threshold = Percent::whole(100);
    scenario
}

/// Carries a task out.
pub(crate) fn run(task: Contender, mut scenario: Scenario) -> Result<Vec<(Contender, Took)>, SimError> {
    let devices = scenario.devices();
    let gateways = u16::try_from(scenario.gateways.len()).unwrap_or(u16::MAX);
    let liars = |devices, missing| Liars { devices, missing };
    let liars = match task {
        Contender::Oracle | Contender::OracleOfMost | Contender::FixedHalf => return references(&scenario),
        Contender::Carousel => return Ok(vec![(task, carousel(&scenario)?)]),
        Contender::Adaptive => Liars::default(),
        Contender::AdaptiveForMost => {
            scenario.config.success_threshold = "99.9".parse().unwrap_or_default();
            Liars::default()
        }
        Contender::AdaptiveAlone if gateways < 2 => return Ok(Vec::new()),
        Contender::AdaptiveAlone => {
            scenario.config.multicast_gateways = gateways;
            Liars::default()
        }
        Contender::AdaptiveOverlap => {
            scenario.config.adaptive_overlap = true;
            Liars::default()
        }
        Contender::OneLiar => liars(1, 1),
        Contender::Liars => liars(devices / 100, 1),
        Contender::SaturatedLiars => liars(devices / 100, u8::MAX),
    };
    let record = campaign(&scenario, liars)?;
    Ok(vec![(task, Took::of(&record, devices, gateways))])
}

fn references(scenario: &Scenario) -> Result<Vec<(Contender, Took)>, SimError> {
    let nb_frag = u16::try_from(scenario.image.len() / usize::from(FRAG_SIZE)).unwrap_or(u16::MAX);
    let most = nb_frag.saturating_mul(REFERENCE);
    let known = reference(scenario, most)?;
    let with = |fragments: u16| Took::unasked(&known.block, fragments.into(), known.share_after(fragments));
    Ok(vec![
        (Contender::Oracle, with(known.fragments_for(1.0).unwrap_or(most))),
        (Contender::OracleOfMost, with(known.fragments_for(0.999).unwrap_or(most))),
        (Contender::FixedHalf, with(nb_frag + nb_frag.div_ceil(2))),
    ])
}

fn carousel(scenario: &Scenario) -> Result<Took, SimError> {
    let rounds = rounds(scenario, ROUNDS)?;
    let done = rounds.complete_in.iter().flatten().count() as f64 / rounds.complete_in.len() as f64;
    let most = rounds.complete_in.iter().map(|round| round.unwrap_or(ROUNDS.into())).max().unwrap_or(1);
    Ok(Took::unasked(&rounds.block, most * u32::from(rounds.block.geometry.nb_frag()), done))
}

impl Took {
    /// So many fragments, one after the other, and nothing else.
    fn unasked(block: &Block, fragments: u32, done: f64) -> Self {
        let duration = block.gap * fragments;
        Self {
            frames: fragments.into(),
            airtime_s: (block.airtime * fragments).as_secs_f64(),
            duration_s: duration.as_secs_f64(),
            uplink_s: 0.0,
            joules: joules(duration, Duration::ZERO),
            polls: 0,
            done,
            wrong: 0,
            named: 0,
        }
    }

    fn of(record: &CampaignRecord, devices: u32, gateways: u16) -> Self {
        // One of them sends what is for one device.
        let alone = record.airtime_alone.as_secs_f64();
        let airtime_s = record.airtime.as_secs_f64() - alone + alone / f64::from(gateways.max(1));
        Self {
            frames: airtime_s / record.block.airtime.as_secs_f64(),
            airtime_s,
            duration_s: record.duration.as_secs_f64(),
            uplink_s: record.uplink_airtime.as_secs_f64(),
            joules: joules(record.duration, record.uplink_airtime / devices.max(1)),
            polls: record.polls,
            done: f64::from(record.holding) / f64::from(devices),
            wrong: record.wrong,
            named: u32::try_from(record.suspects.len()).unwrap_or(u32::MAX),
        }
    }
}

fn joules(listens: Duration, speaks: Duration) -> f64 {
    Profile::default().joules(&RadioTime { rx: listens, tx: speaks, ..RadioTime::default() })
}
