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

mod closing;
pub mod event;
mod exchange;
pub mod io;
mod ledger;
mod member;
pub mod plan;
mod poll;
mod roster;
mod setup;
pub mod spec;
mod transfer;
mod tx;

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use fuota_proto::{TimeOut, fragmentation, multicast};

use self::closing::Closing;
use self::event::{Cause, DeviceReport, Event, FailureReason, StageKind, StageReport, StageStatus, Warning};
use self::exchange::Question;
use self::io::{Dest, GroupOrder, GroupReport, Input, Order, Output, Report, Transmit};
use self::ledger::Ledger;
use self::member::State;
use self::plan::Plan;
use self::poll::Poll;
use self::roster::Roster;
use self::transfer::Transfer;
use self::tx::{Cargo, parts, tx_id};
use crate::ids::DevEui;
use crate::time::GpsInstant;

/// A campaign under way. See the [module](self) for how to drive it.
#[derive(Clone, Debug)]
pub struct Campaign {
    plan: Plan,
    roster: Roster,
    ledger: Ledger,
    phase: Phase,
    /// Outputs that are due before anything generated on demand.
    outputs: VecDeque<Output>,
    now: GpsInstant,
    started: GpsInstant,
    /// When the maximum duration has passed.
    deadline: GpsInstant,
    /// Frame counter of the group's next multicast downlink when the campaign began.
    first_fcnt: u32,
    /// Multicast downlinks that the devices' counter range still allows.
    frames_left: u32,
    session: Option<Session>,
    /// The next unicast downlink may not be sent before.
    next_unicast: GpsInstant,
    /// The next multicast downlink may not be sent before.
    next_multicast: GpsInstant,
    /// Wrapped keys that were asked for and have not come.
    keys_awaited: u32,
    /// The round of fragments under way or last sent, counted from 1.
    round: u16,
    next_serial: u32,
}

/// What the campaign is busy with.
#[derive(Clone, Debug)]
enum Phase {
    /// The network server sets the group up.
    Provisioning,
    /// Every device that takes part is asked, one by one.
    Asking(Question),
    /// Nobody is asked any more, but late answers to the question count.
    Late { question: Question, until: GpsInstant },
    /// Fragments go out.
    Transfer(Transfer),
    /// The group is asked what it is missing.
    Polling(Poll),
    /// Enough devices are complete; more may still report.
    Completing { until: GpsInstant },
    /// The end is decided; what remains open is wound up.
    Closing(Closing),
    /// Nothing follows.
    Over,
}

/// The class C session, the same for every device.
#[derive(Clone, Copy, Debug)]
struct Session {
    start: GpsInstant,
    time_out: TimeOut,
    end: GpsInstant,
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
        let mut outputs: VecDeque<_> =
            plan.warnings().into_iter().map(|warning| Output::Event(Event::Warning(warning))).collect();
        outputs.push_back(Output::Group(GroupOrder::Provision(*plan.group())));
        Self {
            roster: Roster::new(plan.devices(), now),
            ledger: Ledger::default(),
            phase: Phase::Provisioning,
            outputs,
            now,
            started: now,
            deadline: now + plan.spec.max_duration,
            first_fcnt: 0,
            frames_left: 0,
            session: None,
            next_unicast: now,
            next_multicast: now,
            keys_awaited: 0,
            round: 1,
            next_serial: 0,
            plan,
        }
    }

    /// Takes note of something that happened at `now`. Never fails: nonsense becomes a warning.
    ///
    /// `now` must not run backwards; if it does, the latest moment known counts.
    pub fn handle(&mut self, now: GpsInstant, input: Input<'_>) {
        self.now = self.now.max(now);
        if matches!(self.phase, Phase::Closing(_) | Phase::Over) {
            return;
        }
        match input {
            Input::Uplink { from, port, payload, received } => self.on_uplink(from, port, payload, received),
            Input::Downlink { id, report } => self.on_report(id, report),
            Input::Group { id, report } if id == self.plan.group().id => self.on_group(report),
            Input::Derived { device, mc_key_encrypted } => match self.roster.find(device) {
                Some(index) => self.on_key(index, mc_key_encrypted),
                None => self.warn(Warning::UnknownInput),
            },
            Input::Operator(Order::Stop) => {
                self.close(event::CampaignStatus::Stopped, Some(Cause::Stopped { stage: self.stage() }));
            }
            Input::Timeout => {}
            Input::Group { .. } => self.warn(Warning::UnknownInput),
        }
        self.advance();
    }

    /// The next thing to do. Call until it answers [`Output::Wait`].
    pub fn poll_output(&mut self) -> Output {
        if let Some(output) = self.outputs.pop_front() {
            return output;
        }
        let next = match self.phase {
            Phase::Asking(question) => self.next_request(question),
            Phase::Transfer(_) => self.next_fragment(),
            Phase::Polling(_) => self.next_poll(),
            Phase::Closing(_) => self.next_closing(),
            Phase::Provisioning | Phase::Late { .. } | Phase::Completing { .. } | Phase::Over => None,
        };
        next.unwrap_or_else(|| Output::Wait(self.wake_at()))
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
        self.roster.members().iter().map(member::Member::report)
    }

    /// How far the current stage is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let (stage, counts) = (self.stage(), self.roster.counts());
        let (done, total) = match &self.phase {
            Phase::Transfer(transfer) => transfer.progress(),
            _ if stage <= StageKind::McClassCSession => (counts.done, counts.done + counts.open),
            _ => (counts.done + counts.complete, counts.done + counts.complete + counts.open),
        };
        Progress { stage, done, total }
    }

    /// The stage under way, or the last one; before the group exists, the first.
    fn stage(&self) -> StageKind {
        self.ledger.stages().last().map_or(StageKind::McGroupSetup, |report| report.stage)
    }

    fn on_uplink(&mut self, from: DevEui, port: u8, payload: &[u8], received: GpsInstant) {
        let Some(index) = self.roster.find(from) else {
            self.warn(Warning::UnknownInput);
            return;
        };
        self.heard(index);
        let config = self.plan.config();
        let fault = if port == config.fucport {
            self.on_multicast_package(index, payload, received)
        } else if port == config.fmcport {
            self.on_fragmentation_package(index, payload)
        } else {
            Ok(())
        };
        if let Err(error) = fault {
            self.warn(Warning::Malformed { device: from, port, offset: error.offset });
        }
    }

    fn on_multicast_package(
        &mut self,
        index: u32,
        payload: &[u8],
        received: GpsInstant,
    ) -> Result<(), fuota_proto::DecodeError> {
        use multicast::v1::Uplink;
        for command in Uplink::commands(payload) {
            match command? {
                Uplink::McGroupSetupAns(ans) => self.on_mc_group_setup_ans(index, &ans),
                Uplink::McClassCSessionAns(ans) => {
                    self.on_class_c_session_ans(index, &ans, payload.len(), received);
                }
                // Answers to what this campaign never asks.
                _ => {}
            }
        }
        Ok(())
    }

    fn on_fragmentation_package(
        &mut self,
        index: u32,
        payload: &[u8],
    ) -> Result<(), fuota_proto::DecodeError> {
        use fragmentation::v1::Uplink;
        for command in Uplink::commands(payload) {
            match command? {
                Uplink::FragSessionSetupAns(ans) => self.on_frag_session_setup_ans(index, &ans),
                Uplink::FragSessionStatusAns(ans) => self.on_frag_session_status_ans(index, &ans),
                // Answers to what this campaign never asks.
                _ => {}
            }
        }
        Ok(())
    }

    fn on_report(&mut self, id: crate::ids::TxId, report: Report) {
        if let Report::Refused(refusal) = report {
            self.warn(Warning::Refused(refusal));
        }
        match parts(id) {
            (serial, Cargo::Request(index)) => self.on_request_report(index, serial, report),
            (serial, Cargo::Fragment(n)) => self.on_fragment_report(serial, n, report),
            (serial, Cargo::Poll) => self.on_poll_report(serial, report),
        }
    }

    fn on_group(&mut self, report: GroupReport) {
        match (&self.phase, report) {
            (Phase::Provisioning, GroupReport::Provisioned { next_fcnt }) => {
                self.first_fcnt = next_fcnt;
                self.frames_left = self.plan.max_mc_fcnt(next_fcnt) - next_fcnt;
                self.ask(Question::McGroupSetup);
            }
            (Phase::Provisioning, GroupReport::Refused) => {
                self.close(event::CampaignStatus::Failed, Some(Cause::GroupRefused));
            }
            _ => self.warn(Warning::UnknownInput),
        }
    }

    /// Does what time alone brings about, until nothing more is due.
    fn advance(&mut self) {
        loop {
            if self.now >= self.deadline {
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
                Phase::Transfer(_) => self.settle_transfer(),
                Phase::Polling(_) => self.settle_poll(),
                Phase::Completing { until } => self.settle_completing(until),
                Phase::Provisioning | Phase::Closing(_) | Phase::Over => false,
            };
            if !moved {
                return;
            }
        }
    }

    /// When to be called again if nothing happens.
    fn wake_at(&self) -> Option<GpsInstant> {
        let phase = match &self.phase {
            Phase::Closing(_) | Phase::Over => return None,
            Phase::Provisioning => None,
            Phase::Asking(question) => self.exchange_wakes_at(*question),
            Phase::Late { until, .. } | Phase::Completing { until } => Some(*until),
            Phase::Transfer(transfer) => self.transfer_wakes_at(transfer),
            Phase::Polling(poll) => self.poll_wakes_at(poll),
        };
        [Some(self.deadline), self.roster.next_timer(), phase].into_iter().flatten().min()
    }

    /// Enters a stage with so many devices.
    fn begin_stage(&mut self, stage: StageKind, participants: u32) {
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
        self.withdraw(index);
        self.roster.conclude(index, State::Failed(self.stage(), reason), self.now);
        self.ledger.note(|stage| stage.failed += 1);
        self.tell_device(index);
    }

    /// Cancels a device's request if the network server still holds one.
    fn withdraw(&mut self, index: u32) {
        if let Some(State::AwaitReport(serial)) = self.roster.get(index).map(|member| member.state) {
            self.outputs.push_back(Output::Cancel(tx_id(serial, Cargo::Request(index))));
        }
    }

    /// A fresh transmission.
    fn transmit(
        &mut self,
        cargo: Cargo,
        dest: Dest,
        port: u8,
        payload: Vec<u8>,
        expires_at: GpsInstant,
    ) -> (u32, Transmit) {
        let serial = self.next_serial;
        self.next_serial = serial.wrapping_add(1);
        (serial, Transmit { id: tx_id(serial, cargo), dest, port, payload, not_before: self.now, expires_at })
    }

    fn tell(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn tell_device(&mut self, index: u32) {
        if let Some(report) = self.roster.get(index).map(member::Member::report) {
            self.tell(Event::Device(report));
        }
    }

    fn warn(&mut self, warning: Warning) {
        self.tell(Event::Warning(warning));
    }
}
