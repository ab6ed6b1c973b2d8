//! What every part of the campaign does: enter and end stages, decide how devices stand, hand over, tell.

use alloc::vec::Vec;

use super::event::{Event, FailureReason, StageKind, StageStatus, Warning};
use super::io::{Dest, Output, Transmit};
use super::member::{Errand, Standing};
use super::question::Question;
use super::quirk::{Quirk, Quirks};
use super::tx::{Cargo, tx_id};
use super::{Campaign, Phase};
use crate::ids::DevEui;
use crate::time::GpsInstant;

impl Campaign {
    /// The stage under way, or the last one.
    pub(super) fn stage(&self) -> Option<StageKind> {
        self.ledger.stages().last().map(|report| report.stage)
    }

    /// When it began.
    pub(super) fn stage_began(&self) -> GpsInstant {
        self.ledger.stages().last().map_or(self.started, |report| report.started)
    }

    /// The start that the operator wants, while no session is scheduled yet and the end is not decided.
    pub(super) fn configured_start(&self) -> Option<GpsInstant> {
        let ahead = self.outcome.is_none()
            && !matches!(self.phase, Phase::Closing(_) | Phase::Over)
            && self.stage() < Some(StageKind::McClassSession);
        self.plan.spec.session_start.filter(|_| ahead)
    }

    /// Whether any fragment has been sent, or could have been. After a pause a session may be set up once more.
    pub(super) fn has_transferred(&self) -> bool {
        !self.streams.is_empty() || self.stage().is_some_and(|stage| stage >= StageKind::DataFragment)
    }

    /// Whether devices are being asked this, or were and may still answer.
    pub(super) fn phase_asks(&self, question: Question) -> bool {
        match self.phase {
            Phase::Asking(asked) | Phase::Late { question: asked, .. } => asked == question,
            _ => false,
        }
    }

    /// Whether a further round may complete a device that kept silent or ran out of memory.
    pub(super) fn may_still_complete(&self, index: u32) -> bool {
        let group = self.roster.get(index).and_then(|member| self.plan.group(member.group));
        group.is_some_and(|group| group.policy().may_still_complete())
    }

    /// Whether the device's group follows the adaptive policy, so that silence is not the end for it.
    pub(super) fn is_polled_adaptively(&self, index: u32) -> bool {
        let group = self.roster.get(index).and_then(|member| self.plan.group(member.group));
        group.is_some_and(|group| group.adaptive().is_some())
    }

    /// The place of a device in the plan.
    pub(super) fn find(&self, dev_eui: DevEui) -> Option<u32> {
        self.roster.find(self.plan.devices(), dev_eui)
    }

    /// What the device's model does otherwise than the standard.
    pub(super) fn quirks(&self, index: u32) -> Quirks {
        self.plan.device(index).map_or(Quirks::NONE, |device| device.quirks)
    }

    /// Tells that something was done because of a quirk, if the device's model has it.
    pub(super) fn heeds(&mut self, index: u32, quirk: Quirk) -> bool {
        let Some(device) = self.plan.device(index).filter(|device| device.quirks.has(quirk)) else {
            return false;
        };
        let device = device.dev_eui;
        self.warn(Warning::QuirkApplied { device, quirk });
        true
    }

    /// Enters a stage with so many devices; the one before has done its work.
    pub(super) fn begin_stage(&mut self, stage: StageKind, participants: u32) {
        if self.ledger.stages().last().is_some_and(|report| report.status == StageStatus::Running) {
            self.end_stage(StageStatus::Completed, participants);
        }
        self.ledger.open(stage, participants, self.now);
        self.tell(Event::StageStarted { stage, participants });
        self.tell(Event::Estimated(self.estimate()));
    }

    /// Ends the current stage.
    pub(super) fn end_stage(&mut self, status: StageStatus, succeeded: u32) {
        if let Some(report) = self.ledger.close(status, succeeded, self.now) {
            self.tell(Event::StageEnded(report));
        }
    }

    /// A device's part is over for a reason other than success.
    pub(super) fn fail(&mut self, index: u32, reason: FailureReason) {
        let stage = self.stage().unwrap_or(StageKind::McGroupSetup);
        self.ledger.note(|report| report.failed += 1);
        self.conclude(index, Standing::Failed(stage, reason));
    }

    /// Decides how a device stands.
    pub(super) fn conclude(&mut self, index: u32, standing: Standing) {
        self.withdraw(index);
        let ordinal = self.ledger.ordinal();
        let failed_here = self.roster.get(index).is_some_and(|member| member.has_failed_in(ordinal));
        if failed_here {
            // It was counted when it failed; if it fails for another reason now, it still counts once.
            self.ledger.note(|report| report.failed -= 1);
        }
        self.roster.conclude(index, standing, ordinal, self.now);
        self.outputs.push_device(index);
    }

    /// Takes back that a device failed for want of an answer.
    pub(super) fn revive(&mut self, index: u32) {
        self.roster.conclude(index, Standing::Running, self.ledger.ordinal(), self.now);
    }

    /// Cancels a device's request if the network server still holds one.
    pub(super) fn withdraw(&mut self, index: u32) {
        if let Some(Errand::AwaitReport(serial)) = self.roster.get(index).map(|member| member.errand) {
            self.outputs.push_back(Output::Cancel(tx_id(serial, Cargo::Request(index))));
        }
    }

    /// A transmission, under a fresh serial number or under `again`.
    pub(super) fn transmit(
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

    /// The next of the outputs that wait.
    pub(super) fn next_waiting(&mut self) -> Option<Output> {
        loop {
            let index = match self.outputs.pop_front()? {
                Ok(output) => return Some(output),
                Err(index) => index,
            };
            if let Some((member, device)) = self.roster.get(index).zip(self.plan.device(index)) {
                return Some(Output::Event(Event::Device(member.report(device.dev_eui))));
            }
        }
    }

    pub(super) fn tell(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    pub(super) fn warn(&mut self, warning: Warning) {
        self.tell(Event::Warning(warning));
    }
}
