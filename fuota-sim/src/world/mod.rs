//! The simulated world: one campaign, one network server with its gateway, a fleet of devices, virtual time.
//!
//! ```text
//!   Campaign ──Transmit──▶ Server ──frames──▶ Gateway ──air──▶ Node (DeviceSession)
//!      ▲                      │                                    │
//!      └── reports, uplinks ──┴──────────────◀──air── answers ─────┘
//! ```
//!
//! One event after the other, in an order that depends on the scenario alone; every random number belongs to one
//! device and one purpose. The same scenario therefore gives the same record, octet for octet.

mod agenda;
mod backhaul;
mod chaos;
mod downlink;
mod fate;
mod flights;
mod gateways;
mod live;
mod mind;
mod observe;
mod outcome;
mod spec;
#[cfg(test)]
mod tests;
mod uplink;

pub use observe::Observer;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};

use fuota_engine::campaign::Campaign;
use fuota_engine::campaign::event::Outcome;
use fuota_engine::campaign::io::{
    DeriveOrder, Derived, GroupOrder, GroupReport, Input, Order, Output, Report,
};
use fuota_engine::campaign::plan::{GroupPlan, Plan, PlanError};
use fuota_engine::ids::{DevEui, TxId};
use fuota_engine::time::GpsInstant;

use self::agenda::{Agenda, Happening};
use self::backhaul::Backhaul;
use self::flights::Flights;
use self::mind::Mind;
use self::observe::Journal;
use self::spec::nodes;

pub(crate) use self::gateways::Gateways;
pub(crate) use self::mind::Told;
pub(crate) use self::outcome::{Holdings, recount};
pub(crate) use self::spec::{block, spec};
use crate::external::StartError;
use crate::fleet::Fleet;
use crate::frame::FrameError;
use crate::node::{Node, Pace, Phase};
use crate::reception::Aired;
use crate::record::RunRecord;
use crate::scenario::Scenario;
use crate::server::{OnAir, Radio, Server};

/// When every simulated campaign begins.
pub const START: GpsInstant = GpsInstant::from_secs(1_400_000_000);
/// Devices that keep the octets of the data block; those beyond keep only which fragments they could reconstruct.
pub const KEEP_BYTES: u32 = 1_000;
/// A campaign that asks for the time so often without letting it pass will never end.
const MOST_TIMEOUTS_AT_ONCE: u32 = 100_000;

/// Why a run has no result.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SimError {
    /// The campaign cannot be carried out as described.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A multicast payload does not make a frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A device put together a data block that is not the file: a fault of this program.
    #[error("internal error: device {device} reassembled something other than the image")]
    ImageMismatch {
        /// Which device.
        device: DevEui,
    },
    /// A device counts as complete and is not: a fault of this program.
    #[error("internal error: device {device} counts as complete and is not")]
    NotComplete {
        /// Which device.
        device: DevEui,
    },
    /// A scenario that starts with the transfer knows links and gateways only.
    #[error("a scenario that starts with the transfer has no {what}: they need set-up stages")]
    NotInTransfer {
        /// What it has.
        what: &'static str,
    },
    /// The processes of external devices cannot be started.
    #[error(transparent)]
    External(#[from] StartError),
    /// No threads can be started.
    #[error("threads cannot be started")]
    Threads,
    /// Nothing happens any more and the campaign has not ended: a fault of this program.
    #[error("internal error: the campaign waits for nothing at {at}")]
    Stalled {
        /// When.
        at: GpsInstant,
    },
}

/// A scenario about to happen.
#[derive(Debug)]
pub struct World {
    scenario: Scenario,
    fleet: Fleet,
    mind: Mind,
    plan: PlanFacts,
    server: Server,
    nodes: Vec<Node>,
    /// The devices that something befalls while fragments are on air.
    doomed: Vec<u32>,
    /// The multicast frames that not all devices have dealt with.
    aired: Aired,
    /// For each device how many of them are too many to wait.
    due: Vec<usize>,
    gateways: Gateways,
    flights: Flights,
    backhaul: Backhaul,
    /// When which gateways last heard each device, as long as the receive windows after that are not used.
    windows: Vec<Option<(GpsInstant, u64)>>,
    agenda: Agenda,
    now: GpsInstant,
    /// What the campaign waits for.
    timer: Option<GpsInstant>,
    phase: Phase,
    timeouts_at_once: u32,
    /// One for each gateway at most, and those that end and start now.
    on_air: VecDeque<OnAir>,
    /// The moment for which a look at the multicast queue is on the agenda.
    multicast_at: Option<GpsInstant>,
    outcome: Option<Outcome>,
    journal: Journal,
}

/// What the record keeps of the plan.
#[derive(Clone, Copy, Debug, Default)]
struct PlanFacts {
    nb_frag: u16,
    frag_size: u8,
    padding: u8,
    parity: u16,
    /// Over all streams.
    pace: Pace,
}

impl PlanFacts {
    fn of(plan: &Plan, scenario: &Scenario) -> Self {
        let block = plan.groups().first().and_then(GroupPlan::block);
        block.map_or(Self::default(), |block| {
            // Each parity rule has a stream of its own.
            let streams = if block.parity > 0 { scenario.parity_rules().len() } else { 1 };
            let streams = u32::try_from(streams).unwrap_or(u32::MAX);
            Self {
                nb_frag: block.geometry.nb_frag(),
                frag_size: block.geometry.frag_size(),
                padding: block.geometry.padding(),
                parity: block.parity,
                pace: Pace { fragments: streams * u32::from(block.frames()), gap: block.gap },
            }
        })
    }
}

impl World {
    /// Makes a fleet, a server and a campaign of a scenario.
    ///
    /// # Errors
    /// [`SimError::Plan`] for a campaign that cannot be carried out, [`SimError::External`] if a process cannot be
    /// started.
    pub fn new(scenario: &Scenario) -> Result<Self, SimError> {
        Self::of(scenario, |plan| Mind::Inside(Box::new(Campaign::new(plan, START))))
    }

    fn of(scenario: &Scenario, mind: impl FnOnce(Plan) -> Mind) -> Result<Self, SimError> {
        let Scenario { seed, faults, .. } = *scenario;
        let devices = scenario.devices();
        let fleet = Fleet::new(seed, devices, faults);
        let plan = Plan::new(spec(scenario))?;
        let facts = PlanFacts::of(&plan, scenario);
        let nodes = nodes(scenario, &fleet, facts.pace)?;
        let doomed = (0..).zip(&nodes).filter_map(|(device, node)| node.is_doomed().then_some(device));
        let mut world = Self {
            scenario: scenario.clone(),
            fleet,
            mind: mind(plan),
            plan: facts,
            server: Server::new(
                fleet,
                devices,
                Radio::new(scenario),
                scenario.gateways.len(),
                scenario.config.fmcport,
            ),
            doomed: doomed.collect(),
            aired: Aired::default(),
            due: nodes.iter().map(Node::most_unheard).collect(),
            nodes,
            gateways: Gateways::new(scenario, facts.pace.fragments),
            flights: Flights::default(),
            backhaul: Backhaul::new(scenario),
            windows: vec![None; devices as usize],
            agenda: Agenda::default(),
            now: START,
            timer: None,
            phase: Phase::SetUp,
            timeouts_at_once: 0,
            on_air: VecDeque::new(),
            multicast_at: None,
            outcome: None,
            journal: Journal::default(),
        };
        world.schedule_first_uplinks();
        Ok(world)
    }

    /// Devices of the fleet.
    fn devices(&self) -> u32 {
        u32::try_from(self.nodes.len()).unwrap_or(u32::MAX)
    }

    /// The campaign's plan.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        self.mind.plan()
    }

    /// Lets the campaign happen. `stop`, once set, orders it to stop.
    ///
    /// # Errors
    /// [`SimError`], every one of them a fault of the program: a campaign that fails is a result.
    pub fn run(&mut self, observer: &mut dyn Observer, stop: &AtomicBool) -> Result<RunRecord, SimError> {
        let mut stopped = false;
        self.drain(observer)?;
        while self.outcome.is_none() {
            if !stopped && stop.load(Ordering::Relaxed) {
                stopped = true;
                self.mind.handle(self.now, Input::Operator(Order::Stop));
                self.drain(observer)?;
                continue;
            }
            self.step(observer)?;
        }
        self.settle();
        self.record()
    }

    /// Lets the next thing happen.
    fn step(&mut self, observer: &mut dyn Observer) -> Result<(), SimError> {
        let happening_at = self.agenda.next_at();
        let (next, timeout) = match (self.timer, happening_at) {
            (Some(timer), Some(at)) => (timer.min(at), timer <= at),
            (Some(timer), None) => (timer, true),
            (None, Some(at)) => (at, false),
            (None, None) => return Err(SimError::Stalled { at: self.now }),
        };
        if next > self.now {
            self.now = next;
            self.timeouts_at_once = 0;
        }
        if timeout {
            self.timeouts_at_once += 1;
            if self.timeouts_at_once > MOST_TIMEOUTS_AT_ONCE {
                return Err(SimError::Stalled { at: self.now });
            }
            self.mind.handle(self.now, Input::Timeout);
            return self.drain(observer);
        }
        match self.agenda.pop() {
            None => Ok(()),
            Some(Happening::Periodic(device)) => {
                self.periodic(device);
                Ok(())
            }
            Some(Happening::Wake(device)) => self.wake(device, observer),
            Some(Happening::Uplink(device)) => self.uplink_ended(device, observer),
            Some(Happening::Rx1(device)) => {
                self.rx1(device);
                Ok(())
            }
            Some(Happening::Rx2(device)) => {
                self.rx2(device);
                Ok(())
            }
            Some(Happening::Multicast) => self.multicast_due(),
            Some(Happening::Downlink(id)) => self.downlink_ended(id, observer),
            Some(Happening::Arrival(copy)) => self.arrived(copy, observer),
            Some(Happening::Expiry(id)) => {
                self.withdraw(id);
                self.drain(observer)
            }
        }
    }

    /// Does what the campaign wants until it waits.
    fn drain(&mut self, observer: &mut dyn Observer) -> Result<(), SimError> {
        loop {
            let output = self.mind.poll_output();
            match output {
                Output::Transmit(transmit) => {
                    let id = transmit.id;
                    if let Some(refusal) = self.transmit(transmit)? {
                        let report = Report::Refused(refusal);
                        self.mind.handle(self.now, Input::Downlink { id, report });
                    }
                }
                Output::Cancel(id) => self.withdraw(id),
                Output::Group(order) => self.group(&order),
                Output::Derive(order) => {
                    if let Some((device, value)) = self.derive(&order) {
                        self.mind.handle(self.now, Input::Derived { device, value });
                    }
                }
                // This world does not crash, so it keeps no records.
                Output::Persist(_) => {}
                Output::Event(event) => self.journal.event(&event, self.now, observer),
                Output::Finished(outcome) => self.outcome = Some(outcome),
                Output::Wait(until) => {
                    self.timer = until;
                    break;
                }
            }
        }
        self.note_progress(observer);
        Ok(())
    }

    /// Takes a downlink back; if it was still queued, that is its fate.
    fn withdraw(&mut self, id: TxId) {
        if self.server.withdraw(id) {
            self.mind.handle(self.now, Input::Downlink { id, report: Report::Dropped });
        }
    }

    /// What a key store answers; `None` to orders to come.
    pub(crate) fn derive(&self, order: &DeriveOrder) -> Option<(DevEui, Derived)> {
        let (device, value) = match *order {
            DeriveOrder::McKey { device, .. } => {
                let key = self.fleet.find(device).map(|index| Derived::McKey(self.server.wrap(index)));
                (device, key)
            }
            DeriveOrder::BlockMic { device, session_cnt, frag_index, descriptor } => {
                let mic = self.fleet.find(device).map(|index| {
                    let block = &self.scenario.image;
                    let mic = self.server.block_mic(index, session_cnt, frag_index, descriptor, block);
                    Derived::BlockMic(mic)
                });
                (device, mic)
            }
            _ => return None,
        };
        Some((device, value.unwrap_or(Derived::Unavailable)))
    }

    fn note_progress(&mut self, observer: &mut dyn Observer) {
        self.note_phase();
        self.journal.progress(self.mind.progress(), self.now, observer);
    }

    fn group(&mut self, order: &GroupOrder) {
        match *order {
            GroupOrder::Provision(parameters) => {
                let next_fcnt = self.provision(parameters);
                let report = GroupReport::Provisioned { next_fcnt };
                self.mind.handle(self.now, Input::Group { id: parameters.id, report });
            }
            GroupOrder::Release(id) => self.server.release(id),
            // Orders to come: nothing here knows them, and none of them is answered.
            _ => {}
        }
    }
}
