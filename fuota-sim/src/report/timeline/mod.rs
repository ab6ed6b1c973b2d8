//! `timeline.svg`: how the devices got on over virtual time.
//!
//! Two panels, because set-up behind one gateway takes hours and the fragments take minutes: the whole campaign
//! above, and what happened from the first fragment on below.

mod curves;
mod panel;

use fuota_engine::campaign::spec::Redundancy;
use plotters::coord::Shift;
use plotters::prelude::*;

use self::curves::Curves;
use self::panel::Panel;
use super::humanise;
use crate::picture::use_built_in_font;
use crate::record::RunRecord;
use crate::scenario::Scenario;

/// Why a timeline cannot be drawn.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimelineError {
    /// The built-in font cannot be used.
    #[error("the built-in font is unusable")]
    Font,
    /// The drawing library gave up.
    #[error("{0}")]
    Draw(String),
}

/// Size of the drawing in pixels.
const WIDTH: u32 = 1200;
/// Height of the title.
const TITLE: u32 = 64;
/// Height of one panel.
const PANEL: u32 = 400;

type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws the timeline of a finished run as an SVG document.
///
/// # Errors
/// A font or drawing failure of the library.
pub fn timeline_svg(scenario: &Scenario, record: &RunRecord) -> Result<String, TimelineError> {
    use_built_in_font().map_err(|_| TimelineError::Font)?;
    let curves = Curves::of(scenario, record);
    let mut panels = vec![Panel::whole(record)];
    panels.extend(Panel::session(record));
    let panel_count = u32::try_from(panels.len()).unwrap_or(1);
    let mut svg = String::new();
    {
        let size = (WIDTH, TITLE + PANEL * panel_count);
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        draw(&root, scenario, record, &curves, &panels)
            .map_err(|error| TimelineError::Draw(error.to_string()))?;
    }
    Ok(svg)
}

fn draw(
    root: &Canvas<'_>,
    scenario: &Scenario,
    record: &RunRecord,
    curves: &Curves,
    panels: &[Panel],
) -> Result<(), Box<dyn std::error::Error>> {
    root.fill(&WHITE)?;
    let (title, below) = root.split_vertically(TITLE);
    let centre = i32::try_from(WIDTH / 2).unwrap_or_default();
    title.draw_text(&headline(record), &text(22.0).pos(panel::middle()), (centre, 22))?;
    title.draw_text(
        &subtitle(scenario, record),
        &text(14.0).color(&panel::MUTED).pos(panel::middle()),
        (centre, 48),
    )?;
    for (area, panel) in below.split_evenly((panels.len(), 1)).iter().zip(panels) {
        panel.draw(area, curves)?;
    }
    root.present()?;
    Ok(())
}

fn headline(record: &RunRecord) -> String {
    let outcome = &record.outcome;
    format!(
        "{}: {} of {} devices complete after {}",
        outcome.status.name(),
        outcome.complete,
        record.devices.len(),
        humanise(record.duration)
    )
}

fn subtitle(scenario: &Scenario, record: &RunRecord) -> String {
    let parity = match scenario.redundancy {
        Redundancy::Fec(_) => format!(" + {}", record.parity),
        Redundancy::Rounds => String::new(),
        _ => format!(" + {} and more", record.parity),
    };
    format!(
        "{} octets in {}{parity} fragments of {} octets · {} DR{} · loss {} down, {} up · seed {}",
        scenario.image.len(),
        record.nb_frag,
        record.frag_size,
        scenario.region.name(),
        scenario.data_rate.get(),
        scenario.downlinks(),
        scenario.uplinks(),
        scenario.seed
    )
}

/// Text of the drawing's one font.
fn text(size: f64) -> TextStyle<'static> {
    ("sans-serif", size).into_font().into()
}
