//! Redundancy policies on the same losses: the adaptive policy in the whole engine, against a sender that knows every
//! loss, parity fixed in hindsight, half as much parity as fragments, and rounds.
//!
//! A run is one campaign of one contender. With `--runs FILE` runs are kept, and what the file has is not run again; the
//! tables are about the runs that there are.

mod channels;
mod contender;
mod picture;
mod store;
mod tables;

use std::error::Error;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::{fs, thread};

pub(crate) use self::channels::Channel;
use self::channels::channels;
pub(crate) use self::contender::Contender;
use self::contender::TASKS;
pub(crate) use self::contender::scenario;
use self::store::{Cell, Run, Store};
use crate::report::Section;
use crate::{Options, instructions};

/// Seeds of the comparison begin here; those below were for tuning.
pub(crate) const FIRST_SEED: u64 = 2_001;
/// Runs are made for so many seeds first, so that few runs already say something about every case.
const WAVES: [u64; 3] = [3, 10, u64::MAX];

/// One run to be made.
struct Job {
    cell: Cell,
    seed: u64,
    task: Contender,
}

pub(crate) fn run(options: &Options) -> Result<Vec<Section>, Box<dyn Error>> {
    if options.callgrind || instructions::inside() {
        // Frames and airtime are no matter of instructions.
        return Ok(Vec::new());
    }
    let (seeds, sizes, fleets): (u64, &[u16], &[u32]) =
        if options.full { (30, &[215, 429, 1000], &[1_000, 10_000]) } else { (3, &[215], &[1_000]) };
    let first = options.first_seed.unwrap_or(FIRST_SEED);
    let seeds = first..first + options.seeds.unwrap_or(seeds);
    let sizes = options.fragments.map_or(sizes.to_vec(), |size| vec![size]);
    let fleets = options.devices.map_or(fleets.to_vec(), |fleet| vec![fleet]);
    let store = options.runs.as_deref().map_or_else(|| Ok(Store::unkept()), Store::open)?;
    let tasks = if options.tasks.is_empty() { &TASKS[..] } else { &options.tasks };
    let mut jobs = jobs(&seeds, &sizes, &fleets, tasks);
    jobs.retain(|job| !store.has(&job.cell, job.seed, job.task));
    let store = make(jobs, store, options.threads)?;
    let runs: Vec<_> = store.runs().iter().filter(|run| seeds.contains(&run.seed)).collect();
    if let Some(path) = &options.picture {
        fs::write(path, picture::svg(&runs)?)?;
    }
    Ok(fleets.iter().flat_map(|&devices| tables::sections(devices, &runs)).collect())
}

/// All runs, the most telling ones first: few seeds of every case, then more, and large fleets after small ones.
fn jobs(seeds: &Range<u64>, sizes: &[u16], fleets: &[u32], tasks: &[Contender]) -> Vec<Job> {
    let mut waves = Vec::new();
    let mut from = seeds.start;
    for (wave, count) in WAVES.into_iter().enumerate() {
        let to = seeds.start.saturating_add(count).min(seeds.end);
        for (at, &devices) in fleets.iter().enumerate() {
            // A large fleet takes its turn between the next two waves of the smaller one.
            waves.push((2 * wave + 3 * at, devices, from..to));
        }
        from = to;
    }
    waves.sort_by_key(|(turn, ..)| *turn);
    let mut jobs = Vec::new();
    for (_, devices, seeds) in waves {
        for &task in tasks {
            for &nb_frag in sizes {
                for channel in channels() {
                    let cell = Cell { devices, nb_frag, channel: channel.name.into() };
                    jobs.extend(seeds.clone().map(|seed| Job { cell: cell.clone(), seed, task }));
                }
            }
        }
    }
    jobs
}

/// Makes runs in this order on so many threads.
fn make(jobs: Vec<Job>, store: Store, threads: usize) -> Result<Store, Box<dyn Error>> {
    let count = jobs.len();
    let (jobs, store, failure) =
        (Mutex::new(jobs.into_iter().enumerate()), Mutex::new(store), Mutex::new(None));
    let next = || jobs.lock().unwrap_or_else(PoisonError::into_inner).next();
    thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                while let Some((at, job)) = next() {
                    let Cell { devices, nb_frag, channel } = &job.cell;
                    if at % 100 == 0 {
                        eprintln!("benches: {at} of {count}: {channel}, M = {nb_frag}, {devices} devices");
                    }
                    if let Err(error) = work(&job, &store) {
                        *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                        return;
                    }
                }
            });
        }
    });
    match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error.into()),
        None => Ok(store.into_inner().unwrap_or_else(PoisonError::into_inner)),
    }
}

fn work(job: &Job, store: &Mutex<Store>) -> Result<(), String> {
    let Job { cell, seed, task } = job;
    let channels = channels();
    let channel = channels.iter().find(|channel| channel.name == cell.channel);
    let channel = channel.ok_or_else(|| format!("no channel is called {}", cell.channel))?;
    let scenario = scenario(channel, cell.nb_frag, cell.devices, *seed);
    let runs = contender::run(*task, scenario).map_err(|error| format!("{task:?}, seed {seed}: {error}"))?;
    let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
    for (contender, took) in runs {
        let run = Run { cell: cell.clone(), seed: *seed, contender, took };
        store.push(run).map_err(|error| error.to_string())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_seeds_of_every_case_come_first_and_no_run_is_missing() {
        let jobs = jobs(&(1..31), &[215, 429], &[1_000, 10_000], &TASKS);
        assert_eq!(jobs.len(), 30 * 2 * 6 * 2 * TASKS.len());
        let turns: Vec<_> = jobs.iter().map(|job| (job.cell.devices, job.seed > 3, job.seed > 10)).collect();
        let mut waves = turns.clone();
        waves.dedup();
        let wave = |devices, seeds| (devices, seeds > 3, seeds > 10);
        let expected = [
            wave(1_000, 3),
            wave(1_000, 10),
            wave(10_000, 3),
            wave(1_000, 30),
            wave(10_000, 10),
            wave(10_000, 30),
        ];
        assert_eq!(waves, expected);
    }
}
