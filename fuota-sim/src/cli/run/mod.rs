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
use crate::record::ExternalRecord;
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
    let Setup { scenario, expect, ignored } = scenario::setup(args)?;
    for (path, key) in ignored {
        console::warn(&format!("{}: line {}: `{}` is ignored", path.display(), key.line, key.name));
    }
    if scenario.start == Start::Transfer {
        return transfer::run(args, &scenario, &expect);
    }
    let stop = stop_on_ctrl_c("stopping the campaign (Ctrl-C again kills it)").map_err(RunError::Signal)?;
    let mut world = World::new(&scenario)?;
    let folder = args.out.as_deref().map(OutputFolder::create).transpose()?;
    let mut progress = Progress::new(io::stderr().is_terminal() && !args.json);
    let record = world.run(&mut progress, stop)?;
    progress.finish();
    for device in &record.external {
        if let Some(failure) = &device.failure {
            console::warn(&format!("external device {}: {failure}", device.dev_eui));
        }
    }

    let report = Report::new(&scenario, &record).to_json().map_err(RunError::report("report.json"))?;
    if let Some(folder) = folder {
        folder.write(&scenario, &record, &report)?;
    }
    console::print(&if args.json { report } else { summary(&scenario, &record) })?;
    if args.check {
        let differences = expect.differences(&scenario, &record);
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
