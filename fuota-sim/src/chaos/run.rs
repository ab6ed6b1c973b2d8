//! One case from beginning to end.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use fuota_engine::campaign::event::{CampaignStatus, Outcome};
use fuota_engine::campaign::io::Output;
use fuota_engine::campaign::plan::{Plan, PlanError};
use fuota_engine::campaign::quirk::Quirk;
use fuota_engine::ids::DevEui;
use fuota_engine::time::GpsInstant;
use sha2::{Digest, Sha256};

use super::case::{Case, Fault, OrderCase, StartCase};
use super::check::{Checks, Invariant, Violation, leak};
use super::conductor::{Around, Conductor};
use super::hostile::Enemy;
use super::letters::{Courier, Letter};
use super::sabotage::Sabotage;
use crate::fleet::Fleet;
use crate::world::{START, SimError, Told, World};

/// How long a device that is rebooted is away.
const REBOOT: Duration = Duration::from_secs(20);
/// When a campaign that waits for an order begins at the latest, in seconds.
const LAST_START: u32 = 3_600;
/// No case takes so many steps.
const MOST_STEPS: u64 = 300_000;
/// CID of FragSessionStatusAns (TS004-1.0.0 §3.2), and its length.
const STATUS_ANS: (u8, usize) = (0x01, 5);

/// How a case went.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It cannot be planned; nothing happened.
    Unplannable(PlanError),
    /// Everything held.
    Held(Tale),
    /// Something did not hold.
    Violated(Violation),
}

/// What happened in a case in which everything held.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tale {
    /// How the campaign ended.
    pub status: CampaignStatus,
    /// Steps of the run.
    pub steps: u64,
    /// What the node did: made durable, handed over, told.
    pub actions: u64,
    /// How often the node crashed.
    pub crashes: u32,
    /// SHA-256 of the records that were left, in hexadecimal digits.
    pub digest: String,
}

/// Something that the case has happen.
#[derive(Clone, Copy, Debug)]
enum Happening {
    Order(OrderCase),
    Fault(Fault),
}

/// A case under way.
struct Run<'a> {
    case: &'a Case,
    now: GpsInstant,
    world: World,
    courier: Courier,
    checks: Checks,
    conductor: Conductor,
    enemy: Enemy,
    agenda: BTreeMap<(GpsInstant, usize), Happening>,
    sabotage: Option<Sabotage>,
}

/// Lets a case happen, and says whether everything held.
#[must_use]
pub fn run(case: &Case) -> Verdict {
    run_with(case, None)
}

/// Likewise, with something wrong with the harness itself: whether that is noticed.
#[must_use]
pub fn run_with(case: &Case, sabotage: Option<Sabotage>) -> Verdict {
    let steps = Cell::new(0);
    let ran = catch_unwind(AssertUnwindSafe(|| match Run::new(case, sabotage) {
        Ok(mut run) => run.go_on_to_the_end(&steps).map_or_else(Verdict::Violated, Verdict::Held),
        Err(verdict) => verdict,
    }));
    let verdict = ran.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without a text");
        Verdict::Violated(Violation::new(Invariant::NoPanic, text))
    });
    match verdict {
        Verdict::Violated(violation) => Verdict::Violated(Violation { step: steps.get(), ..violation }),
        other => other,
    }
}

impl<'a> Run<'a> {
    /// Everything before the first step, or why there is none.
    fn new(case: &'a Case, sabotage: Option<Sabotage>) -> Result<Self, Verdict> {
        let mut scenario = case.scenario();
        let spec = case.spec(&scenario);
        let plan = Plan::new(spec.clone()).map_err(Verdict::Unplannable)?;
        if let (Some(Sabotage::OtherImage), Some(octet)) = (sabotage, scenario.image.first_mut()) {
            *octet ^= 1;
        }
        let world = World::without_campaign(&scenario).map_err(|error| match error {
            SimError::Plan(error) => Verdict::Unplannable(error),
            other => Verdict::Violated(Violation::new(Invariant::World, other.to_string())),
        })?;
        let orders = case.orders.iter().map(|order| (order.after, Happening::Order(order.what)));
        let faults = case.faults.iter().map(|fault| (fault.after, Happening::Fault(fault.what)));
        // Whoever waits for an order gets one in the end.
        let last_start = (case.campaign.start == StartCase::OnOrder)
            .then_some((LAST_START, Happening::Order(OrderCase::Start)));
        let agenda = orders.chain(faults).chain(last_start).enumerate();
        let at = |after: u32| START + Duration::from_secs(after.into());
        Ok(Self {
            now: START,
            courier: Courier::new(case.network, case.seed),
            checks: Checks::new(case, &plan),
            conductor: Conductor::new(case, &spec, plan, START, sabotage),
            enemy: Enemy::new(case.seed),
            agenda: agenda.map(|(serial, (after, what))| ((at(after), serial), what)).collect(),
            world,
            case,
            sabotage,
        })
    }

    fn go_on_to_the_end(&mut self, steps: &Cell<u64>) -> Result<Tale, Violation> {
        loop {
            steps.set(steps.get() + 1);
            self.step()?;
            if let Some(outcome) = self.conductor.finished().copied() {
                return self.over(&outcome, steps.get());
            }
            if steps.get() > MOST_STEPS {
                return Err(Violation::new(Invariant::Ends, "it takes too many steps"));
            }
        }
    }

    /// Lets the next thing happen.
    fn step(&mut self) -> Result<(), Violation> {
        let agenda = self.agenda.first_key_value().map(|((at, _), _)| *at);
        let moments =
            [self.world.next_at(), self.courier.next_at(), agenda, self.conductor.next_at(self.now)];
        let Some(next) = moments.into_iter().flatten().min() else {
            return Err(Violation::new(Invariant::Ends, "nothing happens any more"));
        };
        self.now = self.now.max(next);
        self.world.advance(self.now).map_err(|error| Violation::new(Invariant::World, error.to_string()))?;
        for told in self.world.told() {
            self.hear(told);
        }
        while self.agenda.first_key_value().is_some_and(|((at, _), _)| *at <= self.now) {
            if let Some((_, happening)) = self.agenda.pop_first() {
                self.happen(happening);
            }
        }
        while let Some(letter) = self.courier.due(self.now) {
            self.conductor.post(letter);
        }
        let Self { now, world, courier, checks, .. } = self;
        self.conductor.go_on(&mut Around { now: *now, world, courier, checks })
    }

    /// The network server has something to tell.
    fn hear(&mut self, told: Told) {
        match told {
            Told::Uplink { from, port, mut payload, received } => {
                let device = self.device(from);
                self.say_it_its_way(device, port, &mut payload);
                self.enemy.listen(device, port, &payload);
                self.conductor.post(Letter::Uplink { from, port, payload, received, honest: true });
            }
            Told::Downlink { id, report } => self.courier.report(self.now, id, report),
        }
    }

    /// A device whose quirk it is answers in the order of version 1.
    fn say_it_its_way(&self, device: u32, port: u8, payload: &mut [u8]) {
        let Some(case) = self.case.devices.get(device as usize) else { return };
        let is_status = port == self.world.plan().config().fmcport
            && (payload.first().copied(), payload.len()) == (Some(STATUS_ANS.0), STATUS_ANS.1);
        let Some(fields) = payload.get_mut(1..).filter(|_| is_status) else { return };
        if self.sabotage == Some(Sabotage::AnswerForThem) {
            let zero = if case.v2 { [0, 3] } else { [2, 3] };
            zero.into_iter().for_each(|at| fields.get_mut(at).map_or((), |field| *field = 0));
        }
        if case.v2 && case.quirks().any(|quirk| quirk == Quirk::StatusInV1Order) {
            fields.rotate_left(1);
        }
    }

    fn device(&self, name: DevEui) -> u32 {
        let count = u32::try_from(self.case.devices.len()).unwrap_or(u32::MAX);
        (0..count).find(|device| Fleet::dev_eui(*device) == name).unwrap_or(count)
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Order(order) => self.conductor.post(Letter::Order(order.order())),
            Happening::Fault(Fault::Reboot { device }) => self.world.reboot(device, REBOOT),
            Happening::Fault(Fault::DeviceClock { device, by }) => self.world.set_clock(device, by),
            Happening::Fault(Fault::NodeClock { by }) => self.conductor.set_clock(by),
            Happening::Fault(Fault::Store { takes, keeps }) => {
                self.conductor.fail_store(self.now + Duration::from_secs(takes.into()), keeps);
            }
            Happening::Fault(Fault::Hostile { device, says }) => {
                self.world.mislead(device);
                self.conductor.post(self.enemy.speak(self.now, device, says));
            }
        }
    }

    /// The campaign is over: what it leaves behind leads to the same end again, and holds no secrets.
    fn over(&mut self, outcome: &Outcome, steps: u64) -> Result<Tale, Violation> {
        let mut retold = self.conductor.retold()?;
        if self.sabotage == Some(Sabotage::Miscount) {
            retold.iter_mut().for_each(|retold| retold.complete += 1);
        }
        self.checks.over(self.conductor.campaign(), outcome, &retold, &self.world)?;
        let (crashes, actions) = self.conductor.tale();
        let mut text = format!("{:?}", self.conductor.campaign());
        if self.sabotage == Some(Sabotage::LeakKey) {
            text.extend(self.world.secrets().first().map(hex::encode));
        }
        let octets = self.conductor.journal().octets();
        if let Some(what) = leak(&self.world, &octets, &text) {
            return Err(Violation::new(Invariant::SecretsKept, what));
        }
        let restored = self.conductor.journal().restore(self.now)?;
        let again = restored.and_then(|mut campaign| {
            loop {
                match campaign.poll_output() {
                    Output::Finished(outcome) => return Some(outcome),
                    Output::Wait(_) => return None,
                    _ => {}
                }
            }
        });
        if again.as_ref() != Some(outcome) && self.sabotage != Some(Sabotage::Miscount) {
            let what = format!("restarted, it ends as {again:?} instead of {outcome:?}");
            return Err(Violation::new(Invariant::NothingForgotten, what));
        }
        let digest = hex::encode(Sha256::digest(&octets));
        Ok(Tale { status: outcome.status, steps, actions, crashes, digest })
    }
}
