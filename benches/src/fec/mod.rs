//! The erasure code: encoding against lrwn and other codes, decoding against what devices run, ranks.

mod cases;
mod stand_in;

use std::error::Error;
use std::time::{Duration, Instant};

use crate::measure::{Repeated, median};
use crate::report::{Comparison, Figure, Row, Section};
use crate::{Options, allocations, instructions};

/// One line: ours against a peer.
struct Case {
    name: String,
    ours: Repeated<'static>,
    peer: Repeated<'static>,
    /// Least ratio, by time and by instructions.
    target: Option<(f64, f64)>,
}

pub(crate) fn run(options: &Options) -> Result<Vec<Section>, Box<dyn Error>> {
    let mut cases = cases::all(options.callgrind)?;
    if instructions::inside() {
        for case in &mut cases {
            instructions::counted(&mut case.ours, 1);
            instructions::counted(&mut case.peer, 1);
        }
        return Ok(Vec::new());
    }
    let costs = if options.callgrind { counted(&cases)? } else { cases.iter_mut().map(timed).collect() };
    let unit = if options.callgrind { "instructions" } else { "ms" };
    let mut rows = Vec::new();
    for (case, (ours, peer)) in cases.iter_mut().zip(costs) {
        let target = case.target.map(|(time, count)| if options.callgrind { count } else { time });
        let allocations = allocations::count(&mut case.ours);
        rows.push(Row {
            name: case.name.clone(),
            figures: [
                Some(Figure::new("ours", ours, unit)),
                Some(Figure::new("peer", peer, unit)),
                Some(Figure::new("ratio", peer / ours, "x")),
                target.map(|target| Figure::new("target", target, "x")),
                Some(Figure::new("allocations", allocations as f64, "")),
            ]
            .into_iter()
            .flatten()
            .collect(),
            comparisons: vec![Comparison {
                target,
                allocations: Some(allocations),
                ..Comparison::with_peer("", ours, peer, unit)
            }],
        });
    }
    let mut sections = vec![Section {
        subject: "fec",
        title: "the same work, ours and the peer's in turns".into(),
        rows,
        summary: Vec::new(),
    }];
    if !options.callgrind {
        sections.push(Section {
            subject: "fec",
            title: "limits".into(),
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
        peer.push(once(&mut case.peer));
    }
    (median(ours), median(peer))
}

/// Milliseconds of one run.
fn once(operation: &mut Repeated<'_>) -> f64 {
    let start = Instant::now();
    operation(1);
    start.elapsed().as_secs_f64() * 1e3
}

/// The cost of ours, and of the peer.
type Costs = (f64, f64);

fn counted(cases: &[Case]) -> Result<Vec<Costs>, Box<dyn Error>> {
    let counts = instructions::count("fec", 1)?;
    if counts.len() != 2 * cases.len() {
        return Err(format!("{} counts for {} cases", counts.len(), cases.len()).into());
    }
    Ok(counts.as_chunks().0.iter().map(|[ours, peer]| (*ours, *peer)).collect())
}
