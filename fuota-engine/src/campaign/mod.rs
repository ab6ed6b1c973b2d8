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

mod adaptive;
mod answer;
mod clock;
mod closing;
mod conduct;
mod estimate;
pub mod event;
mod exchange;
mod firmware;
#[cfg(feature = "records")]
pub mod format;
mod identifiers;
mod intake;
pub mod io;
mod judge;
mod ledger;
mod member;
mod names;
pub mod order;
mod outputs;
pub mod plan;
mod policy;
mod poll;
mod probe;
mod question;
pub mod quirk;
pub mod record;
pub mod retry;
mod roster;
mod settle;
#[cfg(feature = "records")]
mod snapshot;
pub mod spec;
mod standing;
mod stream;
mod timers;
mod transfer;
mod tx;
mod warning;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use self::closing::Closing;
pub use self::estimate::Estimate;
use self::event::{CampaignStatus, Cause, DeviceReport, Event, Outcome, StageKind, StageReport, Warning};
use self::firmware::AfterProcessing;
use self::io::{Dest, Input, Output};
use self::ledger::Ledger;
use self::member::{Mark, Member};
use self::outputs::Outputs;
use self::plan::Plan;
use self::question::Question;
use self::record::{Entry, Record};
use self::roster::Roster;
use self::spec::{DeviceSpec, Start};
use self::stream::{GroupState, PollStep, Stream};
use crate::percent::Percent;
use crate::time::GpsInstant;

/// A campaign under way. See the [module](self) for how to drive it.
#[derive(Clone, Debug)]
pub struct Campaign {
    plan: Plan,
    roster: Roster,
    ledger: Ledger,
    groups: Vec<GroupState>,
    /// Groups whose devices of version 1 and 2 must not share an index.
    mixed: BTreeSet<u8>,
    /// Empty until fragments are sent.
    streams: Vec<Stream>,
    /// Fragments that few devices are still to be sent alone before they are asked for their status, by their place in
    /// the plan; never 0.
    owed: BTreeMap<u32, u16>,
    phase: Phase,
    /// Records that have to be durable before anything else is done.
    journal: VecDeque<Record>,
    /// Outputs that are due before anything generated on demand.
    outputs: Outputs,
    /// Whether the records say that outputs are generated on demand since the last input.
    drained: bool,
    now: GpsInstant,
    started: GpsInstant,
    /// When the maximum duration has passed.
    deadline: GpsInstant,
    clean_up_ends_at: GpsInstant,
    /// The longest uplink period of the devices that the exchange under way concerns.
    longest_period: Duration,
    /// The next unicast downlink may not be sent before.
    next_unicast: GpsInstant,
    next_serial: u32,
    /// The end, once it is decided.
    outcome: Option<Outcome>,
    /// Whether nothing may be sent until the operator says so.
    paused: bool,
    /// The share of the devices that has to succeed.
    threshold: Percent,
}

/// What the campaign is busy with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
enum Phase {
    /// The network server sets the groups up.
    Provisioning,
    /// Every device that takes part is asked, one by one.
    Asking(Question),
    /// Nobody is asked any more, but late answers to the question count.
    Late { question: Question, until: GpsInstant },
    /// Fragments go out.
    Transfer,
    /// Groups are asked, for the how many-th time, whether they hear anything at all.
    Probing { attempt: u8 },
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
    /// It has not begun: until this moment, or until the operator says so.
    Waiting { until: Option<GpsInstant> },
}

/// How many devices stand how; the rest still takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// All of them.
    pub devices: u32,
    /// Those that have what the campaign is for.
    pub complete: u32,
    /// Those that no longer take part.
    pub failed: u32,
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
    /// Starts a campaign at `now`, or has it wait for its [start](spec::Start).
    #[must_use]
    pub fn new(plan: Plan, now: GpsInstant) -> Self {
        let warnings = plan.warnings().into_iter().map(|warning| Output::Event(Event::Warning(warning)));
        let outputs = warnings.collect();
        let (waits, until) = match plan.spec.start {
            Start::AtOnce => (false, None),
            Start::At(start) => (start > now, Some(start)),
            Start::OnOrder => (true, None),
        };
        let member =
            |device: &DeviceSpec| Member::new(device, plan.mc_group_id(device), plan.frag_index(), now);
        let mut members: Vec<_> = plan.devices().iter().map(member).collect();
        for kept in &plan.spec.kept {
            if let Some(member) = members.get_mut(kept.device as usize) {
                member.marks.set(Mark::Session, true);
                member.marks.set(Mark::Kept, true);
            }
        }
        let mut campaign = Self {
            roster: Roster::new(members, plan.devices()),
            ledger: Ledger::default(),
            groups: plan.groups().iter().map(|_| GroupState::default()).collect(),
            mixed: BTreeSet::new(),
            streams: Vec::new(),
            owed: BTreeMap::new(),
            phase: Phase::Waiting { until },
            journal: [Record { at: now, entry: Entry::Started }].into(),
            outputs,
            drained: false,
            now,
            started: now,
            deadline: now + plan.spec.max_duration,
            clean_up_ends_at: now,
            longest_period: Duration::ZERO,
            next_unicast: now,
            next_serial: 0,
            outcome: None,
            paused: false,
            threshold: plan.config().success_threshold,
            plan,
        };
        if !waits {
            campaign.provision();
        }
        campaign
    }

    /// Takes note of something that happened at `now`. Never fails: nonsense becomes a warning.
    ///
    /// `now` must not run backwards; if it does, the latest moment known counts.
    pub fn handle(&mut self, now: GpsInstant, input: Input<'_>) {
        if self.phase == Phase::Over {
            return;
        }
        let now = self.now.max(now);
        if let Input::Operator(order) = input
            && let Err(refusal) = self.check(order)
        {
            self.warn(Warning::OrderRefused { order, refusal });
            return;
        }
        let Some(entry) = self.entry(&input) else {
            // What is not recorded must not move the campaign, or its records would lead elsewhere.
            self.warn(Warning::UnknownInput);
            return;
        };
        self.now = now;
        self.journal.push_back(Record { at: now, entry });
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
        if let Some(output) = self.next_waiting() {
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
    #[must_use]
    pub fn devices(&self) -> impl ExactSizeIterator<Item = DeviceReport> + '_ {
        let members = self.roster.members().iter().zip(self.plan.devices());
        members.map(|(member, device)| member.report(device.dev_eui))
    }

    /// How many devices stand how.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let counts = self.roster.counts();
        Tally { devices: self.roster.indices().end, complete: counts.successful(), failed: counts.failed }
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

    /// How the campaign stands: configured until its groups exist, then running until its end is decided.
    #[must_use]
    pub fn status(&self) -> CampaignStatus {
        match (&self.outcome, self.phase) {
            (Some(outcome), _) => outcome.status,
            (None, Phase::Waiting { .. } | Phase::Provisioning) => CampaignStatus::Configured,
            (None, _) => CampaignStatus::Running,
        }
    }

    /// The end, once it is decided; clean-up may still be under way.
    #[must_use]
    pub const fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// Does what time alone brings about, until nothing more is due.
    fn advance(&mut self) {
        loop {
            let runs = !matches!(self.phase, Phase::Waiting { .. } | Phase::Closing(_));
            if runs && self.now >= self.deadline && self.outcome.is_none() {
                self.time_up();
            }
            if self.configured_start().is_some_and(|start| self.now >= start) {
                self.close(CampaignStatus::Failed, Some(Cause::SessionStartPassed));
            }
            if self.paused || matches!(self.phase, Phase::Closing(_) | Phase::Over) {
                return;
            }
            while let Some(index) = self.roster.expired(self.now) {
                self.on_timer(index);
            }
            let moved = match self.phase {
                Phase::Asking(question) => self.settle_exchange(question),
                Phase::Late { question, until } => self.settle_late(question, until),
                Phase::Transfer => self.settle_transfer(),
                Phase::Probing { attempt } => self.settle_probe(attempt),
                Phase::Polling => self.settle_poll(),
                Phase::Processing { until, then } => self.settle_processing(until, then),
                Phase::Completing { until } => self.settle_completing(until),
                Phase::Waiting { until } => self.settle_waiting(until),
                Phase::Provisioning | Phase::Closing(_) | Phase::Over => false,
            };
            if !moved {
                return;
            }
        }
    }

    fn next_on_demand(&mut self) -> Option<Output> {
        match self.phase {
            _ if self.paused => None,
            Phase::Asking(question) => self.next_request(question),
            Phase::Transfer | Phase::Probing { .. } | Phase::Polling => self.next_multicast(),
            Phase::Closing(_) => self.next_closing(),
            Phase::Waiting { .. }
            | Phase::Provisioning
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
            _ if self.paused => None,
            Phase::Provisioning => None,
            Phase::Waiting { until } => until,
            Phase::Asking(question) => self.exchange_wakes_at(question),
            Phase::Late { until, .. } | Phase::Completing { until } | Phase::Processing { until, .. } => {
                Some(until)
            }
            Phase::Transfer | Phase::Probing { .. } | Phase::Polling => self.multicast_wakes_at(),
        };
        let begun = !matches!(self.phase, Phase::Waiting { .. });
        let deadline = (begun && self.outcome.is_none()).then_some(self.deadline);
        let timer = if self.paused { None } else { self.roster.next_timer() };
        [deadline, self.configured_start(), timer, phase].into_iter().flatten().min()
    }
}
