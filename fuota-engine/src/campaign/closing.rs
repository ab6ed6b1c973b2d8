//! The end: it is decided at once; then every device that did not make it is named, what is still queued is
//! withdrawn, and devices are asked to let go of what they hold.

use super::event::{CampaignStatus, Cause, Event, FailureReason, Outcome, StageKind, StageStatus};
use super::io::{GroupOrder, Output};
use super::member::{Errand, Mark};
use super::plan::GroupPlan;
use super::question::Question;
use super::spec::Kind;
use super::tx::tx_id;
use super::{Campaign, Phase};
use crate::config::CleanUp;

/// How far the winding-up is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Closing {
    status: CampaignStatus,
    cause: Option<Cause>,
    /// Index of the next device to look at; outputs are generated as they are asked for.
    next: u32,
}

impl Campaign {
    /// Decides the end. Nothing that happens from now on changes it.
    pub(super) fn close(&mut self, status: CampaignStatus, cause: Option<Cause>) {
        // What is wound up has nothing left to be paused.
        self.paused = false;
        for group in &self.groups {
            self.outputs.extend(group.held().map(|(serial, cargo)| Output::Cancel(tx_id(serial, cargo))));
        }
        self.phase = Phase::Closing(Closing { status, cause, next: 0 });
    }

    /// The maximum duration has passed: the threshold alone decides.
    pub(super) fn time_up(&mut self) {
        if self.roster.counts().successful() >= self.required() && self.required() > 0 {
            self.close(CampaignStatus::Succeeded, None);
        } else {
            let stage = self.stage().unwrap_or(StageKind::McGroupSetup);
            self.close(CampaignStatus::Failed, Some(Cause::TimedOut { stage }));
        }
    }

    /// The next step of the winding-up.
    pub(super) fn next_closing(&mut self) -> Option<Output> {
        let Phase::Closing(Closing { status, cause, next }) = self.phase else { return None };
        for index in next..self.roster.indices().end {
            let Some(&member) = self.roster.get(index) else { break };
            if member.is_running() {
                self.phase = Phase::Closing(Closing { status, cause, next: index + 1 });
                self.fail(index, self.reason_at_the_end(status, member.missing_frag));
                return self.next_waiting();
            }
        }
        let counts = self.roster.counts();
        if self.stage().is_some() {
            let well = status == CampaignStatus::Succeeded;
            self.end_stage(
                if well { StageStatus::Completed } else { StageStatus::Error },
                counts.successful(),
            );
        }
        let outcome = Outcome {
            status,
            cause,
            complete: counts.successful(),
            inferred: counts.inferred,
            already_up_to_date: counts.up_to_date,
            failed: counts.failed,
        };
        self.outcome = Some(outcome);
        self.tell(Event::Decided(outcome));
        // A group that was set up for the application's use stays.
        if self.plan.kind() != Kind::MulticastSetup || status != CampaignStatus::Succeeded {
            let release = |group: &GroupPlan| Output::Group(GroupOrder::Release(group.parameters().id));
            self.outputs.extend(self.plan.groups().iter().map(release));
        }
        if status == CampaignStatus::Succeeded {
            self.finish();
        } else {
            self.clean_up_ends_at = self.now + self.plan.patience();
            self.next_clean_up(None);
        }
        self.next_waiting()
    }

    /// Why a device that was still taking part did not make it.
    fn reason_at_the_end(&self, status: CampaignStatus, missing: Option<u8>) -> FailureReason {
        match missing {
            Some(missing) if missing > 0 => FailureReason::Incomplete(missing),
            _ if status == CampaignStatus::Stopped || self.stage() < Some(StageKind::FragSessionStatus) => {
                FailureReason::CampaignEnded
            }
            _ => FailureReason::NoAnswer,
        }
    }

    /// The clean-up after `done`, or the end. A cancelled device would still install its image at any later
    /// reboot, so the image goes after the reboot time.
    pub(super) fn next_clean_up(&mut self, done: Option<Question>) {
        const ORDER: [Question; 4] = [
            Question::CancelReboot,
            Question::DeleteImage,
            Question::FragSessionDelete,
            Question::McGroupDelete,
        ];
        let from =
            done.and_then(|done| ORDER.iter().position(|&question| question == done)).map_or(0, |at| at + 1);
        for question in ORDER.into_iter().skip(from) {
            if self.now < self.clean_up_ends_at && self.is_cleaned_up(question) {
                self.ask(question);
                if self.roster.counts().open > 0 {
                    return;
                }
            }
        }
        for index in self.roster.indices() {
            self.withdraw(index);
            self.roster.set(index, Errand::None, None);
        }
        self.finish();
    }

    /// Whether this campaign cleans up so.
    fn is_cleaned_up(&self, question: Question) -> bool {
        let full = self.plan.config().clean_up == CleanUp::Full;
        let Kind::Firmware(firmware) = self.plan.kind() else {
            return full && matches!(question, Question::FragSessionDelete | Question::McGroupDelete);
        };
        // While versions are verified, only what has not rebooted yet can still be held back.
        let ahead =
            self.stage() < Some(StageKind::DevVersion) || firmware.reboot.is_some_and(|at| at > self.now);
        match question {
            Question::CancelReboot => firmware.reboot.is_some() && ahead,
            Question::DeleteImage => self.stage() >= Some(StageKind::DataFragment) && ahead,
            _ => full,
        }
    }

    /// A device let go of something; tells whether it was asked to.
    pub(super) fn cleaned(&mut self, index: u32, question: Question) -> bool {
        let asked =
            self.phase_asks(question) && self.roster.get(index).is_some_and(|member| member.errand.is_open());
        if asked {
            self.roster.update(index, |member| match question {
                Question::FragSessionDelete => member.marks.set(Mark::Session, false),
                Question::McGroupDelete => member.marks.set(Mark::Group, false),
                _ => {}
            });
            self.withdraw(index);
            self.roster.set(index, Errand::Done, None);
        }
        asked
    }

    /// Nothing follows.
    fn finish(&mut self) {
        self.phase = Phase::Over;
        if let Some(outcome) = self.outcome {
            self.outputs.push_back(Output::Finished(outcome));
        }
    }
}
