//! What should come of a scenario.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::bulk::BulkRecord;
use crate::record::RunRecord;
use crate::report::{complete_by_group, failures};
use crate::scenario::Scenario;

/// What should come of a scenario; what is not named does not matter. Pairs are from and to, both included.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expectation {
    /// How the campaign ends.
    pub status: Option<String>,
    /// Devices that are complete.
    pub complete: Option<[u32; 2]>,
    /// Fragments sent.
    pub frames: Option<[u32; 2]>,
    /// From the first bit of the first fragment to the last bit of the last, to the microsecond.
    pub data_phase_s: Option<f64>,
    /// Fragments that each device received.
    pub fragments_each: Option<[u32; 2]>,
    /// Complete devices of groups, by name.
    pub groups: BTreeMap<String, [u32; 2]>,
    /// Devices that succeed in stages, by name.
    pub stages: BTreeMap<String, [u32; 2]>,
    /// Reasons of failure, and how many devices.
    pub failures: BTreeMap<String, [u32; 2]>,
}

impl Expectation {
    /// Where a run differs from it, a line each.
    #[must_use]
    pub fn differences(&self, scenario: &Scenario, record: &RunRecord) -> Vec<String> {
        let status = record.outcome.status.name();
        let (mut differences, complete) = (Vec::new(), record.outcome.complete);
        self.outcome(&mut differences, status, complete, record.frames);
        if let Some(expected) = self.data_phase_s {
            let got = record.data_phase.map_or(0.0, |(first, last)| last.since(first).as_secs_f64());
            if (got - expected).abs() > 5e-7 {
                differences.push(format!("the data phase took {got} s, {expected} s were expected"));
            }
        }
        let mut within = within(&mut differences);
        let received = || record.devices.iter().map(|device| device.fragments_received);
        within("fewest fragments of a device", received().min().unwrap_or(0), self.fragments_each);
        within("most fragments of a device", received().max().unwrap_or(0), self.fragments_each);
        for (name, complete) in complete_by_group(scenario, record) {
            within(&format!("complete devices of `{name}`"), complete, self.groups.get(name).copied());
        }
        for stage in &record.stages {
            let name = stage.stage.name();
            within(&format!("devices that did {name}"), stage.succeeded, self.stages.get(name).copied());
        }
        let reasons = failures(record);
        for (reason, expected) in &self.failures {
            let got = reasons.get(reason.as_str()).copied().unwrap_or(0);
            within(&format!("devices failed with {reason}"), got, Some(*expected));
        }
        drop(within);
        differences
    }

    /// Where a transfer without set-up differs from it, a line each; what a transfer does not have does not matter.
    #[must_use]
    pub fn differences_in_transfer(&self, scenario: &Scenario, record: &BulkRecord) -> Vec<String> {
        let mut differences = Vec::new();
        let status = if record.succeeded() { "SUCCEEDED" } else { "FAILED" };
        self.outcome(&mut differences, status, record.complete(), record.frames());
        let mut within = within(&mut differences);
        for (group, complete) in scenario.fleet.iter().zip(record.complete_by_group(scenario)) {
            let expected = self.groups.get(&group.name).copied();
            within(&format!("complete devices of `{}`", group.name), complete, expected);
        }
        drop(within);
        differences
    }

    fn outcome(&self, differences: &mut Vec<String>, status: &str, complete: u32, frames: u32) {
        if let Some(expected) = self.status.as_deref().filter(|expected| *expected != status) {
            differences.push(format!("the campaign {status}, {expected} was expected"));
        }
        let mut within = within(differences);
        within("complete devices", complete, self.complete);
        within("frames", frames, self.frames);
    }
}

/// Notes a count that is not within its bounds.
fn within(differences: &mut Vec<String>) -> impl FnMut(&str, u32, Option<[u32; 2]>) {
    |what, got, expected| {
        if let Some([from, to]) = expected.filter(|[from, to]| !(from..=to).contains(&&got)) {
            differences.push(format!("{what}: {got}, {from} to {to} were expected"));
        }
    }
}
