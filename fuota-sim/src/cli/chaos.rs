//! `fuota chaos`: random campaigns in random trouble.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::stop::stop_on_ctrl_c;
use super::{FAILED, Outcome, STOPPED, console};
use crate::chaos::{Case, Sabotage, Verdict, Violation, run_with, shrink, swarm};

/// Cases that are tried to make one shorter.
const SHRINK_RUNS: u32 = 400;
/// Most characters of what does not hold that are told.
const TOLD: usize = 2_000;

/// Random campaigns in random trouble: crashes, lost and doubled letters, clocks that jump, devices that reboot, enemies.
/// Whatever must hold is checked after every step.
///
/// What does not hold is shrunk to a short case, and printed; --replay runs it again.
///
/// Exit code: 0 everything held, 2 something did not, 3 Ctrl-C ended it early, 1 anything else.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct ChaosArgs {
    /// How many campaigns
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..), value_name = "N", default_value_t = 1_000)]
    runs: u64,

    /// Seed of the first; the others follow
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,

    /// Run the case in this file instead, as it was printed
    #[arg(long, value_name = "FILE", conflicts_with_all = ["runs", "seed"])]
    replay: Option<PathBuf>,

    /// Have the harness itself do something wrong, to see that it is noticed
    #[arg(long, value_name = "WHAT")]
    sabotage: Option<Sabotage>,

    /// Print the case of --seed and run nothing
    #[arg(long, conflicts_with_all = ["runs", "replay"])]
    show: bool,
}

/// Runs the campaigns and tells what did not hold.
pub(super) fn run_chaos(args: &ChaosArgs) -> Outcome {
    if let Some(path) = &args.replay {
        return replay(path, args.sabotage);
    }
    if args.show {
        console::print(&toml::to_string(&Case::draw(args.seed))?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let stop = stop_on_ctrl_c("stopping (Ctrl-C again kills it)")?;
    let began = Instant::now();
    let mut account = Account::default();
    swarm(args.seed, args.runs, args.sabotage, stop, &mut |seed, case, verdict| {
        account.note(seed, case, verdict);
    });
    let Account { ended, crashes, steps, violated, runs } = &account;
    let ends: Vec<_> = ended.iter().map(|(end, count)| format!("{count} {end}")).collect();
    console::print(&format!(
        "{runs} campaigns in {:.1} s: {}; {crashes} crashes, {steps} steps, {} violations\n",
        began.elapsed().as_secs_f64(),
        ends.join(", "),
        violated.len(),
    ))?;
    let mut shrunk = BTreeSet::new();
    for (seed, case, violation) in violated {
        let what: String = violation.to_string().chars().take(TOLD).collect();
        console::note(&format!("seed {seed}: {what}"));
        // One of each kind is made short.
        if shrunk.insert(violation.invariant) {
            tell_shrunk(case, violation, args.sabotage)?;
        }
    }
    Ok(if !violated.is_empty() {
        ExitCode::from(FAILED)
    } else if stop.load(Ordering::Relaxed) {
        ExitCode::from(STOPPED)
    } else {
        ExitCode::SUCCESS
    })
}

fn replay(path: &Path, sabotage: Option<Sabotage>) -> Outcome {
    let text =
        fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let case: Case = toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    match run_with(&case, sabotage) {
        Verdict::Held(tale) => {
            console::print(&format!(
                "everything held in {} steps; the campaign: {}\n",
                tale.steps,
                tale.status.name()
            ))?;
            Ok(ExitCode::SUCCESS)
        }
        Verdict::Unplannable(error) => Err(error.into()),
        Verdict::Violated(violation) => {
            console::print(&format!("{violation}\n"))?;
            Ok(ExitCode::from(FAILED))
        }
    }
}

/// Makes a case shorter and prints what is left, as TOML with what does not hold as a comment.
fn tell_shrunk(
    case: &Case,
    violation: &Violation,
    sabotage: Option<Sabotage>,
) -> Result<(), Box<dyn std::error::Error>> {
    let shrunk = shrink(case, violation, sabotage, SHRINK_RUNS);
    let what: String = shrunk.violation.to_string().chars().take(TOLD).collect();
    console::print(&format!("# {}\n{}\n", what.replace('\n', " "), toml::to_string(&shrunk.case)?))?;
    Ok(())
}

/// What came of the campaigns.
#[derive(Default)]
struct Account {
    runs: u64,
    ended: BTreeMap<&'static str, u64>,
    crashes: u64,
    steps: u64,
    violated: Vec<(u64, Case, Violation)>,
}

impl Account {
    fn note(&mut self, seed: u64, case: &Case, verdict: &Verdict) {
        self.runs += 1;
        let end = match verdict {
            Verdict::Unplannable(_) => "not planned",
            Verdict::Held(tale) => {
                self.crashes += u64::from(tale.crashes);
                self.steps += tale.steps;
                tale.status.name()
            }
            Verdict::Violated(violation) => {
                self.violated.push((seed, case.clone(), violation.clone()));
                "VIOLATED"
            }
        };
        *self.ended.entry(end).or_default() += 1;
    }
}
