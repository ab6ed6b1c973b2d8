//! Scenarios to start from, and someone who watches.

use std::sync::atomic::AtomicBool;

use fuota_engine::campaign::event::{Event, StageKind};
use fuota_engine::campaign::spec::Redundancy;
use fuota_engine::config::Config;
use fuota_engine::percent::Percent;
use fuota_engine::time::GpsInstant;
use fuota_sim::record::RunRecord;
use fuota_sim::scenario::{DeviceGroup, Link, Scenario};
use fuota_sim::world::{Observer, SimError, World};

/// An image that is its own: every octet depends on its place.
pub(crate) fn image(len: usize) -> Vec<u8> {
    (0..len).map(|i| u8::try_from((i * i / 7 + i) % 251).unwrap()).collect()
}

/// Twenty devices, 2,000 octets, no loss, no parity.
pub(crate) fn quiet() -> Scenario {
    Scenario {
        image: image(2_000),
        fleet: fleet(20, 0.0, 0.0),
        redundancy: Redundancy::Fec(Percent::whole(0)),
        ..Scenario::default()
    }
}

/// Devices of one kind, which lose so many downlinks and uplinks.
pub(crate) fn fleet(devices: u32, loss: f64, uplink_loss: f64) -> Vec<DeviceGroup> {
    vec![DeviceGroup {
        devices,
        downlink: Link::Independent { loss },
        uplink: Link::Independent { loss: uplink_loss },
        ..DeviceGroup::default()
    }]
}

/// The same with the usual losses and the usual parity, in more and smaller fragments.
pub(crate) fn lossy() -> Scenario {
    let mut config = Config::default();
    config.fsize = Some(40);
    Scenario {
        fleet: fleet(20, 0.1, 0.05),
        redundancy: Redundancy::Fec(Percent::whole(40)),
        seed: 3,
        config,
        ..quiet()
    }
}

pub(crate) fn run(scenario: &Scenario) -> Result<RunRecord, SimError> {
    World::new(scenario)?.run(&mut (), &AtomicBool::new(false))
}

/// Keeps what it is told.
#[derive(Default)]
pub(crate) struct Watcher {
    pub(crate) events: Vec<(GpsInstant, Event)>,
    pub(crate) progress: Vec<(StageKind, u32, u32)>,
}

impl Observer for Watcher {
    fn event(&mut self, event: &Event, at: GpsInstant) {
        self.events.push((at, event.clone()));
    }

    fn progress(&mut self, stage: StageKind, done: u32, total: u32, _: GpsInstant) {
        self.progress.push((stage, done, total));
    }
}
