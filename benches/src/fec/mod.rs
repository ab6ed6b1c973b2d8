//! The erasure code: encoding against lrwn and other codes, decoding against what devices run, ranks.

mod cases;
mod stand_in;

use std::error::Error;
use std::time::{Duration, Instant};

use crate::measure::Repeated;
use crate::report::{Comparison, Figure, Row, Section};
use crate::{Options, allocations, instructions};

/// One line: ours against a peer.
struct Case {
    name: String,
    ours: Repeated<'static>,
    peer: Option<Repeated<'static>>,
    /// Least ratio, by time and by instructions.
    target: Option<(f64, f64)>,
}

pub(crate) fn run(options: &Options) -> Result<Vec<Section>, Box<dyn Error>> {
    let mut cases = cases::all(options.callgrind)?;
    if instructions::inside() {
        for case in &mut cases {
            instructions::counted(&mut case.ours, 1);
            if let Some(peer) = &mut case.peer {
                instructions::counted(peer, 1);
            }
        }
        return Ok(Vec::new());
    }
    let costs = if options.callgrind { counted(&cases)? } else { cases.iter_mut().map(timed).collect() };
    let unit = if options.callgrind { "instructions" } else { "ms" };
    let mut rows = Vec::new();
    for (case, (ours, peer)) in cases.iter_mut().zip(costs) {
        let target = case.target.map(|(time, count)| if options.callgrind { count } else { time });
        let mut figures = vec![Figure::new("ours", ours, unit)];
        if let Some(peer) = peer {
            figures.extend([Figure::new("peer", peer, unit), Figure::new("ratio", peer / ours, "x")]);
        }
        figures.extend(target.map(|target| Figure::new("target", target, "x")));
        figures.push(Figure::new("allocations", allocations::count(&mut case.ours) as f64, ""));
        let comparison = Comparison { ours, peer, ratio: peer.map(|peer| peer / ours), target, limit: None };
        rows.push(Row { name: case.name.clone(), figures, comparison: Some(comparison) });
    }
    let mut sections = vec![Section {
        title: "fec: the same work, ours and the peer's in turns".to_owned(),
        rows,
        summary: Vec::new(),
    }];
    if !options.callgrind {
        sections.push(Section {
            title: "fec: limits".to_owned(),
            rows: cases::limits()?,
            summary: Vec::new(),
        });
    }
    Ok(sections)
}

/// Medians of ours and the peer's, which take turns, so that a slow spell hits both.
fn timed(case: &mut Case) -> Costs {
    let (mut ours, mut peer) = (Vec::new(), Vec::new());
    let start = Instant::now();
    while ours.len() < 5 || (start.elapsed() < Duration::from_secs(2) && ours.len() < 201) {
        ours.push(once(&mut case.ours));
        if let Some(operation) = &mut case.peer {
            peer.push(once(operation));
        }
    }
    (median(ours), (!peer.is_empty()).then(|| median(peer)))
}

/// Milliseconds of one run.
fn once(operation: &mut Repeated<'_>) -> f64 {
    let start = Instant::now();
    operation(1);
    start.elapsed().as_secs_f64() * 1e3
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// The cost of ours, and of the peer.
type Costs = (f64, Option<f64>);

fn counted(cases: &[Case]) -> Result<Vec<Costs>, Box<dyn Error>> {
    let mut counts = instructions::count("fec", 1)?.into_iter();
    let mut next = || counts.next().ok_or("fewer counts than operations");
    cases.iter().map(|case| Ok((next()?, if case.peer.is_some() { Some(next()?) } else { None }))).collect()
}
