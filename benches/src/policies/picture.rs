//! The policies beside each other: airtime on each channel, in multiples of the image's own.

use std::error::Error;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, register_font};

use super::contender::Contender;
use super::store::Run;
use super::tables::{Sample, samples};
use crate::statistics::mean;

type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;

const SIZE: (u32, u32) = (1000, 560);
const LEFT: i32 = 170;
const RIGHT: i32 = 120;
const TOP: i32 = 104;
const BAR: i32 = 15;
const GROUP: i32 = 72;

/// A bar of each channel: what it stands for, and in which colour (Okabe and Ito).
struct Bar {
    label: &'static str,
    colour: RGBColor,
    /// Whose runs; without it, the parity that proved enough in hindsight.
    contender: Option<Contender>,
}

const BARS: [Bar; 4] = [
    Bar { label: "adaptive", colour: RGBColor(0, 114, 178), contender: Some(Contender::Adaptive) },
    Bar {
        label: "fixed, as much as proved enough for every seed",
        colour: RGBColor(86, 180, 233),
        contender: None,
    },
    Bar { label: "fixed, 50 % parity", colour: RGBColor(230, 159, 0), contender: Some(Contender::FixedHalf) },
    Bar {
        label: "rounds without parity",
        colour: RGBColor(213, 94, 0),
        contender: Some(Contender::Carousel),
    },
];

impl Bar {
    /// Frames on air.
    fn frames(&self, sample: &Sample<'_>) -> f64 {
        self.contender.map_or_else(
            || sample.hindsight(Contender::Oracle),
            |contender| mean(&sample.each(contender, |took| took.frames)),
        )
    }

    /// Share of the devices that are complete at the end, in the mean.
    fn done(&self, sample: &Sample<'_>) -> f64 {
        self.contender.map_or(1.0, |contender| mean(&sample.each(contender, |took| took.done)))
    }

    /// Runs of each of these samples, at least.
    fn seeds(&self, samples: &[&Sample<'_>]) -> usize {
        let contender = self.contender.unwrap_or(Contender::Oracle);
        samples.iter().map(|sample| sample.each(contender, |_| 1.0).len()).min().unwrap_or(0)
    }
}

/// Draws the middle size of the smallest fleet as an SVG document.
pub(super) fn svg(runs: &[&Run]) -> Result<String, Box<dyn Error>> {
    register_font("sans-serif", FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT)
        .map_err(|_| "the built-in font is unusable")?;
    let samples = samples(runs);
    let devices =
        samples.iter().map(|sample| sample.cell.devices).min().ok_or("there are no runs to draw")?;
    let mut sizes: Vec<_> = samples.iter().map(|sample| sample.cell.nb_frag).collect();
    sizes.dedup();
    sizes.sort_unstable();
    sizes.dedup();
    let size = sizes.get(sizes.len() / 2).copied().unwrap_or_default();
    let shown = |sample: &&Sample<'_>| sample.cell.devices == devices && sample.cell.nb_frag == size;
    let shown: Vec<_> = samples.iter().filter(shown).collect();
    let mut svg = String::new();
    draw(&SVGBackend::with_string(&mut svg, SIZE).into_drawing_area(), devices, size, &shown)?;
    Ok(svg)
}

fn draw(
    root: &Canvas<'_>,
    devices: u32,
    nb_frag: u16,
    samples: &[&Sample<'_>],
) -> Result<(), Box<dyn Error>> {
    root.fill(&WHITE)?;
    let style = |size: f64, horizontal| {
        ("sans-serif", size).into_font().color(&BLACK).pos(Pos::new(horizontal, VPos::Center))
    };
    let width = i32::try_from(SIZE.0)?;
    let title = "Airtime until the devices have the image, in multiples of the image itself";
    root.draw_text(title, &style(21.0, HPos::Center), (width / 2, 22))?;
    let seeds = BARS.iter().map(|bar| bar.seeds(samples)).max().unwrap_or(0);
    let subtitle = format!(
        "{devices} devices, {nb_frag} fragments, the same losses for all; mean of {seeds} seeds; polls included"
    );
    root.draw_text(&subtitle, &style(14.0, HPos::Center), (width / 2, 48))?;
    let mut x = LEFT - 60;
    for bar in &BARS {
        root.draw(&Rectangle::new([(x, 70), (x + 14, 84)], bar.colour.filled()))?;
        let label = match bar.seeds(samples) {
            fewer if fewer < seeds => format!("{} ({fewer} seeds)", bar.label),
            _ => bar.label.into(),
        };
        root.draw_text(&label, &style(14.0, HPos::Left), (x + 20, 77))?;
        x += 50 + 7 * i32::try_from(label.chars().count())?;
    }
    let of_size = |frames: f64| frames / f64::from(nb_frag);
    let most = samples.iter().flat_map(|sample| BARS.iter().map(|bar| of_size(bar.frames(sample))));
    let most = most.filter(|value| value.is_finite()).fold(1.0, f64::max);
    let scale = f64::from(width - LEFT - RIGHT) / most;
    // Positions are within the picture.
    #[allow(clippy::cast_possible_truncation)]
    let at = |value: f64| LEFT + (value * scale).round() as i32;
    let bottom = TOP + GROUP * i32::try_from(samples.len())?;
    let multiples = (0..=u8::MAX).map(|multiple| (multiple, at(multiple.into())));
    for (multiple, x) in multiples.take_while(|(_, x)| *x <= width - RIGHT) {
        root.draw(&PathElement::new([(x, TOP), (x, bottom)], RGBColor(210, 210, 210)))?;
        root.draw_text(&format!("{multiple} ×"), &style(13.0, HPos::Center), (x, bottom + 12))?;
    }
    for (group, sample) in (0..).zip(samples) {
        let top = TOP + GROUP * group + 4;
        let middle = top + BAR * i32::try_from(BARS.len())? / 2;
        root.draw_text(&sample.cell.channel, &style(15.0, HPos::Right), (LEFT - 10, middle))?;
        for (row, bar) in (0..).zip(&BARS) {
            let (value, done) = (of_size(bar.frames(sample)), bar.done(sample));
            if !value.is_finite() {
                continue;
            }
            let (y, end) = (top + BAR * row, at(value));
            root.draw(&Rectangle::new([(LEFT, y), (end, y + BAR - 2)], bar.colour.filled()))?;
            // Not rounded to all where somebody misses something.
            let label = if done >= 1.0 {
                format!("{value:.2}")
            } else {
                format!("{value:.2}, and {:.2} % complete", (done * 1e4).floor() / 100.0)
            };
            root.draw_text(&label, &style(12.0, HPos::Left), (end + 5, y + BAR / 2))?;
        }
    }
    root.present()?;
    Ok(())
}
