//! `fuota sweep`: grids of parameters and many seeds.

mod merge;
mod progress;

use std::env;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::builder::RangedU64ValueParser;

use self::progress::Progress;
use super::stop::stop_on_ctrl_c;
use super::{FAILED, Outcome, STOPPED, console};
use crate::sweep::{Done, Grid, Shard, ShardError, Sweep};

/// Differences that are told one by one.
const TOLD: u32 = 20;

/// Runs a scenario over a grid of parameters and many seeds, on all cores, and sums it up in tables and pictures.
///
/// A sweep that ended early goes on where it was when the same command is given again.
///
/// Exit code: 0 all runs are made, 2 with --check one came out otherwise than its scenario expects, 3 Ctrl-C ended it
/// early, 1 anything else.
#[derive(clap::Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct SweepArgs {
    #[command(subcommand)]
    verb: Option<Verb>,

    /// TOML file with the scenario, the parameters that change, and the seeds
    #[arg(required = true)]
    grid: Option<PathBuf>,

    /// Folder for the rows, the summary and the pictures [default: the grid's name and -sweep]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Seeds per cell, whatever the grid says: 1 to N
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<u32>::new().range(1..=1_000_000))]
    seeds: Option<u32>,

    /// Threads [default: as many as there are cores]
    #[arg(long, value_name = "N")]
    threads: Option<NonZero<usize>>,

    /// Only part I of N, or the part that the variables of a Slurm job array (SLURM_ARRAY_TASK_ID, _COUNT) or of a
    /// Kubernetes indexed job (JOB_COMPLETION_INDEX, and JOB_COMPLETIONS, which the job sets itself) name
    #[arg(long, value_name = "I/N|auto", default_value = "1/1")]
    shard: String,

    /// Compare every run with the [expect] of its scenario; exit code 2 if any differs
    #[arg(long)]
    check: bool,

    /// No progress bar and nothing on stdout
    #[arg(long)]
    quiet: bool,
}

#[derive(clap::Subcommand, Clone, Debug)]
enum Verb {
    /// Put the shards of a sweep together: the same files, octet for octet, as if it had been made in one place
    Merge(merge::MergeArgs),
}

/// Makes the runs that are missing and writes the files.
pub(super) fn run(args: &SweepArgs) -> Outcome {
    let path = match (&args.verb, &args.grid) {
        (Some(Verb::Merge(args)), _) => return merge::run(args),
        (None, Some(path)) => path,
        (None, None) => return Err("a grid is expected".into()),
    };
    let mut grid = Grid::read(path)?;
    if let Some(seeds) = args.seeds {
        grid.set_seeds(seeds);
    }
    let shard = shard(&args.shard)?;
    let folder = args.out.clone().unwrap_or_else(|| usual_folder(path));
    let mut sweep = Sweep::open(grid, &folder, shard)?;
    let stop =
        stop_on_ctrl_c("stopping the sweep; the same command goes on with it (Ctrl-C again kills it)")?;
    let mut progress = Progress::new(sweep.done(), sweep.runs(), args.quiet);
    let mut different = 0_u32;
    let whole = sweep.run(args.threads, stop, &mut |done: &Done| {
        if args.check && !done.differences.is_empty() {
            different += 1;
            if different <= TOLD {
                let Done { cell, seed, differences } = done;
                let told = differences.join("; ");
                progress.say(&format!("cell {cell}, seed {seed}: not as expected: {told}"));
            }
        }
        progress.advance();
    })?;
    progress.finish();
    if !whole {
        console::note(&format!("{} of {} runs are in {}", sweep.done(), sweep.runs(), folder.display()));
        return Ok(ExitCode::from(STOPPED));
    }
    let files = sweep.finish()?;
    if !args.quiet {
        let runs = sweep.runs();
        console::print(&format!("{runs} runs in {}: {}\n", folder.display(), files.join(", ")))?;
    }
    let different = sweep.different();
    if args.check && different > 0 {
        console::warn(&format!("{different} runs are not as expected: columns as_expected and differences"));
        return Ok(ExitCode::from(FAILED));
    }
    Ok(ExitCode::SUCCESS)
}

fn shard(text: &str) -> Result<Shard, ShardError> {
    if text == "auto" { Shard::auto(|name| env::var(name).ok()) } else { text.parse() }
}

fn usual_folder(grid: &Path) -> PathBuf {
    let name = grid.file_stem().map_or_else(|| "grid".into(), |stem| stem.to_string_lossy().into_owned());
    PathBuf::from(format!("{name}-sweep"))
}
