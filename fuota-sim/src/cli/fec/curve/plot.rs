//! The pictures: a panel for each M and for the least, a middle and the largest loss.

use std::path::Path;

use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::trials::{Cell, Curve, Share};
use crate::code::Code;
use crate::picture::use_built_in_font;

type Failure = Box<dyn std::error::Error>;
type Points = Vec<(f64, Share)>;

const PANEL: (u32, u32) = (440, 320);
const HEAD: u32 = 84;

/// What a picture shows.
struct Axis {
    file: &'static str,
    title: &'static str,
    label: &'static str,
    points: fn(&Curve) -> &Points,
}

const AXES: [Axis; 2] = [
    Axis {
        file: "extra",
        title: "Receivers that have decoded, by fragments received beyond M",
        label: "fragments received beyond M",
        points: |curve| &curve.extra,
    },
    Axis {
        file: "redundancy",
        title: "Receivers that have decoded, by redundancy sent",
        label: "parity fragments sent ÷ M",
        points: |curve| &curve.redundancy,
    },
];

/// Draws both pictures as SVG and PNG into `folder`.
pub(super) fn draw(folder: &Path, seed: u64, cells: &[Cell]) -> Result<(), Failure> {
    use_built_in_font()?;
    let rows = shown(cells);
    let columns = rows.iter().map(Vec::len).max().unwrap_or(1);
    let count = |n: usize| u32::try_from(n).unwrap_or(1);
    let size = (PANEL.0 * count(columns).max(2), HEAD + PANEL.1 * count(rows.len()));
    for axis in &AXES {
        let svg = folder.join(axis.file).with_extension("svg");
        picture(&SVGBackend::new(&svg, size).into_drawing_area(), axis, seed, &rows, columns)?;
        let png = folder.join(axis.file).with_extension("png");
        picture(&BitMapBackend::new(&png, size).into_drawing_area(), axis, seed, &rows, columns)?;
    }
    Ok(())
}

/// One row per M, of at most three losses.
fn shown(cells: &[Cell]) -> Vec<Vec<&Cell>> {
    cells
        .chunk_by(|a, b| a.m == b.m)
        .map(|row| {
            let mut picked = vec![0, row.len() / 2, row.len() - 1];
            picked.dedup();
            picked.iter().filter_map(|i| row.get(*i)).collect()
        })
        .collect()
}

fn picture<B: DrawingBackend>(
    root: &DrawingArea<B, Shift>,
    axis: &Axis,
    seed: u64,
    rows: &[Vec<&Cell>],
    columns: usize,
) -> Result<(), Failure>
where
    B::ErrorType: 'static,
{
    root.fill(&WHITE)?;
    let (head, below) = root.split_vertically(HEAD);
    let trials =
        rows.first().and_then(|row| row.first()?.curves.first()?.extra.first()).map_or(0, |(_, s)| s.trials);
    let middle = i32::try_from(head.dim_in_pixel().0 / 2)?;
    let centred = Pos::new(HPos::Center, VPos::Center);
    let style = |size: f64| ("sans-serif", size).into_font().color(&BLACK).pos(centred);
    head.draw_text(axis.title, &style(22.0), (middle, 20))?;
    let subtitle = format!(
        "{trials} receivers each, the same losses with every code · bands: 95 % (Wilson) · seed {seed}"
    );
    head.draw_text(&subtitle, &style(14.0), (middle, 44))?;
    if let Some(cell) = rows.first().and_then(|row| row.first()) {
        legend(&head, cell)?;
    }
    for (areas, row) in below.split_evenly((rows.len(), columns)).chunks(columns).zip(rows) {
        for (area, cell) in areas.iter().zip(row) {
            panel(area, axis, cell)?;
        }
    }
    root.present()?;
    Ok(())
}

fn legend<B: DrawingBackend>(head: &DrawingArea<B, Shift>, cell: &Cell) -> Result<(), Failure>
where
    B::ErrorType: 'static,
{
    const STEP: i32 = 112;
    let width = STEP * i32::try_from(cell.curves.len())?;
    let mut x = (i32::try_from(head.dim_in_pixel().0)? - width) / 2;
    for curve in &cell.curves {
        let (line, stroke) = ([(x, 68), (x + 24, 68)], colour(curve.code).stroke_width(3));
        match dashes(curve.code) {
            None => head.draw(&PathElement::new(line, stroke))?,
            Some((dash, gap)) => head.draw(&DashedPathElement::new(line, dash, gap, stroke))?,
        }
        let style = ("sans-serif", 14).into_font().color(&BLACK).pos(Pos::new(HPos::Left, VPos::Center));
        head.draw_text(curve.code.name(), &style, (x + 29, 68))?;
        x += STEP;
    }
    Ok(())
}

fn panel<B: DrawingBackend>(area: &DrawingArea<B, Shift>, axis: &Axis, cell: &Cell) -> Result<(), Failure>
where
    B::ErrorType: 'static,
{
    let last = cell.curves.first().and_then(|curve| (axis.points)(curve).last()).map_or(1.0, |(x, _)| *x);
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .caption(format!("M = {}, {:.1} % lost", cell.m, cell.loss * 100.0), ("sans-serif", 16))
        .x_label_area_size(38)
        .y_label_area_size(46)
        .build_cartesian_2d(0.0..last, 0.0..1.0)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc(axis.label)
        .y_desc("share decoded")
        .label_style(("sans-serif", 12))
        .axis_desc_style(("sans-serif", 13))
        .draw()?;
    for curve in &cell.curves {
        let (points, colour) = ((axis.points)(curve), colour(curve.code));
        let upper = points.iter().map(|(x, share)| (*x, share.interval().1));
        let lower = points.iter().rev().map(|(x, share)| (*x, share.interval().0));
        chart.draw_series([Polygon::new(upper.chain(lower).collect::<Vec<_>>(), colour.mix(0.15))])?;
        let line = points.iter().map(|(x, share)| (*x, share.value()));
        let stroke = colour.stroke_width(2);
        match dashes(curve.code) {
            None => chart.draw_series(LineSeries::new(line, stroke))?,
            Some((dash, gap)) => chart.draw_series(DashedLineSeries::new(line, dash, gap, stroke))?,
        };
    }
    Ok(())
}

/// Length of dashes and of the gaps between them: some curves are all but the same, and what is drawn first shows
/// through the gaps of what is drawn over it.
const fn dashes(code: Code) -> Option<(u32, u32)> {
    match code {
        Code::Ts004V1 | Code::Rlnc256 | Code::Repetition => None,
        Code::Ts004V2 | Code::Rs => Some((9, 6)),
        Code::Rlnc2 | Code::Raptorq => Some((3, 7)),
    }
}

/// Colours that those with colour blindness can tell apart (Okabe and Ito).
const fn colour(code: Code) -> RGBColor {
    match code {
        Code::Ts004V1 => RGBColor(213, 94, 0),
        Code::Ts004V2 => RGBColor(230, 159, 0),
        Code::Rlnc2 => RGBColor(86, 180, 233),
        Code::Rlnc256 => RGBColor(0, 114, 178),
        Code::Rs => RGBColor(0, 158, 115),
        Code::Raptorq => RGBColor(204, 121, 167),
        Code::Repetition => RGBColor(100, 100, 100),
    }
}
