//! What a campaign of many devices takes: octets for each, at any time.

// An allocator that counts can't be had without.
#![allow(unsafe_code, clippy::unwrap_used)]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{START, spec};
use fuota_engine::campaign::Campaign;
use fuota_engine::campaign::event::{CampaignStatus, Event, StageKind};
use fuota_engine::campaign::io::{
    DeriveOrder, Derived, Dest, GroupOrder, GroupReport, Input, Output, Report,
};
use fuota_engine::campaign::plan::Plan;
use fuota_engine::campaign::spec::Redundancy;
use fuota_engine::ids::{DevEui, TxId};
use fuota_engine::percent::Percent;
use fuota_engine::time::GpsInstant;
use fuota_proto::EncryptedMcKey;

/// The most that the state of the engine may take for each device, beyond its entry in the plan.
const MOST_OCTETS: usize = 128;
/// So many that tables which grow by doubling have just done so.
const DEVICES: u64 = 60_000;

static HELD: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The system's allocator, which knows how much of it is held.
struct Counting;

// SAFETY: every call goes to the system's allocator unchanged; counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are the ones that are asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// A campaign, and the most that it held for each device whenever it was looked at.
struct Scale {
    campaign: Campaign,
    now: GpsInstant,
    before: usize,
    most: usize,
    /// Requests at the network server.
    queue: Vec<(TxId, DevEui, Vec<u8>)>,
}

impl Scale {
    fn new() -> Self {
        let mut spec = spec(DEVICES);
        for device in &mut spec.devices {
            device.uplink_period = Duration::from_secs(20_000);
        }
        spec.groups[0].redundancy = Redundancy::Adaptive;
        spec.config.success_threshold = Percent::whole(100);
        spec.max_duration = Duration::from_secs(30 * 86_400);
        spec.config.mcsession_delay = Some(Duration::from_secs(3_600));
        let plan = Plan::new(spec).unwrap();
        let before = HELD.load(Ordering::Relaxed);
        let campaign = Campaign::new(plan, START);
        Self { campaign, now: START, before, most: 0, queue: Vec::new() }
    }

    /// What the campaign holds now, the network server's queue apart.
    fn look(&mut self, moment: &str) {
        let of_queue = self.queue.capacity() * size_of::<(TxId, DevEui, Vec<u8>)>()
            + self.queue.iter().map(|(_, _, payload)| payload.capacity()).sum::<usize>();
        let held = HELD.load(Ordering::Relaxed) - self.before - of_queue;
        let each = held.div_ceil(usize::try_from(DEVICES).unwrap());
        println!("{moment}: {each} octets for each device");
        self.most = self.most.max(each);
    }

    /// Does what the campaign wants until it waits; returns until when.
    fn drain(&mut self) -> Option<GpsInstant> {
        let mut first = true;
        loop {
            match self.campaign.poll_output() {
                Output::Wait(until) => return until,
                Output::Transmit(tx) => match tx.dest {
                    Dest::Unicast(device) => self.queue.push((tx.id, device, tx.payload)),
                    Dest::Multicast(_) => {
                        let report = Report::Sent { at: self.now };
                        self.campaign.handle(self.now, Input::Downlink { id: tx.id, report });
                    }
                },
                Output::Derive(DeriveOrder::McKey { device, .. }) => {
                    let value = Derived::McKey(EncryptedMcKey([7; 16]));
                    self.campaign.handle(self.now, Input::Derived { device, value });
                }
                Output::Group(GroupOrder::Provision(group)) => {
                    let report = GroupReport::Provisioned { next_fcnt: 0 };
                    self.campaign.handle(self.now, Input::Group { id: group.id, report });
                }
                Output::Event(Event::Device(_)) if std::mem::take(&mut first) => {
                    self.look("with news of devices");
                }
                _ => {}
            }
        }
    }

    fn uplink(&mut self, device: DevEui, port: u8, payload: &[u8]) {
        self.now += Duration::from_micros(1);
        let uplink = Input::Uplink { from: device, port, payload, received: self.now };
        self.campaign.handle(self.now, uplink);
    }

    /// Everything is at the network server: it goes on air, and then the devices answer.
    fn serve(&mut self) {
        self.look("all requests handed over");
        for at in 0..self.queue.len() {
            let sent = Input::Downlink { id: self.queue[at].0, report: Report::Sent { at: self.now } };
            self.campaign.handle(self.now, sent);
            self.drain();
        }
        self.look("all answers waited for");
        for (_, device, payload) in std::mem::take(&mut self.queue) {
            match payload[0] {
                0x02 if payload.len() > 20 => self.uplink(device, 200, &[0x02, 0x00]),
                0x02 => self.uplink(device, 201, &[0x02, 0x00]),
                0x04 => {
                    let start = u32::from_le_bytes([payload[2], payload[3], payload[4], payload[5]]);
                    let in_s = self.now.nearest(start).since(self.now).as_secs();
                    let in_s = u32::try_from(in_s).unwrap().to_le_bytes();
                    self.uplink(device, 200, &[0x04, 0x00, in_s[0], in_s[1], in_s[2]]);
                }
                0x01 => self.uplink(device, 201, &[0x01, 0x00, 0x00, 0x00, 0x00]),
                other => panic!("unexpected command {other:#04x}"),
            }
            self.drain();
        }
    }
}

fn octets() -> usize {
    let mut scale = Scale::new();
    scale.drain();
    scale.look("nobody heard");
    for n in 1..=DEVICES {
        scale.uplink(DevEui(n), 10, &[]);
        scale.drain();
    }
    for stage in [StageKind::McGroupSetup, StageKind::FragSessionSetup, StageKind::McClassSession] {
        assert_eq!(scale.campaign.stages().last().map(|report| report.stage), Some(stage));
        scale.serve();
    }
    // Whoever misses nothing keeps silent, unless it is asked alone.
    while let Some(until) = scale.drain() {
        if scale.queue.is_empty() {
            scale.now = until;
            scale.campaign.handle(until, Input::Timeout);
        } else {
            scale.serve();
        }
    }
    scale.look("at the end");
    assert_eq!(scale.campaign.outcome().map(|outcome| outcome.status), Some(CampaignStatus::Succeeded));
    scale.most
}

#[test]
fn a_device_takes_few_octets_of_the_engine_s_state() {
    let most = octets();
    assert!(most <= MOST_OCTETS, "{most} octets");
}
