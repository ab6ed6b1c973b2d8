//! `fuota run`: one campaign in virtual time.

mod args;
mod error;
mod moment;
mod output;
mod progress;
mod scenario;
mod transfer;

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use fuota_engine::campaign::event::CampaignStatus;
use fuota_engine::config;

pub(super) use self::args::RunArgs;
use self::error::RunError;
use self::output::OutputFolder;
use self::progress::Progress;
use self::scenario::Setup;
use super::stop::stop_on_ctrl_c;
use super::{FAILED, Outcome, STOPPED, console};
use crate::external::Failure;
use crate::record::{ExternalRecord, RunRecord};
use crate::report::{Report, summary};
use crate::scenario::Start;
use crate::world::World;

/// Runs the campaign that the flags describe and tells the exit code.
///
/// # Errors
/// Anything that keeps it from a report: a wrong flag or file, a campaign that cannot fit, an output folder that
/// cannot be written.
pub(super) fn run(args: &RunArgs) -> Outcome {
    if args.parameters {
        console::print(&config::markdown())?;
        return Ok(ExitCode::SUCCESS);
    }
    let setup = read(args)?;
    if args.live.store.is_some() || args.live.fleet_only.is_some() {
        return live(args, &setup, false);
    }
    let Setup { scenario, expect, .. } = &setup;
    if scenario.start == Start::Transfer {
        return transfer::run(args, scenario, expect);
    }
    let stop = stop_on_ctrl_c("stopping the campaign (Ctrl-C again kills it)").map_err(RunError::Signal)?;
    let mut world = World::new(scenario)?;
    let folder = args.out.as_deref().map(OutputFolder::create).transpose()?;
    let mut progress = Progress::new(io::stderr().is_terminal() && !args.json);
    let record = world.run(&mut progress, stop)?;
    progress.finish();
    conclude(args, &setup, folder, &record)
}

/// Goes on with a campaign that another node, or this one, has left behind.
///
/// # Errors
/// As [`run`], and whatever keeps the campaign from going on.
pub(super) fn resume(args: &RunArgs) -> Outcome {
    live(args, &read(args)?, true)
}

fn read(args: &RunArgs) -> Result<Setup, RunError> {
    let setup = scenario::setup(args)?;
    for (path, key) in &setup.ignored {
        console::warn(&format!("{}: line {}: `{}` is ignored", path.display(), key.line, key.name));
    }
    Ok(setup)
}

/// Lets the real driver conduct the campaign, or the fleet live alone.
#[cfg(unix)]
fn live(args: &RunArgs, setup: &Setup, resumes: bool) -> Outcome {
    use super::live::{Begins, run_fleet, run_node};

    if setup.scenario.start == Start::Transfer {
        return Err(RunError::TransferAlone.into());
    }
    if let (Some(socket), false) = (&args.live.fleet_only, resumes) {
        return run_fleet(&args.live, socket, &setup.scenario);
    }
    let folder = args.out.as_deref().map(OutputFolder::create).transpose()?;
    let mut progress = Progress::new(false);
    let begins = if resumes { Begins::WhereItWas } else { Begins::Anew };
    let record = run_node(&args.live, &setup.scenario, begins, &mut progress)?;
    conclude(args, setup, folder, &record)
}

/// There are no Unix sockets between node and fleet.
#[cfg(not(unix))]
fn live(_: &RunArgs, _: &Setup, _: bool) -> Outcome {
    Err(RunError::NeedsUnix.into())
}

/// Writes what is to be written of a campaign that is over, and tells the exit code.
fn conclude(args: &RunArgs, setup: &Setup, folder: Option<OutputFolder>, record: &RunRecord) -> Outcome {
    let Setup { scenario, expect, .. } = setup;
    for device in &record.external {
        if let Some(failure) = &device.failure {
            console::warn(&format!("external device {}: {failure}", device.dev_eui));
        }
    }
    let report = Report::new(scenario, record).to_json().map_err(RunError::report("report.json"))?;
    if let Some(folder) = folder {
        folder.write(scenario, record, &report)?;
    }
    console::print(&if args.json { report } else { summary(scenario, record) })?;
    if args.check {
        let differences = expect.differences(scenario, record);
        for difference in &differences {
            console::warn(&format!("not as expected: {difference}"));
        }
        return Ok(if differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) });
    }
    let is_unproven = |device: &ExternalRecord| device.failure == Some(Failure::Unproven);
    Ok(match record.outcome.status {
        _ if record.external.iter().any(is_unproven) => ExitCode::from(FAILED),
        CampaignStatus::Succeeded => ExitCode::SUCCESS,
        CampaignStatus::Stopped => ExitCode::from(STOPPED),
        // An outcome has one of these three.
        _ => ExitCode::from(FAILED),
    })
}
