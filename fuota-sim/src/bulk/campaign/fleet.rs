//! What has reached the devices: a bit for each fragment, and the rank that follows.

use fuota_engine::campaign::plan::{Block, GroupPlan, Plan};
use fuota_engine::rule::parity_rule;
use fuota_engine::time::GpsInstant;
use fuota_fec::batch::{ParityColumns, RankScratch};

use crate::node::Air;
use crate::scenario::Scenario;
use crate::world::Gateways;

/// The fleet as far as downlinks go.
pub(super) struct Bits {
    devices: Vec<Device>,
    gateways: Gateways,
    columns: ParityColumns,
    scratch: RankScratch,
    nb_frag: u16,
    /// Number of the last fragment that was on air.
    sent: u16,
    /// Fragments that were on air in rounds that are over.
    before: u32,
}

struct Device {
    air: Air,
    /// A bit for each fragment that did not reach it.
    lost: Vec<u64>,
    /// Whether the last frame on air did.
    heard_last: bool,
    /// What it missed after so many fragments.
    counted: Option<(u16, u16)>,
}

impl Bits {
    /// The fleet before the first fragment, of which so many may follow in all.
    pub(super) fn new(scenario: &Scenario, block: Block, most: u16) -> Self {
        let of_group = scenario.fleet.iter().flat_map(|group| (0..group.devices).map(move |_| group));
        let device = |(device, group)| Device {
            air: Air::new(scenario, group, device),
            lost: Vec::new(),
            heard_last: false,
            counted: None,
        };
        let nb_frag = block.geometry.nb_frag();
        let rule = parity_rule(scenario.package_version);
        Self {
            devices: (0..).zip(of_group).map(device).collect(),
            gateways: Gateways::new(scenario, block.frames().into()),
            columns: ParityColumns::new(block.geometry, rule, most.saturating_sub(nb_frag)),
            scratch: RankScratch::default(),
            nb_frag,
            sent: 0,
            before: 0,
        }
    }

    /// Number of the last fragment that was on air.
    pub(super) const fn sent(&self) -> u16 {
        self.sent
    }

    /// The next fragment is on air.
    pub(super) fn fragment(&mut self, now: GpsInstant) {
        let (word, place) = (usize::from(self.sent / 64), self.sent % 64);
        self.sent += 1;
        self.on_air(now);
        for device in &mut self.devices {
            device.lost.resize(word + 1, 0);
            if let Some(word) = device.lost.last_mut() {
                *word |= u64::from(!device.heard_last) << place;
            }
        }
    }

    /// Another frame for everybody is on air.
    pub(super) fn on_air(&mut self, now: GpsInstant) {
        let alive = self.alive(now);
        for device in &mut self.devices {
            device.heard_last = !device.air.loses_multicast(alive);
        }
    }

    /// Whether the last frame on air reached a device.
    pub(super) fn heard_last(&self, device: u32) -> bool {
        self.devices.get(device as usize).is_some_and(|device| device.heard_last)
    }

    /// The gateways that work now, one bit each.
    pub(super) fn alive(&mut self, now: GpsInstant) -> u64 {
        self.gateways.alive(now, self.before + u32::from(self.sent))
    }

    /// A device's links.
    pub(super) fn air(&mut self, device: u32) -> Option<&mut Air> {
        self.devices.get_mut(device as usize).map(|device| &mut device.air)
    }

    /// How many fragments a device is missing.
    pub(super) fn missing(&mut self, device: u32) -> u16 {
        let Some(device) = self.devices.get_mut(device as usize) else { return 0 };
        match device.counted {
            // What is complete stays so.
            Some((_, 0)) => 0,
            Some((sent, missing)) if sent == self.sent => missing,
            _ => {
                let missing = self.columns.missing(&device.lost, self.sent, &mut self.scratch);
                device.counted = Some((self.sent, missing));
                missing
            }
        }
    }

    /// With which fragment each device was complete.
    pub(super) fn complete_at(&mut self) -> Vec<Option<u16>> {
        let (columns, scratch, sent) = (&self.columns, &mut self.scratch, self.sent);
        let at = |device: &Device| columns.complete_at(&device.lost, scratch).filter(|at| *at <= sent);
        self.devices.iter().map(at).collect()
    }

    /// Ends a round: whether every device has every uncoded fragment, from this round or from one before.
    pub(super) fn gather(&mut self, have: &mut [Vec<u64>]) -> bool {
        let words = usize::from(self.nb_frag).div_ceil(64);
        let last = u64::MAX >> (63 - (u32::from(self.nb_frag) - 1) % 64);
        let mut everybody = true;
        for (device, have) in self.devices.iter_mut().zip(have) {
            have.resize(words, 0);
            for (have, lost) in have.iter_mut().zip(&device.lost) {
                *have |= !lost;
            }
            let (full, rest) = have.split_at(words - 1);
            everybody &=
                full.iter().all(|word| *word == u64::MAX) && rest.iter().all(|word| word & last == last);
            device.lost.clear();
        }
        self.before += u32::from(self.sent);
        self.sent = 0;
        everybody
    }
}

/// The data block as the scenario's only group carries it.
pub(super) fn block(plan: &Plan) -> Option<Block> {
    plan.groups().first().and_then(GroupPlan::block).copied()
}
