//! The simulator: fragment receptions per second of processor time, memory, how both grow with the fleet.

use std::error::Error;
use std::num::NonZero;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;
use fuota_engine::campaign::event::{Event, StageKind};
use fuota_engine::campaign::spec::Redundancy;
use fuota_engine::percent::Percent;
use fuota_engine::region::Region;
use fuota_engine::time::GpsInstant;
use fuota_sim::bulk::{BulkRecord, transfer};
use fuota_sim::scenario::{DeviceGroup, Link, Scenario};
use fuota_sim::world::{KEEP_BYTES, Observer, World};
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use crate::measure::median;
use crate::report::{Comparison, Figure, Row, Section};
use crate::{Options, allocations};

/// Receptions per second of processor time of a published simulator in Python, as its authors give it: a published
/// figure, not measured here.
const PUBLISHED: f64 = 23_000.0;

/// The image of the catalogue's largest scenario: 429 fragments of 239 octets.
const IMAGE: usize = 102_400;
const FRAG_SIZE: u8 = 239;
/// The same number of shorter fragments.
const SMALL: u8 = 50;
const PARITY: u16 = 129;
/// Turns of one and of two threads.
const TURNS: u32 = 7;

pub(crate) fn run(options: &Options) -> Result<Vec<Section>, Box<dyn Error>> {
    if options.callgrind {
        eprintln!("benches: the simulator is measured in processor time, not in instructions");
        return Ok(Vec::new());
    }
    let (few, many) = (1_000, 1_000_000);
    let fleet = rank_only(many);
    let mut receptions = 0;
    let time = fastest(3, || {
        let (record, time) = on_one_thread(&fleet)?;
        receptions = record.devices.iter().map(|held| u64::from(held.received)).sum();
        Ok(time)
    })?;
    let rank_only = receptions as f64 / time.as_secs_f64();
    let growth = per_device(few, 400)? / (time.as_secs_f64() / f64::from(many));
    let rows = vec![
        against_published("rank-only devices, M = 429, R = 129, p ~ Beta(2,18)".into(), rank_only, 3e8),
        against_published(
            format!("{KEEP_BYTES} full devices, M = 429 of 239 octets, 10 % lost, bytes compared"),
            full_devices(0.1, FRAG_SIZE)?,
            8e6,
        ),
        against_published(
            format!("{KEEP_BYTES} full devices, M = 429 of {SMALL} octets, 10 % lost, bytes compared"),
            full_devices(0.1, SMALL)?,
            8e6,
        ),
        against_published(
            format!("{KEEP_BYTES} full devices, nothing lost, so that nothing is decoded"),
            full_devices(0.0, FRAG_SIZE)?,
            8e6,
        ),
        limit("octets per rank-only device", octets_per_device()?, "octets", 16.0),
        limit("cost per device, of 10^3 in terms of 10^6", growth, "x", 1.2),
        reach("two threads in terms of one, rank-only devices", paired(fleet_on)?, "x", 1.8),
        reach("two threads in terms of one, four campaigns of full devices", paired(campaigns_on)?, "x", 1.8),
    ];
    let title =
        "sim: receptions per second of processor time; the peer's figure is a published one".to_owned();
    Ok(vec![Section { subject: "sim", title, rows, summary: Vec::new() }])
}

/// Receptions per second: more is better, so that the ratio is ours ÷ peer's.
fn against_published(name: String, ours: f64, least: f64) -> Row {
    let ratio = ours / PUBLISHED;
    let figures = vec![
        Figure::new("ours", ours / 1e6, "million/s"),
        Figure::new("least", least / 1e6, "million/s"),
        Figure::new("published figure", PUBLISHED / 1e6, "million/s"),
        Figure::new("ratio", ratio, "x"),
    ];
    let nanoseconds = |per_second: f64| 1e9 / per_second;
    let comparison = Comparison {
        target: Some(least / PUBLISHED),
        ..Comparison::with_peer("", nanoseconds(ours), nanoseconds(PUBLISHED), "ns")
    };
    Row { name, figures, comparisons: vec![comparison] }
}

fn limit(name: &str, ours: f64, unit: &'static str, most: f64) -> Row {
    held(name, ours, unit, "at most", most)
}

fn reach(name: &str, ours: f64, unit: &'static str, least: f64) -> Row {
    held(name, ours, unit, "at least", least)
}

fn held(name: &str, ours: f64, unit: &'static str, how: &'static str, limit: f64) -> Row {
    let figures = vec![Figure::new("ours", ours, unit), Figure::new(how, limit, unit)];
    let comparisons = vec![Comparison::with_limit(ours, limit, unit)];
    Row { name: name.to_owned(), figures, comparisons }
}

fn scenario(devices: u32, downlink: Link) -> Scenario {
    let group =
        DeviceGroup { devices, downlink, uplink: Link::Independent { loss: 0.0 }, ..DeviceGroup::default() };
    let mut scenario = Scenario {
        image: (0..IMAGE).map(|at| (at * 31 + at / 251).to_le_bytes()[0]).collect(),
        fleet: vec![group],
        redundancy: Redundancy::Fec(Percent::whole(1_000)),
        ..Scenario::default()
    };
    scenario.config.fsize = Some(FRAG_SIZE);
    scenario.config.frag_redundancy_max = Some(PARITY);
    scenario
}

fn rank_only(devices: u32) -> Scenario {
    scenario(devices, Link::Beta { alpha: 2.0, beta: 18.0 })
}

/// The time of the fastest of some runs: whatever else runs on the machine only ever adds.
fn fastest(
    runs: u32,
    mut run: impl FnMut() -> Result<Duration, Box<dyn Error>>,
) -> Result<Duration, Box<dyn Error>> {
    let mut fastest = Duration::MAX;
    for _ in 0..runs {
        fastest = fastest.min(run()?);
    }
    Ok(fastest)
}

/// A transfer on one thread, and the processor time that it took.
fn on_one_thread(scenario: &Scenario) -> Result<(BulkRecord, Duration), Box<dyn Error>> {
    let start = ProcessTime::try_now()?;
    let record = transfer(scenario, NonZero::new(1))?;
    Ok((record, start.try_elapsed()?))
}

/// Seconds per device, setting up included.
fn per_device(devices: u32, runs: u32) -> Result<f64, Box<dyn Error>> {
    let scenario = rank_only(devices);
    let time = fastest(runs, || Ok(on_one_thread(&scenario)?.1))?;
    Ok(time.as_secs_f64() / f64::from(devices))
}

/// How much the most memory in use grows with each device.
fn octets_per_device() -> Result<f64, Box<dyn Error>> {
    let peak = |devices| -> Result<f64, Box<dyn Error>> {
        let scenario = rank_only(devices);
        let (record, peak) = allocations::peak(|| transfer(&scenario, NonZero::new(1)));
        record?;
        Ok(peak as f64)
    };
    let (few, many) = (100_000, 1_000_000);
    Ok((peak(many)? - peak(few)?) / f64::from(many - few))
}

/// How much faster two threads are than one, by the clock: the median of turns in which both do the same. Who begins
/// changes, so that a machine that becomes faster or slower favours neither.
fn paired(mut on: impl FnMut(usize) -> Result<Duration, Box<dyn Error>>) -> Result<f64, Box<dyn Error>> {
    let mut ratios = Vec::new();
    for turn in 0..TURNS {
        let (first, second) = if turn % 2 == 0 { (1, 2) } else { (2, 1) };
        let times = (on(first)?, on(second)?);
        let (one, two) = if first == 1 { times } else { (times.1, times.0) };
        ratios.push(one.as_secs_f64() / two.as_secs_f64());
    }
    Ok(median(ratios))
}

/// A transfer to rank-only devices.
fn fleet_on(threads: usize) -> Result<Duration, Box<dyn Error>> {
    let scenario = rank_only(300_000);
    let start = Instant::now();
    transfer(&scenario, NonZero::new(threads))?;
    Ok(start.elapsed())
}

/// Campaigns with full devices, as a sweep has them: one campaign after the other on each thread of a pool, which has had a
/// campaign before.
fn campaigns_on(threads: usize) -> Result<Duration, Box<dyn Error>> {
    let campaigns: Vec<_> = (1..=4).map(|seed| Scenario { seed, ..full_fleet(0.1, FRAG_SIZE) }).collect();
    let run = |scenario: &Scenario| World::new(scenario)?.run(&mut (), &AtomicBool::new(false)).map(drop);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    pool.broadcast(|_| campaigns.first().map_or(Ok(()), run)).into_iter().collect::<Result<(), _>>()?;
    let start = Instant::now();
    pool.install(|| campaigns.par_iter().try_for_each(run))?;
    Ok(start.elapsed())
}

/// Full devices where nothing limits airtime, so that set-up is short.
fn full_fleet(loss: f64, frag_size: u8) -> Scenario {
    let mut scenario = scenario(KEEP_BYTES, Link::Independent { loss });
    let nb_frag = IMAGE.div_ceil(FRAG_SIZE.into());
    scenario.image.truncate(nb_frag * usize::from(frag_size));
    scenario.config.fsize = Some(frag_size);
    scenario.set_region(Region::Us915);
    scenario
}

/// Receptions per second of devices that keep every octet and compare the block in the end: of a whole campaign the
/// part from the first fragment on.
fn full_devices(loss: f64, frag_size: u8) -> Result<f64, Box<dyn Error>> {
    let scenario = full_fleet(loss, frag_size);
    let mut receptions = 0_u64;
    let time = fastest(3, || {
        let mut world = World::new(&scenario)?;
        let mut watch = FromFirstFragment::default();
        let record = world.run(&mut watch, &AtomicBool::new(false))?;
        let compared = record.devices.iter().filter(|device| device.bytes_checked).count();
        if compared < record.devices.len() * 9 / 10 {
            return Err(format!("only {compared} devices are complete").into());
        }
        receptions = record.devices.iter().map(|device| u64::from(device.fragments_received)).sum();
        let start = watch.0.ok_or("no fragment was sent")?;
        Ok(start.try_elapsed()?)
    })?;
    Ok(receptions as f64 / time.as_secs_f64())
}

/// Notes when fragments begin.
#[derive(Default)]
struct FromFirstFragment(Option<ProcessTime>);

impl Observer for FromFirstFragment {
    fn event(&mut self, event: &Event, _: GpsInstant) {
        if let Event::StageStarted { stage: StageKind::DataFragment, .. } = event {
            self.0 = ProcessTime::try_now().ok();
        }
    }
}
