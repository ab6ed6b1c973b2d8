//! One pair of axes.

use fuota_engine::campaign::event::StageKind;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::curves::{Band, Curve, Curves, thin};
use super::{Canvas, humanise, text};
use crate::record::RunRecord;
use crate::report::seconds;

/// Curve of the devices that hold the whole block.
pub(super) const BLOCK: RGBColor = RGBColor(213, 94, 0);
/// Curve of the devices that confirmed it.
pub(super) const CONFIRMED: RGBColor = RGBColor(30, 30, 30);
/// Text and lines of lesser weight.
pub(super) const MUTED: RGBColor = RGBColor(95, 95, 95);
/// Grid lines.
const GRID: RGBColor = RGBColor(225, 225, 225);
/// Height of the line with the caption and the legend, in pixels.
const HEAD: u32 = 34;
/// Width of the axis labels, in pixels.
const LABELS: u32 = 64;
/// Where the axes begin.
const LEFT: i32 = 78;
/// Where the axes end.
const RIGHT: i32 = 1170;
/// Room above the fleet's size for the names of the stages, as a factor.
const HEADROOM: f64 = 1.16;
/// Pixels that a character of a stage's name takes, about.
const CHARACTER: f64 = 7.0;
/// Pixels across the axes, about.
const ACROSS: f64 = 1090.0;
/// Pixels up the axes, about.
const UP: f64 = 300.0;

/// The colour of a stage; distinguishable with any colour vision.
pub(super) const fn stage_colour(stage: StageKind) -> RGBColor {
    match stage {
        StageKind::McGroupSetup => RGBColor(0, 114, 178),
        StageKind::FragSessionSetup => RGBColor(0, 158, 115),
        StageKind::McClassSession => RGBColor(204, 121, 167),
        StageKind::DataFragment => RGBColor(213, 94, 0),
        StageKind::FragSessionStatus => RGBColor(101, 77, 214),
        _ => RGBColor(110, 110, 110),
    }
}

/// Centred both ways.
pub(super) fn middle() -> Pos {
    Pos::new(HPos::Center, VPos::Center)
}

/// A stretch of the campaign with its axes.
pub(super) struct Panel {
    caption: String,
    axis: String,
    from: f64,
    to: f64,
    unit: Unit,
}

/// What the time axis counts in.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Unit {
    name: &'static str,
    seconds: f64,
}

impl Unit {
    /// The largest unit of which a span has at least three.
    fn of(span: f64) -> Self {
        let units = [("days", 86_400.0), ("hours", 3_600.0), ("minutes", 60.0)];
        let unit = units.into_iter().find(|(_, seconds)| span >= 3.0 * seconds);
        let (name, seconds) = unit.unwrap_or(("seconds", 1.0));
        Self { name, seconds }
    }
}

impl Panel {
    /// The whole campaign.
    pub(super) fn whole(record: &RunRecord) -> Self {
        let to = seconds(record.duration).max(1.0);
        let unit = Unit::of(to);
        let axis = format!("{} since the campaign began", unit.name);
        Self { caption: "The whole campaign".into(), axis, from: 0.0, to, unit }
    }

    /// From the opening of the session to the end; `None` if it never came to that.
    pub(super) fn session(record: &RunRecord) -> Option<Self> {
        let opened = record.session_start?.since(record.started);
        let (from, to) = (seconds(opened), seconds(record.duration));
        if to - from < 1.0 {
            return None;
        }
        let unit = Unit::of(to - from);
        Some(Self {
            caption: "The multicast session, from its opening on".into(),
            axis: format!("{} since {} into the campaign", unit.name, humanise(opened)),
            from,
            to,
            unit,
        })
    }

    pub(super) fn draw(&self, area: &Canvas<'_>, curves: &Curves) -> Result<(), Box<dyn std::error::Error>> {
        let top = curves.devices * HEADROOM;
        let width = self.x(self.to);
        let (head, body) = area.split_vertically(HEAD);
        head.draw_text(&self.caption, &text(16.0), (LEFT, 10))?;
        self.legend(&head, curves)?;
        let mut chart = ChartBuilder::on(&body)
            .margin(14)
            .margin_top(4)
            .margin_right(30)
            .x_label_area_size(44)
            .y_label_area_size(LABELS)
            .build_cartesian_2d(0.0..width, 0.0..top)?;
        for band in &curves.bands {
            if let Some((from, to)) = self.visible(band) {
                let shade = stage_colour(band.stage).mix(0.10).filled();
                chart.draw_series([Rectangle::new([(from, 0.0), (to, top)], shade)])?;
            }
        }
        chart
            .configure_mesh()
            .disable_x_mesh()
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .axis_style(MUTED)
            .x_desc(&self.axis)
            .y_desc("devices")
            .x_labels(15)
            .y_labels(8)
            .x_label_formatter(&|x| tick(*x))
            .y_label_formatter(&|y| format!("{y:.0}"))
            .label_style(text(13.0))
            .axis_desc_style(text(14.0))
            .draw()?;
        let required = [(0.0, curves.required), (width, curves.required)];
        chart.draw_series(DashedLineSeries::new(required, 6, 5, MUTED.stroke_width(1)))?;
        let pixel = (width / ACROSS, top / UP);
        for curve in &curves.curves {
            let corners = thin(self.inside(curve).into_iter().map(|(x, y)| (self.x(x), y)), pixel);
            chart.draw_series(LineSeries::new(corners, curve.colour.stroke_width(2)))?;
        }
        for band in &curves.bands {
            self.name(&mut chart, band, top)?;
        }
        if let Some(opened) =
            curves.session_start.filter(|opened| (self.from + 1.0..=self.to).contains(opened))
        {
            let x = self.x(opened);
            let line = [(x, 0.0), (x, curves.devices)];
            chart.draw_series(DashedLineSeries::new(line, 2, 4, MUTED.stroke_width(1)))?;
            let style = text(13.0).color(&MUTED).pos(Pos::new(HPos::Right, VPos::Center));
            chart.draw_series([Text::new(
                "session opens",
                (x - 6.0 * pixel.0, curves.devices / 2.0),
                style,
            )])?;
        }
        Ok(())
    }

    /// The legend, right-aligned beside the caption, where it hides no curve. The set-up curves have none: they
    /// wear the colour of the stage that is named above them.
    fn legend(&self, head: &Canvas<'_>, curves: &Curves) -> Result<(), Box<dyn std::error::Error>> {
        let mut right = RIGHT;
        let named = curves.curves.iter().filter(|curve| self.inside(curve).len() > 1);
        let named = named.filter_map(|curve| curve.legend.map(|name| (name, curve.colour, 2)));
        for (name, colour, weight) in named.chain([("required", MUTED, 1)]) {
            let label = text(13.0);
            let (name_width, _) = label.font.box_size(name)?;
            let start = right - i32::try_from(name_width)? - 8;
            head.draw_text(name, &label, (start, 11))?;
            let stroke = vec![(start - 32, 18), (start - 8, 18)];
            if weight == 1 {
                head.draw(&plotters::element::DashedPathElement::new(stroke, 6, 5, colour))?;
            } else {
                head.draw(&PathElement::new(stroke, colour.stroke_width(weight)))?;
            }
            right = start - 48;
        }
        Ok(())
    }

    /// The part of a curve within the panel, in seconds; it enters at the level that it had before.
    fn inside(&self, curve: &Curve) -> Vec<(f64, f64)> {
        let before = curve.corners.iter().rev().find(|(x, _)| *x < self.from);
        let entry = before.map(|&(_, level)| (self.from, level));
        let within = curve.corners.iter().copied().filter(|(x, _)| (self.from..=self.to).contains(x));
        entry.into_iter().chain(within).collect()
    }

    /// Writes a stage's name over its band, if there is room.
    fn name(
        &self,
        chart: &mut Chart<'_, '_>,
        band: &Band,
        top: f64,
    ) -> Result<(), Box<dyn std::error::Error>> {
        let Some((from, to)) = self.visible(band) else { return Ok(()) };
        let room = (to - from) / self.x(self.to) * ACROSS;
        let name = band.stage.name();
        if room > name.len() as f64 * CHARACTER {
            let colour = stage_colour(band.stage);
            let style = text(13.0).color(&colour).pos(middle());
            chart.draw_series([Text::new(name, ((from + to) / 2.0, top * 0.955), style)])?;
        }
        Ok(())
    }

    /// The part of a band within the panel, in units of its axis.
    fn visible(&self, band: &Band) -> Option<(f64, f64)> {
        let (from, to) = (band.from.max(self.from), band.to.min(self.to));
        (from < to).then(|| (self.x(from), self.x(to)))
    }

    /// Seconds since the start of the campaign, on this panel's axis.
    fn x(&self, at: f64) -> f64 {
        (at - self.from) / self.unit.seconds
    }
}

/// A tick's label: no decimals where there are none.
fn tick(x: f64) -> String {
    // Ticks are multiples of a power of ten times 1, 2 or 5, give or take the last bit.
    ((x * 1000.0).round() / 1000.0).to_string()
}

type Axis = plotters::coord::types::RangedCoordf64;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Axis, Axis>>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_count_in_units_that_make_a_handful() {
        let names = [100.0, 181.0, 900.0, 10_799.0, 50_000.0, 300_000.0].map(|span| Unit::of(span).name);
        assert_eq!(names, ["seconds", "minutes", "minutes", "minutes", "hours", "days"]);
    }
}
