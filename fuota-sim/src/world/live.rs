//! A world whose campaign is conducted from outside: it lives by somebody's clock, takes orders and tells what happens.

use std::collections::VecDeque;

use fuota_engine::campaign::event::StageKind;
use fuota_engine::campaign::io::{GroupParameters, Refusal, Transmit};
use fuota_engine::ids::{GroupId, TxId};
use fuota_engine::time::GpsInstant;

use super::mind::{Mind, Told};
use super::outcome::Holdings;
use super::{SimError, World};
use crate::frame::FrameKeys;
use crate::scenario::Scenario;

impl World {
    /// Makes a fleet and a server of a scenario, and leaves the campaign to others.
    ///
    /// # Errors
    /// As [`World::new`].
    pub(crate) fn without_campaign(scenario: &Scenario) -> Result<Self, SimError> {
        Self::of(scenario, |plan| Mind::Outside {
            plan: Box::new(plan),
            stage: StageKind::McGroupSetup,
            told: VecDeque::new(),
        })
    }

    /// Lets everything happen that is due by `now`.
    ///
    /// # Errors
    /// As [`World::run`].
    pub(crate) fn advance(&mut self, now: GpsInstant) -> Result<(), SimError> {
        while self.next_at().is_some_and(|at| at <= now) {
            self.step(&mut ())?;
        }
        self.now = self.now.max(now);
        Ok(())
    }

    /// When the next thing happens.
    pub(crate) fn next_at(&self) -> Option<GpsInstant> {
        self.agenda.next_at()
    }

    /// What has happened since the last call.
    pub(crate) fn told(&mut self) -> VecDeque<Told> {
        match &mut self.mind {
            Mind::Outside { told, .. } => std::mem::take(told),
            Mind::Inside(_) => VecDeque::new(),
        }
    }

    /// Takes a downlink. Why it is not taken, if it is not.
    ///
    /// # Errors
    /// As [`World::run`].
    pub(crate) fn take_downlink(&mut self, transmit: Transmit) -> Result<Option<Refusal>, SimError> {
        self.transmit(transmit)
    }

    /// Takes a downlink back.
    pub(crate) fn take_back(&mut self, id: TxId) {
        self.withdraw(id);
    }

    /// Hosts a group. Returns its next frame counter.
    pub(crate) fn host(&mut self, parameters: GroupParameters, keys: FrameKeys) -> u32 {
        self.server.host(parameters, keys)
    }

    /// Forgets a group.
    pub(crate) fn release(&mut self, id: GroupId) {
        self.server.release(id);
    }

    /// Every downlink that is queued, and how many of them are for the group.
    pub(crate) fn queued(&self) -> (Vec<TxId>, usize) {
        self.server.queued()
    }

    /// The campaign is said to be in this stage: devices' energy is accounted for by stage.
    pub(crate) fn enter(&mut self, entered: StageKind) {
        if let Mind::Outside { stage, .. } = &mut self.mind {
            *stage = entered.max(*stage);
        }
        self.note_progress(&mut ());
    }

    /// What the world knows by now.
    pub(crate) fn taken_stock(&mut self) -> Holdings {
        self.settle();
        self.holdings()
    }
}
