//! How fast the engine takes what happens, and what a device costs it, from a thousand devices to a million.

use std::error::Error;
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;
use fuota_engine::campaign::Campaign;
use fuota_engine::campaign::event::StageKind;
use fuota_engine::campaign::io::{
    DeriveOrder, Derived, Dest, GroupOrder, GroupParameters, GroupReport, Input, Output, Report, SessionClass,
};
use fuota_engine::campaign::plan::Plan;
use fuota_engine::campaign::spec::{CampaignSpec, DeviceSpec, GroupSpec, Kind, Redundancy};
use fuota_engine::ids::{DevEui, GroupId, TxId};
use fuota_engine::percent::Percent;
use fuota_engine::region::Region;
use fuota_engine::time::GpsInstant;
use fuota_proto::{DataRate, EncryptedMcKey, McAddr, McGroupId};
use fuota_sim::bulk::campaign::{Liars, set_up};
use fuota_sim::scenario::Link;

use super::section;
use crate::allocations;
use crate::policies::{Channel, FIRST_SEED, scenario};
use crate::report::{Comparison, Figure, Row, Section};

const START: GpsInstant = GpsInstant::from_secs(1_400_000_000);
/// Octets of state for each device that are allowed.
const MOST_OCTETS: f64 = 128.0;
/// How much longer an input may take with a million devices than with a thousand.
const MOST_GROWTH: f64 = 2.0;

/// What a request asks of a device. The payload itself is dropped at once, as a server does that hands it on: a million
/// of them on the heap would be measured with the engine.
#[derive(Clone, Copy)]
enum Asked {
    McGroupSetup,
    FragSessionSetup,
    /// With the session's start as on the wire.
    McClassSession(u32),
}

impl Asked {
    fn of(payload: &[u8]) -> Self {
        match payload {
            [0x04, _, a, b, c, d, ..] => Self::McClassSession(u32::from_le_bytes([*a, *b, *c, *d])),
            _ if payload.len() > 20 => Self::McGroupSetup,
            _ => Self::FragSessionSetup,
        }
    }
}

/// Set-up of so many devices: each is heard, asked three times, and answers.
struct SetUp {
    campaign: Campaign,
    now: GpsInstant,
    /// Requests at the network server, and what they ask.
    queue: Vec<(TxId, DevEui, Asked)>,
    inputs: u64,
    /// Time in the engine.
    time: Duration,
}

impl SetUp {
    fn new(plan: Plan) -> Self {
        let campaign = Campaign::new(plan, START);
        Self { campaign, now: START, queue: Vec::new(), inputs: 0, time: Duration::ZERO }
    }

    fn take(&mut self, input: Input<'_>) {
        self.inputs += 1;
        self.campaign.handle(self.now, input);
    }

    fn drain(&mut self) {
        loop {
            match self.campaign.poll_output() {
                Output::Wait(_) | Output::Finished(_) => return,
                Output::Transmit(tx) => {
                    if let Dest::Unicast(device) = tx.dest {
                        self.queue.push((tx.id, device, Asked::of(&tx.payload)));
                    }
                }
                Output::Derive(DeriveOrder::McKey { device, .. }) => {
                    self.take(Input::Derived { device, value: Derived::McKey(EncryptedMcKey([7; 16])) });
                }
                Output::Group(GroupOrder::Provision(group)) => {
                    let report = GroupReport::Provisioned { next_fcnt: 0 };
                    self.take(Input::Group { id: group.id, report });
                }
                _ => {}
            }
        }
    }

    fn hear(&mut self, device: DevEui, port: u8, payload: &[u8]) {
        self.now += Duration::from_micros(1);
        self.take(Input::Uplink { from: device, port, payload, received: self.now });
        self.drain();
    }

    /// Runs set-up, the devices heard in the order given.
    fn run(&mut self, order: &[DevEui]) {
        let began = ProcessTime::now();
        self.drain();
        for device in order {
            self.hear(*device, 10, &[]);
        }
        while !self.queue.is_empty() {
            for (id, device, asked) in std::mem::take(&mut self.queue) {
                self.take(Input::Downlink { id, report: Report::Sent { at: self.now } });
                self.drain();
                match asked {
                    Asked::McGroupSetup => self.hear(device, 200, &[0x02, 0x00]),
                    Asked::FragSessionSetup => self.hear(device, 201, &[0x02, 0x00]),
                    Asked::McClassSession(start) => {
                        let start = self.now.nearest(start);
                        let [a, b, c, _] =
                            u32::try_from(start.since(self.now).as_secs()).unwrap_or_default().to_le_bytes();
                        self.hear(device, 200, &[0x04, 0x00, a, b, c]);
                    }
                }
            }
        }
        self.time = began.elapsed();
    }
}

/// Class A devices that are heard once a day, in one group.
fn spec(devices: u32) -> CampaignSpec {
    let mut spec = CampaignSpec::new(Kind::Binary, Region::Eu868, vec![0; 60 * 50]);
    let device = |n: u32| DeviceSpec::new(DevEui(u64::from(n) * 7_919), Duration::from_secs(86_400));
    spec.devices = (1..=devices).map(device).collect();
    let parameters = GroupParameters {
        id: GroupId(0),
        mc_group_id: McGroupId::MIN,
        mc_addr: McAddr(0x01A2_B3C4),
        key_id: 1,
        class: SessionClass::C,
        frequency: Region::Eu868.rx2_frequency(),
        data_rate: DataRate::from_wire(5),
    };
    spec.groups = vec![GroupSpec { parameters, redundancy: Redundancy::Adaptive }];
    spec.uplink_data_rate = parameters.data_rate;
    spec.max_duration = Duration::from_secs(100 * 86_400);
    spec.config.fsize = Some(50);
    spec.config.mcsession_delay = Some(Duration::from_secs(100_000));
    spec
}

pub(super) fn run(sizes: &[u32]) -> Result<Section, Box<dyn Error>> {
    let mut rows: Vec<Row> = Vec::new();
    let mut first = None;
    for &devices in sizes {
        let plan = Plan::new(spec(devices))?;
        // Neighbours in the plan are not heard one after the other.
        let mut order: Vec<_> = plan.devices().iter().map(|device| device.dev_eui).collect();
        order.sort_unstable_by_key(|device| device.0.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut set_up = SetUp::new(plan.clone());
        set_up.run(&order);
        let done = set_up.campaign.stages().last().map(|report| report.stage);
        if done < Some(StageKind::DataFragment) {
            return Err(format!("set-up of {devices} devices ended in {done:?}").into());
        }
        let nanos = set_up.time.as_secs_f64() * 1e9 / set_up.inputs as f64;
        let growth = nanos / *first.get_or_insert(nanos);
        // What it holds when it has just begun to wait for every device: roster, names and a timer for each.
        let (_set_up, held) = allocations::peak(|| {
            let mut set_up = SetUp::new(plan);
            set_up.drain();
            set_up
        });
        let octets = held as f64 / f64::from(devices);
        rows.push(Row {
            name: format!("{devices} devices"),
            figures: vec![
                Figure::new("inputs", set_up.inputs as f64, ""),
                Figure::new("inputs per second", 1e9 / nanos, "1/s"),
                Figure::new("per input", nanos, "ns"),
                Figure::new("of the first", growth, "x"),
                Figure::new("at the start", octets, "octets a device"),
            ],
            comparisons: vec![
                Comparison::with_limit(growth, MOST_GROWTH, "x"),
                Comparison::with_limit(octets, MOST_OCTETS, "octets"),
            ],
        });
    }
    Ok(section("The engine's pace: set-up, one core".into(), rows))
}

/// A whole campaign of a million devices of which only ranks count, from its first fragment on.
pub(super) fn million() -> Result<Section, Box<dyn Error>> {
    let devices = 1_000_000;
    let channel = Channel { name: "iid 10 %", link: Link::Independent { loss: 0.1 }, outage: false };
    let mut scenario = scenario(&channel, 429, devices, FIRST_SEED);
    scenario.config.success_threshold = Percent::whole(99);
    let began = ProcessTime::now();
    let ready = set_up(&scenario, Liars::default())?;
    let prepared = began.elapsed().as_secs_f64();
    let (began, start) = (ProcessTime::now(), Instant::now());
    let record = ready.run()?;
    let (time, elapsed) = (began.elapsed().as_secs_f64(), start.elapsed().as_secs_f64());
    let figures = vec![
        Figure::new("set-up, processor time", prepared, "s"),
        Figure::new("from the first fragment on, processor time", time, "s"),
        Figure::new("elapsed", elapsed, "s"),
        Figure::new("fragments", record.fragments.into(), ""),
        Figure::new("polls", record.polls.into(), ""),
        Figure::new("complete", f64::from(record.outcome.complete), "devices"),
        Figure::new("wrongly inferred", f64::from(record.wrong), "devices"),
    ];
    let comparisons = vec![Comparison::with_limit(elapsed, 10.0, "s")];
    let rows = vec![Row { name: "429 fragments, 10 % lost".into(), figures, comparisons }];
    Ok(section(format!("A campaign of {devices} devices, rank only"), rows))
}
