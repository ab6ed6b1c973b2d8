//! Campaigns that differ in their parity alone lose the same fragments.

#![allow(clippy::unwrap_used)]

use std::sync::atomic::AtomicBool;

use fuota_engine::campaign::spec::Redundancy;
use fuota_engine::percent::Percent;
use fuota_sim::scenario::{DeviceGroup, Link, Scenario};
use fuota_sim::world::World;

/// For each device whether it holds the block at the end.
fn holders(redundancy: u32, seed: u64) -> Vec<bool> {
    let group = DeviceGroup {
        devices: 60,
        downlink: Link::Independent { loss: 0.1 },
        uplink: Link::Independent { loss: 0.0 },
        ..DeviceGroup::default()
    };
    let mut scenario = Scenario {
        image: vec![7; 6_000],
        fleet: vec![group],
        redundancy: Redundancy::Fec(Percent::whole(redundancy)),
        seed,
        ..Scenario::default()
    };
    scenario.config.fsize = Some(100);
    scenario.config.success_threshold = Percent::whole(0);
    let record = World::new(&scenario).unwrap().run(&mut (), &AtomicBool::new(false)).unwrap();
    record.devices.iter().map(|device| device.holds_block).collect()
}

/// Whoever decodes with a little parity decodes with more: that would not be so if losses were drawn anew.
#[test]
fn more_parity_loses_nobody_who_had_enough() {
    for seed in 1..=3 {
        let runs = [5, 12, 20, 40].map(|redundancy| holders(redundancy, seed));
        let counts = runs.each_ref().map(|run| run.iter().filter(|holds| **holds).count());
        assert!(counts[0] < counts[1] && counts[1] < counts[3], "{counts:?}");
        for pair in runs.windows(2) {
            let lost = pair[0].iter().zip(&pair[1]).filter(|(less, more)| **less && !**more).count();
            assert_eq!(lost, 0, "{counts:?}");
        }
    }
}
