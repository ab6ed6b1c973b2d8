//! A campaign with scripted devices around it, in virtual time.
//!
//! The devices speak real octets but have no logic of their own: a test says what each of them answers, so it can
//! have them misbehave in any way. The log reads like a sequence chart.

// Each test file uses its own part; what can't be here is a defect of the test.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::cast_possible_truncation)]

pub mod kinds;
mod network;
mod recovery;
mod script;
mod setting;
mod small;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use fuota_engine::campaign::Campaign;
use fuota_engine::campaign::event::{Event, Outcome, StageKind, Warning};
use fuota_engine::campaign::io::{
    DeriveOrder, GroupOrder, GroupReport, Input, Order, Output, Refusal, Report, Transmit,
};
use fuota_engine::campaign::plan::Plan;
use fuota_engine::campaign::record::{Entry, Record};
use fuota_engine::campaign::spec::CampaignSpec;
use fuota_engine::ids::{DevEui, GroupId};
use fuota_engine::time::GpsInstant;
use fuota_proto::PingSlotPeriodicity;

use self::recovery::Recovery;
#[allow(unused_imports)] // each test file uses its own part
pub use self::script::{
    Answer, Heard, Script, answer_missing, decode, dev_version, firmware, fragment, fragmentation,
    fragmentation2, good, multicast, setup_ans, status_ans,
};
#[allow(unused_imports)] // each test file uses its own part
pub use self::small::{group, spec};

/// Where virtual time begins.
pub const START: GpsInstant = GpsInstant::from_secs(1_400_000_000);
/// Time between a scripted device's uplinks.
pub const PERIOD: Duration = Duration::from_secs(100);

/// The first ping slot from `wanted` on; where a beacon period's slots begin differs from one to the next.
pub fn slot(periodicity: PingSlotPeriodicity, wanted: GpsInstant) -> GpsInstant {
    let (per_beacon, beacon) = (periodicity.pings_per_beacon_period(), wanted.as_secs() / 128);
    let slots = |beacon: u64| {
        let first = (beacon * 1_237) % u64::from(4_096 / per_beacon);
        let slot = move |n: u64| 2_120 + 30 * (first + n * u64::from(4_096 / per_beacon));
        (0..u64::from(per_beacon))
            .map(move |n| GpsInstant::from_secs(beacon * 128) + Duration::from_millis(slot(n)))
    };
    slots(beacon).chain(slots(beacon + 1)).find(|slot| *slot >= wanted).unwrap()
}

struct Device {
    script: Script,
    group: GroupId,
    /// Whether its uplinks reach the server at all.
    heard: bool,
    queue: VecDeque<Transmit>,
    /// Downlinks that the network server does not take before it takes one.
    refusals: u32,
    asked: BTreeMap<&'static str, u32>,
}

#[derive(Clone, Debug)]
enum Happening {
    Periodic(usize),
    Answer(usize, u8, Vec<u8>),
    Sent(Transmit),
    Order(Order),
}

/// What the network server does with the n-th multicast frame, counted from 1.
pub type Fate = Box<dyn FnMut(u32, &Transmit) -> Option<Report>>;

/// A campaign and its scripted surroundings.
pub struct Stage {
    pub campaign: Campaign,
    pub now: GpsInstant,
    pub log: Vec<String>,
    pub events: Vec<Event>,
    pub records: Vec<Record>,
    pub outcome: Option<Outcome>,
    /// Every multicast frame handed to the network server, with its moment.
    pub multicasts: Vec<(GpsInstant, Transmit)>,
    /// Every unicast downlink handed to the network server, with its moment.
    pub unicasts: Vec<(GpsInstant, Transmit)>,
    /// When multicast frames that were sent went on air.
    pub on_air: Vec<GpsInstant>,
    devices: Vec<Device>,
    agenda: BTreeMap<(GpsInstant, u64), Happening>,
    serial: u64,
    fate: Fate,
    /// How many derivations are answered while the first stage lasts; the others come after it.
    keys: usize,
    late_orders: Vec<DeriveOrder>,
    /// The device that the key store does not know.
    unknown: Option<DevEui>,
    /// Whether a key that was asked for once more comes after its stage, before what is asked for then.
    outdated_keys: bool,
    plan: Plan,
    recovery: Recovery,
    /// The device that is cut off once the server has crashed: not heard, and nothing is derived for it.
    deaf: Option<usize>,
    cut_off: Option<usize>,
    /// Whether it was restarted and has not been woken since.
    restarted: bool,
    /// Outputs taken so far.
    pub outputs: usize,
}

impl Stage {
    /// Devices that all answer as they should.
    pub fn new(spec: CampaignSpec) -> Self {
        let groups: Vec<_> = spec.devices.iter().map(|device| device.group).collect();
        let count = groups.len();
        let plan = Plan::new(spec).unwrap();
        let campaign = Campaign::new(plan.clone(), START);
        let device = |group| Device {
            script: Box::new(|heard, _, now| good(heard, now)),
            group,
            heard: true,
            queue: VecDeque::new(),
            refusals: 0,
            asked: BTreeMap::new(),
        };
        let mut stage = Self {
            campaign,
            now: START,
            log: Vec::new(),
            events: Vec::new(),
            records: Vec::new(),
            outcome: None,
            multicasts: Vec::new(),
            unicasts: Vec::new(),
            on_air: Vec::new(),
            devices: groups.into_iter().map(device).collect(),
            agenda: BTreeMap::new(),
            serial: 0,
            fate: Box::new(|_, _| None),
            keys: usize::MAX,
            late_orders: Vec::new(),
            unknown: None,
            outdated_keys: false,
            plan,
            recovery: Recovery::default(),
            deaf: None,
            cut_off: None,
            restarted: false,
            outputs: 0,
        };
        for index in 0..count {
            // Far enough apart for one exchange each.
            stage.schedule(START + Duration::from_secs(1 + 10 * index as u64), Happening::Periodic(index));
        }
        stage
    }

    /// The campaign's next output, unless the server crashes over it.
    fn next_output(&mut self) -> Output {
        loop {
            let output = self.campaign.poll_output();
            if matches!(output, Output::Wait(_)) {
                return output;
            }
            self.outputs += 1;
            if !self.recovery.crashes_over(self.outputs) {
                return output;
            }
            self.restarted = true;
            if let Some(index) = self.deaf {
                self.cut_off = Some(index);
                self.devices[index].heard = false;
                self.devices[index].queue.clear();
            }
            if let Output::Persist(Record { entry: Entry::Operator(order), .. }) = output {
                // Whose order is not acknowledged gives it again.
                self.schedule(self.now, Happening::Order(order));
            }
            self.campaign = self.recovery.recover(&self.plan, &self.records, &output, self.now);
        }
    }

    /// Whether no downlink waits at the network server.
    pub fn nothing_is_queued(&self) -> bool {
        self.devices.iter().all(|device| device.queue.is_empty())
    }

    fn schedule(&mut self, at: GpsInstant, happening: Happening) {
        self.serial += 1;
        self.agenda.insert((at, self.serial), happening);
    }

    /// Runs to the end, and returns it.
    pub fn run(&mut self) -> Outcome {
        loop {
            let wake = self.drain();
            if let Some(outcome) = self.outcome {
                return outcome;
            }
            self.step(wake);
        }
    }

    /// Runs until this is so and the campaign waits.
    pub fn run_until(&mut self, reached: impl Fn(&Self) -> bool) {
        loop {
            let wake = self.drain();
            if reached(self) {
                return;
            }
            self.step(wake);
        }
    }

    /// Lets the next thing happen.
    fn step(&mut self, wake: Option<GpsInstant>) {
        let next = self.agenda.first_key_value().map(|(&(at, _), _)| at);
        match (wake, next) {
            (Some(wake), Some(next)) if wake <= next => self.timeout(wake),
            (Some(wake), None) => self.timeout(wake),
            (_, Some(_)) => {
                let ((at, _), happening) = self.agenda.pop_first().unwrap();
                self.now = at;
                self.happen(happening);
            }
            (None, None) => panic!("the campaign waits for nothing, for ever"),
        }
    }

    fn timeout(&mut self, at: GpsInstant) {
        // A rebuilt campaign may have slept through something.
        let overslept = std::mem::take(&mut self.restarted) && at <= self.now;
        assert!(at > self.now || overslept, "the campaign wakes without need at {at}");
        self.now = self.now.max(at);
        self.campaign.handle(self.now, Input::Timeout);
    }

    /// Carries out what the campaign wants; returns until when it waits.
    fn drain(&mut self) -> Option<GpsInstant> {
        loop {
            match self.next_output() {
                Output::Wait(until) => {
                    self.recovery.at_rest(&self.plan, &mut self.campaign, self.records.len());
                    return until;
                }
                Output::Finished(outcome) => self.outcome = Some(outcome),
                Output::Group(GroupOrder::Provision(group)) => {
                    let report = GroupReport::Provisioned { next_fcnt: 7 };
                    self.campaign.handle(self.now, Input::Group { id: group.id, report });
                }
                Output::Group(_) => self.log.push("release group".into()),
                Output::Persist(record) => self.records.push(record),
                Output::Derive(order) if self.keys == 0 && self.campaign.stages().len() < 2 => {
                    self.late_orders.push(order);
                }
                Output::Derive(order) => {
                    self.keys -= 1;
                    self.derive(order);
                    if self.campaign.stages().len() > 1 {
                        self.keys = usize::MAX;
                    }
                }
                Output::Event(event @ Event::StageStarted { stage, .. })
                    if stage > StageKind::McGroupSetup =>
                {
                    self.events.push(event);
                    self.keys = usize::MAX;
                    for order in std::mem::take(&mut self.late_orders) {
                        self.derive(order);
                    }
                }
                Output::Event(event) => self.events.push(event),
                Output::Cancel(id) => {
                    for device in &mut self.devices {
                        device.queue.retain(|tx| tx.id != id);
                    }
                }
                Output::Transmit(tx) => self.transmit(tx),
            }
        }
    }

    /// The log with consecutive equal lines folded and fragments as ranges.
    pub fn chart(&self) -> Vec<String> {
        let mut chart: Vec<String> = Vec::new();
        let mut run: Option<(u16, u16)> = None;
        let flush = |chart: &mut Vec<String>, run: &mut Option<(u16, u16)>| {
            if let Some((first, last)) = run.take() {
                chart.push(format!("S->* DataFragment {first}..{last}"));
            }
        };
        for line in &self.log {
            let n = line.strip_prefix("S->* DataFragment ").and_then(|n| n.parse().ok());
            match (n, &mut run) {
                (Some(n), Some((_, last))) if n == *last + 1 => *last = n,
                (Some(n), run) => {
                    flush(&mut chart, run);
                    *run = Some((n, n));
                }
                (None, run) => {
                    flush(&mut chart, run);
                    chart.push(line.clone());
                }
            }
        }
        flush(&mut chart, &mut run);
        chart
    }

    pub fn warnings(&self) -> Vec<Warning> {
        let warning = |event: &Event| if let Event::Warning(warning) = event { Some(*warning) } else { None };
        self.events.iter().filter_map(warning).collect()
    }
}

/// A refusal by a busy network server.
pub const BUSY: Report = Report::Refused(Refusal::Busy);
