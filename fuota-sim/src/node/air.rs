//! What the air does between a device and the gateways in its reach.

use std::time::Duration;

use fuota_engine::time::GpsInstant;

use crate::channel::Channel;
use crate::rng::{Chance, Draws, Resting, Stream};
use crate::scenario::{DeviceGroup, Link, Scenario};

/// A device's links, and when it speaks.
#[derive(Debug)]
pub(crate) struct Air {
    reach: Vec<Reach>,
    schedule: Resting,
    hops: Resting,
    /// Its last uplink on air.
    spoke: Option<(GpsInstant, GpsInstant)>,
}

/// A gateway in reach.
#[derive(Debug)]
struct Reach {
    gateway: usize,
    rssi_dbm: Option<f64>,
    uplink: Way,
    unicast: Way,
    multicast: Multicast,
}

/// What reaches a device of the frames that every gateway sends, and nothing else about it.
#[derive(Debug)]
pub(crate) struct Reached(Vec<(usize, Way)>);

/// The way of multicast frames, drawn 64 at a time: which of them are lost depends on their number alone.
#[derive(Debug)]
struct Multicast {
    way: Way,
    /// Of the block under way: what is left of it, the next frame in the lowest bit.
    block: u64,
    left: u32,
}

impl Multicast {
    fn loses(&mut self) -> bool {
        if self.left == 0 {
            self.way.lose_64(1, |_, lost| self.block = lost);
            self.left = 64;
        }
        let lost = self.block & 1 == 1;
        self.block >>= 1;
        self.left -= 1;
        lost
    }
}

impl Reached {
    /// Of a device of this group.
    pub(crate) fn new(scenario: &Scenario, group: &DeviceGroup, device: u32) -> Self {
        Self::of(scenario, group, device, Stream::Multicast)
    }

    /// The same links, for requests that are no part of what is sent otherwise.
    pub(crate) fn requests(scenario: &Scenario, group: &DeviceGroup, device: u32) -> Self {
        Self::of(scenario, group, device, Stream::Request)
    }

    fn of(scenario: &Scenario, group: &DeviceGroup, device: u32, stream: Stream) -> Self {
        let way = |gateway| (usize::from(gateway), Way::multicast(scenario, group, device, gateway, stream));
        Self(in_reach(scenario, device).map(way).collect())
    }

    /// Calls for each gateway in reach, and for each of the next blocks of 64 frames, counted from 0, with those that its
    /// link loses.
    pub(crate) fn next(&mut self, blocks: usize, mut link: impl FnMut(usize, usize, u64)) {
        for (gateway, way) in &mut self.0 {
            way.lose_64(blocks, |block, lost| link(*gateway, block, lost));
        }
    }
}

/// The gateways in a device's reach; where none is, the first.
fn in_reach(scenario: &Scenario, device: u32) -> impl Iterator<Item = u16> {
    let reaches = move |(gateway, coverage): (u16, f64)| {
        // Where every gateway reaches everybody nothing is drawn.
        let draws = || Draws::towards(scenario.seed, device, Stream::Fate, gateway);
        (coverage >= 1.0 || draws().happens(Chance::new(coverage))).then_some(gateway)
    };
    let mut found = (0..).zip(scenario.gateways.iter().map(|spec| spec.coverage)).filter_map(reaches);
    let first = found.next().unwrap_or(0);
    std::iter::once(first).chain(found)
}

/// One way of a link, with numbers of its own: what is lost on it depends on nothing else.
#[derive(Debug)]
struct Way {
    channel: Channel,
    draws: Resting,
}

impl Way {
    /// That of the frames of a stream to everybody.
    fn multicast(
        scenario: &Scenario,
        group: &DeviceGroup,
        device: u32,
        gateway: u16,
        stream: Stream,
    ) -> Self {
        let place = &mut Draws::towards(scenario.seed, device, Stream::Place, gateway);
        let placed = group.downlink.place(place, device, scenario.region, scenario.data_rate);
        Self { channel: placed.channel, draws: Resting::towards(scenario.seed, device, stream, gateway) }
    }

    /// Whether the next frame is lost.
    fn loses(&mut self) -> bool {
        let Self { channel, draws } = self;
        channel.certain().unwrap_or_else(|| draws.draw(|draws| channel.loses(draws)))
    }

    /// Calls for each of the next blocks of 64 frames with those that are lost. Not to be mixed with one at a time.
    fn lose_64(&mut self, blocks: usize, mut of_block: impl FnMut(usize, u64)) {
        let Self { channel, draws } = self;
        if let Some(lost) = channel.certain() {
            return (0..blocks).for_each(|block| of_block(block, if lost { u64::MAX } else { 0 }));
        }
        draws.draw(|draws| (0..blocks).for_each(|block| of_block(block, channel.loses_64(draws))));
    }
}

impl Air {
    pub(crate) fn new(scenario: &Scenario, group: &DeviceGroup, device: u32) -> Self {
        let reach = in_reach(scenario, device).map(|gateway| Reach::new(scenario, group, device, gateway));
        let draws = |stream| Resting::new(scenario.seed, device, stream);
        Self {
            reach: reach.collect(),
            schedule: draws(Stream::Schedule),
            hops: draws(Stream::Hop),
            spoke: None,
        }
    }

    /// When the device speaks first: anywhere within its period.
    pub(crate) fn phase(&mut self, period: Duration) -> Duration {
        self.schedule.draw(|draws| draws.within(period))
    }

    /// Time to its next ordinary uplink: the period, 5 % more or less.
    pub(crate) fn interval(&mut self, period: Duration) -> Duration {
        period * 19 / 20 + self.schedule.draw(|draws| draws.within(period / 10))
    }

    /// Which of so many channels its next uplink takes.
    pub(crate) fn hop(&mut self, channels: u8) -> u8 {
        u8::try_from(self.hops.draw(|draws| draws.below(channels.into()))).unwrap_or_default()
    }

    /// Notes that it speaks from `start` to `end`.
    pub(crate) const fn speaks(&mut self, start: GpsInstant, end: GpsInstant) {
        self.spoke = Some((start, end));
    }

    /// Whether it spoke while a frame was on air.
    pub(super) fn spoke_between(&self, start: GpsInstant, end: GpsInstant) -> bool {
        self.spoke.is_some_and(|(spoke, fell_silent)| spoke < end && start < fell_silent)
    }

    /// The gateways that hear its uplink as far as the link goes, one bit each.
    pub(crate) fn heard_by(&mut self) -> u64 {
        let heard =
            self.reach.iter_mut().filter_map(|reach| (!reach.uplink.loses()).then_some(reach.gateway));
        heard.fold(0, |set, gateway| set | bit(gateway))
    }

    /// Whether a unicast downlink from this gateway is lost.
    pub(crate) fn loses_unicast(&mut self, gateway: usize) -> bool {
        let reach = self.reach.iter_mut().find(|reach| reach.gateway == gateway);
        reach.is_none_or(|reach| reach.unicast.loses())
    }

    /// Whether a multicast frame that the gateways of `alive` send is lost on the way to it. To be asked once for
    /// every frame on air.
    pub(crate) fn loses_multicast(&mut self, alive: u64) -> bool {
        let mut lost = true;
        for reach in &mut self.reach {
            // Every link draws, whether or not it matters.
            let reaches = !reach.multicast.loses();
            lost &= !(reaches && alive & bit(reach.gateway) != 0);
        }
        lost
    }

    /// The gateways in reach, one bit each.
    pub(crate) fn gateways(&self) -> u64 {
        self.reach.iter().fold(0, |set, reach| set | bit(reach.gateway))
    }

    /// How strong its frames arrive at a gateway; `None` where its link does not say.
    pub(crate) fn rssi_dbm(&self, gateway: usize) -> Option<f64> {
        self.reach.iter().find(|reach| reach.gateway == gateway)?.rssi_dbm
    }
}

impl Reach {
    fn new(scenario: &Scenario, group: &DeviceGroup, device: u32, gateway: u16) -> Self {
        let draws = |stream| Resting::towards(scenario.seed, device, stream, gateway);
        let place = |link: &Link, dr| {
            draws(Stream::Place).draw(|place| link.place(place, device, scenario.region, dr))
        };
        let uplink = place(&group.uplink, scenario.uplink_data_rate);
        let unicast = place(&group.downlink, scenario.region.rx1_data_rate(scenario.uplink_data_rate));
        let way = |channel, stream| Way { channel, draws: draws(stream) };
        Self {
            gateway: gateway.into(),
            rssi_dbm: uplink.rssi_dbm,
            uplink: way(uplink.channel, Stream::Uplink),
            unicast: way(unicast.channel, Stream::Unicast),
            multicast: Multicast {
                way: Way::multicast(scenario, group, device, gateway, Stream::Multicast),
                block: 0,
                left: 0,
            },
        }
    }
}

/// A gateway as a bit of a set.
pub(crate) const fn bit(gateway: usize) -> u64 {
    1 << (gateway % 64)
}
