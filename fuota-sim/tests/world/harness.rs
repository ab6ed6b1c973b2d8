//! Scenarios to start from, and someone who watches.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use fuota_engine::airtime::Framing;
use fuota_engine::campaign::event::{Event, StageKind};
use fuota_engine::campaign::io::SessionClass;
use fuota_engine::campaign::spec::{Kind, PackageVersion, Redundancy};
use fuota_engine::config::Config;
use fuota_engine::percent::Percent;
use fuota_engine::region::Region;
use fuota_engine::time::GpsInstant;
use fuota_proto::DataRate;
use fuota_sim::record::RunRecord;
use fuota_sim::scenario::{Faults, Scenario};
use fuota_sim::world::{Observer, SimError, World};

/// An image that is its own: every octet depends on its place.
pub(crate) fn image(len: usize) -> Vec<u8> {
    (0..len).map(|i| u8::try_from((i * i / 7 + i) % 251).unwrap()).collect()
}

/// Twenty devices, 2,000 octets, no loss, no parity.
pub(crate) fn quiet() -> Scenario {
    Scenario {
        kind: Kind::Binary,
        class: SessionClass::C,
        package_version: PackageVersion::V1,
        session_start: None,
        image: image(2_000),
        devices: 20,
        loss: 0.0,
        uplink_loss: 0.0,
        redundancy: Redundancy::Fec(Percent::whole(0)),
        region: Region::Eu868,
        multicast_duty: Region::Eu868.rx2_duty(),
        framing: Framing::default(),
        data_rate: DataRate::new(5).unwrap(),
        uplink_data_rate: DataRate::new(5).unwrap(),
        uplink_period: Duration::from_secs(600),
        max_duration: Duration::from_secs(24 * 3600),
        config: Config::default(),
        faults: Faults::default(),
        seed: 1,
    }
}

/// The same with the usual losses and the usual parity, in more and smaller fragments.
pub(crate) fn lossy() -> Scenario {
    let mut config = Config::default();
    config.fsize = Some(40);
    Scenario {
        loss: 0.1,
        uplink_loss: 0.05,
        redundancy: Redundancy::Fec(Percent::whole(40)),
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
