//! A campaign with scripted devices around it, in virtual time.
//!
//! The devices speak real octets but have no logic of their own: a test says what each of them answers, so it can
//! have them misbehave in any way. The log reads like a sequence chart.

// Each test file uses its own part; what can't be here is a defect of the test.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::cast_possible_truncation)]

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use fuota_engine::campaign::Campaign;
use fuota_engine::campaign::event::{Event, Outcome, Warning};
use fuota_engine::campaign::io::{
    DeriveOrder, Derived, Dest, GroupOrder, GroupParameters, GroupReport, Input, Order, Output, Refusal,
    Report, SessionClass, Transmit,
};
use fuota_engine::campaign::plan::Plan;
use fuota_engine::campaign::record::{Record, Restore};
use fuota_engine::campaign::spec::{CampaignSpec, DeviceSpec, GroupSpec, Kind, Redundancy};
use fuota_engine::config::CleanUp;
use fuota_engine::ids::{DevEui, GroupId};
use fuota_engine::percent::Percent;
use fuota_engine::region::Region;
use fuota_engine::time::GpsInstant;
use fuota_proto::{
    DataRate, EncryptedMcKey, FragCount, FragIndex, GpsSeconds, McAddr, McGroupId, Mic, TimeToStart, Version,
    clock_sync::v1 as clock, firmware::v1 as fw, fragmentation::v1 as frag, fragmentation::v2 as frag2,
    multicast::v1 as mc,
};

/// Where virtual time begins.
pub const START: GpsInstant = GpsInstant::from_secs(1_400_000_000);
/// Time between a scripted device's uplinks.
pub const PERIOD: Duration = Duration::from_secs(100);

/// The group of every small campaign.
pub fn group() -> GroupSpec {
    GroupSpec {
        parameters: GroupParameters {
            id: GroupId(0),
            mc_group_id: McGroupId::MIN,
            mc_addr: McAddr(0x01A2_B3C4),
            key_id: 1,
            class: SessionClass::C,
            frequency: Region::Eu868.rx2_frequency(),
            data_rate: DataRate::new(5).unwrap(),
        },
        redundancy: Redundancy::Fec(Percent::whole(10)),
    }
}

/// `count` devices and an image of ten fragments, FEC on with one parity fragment, no losses expected.
pub fn spec(count: u64) -> CampaignSpec {
    let mut spec = CampaignSpec::new(Kind::Binary, Region::Eu868, (0..97).collect());
    spec.descriptor = [1, 2, 3, 4];
    spec.devices = (1..=count).map(|n| DeviceSpec::new(DevEui(n), PERIOD)).collect();
    spec.groups = vec![group()];
    spec.uplink_data_rate = DataRate::new(5).unwrap();
    spec.config.fsize = Some(10);
    // Most tests are about what happens before the end is decided.
    spec.config.clean_up = CleanUp::Documented;
    spec
}

/// What a device hears.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    Multicast(mc::Downlink),
    /// A set-up of version 1.
    FragSessionSetup(frag::FragSessionSetupReq),
    /// A set-up of version 2.
    FragSessionSetup2(frag2::FragSessionSetupReq),
    Status {
        participants: bool,
        multicast: bool,
    },
    FragSessionDelete,
    /// `PackageVersionReq` on this port.
    PackageVersion(u8),
    /// An answer to the device's own request.
    BlockReceivedAns,
    Firmware(fw::Downlink),
    Clock(clock::Downlink),
}

impl Heard {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Multicast(command) => command.name(),
            Self::FragSessionSetup(_) | Self::FragSessionSetup2(_) => "FragSessionSetupReq",
            Self::Status { .. } => "FragSessionStatusReq",
            Self::FragSessionDelete => "FragSessionDeleteReq",
            Self::PackageVersion(_) => "PackageVersionReq",
            Self::BlockReceivedAns => "FragDataBlockReceivedAns",
            Self::Firmware(command) => command.name(),
            Self::Clock(command) => command.name(),
        }
    }

    pub fn is(&self, name: &str) -> bool {
        self.name() == name
    }
}

/// What a device answers: FPort and octets, or nothing.
pub type Answer = Option<(u8, Vec<u8>)>;

/// How a scripted device behaves: what it hears, for the how many-th time, and when.
pub type Script = Box<dyn FnMut(&Heard, u32, GpsInstant) -> Answer>;

/// Answers everything as a device that received the whole data block.
pub fn good(heard: &Heard, now: GpsInstant) -> Answer {
    answer_missing(heard, now, 0)
}

/// Answers everything, and reports this many missing fragments. Runs firmware 1 and holds no image.
pub fn answer_missing(heard: &Heard, now: GpsInstant, missing_frag: u8) -> Answer {
    match heard {
        Heard::Multicast(command) => match command {
            mc::Downlink::McGroupSetupReq(req) => {
                multicast(&mc::McGroupSetupAns { mc_group_id: req.mc_group_id, id_error: false }.into())
            }
            mc::Downlink::McClassCSessionReq(req) => multicast(
                &mc::McClassCSessionAns::accepting(req.mc_group_id, starts_in(now, req.session_time)).into(),
            ),
            mc::Downlink::McClassBSessionReq(req) => multicast(
                &mc::McClassBSessionAns::accepting(req.mc_group_id, starts_in(now, req.session_time)).into(),
            ),
            mc::Downlink::McGroupDeleteReq(req) => multicast(
                &mc::McGroupDeleteAns { mc_group_id: req.mc_group_id, mc_group_undefined: false }.into(),
            ),
            other => panic!("unexpected {other:?}"),
        },
        Heard::FragSessionSetup(req) => setup_ans(req, false),
        Heard::FragSessionSetup2(req) => {
            fragmentation2(&frag2::FragSessionSetupAns::accepting(req.frag_index).into())
        }
        Heard::Status { participants, .. } => {
            (*participants || missing_frag > 0).then(|| status_ans(missing_frag, false)).flatten()
        }
        Heard::FragSessionDelete => fragmentation(
            &frag::FragSessionDeleteAns { session_does_not_exist: false, frag_index: FragIndex::MIN }.into(),
        ),
        Heard::PackageVersion(port) => Some((*port, vec![0x00, if *port == 200 { 2 } else { 3 }, 1])),
        Heard::Firmware(command) => match command {
            fw::Downlink::DevVersionReq(_) => dev_version(1),
            fw::Downlink::DevRebootTimeReq(fw::DevRebootTimeReq::CANCEL) => {
                firmware(&fw::DevRebootTimeAns::CANCELLED.into())
            }
            fw::Downlink::DevRebootTimeReq(req) => {
                let reboot_time = starts_in(now, req.reboot_time).get();
                firmware(&fw::DevRebootTimeAns { reboot_time }.into())
            }
            fw::Downlink::DevUpgradeImageReq(_) => firmware(&fw::DevUpgradeImageAns::NoImage.into()),
            fw::Downlink::DevDeleteImageReq(_) => firmware(
                &fw::DevDeleteImageAns { error_no_valid_image: true, error_invalid_version: false }.into(),
            ),
            other => panic!("unexpected {other:?}"),
        },
        Heard::BlockReceivedAns | Heard::Clock(_) => None,
    }
}

fn starts_in(now: GpsInstant, time: GpsSeconds) -> TimeToStart {
    let start = now.nearest(time.get());
    TimeToStart::saturating(u32::try_from(start.since(now).as_secs()).unwrap())
}

/// The device runs this firmware version, on hardware 9.
pub fn dev_version(version: u32) -> Answer {
    firmware(&fw::DevVersionAns { fw_version: Version(version), hw_version: Version(9) }.into())
}

pub fn setup_ans(req: &frag::FragSessionSetupReq, not_enough_memory: bool) -> Answer {
    fragmentation(&frag::Uplink::from(frag::FragSessionSetupAns {
        encoding_unsupported: false,
        not_enough_memory,
        frag_session_index_not_supported: false,
        wrong_descriptor: false,
        frag_index: req.frag_index,
    }))
}

pub fn status_ans(missing_frag: u8, not_enough_matrix_memory: bool) -> Answer {
    fragmentation(&frag::Uplink::from(frag::FragSessionStatusAns {
        nb_frag_received: FragCount::MIN,
        frag_index: FragIndex::MIN,
        missing_frag,
        not_enough_matrix_memory,
    }))
}

pub fn fragmentation2(command: &frag2::Uplink) -> Answer {
    let mut buffer = [0; 32];
    let len = command.encode_to_slice(&mut buffer).unwrap();
    Some((201, buffer[..len].to_vec()))
}

pub fn firmware(command: &fw::Uplink) -> Answer {
    let mut buffer = [0; 32];
    let len = command.encode_to_slice(&mut buffer).unwrap();
    Some((203, buffer[..len].to_vec()))
}

pub fn multicast(command: &mc::Uplink) -> Answer {
    let mut buffer = [0; 32];
    let len = command.encode_to_slice(&mut buffer).unwrap();
    Some((200, buffer[..len].to_vec()))
}

pub fn fragmentation(command: &frag::Uplink) -> Answer {
    let mut buffer = [0; 32];
    let len = command.encode_to_slice(&mut buffer).unwrap();
    Some((201, buffer[..len].to_vec()))
}

struct Device {
    script: Script,
    group: GroupId,
    /// Whether its uplinks reach the server at all.
    heard: bool,
    queue: VecDeque<Transmit>,
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
    devices: Vec<Device>,
    agenda: BTreeMap<(GpsInstant, u64), Happening>,
    serial: u64,
    fate: Fate,
    plan: Plan,
    /// Outputs until the server crashes and is restarted.
    crash_in: Option<usize>,
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
            devices: groups.into_iter().map(device).collect(),
            agenda: BTreeMap::new(),
            serial: 0,
            fate: Box::new(|_, _| None),
            plan,
            crash_in: None,
            restarted: false,
            outputs: 0,
        };
        for index in 0..count {
            // Far enough apart for one exchange each.
            stage.schedule(START + Duration::from_secs(1 + 10 * index as u64), Happening::Periodic(index));
        }
        stage
    }

    /// Has device `n` (counted from 1) behave like this.
    pub fn device(
        mut self,
        n: usize,
        script: impl FnMut(&Heard, u32, GpsInstant) -> Answer + 'static,
    ) -> Self {
        self.devices[n - 1].script = Box::new(script);
        self
    }

    /// Has device `n` never be heard.
    pub fn silence(mut self, n: usize) -> Self {
        self.devices[n - 1].heard = false;
        self
    }

    /// Has the network server treat multicast frames like this; `None`: send them.
    pub fn multicast_fate(mut self, fate: impl FnMut(u32, &Transmit) -> Option<Report> + 'static) -> Self {
        self.fate = Box::new(fate);
        self
    }

    /// Has the server crash when it has taken so many outputs: the next one is lost, the campaign is rebuilt from
    /// what was persisted.
    pub fn crash_after(mut self, outputs: usize) -> Self {
        self.crash_in = Some(outputs);
        self
    }

    /// The campaign's next output, unless the server crashes over it.
    fn next_output(&mut self) -> Output {
        loop {
            let output = self.campaign.poll_output();
            if matches!(output, Output::Wait(_)) {
                return output;
            }
            self.outputs += 1;
            if self.crash_in != Some(self.outputs) {
                return output;
            }
            self.restarted = true;
            let mut restore = Restore::new(self.plan.clone());
            for record in self.records.clone() {
                restore.apply(record).unwrap();
            }
            // Nothing at all is durable if the very first record was lost: the campaign starts anew.
            self.campaign =
                restore.finish(self.now).unwrap_or_else(|_| Campaign::new(self.plan.clone(), self.now));
        }
    }

    /// Has the operator order something after a while.
    pub fn order(mut self, after: Duration, order: Order) -> Self {
        self.schedule(START + after, Happening::Order(order));
        self
    }

    /// Has device `n` say something by itself after a while.
    pub fn answer_at(&mut self, after: Duration, n: usize, answer: Answer) {
        if let Some((port, payload)) = answer {
            self.schedule(START + after, Happening::Answer(n - 1, port, payload));
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
            let next = self.agenda.first_key_value().map(|(&(at, _), _)| at);
            match (wake, next) {
                (Some(wake), Some(next)) if wake < next => self.timeout(wake),
                (Some(wake), None) => self.timeout(wake),
                (_, Some(_)) => {
                    let ((at, _), happening) = self.agenda.pop_first().unwrap();
                    self.now = at;
                    self.happen(happening);
                }
                (None, None) => panic!("the campaign waits for nothing, for ever"),
            }
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
                Output::Wait(until) => return until,
                Output::Finished(outcome) => self.outcome = Some(outcome),
                Output::Event(event) => self.events.push(event),
                Output::Group(GroupOrder::Provision(group)) => {
                    let report = GroupReport::Provisioned { next_fcnt: 7 };
                    self.campaign.handle(self.now, Input::Group { id: group.id, report });
                }
                Output::Group(_) => self.log.push("release group".into()),
                Output::Persist(record) => self.records.push(record),
                Output::Derive(order) => {
                    let (device, value) = match order {
                        DeriveOrder::McKey { device, .. } => {
                            (device, Derived::McKey(EncryptedMcKey([device.0 as u8; 16])))
                        }
                        DeriveOrder::BlockMic { device, .. } => {
                            (device, Derived::BlockMic(Mic([device.0 as u8; 4])))
                        }
                        other => panic!("unexpected {other:?}"),
                    };
                    self.campaign.handle(self.now, Input::Derived { device, value });
                }
                Output::Cancel(id) => {
                    for device in &mut self.devices {
                        device.queue.retain(|tx| tx.id != id);
                    }
                }
                Output::Transmit(tx) => self.transmit(tx),
            }
        }
    }

    fn transmit(&mut self, tx: Transmit) {
        assert!(tx.not_before >= self.now);
        match tx.dest {
            Dest::Unicast(DevEui(n)) => self.devices[n as usize - 1].queue.push_back(tx),
            Dest::Multicast(group) => {
                self.multicasts.push((self.now, tx.clone()));
                match (self.fate)(self.multicasts.len() as u32, &tx) {
                    None => {
                        let data_rate = self.plan.groups()[usize::from(group.0)].parameters().data_rate;
                        let airtime = Region::Eu868.data_rate(data_rate).unwrap().modulation;
                        let airtime = airtime.downlink(tx.payload.len());
                        self.schedule(tx.not_before + airtime, Happening::Sent(tx));
                    }
                    Some(Report::Dropped) => {} // the frame and its report are lost
                    Some(report) => {
                        self.log.push(format!("S-x  {}", name(&tx)));
                        self.campaign.handle(self.now, Input::Downlink { id: tx.id, report });
                    }
                }
            }
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Periodic(index) => {
                self.schedule(self.now + PERIOD, Happening::Periodic(index));
                if self.devices[index].heard {
                    self.uplink(index, 10, &[0]);
                    self.serve(index);
                }
            }
            Happening::Answer(index, port, payload) => {
                self.log.push(format!("D{}->S {}", index + 1, name_uplink(port, &payload)));
                self.uplink(index, port, &payload);
                self.serve(index);
            }
            Happening::Sent(tx) => {
                self.log.push(format!("S->* {}", name(&tx)));
                self.campaign
                    .handle(self.now, Input::Downlink { id: tx.id, report: Report::Sent { at: self.now } });
                for index in 0..self.devices.len() {
                    if tx.dest == Dest::Multicast(self.devices[index].group) {
                        self.hear(index, &tx);
                    }
                }
            }
            Happening::Order(order) => self.campaign.handle(self.now, Input::Operator(order)),
        }
    }

    fn uplink(&mut self, index: usize, port: u8, payload: &[u8]) {
        let from = DevEui(index as u64 + 1);
        self.campaign.handle(self.now, Input::Uplink { from, port, payload, received: self.now });
        self.drain();
    }

    /// After an uplink of class A: one downlink, if there is one.
    fn serve(&mut self, index: usize) {
        let Some(tx) = self.devices[index].queue.pop_front() else { return };
        self.log.push(format!("S->D{} {}", index + 1, name(&tx)));
        let at = self.now + Duration::from_secs(1);
        self.campaign.handle(self.now, Input::Downlink { id: tx.id, report: Report::Sent { at } });
        self.hear(index, &tx);
    }

    fn hear(&mut self, index: usize, tx: &Transmit) {
        let multicast = matches!(tx.dest, Dest::Multicast(_));
        let Some(heard) = decode(tx, multicast) else { return };
        let leaves = self.now + Duration::from_secs(2);
        let device = &mut self.devices[index];
        let times = device.asked.entry(heard.name()).or_default();
        *times += 1;
        if let Some((port, payload)) = (device.script)(&heard, *times, leaves) {
            self.schedule(leaves, Happening::Answer(index, port, payload));
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

/// What a device makes of a downlink; fragments are nothing that it answers.
fn decode(tx: &Transmit, multicast: bool) -> Option<Heard> {
    let payload = &tx.payload;
    // The two set-ups differ in length: nothing else tells the versions apart.
    let second = payload.len() == 17;
    match tx.port {
        port if payload == &[0x00] => Some(Heard::PackageVersion(port)),
        200 => mc::Downlink::commands(payload).next().map(|command| Heard::Multicast(command.unwrap())),
        202 => clock::Downlink::commands(payload).next().map(|command| Heard::Clock(command.unwrap())),
        203 => fw::Downlink::commands(payload).next().map(|command| Heard::Firmware(command.unwrap())),
        _ => match frag2::Downlink::commands(payload).next()? {
            Ok(frag2::Downlink::FragSessionSetupReq(req)) if second => Some(Heard::FragSessionSetup2(req)),
            Ok(frag2::Downlink::FragSessionStatusReq(req)) => {
                Some(Heard::Status { participants: req.participants, multicast })
            }
            Ok(frag2::Downlink::FragSessionDeleteReq(_)) => Some(Heard::FragSessionDelete),
            Ok(frag2::Downlink::FragDataBlockReceivedAns(_)) => Some(Heard::BlockReceivedAns),
            Ok(frag2::Downlink::DataFragment(_)) => None,
            _ => match frag::Downlink::commands(payload).next()?.unwrap() {
                frag::Downlink::FragSessionSetupReq(req) => Some(Heard::FragSessionSetup(req)),
                other => panic!("unexpected {other:?}"),
            },
        },
    }
}

/// Number and index of the fragment in a downlink, if it is one.
pub fn fragment(tx: &Transmit) -> Option<(u16, u8)> {
    match frag::Downlink::commands(&tx.payload).next()? {
        Ok(frag::Downlink::DataFragment(fragment)) if tx.port == 201 => {
            Some((fragment.n.get(), fragment.frag_index.get()))
        }
        _ => None,
    }
}

fn name(tx: &Transmit) -> String {
    if let Some((n, _)) = fragment(tx) {
        return format!("DataFragment {n}");
    }
    match decode(tx, false) {
        Some(Heard::Status { participants, .. }) => {
            format!("FragSessionStatusReq {}", u8::from(participants))
        }
        Some(heard) => heard.name().to_owned(),
        None => "?".to_owned(),
    }
}

fn name_uplink(port: u8, payload: &[u8]) -> String {
    let name = match port {
        200 => mc::Uplink::commands(payload).next().map(|c| c.map(|c| c.name().to_owned())),
        202 => clock::Uplink::commands(payload).next().map(|c| c.map(|c| c.name().to_owned())),
        203 => fw::Uplink::commands(payload).next().map(|c| {
            c.map(|c| match c {
                fw::Uplink::DevVersionAns(ans) => format!("DevVersionAns {}", ans.fw_version.get()),
                other => other.name().to_owned(),
            })
        }),
        _ => frag2::Uplink::commands(payload).next().map(|c| {
            c.map(|c| match c {
                frag2::Uplink::FragSessionStatusAns(_) => {
                    let v1 = frag::Uplink::commands(payload).next();
                    match v1 {
                        Some(Ok(frag::Uplink::FragSessionStatusAns(ans))) => {
                            format!("FragSessionStatusAns missing {}", ans.missing_frag)
                        }
                        _ => "FragSessionStatusAns".to_owned(),
                    }
                }
                other => other.name().to_owned(),
            })
        }),
    };
    name.and_then(Result::ok).unwrap_or_else(|| "?".into())
}
