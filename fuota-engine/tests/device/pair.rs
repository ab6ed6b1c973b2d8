//! Both halves face to face: a campaign and real device sessions, with a link between them that takes no time and
//! loses what a test wants it to.

use std::collections::VecDeque;
use std::time::Duration;

use fuota_engine::campaign::Campaign;
use fuota_engine::campaign::event::{CampaignStatus, DeviceStatus, FailureReason, Outcome};
use fuota_engine::campaign::io::{
    DeriveOrder, Derived, Dest, GroupOrder, GroupParameters, GroupReport, Input, Output as Wanted, Report,
    SessionClass, Transmit,
};
use fuota_engine::campaign::plan::Plan;
use fuota_engine::campaign::spec::{CampaignSpec, DeviceSpec, GroupSpec, Kind, Redundancy};
use fuota_engine::device::{DeviceSession, Settings, Source};
use fuota_engine::ids::{DevEui, GroupId};
use fuota_engine::percent::Percent;
use fuota_engine::region::Region;
use fuota_engine::time::GpsInstant;
use fuota_proto::firmware::v1::DevUpgradeImageAns;
use fuota_proto::{DataRate, McGroupId, PackageVersion};

use crate::harness::*;

pub(crate) const PERIOD: Duration = Duration::from_secs(100);

/// A frame that the link may lose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    Uplink,
    /// FragDataBlockReceivedReq, an uplink that nobody asked for.
    BlockReceived,
    Unicast,
    Multicast,
}

/// A device at its end of the link.
pub(crate) struct Peer {
    pub(crate) device: Device,
    settings: Settings,
    /// How often it has rebooted.
    pub(crate) reboots: u32,
    /// By how much its clock is late.
    pub(crate) late: Duration,
    pub(crate) listening: bool,
    speaks_at: GpsInstant,
    queue: VecDeque<Transmit>,
    /// Frames of each kind so far.
    pub(crate) frames: [u32; 4],
}

impl Peer {
    fn new(number: u32, settings: Settings, takes_firmware: bool) -> Self {
        let mut device = Device::with_settings(settings);
        device.takes_firmware = takes_firmware;
        Self {
            device,
            settings,
            reboots: 0,
            late: Duration::ZERO,
            listening: false,
            speaks_at: START + Duration::from_secs(u64::from(number) * 7),
            queue: VecDeque::new(),
            frames: [0; 4],
        }
    }

    /// How many frames of this kind the link has carried or lost, this one included.
    fn count(&mut self, frame: Frame) -> u32 {
        let count = &mut self.frames[frame as usize];
        *count += 1;
        *count
    }

    /// Lets the device catch up and returns what it says.
    fn does(&mut self, now: GpsInstant) -> Vec<(u8, Vec<u8>)> {
        self.device.now = now - self.late;
        let mut said = Vec::new();
        for did in self.device.after(Duration::ZERO) {
            match did {
                Did::Uplink(port, payload) => said.push((port, payload)),
                Did::Open(_) => self.listening = true,
                Did::Close => self.listening = false,
                Did::AdjustClock(seconds) => {
                    let forward = Duration::from_secs(u64::try_from(seconds).expect("only late clocks here"));
                    self.late = self.late.checked_sub(forward).expect("no later than it was");
                }
                Did::Reboot => self.reboot(),
                _ => {}
            }
        }
        said
    }

    /// What is in RAM is lost; the firmware that waits, if any, starts and says so.
    fn reboot(&mut self) {
        self.reboots += 1;
        self.listening = false;
        let board = &mut self.device.board;
        self.device.session = DeviceSession::with_settings(self.settings);
        if let Some(next) = board.image.next_firmware_version() {
            (board.firmware, board.image) = (next, DevUpgradeImageAns::NoImage);
            self.device.session.report_upgrade(self.device.now, board);
        }
        self.device.until = Some(self.device.now);
    }

    fn due(&self) -> GpsInstant {
        self.device.until.map_or(GpsInstant::MAX, |until| until + self.late).min(self.speaks_at)
    }
}

/// The link, with whoever is at its ends.
pub(crate) struct Link {
    pub(crate) campaign: Campaign,
    pub(crate) peers: Vec<Peer>,
    group: VecDeque<Transmit>,
    fcnt: u32,
    now: GpsInstant,
    timer: Option<GpsInstant>,
    outcome: Option<Outcome>,
    /// Whether the link loses a peer's n-th frame of a kind.
    loses: fn(usize, Frame, u32) -> bool,
}

pub(crate) fn spec(devices: u32, parity: u32) -> CampaignSpec {
    let parameters = GroupParameters {
        id: GroupId(0),
        mc_group_id: McGroupId::MIN,
        mc_addr: MC_ADDR,
        key_id: 0,
        class: SessionClass::C,
        frequency: Region::Eu868.rx2_frequency(),
        data_rate: DataRate::new(5).unwrap(),
    };
    let mut spec = CampaignSpec::new(Kind::Binary, Region::Eu868, (0..200).collect());
    spec.descriptor = [1, 2, 3, 4];
    spec.devices = (0..devices).map(|n| DeviceSpec::new(DevEui(n.into()), PERIOD)).collect();
    spec.groups = vec![GroupSpec { parameters, redundancy: Redundancy::Fec(Percent::whole(parity)) }];
    spec.uplink_data_rate = DataRate::new(5).unwrap();
    spec.config.fsize = Some(10);
    spec
}

impl Link {
    pub(crate) fn new(spec: CampaignSpec, loses: fn(usize, Frame, u32) -> bool) -> Self {
        let takes_firmware = matches!(spec.kind, Kind::Firmware(_));
        let class_b = matches!(spec.groups[0].parameters.class, SessionClass::B { .. });
        let peers = (0..).zip(&spec.devices).map(|(n, device)| {
            let version = |version| match version {
                Some(PackageVersion::V2) => PackageVersion::V2,
                _ => PackageVersion::V1,
            };
            let settings = Settings {
                multicast: version(device.multicast),
                fragmentation: version(device.fragmentation),
                class_b,
                installs_at_once: takes_firmware,
                ..Settings::default()
            };
            Peer::new(n, settings, takes_firmware)
        });
        let peers = peers.collect();
        let campaign = Campaign::new(Plan::new(spec).unwrap(), START);
        let (group, timer, outcome) = (VecDeque::new(), None, None);
        Self { campaign, peers, group, fcnt: 0, now: START, timer, outcome, loses }
    }

    pub(crate) fn run(&mut self) -> Outcome {
        self.drain();
        loop {
            if let Some(outcome) = self.outcome {
                return outcome;
            }
            let peers = self.peers.iter().map(Peer::due);
            let group = self.group.front().map(|transmit| transmit.not_before);
            self.now = peers.chain(group).chain(self.timer).min().unwrap().max(self.now);
            self.carry_multicast();
            for index in 0..self.peers.len() {
                self.carry(index);
            }
            self.campaign.handle(self.now, Input::Timeout);
            self.drain();
        }
    }

    /// What a peer says now, and what waits for it.
    fn carry(&mut self, index: usize) {
        let peer = &mut self.peers[index];
        if peer.due() > self.now {
            return;
        }
        let mut said = peer.does(self.now);
        if peer.speaks_at <= self.now {
            peer.speaks_at = self.now + PERIOD;
            said.push((10, Vec::new()));
        }
        for (port, payload) in said {
            self.up(index, port, &payload);
        }
    }

    fn up(&mut self, index: usize, port: u8, payload: &[u8]) {
        let frame = match (port, payload) {
            (201, [0x04, _]) => Frame::BlockReceived,
            _ => Frame::Uplink,
        };
        let count = self.peers[index].count(frame);
        if (self.loses)(index, frame, count) {
            return;
        }
        let (from, received) = (DevEui(index as u64), self.now);
        self.campaign.handle(self.now, Input::Uplink { from, port, payload, received });
        self.drain();
        let now = self.now;
        let Some(transmit) = self.peers[index].queue.pop_front() else { return };
        self.campaign.handle(now, Input::Downlink { id: transmit.id, report: Report::Sent { at: now } });
        self.drain();
        let peer = &mut self.peers[index];
        let count = peer.count(Frame::Unicast);
        if !(self.loses)(index, Frame::Unicast, count) {
            peer.device.now = now - peer.late;
            peer.device.hears(Source::Unicast, transmit.port, &transmit.payload);
            peer.does(now);
        }
    }

    fn carry_multicast(&mut self) {
        while self.group.front().is_some_and(|transmit| transmit.not_before <= self.now) {
            let Some(transmit) = self.group.pop_front() else { return };
            for (index, peer) in self.peers.iter_mut().enumerate() {
                let count = peer.count(Frame::Multicast);
                if peer.listening && !(self.loses)(index, Frame::Multicast, count) {
                    peer.device.now = self.now - peer.late;
                    let source = Source::Multicast { group: group(0), fcnt: self.fcnt };
                    peer.device.hears(source, transmit.port, &transmit.payload);
                    peer.device.board.dice = 0x4000_0000 + index as u32;
                    peer.does(self.now);
                }
            }
            self.fcnt += 1;
            let report = Report::Sent { at: self.now };
            self.campaign.handle(self.now, Input::Downlink { id: transmit.id, report });
            self.drain();
        }
    }

    fn drain(&mut self) {
        loop {
            match self.campaign.poll_output() {
                Wanted::Transmit(transmit) => match transmit.dest {
                    Dest::Unicast(dev_eui) => self.peers[dev_eui.0 as usize].queue.push_back(transmit),
                    Dest::Multicast(_) => self.group.push_back(transmit),
                },
                Wanted::Cancel(id) => {
                    let queues = self.peers.iter_mut().map(|peer| &mut peer.queue);
                    queues
                        .chain([&mut self.group])
                        .for_each(|queue| queue.retain(|waiting| waiting.id != id));
                    self.campaign.handle(self.now, Input::Downlink { id, report: Report::Dropped });
                }
                Wanted::Group(GroupOrder::Provision(group)) => {
                    let report = GroupReport::Provisioned { next_fcnt: self.fcnt };
                    self.campaign.handle(self.now, Input::Group { id: group.id, report });
                }
                Wanted::Derive(order) => {
                    let (device, value) = self.derive(order);
                    self.campaign.handle(self.now, Input::Derived { device, value });
                }
                Wanted::Finished(outcome) => self.outcome = Some(outcome),
                Wanted::Wait(until) => {
                    self.timer = until;
                    return;
                }
                Wanted::Group(_) | Wanted::Event(_) | Wanted::Persist(_) => {}
            }
        }
    }

    /// What the server computes with the device's keys.
    fn derive(&self, order: DeriveOrder) -> (DevEui, Derived) {
        match order {
            DeriveOrder::McKey { device, .. } => (device, Derived::McKey(wrapped_mc_key())),
            DeriveOrder::BlockMic { device, session_cnt, frag_index, descriptor } => {
                let key = Board::root_key().data_block_int_key();
                let mic = key.mic(session_cnt, frag_index, descriptor, self.campaign.plan().image());
                (device, Derived::BlockMic(mic))
            }
            other => panic!("unexpected {other:?}"),
        }
    }

    pub(crate) fn statuses(&self) -> Vec<DeviceStatus> {
        self.campaign.devices().map(|device| device.status).collect()
    }

    pub(crate) fn images(&self) -> impl Iterator<Item = Option<&[u8]>> {
        self.peers.iter().map(|peer| peer.device.session.store(index(0)).map(fuota_fec::MemoryStore::image))
    }
}

pub(crate) fn reason(status: DeviceStatus) -> Option<FailureReason> {
    match status {
        DeviceStatus::Failed { reason, .. } => Some(reason),
        _ => None,
    }
}

#[test]
fn without_losses_every_device_holds_the_image_after_one_request_for_each_stage() {
    let mut link = Link::new(spec(8, 0), |_, _, _| false);
    let outcome = link.run();
    assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Succeeded, 8));
    let image: Vec<u8> = (0..200).collect();
    assert!(link.images().all(|held| held == Some(&image[..])));
    assert!(link.campaign.devices().all(|device| device.requests == 3));
    assert!(link.peers.iter().all(|peer| !peer.listening), "windows close once the server knows");
}

#[test]
fn losses_on_all_ways_are_made_good() {
    let mut link = Link::new(spec(8, 100), |device, frame, n| {
        let n = n as usize + device;
        match frame {
            Frame::Uplink | Frame::BlockReceived => n.is_multiple_of(5),
            Frame::Unicast => n.is_multiple_of(3),
            Frame::Multicast => n.is_multiple_of(4),
        }
    });
    let outcome = link.run();
    assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Succeeded, 8), "{:?}", link.statuses());
    let image: Vec<u8> = (0..200).collect();
    assert!(link.images().all(|held| held == Some(&image[..])));
    assert!(link.campaign.stages().iter().map(|stage| stage.retries).sum::<u32>() > 5);
}

#[test]
fn a_device_without_room_for_the_block_says_so_and_fails_alone() {
    let mut spec = spec(8, 0);
    spec.config.success_threshold = Percent::whole(80);
    let mut link = Link::new(spec, |_, _, _| false);
    link.peers[3].device.board.largest = 199;
    assert_eq!(link.run().complete, 7);
    // TS004-1.0.0 §3.3: bit 1 of the status octet.
    assert_eq!(reason(link.statuses()[3]), Some(FailureReason::Refused(0b0010)));
}

#[test]
fn a_device_that_loses_more_than_its_memory_can_solve_fails_with_a_memory_error() {
    let mut spec = spec(8, 50);
    spec.config.success_threshold = Percent::whole(80);
    let mut link = Link::new(spec, |device, frame, n| device == 5 && frame == Frame::Multicast && n <= 4);
    for peer in &mut link.peers {
        peer.device.board.max_lost = 3;
    }
    assert_eq!(link.run().complete, 7);
    assert_eq!(reason(link.statuses()[5]), Some(FailureReason::MemoryError));
}

#[test]
fn a_clock_that_is_far_off_is_found_out_before_the_transfer() {
    let mut spec = spec(8, 0);
    spec.config.success_threshold = Percent::whole(80);
    let mut link = Link::new(spec, |_, _, _| false);
    link.peers[2].late = Duration::from_secs(120);
    assert_eq!(link.run().complete, 7);
    assert_eq!(reason(link.statuses()[2]), Some(FailureReason::ClockMismatch));
    assert!(link.campaign.stages()[2].failed >= 1, "in the session stage");
}
