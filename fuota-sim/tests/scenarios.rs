//! The catalogue of scenarios: each comes out as its file says.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use fuota_engine::campaign::event::{DeviceStatus, FailureReason, StageKind};
use fuota_sim::bulk::transfer;
use fuota_sim::record::RunRecord;
use fuota_sim::scenario::ScenarioFile;
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

macro_rules! catalogue {
    ($($test:ident $name:literal)*) => {
        $(#[test] fn $test() { run($name); })*

        #[test]
        fn every_scenario_of_the_folder_is_run() {
            let mut listed: BTreeSet<String> = [$($name),*].map(String::from).into();
            listed.extend(["golden-lossless", "dup-reorder", "lost-answers", "mega"].map(String::from));
            let found = std::fs::read_dir(folder()).unwrap().map(|entry| {
                entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()
            });
            assert_eq!(found.collect::<BTreeSet<_>>(), listed);
        }
    };
}

catalogue! {
    iid_loss "iid-loss"
    ge_burst "ge-burst"
    gateway_outage "gateway-outage"
    gateway_outage_two "gateway-outage-two"
    late_joiners "late-joiners"
    reboot "reboot"
    clock_drift "clock-drift"
    error_bits "error-bits"
    answer_storm "answer-storm"
    class_b_beacon "class-b-beacon"
    firmware_update "firmware-update"
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
    let differences = file.expect.differences_in_transfer(&record);
    assert!(differences.is_empty(), "{differences:#?}");
    assert_eq!(record, on(1));
}

/// Of the devices that are heard, 1 − 0.44⁵ = 98.35 % get through a stage: their request with probability 0.8, its
/// answer with 0.7, five times.
#[test]
fn lost_answers_cost_what_the_formula_says() {
    let record = run("lost-answers");
    for stage in [StageKind::McGroupSetup, StageKind::FragSessionSetup, StageKind::McClassSession] {
        let silent = record.devices.iter().filter(|device| {
            let reason = FailureReason::NoAnswer;
            device.report.status == DeviceStatus::Failed { stage, reason }
        });
        let silent = u64::try_from(silent.count()).unwrap();
        // The 99 % interval of each of three stages.
        let (low, high) = fuota_sim::theory::wilson_at(silent, 1000, 2.94);
        assert!((low..=high).contains(&0.44_f64.powi(5)), "{stage:?}: {silent} of 1000");
    }
}
