//! Redundancy policies on the same losses: the adaptive policy in the whole engine, against a sender that knows every
//! loss, parity fixed in hindsight, and rounds.

mod channels;
mod throughput;

use std::error::Error;
use std::sync::Mutex;
use std::thread;

use fuota_engine::campaign::spec::Redundancy;
use fuota_engine::percent::Percent;
use fuota_sim::bulk::campaign::{CampaignRecord, Liars, campaign, reference, rounds};
use fuota_sim::scenario::{DeviceGroup, Link, Scenario};
use fuota_sim::world::SimError;

use self::channels::{Channel, channels};
use crate::report::{Comparison, Figure, Row, Section};
use crate::{Options, instructions};

/// Octets of a fragment: as many as EU868 DR5 carries.
const FRAG_SIZE: u8 = 239;
/// Seeds of the comparison; those below were for tuning.
const FIRST_SEED: u64 = 1_001;
/// Rounds without parity at most.
const ROUNDS: u16 = 40;
/// Fragments that the reference is given, in multiples of M: nobody needs more.
const REFERENCE: u16 = 4;

/// One campaign and what others would have taken, in fragments.
struct Run {
    oracle: f64,
    for_999: u16,
    share_at_half: f64,
    carousel: f64,
    every: CampaignRecord,
    most: CampaignRecord,
    /// Airtime of one fragment, in s.
    fragment_s: f64,
}

pub(crate) fn run(options: &Options) -> Result<Vec<Section>, Box<dyn Error>> {
    if options.callgrind || instructions::inside() {
        // Frames and airtime are no matter of instructions.
        return Ok(Vec::new());
    }
    let (seeds, sizes, fleets): (u64, &[u16], &[u32]) =
        if options.full { (30, &[215, 429, 1000], &[1_000, 10_000]) } else { (3, &[215], &[1_000]) };
    let seeds = options.seeds.unwrap_or(seeds);
    let (size, fleet) = (options.fragments.map(|size| [size]), options.devices.map(|fleet| [fleet]));
    let (sizes, fleets) =
        (size.as_ref().map_or(sizes, |size| size), fleet.as_ref().map_or(fleets, |fleet| fleet));
    let mut sections = Vec::new();
    for &devices in fleets {
        let mut rows = Vec::new();
        for &nb_frag in sizes {
            for channel in &channels() {
                let runs = each(seeds, |seed| compare(channel, nb_frag, devices, seed))?;
                eprintln!("benches: {} M = {nb_frag}, {devices} devices", channel.name);
                rows.push(row(format!("{} M = {nb_frag}", channel.name), nb_frag, &runs));
            }
        }
        let title = format!(
            "Adaptive policy, {devices} devices, {seeds} seeds: airtime against others on the same losses"
        );
        sections.push(section(title, rows));
    }
    sections.push(liars(seeds, if options.full { 429 } else { 215 })?);
    sections.push(false_success()?);
    sections.push(throughput::run(&[1_000, 100_000, 1_000_000])?);
    if options.full {
        sections.push(throughput::million()?);
    }
    Ok(sections)
}

/// Runs `work` for each seed, on two threads; the order is that of the seeds.
fn each<T: Send>(seeds: u64, work: impl Fn(u64) -> Result<T, SimError> + Sync) -> Result<Vec<T>, SimError> {
    let next = Mutex::new(FIRST_SEED..FIRST_SEED + seeds);
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(seed) = next.lock().ok().and_then(|mut seeds| seeds.next()) else { return };
                    let result = work(seed);
                    if let Ok(mut done) = done.lock() {
                        done.push((seed, result));
                    }
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_default();
    done.sort_by_key(|(seed, _)| *seed);
    done.into_iter().map(|(_, result)| result).collect()
}

fn scenario(channel: &Channel, nb_frag: u16, devices: u32, seed: u64) -> Scenario {
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

fn compare(channel: &Channel, nb_frag: u16, devices: u32, seed: u64) -> Result<Run, SimError> {
    let mut scenario = scenario(channel, nb_frag, devices, seed);
    let known = reference(&scenario, nb_frag * REFERENCE)?;
    let every = campaign(&scenario, Liars::default())?;
    scenario.config.success_threshold = "99.9".parse().unwrap_or_default();
    let most = campaign(&scenario, Liars::default())?;
    Ok(Run {
        oracle: known.fragments_for(1.0).map_or(f64::NAN, f64::from),
        for_999: known.fragments_for(0.999).unwrap_or(nb_frag * REFERENCE),
        share_at_half: known.share_after(nb_frag + nb_frag.div_ceil(2)),
        carousel: rounds(&scenario, ROUNDS)?.map_or(f64::NAN, f64::from) * f64::from(nb_frag),
        fragment_s: fragment_s(&scenario),
        every,
        most,
    })
}

/// Airtime of a fragment, in s.
fn fragment_s(scenario: &Scenario) -> f64 {
    let rate = scenario.region.downlink(scenario.data_rate);
    // CID, and Index&N (TS004-1.0.0 §3.6).
    let octets = usize::from(FRAG_SIZE) + 3;
    rate.map_or(f64::NAN, |rate| rate.modulation.framed(octets, scenario.framing).as_secs_f64())
}

fn row(name: String, nb_frag: u16, runs: &[Run]) -> Row {
    let in_fragments = |run: &Run, record: &CampaignRecord| record.airtime.as_secs_f64() / run.fragment_s;
    let every: Vec<_> = runs.iter().map(|run| in_fragments(run, &run.every)).collect();
    let to_oracle: Vec<_> = runs.iter().zip(&every).map(|(run, took)| took / run.oracle).collect();
    let most: Vec<_> = runs.iter().map(|run| in_fragments(run, &run.most) / run.oracle).collect();
    // The least parity with which 99.9 % of the devices are complete with every seed.
    let hindsight = f64::from(runs.iter().map(|run| run.for_999).max().unwrap_or(nb_frag));
    let to_carousel: Vec<_> = runs.iter().zip(&every).map(|(run, took)| took / run.carousel).collect();
    let of = |figure: &dyn Fn(&CampaignRecord) -> f64| {
        runs.iter().map(|run| figure(&run.every)).collect::<Vec<_>>()
    };
    let done = |record: &CampaignRecord| {
        100.0 * f64::from(record.holding) / f64::from(record.outcome.complete + record.outcome.failed)
    };
    let least = |of: &dyn Fn(&Run) -> &CampaignRecord| {
        runs.iter().map(|run| done(of(run))).fold(f64::INFINITY, f64::min)
    };
    let wrong: u32 = runs.iter().map(|run| run.every.wrong + run.most.wrong).sum();
    let half: Vec<_> = runs.iter().map(|run| 100.0 * run.share_at_half).collect();
    let oracle: Vec<_> = runs.iter().map(|run| run.oracle).collect();
    let figures = vec![
        Figure::new("oracle", mean(&oracle), "frames"),
        Figure::new("adaptive", mean(&to_oracle), "x"),
        Figure::new("±", interval(&to_oracle), ""),
        Figure::new("worst", to_oracle.iter().copied().fold(0.0, f64::max), "x"),
        Figure::new("least done", least(&|run| &run.every), "%"),
        Figure::new("at 99.9 %", mean(&most), "x"),
        Figure::new("±", interval(&most), ""),
        Figure::new("least done", least(&|run| &run.most), "%"),
        Figure::new("wrongly inferred", f64::from(wrong), "devices"),
        Figure::new("of fixed in hindsight", mean(&every) / hindsight, "x"),
        Figure::new("fixed 50 % done", mean(&half), "%"),
        Figure::new("of rounds", mean(&to_carousel), "x"),
        Figure::new("polls", mean(&of(&|record| record.polls.into())), ""),
        Figure::new("uplink airtime", mean(&of(&|record| record.uplink_airtime.as_secs_f64())), "s"),
        Figure::new("duration", mean(&of(&|record| record.duration.as_secs_f64())), "s"),
    ];
    let comparisons = vec![Comparison::with_limit(mean(&to_oracle), 1.02, "x")];
    Row { name, figures, comparisons }
}

/// What devices cost that always say that they miss something.
fn liars(seeds: u64, nb_frag: u16) -> Result<Section, SimError> {
    let devices = 1_000;
    let cases = [(1, 1), (10, 1), (1, 255), (10, 255)];
    let mut rows = Vec::new();
    for channel in &channels()[..3] {
        for (count, missing) in cases {
            let runs = each(seeds, |seed| {
                let scenario = scenario(channel, nb_frag, devices, seed);
                let honest = campaign(&scenario, Liars::default())?;
                let liars = campaign(&scenario, Liars { devices: count, missing })?;
                Ok((liars.airtime.as_secs_f64() / honest.airtime.as_secs_f64(), liars))
            })?;
            let cost: Vec<_> = runs.iter().map(|(cost, _)| *cost).collect();
            let named = runs.iter().map(|(_, record)| record.suspects.len()).min().unwrap_or_default();
            let figures = vec![
                Figure::new("airtime", mean(&cost), "x"),
                Figure::new("±", interval(&cost), ""),
                Figure::new("worst", cost.iter().copied().fold(0.0, f64::max), "x"),
                Figure::new("least doubted", named as f64, "devices"),
                Figure::new("polls", mean(&runs.iter().map(|(_, r)| r.polls.into()).collect::<Vec<_>>()), ""),
            ];
            let name = format!("{}, {count} of {devices} always miss {missing}", channel.name);
            // One device may cost 5 %, one in a hundred 8 %.
            let limit = if count == 1 { 1.05 } else { 1.08 };
            let comparisons = vec![Comparison::with_limit(mean(&cost), limit, "x")];
            rows.push(Row { name, figures, comparisons });
        }
    }
    let title =
        format!("Devices that always say the same, M = {nb_frag}, {seeds} seeds: airtime against without");
    Ok(section(title, rows))
}

/// A hundred thousand devices, none of which can complete: none may count as complete.
fn false_success() -> Result<Section, SimError> {
    let channel = Channel { name: "iid 40 %", link: Link::Independent { loss: 0.4 }, outage: false };
    let mut scenario = scenario(&channel, 60, 100_000, FIRST_SEED);
    scenario.config.adaptive_excess_max = 10;
    let record = campaign(&scenario, Liars::default())?;
    let figures = vec![
        Figure::new("complete", f64::from(record.outcome.complete), "devices"),
        Figure::new("wrongly", f64::from(record.wrong), "devices"),
        Figure::new("holding", f64::from(record.holding), "devices"),
        Figure::new("polls", record.polls.into(), ""),
    ];
    let comparisons = vec![Comparison::with_limit(f64::from(record.wrong), 0.0, "devices")];
    let rows = vec![Row { name: "40 % lost, 16 % parity allowed".into(), figures, comparisons }];
    Ok(section("False success: 100,000 devices, none complete".into(), rows))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / (values.len().max(1) as f64)
}

/// Half the width of the mean's 95 % interval.
fn interval(values: &[f64]) -> f64 {
    let (n, mean) = (values.len() as f64, mean(values));
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    // Student's t for 30 values; for three it is 4.30.
    let t = if values.len() < 10 { 4.30 } else { 2.045 };
    t * (variance / n).sqrt()
}

fn section(title: String, rows: Vec<Row>) -> Section {
    Section { subject: "campaign", title, rows, summary: Vec::new() }
}
