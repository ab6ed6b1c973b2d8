//! What has reached the devices: a bit for each frame, drawn when it is asked for, and the rank that follows.
//!
//! Which fragments a device loses depends on their number alone, not on the requests between them: two campaigns with the
//! same seed are compared on the same losses, however often they ask. So nothing is kept of what was drawn: it is drawn
//! again from the beginning, which costs less than memory for a million devices.

use fuota_engine::campaign::plan::{Block, GroupPlan, Plan};
use fuota_engine::rule::parity_rule;
use fuota_engine::time::GpsInstant;
use fuota_fec::batch::{ParityColumns, RankScratch};
use rayon::iter::{IndexedParallelIterator as _, IntoParallelRefMutIterator as _, ParallelIterator as _};

use super::uplinks::Uplinks;
use crate::bulk::frames::OnAir;
use crate::node::{Air, Reached};
use crate::scenario::{DeviceGroup, Scenario};
use crate::world::Gateways;

/// Devices that one task takes at a time.
const CHUNK: usize = 4096;

/// The fleet as far as downlinks go.
pub(super) struct Bits<'a> {
    common: Common<'a>,
    devices: Vec<Device>,
    gateways: Gateways,
    /// Fragments that have their place among the requests.
    passed: u32,
    work: Work,
}

/// What all devices share.
struct Common<'a> {
    scenario: &'a Scenario,
    fragments: OnAir,
    /// Requests, and a place for every fragment before them.
    requests: OnAir,
    columns: ParityColumns,
    nb_frag: u16,
}

/// A device, of which nothing is there before it is needed.
#[derive(Default)]
struct Device {
    air: Option<Box<Air>>,
    /// Numbers of the fragments that it was sent alone and heard.
    alone: Vec<u16>,
    /// What it missed after so many fragments.
    counted: Option<(u32, u16)>,
}

/// Memory that a task works in.
#[derive(Default)]
struct Work {
    /// What the device that is looked at lost.
    lost: Vec<u64>,
    rank: RankScratch,
}

impl Common<'_> {
    fn group(&self, number: u32) -> Option<&DeviceGroup> {
        self.scenario.group(number).or(self.scenario.fleet.last())
    }

    /// Whether the last request to everybody reached a device.
    fn heard_request(&self, number: u32, work: &mut Work) -> bool {
        let Some(last) = self.requests.count().checked_sub(1) else { return false };
        let Some(group) = self.group(number) else { return false };
        self.requests.lost_on(Reached::requests(self.scenario, group, number), &mut work.lost);
        work.lost.last().is_some_and(|block| block >> (last % 64) & 1 == 0)
    }
}

impl Device {
    /// Its own links.
    fn air(&mut self, number: u32, common: &Common<'_>) -> Option<&mut Air> {
        if self.air.is_none() {
            self.air = Some(Box::new(Air::new(common.scenario, common.group(number)?, number)));
        }
        self.air.as_deref_mut()
    }

    /// How many fragments it is missing.
    fn missing(&mut self, number: u32, common: &Common<'_>, work: &mut Work) -> u16 {
        let sent = common.fragments.count();
        match self.counted {
            // What is complete stays so.
            Some((_, 0)) => 0,
            Some((at, missing)) if at == sent => missing,
            _ => {
                self.draw(number, common, &mut work.lost);
                let sent_of_code = u16::try_from(sent).unwrap_or(u16::MAX);
                let missing = common.columns.missing(&work.lost, sent_of_code, &mut work.rank);
                self.counted = Some((sent, missing));
                missing
            }
        }
    }

    /// Draws what it lost of all fragments.
    fn draw(&self, number: u32, common: &Common<'_>, lost: &mut Vec<u64>) {
        lost.clear();
        let Some(group) = common.group(number) else { return };
        common.fragments.lost_on(Reached::new(common.scenario, group, number), lost);
        for place in self.alone.iter().map(|number| usize::from(number.saturating_sub(1))) {
            if let Some(word) = lost.get_mut(place / 64) {
                *word &= !(1 << (place % 64));
            }
        }
    }
}

impl<'a> Bits<'a> {
    /// The fleet before the first fragment, of which so many may follow in all.
    pub(super) fn new(scenario: &'a Scenario, block: Block, most: u16) -> Self {
        let nb_frag = block.geometry.nb_frag();
        let rule = parity_rule(scenario.package_version);
        let gateways = scenario.gateways.len();
        Self {
            common: Common {
                scenario,
                fragments: OnAir::new(gateways),
                requests: OnAir::new(gateways),
                columns: ParityColumns::new(block.geometry, rule, most.saturating_sub(nb_frag)),
                nb_frag,
            },
            devices: (0..scenario.devices()).map(|_| Device::default()).collect(),
            gateways: Gateways::new(scenario, block.frames().into()),
            passed: 0,
            work: Work::default(),
        }
    }

    /// Fragments that were on air.
    pub(super) const fn sent(&self) -> u32 {
        self.common.fragments.count()
    }

    /// The next fragment is on air.
    pub(super) fn fragment(&mut self, now: GpsInstant) {
        // A gateway that is off during a part of the fragments knows their number.
        let alive = self.gateways.alive(now, self.sent() + 1);
        self.common.fragments.push(alive);
    }

    /// The next fragments, up to this number, are not on air for everybody.
    pub(super) fn skip_to(&mut self, number: u16) {
        while self.sent() < number.into() {
            self.common.fragments.push(0);
        }
    }

    /// A fragment is on air for a device alone.
    pub(super) fn fragment_alone(&mut self, number: u32, fragment: u16, now: GpsInstant) {
        self.skip_to(fragment);
        if self.hears_alone(number, now)
            && let Some(device) = self.devices.get_mut(number as usize)
        {
            device.alone.push(fragment);
            device.counted = device.counted.filter(|(_, missing)| *missing == 0);
        }
    }

    /// A request to everybody is on air. Fragments before it have let their time pass on this way too: a burst does not
    /// wait for the next request.
    pub(super) fn request(&mut self, now: GpsInstant) {
        let alive = self.alive(now);
        for _ in self.passed..self.sent() {
            self.common.requests.push(0);
        }
        self.passed = self.sent();
        self.common.requests.push(alive);
    }

    /// When devices answer the last request to everybody, in their order: those that hear it and miss something, or answer
    /// in any case.
    pub(super) fn poll(
        &mut self,
        now: GpsInstant,
        uplinks: &mut Uplinks,
        in_any_case: impl Fn(u32) -> bool + Sync,
    ) -> Vec<(GpsInstant, u32)> {
        let Self { common, devices, .. } = self;
        let common = &*common;
        let (spread, answers) = uplinks.all();
        let devices = devices.par_iter_mut().zip(answers).enumerate().with_min_len(CHUNK);
        let answers = devices.map_init(Work::default, |work, (number, (device, answer))| {
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            let answers = in_any_case(number) || device.missing(number, common, work) > 0;
            if !answers || !common.heard_request(number, work) {
                return None;
            }
            let at = answer.prepare(spread, device.air(number, common)?, now)?;
            Some((at, number))
        });
        answers.flatten_iter().collect()
    }

    /// Whether a request to a device alone reaches it, from the first gateway in its reach that works.
    pub(super) fn hears_alone(&mut self, number: u32, now: GpsInstant) -> bool {
        let alive = self.alive(now);
        let Some(air) = self.air(number) else { return false };
        let gateways = air.gateways() & alive;
        gateways != 0 && !air.loses_unicast(gateways.trailing_zeros() as usize)
    }

    /// The gateways that work now, one bit each.
    pub(super) fn alive(&mut self, now: GpsInstant) -> u64 {
        self.gateways.alive(now, self.sent())
    }

    /// A device's own links.
    pub(super) fn air(&mut self, number: u32) -> Option<&mut Air> {
        self.devices.get_mut(number as usize)?.air(number, &self.common)
    }

    /// How many fragments a device is missing.
    pub(super) fn missing(&mut self, number: u32) -> u16 {
        let Self { common, devices, work, .. } = self;
        devices.get_mut(number as usize).map_or(common.nb_frag, |device| device.missing(number, common, work))
    }

    /// With which fragment a device was complete.
    pub(super) fn complete_at(&mut self, number: u32) -> Option<u16> {
        self.draw(number);
        self.common.columns.complete_at(&self.work.lost, &mut self.work.rank)
    }

    /// In which round, counted from 1, a device has every uncoded fragment, if only those are sent, over and over.
    pub(super) fn complete_in_round(&mut self, number: u32) -> Option<u32> {
        self.draw(number);
        let (nb_frag, count) = (u32::from(self.common.nb_frag), self.sent());
        let mut has = vec![false; nb_frag as usize];
        let mut missing = nb_frag;
        let lost = |n: u32| self.work.lost.get(n as usize / 64).is_none_or(|word| word >> (n % 64) & 1 == 1);
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

    fn draw(&mut self, number: u32) {
        if let Some(device) = self.devices.get(number as usize) {
            device.draw(number, &self.common, &mut self.work.lost);
        }
    }
}

/// The data block as the scenario's only group carries it.
pub(super) fn block(plan: &Plan) -> Option<Block> {
    plan.groups().first().and_then(GroupPlan::block).copied()
}
