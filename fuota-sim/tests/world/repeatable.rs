//! The same scenario gives the same record, and what is random stays with its device.

use fuota_engine::campaign::spec::Redundancy;
use fuota_engine::percent::Percent;
use fuota_sim::scenario::{Faults, Scenario};

use crate::harness::*;

#[test]
fn the_same_seed_gives_the_same_record_on_any_thread() {
    let scenario = Scenario { faults: Faults { silent: 1, dying: 1, wrong_key: 1 }, ..lossy() };
    let here = format!("{:?}", run(&scenario).unwrap());
    let threads: Vec<_> = (0..3)
        .map(|_| {
            std::thread::spawn({
                let scenario = scenario.clone();
                move || format!("{:?}", run(&scenario).unwrap())
            })
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), here);
    }
    let other = format!("{:?}", run(&Scenario { seed: 2, ..scenario }).unwrap());
    assert_ne!(other, here);
}

/// Losses of fragments belong to the device and the frame: another fleet size, and with it another course of the
/// set-up, loses the same fragments of the same device.
#[test]
fn a_device_loses_the_same_fragments_in_another_fleet() {
    let scenario = Scenario { redundancy: Redundancy::Fec(Percent::whole(0)), ..lossy() };
    let received = |devices| {
        let record = run(&Scenario { fleet: fleet(devices, 0.1, 0.05), ..scenario.clone() }).unwrap();
        record.devices.iter().take(20).map(|device| device.fragments_received).collect::<Vec<_>>()
    };
    let small = received(20);
    assert!(small.iter().any(|&count| count != small[0]));
    assert_eq!(small, received(35));
}
