//! The catalogue of scenarios: each comes out as its file says.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use fuota_engine::campaign::event::{DeviceStatus, FailureReason, StageKind};
use fuota_sim::bulk::{BulkRecord, transfer};
use fuota_sim::record::RunRecord;
use fuota_sim::scenario::{Link, Scenario, ScenarioFile};
use fuota_sim::theory::{random_code_success, wilson_at};
use fuota_sim::world::World;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

/// Runs a scenario of the catalogue, and compares what comes of it with what its file expects.
fn run(name: &str) -> RunRecord {
    let file = ScenarioFile::read(&folder().join(format!("{name}.toml"))).unwrap();
    assert_eq!(file.name, name);
    assert!(!file.about.is_empty());
    let mut world = World::new(&file.scenario).unwrap();
    let record = world.run(&mut (), &AtomicBool::new(false)).unwrap();
    let differences = file.expect.differences(&file.scenario, &record);
    assert!(differences.is_empty(), "{name}: {differences:#?}");
    record
}

/// Runs a scenario that starts with the transfer, likewise.
fn run_transfer(name: &str) -> (Scenario, BulkRecord) {
    let file = ScenarioFile::read(&folder().join(format!("{name}.toml"))).unwrap();
    assert_eq!(file.name, name);
    let record = transfer(&file.scenario, None).unwrap();
    let differences = file.expect.differences_in_transfer(&file.scenario, &record);
    assert!(differences.is_empty(), "{name}: {differences:#?}");
    (file.scenario, record)
}

/// Scenarios with a test of their own.
const APART: [&str; 9] = [
    "golden-lossless",
    "dup-reorder",
    "lost-answers",
    "error-bits",
    "firmware-update",
    "ge-burst",
    "ge-burst-airborne",
    "trace",
    "mega",
];

macro_rules! catalogue {
    ($($test:ident $name:literal)*) => {
        $(#[test] fn $test() { run($name); })*

        #[test]
        fn every_scenario_of_the_folder_is_run() {
            let mut listed: BTreeSet<String> = [$($name),*].map(String::from).into();
            listed.extend(APART.map(String::from));
            let found = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
            let found = found.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
            let found = found.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned());
            assert_eq!(found.collect::<BTreeSet<_>>(), listed);
        }
    };
}

catalogue! {
    iid_loss "iid-loss"
    gateway_outage "gateway-outage"
    gateway_outage_adaptive "gateway-outage-adaptive"
    gateway_outage_two "gateway-outage-two"
    late_joiners "late-joiners"
    late_setup "late-setup"
    reboot "reboot"
    clock_drift "clock-drift"
    answer_storm "answer-storm"
    class_b_beacon "class-b-beacon"
    mixed_versions "mixed-versions"
}

/// Copies, delays and stale answers change nothing: requests and answers are idempotent.
#[test]
fn dup_reorder_ends_as_golden_lossless_does() {
    let (golden, disturbed) = (run("golden-lossless"), run("dup-reorder"));
    let state = |record: &RunRecord| {
        let devices = record.devices.iter().map(|device| {
            (device.report.dev_eui, device.report.status, device.fragments_received, device.bytes_checked)
        });
        (record.outcome, record.frames, devices.collect::<Vec<_>>())
    };
    assert_eq!(state(&golden), state(&disturbed));
}

/// A million devices; here a twentieth of them, which takes long enough without optimisation.
#[test]
fn mega_is_run_on_any_number_of_threads() {
    let mut file = ScenarioFile::read(&folder().join("mega.toml")).unwrap();
    assert_eq!(file.scenario.devices(), 1_000_000);
    file.scenario.set_devices(50_000);
    let on = |threads| transfer(&file.scenario, NonZero::new(threads)).unwrap();
    let record = on(2);
    let differences = file.expect.differences_in_transfer(&file.scenario, &record);
    assert!(differences.is_empty(), "{differences:#?}");
    assert_eq!(record, on(1));
}

/// Devices that failed in a stage for this reason.
fn failed(record: &RunRecord, stage: StageKind, reason: FailureReason) -> u64 {
    let failed = DeviceStatus::Failed { stage, reason };
    record.devices.iter().filter(|device| device.report.status == failed).count() as u64
}

/// Of the devices that are heard, 1 − 0.44⁵ = 98.35 % get through a stage: their request with probability 0.8, its
/// answer with 0.7, five times. Through three stages get 95.1 %.
#[test]
fn lost_answers_cost_what_the_formula_says() {
    let record = run("lost-answers");
    let stages = [StageKind::McGroupSetup, StageKind::FragSessionSetup, StageKind::McClassSession];
    let (mut heard, mut through) = (1000, 1000);
    for stage in stages {
        let silent = failed(&record, stage, FailureReason::NoAnswer);
        let unheard = failed(&record, stage, FailureReason::NotHeard);
        // The 99 % interval of each of three stages.
        let (low, high) = wilson_at(silent, through - unheard, 2.94);
        assert!((low..=high).contains(&0.44_f64.powi(5)), "{stage:?}: {silent} of {through}");
        heard -= unheard;
        through -= silent + unheard;
    }
    let (low, high) = wilson_at(through, heard, 2.576);
    let formula = (1.0 - 0.44_f64.powi(5)).powi(3);
    assert!((formula - 0.951).abs() < 0.0005);
    assert!((low..=high).contains(&formula), "{through} of {heard}");
}

/// Whoever sets an error bit is refused in the stage where the bit belongs, with that bit in the status, or is told to
/// put its clock right, in vain; and nobody of them counts.
#[test]
fn every_error_bit_is_classified_where_it_belongs() {
    let record = run("error-bits");
    let mut seen = BTreeSet::new();
    for device in &record.devices {
        let DeviceStatus::Failed { stage, reason } = device.report.status else {
            assert_eq!(device.report.status, DeviceStatus::Complete);
            continue;
        };
        let bits: Vec<(StageKind, u8)> = match (stage, reason) {
            (StageKind::McGroupSetup, FailureReason::Refused(status)) => vec![(stage, status & 0x04)],
            (StageKind::FragSessionSetup, FailureReason::Refused(status)) => {
                (0..5).map(|bit| (stage, status & 1 << bit)).collect()
            }
            (StageKind::McClassSession, FailureReason::Refused(status)) => {
                (2..5).map(|bit| (stage, status & 1 << bit)).collect()
            }
            // StartMissed.
            (StageKind::McClassSession, FailureReason::ClockMismatch) => vec![(stage, 0x20)],
            (StageKind::FragSessionStatus, FailureReason::MicError) => vec![(stage, 0x01)],
            other => panic!("{}: {other:?}", device.report.dev_eui),
        };
        let set: Vec<_> = bits.into_iter().filter(|(_, bit)| *bit != 0).collect();
        assert!(!set.is_empty(), "{}: {reason:?}", device.report.dev_eui);
        seen.extend(set);
    }
    assert_eq!(seen.len(), 11, "{seen:?}");
}

#[test]
fn a_firmware_update_has_seven_stages_and_counts_only_those_that_report_the_target() {
    let record = run("firmware-update");
    let stages: BTreeSet<_> = record.stages.iter().map(|stage| stage.stage.name()).collect();
    let seven = [
        "McGroupSetup",
        "DevRebootTime",
        "FragSessionSetup",
        "McClassSession",
        "DataFragment",
        "UpgradeImage",
        "DevVersion",
    ];
    assert!(seven.iter().all(|stage| stages.contains(stage)), "{stages:?}");
    let complete = record.devices.iter().enumerate();
    let complete = complete.filter(|(_, device)| device.report.status == DeviceStatus::Complete);
    assert!(complete.map(|(index, _)| index).all(|index| index < 900), "the sound ones come first");
}

/// The probability that a device decodes whose link is a Gilbert–Elliott chain, by the distribution of its losses: the
/// states after each fragment with the number of uncoded and coded ones lost, and the theory of random codes.
fn chain_success(nb_frag: u32, parity: u32, good_to_bad: f64, bad_to_good: f64) -> f64 {
    // (bad, lost uncoded, lost coded) and its probability, before the next fragment.
    let bad = good_to_bad / (good_to_bad + bad_to_good);
    let mut states = BTreeMap::from([((false, 0, 0), 1.0 - bad), ((true, 0, 0), bad)]);
    for fragment in 0..nb_frag + parity {
        let mut next: BTreeMap<(bool, u32, u32), f64> = BTreeMap::new();
        for ((bad, uncoded, coded), p) in states {
            let lost = if fragment < nb_frag {
                (uncoded + u32::from(bad), coded)
            } else {
                (uncoded, coded + u32::from(bad))
            };
            // More than can be made good, or too unlikely to matter.
            if lost.0 + lost.1 > parity || p < 1e-13 {
                continue;
            }
            let turns = if bad { bad_to_good } else { good_to_bad };
            *next.entry((!bad, lost.0, lost.1)).or_default() += p * turns;
            *next.entry((bad, lost.0, lost.1)).or_default() += p * (1.0 - turns);
        }
        states = next;
    }
    let independent = |lost: u32, received: u32| -> f64 {
        (received + 1 - lost..=received).map(|i| 1.0 - 0.5_f64.powi(i.try_into().unwrap())).product()
    };
    states.into_iter().map(|((_, uncoded, coded), p)| p * independent(uncoded, parity - coded)).sum()
}

/// Each of the four channels beside independent losses of the same mean, within the 99.9 % interval of theory.
#[test]
fn bursts_cost_what_their_chain_says() {
    for name in ["ge-burst", "ge-burst-airborne"] {
        let (scenario, record) = run_transfer(name);
        let (nb_frag, parity) = (u32::from(record.nb_frag()), u32::from(record.parity()));
        let mut chains = 0;
        for (group, complete) in scenario.fleet.iter().zip(record.complete_by_group(&scenario)) {
            let theory = match group.downlink {
                Link::GilbertElliott { good_to_bad, bad_to_good } => {
                    chains += 1;
                    chain_success(nb_frag, parity, good_to_bad, bad_to_good)
                }
                Link::Independent { loss } => random_code_success(nb_frag, parity, loss),
                ref other => panic!("{other:?}"),
            };
            let (low, high) = wilson_at(complete.into(), group.devices.into(), 3.29);
            assert!((low..=high).contains(&theory), "{}: {complete}, {theory}", group.name);
        }
        assert_eq!(chains * 2, scenario.fleet.len());
    }
}

/// A chain whose next state does not depend on its last is independent losses.
#[test]
fn the_chain_s_theory_has_that_of_independent_losses_in_it() {
    for (parity, loss) in [(10, 0.1), (20, 0.2)] {
        let (chain, binomial) =
            (chain_success(50, parity, loss, 1.0 - loss), random_code_success(50, parity, loss));
        assert!((chain - binomial).abs() < 1e-9, "{chain} {binomial}");
    }
}

/// What each device receives is what its record holds, read here line by line.
#[test]
fn a_trace_is_replayed_frame_by_frame() {
    let (_, record) = run_transfer("trace");
    let table = std::fs::read_to_string(folder().join("traces/two-gateways.csv")).unwrap();
    let mut received: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in table.lines().skip(1) {
        let fields: Vec<_> = line.split(',').collect();
        let frames = received.entry(fields[0]).or_default();
        if fields[4] == "1" {
            frames.insert(fields[3]);
        }
    }
    let recorded: Vec<_> = received.values().map(BTreeSet::len).collect();
    for (device, held) in record.devices.iter().enumerate() {
        let recorded = recorded[device % recorded.len()];
        assert_eq!(usize::from(held.received), recorded, "device {device}");
        assert_eq!(held.complete_at.is_some(), recorded >= 100, "device {device}");
    }
}
