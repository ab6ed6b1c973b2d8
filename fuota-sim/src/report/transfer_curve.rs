//! How the devices of a transfer became complete, fragment by fragment.

use plotters::prelude::*;
use plotters::style::FontStyle;

use super::TimelineError;
use crate::bulk::BulkRecord;

/// Size of the drawing in pixels.
const SIZE: (u32, u32) = (1200, 400);
/// Complete devices; distinguishable with any colour vision.
const COMPLETE: RGBColor = RGBColor(213, 94, 0);
/// What is of lesser weight.
const MUTED: RGBColor = RGBColor(95, 95, 95);

/// The number of complete devices against the number of fragments sent, from the last uncoded one on, as an SVG document.
///
/// # Errors
/// A font or drawing failure of the library.
pub(super) fn transfer_curve(record: &BulkRecord) -> Result<String, TimelineError> {
    plotters::style::register_font("sans-serif", FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT)
        .map_err(|_| TimelineError::Font)?;
    let mut svg = String::new();
    draw(&mut svg, record).map_err(|error| TimelineError::Draw(error.to_string()))?;
    Ok(svg)
}

fn draw(svg: &mut String, record: &BulkRecord) -> Result<(), Box<dyn std::error::Error>> {
    let (first, last) = (u32::from(record.nb_frag()), record.frames());
    let mut complete = 0;
    // A step for each fragment: level before, level after.
    let mut corners = Vec::new();
    for (number, with) in (first..).zip(record.completed_with()) {
        corners.push((number, complete));
        complete += with;
        corners.push((number, complete));
    }
    let font = |size: f64| -> TextStyle<'static> { ("sans-serif", size).into_font().into() };
    let devices = u32::try_from(record.devices.len())?;
    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .margin(14)
        .margin_right(30)
        .x_label_area_size(44)
        .y_label_area_size(84)
        .build_cartesian_2d(first..last.max(first + 1), 0..devices.max(1))?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .axis_style(MUTED)
        .x_desc("fragments sent, beginning with the last uncoded one")
        .y_desc("devices complete")
        .x_labels(15)
        .y_labels(8)
        .label_style(font(13.0))
        .axis_desc_style(font(14.0))
        .draw()?;
    let required = [(first, record.required), (last.max(first + 1), record.required)];
    chart
        .draw_series(DashedLineSeries::new(required, 6, 5, MUTED.stroke_width(1)))?
        .label("required")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 24, y)], MUTED));
    chart
        .draw_series(LineSeries::new(corners, COMPLETE.stroke_width(2)))?
        .label("hold the whole block")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 24, y)], COMPLETE.stroke_width(2)));
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE)
        .border_style(TRANSPARENT)
        .label_font(font(13.0))
        .draw()?;
    drop(chart);
    root.present()?;
    Ok(())
}
