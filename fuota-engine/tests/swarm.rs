//! Campaigns of every kind, on a bad network, on a server that crashes at random: they come back as they were.

// What can't be here is a defect of the test.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::time::Duration;

use common::kinds::every_kind;
use common::{BUSY, Heard, PERIOD, Stage, answer_missing, group};
use fuota_engine::campaign::event::CampaignStatus;
use fuota_engine::campaign::io::{Order, Report, SessionClass};
use fuota_engine::campaign::spec::{CampaignSpec, DeviceSpec, Redundancy};
use fuota_engine::config::{CleanUp, StageEnd, StatusRounds};
use fuota_engine::ids::DevEui;
use fuota_engine::percent::Percent;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A number below `n`.
fn below(random: &mut ChaCha8Rng, n: u32) -> u32 {
    random.next_u32() % n
}

/// Whether something happens that does in so many of a hundred cases.
fn happens(random: &mut ChaCha8Rng, percent: u32) -> bool {
    below(random, 100) < percent
}

/// A campaign of some kind, with some policy.
fn any_spec(random: &mut ChaCha8Rng) -> CampaignSpec {
    let kinds = every_kind();
    let (_, mut spec) = kinds.into_iter().nth(below(random, 9) as usize).unwrap();
    let mixed = spec.groups.len() > 1;
    for n in spec.devices.len() as u64..2 + u64::from(below(random, 6)) {
        let mut device = DeviceSpec::new(DevEui(n + 1), PERIOD);
        (device.multicast, device.fragmentation) = (spec.devices[0].multicast, spec.devices[0].fragmentation);
        spec.devices.push(device);
    }
    for group in &mut spec.groups {
        if happens(random, 40) {
            group.redundancy = Redundancy::Rounds;
        } else if happens(random, 50) {
            group.redundancy = Redundancy::Fec(Percent::whole(30));
        }
    }
    if !mixed && happens(random, 20) {
        spec.groups[0].parameters.class = SessionClass::C;
        spec.groups[0].parameters.data_rate = group().parameters.data_rate;
    }
    let config = &mut spec.config;
    config.success_threshold = Percent::whole([50, 75, 95, 100][below(random, 4) as usize]);
    config.adaptive_overlap = happens(random, 50);
    config.multicast_gateways = [1, 2, 8][below(random, 3) as usize];
    config.msg_retries = [1, 3, 5][below(random, 3) as usize];
    config.datafrag_loops_max = 1 + u16::try_from(below(random, 4)).unwrap();
    config.summary_reports_disabled = happens(random, 20);
    config.documented_timers = happens(random, 30);
    config.probe_at_start |= happens(random, 20);
    if happens(random, 50) {
        config.clean_up = CleanUp::Full;
    }
    if happens(random, 30) {
        config.stage_end = StageEnd::Threshold;
    }
    if happens(random, 30) {
        config.status_rounds = StatusRounds::Unicast;
    }
    spec
}

/// One campaign from beginning to end; returns how often the server crashed, and how it ended.
fn run(seed: u64) -> (usize, CampaignStatus) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let spec = any_spec(&mut random);
    let devices = spec.devices.len();
    let mut stage = Stage::new(spec).torn(happens(&mut random, 50));
    for n in 1..=devices {
        let mut random = ChaCha8Rng::seed_from_u64(random.next_u64());
        let (lost, stubborn) = (below(&mut random, 40), happens(&mut random, 10));
        stage = stage.device(n, move |heard, times, now| {
            if happens(&mut random, lost) {
                return None;
            }
            let missing = match heard {
                Heard::Status { .. } if stubborn || times < 2 => below(&mut random, 4),
                _ => 0,
            };
            answer_missing(heard, now, u8::try_from(missing).unwrap())
        });
        if happens(&mut random_of(seed, n), 5) {
            stage = stage.silence(n);
        }
        stage = stage.refuse_unicast(n, below(&mut random_of(seed, n + 100), 3));
    }
    let mut fate = ChaCha8Rng::seed_from_u64(random.next_u64());
    let trouble = below(&mut random, 20);
    stage = stage.multicast_fate(move |_, _| {
        if !happens(&mut fate, trouble) {
            return None;
        }
        Some(if happens(&mut fate, 50) { BUSY } else { Report::Dropped })
    });
    if happens(&mut random, 80) {
        stage = stage.snapshot_every(1 + below(&mut random, 40) as usize);
    }
    if happens(&mut random, 15) {
        let after = Duration::from_secs(u64::from(below(&mut random, 1_500)));
        stage = stage.order(after, Order::Stop);
    }
    if happens(&mut random, 50) {
        for _ in 0..1 + below(&mut random, 4) {
            let after = Duration::from_secs(u64::from(below(&mut random, 3_000)));
            let (order, again) = match below(&mut random, 4) {
                0 | 1 => (Order::Pause, Some(Order::Resume)),
                2 => (Order::Exclude { device: DevEui(1 + u64::from(below(&mut random, 5))) }, None),
                _ => (Order::Require { share: Percent::whole(below(&mut random, 101)) }, None),
            };
            stage = stage.order(after, order);
            if let Some(again) = again {
                let pause = Duration::from_secs(u64::from(1 + below(&mut random, 4_000)));
                stage = stage.order(after + pause, again);
            }
        }
    }
    let last = [20, 100, 300, 600][below(&mut random, 4) as usize];
    for _ in 0..1 + below(&mut random, 5) {
        stage = stage.crash_after(1 + below(&mut random, last) as usize);
    }
    let outcome = stage.run();
    (stage.crashes(), outcome.status)
}

fn random_of(seed: u64, n: usize) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed ^ ((n as u64) << 32))
}

/// So many crashes from these seeds on, each with a restart that led where the records and the snapshot said.
fn swarm(first: u64, restarts: usize) {
    let (mut seed, mut seen) = (first, 0);
    let mut ends = BTreeMap::new();
    while seen < restarts {
        let ran = std::panic::catch_unwind(|| run(seed));
        let (crashes, status) = ran.unwrap_or_else(|_| panic!("it was seed {seed}"));
        seen += crashes;
        *ends.entry(status.name()).or_insert(0) += 1;
        seed += 1;
    }
    println!("{seen} restarts in {} campaigns, no divergence; they ended {ends:?}", seed - first);
    // It is not always the same that happens.
    for status in [CampaignStatus::Succeeded, CampaignStatus::Failed, CampaignStatus::Stopped] {
        let ended = ends.get(status.name()).copied().unwrap_or(0);
        assert!(ended * 100 >= seed - first, "only {ended} campaigns {}", status.name());
    }
}

#[test]
fn a_thousand_restarts() {
    swarm(0, 1_000);
}

#[test]
#[ignore = "`.ci/run full` runs it"]
fn a_hundred_thousand_restarts() {
    swarm(1_000_000, 100_000);
}
