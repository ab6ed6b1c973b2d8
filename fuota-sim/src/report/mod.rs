//! What a run leaves for people and scripts: the summary, `report.json`, `devices.csv`, `timeline.svg` and `report.html`.

mod devices;
mod json;
mod page;
mod summary;
mod timeline;
mod transfer_curve;
mod transfer_page;

use std::collections::BTreeMap;
use std::time::Duration;

use comfy_table::{LineStyle, TableStyle};
use fuota_engine::campaign::event::{DeviceStatus, FailureReason, StageKind};
use fuota_engine::campaign::io::SessionClass;
use fuota_engine::campaign::spec::Kind;
use fuota_engine::time::InWords;
use fuota_fec::ParityRule;
use fuota_fec::structure::{self, Weakness};

pub use self::devices::write_devices;
pub(crate) use self::json::{Energy, GroupOutcome, Parameters};
pub use self::json::{Report, SCHEMA_VERSION};
pub use self::page::page;
pub use self::summary::summary;
pub use self::timeline::{TimelineError, timeline_svg};
pub use self::transfer_page::{PageError, transfer_page};

use crate::record::{DeviceRecord, RunRecord};
use crate::scenario::Scenario;

/// Rules above, below and under the header.
pub(crate) const RULED: TableStyle =
    TableStyle::new().top_border(RULE).header_separator(RULE).bottom_border(RULE);
const RULE: LineStyle = LineStyle::none().fill('─').junction('─');

/// Seconds with microseconds after the point: the double nearest to the decimal figure, so that it prints as such.
pub(crate) fn seconds(time: Duration) -> f64 {
    time.as_micros() as f64 / 1e6
}

/// A duration for people: days to whole seconds from a minute up, milliseconds below.
#[must_use]
pub fn humanise(time: Duration) -> String {
    InWords(time).to_string()
}

/// What is bad about this number of fragments, for the parity that was asked for.
pub fn weaknesses(rule: ParityRule, nb_frag: u16, parity: u16) -> impl Iterator<Item = Weakness> {
    structure::weaknesses(rule, nb_frag).filter(move |_| parity > 0)
}

/// The campaign's type as the command line calls it.
const fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::MulticastSetup => "multicast-setup",
        Kind::Firmware(_) => "firmware",
        // The only other type there is.
        _ => "binary",
    }
}

/// The class in which devices listen to the group.
pub(crate) const fn class_name(class: SessionClass) -> &'static str {
    match class {
        SessionClass::B { .. } => "B",
        SessionClass::C => "C",
    }
}

/// The devices whose counts are not believed, and that don't count as complete for other reasons.
fn suspects(record: &RunRecord) -> impl Iterator<Item = &DeviceRecord> {
    record.devices.iter().filter(|device| device.report.suspect && !device.report.counts_as_complete())
}

/// The devices that failed, in the plan's order, with the stage and the reason.
fn failed(record: &RunRecord) -> impl Iterator<Item = (&DeviceRecord, StageKind, FailureReason)> {
    record.devices.iter().filter_map(|device| match device.report.status {
        DeviceStatus::Failed { stage, reason } => Some((device, stage, reason)),
        _ => None,
    })
}

/// What each device's radio took from its battery, in joules: in the set-up stages, while fragments were on air, and
/// after.
fn joules(scenario: &Scenario, record: &RunRecord) -> impl Iterator<Item = [f64; 3]> {
    let profiles = scenario.fleet.iter().flat_map(|group| (0..group.devices).map(|_| group.profile));
    record
        .devices
        .iter()
        .zip(profiles)
        .map(|(device, profile)| device.radio.map(|time| profile.joules(&time)))
}

/// The groups of the fleet and how many devices of each are complete.
pub(crate) fn complete_by_group<'a>(
    scenario: &'a Scenario,
    record: &'a RunRecord,
) -> impl Iterator<Item = (&'a str, u32)> {
    let mut devices = record.devices.iter();
    scenario.fleet.iter().map(move |group| {
        let of_group = devices.by_ref().take(group.devices as usize);
        let complete = of_group.filter(|device| device.report.counts_as_complete()).count();
        (group.name.as_str(), u32::try_from(complete).unwrap_or(u32::MAX))
    })
}

/// Six decimals: what follows may depend on the machine's mathematics.
pub(crate) fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

/// How many devices failed for which reason.
pub(crate) fn failures(record: &RunRecord) -> BTreeMap<&'static str, u32> {
    let mut counts = BTreeMap::new();
    for (_, _, reason) in failed(record) {
        *counts.entry(reason.name()).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_print_as_the_decimal_figure() {
        for (micros, text) in
            [(394_496, "0.394496"), (46_953_394_496, "46953.394496"), (864_000_000_001, "864000.000001")]
        {
            assert_eq!(seconds(Duration::from_micros(micros)).to_string(), text);
        }
    }

    #[test]
    fn durations_read_naturally() {
        let texts = [0, 394_496, 59_000_000, 60_000_000, 48_305_900_000, 864_000_000_000]
            .map(|micros| humanise(Duration::from_micros(micros)));
        assert_eq!(texts, ["0 s", "0.394 s", "59 s", "1 min", "13 h 25 min 5 s", "10 d"]);
    }
}
