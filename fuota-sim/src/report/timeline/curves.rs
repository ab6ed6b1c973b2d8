//! From a record to curves: seconds since the start of the campaign against devices.

use fuota_engine::campaign::event::StageKind;
use fuota_engine::time::GpsInstant;

use super::super::seconds;
use super::panel::{BLOCK, CONFIRMED, stage_colour};
use crate::record::RunRecord;
use crate::scenario::Scenario;
use plotters::style::RGBColor;

/// One curve: a step at each of its points.
pub(super) struct Curve {
    /// What the legend calls it, if it is there.
    pub(super) legend: Option<&'static str>,
    /// Its colour.
    pub(super) colour: RGBColor,
    /// Corners of the staircase, in order of time.
    pub(super) corners: Vec<(f64, f64)>,
}

/// A stage's stretch of time.
pub(super) struct Band {
    /// Which stage.
    pub(super) stage: StageKind,
    /// When it began, in seconds.
    pub(super) from: f64,
    /// When it ended, in seconds.
    pub(super) to: f64,
}

/// All there is to draw.
pub(super) struct Curves {
    /// The curves.
    pub(super) curves: Vec<Curve>,
    /// The stages.
    pub(super) bands: Vec<Band>,
    /// When the session opened, in seconds.
    pub(super) session_start: Option<f64>,
    /// Devices in the fleet.
    pub(super) devices: f64,
    /// Devices that have to succeed.
    pub(super) required: f64,
}

impl Curves {
    pub(super) fn of(scenario: &Scenario, record: &RunRecord) -> Self {
        let at = |moment: GpsInstant| seconds(moment.since(record.started));
        let bands: Vec<_> = record
            .stages
            .iter()
            .map(|stage| Band { stage: stage.stage, from: at(stage.started), to: at(stage.ended) })
            .collect();
        let mut curves: Vec<_> = bands.iter().filter_map(|band| set_up(record, band, at)).collect();
        curves.extend(session(record, &bands, at));
        let threshold = scenario.config.success_threshold;
        Self {
            curves,
            bands,
            session_start: record.session_start.map(at),
            devices: f64::from(scenario.devices()),
            required: threshold.of_ceil(scenario.devices()) as f64,
        }
    }
}

/// Devices that have done a set-up stage, from its beginning to its end.
fn set_up(record: &RunRecord, band: &Band, at: impl Fn(GpsInstant) -> f64) -> Option<Curve> {
    if band.stage >= StageKind::DataFragment {
        return None;
    }
    let points = record.timeline.iter().filter(|point| point.stage == band.stage);
    let points = points.map(|point| (at(point.at), f64::from(point.done)));
    Some(Curve {
        legend: None,
        colour: stage_colour(band.stage),
        corners: staircase((band.from, 0.0), points, band.to),
    })
}

/// From the first fragment on: devices that hold the whole block, and devices that the campaign knows do.
fn session(record: &RunRecord, bands: &[Band], at: impl Fn(GpsInstant) -> f64) -> Vec<Curve> {
    let Some(first) = bands.iter().find(|band| band.stage >= StageKind::DataFragment) else {
        return Vec::new();
    };
    let end = at(record.started + record.duration);
    let holding = record.timeline.iter().filter(|point| point.stage >= StageKind::DataFragment);
    let holding = holding.map(|point| (at(point.at), f64::from(point.done)));
    let mut confirmed: Vec<_> = record
        .devices
        .iter()
        .filter(|device| device.report.counts_as_complete())
        .map(|device| device.report.since)
        .collect();
    confirmed.sort_unstable();
    let confirmed = confirmed.into_iter().zip(1u32..).map(|(since, count)| (at(since), f64::from(count)));
    vec![
        Curve {
            legend: Some("hold the whole image"),
            colour: BLOCK,
            corners: staircase((first.from, 0.0), holding, end),
        },
        Curve {
            legend: Some(if record.outcome.inferred > 0 {
                "counted as complete"
            } else {
                "known to be complete"
            }),
            colour: CONFIRMED,
            corners: staircase((first.from, 0.0), confirmed, end),
        },
    ]
}

/// The corners of a staircase that starts at `start`, steps at each point and runs level to `end`.
fn staircase(start: (f64, f64), points: impl Iterator<Item = (f64, f64)>, end: f64) -> Vec<(f64, f64)> {
    let mut corners = vec![start];
    let mut level = start.1;
    for (x, y) in points {
        corners.extend([(x, level), (x, y)]);
        level = y;
    }
    corners.push((end.max(corners.last().map_or(end, |&(x, _)| x)), level));
    corners
}

/// Leaves out corners that would land on the pixel of one that is kept; `pixel` is a pixel's width and height.
/// The last corner before each move stays, so that what is level stays level.
pub(super) fn thin(corners: impl Iterator<Item = (f64, f64)>, pixel: (f64, f64)) -> Vec<(f64, f64)> {
    let mut kept: Vec<(f64, f64)> = Vec::new();
    let mut skipped = None;
    for (x, y) in corners {
        let moved = |&(kx, ky): &(f64, f64)| (x - kx).abs() >= pixel.0 || (y - ky).abs() >= pixel.1;
        if kept.last().is_none_or(moved) {
            kept.extend(skipped.take());
            kept.push((x, y));
        } else {
            skipped = Some((x, y));
        }
    }
    kept.extend(skipped);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_staircase_is_level_between_its_points() {
        let corners = staircase((0.0, 0.0), [(1.0, 1.0), (3.0, 2.0)].into_iter(), 5.0);
        assert_eq!(corners, [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (3.0, 1.0), (3.0, 2.0), (5.0, 2.0)]);
    }

    #[test]
    fn thinning_keeps_both_ends_and_a_few_corners_a_pixel() {
        let corners = (0..=10_000).map(|i| (f64::from(i) / 1000.0, f64::from(i) / 1000.0));
        let kept = thin(corners, (1.0, 1.0));
        assert_eq!(kept.len(), 21);
        assert_eq!((kept[0], kept[20]), ((0.0, 0.0), (10.0, 10.0)));
    }

    #[test]
    fn thinning_keeps_level_stretches_level() {
        let corners = [(0.0, 0.0), (0.1, 0.0), (0.1, 0.2), (9.0, 0.2), (9.0, 7.0)];
        assert_eq!(thin(corners.into_iter(), (1.0, 1.0)), [(0.0, 0.0), (0.1, 0.2), (9.0, 0.2), (9.0, 7.0)]);
    }
}
