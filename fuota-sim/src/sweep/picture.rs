//! Figures over the axes of a grid: a picture each, with a panel for each choice of the axes that neither go from left
//! to right nor have a line for each value.

use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::error::SweepError;
use super::grid::ColumnKind;
use super::manifest::{AxisTexts, Manifest};
use super::row::METRICS;
use super::summary::{Mean, Summary};
use crate::picture::{COLOURS, use_built_in_font};

type Failure = Box<dyn std::error::Error>;

const PANEL: (u32, u32) = (440, 320);
/// Room for two lines of text; the legend comes below.
const HEAD: u32 = 60;
const LEGEND_ROW: u32 = 20;
/// Most panels of a picture.
const PANELS_MAX: usize = 42;
/// Panels in a row where no axis says how many.
const IN_A_ROW: usize = 3;
/// Figures that are drawn if they change and nothing else is asked for.
const USUAL: [&str; 5] = ["success_share", "frames", "airtime_s", "duration_s", "energy_mean_j"];
/// What lies between 0 and 1.
const SHARE: &str = "success_share";

/// Draws all figures as SVG and PNG into `folder` and tells the files.
pub(super) fn all(folder: &Path, manifest: &Manifest, summary: &Summary) -> Result<Vec<String>, SweepError> {
    let Some(layout) = Layout::new(manifest) else { return Ok(Vec::new()) };
    let mut files = Vec::new();
    for (place, metric) in METRICS.iter().enumerate() {
        let (is_there, varies) = summary.varies(place);
        let wanted = match &manifest.plot.y {
            Some(wanted) => wanted.iter().any(|name| name == metric.name),
            None => metric.name == SHARE || (varies && USUAL.contains(&metric.name)),
        };
        if !wanted || !is_there {
            continue;
        }
        let picture = Picture { manifest, summary, layout: &layout, metric: place };
        let failure = |error: Failure| SweepError::report("a picture")(error);
        for ending in ["svg", "png"] {
            // Drawn beside its place, so that nobody finds half of it; the ending says what to draw.
            let (name, beside) =
                (format!("{}.{ending}", metric.name), format!("{}.new.{ending}", metric.name));
            let beside = folder.join(beside);
            picture.draw_file(&beside, ending == "svg").map_err(failure)?;
            let path = folder.join(&name);
            std::fs::rename(&beside, &path).map_err(|source| SweepError::Write { path, source })?;
            files.push(name);
        }
    }
    Ok(files)
}

/// Which axis goes where.
struct Layout<'a> {
    x: (usize, &'a AxisTexts),
    series: Option<(usize, &'a AxisTexts)>,
    panels: Vec<(usize, &'a AxisTexts)>,
}

impl<'a> Layout<'a> {
    /// `None` if there are no axes at all.
    fn new(manifest: &'a Manifest) -> Option<Self> {
        let mut left: Vec<_> = manifest.axes.iter().enumerate().collect();
        let mut take = |name: &Option<String>, other: &Option<String>| {
            let named = left.iter().position(|(_, axis)| Some(&axis.name) == name.as_ref());
            let first = || left.iter().position(|(_, axis)| Some(&axis.name) != other.as_ref());
            let place = named.or_else(first)?;
            Some(left.remove(place))
        };
        let plot = &manifest.plot;
        let x = take(&plot.x, &plot.series)?;
        let series = take(&plot.series, &None);
        Some(Self { x, series, panels: left })
    }

    /// For each panel the places of the values on its axes.
    fn panel_places(&self) -> Vec<Vec<usize>> {
        self.panels.iter().fold(vec![Vec::new()], |panels, (_, axis)| {
            let with = |panel: Vec<usize>| {
                (0..axis.values.len()).map(move |place| panel.iter().copied().chain([place]).collect())
            };
            panels.into_iter().flat_map(with).collect()
        })
    }

    /// Panels in a row: the values of the last axis, if another one makes rows.
    fn in_a_row(&self) -> usize {
        match self.panels.as_slice() {
            [] => 1,
            [(_, only)] => only.values.len().min(IN_A_ROW),
            [.., (_, last)] => last.values.len(),
        }
    }

    /// The cell with these places on its axes.
    fn cell(&self, manifest: &Manifest, x: usize, series: usize, panel: &[usize]) -> usize {
        let mut places = vec![0; manifest.axes.len()];
        let mut put = |axis: usize, value: usize| {
            if let Some(place) = places.get_mut(axis) {
                *place = value;
            }
        };
        put(self.x.0, x);
        if let Some((axis, _)) = self.series {
            put(axis, series);
        }
        for ((axis, _), place) in self.panels.iter().zip(panel) {
            put(*axis, *place);
        }
        manifest.axes.iter().zip(places).fold(0, |cell, (axis, place)| cell * axis.values.len() + place)
    }
}

struct Picture<'a> {
    manifest: &'a Manifest,
    summary: &'a Summary,
    layout: &'a Layout<'a>,
    metric: usize,
}

/// A point of a line.
struct Point {
    x: f64,
    mean: Mean,
}

impl Picture<'_> {
    fn draw_file(&self, path: &Path, is_svg: bool) -> Result<(), Failure> {
        use_built_in_font()?;
        let panels = self.layout.panel_places();
        let columns = self.layout.in_a_row().max(1);
        let rows = panels.len().min(PANELS_MAX).div_ceil(columns);
        let count = |n: usize| u32::try_from(n).unwrap_or(1);
        let width = PANEL.0 * count(columns).max(2);
        let legend = count(self.legend_rows(width)) * LEGEND_ROW;
        let size = (width, HEAD + legend + PANEL.1 * count(rows));
        if is_svg {
            self.draw(
                &SVGBackend::new(path, size).into_drawing_area(),
                HEAD + legend,
                (rows, columns),
                &panels,
            )
        } else {
            self.draw(
                &BitMapBackend::new(path, size).into_drawing_area(),
                HEAD + legend,
                (rows, columns),
                &panels,
            )
        }
    }

    fn draw<B: DrawingBackend>(
        &self,
        root: &DrawingArea<B, Shift>,
        head: u32,
        grid: (usize, usize),
        panels: &[Vec<usize>],
    ) -> Result<(), Failure>
    where
        B::ErrorType: 'static,
    {
        root.fill(&WHITE)?;
        let (above, below) = root.split_vertically(head);
        self.draw_head(&above, panels.len())?;
        let range = self.range();
        for (area, panel) in below.split_evenly(grid).iter().zip(panels) {
            self.draw_panel(area, panel, range)?;
        }
        root.present()?;
        Ok(())
    }

    fn label(&self) -> &'static str {
        METRICS.get(self.metric).map_or("", |metric| metric.label)
    }

    fn draw_head<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>, panels: usize) -> Result<(), Failure>
    where
        B::ErrorType: 'static,
    {
        let width = area.dim_in_pixel().0;
        let middle = i32::try_from(width / 2)?;
        let centred = Pos::new(HPos::Center, VPos::Center);
        let style = |size: f64| ("sans-serif", size).into_font().color(&BLACK).pos(centred);
        let Manifest { name, seeds, hash, .. } = self.manifest;
        area.draw_text(&format!("{name}: {}", self.label()), &style(22.0), (middle, 20))?;
        let left_out = panels.saturating_sub(PANELS_MAX);
        let shown =
            if left_out > 0 { format!(" · {left_out} more panels in summary.csv") } else { String::new() };
        let seeds = match seeds.len() {
            1 => "one seed".to_owned(),
            count => format!("mean of {count} seeds · whiskers: 95 % (Student)"),
        };
        let subtitle = format!(
            "{seeds} · fuota {} · sweep {}{shown}",
            env!("CARGO_PKG_VERSION"),
            hash.get(..8).unwrap_or(hash),
        );
        area.draw_text(&subtitle, &style(14.0), (middle, 44))?;
        let Some((_, series)) = self.layout.series else { return Ok(()) };
        let in_a_row = self.in_a_legend_row(width);
        let step = i32::try_from(self.legend_step())?;
        for (number, value) in series.values.iter().enumerate() {
            let (row, column) = (i32::try_from(number / in_a_row)?, i32::try_from(number % in_a_row)?);
            let shown = i32::try_from(series.values.len().min(in_a_row))?;
            let (x, y) = (middle - shown * step / 2 + column * step, 66 + row * i32::try_from(LEGEND_ROW)?);
            area.draw(&PathElement::new(vec![(x, y), (x + 24, y)], colour(number).stroke_width(3)))?;
            let left = ("sans-serif", 14.0).into_font().color(&BLACK).pos(Pos::new(HPos::Left, VPos::Center));
            area.draw_text(&format!("{} = {value}", short(&series.name)), &left, (x + 29, y))?;
        }
        Ok(())
    }

    fn legend_step(&self) -> usize {
        let longest = self.layout.series.map_or(0, |(_, axis)| {
            let name = short(&axis.name).chars().count() + 3;
            axis.values.iter().map(|value| name + value.chars().count()).max().unwrap_or(0)
        });
        44 + 8 * longest
    }

    fn in_a_legend_row(&self, width: u32) -> usize {
        (width as usize / self.legend_step().max(1)).max(1)
    }

    fn legend_rows(&self, width: u32) -> usize {
        let series = self.layout.series.map_or(0, |(_, axis)| axis.values.len());
        series.div_ceil(self.in_a_legend_row(width))
    }

    /// The line of each value of the series' axis.
    fn lines(&self, panel: &[usize]) -> Vec<Vec<Point>> {
        let axis = self.layout.x.1;
        let series = self.layout.series.map_or(1, |(_, axis)| axis.values.len());
        let line = |series: usize| {
            let point = |place: usize| {
                let cell = self.layout.cell(self.manifest, place, series, panel);
                let mean = self.summary.cells.get(cell)?.means.get(self.metric).copied().flatten()?;
                Some(Point { x: position(axis, place), mean })
            };
            let mut points: Vec<_> = (0..axis.values.len()).filter_map(point).collect();
            points.sort_by(|a, b| a.x.total_cmp(&b.x));
            points
        };
        (0..series).map(line).collect()
    }

    /// From bottom to top, the same in all panels.
    fn range(&self) -> (f64, f64) {
        if METRICS.get(self.metric).is_some_and(|metric| metric.name == SHARE) {
            return (0.0, 1.0);
        }
        let means =
            self.summary.cells.iter().filter_map(|cell| cell.means.get(self.metric).copied().flatten());
        let ends = means.map(|mean| mean.interval.unwrap_or((mean.mean, mean.mean)));
        let (low, high) =
            ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), (low, high)| (a.min(low), b.max(high)));
        let room = ((high - low) * 0.06).max(high.abs() * 0.01).max(1e-9);
        (if low >= 0.0 { (low - room).max(0.0) } else { low - room }, high + room)
    }

    fn draw_panel<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
        panel: &[usize],
        (low, high): (f64, f64),
    ) -> Result<(), Failure>
    where
        B::ErrorType: 'static,
    {
        let axis = self.layout.x.1;
        let positions = || (0..axis.values.len()).map(|place| position(axis, place));
        let (first, last) =
            positions().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(x), b.max(x)));
        let room = ((last - first) * 0.04).max(if is_number(axis) { 1e-9 } else { 0.4 });
        let caption: Vec<_> = self
            .layout
            .panels
            .iter()
            .zip(panel)
            .filter_map(|((_, axis), place)| {
                Some(format!("{} = {}", short(&axis.name), axis.values.get(*place)?))
            })
            .collect();
        let mut builder = ChartBuilder::on(area);
        builder.margin(12).x_label_area_size(if is_number(axis) { 40 } else { 110 }).y_label_area_size(62);
        if !caption.is_empty() {
            builder.caption(caption.join(", "), ("sans-serif", 16));
        }
        let mut chart = builder.build_cartesian_2d(first - room..last + room, low..high)?;
        let named = |x: &f64| {
            let place = positions().position(|position| (position - x).abs() < 1e-6);
            place.and_then(|place| axis.values.get(place)).cloned().unwrap_or_default()
        };
        let mut mesh = chart.configure_mesh();
        mesh.light_line_style(TRANSPARENT)
            .x_desc(&axis.name)
            .y_desc(self.label())
            .axis_desc_style(("sans-serif", 13))
            .y_label_style(("sans-serif", 12))
            .x_labels(if is_number(axis) { 6 } else { 2 * axis.values.len() + 1 });
        let upright = ("sans-serif", 12).into_font().color(&BLACK);
        if is_number(axis) {
            mesh.x_label_style(upright).draw()?;
        } else {
            let turned = ("sans-serif", 12).into_font().transform(FontTransform::Rotate90).color(&BLACK);
            mesh.x_label_style(turned).x_label_formatter(&named).draw()?;
        }
        for (line, number) in self.lines(panel).iter().zip(0..) {
            let colour = colour(number);
            if is_number(axis) {
                let line = line.iter().map(|point| (point.x, point.mean.mean));
                chart.draw_series(LineSeries::new(line, colour.stroke_width(2)))?;
            }
            for Point { x, mean } in line {
                chart.draw_series([Circle::new((*x, mean.mean), 3, colour.filled())])?;
                if let Some((from, to)) = mean.interval {
                    let whisker = vec![(*x, from.max(low)), (*x, to.min(high))];
                    chart.draw_series([PathElement::new(whisker, colour.stroke_width(1))])?;
                }
            }
        }
        Ok(())
    }
}

/// The last part of a parameter's path, which is what it is called.
fn short(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

const fn is_number(axis: &AxisTexts) -> bool {
    matches!(axis.kind, ColumnKind::Whole | ColumnKind::Real)
}

/// Where a value stands from left to right.
fn position(axis: &AxisTexts, place: usize) -> f64 {
    let number = axis.values.get(place).filter(|_| is_number(axis)).and_then(|text| text.parse().ok());
    number.unwrap_or(place as f64)
}

fn colour(number: usize) -> RGBColor {
    COLOURS.get(number % COLOURS.len()).copied().unwrap_or(BLACK)
}
