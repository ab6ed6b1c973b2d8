//! What a firmware update adds: reboot times, stored images, and the proof that the target version runs.

use fuota_proto::firmware::v1::DevUpgradeImageAns;

use super::event::{CampaignStatus, Cause, FailureReason, StageKind, StageStatus, Warning};
use super::member::{Errand, Mark, Standing};
use super::question::Question;
use super::spec::{FirmwareSpec, Kind};
use super::{Campaign, Phase};
use crate::time::GpsInstant;

/// What follows once devices have had time to process what they received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum AfterProcessing {
    /// They are asked whether they hold a valid image.
    UpgradeImage,
    /// They are asked which version they run.
    DevVersion,
}

impl Campaign {
    fn firmware(&self) -> Option<FirmwareSpec> {
        match self.plan.kind() {
            Kind::Firmware(firmware) => Some(firmware),
            _ => None,
        }
    }

    /// A device says when it will reboot. Editions before 1.0.0 echo the time instead of the seconds until then.
    pub(super) fn on_reboot_time(&mut self, index: u32, reboot_time: u32) -> bool {
        if self.phase_asks(Question::CancelReboot) {
            self.roster.update(index, |member| member.marks.set(Mark::Reboot, false));
            return self.cleaned(index, Question::CancelReboot);
        }
        if !self.admit_answer(index, Question::DevRebootTime) {
            return false;
        }
        // 0: it cannot, or does not know the time yet and is asking for it (TS006-1.0.0 §2.3).
        if reboot_time == 0 {
            self.retry(index, FailureReason::Refused(0));
            return true;
        }
        let asked = self.firmware().and_then(|firmware| firmware.reboot).map(GpsInstant::wire_secs);
        if let (Some(spec), true) = (self.plan.device(index), asked == Some(reboot_time)) {
            self.warn(Warning::LegacyReboot { device: spec.dev_eui });
        }
        self.roster.set(index, Errand::Done, None);
        true
    }

    /// A round is over; devices get time to process what they received.
    pub(super) fn begin_processing(&mut self) {
        let rounds = self.plan.groups().iter().any(|group| group.policy().may_still_complete());
        if rounds {
            let until = self.now + self.plan.config().fuota_process_max_time;
            self.phase = Phase::Processing { until, then: AfterProcessing::UpgradeImage };
        } else {
            self.begin_verification();
        }
    }

    /// Devices install by themselves, or at their reboot time, and report; the silent ones are asked after that.
    fn begin_verification(&mut self) {
        self.begin_stage(StageKind::DevVersion, self.roster.counts().running);
        let processing = self.plan.config().fuota_process_max_time;
        let until = match self.firmware().and_then(|firmware| firmware.reboot) {
            Some(reboot) => self.now.max(reboot),
            None => self.now,
        };
        // After the reboot devices report by themselves, at a random moment.
        let until = until + processing + self.plan.longest_response();
        self.phase = Phase::Processing { until, then: AfterProcessing::DevVersion };
    }

    /// Ends the processing time, or the wait for reports if everybody has reported.
    pub(super) fn settle_processing(&mut self, until: GpsInstant, then: AfterProcessing) -> bool {
        let everybody = then == AfterProcessing::DevVersion && self.roster.counts().running == 0;
        if self.now < until && !everybody {
            return false;
        }
        self.ask(match then {
            AfterProcessing::UpgradeImage => Question::UpgradeImage,
            AfterProcessing::DevVersion => Question::DevVersion,
        });
        true
    }

    /// A device says which image waits for its next reboot.
    pub(super) fn on_upgrade_image(&mut self, index: u32, ans: DevUpgradeImageAns) {
        let target = self.firmware().map(|firmware| firmware.target);
        match ans {
            DevUpgradeImageAns::Valid { next_firmware_version } if Some(next_firmware_version) == target => {
                self.roster.update(index, |member| member.marks.set(Mark::Block, true));
                self.roster.set(index, Errand::Done, None);
            }
            DevUpgradeImageAns::WrongHardware => self.fail(index, FailureReason::WrongHardware),
            // Nothing, something corrupt or something older: another round may bring it.
            _ => self.roster.set(index, Errand::Done, None),
        }
    }

    /// Everybody has said what image it holds: verification, a further round, or the end.
    pub(super) fn end_upgrade(&mut self) {
        let members = self.roster.members().iter();
        let holding = members
            .filter(|member| member.has_succeeded() || (member.is_running() && member.has(Mark::Block)));
        let holding = u32::try_from(holding.count()).unwrap_or(u32::MAX);
        if holding >= self.required() {
            self.end_stage(StageStatus::Completed, holding);
            self.begin_verification();
        } else {
            self.next_round(holding, self.required());
        }
    }

    /// A device says what it runs, asked or by itself.
    pub(super) fn on_dev_version(&mut self, index: u32, firmware: u32, hardware: u32) -> bool {
        let Some(spec) = self.firmware() else { return false };
        let Some(&member) = self.roster.get(index) else { return false };
        // Before any fragment was sent, it cannot be this campaign's doing.
        let transferred = self.has_transferred();
        let wrong_hardware = spec.hardware.is_some_and(|wanted| wanted.get() != hardware);
        // Whatever it failed for, a device that runs the target has been updated.
        let returns =
            transferred && firmware == spec.target.get() && !wrong_hardware && !member.standing.is_excluded();
        if !(member.is_running() || self.is_late(&member) || (returns && !member.has_succeeded())) {
            return false;
        }
        let verifying = self.phase_asks(Question::DevVersion);
        if verifying {
            self.admit_answer(index, Question::DevVersion);
        }
        // An image that was never to run there is no matter of versions.
        if wrong_hardware && (verifying || firmware == spec.target.get()) {
            self.fail(index, FailureReason::WrongHardware);
        } else if firmware == spec.target.get() {
            self.conclude(index, if transferred { Standing::Complete } else { Standing::UpToDate });
        } else if verifying {
            let before = self.plan.device(index).and_then(|device| device.firmware);
            let rolled_back = before.is_some_and(|before| before.get() == firmware);
            let reason =
                if rolled_back { FailureReason::RolledBack } else { FailureReason::WrongVersion(firmware) };
            self.fail(index, reason);
        }
        true
    }

    /// Everybody has been asked which version it runs.
    pub(super) fn end_verification(&mut self) {
        let (succeeded, required) = (self.roster.counts().successful(), self.required());
        if succeeded >= required {
            self.begin_completing();
        } else {
            let cause = Cause::BelowThreshold { stage: StageKind::DevVersion, succeeded, required };
            self.close(CampaignStatus::Failed, Some(cause));
        }
    }
}
