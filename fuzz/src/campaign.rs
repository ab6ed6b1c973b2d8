//! Any inputs in any order, and what a campaign owes even then: it does not panic, it answers every question with
//! finitely many outputs, it ends when its time is up, and its records lead to the same end.

use std::time::Duration;

use arbitrary::Arbitrary;
use fuota_engine::campaign::Campaign;
use fuota_engine::campaign::event::Outcome;
use fuota_engine::campaign::io::{
    DeriveOrder, Derived, GroupOrder, GroupParameters, GroupReport, Input, Order, Output, Refusal, Report,
    SessionClass,
};
use fuota_engine::campaign::plan::Plan;
use fuota_engine::campaign::quirk::Quirk;
use fuota_engine::campaign::record::{Record, Restore};
use fuota_engine::campaign::spec::{
    CampaignSpec, DeviceClass, DeviceSpec, FirmwareSpec, GroupSpec, Indices, Kind, PackageVersion, Redundancy,
};
use fuota_engine::config::{AnswerSpread, CleanUp, Config, SessionDuration, StageEnd, StatusRounds};
use fuota_engine::ids::{DevEui, GroupId, TxId};
use fuota_engine::percent::Percent;
use fuota_engine::region::Region;
use fuota_engine::time::GpsInstant;
use fuota_proto::{DataRate, EncryptedMcKey, McAddr, McGroupId, Mic, PingSlotPeriodicity, Version};

/// Devices of every campaign.
const DEVICES: u64 = 4;
/// Outputs that one input can bring about at most: several for each device, and the fragments of a round.
const MOST_OUTPUTS: usize = 1000;
const START: GpsInstant = GpsInstant::from_secs(1_400_000_000);
/// Longer than any campaign and its clean-up.
const LONG: Duration = Duration::from_secs(400_000);

/// A campaign, and what happens to it.
#[derive(Debug, Arbitrary)]
pub struct Ordeal {
    kind: u8,
    versions: u8,
    class_b: bool,
    without_fec: bool,
    two_groups: bool,
    threshold: u8,
    /// One bit for each option that changes what the campaign does.
    options: u8,
    /// Quirks and unsupported indices, eight bits for each device.
    models: u32,
    happenings: Vec<Happening>,
}

#[derive(Debug, Arbitrary)]
enum Happening {
    /// A device speaks, on any port.
    Uplink {
        device: u8,
        port: Port,
        payload: Vec<u8>,
    },
    /// A transmission of the campaign's own is reported, the `back`-th from the last.
    Own {
        back: u8,
        report: Fate,
    },
    /// A transmission that may never have been.
    Foreign {
        id: u64,
        report: Fate,
    },
    Group {
        id: u8,
        next_fcnt: Option<u32>,
    },
    Derived {
        device: u8,
        value: Made,
    },
    /// What the campaign asked for is derived.
    Derive,
    Stop,
    Wait {
        seconds: u16,
    },
    /// Time passes until the campaign wants to be called.
    Wake,
    /// The server crashes and is restarted.
    Crash,
}

#[derive(Debug, Arbitrary)]
enum Port {
    Multicast,
    Fragmentation,
    Clock,
    Firmware,
    Any(u8),
}

#[derive(Debug, Arbitrary)]
enum Fate {
    Sent,
    Busy,
    Unknown,
    Dropped,
}

#[derive(Debug, Arbitrary)]
enum Made {
    McKey,
    Mic,
    Nothing,
}

impl Ordeal {
    /// The plan of the plainest campaign.
    ///
    /// # Panics
    /// When it cannot be planned.
    pub fn plain() -> Plan {
        let plain = Self {
            kind: 1,
            versions: 0,
            class_b: false,
            without_fec: true,
            two_groups: false,
            threshold: 100,
            options: 0,
            models: 0,
            happenings: Vec::new(),
        };
        Plan::new(plain.spec()).expect("every combination can be planned")
    }

    fn spec(&self) -> CampaignSpec {
        let kind = match self.kind % 4 {
            0 => Kind::MulticastSetup,
            1 => Kind::Binary,
            reboot => Kind::Firmware(FirmwareSpec {
                target: Version(2),
                hardware: None,
                reboot: (reboot == 3).then(|| START + Duration::from_secs(80_000)),
            }),
        };
        let mut spec = CampaignSpec::new(kind, Region::Eu868, (0..50).collect());
        spec.uplink_data_rate = DataRate::from_wire(5);
        spec.config.fsize = Some(10);
        spec.config.success_threshold = Percent::whole(u32::from(self.threshold % 101));
        self.configure(&mut spec.config);
        let group = |id| GroupSpec {
            parameters: GroupParameters {
                id: GroupId(id),
                mc_group_id: McGroupId::MIN,
                mc_addr: McAddr(u32::from(id)),
                key_id: 0,
                class: if self.class_b {
                    SessionClass::B { periodicity: PingSlotPeriodicity::MIN }
                } else {
                    SessionClass::C
                },
                frequency: Region::Eu868.rx2_frequency(),
                data_rate: DataRate::from_wire(5),
            },
            redundancy: if has(self.kind, 7) {
                Redundancy::Adaptive
            } else if self.without_fec {
                Redundancy::Rounds
            } else {
                Redundancy::Fec(Percent::whole(20))
            },
        };
        spec.groups = (0..=u8::from(self.two_groups)).map(group).collect();
        let version = |bits: u8| match bits % 3 {
            0 => Some(PackageVersion::V1),
            1 => Some(PackageVersion::V2),
            _ => None,
        };
        spec.devices = (0..DEVICES)
            .map(|n| {
                let mut device = DeviceSpec::new(DevEui(n), Duration::from_secs(100));
                device.multicast = version(self.versions);
                device.fragmentation = version(self.versions / 3 + u8::from(n == 0));
                device.clock_sync = n == 1;
                device.group = GroupId(u8::from(self.two_groups && n > 1));
                if n == 2 && !self.class_b {
                    device.class = DeviceClass::C;
                }
                let model = self.models >> (8 * n);
                let quirks = Quirk::ALL.into_iter().enumerate().filter(|(bit, _)| model >> bit & 1 == 1);
                device.quirks = quirks.map(|(_, quirk)| quirk).collect();
                let unsupported = |bit: u32| u8::from(model >> bit & 1 == 1);
                device.limits.frag_indices = Indices::only(unsupported(4)..4 - unsupported(5));
                device.limits.mc_group_ids = Indices::only(unsupported(6)..4 - unsupported(7));
                device
            })
            .collect();
        spec
    }

    const fn configure(&self, config: &mut Config) {
        let options = self.options;
        config.probe_at_start = has(options, 0);
        config.documented_timers = has(options, 1);
        config.summary_reports_disabled = has(options, 2);
        if has(options, 3) {
            config.session_duration = Some(SessionDuration::Tight);
        }
        if has(options, 4) {
            config.block_ack_delay = Some(AnswerSpread::Sized);
        }
        if has(options, 5) {
            config.stage_end = StageEnd::Threshold;
        }
        if has(options, 6) {
            config.status_rounds = StatusRounds::Unicast;
        }
        if has(options, 7) {
            config.clean_up = CleanUp::Documented;
        }
    }

    /// Lets it all happen.
    ///
    /// # Panics
    /// When the campaign does not keep its word.
    pub fn endure(self) {
        let plan = Plan::new(self.spec()).expect("every combination can be planned");
        let mut server = Server::new(plan);
        server.drain();
        for happening in self.happenings {
            server.happen(happening);
            server.drain();
        }
        server.wait_for_the_end();
    }
}

const fn has(options: u8, bit: u8) -> bool {
    options >> bit & 1 == 1
}

/// A campaign and just enough around it.
struct Server {
    plan: Plan,
    campaign: Campaign,
    now: GpsInstant,
    records: Vec<Record>,
    /// A state that was kept, and how many records it covers.
    snapshot: Option<(usize, Vec<u8>)>,
    sent: Vec<TxId>,
    orders: Vec<DeriveOrder>,
    wake: Option<GpsInstant>,
    outcome: Option<Outcome>,
    decided: Option<Outcome>,
}

impl Server {
    fn new(plan: Plan) -> Self {
        Self {
            campaign: Campaign::new(plan.clone(), START),
            plan,
            now: START,
            records: Vec::new(),
            snapshot: None,
            sent: Vec::new(),
            orders: Vec::new(),
            wake: None,
            outcome: None,
            decided: None,
        }
    }

    fn drain(&mut self) {
        for _ in 0..MOST_OUTPUTS {
            match self.campaign.poll_output() {
                Output::Wait(until) => {
                    self.wake = until;
                    self.rest();
                    return;
                }
                Output::Persist(record) => self.records.push(record),
                Output::Transmit(tx) => {
                    assert!(tx.not_before <= tx.expires_at || self.decided.is_some());
                    assert!(!tx.payload.is_empty() && tx.payload.len() <= 242);
                    self.sent.push(tx.id);
                }
                Output::Derive(order) => self.orders.push(order),
                Output::Finished(outcome) => {
                    assert_eq!(self.decided, Some(outcome), "the end is what was decided");
                    assert!(self.outcome.is_none_or(|before| before == outcome), "it ends once");
                    assert_eq!(u64::from(outcome.complete + outcome.failed), DEVICES);
                    self.outcome = Some(outcome);
                }
                Output::Event(fuota_engine::campaign::event::Event::Decided(outcome)) => {
                    self.decided = Some(outcome)
                }
                Output::Group(GroupOrder::Provision(_) | _) | Output::Cancel(_) | Output::Event(_) => {}
            }
        }
        panic!("more than {MOST_OUTPUTS} outputs for one input");
    }

    /// Written down and read again at every rest, it goes on as it would have. Some of the snapshots are kept.
    fn rest(&mut self) {
        let snapshot = self.campaign.snapshot().expect("it waits");
        self.campaign = Campaign::from_snapshot(self.plan.clone(), &snapshot).expect("its own snapshot");
        if self.snapshot.is_none() || self.records.len() % 5 == 0 {
            self.snapshot = Some((self.records.len(), snapshot));
        }
    }

    fn happen(&mut self, happening: Happening) {
        let input = match happening {
            Happening::Uplink { device, port, payload } => {
                let port = match port {
                    Port::Multicast => 200,
                    Port::Fragmentation => 201,
                    Port::Clock => 202,
                    Port::Firmware => 203,
                    Port::Any(port) => port,
                };
                let from = DevEui(u64::from(device % 5));
                let input = Input::Uplink { from, port, payload: &payload, received: self.now };
                self.campaign.handle(self.now, input);
                return;
            }
            Happening::Own { back, report } => {
                let Some(&id) = self.sent.iter().rev().nth(usize::from(back)) else { return };
                Input::Downlink { id, report: self.report(&report) }
            }
            Happening::Foreign { id, report } => {
                Input::Downlink { id: TxId(id), report: self.report(&report) }
            }
            Happening::Group { id, next_fcnt } => {
                let report = next_fcnt
                    .map_or(GroupReport::Refused, |next_fcnt| GroupReport::Provisioned { next_fcnt });
                Input::Group { id: GroupId(id % 3), report }
            }
            Happening::Derived { device, value } => {
                Input::Derived { device: DevEui(u64::from(device % 5)), value: derived(&value) }
            }
            Happening::Derive => match self.orders.pop() {
                Some(DeriveOrder::McKey { device, .. }) => {
                    Input::Derived { device, value: derived(&Made::McKey) }
                }
                Some(DeriveOrder::BlockMic { device, .. }) => {
                    Input::Derived { device, value: derived(&Made::Mic) }
                }
                _ => return,
            },
            Happening::Stop => Input::Operator(Order::Stop),
            Happening::Wait { seconds } => {
                self.now += Duration::from_secs(u64::from(seconds));
                Input::Timeout
            }
            Happening::Wake => {
                self.now = self.wake.map_or(self.now, |at| at.max(self.now));
                Input::Timeout
            }
            Happening::Crash => {
                self.restart();
                return;
            }
        };
        self.campaign.handle(self.now, input);
    }

    fn report(&self, fate: &Fate) -> Report {
        match fate {
            Fate::Sent => Report::Sent { at: self.now },
            Fate::Busy => Report::Refused(Refusal::Busy),
            Fate::Unknown => Report::Refused(Refusal::Unknown),
            Fate::Dropped => Report::Dropped,
        }
    }

    fn restart(&mut self) {
        let mut restore = Restore::new(self.plan.clone());
        for record in self.records.clone() {
            restore.apply(record).expect("its own records");
        }
        let restored = restore.finish(self.now).expect("it had started");
        let stand = |campaign: &Campaign| campaign.devices().collect::<Vec<_>>();
        assert_eq!(
            stand(&restored),
            stand(&self.campaign),
            "the devices stand as they stood: {:#?}",
            self.records
        );
        assert_eq!(restored.stages(), self.campaign.stages());
        self.campaign = restored;
        if let Some((covered, snapshot)) = &self.snapshot {
            let covers = *covered as u64;
            let mut restore = Restore::from_snapshot(self.plan.clone(), snapshot, covers).expect("its own");
            for record in &self.records[*covered..] {
                restore.apply(record.clone()).expect("its own records");
            }
            let from_snapshot = restore.finish(self.now).expect("it had started");
            assert_eq!(at_rest(from_snapshot), at_rest(self.campaign.clone()), "both lead to the same");
        }
    }

    /// Nothing happens any more but time.
    fn wait_for_the_end(&mut self) {
        let give_up = self.now + LONG;
        while self.outcome.is_none() {
            let wake = self.wake.expect("a campaign that is not over waits for its deadline");
            assert!(wake <= give_up, "it ends when its time is up");
            self.now = self.now.max(wake);
            self.campaign.handle(self.now, Input::Timeout);
            self.drain();
        }
        self.restart();
        // The restart itself becomes durable first.
        assert!(matches!(self.campaign.poll_output(), Output::Persist(_)));
        let output = self.campaign.poll_output();
        let finished = matches!(output, Output::Finished(outcome) if Some(outcome) == self.outcome);
        assert!(finished, "{output:?} where the end was {:?}", self.outcome);
    }
}

/// The state of a campaign once it has done what there is to do.
fn at_rest(mut campaign: Campaign) -> Vec<u8> {
    while !matches!(campaign.poll_output(), Output::Wait(_)) {}
    campaign.snapshot().expect("it waits")
}

fn derived(made: &Made) -> Derived {
    match made {
        Made::McKey => Derived::McKey(EncryptedMcKey([0; 16])),
        Made::Mic => Derived::BlockMic(Mic([0; 4])),
        Made::Nothing => Derived::Unavailable,
    }
}
