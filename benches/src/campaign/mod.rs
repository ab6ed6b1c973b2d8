//! Whole campaigns of large fleets: what the engine takes for each input and device, and that nothing counts as a success
//! that is none.

mod throughput;

use std::error::Error;

use fuota_sim::bulk::campaign::{Liars, campaign};
use fuota_sim::scenario::Link;
use fuota_sim::world::SimError;

use crate::policies::{Channel, FIRST_SEED, scenario};
use crate::report::{Comparison, Figure, Row, Section};
use crate::{Options, instructions};

pub(crate) fn run(options: &Options) -> Result<Vec<Section>, Box<dyn Error>> {
    if options.callgrind || instructions::inside() {
        return Ok(Vec::new());
    }
    let mut sections = vec![false_success()?, throughput::run(&[1_000, 100_000, 1_000_000])?];
    if options.full {
        sections.push(throughput::million()?);
    }
    Ok(sections)
}

/// A hundred thousand devices, none of which can complete: none may count as complete.
fn false_success() -> Result<Section, SimError> {
    let channel = Channel { name: "iid 40 %", link: Link::Independent { loss: 0.4 }, outage: false };
    let mut scenario = scenario(&channel, 60, 100_000, FIRST_SEED);
    scenario.config.adaptive_excess_max = 10;
    let record = campaign(&scenario, Liars::default())?;
    let figures = vec![
        Figure::new("complete", f64::from(record.outcome.complete), "devices"),
        Figure::new("wrongly", f64::from(record.wrong), "devices"),
        Figure::new("holding", f64::from(record.holding), "devices"),
        Figure::new("polls", record.polls.into(), ""),
    ];
    let comparisons = vec![Comparison::with_limit(f64::from(record.wrong), 0.0, "devices")];
    let rows = vec![Row { name: "40 % lost, 16 % parity allowed".into(), figures, comparisons }];
    Ok(section("False success: 100,000 devices, none complete".into(), rows))
}

fn section(title: String, rows: Vec<Row>) -> Section {
    Section { subject: "campaign", title, rows, summary: Vec::new() }
}
