//! The last few devices are sent what they need alone.

use std::sync::atomic::AtomicBool;

use fuota_engine::campaign::event::{CampaignStatus, DeviceStatus, Event};
use fuota_engine::campaign::spec::{PackageVersion, Redundancy};
use fuota_engine::config::SessionDuration;
use fuota_engine::percent::Percent;
use fuota_sim::scenario::Scenario;
use fuota_sim::world::World;

use crate::harness::*;

/// Nineteen devices near a gateway and one far away, for a server that says that three gateways send each frame.
fn one_far_away(version: PackageVersion) -> Scenario {
    let mut scenario = Scenario {
        fleet: [fleet(1, 0.2, 0.0), fleet(19, 0.0, 0.0)].concat(),
        redundancy: Redundancy::Adaptive,
        package_version: version,
        seed: 5,
        ..lossy()
    };
    scenario.config.success_threshold = Percent::whole(100);
    scenario.config.multicast_gateways = 3;
    scenario.config.session_duration = Some(SessionDuration::Documented);
    scenario
}

#[test]
fn a_device_far_away_completes_its_block_from_fragments_to_it_alone() {
    for version in [PackageVersion::V1, PackageVersion::V2] {
        let mut watcher = Watcher::default();
        let scenario = one_far_away(version);
        let record = World::new(&scenario).unwrap().run(&mut watcher, &AtomicBool::new(false)).unwrap();
        assert_eq!((record.outcome.status, record.outcome.complete), (CampaignStatus::Succeeded, 20));
        let repaired = watcher.events.iter().find_map(|(_, event)| match *event {
            Event::RepairedAlone { devices, fragments, .. } => Some((devices, fragments)),
            _ => None,
        });
        let (devices, fragments) = repaired.unwrap();
        assert_eq!(devices, 1);
        // 50 uncoded fragments and 3 of parity for all, and no more: what was missing came by unicast.
        assert_eq!(record.frames, 53);
        let far = &record.devices[0];
        assert_eq!(far.report.status, DeviceStatus::Complete, "by its own word");
        assert!(far.bytes_checked, "octet for octet");
        assert!(far.report.requests > fragments);
        assert_eq!(record.bytes_checked, 20);
    }
}
