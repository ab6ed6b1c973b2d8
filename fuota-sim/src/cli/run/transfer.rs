//! `fuota run` of a scenario that starts with the transfer.

use std::process::ExitCode;

use super::super::{FAILED, Outcome, console};
use super::args::RunArgs;
use super::error::RunError;
use super::output::OutputFolder;
use crate::bulk::{BulkReport, summary, transfer};
use crate::scenario::{Expectation, Scenario};

/// Lets the transfer happen and tells the exit code.
pub(super) fn run(args: &RunArgs, scenario: &Scenario, expect: &Expectation) -> Outcome {
    let folder = args.out.as_deref().map(OutputFolder::create).transpose()?;
    let record = transfer(scenario, args.threads)?;
    let report = BulkReport::new(scenario, &record);
    let json = report.to_json().map_err(RunError::report("report.json"))?;
    if let Some(folder) = folder {
        folder.write_transfer(&record, &json)?;
    }
    console::print(&if args.json { json } else { summary(scenario, &report) })?;
    if args.check {
        let differences = expect.differences_in_transfer(scenario, &record);
        for difference in &differences {
            console::warn(&format!("not as expected: {difference}"));
        }
        return Ok(if differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) });
    }
    Ok(if record.succeeded() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}
