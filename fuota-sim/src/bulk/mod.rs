//! A transfer to a fleet of any size, after set-up: which devices can decode, and when.
//!
//! Where only losses and ranks matter, a device need not be a session with a radio. What reaches it is a set of bits,
//! drawn from the same numbers as in the [`World`](crate::world::World); whether it is complete, and with which
//! fragment, is a question of rank. Four octets are kept of each device.

pub mod campaign;
mod frames;
mod report;

use std::num::NonZero;

use fuota_engine::campaign::plan::Block;
use fuota_engine::campaign::spec::Redundancy;
use fuota_fec::batch::RankScratch;
use rayon::iter::{IndexedParallelIterator as _, IntoParallelIterator as _, ParallelIterator as _};

use self::frames::OnAir;
pub use self::report::{BulkReport, summary};
use crate::code::{Losses, Prepared};
use crate::node::Reached;
use crate::rng::{Draws, Stream};
use crate::scenario::{DeviceGroup, Faults, Scenario};
use crate::world::{Gateways, START, SimError, block};

/// Devices that one task takes at a time.
const CHUNK: usize = 4096;

/// What became of a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BulkRecord {
    /// Every device, in order.
    pub devices: Vec<Held>,
    /// How the image was cut and sent.
    pub block: Option<Block>,
    /// Devices that have to be complete.
    pub required: u32,
}

/// What a device holds in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The fragment with which it was complete; `None`: it is not.
    pub complete_at: Option<NonZero<u16>>,
    /// Fragments that reached it of all that were sent.
    pub received: u16,
}

impl BulkRecord {
    /// Complete devices of each group of the fleet.
    #[must_use]
    pub fn complete_by_group(&self, scenario: &Scenario) -> Vec<u32> {
        let mut devices = self.devices.iter();
        let complete = |group: &DeviceGroup| {
            let of_group = devices.by_ref().take(group.devices as usize);
            u32::try_from(of_group.filter(|held| held.complete_at.is_some()).count()).unwrap_or(u32::MAX)
        };
        scenario.fleet.iter().map(complete).collect()
    }

    /// Devices that are complete.
    #[must_use]
    pub fn complete(&self) -> u32 {
        u32::try_from(self.devices.iter().filter(|held| held.complete_at.is_some()).count())
            .unwrap_or(u32::MAX)
    }

    /// Devices that became complete with each fragment, from the M-th on.
    #[must_use]
    pub fn completed_with(&self) -> Vec<u32> {
        let mut counts = vec![0; usize::from(self.parity()) + 1];
        for at in self.devices.iter().filter_map(|held| held.complete_at) {
            if let Some(count) = counts.get_mut(usize::from(at.get().saturating_sub(self.nb_frag()))) {
                *count += 1;
            }
        }
        counts
    }

    /// Fragments sent.
    #[must_use]
    pub fn frames(&self) -> u32 {
        self.block.map_or(0, |block| block.frames().into())
    }

    /// Uncoded fragments, M.
    #[must_use]
    pub fn nb_frag(&self) -> u16 {
        self.block.map_or(0, |block| block.geometry.nb_frag())
    }

    /// Parity fragments, R.
    #[must_use]
    pub fn parity(&self) -> u16 {
        self.block.map_or(0, |block| block.parity)
    }

    /// Whether enough devices are complete.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.complete() >= self.required
    }
}

/// Lets a transfer happen on `threads` threads, or as many as there are cores. Their number changes nothing but the
/// time it takes.
///
/// # Errors
/// Those of [`transfer_here`], and [`SimError::Threads`] if threads can't be had.
pub fn transfer(scenario: &Scenario, threads: Option<NonZero<usize>>) -> Result<BulkRecord, SimError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.map_or(0, NonZero::get)).build();
    pool.map_err(|_| SimError::Threads)?.install(|| transfer_here(scenario))
}

/// Lets a transfer happen on the threads of the pool that it is called in.
///
/// # Errors
/// [`SimError::Plan`] for a campaign that cannot be carried out, [`SimError::NotInTransfer`] for one that needs more
/// than losses and ranks.
pub fn transfer_here(scenario: &Scenario) -> Result<BulkRecord, SimError> {
    check(scenario)?;
    Ok(run(scenario, block(scenario)?))
}

/// Whether a scenario is about losses and nothing else.
fn check(scenario: &Scenario) -> Result<(), SimError> {
    let any = |of: &dyn Fn(&DeviceGroup) -> bool| scenario.fleet.iter().any(of);
    let kinds = [
        (any(&|group| group.joins.is_some()), "late devices"),
        (any(&|group| group.absent.is_some()), "absent devices"),
        (any(&|group| group.reboots.is_some()), "rebooting devices"),
        (any(&|group| !group.refuses.is_empty()), "refusing devices"),
        (any(&|group| group.decoder_lost.is_some()), "decoder limits"),
        (scenario.faults != Faults::default(), "faulty devices"),
        (scenario.parity_rules().len() > 1, "packages of both versions"),
        (scenario.redundancy == Redundancy::Rounds, "rounds"),
        (scenario.redundancy == Redundancy::Adaptive, "adaptive policy"),
        (scenario.external.is_some(), "external devices"),
    ];
    match kinds.into_iter().find(|(has, _)| *has) {
        Some((_, what)) => Err(SimError::NotInTransfer { what }),
        None => Ok(()),
    }
}

fn run(scenario: &Scenario, block: Option<Block>) -> BulkRecord {
    let required = scenario.config.success_threshold.of_ceil(scenario.devices());
    let required = u32::try_from(required).unwrap_or(u32::MAX);
    let Some(block) = block else {
        return BulkRecord { devices: Vec::new(), block, required };
    };
    let (nb_frag, parity) = (block.geometry.nb_frag(), block.parity);
    let fragments = u32::from(nb_frag) + u32::from(parity);
    let mut gateways = Gateways::new(scenario, fragments);
    let mut on_air = OnAir::new(scenario.gateways.len());
    for number in 1..=fragments {
        on_air.push(gateways.alive(START + block.gap * (number - 1), number));
    }
    let fleet = Fleet { code: scenario.code().prepare(block.geometry, parity), on_air, seed: scenario.seed };
    let of_group = |device: u32| scenario.group(device).or(scenario.fleet.last());
    let devices = (0..scenario.devices() as usize).into_par_iter().with_min_len(CHUNK).map_init(
        Scratch::default,
        |scratch, device| {
            let device = u32::try_from(device).unwrap_or(u32::MAX);
            of_group(device).map_or(Held { complete_at: None, received: 0 }, |group| {
                fleet.hold(device, Reached::new(scenario, group, device), scratch)
            })
        },
    );
    BulkRecord { devices: devices.collect(), block: Some(block), required }
}

/// What all devices share.
struct Fleet {
    code: Prepared,
    on_air: OnAir,
    seed: u64,
}

/// Memory that a task works in.
#[derive(Default)]
struct Scratch {
    lost: Vec<u64>,
    rank: RankScratch,
}

impl Fleet {
    /// Draws what a device loses, and tells what it holds.
    fn hold(&self, device: u32, links: Reached, scratch: &mut Scratch) -> Held {
        let fragments = self.on_air.count();
        self.on_air.lost_on(links, &mut scratch.lost);
        // What was never on air is not lost either.
        if let (Some(last), Some(beyond)) = (scratch.lost.last_mut(), fragments.checked_sub(1)) {
            *last &= u64::MAX >> (63 - beyond % 64);
        }
        let lost_in_all: u32 = scratch.lost.iter().map(|lost| lost.count_ones()).sum();
        let count = u16::try_from(fragments).unwrap_or(u16::MAX);
        let losses = Losses { words: &scratch.lost, count };
        // Few codes draw anything.
        let mut draws = None;
        let draw = || draws.get_or_insert_with(|| Draws::new(self.seed, device, Stream::Code)).fraction();
        let complete_at = self.code.complete_at(losses, &mut scratch.rank, draw);
        Held {
            complete_at: complete_at.and_then(NonZero::new),
            received: u16::try_from(fragments - lost_in_all).unwrap_or(u16::MAX),
        }
    }
}

#[cfg(test)]
mod tests;
