//! A node that conducts a campaign, crashes and comes back: the driver's loop, in virtual time, with a store that fails.

mod deeds;
mod turn;

use std::collections::VecDeque;
use std::time::Duration;

use fuota_engine::campaign::Campaign;
use fuota_engine::campaign::event::Outcome;
use fuota_engine::campaign::io::{Output, Transmit};
use fuota_engine::campaign::plan::Plan;
use fuota_engine::campaign::record::{Entry, Record};
use fuota_engine::campaign::spec::CampaignSpec;
use fuota_engine::ids::DevEui;
use fuota_engine::time::GpsInstant;

use crate::chaos::case::{Case, Crash, DeviceCase, NodeCase};
use crate::chaos::check::{Checks, Invariant, Violation};
use crate::chaos::journal::{Journal, NotDurable, Stand};
use crate::chaos::letters::{Courier, Letter};
use crate::chaos::sabotage::Sabotage;
use crate::world::World;

/// How long the node waits before it tries the store again.
const RETRY: Duration = Duration::from_secs(5);
/// After so many turns the twin is written down and read again.
const TWIN_READ_EVERY: u64 = 16;
/// Sabotage waits for so many actions.
const SABOTAGE_AFTER: u64 = 30;

/// The node.
#[derive(Debug)]
pub(super) struct Conductor {
    rules: NodeCase,
    plan: Plan,
    campaign: Campaign,
    /// It is given what the campaign is given, and written down and read again now and then.
    twin: Campaign,
    journal: Journal,
    inbox: VecDeque<Letter>,
    /// What the campaign was told and is not yet durable.
    unacknowledged: Vec<Letter>,
    actions: VecDeque<Action>,
    /// Records that the campaign has brought about since it was created.
    records: usize,
    /// Actions since the start.
    acted: u64,
    turns: u64,
    crashes: VecDeque<Crash>,
    crashed: u32,
    /// What the node's clock is ahead of the world's, in seconds.
    ahead: i32,
    /// What the campaign waits for, by the node's clock.
    wakes_at: Option<GpsInstant>,
    needless: u32,
    down_until: Option<GpsInstant>,
    retry_at: Option<GpsInstant>,
    finished: Option<Outcome>,
    fleet: Vec<DeviceCase>,
    sabotage: Option<Sabotage>,
    /// What is handed over again to spoil a pause.
    spare: Option<Transmit>,
}

/// Something to do, in order.
#[derive(Debug)]
enum Action {
    /// To make records durable that follow on so many.
    Append(usize, Vec<Record>),
    /// To do what the campaign wants, once so many records are durable.
    Do(usize, Output),
}

/// What surrounds the node.
pub(super) struct Around<'a> {
    pub(super) now: GpsInstant,
    pub(super) world: &'a mut World,
    pub(super) courier: &'a mut Courier,
    pub(super) checks: &'a mut Checks,
}

impl Conductor {
    pub(super) fn new(
        case: &Case,
        spec: &CampaignSpec,
        plan: Plan,
        now: GpsInstant,
        sabotage: Option<Sabotage>,
    ) -> Self {
        let campaign = Campaign::new(plan.clone(), now);
        Self {
            rules: case.node,
            twin: campaign.clone(),
            campaign,
            journal: Journal::new(spec),
            plan,
            inbox: VecDeque::new(),
            unacknowledged: Vec::new(),
            actions: VecDeque::new(),
            records: 0,
            acted: 0,
            turns: 0,
            crashes: case.crashes.iter().copied().collect(),
            crashed: 0,
            ahead: 0,
            wakes_at: Some(now),
            needless: 0,
            down_until: None,
            retry_at: None,
            finished: None,
            fleet: case.devices.clone(),
            sabotage,
            spare: None,
        }
    }

    /// Something for the node; while it is down, the network keeps it.
    pub(super) fn post(&mut self, letter: Letter) {
        self.inbox.push_back(letter);
    }

    /// Its clock jumps.
    pub(super) const fn set_clock(&mut self, by: i32) {
        self.ahead = self.ahead.saturating_add(by);
    }

    /// Its store fails for a while.
    pub(super) const fn fail_store(&mut self, until: GpsInstant, keeps: bool) {
        self.journal.fail(until, keeps);
    }

    /// How often it crashed, and how many actions it took.
    pub(super) const fn tale(&self) -> (u32, u64) {
        (self.crashed, self.acted)
    }

    /// The end, once it has come and everything is done.
    pub(super) fn finished(&self) -> Option<&Outcome> {
        self.finished.as_ref().filter(|_| self.actions.is_empty() && self.down_until.is_none())
    }

    /// The ends that its records tell of.
    ///
    /// # Errors
    /// A violation if they cannot be read.
    pub(super) fn retold(&mut self) -> Result<Vec<Outcome>, Violation> {
        self.journal.retold(&self.plan)
    }

    pub(super) const fn campaign(&self) -> &Campaign {
        &self.campaign
    }

    pub(super) const fn journal(&mut self) -> &mut Journal {
        &mut self.journal
    }

    /// When it has to do something next, by the world's clock.
    pub(super) fn next_at(&self, now: GpsInstant) -> Option<GpsInstant> {
        if let Some(at) = self.down_until.or(self.retry_at) {
            return Some(at);
        }
        if !self.inbox.is_empty() {
            return Some(now);
        }
        self.wakes_at.map(|at| at.shifted(-self.ahead).max(now))
    }

    /// The case of a device.
    fn device(&self, name: DevEui) -> Option<&DeviceCase> {
        let at = self.plan.devices().iter().position(|known| known.dev_eui == name)?;
        self.fleet.get(at)
    }

    fn own_clock(&self, now: GpsInstant) -> GpsInstant {
        now.shifted(self.ahead)
    }

    /// Does everything that there is to do now.
    pub(super) fn go_on(&mut self, around: &mut Around<'_>) -> Result<(), Violation> {
        if let Some(until) = self.down_until {
            if around.now < until {
                return Ok(());
            }
            self.restart(around)?;
        }
        if self.retry_at.is_some_and(|at| around.now < at) {
            return Ok(());
        }
        self.retry_at = None;
        loop {
            if !self.carry_out(around)? {
                return Ok(());
            }
            self.settle(around)?;
            if self.finished.is_some() || !self.take_turn(around)? {
                return Ok(());
            }
        }
    }

    /// Does what there is to do, in order. Whether all of it is done: the store may fail, or the node crash.
    fn carry_out(&mut self, around: &mut Around<'_>) -> Result<bool, Violation> {
        while let Some(action) = self.actions.pop_front() {
            if self.sabotage == Some(Sabotage::Panic) {
                assert!(self.acted < SABOTAGE_AFTER, "the harness panics on purpose");
            }
            if self.crashes.front().is_some_and(|crash| crash.action <= self.acted)
                && let Some(crash) = self.crashes.pop_front()
            {
                self.crash(around, crash, &action);
                return Ok(false);
            }
            match action {
                Action::Append(first, records) => {
                    let appended = self.journal.append(around.now, first, &records);
                    self.notice_durable(around, first, &records);
                    if let Err(NotDurable) = appended {
                        self.actions.push_front(Action::Append(first, records));
                        self.retry_at = Some(around.now + RETRY);
                        return Ok(false);
                    }
                }
                Action::Do(needs, output) => self.act(around, needs, output)?,
            }
            self.acted += 1;
        }
        Ok(true)
    }

    /// If these records are durable, so are the reports that they tell of, though a crash may come before all else that is
    /// to be done in their turn.
    fn notice_durable(&self, around: &mut Around<'_>, first: usize, records: &[Record]) {
        if self.journal.len() < first + records.len() {
            return;
        }
        for record in records {
            if let Entry::Downlink { id, report } = record.entry {
                around.checks.reported(id, report);
            }
        }
    }

    fn crash(&mut self, around: &mut Around<'_>, crash: Crash, over: &Action) {
        self.acted += 1;
        self.crashed += 1;
        if let Action::Append(first, records) = over {
            if crash.kept {
                self.journal.keep(*first, records);
                self.notice_durable(around, *first, records);
            } else if let ([record], true) = (records.as_slice(), crash.torn) {
                self.journal.tear(record);
            }
        }
        if self.sabotage == Some(Sabotage::ForgetRecord) {
            self.journal.forget();
        }
        self.actions.clear();
        let again = self.unacknowledged.drain(..).chain(self.inbox.drain(..));
        self.inbox = again.filter(Letter::comes_again).collect();
        self.down_until = Some(around.now + Duration::from_secs(crash.down.into()));
        self.retry_at = None;
        self.finished = None;
        around.courier.forget_answers();
        around.checks.crashed();
    }

    fn restart(&mut self, around: &mut Around<'_>) -> Result<(), Violation> {
        self.down_until = None;
        let now = self.own_clock(around.now);
        let restored = self.journal.restore(now)?;
        // If not even its beginning is durable, it begins now.
        self.campaign = restored.unwrap_or_else(|| Campaign::new(self.plan.clone(), now));
        self.twin = self.campaign.clone();
        self.records = self.journal.len();
        around.checks.restarted(&self.campaign);
        self.drain(around, self.plan.devices().len())
    }

    /// All of a turn is durable and done: what the node was told is acknowledged.
    fn settle(&mut self, around: &mut Around<'_>) -> Result<(), Violation> {
        self.turns += 1;
        for letter in self.unacknowledged.drain(..) {
            if let Letter::Downlink { id, report } = letter {
                around.checks.reported(id, report);
            }
        }
        self.journal.stands(Stand::of(&self.campaign));
        if let Some(octets) = self.journal.snapshot_every(self.rules.snapshot_every as usize, &self.campaign)
        {
            around.checks.written(&self.campaign, octets)?;
        }
        if self.turns.is_multiple_of(TWIN_READ_EVERY)
            && let Some(octets) = self.campaign.snapshot()
        {
            around.checks.written(&self.campaign, octets.len())?;
            self.twin = Campaign::from_snapshot(self.plan.clone(), &octets).map_err(|error| {
                Violation::new(Invariant::SameAgain, format!("its own snapshot cannot be read: {error}"))
            })?;
        }
        let now = self.own_clock(around.now);
        // What has overslept looks at the time when it is woken.
        if self.finished.is_some() || self.wakes_at.is_some_and(|at| at <= now) {
            return Ok(());
        }
        around.checks.at_rest(&self.campaign, now)
    }
}
