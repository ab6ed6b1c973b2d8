//! The runs of a sweep, on all threads.

use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use fuota_engine::campaign::event::CampaignStatus;
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use super::error::SweepError;
use super::grid::{Cell, Grid};
use super::manifest::{MANIFEST, Manifest};
use super::outputs;
use super::row::{AS_EXPECTED, Tail};
use super::rows::{Fields, RowLog, Rows, header};
use super::shard::Shard;
use crate::bulk::transfer_here;
use crate::scenario::{Expectation, Scenario, ScenarioFile, Start};
use crate::world::{SimError, World};

/// Rows that wait to be written.
const WAITING: usize = 1024;

/// A sweep in a folder.
pub struct Sweep {
    grid: Grid,
    manifest: Manifest,
    folder: PathBuf,
    log: RowLog,
    rows: Rows,
}

/// A run that has ended.
#[derive(Clone, Debug)]
pub struct Done {
    /// Which cell.
    pub cell: u32,
    /// With which seed.
    pub seed: u64,
    /// What differs from what its scenario expects, if anything does.
    pub differences: Vec<String>,
}

/// A row on its way to the file.
struct Row {
    done: Done,
    fields: Fields,
}

impl Sweep {
    /// Opens a folder for the sweep, makes it if need be, and takes over the rows that are there from a sweep that
    /// ended early.
    ///
    /// # Errors
    /// [`SweepError::Other`] if the folder holds another sweep, [`SweepError::Busy`] if another process is at work
    /// there, [`SweepError::Damaged`] for rows that are none, and what reading and writing brings about.
    pub fn open(grid: Grid, folder: &Path, shard: Shard) -> Result<Self, SweepError> {
        fs::create_dir_all(folder).map_err(|source| SweepError::Write { path: folder.into(), source })?;
        let manifest = Manifest::new(&grid, shard)?;
        if let Some(there) = Manifest::read(folder)? {
            let differs = there.differs(&manifest).or((there.shard != shard).then_some("shard"));
            if let Some(what) = differs {
                return Err(SweepError::Other { path: folder.into(), what });
            }
        }
        let (log, rows) = RowLog::open(folder, &manifest)?;
        outputs::replace(&folder.join(MANIFEST), manifest.to_json()?.as_bytes())?;
        Ok(Self { grid, manifest, folder: folder.into(), log, rows })
    }

    /// Runs in all.
    #[must_use]
    pub fn runs(&self) -> u64 {
        self.manifest.runs_of_shard().map(|_| 1).sum()
    }

    /// Runs whose rows are there.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.rows.len() as u64
    }

    /// Runs whose row says that they did not come out as their scenario expects.
    #[must_use]
    pub fn different(&self) -> u64 {
        let columns = header(&self.manifest);
        let place = columns.iter().position(|column| column == AS_EXPECTED);
        let different =
            |row: &&Fields| place.and_then(|place| row.get(place)).is_some_and(|told| told == "false");
        self.rows.values().filter(different).count() as u64
    }

    /// Makes all runs that are missing, on so many threads or as many as there are cores, and tells of each. `stop`,
    /// once set, ends it early; then and only then it answers `false`.
    ///
    /// # Errors
    /// [`SweepError::Run`] for a fault of this program, and what writing brings about. Rows written so far remain.
    pub fn run(
        &mut self,
        threads: Option<NonZero<usize>>,
        stop: &AtomicBool,
        told: &mut dyn FnMut(&Done),
    ) -> Result<bool, SweepError> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.map_or(0, NonZero::get)).build();
        let pool = pool.map_err(|error| SweepError::Threads(error.to_string()))?;
        let (grid, pending) = (&self.grid, self.pending());
        let (log, rows) = (&mut self.log, &mut self.rows);
        thread::scope(|scope| {
            let (sender, receiver) = sync_channel(WAITING);
            let work = scope.spawn(move || {
                pool.install(|| {
                    pending
                        .par_iter()
                        .try_for_each(|(cell, seeds)| run_cell(grid, *cell, seeds, stop, &sender))
                })
            });
            for Row { done, fields } in receiver {
                // The receiver goes with an error, and without it the work ends.
                log.append(&fields)?;
                rows.insert((done.cell, done.seed), fields);
                told(&done);
            }
            work.join().unwrap_or_else(|_| Err(SweepError::Threads("one of them panicked".into())))
        })?;
        Ok(self.done() == self.runs())
    }

    /// Cells whose rows are missing, each with the seeds.
    fn pending(&self) -> Vec<(u32, Vec<u64>)> {
        let mut pending: Vec<(u32, Vec<u64>)> = Vec::new();
        for (cell, seed) in self.manifest.runs_of_shard().filter(|run| !self.rows.contains_key(run)) {
            match pending.last_mut() {
                Some((last, seeds)) if *last == cell => seeds.push(seed),
                _ => pending.push((cell, vec![seed])),
            }
        }
        pending
    }

    /// Writes the tables in order and, for a whole sweep, the summary and the pictures. Tells the files written.
    ///
    /// # Errors
    /// [`SweepError::Write`], and [`SweepError::Report`] for what cannot be made.
    pub fn finish(&self) -> Result<Vec<String>, SweepError> {
        outputs::write(&self.folder, &self.manifest, &self.rows)
    }
}

fn run_cell(
    grid: &Grid,
    number: u32,
    seeds: &[u64],
    stop: &AtomicBool,
    rows: &SyncSender<Row>,
) -> Result<(), SweepError> {
    if stop.load(Ordering::Relaxed) {
        return Ok(());
    }
    let Some(cell) = grid.cell(number)? else { return Ok(()) };
    let before = before(grid, number, &cell);
    let row = |seed: u64, tail: &Tail| {
        let fields = before.iter().cloned().chain(tail.fields(seed)).collect();
        let row = Row { done: Done { cell: number, seed, differences: tail.differences().to_vec() }, fields };
        // Nobody takes it any more: writing has failed, and says so itself.
        let _ = rows.send(row);
    };
    let ScenarioFile { scenario, expect, .. } = match &cell.file {
        Ok(file) => file,
        Err(error) => {
            let refused = Tail::refused(&error.message());
            seeds.iter().for_each(|seed| row(*seed, &refused));
            return Ok(());
        }
    };
    seeds.par_iter().try_for_each(|seed| {
        if stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        let scenario = Scenario { seed: *seed, ..scenario.clone() };
        match tail(&scenario, expect, stop) {
            Ok(Some(tail)) => row(*seed, &tail),
            Ok(None) => {}
            Err(source) => return Err(SweepError::Run { cell: number, seed: *seed, source }),
        }
        Ok(())
    })
}

/// The fields of a row before the seed.
fn before(grid: &Grid, number: u32, cell: &Cell) -> Fields {
    let mut fields =
        vec![env!("CARGO_PKG_VERSION").into(), cell.name.clone(), cell.hash.clone(), number.to_string()];
    let places = grid.places(number);
    let parameters = grid.axes().iter().zip(places).filter(|(axis, _)| !axis.is_of_scenarios());
    fields.extend(parameters.map(|(axis, place)| axis.texts().swap_remove(place)));
    fields
}

/// One run; `None` if it was stopped.
fn tail(scenario: &Scenario, expect: &Expectation, stop: &AtomicBool) -> Result<Option<Tail>, SimError> {
    let ran = match scenario.start {
        Start::Transfer => {
            transfer_here(scenario).map(|record| Some(Tail::of_transfer(scenario, expect, &record)))
        }
        Start::Setup => World::new(scenario).and_then(|mut world| world.run(&mut (), stop)).map(|record| {
            let stopped = record.outcome.status == CampaignStatus::Stopped;
            (!stopped).then(|| Tail::of_run(scenario, expect, &record))
        }),
    };
    match ran {
        Err(error @ (SimError::Plan(_) | SimError::NotInTransfer { .. })) => {
            Ok(Some(Tail::refused(&error.to_string())))
        }
        other => other,
    }
}
