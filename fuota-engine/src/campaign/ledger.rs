//! The account of the stages: what was asked, answered and repeated.

use alloc::vec::Vec;

use super::event::{StageKind, StageReport, StageStatus};
use crate::time::GpsInstant;

/// The stages entered so far; the last one is the current.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Ledger {
    stages: Vec<StageReport>,
}

impl Ledger {
    pub(super) fn stages(&self) -> &[StageReport] {
        &self.stages
    }

    /// The how many-th stage is the current one, counted from 1; 0 before the first.
    pub(super) fn ordinal(&self) -> u16 {
        u16::try_from(self.stages.len()).unwrap_or(u16::MAX)
    }

    pub(super) fn open(&mut self, stage: StageKind, participants: u32, now: GpsInstant) {
        self.stages.push(StageReport {
            stage,
            status: StageStatus::Running,
            participants,
            requests: 0,
            answers: 0,
            retries: 0,
            fragments: 0,
            succeeded: 0,
            failed: 0,
            started: now,
            ended: now,
        });
    }

    /// Changes the current stage's account.
    pub(super) fn note(&mut self, change: impl FnOnce(&mut StageReport)) {
        if let Some(stage) = self.stages.last_mut() {
            change(stage);
        }
    }

    /// A request went on air, for the `tries`-th time to the same device.
    pub(super) fn request(&mut self, tries: u8) {
        self.note(|stage| {
            stage.requests += 1;
            stage.retries += u32::from(tries > 1);
        });
    }

    /// Closes the current stage and returns its account.
    pub(super) fn close(
        &mut self,
        status: StageStatus,
        succeeded: u32,
        now: GpsInstant,
    ) -> Option<StageReport> {
        let stage = self.stages.last_mut()?;
        stage.status = status;
        stage.succeeded = succeeded;
        stage.ended = now;
        Some(*stage)
    }
}
