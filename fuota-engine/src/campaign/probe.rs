//! The probe: before airtime is spent on fragments, the groups are asked for a sign of life.
//!
//! A device that derived another group key than the server answers every set-up request well and then hears
//! nothing. Only a frame on the group itself shows that.

use super::event::{CampaignStatus, Cause, StageKind, Warning};
use super::member::{Errand, Member};
use super::stream::PollStep;
use super::{Campaign, Phase};

/// How often the groups are asked.
const ATTEMPTS: u8 = 2;

impl Campaign {
    /// Starts the transfer with a probe if one is wanted and its answers would not drown each other.
    pub(super) fn open_transfer(&mut self) {
        self.begin_transfer();
        if !self.plan.config().probe_at_start {
            return;
        }
        let (answers, window) = (self.roster.counts().running, self.plan.answer_window());
        if self.plan.answers_fit(window) {
            self.ask_for_life(1);
        } else {
            self.warn(Warning::ProbeSkipped { answers, window });
        }
    }

    /// Whether groups are being asked for their status by multicast, in a probe or after a round.
    pub(super) fn is_polling(&self) -> bool {
        matches!(self.phase, Phase::Polling | Phase::Probing { .. })
    }

    fn ask_for_life(&mut self, attempt: u8) {
        for stream in &mut self.streams {
            stream.poll = PollStep::Due { participants: true, times: 1 };
        }
        for index in self.roster.indices() {
            let waited_for =
                |member: &Member| member.is_running() && (attempt == 1 || member.errand != Errand::Done);
            if self.roster.get(index).is_some_and(waited_for) {
                self.roster.set(index, Errand::Listening, None);
            }
        }
        self.phase = Phase::Probing { attempt };
    }

    /// Sends the fragments if enough devices have answered, asks again if not, and at last gives up.
    pub(super) fn settle_probe(&mut self, attempt: u8) -> bool {
        self.give_up_reports();
        if self.is_any_window_open() {
            return false;
        }
        let counts = self.roster.counts();
        let (succeeded, required) = (counts.done + counts.successful(), self.required());
        if succeeded < required && attempt < ATTEMPTS {
            self.ask_for_life(attempt + 1);
            return true;
        }
        self.close_windows();
        for index in self.roster.indices() {
            if self.roster.get(index).is_some_and(Member::is_running) {
                self.roster.set(index, Errand::None, None);
            }
        }
        if succeeded < required {
            let cause = Cause::BelowThreshold { stage: StageKind::DataFragment, succeeded, required };
            self.close(CampaignStatus::Failed, Some(cause));
        } else {
            self.phase = Phase::Transfer;
        }
        true
    }
}
