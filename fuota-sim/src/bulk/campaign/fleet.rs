//! What has reached the devices: a bit for each frame, drawn when it is asked for, and the rank that follows.
//!
//! Which fragments a device loses depends on their number alone, not on the requests between them: two campaigns with the
//! same seed are compared on the same losses, however often they ask.

use fuota_engine::campaign::plan::{Block, GroupPlan, Plan};
use fuota_engine::rule::parity_rule;
use fuota_engine::time::GpsInstant;
use fuota_fec::batch::{ParityColumns, RankScratch};

use crate::node::{Air, Reached, bit};
use crate::scenario::{DeviceGroup, Scenario};
use crate::world::Gateways;

/// The fleet as far as downlinks go.
pub(super) struct Bits<'a> {
    scenario: &'a Scenario,
    devices: Vec<Device>,
    gateways: Gateways,
    fragments: OnAir,
    /// Requests, and a place for every fragment before them.
    requests: OnAir,
    /// Fragments that have their place among the requests.
    passed: u32,
    columns: ParityColumns,
    nb_frag: u16,
    scratch: RankScratch,
    /// What the device that is looked at lost.
    lost: Vec<u64>,
}

/// A device, of which nothing is there before it is needed.
#[derive(Default)]
struct Device {
    air: Option<Box<Air>>,
    fragments: Option<Box<Way>>,
    requests: Option<Box<Way>>,
    /// Numbers of the fragments that it was sent alone and heard.
    alone: Vec<u16>,
    /// What it missed after so many fragments.
    counted: Option<(u32, u16)>,
}

/// Frames that were on air for everybody.
struct OnAir {
    count: u32,
    /// For each gateway a bit for each frame that it sent.
    sent_by: Vec<Vec<u64>>,
}

/// A device's way of the frames.
struct Way {
    reached: Reached,
    /// What the link from each gateway in reach loses of 64 frames, and of the next 64, …
    links: Vec<(usize, u64)>,
    blocks: usize,
}

impl OnAir {
    fn new(gateways: usize) -> Self {
        Self { count: 0, sent_by: vec![Vec::new(); gateways] }
    }

    /// One more, sent by the gateways of `alive`.
    fn push(&mut self, alive: u64) {
        let (block, place) = (self.count as usize / 64, self.count % 64);
        self.count += 1;
        for (gateway, words) in self.sent_by.iter_mut().enumerate() {
            words.resize(block + 1, 0);
            if let Some(word) = words.get_mut(block) {
                *word |= u64::from(alive & bit(gateway) != 0) << place;
            }
        }
    }

    const fn blocks(&self) -> usize {
        (self.count as usize).div_ceil(64)
    }

    fn sent_by(&self, gateway: usize, block: usize) -> u64 {
        self.sent_by.get(gateway).and_then(|words| words.get(block)).copied().unwrap_or_default()
    }
}

impl Way {
    const fn new(reached: Reached) -> Self {
        Self { reached, links: Vec::new(), blocks: 0 }
    }

    /// What was lost of the 64 frames of a block; those that were not on air yet count as lost.
    fn lost(&mut self, on_air: &OnAir, block: usize) -> u64 {
        let Self { reached, links, blocks } = self;
        while *blocks <= block {
            reached.next_64(|gateway, lost| links.push((gateway, lost)));
            *blocks += 1;
        }
        let of_block = links.chunks(links.len() / *blocks).nth(block).unwrap_or_default();
        // Lost is what no gateway brings.
        of_block
            .iter()
            .fold(u64::MAX, |lost, &(gateway, link)| lost & (link | !on_air.sent_by(gateway, block)))
    }
}

impl<'a> Bits<'a> {
    /// The fleet before the first fragment, of which so many may follow in all.
    pub(super) fn new(scenario: &'a Scenario, block: Block, most: u16) -> Self {
        let nb_frag = block.geometry.nb_frag();
        let rule = parity_rule(scenario.package_version);
        let gateways = scenario.gateways.len();
        Self {
            scenario,
            devices: (0..scenario.devices()).map(|_| Device::default()).collect(),
            gateways: Gateways::new(scenario, block.frames().into()),
            fragments: OnAir::new(gateways),
            requests: OnAir::new(gateways),
            passed: 0,
            columns: ParityColumns::new(block.geometry, rule, most.saturating_sub(nb_frag)),
            nb_frag,
            scratch: RankScratch::default(),
            lost: Vec::new(),
        }
    }

    /// Fragments that were on air.
    pub(super) const fn sent(&self) -> u32 {
        self.fragments.count
    }

    /// The next fragment is on air.
    pub(super) fn fragment(&mut self, now: GpsInstant) {
        // A gateway that is off during a part of the fragments knows their number.
        let alive = self.gateways.alive(now, self.fragments.count + 1);
        self.fragments.push(alive);
    }

    /// The next fragments, up to this number, are not on air for everybody.
    pub(super) fn skip_to(&mut self, number: u16) {
        while self.fragments.count < number.into() {
            self.fragments.push(0);
        }
    }

    /// A fragment is on air for a device alone.
    pub(super) fn fragment_alone(&mut self, device: u32, number: u16, now: GpsInstant) {
        self.skip_to(number);
        if self.hears_alone(device, now)
            && let Some(device) = self.devices.get_mut(device as usize)
        {
            device.alone.push(number);
            device.counted = device.counted.filter(|(_, missing)| *missing == 0);
        }
    }

    /// A request to everybody is on air. Fragments before it have let their time pass on this way too: a burst does not
    /// wait for the next request.
    pub(super) fn request(&mut self, now: GpsInstant) {
        let alive = self.alive(now);
        for _ in self.passed..self.fragments.count {
            self.requests.push(0);
        }
        self.passed = self.fragments.count;
        self.requests.push(alive);
    }

    /// Whether the last request to everybody reached a device.
    pub(super) fn heard_request(&mut self, device: u32) -> bool {
        let Some(last) = self.requests.count.checked_sub(1) else { return false };
        let Some((way, on_air)) = self.way(device, Frames::Requests) else { return false };
        way.lost(on_air, last as usize / 64) >> (last % 64) & 1 == 0
    }

    /// Whether a request to a device alone reaches it, from the first gateway in its reach that works.
    pub(super) fn hears_alone(&mut self, device: u32, now: GpsInstant) -> bool {
        let alive = self.alive(now);
        let Some(air) = self.air(device) else { return false };
        let gateways = air.gateways() & alive;
        gateways != 0 && !air.loses_unicast(gateways.trailing_zeros() as usize)
    }

    /// The gateways that work now, one bit each.
    pub(super) fn alive(&mut self, now: GpsInstant) -> u64 {
        self.gateways.alive(now, self.fragments.count)
    }

    /// A device's own links.
    pub(super) fn air(&mut self, device: u32) -> Option<&mut Air> {
        let (scenario, group) = (self.scenario, group(self.scenario, device)?);
        let state = self.devices.get_mut(device as usize)?;
        Some(state.air.get_or_insert_with(|| Box::new(Air::new(scenario, group, device))))
    }

    /// How many fragments a device is missing.
    pub(super) fn missing(&mut self, device: u32) -> u16 {
        let sent = self.fragments.count;
        match self.devices.get(device as usize).and_then(|device| device.counted) {
            // What is complete stays so.
            Some((_, 0)) => 0,
            Some((at, missing)) if at == sent => missing,
            _ => {
                self.draw(device);
                let sent_of_code = u16::try_from(sent).unwrap_or(u16::MAX);
                let missing = self.columns.missing(&self.lost, sent_of_code, &mut self.scratch);
                if let Some(device) = self.devices.get_mut(device as usize) {
                    device.counted = Some((sent, missing));
                    if missing == 0 {
                        (device.fragments, device.requests) = (None, None);
                    }
                }
                missing
            }
        }
    }

    /// With which fragment a device was complete.
    pub(super) fn complete_at(&mut self, device: u32) -> Option<u16> {
        self.draw(device);
        self.forget(device);
        self.columns.complete_at(&self.lost, &mut self.scratch)
    }

    /// In which round, counted from 1, a device has every uncoded fragment, if only those are sent, over and over.
    pub(super) fn complete_in_round(&mut self, device: u32) -> Option<u32> {
        self.draw(device);
        self.forget(device);
        let (nb_frag, count) = (u32::from(self.nb_frag), self.fragments.count);
        let mut has = vec![false; nb_frag as usize];
        let mut missing = nb_frag;
        let lost = |n: u32| self.lost.get(n as usize / 64).is_none_or(|word| word >> (n % 64) & 1 == 1);
        for n in (0..count).filter(|n| !lost(*n)) {
            if let Some(has) = has.get_mut((n % nb_frag) as usize)
                && !std::mem::replace(has, true)
            {
                missing -= 1;
            }
            if missing == 0 {
                return Some(n / nb_frag + 1);
            }
        }
        None
    }

    /// Draws what a device lost of all fragments.
    fn draw(&mut self, device: u32) {
        let mut lost = std::mem::take(&mut self.lost);
        lost.clear();
        if let Some((way, on_air)) = self.way(device, Frames::Fragments) {
            lost.extend((0..on_air.blocks()).map(|block| way.lost(on_air, block)));
        }
        let alone = self.devices.get(device as usize).map_or(&[][..], |device| &device.alone);
        for place in alone.iter().map(|number| usize::from(number.saturating_sub(1))) {
            if let Some(word) = lost.get_mut(place / 64) {
                *word &= !(1 << (place % 64));
            }
        }
        self.lost = lost;
    }

    /// Nothing more is to be known of a device.
    fn forget(&mut self, device: u32) {
        if let Some(device) = self.devices.get_mut(device as usize) {
            *device = Device::default();
        }
    }

    fn way(&mut self, device: u32, frames: Frames) -> Option<(&mut Way, &OnAir)> {
        let (scenario, group) = (self.scenario, group(self.scenario, device)?);
        let state = self.devices.get_mut(device as usize)?;
        let (way, on_air, new): (_, _, fn(&Scenario, &DeviceGroup, u32) -> Reached) = match frames {
            Frames::Fragments => (&mut state.fragments, &self.fragments, Reached::new),
            Frames::Requests => (&mut state.requests, &self.requests, Reached::requests),
        };
        let way = way.get_or_insert_with(|| Box::new(Way::new(new(scenario, group, device))));
        Some((way, on_air))
    }
}

#[derive(Clone, Copy)]
enum Frames {
    Fragments,
    Requests,
}

fn group(scenario: &Scenario, device: u32) -> Option<&DeviceGroup> {
    scenario.group(device).or(scenario.fleet.last())
}

/// The data block as the scenario's only group carries it.
pub(super) fn block(plan: &Plan) -> Option<Block> {
    plan.groups().first().and_then(GroupPlan::block).copied()
}
