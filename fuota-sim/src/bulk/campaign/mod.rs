//! A whole campaign with a fleet of any size: the engine that servers run, and devices of which only what reaches them
//! counts.
//!
//! Set-up costs nothing here: every request of it is answered at once. From the first fragment on everything counts:
//! each frame on air is lost on each device as in the [`World`](crate::world::World), polls too; status answers leave
//! after a random delay, collide with others on their channel (ALOHA, no capture), and get lost on their way. Fragments
//! are lost by their number, whatever else is sent between them.

mod agenda;
mod answers;
mod fleet;
mod oracle;
mod uplinks;

use std::collections::VecDeque;
use std::time::Duration;

use fuota_engine::airtime::Modulation;
use fuota_engine::campaign::Campaign;
use fuota_engine::campaign::event::{DeviceStatus, Event, Outcome};
use fuota_engine::campaign::io::{
    DeriveOrder, Derived, Dest, GroupOrder, GroupReport, Input, Output, Report, Transmit,
};
use fuota_engine::campaign::plan::{Block, Plan};
use fuota_engine::campaign::spec::{CampaignSpec, DeviceClass};
use fuota_engine::ids::DevEui;
use fuota_engine::time::GpsInstant;
use fuota_proto::fragmentation::v1 as frag;
use fuota_proto::{EncryptedMcKey, Mic};

use self::agenda::{Agenda, Happening};
use self::fleet::{Bits, block};
pub use self::oracle::{Reference, Rounds, reference, rounds};
use self::uplinks::Uplinks;
use crate::fleet::Fleet;
use crate::scenario::Scenario;
use crate::world::{START, SimError, spec};

/// Octets of a FragSessionStatusAns (TS004-1.0.0 §3.2).
const STATUS_ANS_LEN: usize = 5;

/// Devices that always say that they miss so many fragments, whatever they hold: the first ones of the fleet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Liars {
    /// How many.
    pub devices: u32,
    /// What they say.
    pub missing: u8,
}

impl Liars {
    const fn include(self, device: u32) -> bool {
        device < self.devices
    }
}

/// What a campaign took from its first fragment on, and what became of it.
#[derive(Clone, Debug)]
pub struct CampaignRecord {
    /// How it ended.
    pub outcome: Outcome,
    /// How the image was cut and paced.
    pub block: Block,
    /// Fragments on air.
    pub fragments: u32,
    /// Polls of the adaptive policy.
    pub polls: u16,
    /// Fragments on air for one device alone.
    pub fragments_alone: u32,
    /// Airtime of fragments, polls and what was sent to single devices, each frame counted once.
    pub airtime: Duration,
    /// Of this, what was sent to single devices: by one gateway, however many send the rest.
    pub airtime_alone: Duration,
    /// Airtime of the devices' answers.
    pub uplink_airtime: Duration,
    /// From the session's start to the decision.
    pub duration: Duration,
    /// Devices that do hold the block.
    pub holding: u32,
    /// Devices that count as complete and are not.
    pub wrong: u32,
    /// Devices whose counts are not believed.
    pub suspects: Vec<DevEui>,
}

/// Lets a campaign happen from its first fragment on.
///
/// # Errors
/// [`SimError::Plan`] for a campaign that cannot be carried out, [`SimError::NotInTransfer`] for one without fragments,
/// [`SimError::Stalled`] for a fault of the program.
pub fn campaign(scenario: &Scenario, liars: Liars) -> Result<CampaignRecord, SimError> {
    set_up(scenario, liars)?.run()
}

/// Brings a campaign to its first fragment.
///
/// # Errors
/// Those of [`campaign`].
pub fn set_up(scenario: &Scenario, liars: Liars) -> Result<SetUp<'_>, SimError> {
    let plan = Plan::new(at_once(spec(scenario)))?;
    let Some(block) = block(&plan) else { return Err(SimError::NotInTransfer { what: "set-up alone" }) };
    let mut stage = Stage::new(scenario, plan, block, liars);
    while !stage.has_begun && stage.outcome.is_none() {
        stage.step()?;
    }
    Ok(SetUp(stage))
}

/// A campaign before its first fragment.
pub struct SetUp<'a>(Stage<'a>);

impl SetUp<'_> {
    /// Lets the rest of it happen.
    ///
    /// # Errors
    /// [`SimError::Stalled`] for a fault of the program.
    pub fn run(self) -> Result<CampaignRecord, SimError> {
        let Self(mut stage) = self;
        loop {
            match stage.outcome {
                Some(outcome) => return Ok(stage.record(outcome)),
                None => stage.step()?,
            }
        }
    }
}

/// The campaign of a fleet that is set up at once: every device can be asked at any time, and the session begins a
/// minute later.
fn at_once(mut spec: CampaignSpec) -> CampaignSpec {
    for device in &mut spec.devices {
        device.class = DeviceClass::C;
        // Nobody speaks but to answer, and nobody is missed for it.
        device.uplink_period = Duration::from_secs(86_400);
    }
    spec.config.mcsession_delay = Some(Duration::from_secs(60));
    spec.max_duration = Duration::from_secs(100 * 86_400);
    spec
}

struct Stage<'a> {
    scenario: &'a Scenario,
    campaign: Campaign,
    block: Block,
    names: Fleet,
    bits: Bits<'a>,
    uplinks: Uplinks,
    downlink: Option<Modulation>,
    liars: Liars,
    now: GpsInstant,
    agenda: Agenda,
    /// Requests of the set-up stages, to be answered before time goes on.
    requests: VecDeque<Transmit>,
    timer: Option<GpsInstant>,
    session: Option<GpsInstant>,
    decided: Option<GpsInstant>,
    outcome: Option<Outcome>,
    /// Whether the group was sent anything.
    has_begun: bool,
    fragments: u32,
    fragments_alone: u32,
    polls: u16,
    airtime: Duration,
    airtime_alone: Duration,
}

impl<'a> Stage<'a> {
    fn new(scenario: &'a Scenario, plan: Plan, block: Block, liars: Liars) -> Self {
        let devices = scenario.devices();
        let over = u32::from(block.frames()) * (100 + u32::from(scenario.config.adaptive_excess_max)) / 100;
        let most = u16::try_from(over).unwrap_or(u16::MAX).max(block.frames());
        let window = Duration::from_secs(plan.block_ack_delay().window_s().into());
        let modulation =
            |rate: Option<fuota_engine::region::DataRateParameters>| rate.map(|rate| rate.modulation);
        let uplink = modulation(scenario.region.uplink(scenario.uplink_data_rate));
        let answer = uplink.map_or(Duration::ZERO, |modulation| modulation.uplink(STATUS_ANS_LEN));
        Self {
            scenario,
            block,
            names: Fleet::new(scenario.seed, devices, scenario.faults),
            bits: Bits::new(scenario, block, most),
            uplinks: Uplinks::new(devices, window, answer, scenario.region.uplink_channels()),
            downlink: modulation(scenario.region.downlink(scenario.data_rate)),
            campaign: Campaign::new(plan, START),
            liars,
            now: START,
            agenda: Agenda::default(),
            requests: VecDeque::new(),
            timer: None,
            session: None,
            decided: None,
            outcome: None,
            has_begun: false,
            fragments: 0,
            fragments_alone: 0,
            polls: 0,
            airtime: Duration::ZERO,
            airtime_alone: Duration::ZERO,
        }
    }

    fn step(&mut self) -> Result<(), SimError> {
        self.drain();
        if self.outcome.is_some() {
            return Ok(());
        }
        if let Some(request) = self.requests.pop_front() {
            self.answer(&request);
            return Ok(());
        }
        match (self.timer, self.agenda.next()) {
            (Some(timer), next) if next.is_none_or(|next| timer <= next) => {
                self.now = self.now.max(timer);
                self.campaign.handle(self.now, Input::Timeout);
            }
            (_, Some(_)) => {
                if let Some((at, happening)) = self.agenda.pop() {
                    self.now = self.now.max(at);
                    self.happen(happening);
                }
            }
            (_, None) => return Err(SimError::Stalled { at: self.now }),
        }
        Ok(())
    }

    /// Does what the campaign wants until it waits.
    fn drain(&mut self) {
        loop {
            match self.campaign.poll_output() {
                Output::Wait(until) => {
                    self.timer = until;
                    return;
                }
                Output::Finished(outcome) => self.outcome = Some(outcome),
                Output::Group(GroupOrder::Provision(parameters)) => {
                    let report = GroupReport::Provisioned { next_fcnt: 0 };
                    self.campaign.handle(self.now, Input::Group { id: parameters.id, report });
                }
                Output::Derive(order) => self.derive(order),
                Output::Transmit(transmit) => self.transmit(transmit),
                Output::Event(Event::SessionScheduled { start, .. }) => self.session = Some(start),
                Output::Event(Event::Polled { poll, .. }) => self.polls = poll,
                Output::Event(Event::Decided(_)) => self.decided = Some(self.now),
                Output::Group(_) | Output::Cancel(_) | Output::Persist(_) | Output::Event(_) => {}
            }
        }
    }

    fn derive(&mut self, order: DeriveOrder) {
        let (device, value) = match order {
            DeriveOrder::McKey { device, .. } => (device, Derived::McKey(EncryptedMcKey([0; 16]))),
            DeriveOrder::BlockMic { device, .. } => (device, Derived::BlockMic(Mic([0; 4]))),
            _ => return,
        };
        self.campaign.handle(self.now, Input::Derived { device, value });
    }

    fn transmit(&mut self, transmit: Transmit) {
        self.has_begun |= matches!(transmit.dest, Dest::Multicast(_));
        if !self.has_begun {
            self.requests.push_back(transmit);
            return;
        }
        let framed =
            |modulation: Modulation| modulation.framed(transmit.payload.len(), self.scenario.framing);
        let airtime = self.downlink.map_or(Duration::ZERO, framed);
        // What is wound up after the end is no part of the transfer.
        if self.decided.is_none() {
            self.airtime += airtime;
            if matches!(transmit.dest, Dest::Unicast(_)) {
                self.airtime_alone += airtime;
            }
        }
        self.agenda.send(transmit.not_before.max(self.now) + airtime, transmit);
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Sent(transmit) => self.sent(&transmit),
            Happening::Speaks(device) => {
                let end = self.uplinks.speak(device, self.now);
                self.agenda.hear(end, device);
            }
            Happening::Heard(device) => {
                let gateways = self.bits.alive(self.now);
                if self.uplinks.is_heard(device, gateways) {
                    self.report(device);
                }
            }
        }
    }

    /// A downlink after the set-up: a fragment or a status request.
    fn sent(&mut self, transmit: &Transmit) {
        let command = frag::Downlink::commands(&transmit.payload).next().and_then(Result::ok);
        match (transmit.dest, command) {
            (Dest::Multicast(_), Some(frag::Downlink::DataFragment(fragment))) => {
                self.fragments += 1;
                self.bits.skip_to(fragment.n.get().saturating_sub(1));
                debug_assert_eq!(u32::from(fragment.n.get()), self.bits.sent() + 1);
                self.bits.fragment(self.now);
            }
            (Dest::Unicast(name), Some(frag::Downlink::DataFragment(fragment))) => {
                self.fragments_alone += 1;
                if let Some(device) = self.names.find(name) {
                    self.bits.fragment_alone(device, fragment.n.get(), self.now);
                }
            }
            (Dest::Multicast(_), Some(frag::Downlink::FragSessionStatusReq(request))) => {
                self.bits.request(self.now);
                let liars = self.liars;
                let in_any_case = |device| request.participants || liars.include(device);
                let answers = self.bits.poll(self.now, &mut self.uplinks, in_any_case);
                self.agenda.poll(answers);
            }
            (Dest::Unicast(name), Some(frag::Downlink::FragSessionStatusReq(request))) => {
                if let Some(device) = self.names.find(name)
                    && self.answers(device, request.participants)
                    && self.bits.hears_alone(device, self.now)
                    && let Some(at) = self.answer_at(device)
                {
                    self.agenda.ask(at, device);
                }
            }
            _ => {}
        }
        let report = Report::Sent { at: self.now };
        self.campaign.handle(self.now, Input::Downlink { id: transmit.id, report });
    }

    /// Whether a device that hears a status request has something to say (TS004-1.0.0 §3.2).
    fn answers(&mut self, device: u32, participants: bool) -> bool {
        participants || self.liars.include(device) || self.bits.missing(device) > 0
    }

    /// When a device that was asked for its status answers; one answer at a time waits for its moment.
    fn answer_at(&mut self, device: u32) -> Option<GpsInstant> {
        let air = self.bits.air(device)?;
        self.uplinks.answer_at(device, air, self.now)
    }

    fn record(&mut self, outcome: Outcome) -> CampaignRecord {
        let reports: Vec<_> = self.campaign.devices().collect();
        let (mut holding, mut wrong) = (0, 0);
        for (device, report) in (0..).zip(&reports) {
            let holds = self.bits.missing(device) == 0;
            holding += u32::from(holds);
            wrong += u32::from(report.counts_as_complete() && !holds);
            debug_assert!(holds || report.status != DeviceStatus::Complete);
        }
        let suspects = reports.iter().filter(|report| report.suspect && !report.counts_as_complete());
        let (start, end) = (self.session.unwrap_or(START), self.decided.unwrap_or(self.now));
        CampaignRecord {
            outcome,
            block: self.block,
            fragments: self.fragments,
            fragments_alone: self.fragments_alone,
            polls: self.polls,
            airtime: self.airtime,
            airtime_alone: self.airtime_alone,
            uplink_airtime: self.uplinks.airtime(),
            duration: end.since(start),
            holding,
            wrong,
            suspects: suspects.map(|report| report.dev_eui).collect(),
        }
    }
}
