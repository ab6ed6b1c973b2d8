//! What the runs come to: a row for each channel and size.

use std::collections::{BTreeMap, BTreeSet};

use super::contender::{Contender, Took};
use super::store::{Cell, Run};
use crate::report::{Comparison, Figure, Row, Section};
use crate::statistics::{half_width, largest, least, mean};

/// What contenders took in one cell, by contender and seed.
pub(super) struct Sample<'a> {
    pub(super) cell: &'a Cell,
    took: BTreeMap<Contender, BTreeMap<u64, &'a Took>>,
}

/// The runs of all cells, in order of size and channel.
pub(super) fn samples<'a>(runs: &[&'a Run]) -> Vec<Sample<'a>> {
    let mut channels: Vec<&str> = Vec::new();
    for run in runs.iter().map(|run| run.cell.channel.as_str()) {
        if !channels.contains(&run) {
            channels.push(run);
        }
    }
    let mut cells: Vec<&Cell> =
        runs.iter().map(|run| &run.cell).collect::<BTreeSet<_>>().into_iter().collect();
    let place = |cell: &Cell| channels.iter().position(|channel| *channel == cell.channel);
    cells.sort_by_key(|cell| (cell.devices, cell.nb_frag, place(cell)));
    let sample = |cell: &'a Cell| {
        let mut took: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for run in runs.iter().filter(|run| run.cell == *cell) {
            took.entry(run.contender).or_default().insert(run.seed, &run.took);
        }
        Sample { cell, took }
    };
    cells.into_iter().map(sample).collect()
}

impl Sample<'_> {
    /// A figure of every run of a contender.
    pub(super) fn each(&self, contender: Contender, figure: impl Fn(&Took) -> f64) -> Vec<f64> {
        self.took.get(&contender).into_iter().flat_map(BTreeMap::values).map(|took| figure(took)).collect()
    }

    /// What two contenders took with the same seed, as one number.
    fn paired(&self, [ours, theirs]: [Contender; 2], figure: impl Fn(&Took, &Took) -> f64) -> Vec<f64> {
        let (Some(ours), Some(theirs)) = (self.took.get(&ours), self.took.get(&theirs)) else {
            return Vec::new();
        };
        ours.iter().filter_map(|(seed, ours)| Some(figure(ours, theirs.get(seed)?))).collect()
    }

    /// A contender's frames in terms of another's with the same seed.
    pub(super) fn ratios(&self, ours: Contender, theirs: Contender) -> Vec<f64> {
        self.paired([ours, theirs], |ours, theirs| ours.frames / theirs.frames)
    }

    /// A contender's frames, the same for every seed because they are fixed beforehand, in terms of another's in the mean:
    /// as many as were enough with every seed.
    pub(super) fn hindsight(&self, target: Contender) -> f64 {
        largest(&self.each(target, |took| took.frames))
    }

    fn name(&self) -> String {
        format!("M = {}, {}", self.cell.nb_frag, self.cell.channel)
    }
}

/// The tables of a fleet.
pub(super) fn sections(devices: u32, runs: &[&Run]) -> Vec<Section> {
    let samples: Vec<_> = samples(runs).into_iter().filter(|sample| sample.cell.devices == devices).collect();
    let section = |title: &str, row: &dyn Fn(&Sample<'_>) -> Row| Section {
        subject: "policies",
        title: format!("{devices} devices: {title}"),
        rows: samples.iter().map(row).collect(),
        summary: Vec::new(),
    };
    vec![
        section("airtime in terms of the oracle's", &against_oracle),
        section("airtime in terms of what was fixed in hindsight, and of rounds", &against_fixed),
        section("devices", &devices_done),
        section("beside airtime, per campaign", &beside),
        section("devices that lie: airtime in terms of that without them", &liars),
        section("overlap in terms of the same without", &overlap),
    ]
}

fn against_oracle(sample: &Sample<'_>) -> Row {
    let every = sample.ratios(Contender::Adaptive, Contender::Oracle);
    let most = sample.ratios(Contender::AdaptiveForMost, Contender::Oracle);
    let oracle = mean(&sample.each(Contender::Oracle, |took| took.frames));
    let figures = vec![
        Figure::new("seeds", every.len() as f64, ""),
        Figure::new("oracle", oracle, "frames"),
        Figure::new("adaptive", mean(&every), "x"),
        Figure::new("±", half_width(&every), ""),
        Figure::new("worst", largest(&every), "x"),
        Figure::new("for 99.9 %", mean(&most), "x"),
        Figure::new("± ", half_width(&most), ""),
        Figure::new("worst ", largest(&most), "x"),
        Figure::new(
            "with frames to single devices",
            mean(&sample.ratios(Contender::AdaptiveAlone, Contender::Oracle)),
            "x",
        ),
        Figure::new("fixed, all", sample.hindsight(Contender::Oracle) / oracle, "x"),
        Figure::new("fixed, 99.9 %", sample.hindsight(Contender::OracleOfMost) / oracle, "x"),
        Figure::new("fixed 50 %", mean(&sample.ratios(Contender::FixedHalf, Contender::Oracle)), "x"),
        Figure::new("rounds", mean(&sample.ratios(Contender::Carousel, Contender::Oracle)), "x"),
    ];
    let comparisons = vec![Comparison::with_limit(mean(&every), 1.02, "x")];
    Row { name: sample.name(), figures, comparisons }
}

fn against_fixed(sample: &Sample<'_>) -> Row {
    let frames = |contender| mean(&sample.each(contender, |took| took.frames));
    let (every, most) = (frames(Contender::Adaptive), frames(Contender::AdaptiveForMost));
    let (all, of_most) = (sample.hindsight(Contender::Oracle), sample.hindsight(Contender::OracleOfMost));
    let rounds = sample.ratios(Contender::Adaptive, Contender::Carousel);
    let figures = vec![
        Figure::new("adaptive ÷ fixed, all", every / all, "x"),
        Figure::new("for 99.9 % ÷ fixed, 99.9 %", most / of_most, "x"),
        Figure::new("for 99.9 % ÷ fixed, all", most / all, "x"),
        Figure::new("adaptive ÷ rounds", mean(&rounds), "x"),
        Figure::new("±", half_width(&rounds), ""),
    ];
    let comparisons = vec![Comparison::with_limit(every / all, 1.01, "x")];
    Row { name: sample.name(), figures, comparisons }
}

fn devices_done(sample: &Sample<'_>) -> Row {
    let done = |contender| 100.0 * least(&sample.each(contender, |took| took.done));
    let wrong = |contender| sample.each(contender, |took| took.wrong.into()).iter().sum::<f64>();
    let half = sample.each(Contender::FixedHalf, |took| took.done);
    let figures = vec![
        Figure::new("adaptive: least done", done(Contender::Adaptive), "%"),
        Figure::new("wrongly inferred", wrong(Contender::Adaptive), "devices"),
        Figure::new("for 99.9 %: least done", done(Contender::AdaptiveForMost), "%"),
        Figure::new("wrongly inferred ", wrong(Contender::AdaptiveForMost), "devices"),
        Figure::new("fixed 50 %: mean done", 100.0 * mean(&half), "%"),
        Figure::new("least done", 100.0 * least(&half), "%"),
        Figure::new("rounds: least done", done(Contender::Carousel), "%"),
    ];
    let comparisons = vec![Comparison::with_limit(wrong(Contender::Adaptive), 0.0, "devices")];
    Row { name: sample.name(), figures, comparisons }
}

fn beside(sample: &Sample<'_>) -> Row {
    let of = |contender, figure: fn(&Took) -> f64| mean(&sample.each(contender, figure));
    let polls: fn(&Took) -> f64 = |took| took.polls.into();
    let polled = sample.each(Contender::Adaptive, polls);
    let figures = vec![
        Figure::new("polls", mean(&polled), ""),
        Figure::new("±", half_width(&polled), ""),
        Figure::new("for 99.9 %", of(Contender::AdaptiveForMost, polls), ""),
        Figure::new("uplink airtime", of(Contender::Adaptive, |took| took.uplink_s), "s"),
        Figure::new("duration", of(Contender::Adaptive, |took| took.duration_s), "s"),
        Figure::new("oracle", of(Contender::Oracle, |took| took.duration_s), "s"),
        Figure::new("fixed 50 %", of(Contender::FixedHalf, |took| took.duration_s), "s"),
        Figure::new("rounds", of(Contender::Carousel, |took| took.duration_s), "s"),
        Figure::new("energy", of(Contender::Adaptive, |took| took.joules), "J"),
        Figure::new("oracle ", of(Contender::Oracle, |took| took.joules), "J"),
        Figure::new("rounds ", of(Contender::Carousel, |took| took.joules), "J"),
    ];
    let comparisons = vec![Comparison::with_limit(mean(&polled), 6.0, "polls")];
    Row { name: sample.name(), figures, comparisons }
}

fn overlap(sample: &Sample<'_>) -> Row {
    let both = [Contender::AdaptiveOverlap, Contender::Adaptive];
    let duration = sample.paired(both, |with, without| with.duration_s / without.duration_s);
    let polls = sample.paired(both, |with, without| f64::from(with.polls) - f64::from(without.polls));
    let wrong = sample.each(Contender::AdaptiveOverlap, |took| took.wrong.into()).iter().sum::<f64>();
    let figures = vec![
        Figure::new("seeds", duration.len() as f64, ""),
        Figure::new("duration", mean(&duration), "x"),
        Figure::new("±", half_width(&duration), ""),
        Figure::new("airtime", mean(&sample.ratios(Contender::AdaptiveOverlap, Contender::Adaptive)), "x"),
        Figure::new("polls more", mean(&polls), ""),
        Figure::new("wrongly inferred", wrong, "devices"),
    ];
    Row { name: sample.name(), figures, comparisons: Vec::new() }
}

fn liars(sample: &Sample<'_>) -> Row {
    let (mut figures, mut comparisons) = (Vec::new(), Vec::new());
    let cases = [
        (Contender::OneLiar, ["one: always 1", "± ", "worst ", "least named "], 1.05),
        (Contender::Liars, ["1 %: always 1", "±  ", "worst  ", "least named  "], 1.08),
        (Contender::SaturatedLiars, ["1 %: always 255", "±   ", "worst   ", "least named   "], 1.08),
    ];
    for (contender, [cost, width, worst, named], limit) in cases {
        let ratios = sample.ratios(contender, Contender::Adaptive);
        figures.extend([
            Figure::new(cost, mean(&ratios), "x"),
            Figure::new(width, half_width(&ratios), ""),
            Figure::new(worst, largest(&ratios), "x"),
            Figure::new(named, least(&sample.each(contender, |took| took.named.into())), "devices"),
        ]);
        comparisons.push(Comparison::with_limit(mean(&ratios), limit, "x"));
    }
    Row { name: sample.name(), figures, comparisons }
}
