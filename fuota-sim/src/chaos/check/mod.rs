//! What must hold whatever happens, and whether it does.

mod course;
mod devices;
mod secrets;
mod transmissions;

use std::fmt;

use fuota_engine::campaign::Campaign;
use fuota_engine::campaign::event::{Event, Outcome};
use fuota_engine::campaign::io::{Output, Report, Transmit};
use fuota_engine::campaign::plan::Plan;
use fuota_engine::ids::{DevEui, TxId};
use fuota_engine::time::GpsInstant;

use self::course::Course;
use self::devices::Devices;
pub(super) use self::secrets::leak;
use self::transmissions::Transmissions;
use super::case::Case;
use crate::world::World;

/// Something that must hold whatever happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Invariant {
    /// Nothing panics.
    NoPanic,
    /// One input brings about finitely many outputs, the state does not outgrow what it is about, and airtime is bounded.
    Bounded,
    /// What is handed over was durable before.
    DurableFirst,
    /// What is repeated was under way when the node crashed, is the same octet for octet, and is told to be repeated.
    RepeatedAsItWas,
    /// No fragment of a round is skipped.
    NothingSkipped,
    /// A restart leads to where the records end, whichever way: no acknowledged answer is forgotten.
    NothingForgotten,
    /// The same inputs bring about the same outputs, also after the state was written down and read again.
    SameAgain,
    /// No key shows in records, snapshots, events or `Debug`.
    SecretsKept,
    /// A device counts as complete only on its own word.
    OwnWord,
    /// An honest device that counts as complete has what it counts for.
    HasIt,
    /// The account of the devices is that of the outcome, and what is inferred is counted apart.
    CountsAgree,
    /// The campaign comes to an end when its time is up, and to only one.
    Ends,
    /// A paused campaign sends nothing.
    PauseKept,
    /// What devices put together is the image, and frames are frames.
    World,
}

impl Invariant {
    /// Every one.
    pub const ALL: [Self; 14] = [
        Self::NoPanic,
        Self::Bounded,
        Self::DurableFirst,
        Self::RepeatedAsItWas,
        Self::NothingSkipped,
        Self::NothingForgotten,
        Self::SameAgain,
        Self::SecretsKept,
        Self::OwnWord,
        Self::HasIt,
        Self::CountsAgree,
        Self::Ends,
        Self::PauseKept,
        Self::World,
    ];

    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoPanic => "no-panic",
            Self::Bounded => "bounded",
            Self::DurableFirst => "durable-first",
            Self::RepeatedAsItWas => "repeated-as-it-was",
            Self::NothingSkipped => "nothing-skipped",
            Self::NothingForgotten => "nothing-forgotten",
            Self::SameAgain => "same-again",
            Self::SecretsKept => "secrets-kept",
            Self::OwnWord => "own-word",
            Self::HasIt => "has-it",
            Self::CountsAgree => "counts-agree",
            Self::Ends => "ends",
            Self::PauseKept => "pause-kept",
            Self::World => "world",
        }
    }
}

/// Something does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// What does not hold.
    pub invariant: Invariant,
    /// In which step of the run, counted from 1; 0 until it is known.
    pub step: u64,
    /// What was found.
    pub what: String,
}

impl Violation {
    pub(super) fn new(invariant: Invariant, what: impl Into<String>) -> Self {
        Self { invariant, step: 0, what: what.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in step {}: {}", self.invariant.name(), self.step, self.what)
    }
}

/// Everything that is watched.
#[derive(Debug)]
pub(super) struct Checks {
    transmissions: Transmissions,
    devices: Devices,
    course: Course,
}

impl Checks {
    pub(super) fn new(case: &Case, plan: &Plan) -> Self {
        Self {
            transmissions: Transmissions::new(case, plan),
            devices: Devices::new(case, plan),
            course: Course::new(case, plan),
        }
    }

    /// The campaign was told what a device is said to have said. `honest`: the device itself said so.
    pub(super) fn heard(&mut self, from: DevEui, payload: &[u8], honest: bool) {
        self.devices.heard(from, payload, honest);
    }

    /// What became of a transmission is durable.
    pub(super) fn reported(&mut self, id: TxId, report: Report) {
        self.transmissions.reported(id, report);
    }

    /// The node crashed.
    pub(super) fn crashed(&mut self) {
        self.transmissions.crashed();
    }

    /// A downlink is handed over to the network server.
    pub(super) fn handed_over(&mut self, transmit: &Transmit) -> Result<(), Violation> {
        self.transmissions.handed_over(transmit)
    }

    /// A downlink is withdrawn.
    pub(super) fn withdrawn(&mut self, id: TxId) {
        self.transmissions.withdrawn(id);
    }

    /// The campaign was rebuilt.
    pub(super) const fn restarted(&mut self, campaign: &Campaign) {
        self.course.restarted(campaign);
    }

    /// What the campaign says reaches people.
    pub(super) fn told(&mut self, event: &Event, world: &World) -> Result<(), Violation> {
        self.transmissions.told(event, self.course.ends_at())?;
        self.devices.told(event, world)?;
        self.course.told(event)
    }

    /// A turn brought about something more; so many outputs are they by now.
    pub(super) fn brought_about(
        &mut self,
        output: &Output,
        outputs: usize,
        inputs: usize,
    ) -> Result<(), Violation> {
        if let Output::Event(event) = output {
            self.transmissions.brought_about(event);
        }
        self.course.brought_about(output)?;
        self.course.drained(outputs, inputs)
    }

    /// The campaign waits, with nothing left to do, at this moment of its own clock.
    pub(super) fn at_rest(&mut self, campaign: &Campaign, now: GpsInstant) -> Result<(), Violation> {
        self.course.at_rest(campaign, now)
    }

    /// The campaign was written down in so many octets.
    pub(super) fn written(&self, campaign: &Campaign, octets: usize) -> Result<(), Violation> {
        self.course.written(campaign, octets)
    }

    /// The campaign is over.
    pub(super) fn over(
        &self,
        campaign: &Campaign,
        outcome: &Outcome,
        retold: &[Outcome],
        world: &World,
    ) -> Result<(), Violation> {
        self.course.over(campaign, outcome, retold)?;
        self.devices.over(campaign, world)
    }
}
