//! Random campaigns in random trouble: everything that must hold does, and what does not is noticed.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicBool;

use fuota_sim::chaos::{Case, Invariant, Sabotage, Verdict, run, run_with, shrink, swarm};

/// Runs that `cargo test` makes; `fuota chaos` makes as many as one likes.
const RUNS: u64 = 300;
/// Seeds among which something is found wrong when the harness is.
const SEARCHED: u64 = 300;
/// Cases tried to make one shorter.
const SHRINK_RUNS: u32 = 40;

#[test]
fn whatever_must_hold_does() {
    let (mut ends, mut crashes) = (BTreeMap::new(), 0);
    swarm(1, RUNS, None, &AtomicBool::new(false), &mut |seed, _, verdict| {
        let end = match verdict {
            Verdict::Held(tale) => {
                crashes += tale.crashes;
                tale.status.name()
            }
            Verdict::Violated(violation) => panic!("fuota chaos --runs 1 --seed {seed}: {violation}"),
            _ => "not planned",
        };
        *ends.entry(end).or_insert(0) += 1;
    });
    // It is not always the same that happens.
    assert_eq!(ends.values().sum::<u64>(), RUNS);
    for end in ["SUCCEEDED", "FAILED", "STOPPED"] {
        assert!(ends.get(end).is_some_and(|count| count * 50 >= RUNS), "{ends:?}");
    }
    assert!(ends.get("not planned").is_none_or(|count| count * 10 < RUNS), "{ends:?}");
    assert!(u64::from(crashes) > RUNS / 2, "{crashes} crashes");
}

/// A harness that does wrong is caught, by the check that is there for it, and the case gets shorter.
#[test]
fn what_does_not_hold_is_noticed_and_shrunk() {
    for (sabotage, invariant) in Sabotage::ALL {
        let found = (1..=SEARCHED).find_map(|seed| {
            let case = Case::draw(seed);
            match run_with(&case, Some(sabotage)) {
                Verdict::Violated(violation) if violation.invariant == invariant => Some((case, violation)),
                _ => None,
            }
        });
        let (case, violation) = found.unwrap_or_else(|| panic!("{sabotage:?} was never noticed"));
        let shrunk = shrink(&case, &violation, Some(sabotage), SHRINK_RUNS);
        assert_eq!(shrunk.violation.invariant, invariant, "{sabotage:?}");
        assert!(size(&shrunk.case) < size(&case), "{sabotage:?} was not shrunk");
        // What is printed runs again, and goes wrong alike.
        let again = toml::from_str(&toml::to_string(&shrunk.case).unwrap()).unwrap();
        assert_eq!(run_with(&again, Some(sabotage)), Verdict::Violated(shrunk.violation), "{sabotage:?}");
        assert!(!matches!(run(&again), Verdict::Violated(_)), "it was the sabotage: {sabotage:?}");
    }
}

/// All that must hold does in a case that once seemed to show otherwise.
fn assert_holds(case: &str) {
    let case: Case = toml::from_str(case).unwrap();
    let verdict = run(&case);
    assert!(matches!(verdict, Verdict::Held(_)), "{verdict:?}");
}

/// Whoever can speak in a device's name can have it taken for one of another version, and sent parity that it makes nothing
/// of. The engine does not know better; it must not be taken for a fault of the engine's.
#[test]
fn who_is_taken_for_another_version_may_put_another_block_together() {
    assert_holds(include_str!("vectors/chaos/borrowed-version.toml"));
}

/// The campaign's time does not run backwards, and a restart writes down how far it got: the node's clock may have gone back
/// behind that before the campaign came to rest for the first time. Its duration counts from what is written down.
#[test]
fn a_duration_counts_from_the_latest_moment_that_is_written_down() {
    assert_holds(include_str!("vectors/chaos/clock-back-while-down.toml"));
}

/// The threshold alone decides then, so a round that is cut off may be one of a campaign that succeeds.
#[test]
fn a_round_that_the_time_cuts_off_skips_nothing() {
    assert_holds(include_str!("vectors/chaos/time-up-in-a-round.toml"));
}

/// That a fragment was refused is durable before anything else of its turn is done; that it is sent again after a crash in
/// between is no fragment too many.
#[test]
fn what_a_record_tells_counts_from_when_it_is_durable() {
    assert_holds(include_str!("vectors/chaos/refused-before-a-crash.toml"));
}

#[test]
fn every_invariant_has_a_sabotage() {
    let noticed: Vec<_> = Sabotage::ALL.iter().map(|(_, invariant)| *invariant).collect();
    for invariant in Invariant::ALL {
        assert!(noticed.contains(&invariant), "{invariant:?}");
    }
}

/// How much there is in a case.
fn size(case: &Case) -> usize {
    toml::to_string(case).unwrap().len()
}

#[test]
fn a_seed_gives_the_same_on_any_number_of_threads() {
    let tales = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut tales = Vec::new();
        pool.install(|| {
            swarm(1_000, 20, None, &AtomicBool::new(false), &mut |seed, _, verdict| {
                tales.push((seed, verdict.clone()));
            });
        });
        tales
    };
    let alone = tales(1);
    assert_eq!(alone.len(), 20);
    assert_eq!(alone, tales(3));
}

#[test]
fn cases_are_written_and_read_again_alike() {
    for seed in 0..200 {
        let case = Case::draw(seed);
        assert_eq!(toml::from_str::<Case>(&toml::to_string(&case).unwrap()).unwrap(), case);
    }
}

#[test]
fn the_command_line_runs_and_replays() {
    let fuota = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_fuota")).arg("chaos").args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, told) = fuota(&["--runs", "3", "--seed", "5"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.starts_with("3 campaigns in ") && told.ends_with(" 0 violations\n"), "{told}");

    let (code, case) = fuota(&["--seed", "6", "--show"]);
    assert_eq!((code, toml::from_str(&case).ok()), (Some(0), Some(Case::draw(6))));
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("chaos.toml");
    fs::write(&path, case).unwrap();
    let (code, told) = fuota(&["--replay", path.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("everything held"), "{told}");

    assert_eq!(fuota(&["--runs", "0"]).0, Some(1), "nothing can be held against no run");

    // What is noticed makes the exit code.
    let (code, told) = fuota(&["--runs", "20", "--seed", "1", "--sabotage", "miscount"]);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("# counts-agree in step "), "{told}");
}
