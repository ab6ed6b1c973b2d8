//! The server's side of a campaign, as a state machine without I/O.
//!
//! A [`Campaign`] never reads a clock, draws a random number, sends or waits. It is told what happened
//! ([`Campaign::handle`]) and asked what to do ([`Campaign::poll_output`]); the same inputs at the same moments
//! give the same outputs, everywhere.
//!
//! ```text
//!  Provisioning
//!       │ group exists
//!       ▼
//!  McGroupSetup ──▶ FragSessionSetup ──▶ McClassCSession      each device is asked until it answers or fails;
//!       │                  │                   │              late answers are waited for; too few: FAILED
//!       └──────────────────┴────────┐          ▼
//!                                   │     DataFragment ◀──────────────┐ FurtherRounds
//!                                   │          ▼                      │ (no FEC, rounds and time left)
//!                                   │   FragSessionStatus ────────────┘
//!                                   ▼          │
//!                                FAILED ◀──────┴──────▶ SUCCEEDED
//! ```
//!
//! # The integrator's loop
//! ```
//! use fuota_engine::campaign::event::Outcome;
//! use fuota_engine::campaign::io::{Input, Output};
//! use fuota_engine::campaign::Campaign;
//! use fuota_engine::time::GpsInstant;
//!
//! /// What the loop needs from its surroundings: a network server, a key store, a clock.
//! trait Surroundings {
//!     fn perform(&mut self, output: Output);
//!     /// The next thing that happens, at the latest the time-out.
//!     fn next(&mut self, until: Option<GpsInstant>) -> (GpsInstant, Input<'static>);
//! }
//!
//! fn run(mut campaign: Campaign, surroundings: &mut impl Surroundings) -> Outcome {
//!     loop {
//!         match campaign.poll_output() {
//!             Output::Finished(outcome) => return outcome,
//!             Output::Wait(until) => {
//!                 let (now, input) = surroundings.next(until);
//!                 campaign.handle(now, input);
//!             }
//!             output => surroundings.perform(output),
//!         }
//!     }
//! }
//! ```

mod answer;
mod clock;
mod closing;
pub mod event;
mod exchange;
mod firmware;
pub mod io;
mod judge;
mod ledger;
mod member;
pub mod plan;
mod policy;
mod poll;
mod question;
pub mod record;
mod roster;
pub mod spec;
mod stream;
mod transfer;
mod tx;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use fuota_proto::McGroupId;

use self::closing::Closing;
use self::event::{
    CampaignStatus, Cause, DeviceReport, Event, FailureReason, Outcome, StageKind, StageReport, StageStatus,
    Warning,
};
use self::firmware::AfterProcessing;
use self::io::{Dest, GroupOrder, GroupReport, Input, Order, Output, Report, Transmit};
use self::ledger::Ledger;
use self::member::{Errand, Member, Standing};
use self::plan::{GroupPlan, Plan};
use self::policy::Policy;
use self::question::{Package, Question};
use self::record::{Entry, Record};
use self::roster::Roster;
use self::spec::{DeviceSpec, Kind};
use self::stream::{GroupState, PollStep, Stream};
use self::tx::{Cargo, parts, tx_id};
use crate::ids::{DevEui, TxId};
use crate::time::GpsInstant;

/// A campaign under way. See the [module](self) for how to drive it.
#[derive(Clone, Debug)]
pub struct Campaign {
    plan: Plan,
    roster: Roster,
    ledger: Ledger,
    groups: Vec<GroupState>,
    /// Empty until fragments are sent.
    streams: Vec<Stream>,
    phase: Phase,
    /// Records that have to be durable before anything else is done.
    journal: VecDeque<Record>,
    /// Outputs that are due before anything generated on demand.
    outputs: VecDeque<Output>,
    /// Whether the records say that outputs are generated on demand since the last input.
    drained: bool,
    now: GpsInstant,
    started: GpsInstant,
    /// When the maximum duration has passed.
    deadline: GpsInstant,
    clean_up_ends_at: GpsInstant,
    /// The next unicast downlink may not be sent before.
    next_unicast: GpsInstant,
    /// Derivations that were asked for and have not come.
    derivations: u32,
    /// Serial numbers of requests that are handed over again once what they contain is derived anew.
    repeats: BTreeMap<u32, u32>,
    next_serial: u32,
    /// The end, once it is decided.
    outcome: Option<Outcome>,
}

/// What the campaign is busy with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The network server sets the groups up.
    Provisioning,
    /// Every device that takes part is asked, one by one.
    Asking(Question),
    /// Nobody is asked any more, but late answers to the question count.
    Late { question: Question, until: GpsInstant },
    /// Fragments go out.
    Transfer,
    /// Groups are asked what they are missing.
    Polling,
    /// Devices process what they received.
    Processing { until: GpsInstant, then: AfterProcessing },
    /// Enough devices have what the campaign is for; more may still report.
    Completing { until: GpsInstant },
    /// The end is decided; what remains open is wound up.
    Closing(Closing),
    /// Nothing follows.
    Over,
}

/// How far the current stage is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The stage.
    pub stage: StageKind,
    /// Devices that have done it, or fragments sent in a round.
    pub done: u32,
    /// Of how many.
    pub total: u32,
}

impl Campaign {
    /// Starts a campaign at `now`.
    #[must_use]
    pub fn new(plan: Plan, now: GpsInstant) -> Self {
        let warnings = plan.warnings().into_iter().map(|warning| Output::Event(Event::Warning(warning)));
        let provision = |group: &GroupPlan| Output::Group(GroupOrder::Provision(*group.parameters()));
        let outputs = warnings.chain(plan.groups().iter().map(provision)).collect();
        let member = |device: &DeviceSpec| {
            let group = plan.group(device.group.0).map(|group| group.parameters().mc_group_id);
            Member::new(device, device.group.0, group.unwrap_or(McGroupId::MIN), now)
        };
        Self {
            roster: Roster::new(plan.devices().iter().map(member).collect()),
            ledger: Ledger::default(),
            groups: plan.groups().iter().map(|_| GroupState::default()).collect(),
            streams: Vec::new(),
            phase: Phase::Provisioning,
            journal: [Record { at: now, entry: Entry::Started }].into(),
            outputs,
            drained: false,
            now,
            started: now,
            deadline: now + plan.spec.max_duration,
            clean_up_ends_at: now,
            next_unicast: now,
            derivations: 0,
            repeats: BTreeMap::new(),
            next_serial: 0,
            outcome: None,
            plan,
        }
    }

    /// Takes note of something that happened at `now`. Never fails: nonsense becomes a warning.
    ///
    /// `now` must not run backwards; if it does, the latest moment known counts.
    pub fn handle(&mut self, now: GpsInstant, input: Input<'_>) {
        self.now = self.now.max(now);
        if self.phase == Phase::Over {
            return;
        }
        self.journal(&input);
        self.drained = false;
        if !matches!(self.phase, Phase::Closing(_)) {
            self.take(input);
            self.advance();
        }
    }

    /// The next thing to do. Call until it answers [`Output::Wait`].
    pub fn poll_output(&mut self) -> Output {
        if let Some(record) = self.journal.pop_front() {
            return Output::Persist(record);
        }
        if let Some(output) = self.outputs.pop_front() {
            return output;
        }
        match self.next_on_demand() {
            None => Output::Wait(self.wake_at()),
            Some(output) if self.drained => output,
            Some(output) => {
                // Whoever rebuilds the state has to know that it moved on here.
                self.drained = true;
                self.outputs.push_front(output);
                Output::Persist(Record { at: self.now, entry: Entry::Drained })
            }
        }
    }

    /// The plan that is carried out.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The accounts of the stages entered so far, in order.
    #[must_use]
    pub fn stages(&self) -> &[StageReport] {
        self.ledger.stages()
    }

    /// Every device's account, in the plan's order.
    pub fn devices(&self) -> impl ExactSizeIterator<Item = DeviceReport> + '_ {
        self.roster.members().iter().map(Member::report)
    }

    /// How far the current stage is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let stage = self.stage().unwrap_or(StageKind::McGroupSetup);
        let counts = self.roster.counts();
        let (done, total) = match self.phase {
            Phase::Transfer => self.streams.iter().fold((0, 0), |(done, total), stream| {
                let (sent, of) = stream.progress();
                (done + u32::from(sent), total + u32::from(of))
            }),
            _ => {
                let done = counts.done + counts.successful();
                (done, counts.running + counts.successful())
            }
        };
        Progress { stage, done, total }
    }

    /// The end, once it is decided; clean-up may still be under way.
    #[must_use]
    pub const fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    fn take(&mut self, input: Input<'_>) {
        match input {
            Input::Uplink { from, port, payload, received } => self.on_uplink(from, port, payload, received),
            Input::Downlink { id, report } => self.on_report(id, report),
            Input::Group { id, report } => self.on_group(usize::from(id.0), report),
            Input::Derived { device, value } => match self.roster.find(device) {
                Some(index) => self.on_derived(index, value),
                None => self.warn(Warning::UnknownInput),
            },
            Input::Operator(Order::Stop) if self.outcome.is_none() => {
                let stage = self.stage().unwrap_or(StageKind::McGroupSetup);
                self.close(CampaignStatus::Stopped, Some(Cause::Stopped { stage }));
            }
            Input::Operator(Order::Stop) | Input::Timeout => {}
        }
    }

    fn on_uplink(&mut self, from: DevEui, port: u8, payload: &[u8], received: GpsInstant) {
        let Some(index) = self.roster.find(from) else {
            self.warn(Warning::UnknownInput);
            return;
        };
        self.heard(index);
        let Some(versions) = self.roster.get(index).map(|member| (member.multicast, member.fragmentation))
        else {
            return;
        };
        let mut answers = Vec::new();
        let fault = answer::read(self.plan.config(), versions, port, payload, |answer| answers.push(answer));
        for answer in answers {
            self.on_answer(index, answer, payload.len(), received);
        }
        if let Err(error) = fault {
            self.warn(Warning::Malformed { device: from, port, offset: error.offset });
        }
    }

    fn on_report(&mut self, id: TxId, report: Report) {
        if let Report::Refused(refusal) = report {
            self.warn(Warning::Refused(refusal));
        }
        match parts(id) {
            (serial, Cargo::Request(index)) => self.on_request_report(index, serial, report),
            (serial, Cargo::Fragment { stream, n }) => self.on_fragment_report(stream, n, serial, report),
            (serial, Cargo::Poll { stream }) => self.on_poll_report(stream, serial, report),
            (_, Cargo::Reply) => {}
        }
    }

    fn on_group(&mut self, group: usize, report: GroupReport) {
        let (Phase::Provisioning, Some(plan)) = (self.phase, self.plan.groups().get(group)) else {
            self.warn(Warning::UnknownInput);
            return;
        };
        match report {
            GroupReport::Provisioned { next_fcnt } => {
                let frames = self.plan.max_mc_fcnt(plan, next_fcnt) - next_fcnt;
                if let Some(state) = self.groups.get_mut(group) {
                    state.provisioned = true;
                    state.first_fcnt = next_fcnt;
                    state.frames_left = frames;
                }
                if self.groups.iter().all(|group| group.provisioned) {
                    self.begin();
                }
            }
            GroupReport::Refused => self.close(CampaignStatus::Failed, Some(Cause::GroupRefused)),
        }
    }

    /// Every group exists: the first stage opens.
    fn begin(&mut self) {
        if let Kind::Firmware(firmware) = self.plan.kind() {
            if firmware.reboot.is_some_and(|reboot| reboot < self.now + self.plan.transfer_estimate()) {
                self.close(CampaignStatus::Failed, Some(Cause::RebootTooEarly));
                return;
            }
            for index in self.roster.indices() {
                if self.plan.device(index).is_some_and(|device| device.firmware == Some(firmware.target)) {
                    self.conclude(index, Standing::UpToDate);
                }
            }
        }
        let known = |member: &Member| {
            member.multicast.is_some()
                && (member.fragmentation.is_some() || self.plan.kind() == Kind::MulticastSetup)
        };
        if self.roster.members().iter().all(known) {
            self.ask(Question::McGroupSetup);
        } else {
            self.ask(Question::PackageVersion(Package::Multicast));
        }
    }

    /// Does what time alone brings about, until nothing more is due.
    fn advance(&mut self) {
        loop {
            if self.now >= self.deadline && self.outcome.is_none() && !matches!(self.phase, Phase::Closing(_))
            {
                self.time_up();
            }
            if matches!(self.phase, Phase::Closing(_) | Phase::Over) {
                return;
            }
            while let Some(index) = self.roster.expired(self.now) {
                self.on_timer(index);
            }
            let moved = match self.phase {
                Phase::Asking(question) => self.settle_exchange(question),
                Phase::Late { question, until } => self.settle_late(question, until),
                Phase::Transfer => self.settle_transfer(),
                Phase::Polling => self.settle_poll(),
                Phase::Processing { until, then } => self.settle_processing(until, then),
                Phase::Completing { until } => self.settle_completing(until),
                Phase::Provisioning | Phase::Closing(_) | Phase::Over => false,
            };
            if !moved {
                return;
            }
        }
    }

    fn next_on_demand(&mut self) -> Option<Output> {
        match self.phase {
            Phase::Asking(question) => self.next_request(question),
            Phase::Transfer | Phase::Polling => self.next_multicast(),
            Phase::Closing(_) => self.next_closing(),
            Phase::Provisioning
            | Phase::Late { .. }
            | Phase::Processing { .. }
            | Phase::Completing { .. }
            | Phase::Over => None,
        }
    }

    /// When to be called again if nothing happens.
    fn wake_at(&self) -> Option<GpsInstant> {
        let phase = match self.phase {
            Phase::Closing(_) | Phase::Over => return None,
            Phase::Provisioning => None,
            Phase::Asking(question) => self.exchange_wakes_at(question),
            Phase::Late { until, .. } | Phase::Completing { until } | Phase::Processing { until, .. } => {
                Some(until)
            }
            Phase::Transfer | Phase::Polling => self.multicast_wakes_at(),
        };
        let deadline = self.outcome.is_none().then_some(self.deadline);
        [deadline, self.roster.next_timer(), phase].into_iter().flatten().min()
    }

    /// The stage under way, or the last one.
    fn stage(&self) -> Option<StageKind> {
        self.ledger.stages().last().map(|report| report.stage)
    }

    /// Whether devices are being asked this, or were and may still answer.
    fn phase_asks(&self, question: Question) -> bool {
        match self.phase {
            Phase::Asking(asked) | Phase::Late { question: asked, .. } => asked == question,
            _ => false,
        }
    }

    fn policy_of(&self, index: u32) -> Policy {
        let group = self.roster.get(index).and_then(|member| self.plan.group(member.group));
        group.map_or(Policy::Fixed { parity: 0 }, |group| group.policy)
    }

    /// Enters a stage with so many devices; the one before has done its work.
    fn begin_stage(&mut self, stage: StageKind, participants: u32) {
        if self.ledger.stages().last().is_some_and(|report| report.status == StageStatus::Running) {
            self.end_stage(StageStatus::Completed, participants);
        }
        self.ledger.open(stage, participants, self.now);
        self.tell(Event::StageStarted { stage, participants });
    }

    /// Ends the current stage.
    fn end_stage(&mut self, status: StageStatus, succeeded: u32) {
        if let Some(report) = self.ledger.close(status, succeeded, self.now) {
            self.tell(Event::StageEnded(report));
        }
    }

    /// A device's part is over for a reason other than success.
    fn fail(&mut self, index: u32, reason: FailureReason) {
        let stage = self.stage().unwrap_or(StageKind::McGroupSetup);
        self.ledger.note(|report| report.failed += 1);
        self.conclude(index, Standing::Failed(stage, reason));
    }

    /// Decides how a device stands.
    fn conclude(&mut self, index: u32, standing: Standing) {
        self.withdraw(index);
        let stage = self.stage().unwrap_or(StageKind::McGroupSetup);
        self.roster.conclude(index, standing, stage, self.now);
        if let Some(report) = self.roster.get(index).map(Member::report) {
            self.tell(Event::Device(report));
        }
    }

    /// Takes back that a device failed for want of an answer.
    fn revive(&mut self, index: u32) {
        let stage = self.stage().unwrap_or(StageKind::McGroupSetup);
        self.roster.conclude(index, Standing::Running, stage, self.now);
    }

    /// Cancels a device's request if the network server still holds one.
    fn withdraw(&mut self, index: u32) {
        if let Some(Errand::AwaitReport(serial)) = self.roster.get(index).map(|member| member.errand) {
            self.outputs.push_back(Output::Cancel(tx_id(serial, Cargo::Request(index))));
        }
    }

    /// A transmission, under a fresh serial number or under `again`.
    fn transmit(
        &mut self,
        cargo: Cargo,
        dest: Dest,
        port: u8,
        payload: Vec<u8>,
        expires_at: GpsInstant,
        again: Option<u32>,
    ) -> (u32, Transmit) {
        let serial = again.unwrap_or_else(|| {
            let serial = self.next_serial;
            self.next_serial = serial.wrapping_add(1);
            serial
        });
        (serial, Transmit { id: tx_id(serial, cargo), dest, port, payload, not_before: self.now, expires_at })
    }

    fn tell(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn warn(&mut self, warning: Warning) {
        self.tell(Event::Warning(warning));
    }
}
