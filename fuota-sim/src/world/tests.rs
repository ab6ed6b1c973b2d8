//! The world from inside: what is on air when, and that its own faults are errors.

use std::collections::BTreeMap;
use std::time::Duration;

use fuota_engine::campaign::spec::Redundancy;
use fuota_engine::config::Config;
use fuota_engine::percent::Percent;
use fuota_proto::PackageVersion;

use super::*;
use crate::node::Block;
use crate::scenario::{DeviceGroup, Link, Reboots};
use crate::server::{Carries, RX1_DELAY, RX2_DELAY};

fn scenario() -> Scenario {
    let mut config = Config::default();
    config.fsize = Some(40);
    Scenario {
        image: (0..=u8::MAX).cycle().take(1_000).collect(),
        fleet: fleet(30, 0.1, 60),
        redundancy: Redundancy::Fec(Percent::whole(60)),
        config,
        seed: 3,
        ..Scenario::default()
    }
}

/// Devices that lose one frame in ten and so many uplinks, and speak at this period.
fn fleet(devices: u32, uplink_loss: f64, period: u64) -> Vec<DeviceGroup> {
    let uplink = Link::Independent { loss: uplink_loss };
    let uplink_period = Duration::from_secs(period);
    vec![DeviceGroup { devices, uplink, uplink_period, ..DeviceGroup::default() }]
}

/// Start, end and target (`None`: the group) of every downlink of a run, and the uplink that each unicast one
/// follows.
type Log = Vec<(GpsInstant, GpsInstant, Option<(u32, GpsInstant)>)>;

fn log(world: &mut World) -> Log {
    let mut log = Log::new();
    world.drain(&mut ()).unwrap();
    while world.outcome.is_none() {
        let heard = world.windows.clone();
        world.step(&mut ()).unwrap();
        let last = log.last().map_or(GpsInstant::EPOCH, |last| last.0);
        if let Some(on_air) = world.on_air.back().filter(|on_air| on_air.started > last) {
            let follows = match on_air.carries {
                Carries::Unicast { device, .. } => Some((device, heard[device as usize].unwrap().0)),
                Carries::Multicast { .. } => None,
            };
            log.push((on_air.started, on_air.ends, follows));
        }
    }
    log
}

#[test]
fn unicast_goes_out_in_a_receive_window_and_at_most_once_for_each_uplink() {
    let log = log(&mut World::new(&scenario()).unwrap());
    let mut answered = BTreeMap::new();
    let (mut first, mut second) = (0, 0);
    for (started, _, follows) in log {
        let Some((device, heard)) = follows else { continue };
        match started.since(heard) {
            RX1_DELAY => first += 1,
            RX2_DELAY => second += 1,
            other => panic!("{other:?} after the uplink"),
        }
        assert_ne!(answered.insert(device, heard), Some(heard), "two downlinks for one uplink of {device}");
    }
    assert!(first > 50 && second > 10 && first + second >= 90, "{first} in RX1, {second} in RX2");
}

#[test]
fn the_gateway_keeps_its_budgets() {
    let log = log(&mut World::new(&scenario()).unwrap());
    assert!(log.windows(2).all(|pair| pair[0].1 <= pair[1].0), "one frame at a time");
    let band = |rx1: bool| {
        log.iter().filter(move |(started, _, follows)| {
            follows.is_some_and(|(_, heard)| started.since(heard) == RX1_DELAY) == rx1
        })
    };
    for (rx1, divisor) in [(true, 100), (false, 10)] {
        let frames: Vec<_> = band(rx1).collect();
        assert!(frames.len() > 10);
        for pair in frames.windows(2) {
            let airtime = pair[0].1.since(pair[0].0);
            assert!(pair[1].0 >= pair[0].0 + airtime * divisor, "{pair:?}");
        }
    }
}

#[test]
fn devices_speak_at_their_period_give_or_take_5_percent() {
    let mut world = World::new(&Scenario { fleet: fleet(1, 0.0, 60), ..scenario() }).unwrap();
    let mut spoke = Vec::new();
    world.drain(&mut ()).unwrap();
    while world.outcome.is_none() {
        let before = world.nodes[0].uplink.is_some();
        world.step(&mut ()).unwrap();
        if let (false, Some((10, _))) = (before, &world.nodes[0].uplink) {
            spoke.push(world.now);
        }
    }
    assert!(spoke.len() > 20 && spoke[0].since(START) < Duration::from_secs(60));
    for pair in spoke.windows(2) {
        // An exchange under way holds the next uplink up by a few seconds.
        let interval = pair[1].since(pair[0]);
        assert!((Duration::from_secs(52)..Duration::from_secs(68)).contains(&interval), "{interval:?}");
    }
}

#[test]
fn a_device_that_holds_something_else_than_the_image_is_an_error() {
    let mut world = World::new(&scenario()).unwrap();
    world.scenario.image[999] ^= 1;
    let result = world.run(&mut (), &AtomicBool::new(false));
    assert!(matches!(result, Err(SimError::ImageMismatch { .. })));
}

#[test]
fn a_device_that_counts_as_complete_and_is_not_is_an_error() {
    let mut world = World::new(&scenario()).unwrap();
    assert!(world.run(&mut (), &AtomicBool::new(false)).is_ok());
    world.nodes[4].block = Block::Partial;
    assert_eq!(world.record().err(), Some(SimError::NotComplete { device: Fleet::dev_eui(4) }));
}

#[test]
fn beyond_the_first_thousand_devices_are_held_by_rank() {
    let scenario = Scenario { fleet: fleet(KEEP_BYTES + 5, 0.1, 600), ..scenario() };
    let mut world = World::new(&scenario).unwrap();
    let record = world.run(&mut (), &AtomicBool::new(false)).unwrap();
    let by_rank = record.devices.iter().filter(|device| device.holds_block && !device.bytes_checked).count();
    assert_eq!(by_rank, 5);
    assert_eq!(record.bytes_checked + 5, record.outcome.complete);
    assert!(record.outcome.complete > 950);
}

/// Fragments may wait until something else happens to a device; given one by one, as they come, they lead to the same
/// record, whatever else befalls the devices.
#[test]
fn fragments_that_wait_change_nothing() {
    let one_by_one = |scenario: &Scenario| {
        let mut world = World::new(scenario).unwrap();
        world.drain(&mut ()).unwrap();
        while world.outcome.is_none() {
            // Every frame is one that no device can wait for.
            world.due.fill(0);
            world.step(&mut ()).unwrap();
            world.catch_up_all();
        }
        world.settle();
        world.record().unwrap()
    };
    let adaptive = Scenario { redundancy: Redundancy::Adaptive, ..scenario() };
    let rounds = Scenario { redundancy: Redundancy::Rounds, ..scenario() };
    let mut reporting = Scenario { package_version: PackageVersion::V2, ..scenario() };
    reporting.ack_reception = true;
    let mut rebooting = scenario();
    for keeps_fragments in [true, false] {
        let fragments = (Percent::whole(20), Percent::whole(80));
        let reboots = Reboots { share: 1.0, fragments, takes: Duration::from_secs(30), keeps_fragments };
        rebooting.fleet.push(DeviceGroup { devices: 5, reboots: Some(reboots), ..DeviceGroup::default() });
    }
    for scenario in [scenario(), adaptive, rounds, reporting, rebooting] {
        let record = World::new(&scenario).unwrap().run(&mut (), &AtomicBool::new(false)).unwrap();
        assert_eq!(format!("{record:?}"), format!("{:?}", one_by_one(&scenario)));
        assert!(record.devices.iter().any(|device| device.holds_block));
    }
}
