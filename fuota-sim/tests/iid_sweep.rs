//! Independent losses over the whole grid of the catalogue, against the theory of random codes.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use fuota_sim::sweep::{Grid, Shard, Sweep};
use fuota_sim::theory::{random_code_success, wilson_at};

/// One seed of so many devices for each cell; the file has thirty of a thousand.
const DEVICES: u64 = 400;

/// Complete devices in one cell.
struct Outcome {
    code: String,
    nb_frag: u32,
    parity: u32,
    loss: f64,
    complete: u64,
}

fn outcomes() -> Vec<Outcome> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("sweeps/iid-sweep.toml");
    let text = fs::read_to_string(&path).unwrap();
    let smaller = text.replace("count = 1000", &format!("count = {DEVICES}"));
    assert_ne!(smaller, text);
    let mut grid = Grid::parse(&smaller, &path).unwrap();
    grid.set_seeds(1);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("iid-sweep");
    let _ = fs::remove_dir_all(&folder);
    let mut sweep = Sweep::open(grid, &folder, Shard::WHOLE).unwrap();
    assert!(sweep.run(None, &AtomicBool::new(false), &mut |_| {}).unwrap());
    sweep.finish().unwrap();
    let mut rows = csv::Reader::from_path(folder.join("rows.csv")).unwrap();
    let header = rows.headers().unwrap().clone();
    let rows = rows.records().map(|row| {
        let row = row.unwrap();
        let field = |name: &str| row[header.iter().position(|column| column == name).unwrap()].to_owned();
        Outcome {
            code: field("campaign.code"),
            nb_frag: field("nb_frag").parse().unwrap(),
            parity: field("parity").parse().unwrap(),
            loss: field("devices.downlink.loss").parse().unwrap(),
            complete: field("complete").parse().unwrap(),
        }
    });
    rows.collect()
}

#[test]
fn success_lies_within_the_interval_of_theory_in_every_cell() {
    let outcomes = outcomes();
    let of = |code: &'static str| outcomes.iter().filter(move |outcome| outcome.code == code);
    let theory = |outcome: &Outcome, parity: u32| random_code_success(outcome.nb_frag, parity, outcome.loss);
    let is_within = |outcome: &Outcome, z: f64, (least, most): (f64, f64)| {
        let (low, high) = wilson_at(outcome.complete, DEVICES, z);
        low <= most && least <= high
    };
    assert_eq!(of("rlnc2").count(), 6 * 7 * 5);
    // Random sums: of 210 intervals of 99 %, two miss what they are about; more than seven do once in a thousand times.
    let misses = |outcome: &&Outcome| {
        let expected = theory(outcome, outcome.parity);
        !is_within(outcome, 2.576, (expected, expected))
    };
    let missed: Vec<_> = of("rlnc2").filter(misses).collect();
    assert!(missed.len() <= 7, "{} cells", missed.len());
    for outcome in of("rlnc2") {
        let Outcome { nb_frag, parity, loss, complete, .. } = outcome;
        let expected = theory(outcome, *parity);
        let told =
            format!("M {nb_frag}, R {parity}, loss {loss}: {complete} of {DEVICES}, in theory {expected}");
        assert!(is_within(outcome, 4.5, (expected, expected)), "{told}");
    }
    // The rows of TS004 are no random sums, but cost little: two fragments more, and hardly ever more than four. The
    // exception are few rows over few fragments, 15 over 50 here, among which two fragments may never be told apart.
    let costs_more = |outcome: &&Outcome| {
        let least = theory(outcome, outcome.parity.saturating_sub(4));
        !is_within(outcome, 4.5, (least, theory(outcome, outcome.parity)))
    };
    let costly: Vec<_> = of("ts004-v1").chain(of("ts004-v2")).filter(costs_more).collect();
    let told = costly.iter().map(|outcome| (&outcome.code, outcome.nb_frag, outcome.parity));
    assert!(costly.len() <= 2, "{:?}", told.collect::<Vec<_>>());
    assert!(costly.iter().all(|outcome| outcome.nb_frag <= 50 && outcome.parity <= 15));
    // Nothing does better than a code whose every M fragments do, and repetition does worse than all.
    for (((ts004, rlnc), rs), repetition) in
        of("ts004-v1").zip(of("rlnc2")).zip(of("rs")).zip(of("repetition"))
    {
        assert!(ts004.complete <= rs.complete && rlnc.complete <= rs.complete);
        assert!(repetition.complete <= rs.complete);
    }
}
