//! The end: every device that is not complete is named, what is still queued is withdrawn, the group is released.

use super::event::{CampaignStatus, Cause, FailureReason, Outcome, StageKind, StageStatus};
use super::io::{GroupOrder, Output};
use super::member::State;
use super::{Campaign, Phase};

/// How far the winding-up is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Closing {
    status: CampaignStatus,
    cause: Option<Cause>,
    /// Index of the next device to look at; outputs are generated as they are asked for.
    next: u32,
}

impl Campaign {
    /// Decides the end. Nothing that happens from now on changes it.
    pub(super) fn close(&mut self, status: CampaignStatus, cause: Option<Cause>) {
        match &self.phase {
            Phase::Transfer(transfer) => self.outputs.extend(transfer.held().map(Output::Cancel)),
            Phase::Polling(poll) => self.outputs.extend(poll.held().map(Output::Cancel)),
            _ => {}
        }
        self.phase = Phase::Closing(Closing { status, cause, next: 0 });
    }

    /// The maximum duration has passed: the threshold alone decides.
    pub(super) fn time_up(&mut self) {
        match self.phase {
            Phase::Closing(_) | Phase::Over => {}
            _ if self.roster.counts().complete >= self.plan.required() => {
                self.close(CampaignStatus::Succeeded, None);
            }
            _ => self.close(CampaignStatus::Failed, Some(Cause::TimedOut { stage: self.stage() })),
        }
    }

    /// The next step of the winding-up.
    pub(super) fn next_closing(&mut self) -> Option<Output> {
        let Phase::Closing(closing) = &mut self.phase else { return None };
        let Closing { status, cause, .. } = *closing;
        for index in closing.next..self.roster.indices().end {
            let Some(&member) = self.roster.get(index) else { break };
            if member.state.is_open() || member.state == State::Done {
                if let Phase::Closing(closing) = &mut self.phase {
                    closing.next = index + 1;
                }
                let reason = self.reason_at_the_end(status, member.missing_frag);
                self.fail(index, reason);
                return self.outputs.pop_front();
            }
        }
        let counts = self.roster.counts();
        let succeeded = if self.stage() < StageKind::FragSessionStatus { 0 } else { counts.complete };
        let well = status == CampaignStatus::Succeeded;
        if !self.ledger.stages().is_empty() {
            self.end_stage(if well { StageStatus::Completed } else { StageStatus::Error }, succeeded);
        }
        self.outputs.push_back(Output::Group(GroupOrder::Release(self.plan.group().id)));
        self.outputs.push_back(Output::Finished(Outcome {
            status,
            cause,
            complete: counts.complete,
            failed: counts.failed,
        }));
        self.phase = Phase::Over;
        self.outputs.pop_front()
    }

    /// Why a device that was still taking part did not make it.
    fn reason_at_the_end(&self, status: CampaignStatus, missing: Option<u8>) -> FailureReason {
        match missing {
            Some(missing) if missing > 0 => FailureReason::Incomplete(missing),
            _ if status == CampaignStatus::Stopped || self.stage() < StageKind::FragSessionStatus => {
                FailureReason::CampaignEnded
            }
            _ => FailureReason::NoAnswer,
        }
    }
}
