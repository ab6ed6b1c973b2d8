//! The status of the devices after a round: asked by multicast or one by one, until everybody is accounted for.

use alloc::vec::Vec;

use fuota_proto::fragmentation::v1::{FragSessionStatusAns, FragSessionStatusReq};

use super::event::{CampaignStatus, Cause, Event, FailureReason, StageKind, StageStatus, Warning};
use super::exchange::Question;
use super::io::{Output, Report};
use super::member::State;
use super::setup::{FRAG_INDEX, encode};
use super::spec::Redundancy;
use super::transfer::InFlight;
use super::tx::{Cargo, tx_id};
use super::{Campaign, Phase};
use crate::config::StatusRounds;
use crate::time::GpsInstant;

/// A status request to the group, and the wait for its answers.
#[derive(Clone, Debug)]
pub(super) struct Poll {
    /// Whether complete devices answer too.
    participants: bool,
    step: Step,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// The request may be sent when the duty cycle allows.
    Due,
    /// It is at the network server.
    InFlight(InFlight),
    /// It went on air; answers are spread over the window that ends at this moment.
    Window(GpsInstant),
}

impl Poll {
    const fn new(participants: bool) -> Self {
        Self { participants, step: Step::Due }
    }

    /// The transmission that the network server may still hold.
    pub(super) fn held(&self) -> Option<crate::ids::TxId> {
        match self.step {
            Step::InFlight(tx) => Some(tx_id(tx.serial, tx.cargo)),
            Step::Due | Step::Window(_) => None,
        }
    }
}

impl Campaign {
    /// Asks for the status after a round.
    pub(super) fn begin_poll(&mut self) {
        let (config, round) = (self.plan.config(), self.round);
        let counts = self.roster.counts();
        let (asked, group) = (counts.done + counts.open, counts.done + counts.open + counts.complete);
        // The first poll compares the group, later ones the devices still outstanding.
        let by_multicast = match round {
            1 => config.fsession_status_threshold.exceeded_by(group, group),
            _ => config.status_rounds == StatusRounds::Multicast,
        };
        if by_multicast && asked > 0 {
            // In the first poll complete devices answer as well: their silence would prove nothing.
            self.phase = Phase::Polling(Poll::new(round == 1));
            self.roster.open(|_, _| (State::Listening, None));
        } else {
            self.ask(Question::FragSessionStatus);
        }
        if round == 1 {
            self.begin_stage(StageKind::FragSessionStatus, asked);
        }
    }

    /// The status request to the group, if it is due.
    pub(super) fn next_poll(&mut self) -> Option<Output> {
        let Phase::Polling(Poll { participants, step: Step::Due }) = self.phase else { return None };
        if self.now < self.next_multicast || self.frames_left == 0 {
            return None;
        }
        let payload = encode(&FragSessionStatusReq { frag_index: FRAG_INDEX, participants });
        let gap = self.plan.multicast_gap(payload.len());
        let (output, in_flight) = self.multicast(Cargo::Poll, payload);
        self.next_multicast = self.now + gap;
        self.ledger.request(1);
        let step = if self.plan.config().summary_reports_disabled {
            Step::Window(self.now + self.plan.poll_window())
        } else {
            Step::InFlight(in_flight)
        };
        self.phase = Phase::Polling(Poll { participants, step });
        Some(output)
    }

    /// What became of a status request to the group.
    pub(super) fn on_poll_report(&mut self, serial: u32, report: Report) {
        let now = self.now;
        let window = self.plan.poll_window();
        let Phase::Polling(poll) = &mut self.phase else { return };
        match poll.step {
            Step::InFlight(tx) if tx.serial == serial => {}
            _ => return,
        }
        match report {
            Report::Sent { at } => poll.step = Step::Window(at.max(now) + window),
            Report::Refused(_) | Report::Dropped => {
                poll.step = Step::Due;
                self.frames_left = self.frames_left.saturating_add(1);
                self.next_multicast = self.next_multicast.max(now + super::transfer::REST);
            }
        }
    }

    /// A device says what it is missing. That counts whenever it comes, once fragments have been sent.
    pub(super) fn on_frag_session_status_ans(&mut self, index: u32, ans: &FragSessionStatusAns) {
        let Some(&member) = self.roster.get(index) else { return };
        let open = member.state.is_open();
        let late = member.state.is_silent_in(self.stage());
        let running = open || late || member.state == State::Done;
        if ans.frag_index != FRAG_INDEX || self.stage() < StageKind::DataFragment || !running {
            return;
        }
        self.roster.update(index, |member| member.missing_frag = Some(ans.missing_frag));
        if open || late {
            // It may answer the poll by multicast while a request to it alone is still queued.
            self.note_answer(index, member.state);
        }
        if ans.is_complete() {
            self.roster.conclude(index, State::Complete, self.now);
            self.tell_device(index);
        } else if !ans.is_ok() && matches!(self.plan.spec.redundancy, Redundancy::Fec(_)) {
            // Uncoded fragments need no matrix: only with FEC is this the end for the device.
            self.fail(index, FailureReason::MemoryError);
        } else if !matches!(self.phase, Phase::Transfer(_)) {
            self.roster.set(index, State::Done, None);
        }
    }

    /// Moves on when the window closes or everybody has answered.
    pub(super) fn settle_poll(&mut self) -> bool {
        let ended = self.session.is_none_or(|session| self.now >= session.end);
        let everybody = self.roster.counts().open == 0;
        let Phase::Polling(poll) = &mut self.phase else { return false };
        let closed = match poll.step {
            Step::Window(until) => everybody || self.now >= until,
            Step::InFlight(tx) if tx.has_expired(self.now) => {
                poll.step = Step::Window(self.now + self.plan.poll_window());
                self.warn(Warning::ReportMissing);
                return true;
            }
            Step::Due | Step::InFlight(_) => ended,
        };
        if !closed {
            return false;
        }
        // Who kept silent is asked alone: silence proves nothing, neither completeness nor loss.
        let silent: Vec<u32> = self.roster.indices().filter(|&index| self.is_listening(index)).collect();
        for index in silent {
            self.roster.set(index, State::Queued, None);
        }
        self.phase = Phase::Asking(Question::FragSessionStatus);
        true
    }

    fn is_listening(&self, index: u32) -> bool {
        self.roster.get(index).is_some_and(|member| member.state == State::Listening)
    }

    /// Every device that can be accounted for is: a further round, the end, or the last wait.
    pub(super) fn end_poll(&mut self) {
        let (counts, round) = (self.roster.counts(), self.round);
        let (complete, required) = (counts.complete, self.plan.required());
        let outstanding = counts.done + counts.open;
        self.tell(Event::RoundEnded { round, complete, outstanding });
        if complete >= required {
            self.phase = Phase::Completing { until: self.now + self.plan.config().complete_delay };
            return;
        }
        let stage = self.stage();
        let rounds_left = round < self.plan.rounds_max() && outstanding > 0;
        if !rounds_left {
            let cause = Cause::BelowThreshold { stage, succeeded: complete, required };
            self.close(CampaignStatus::Failed, Some(cause));
        } else if !self.has_time_for_round() {
            self.close(CampaignStatus::Failed, Some(Cause::NoTimeLeft { stage }));
        } else {
            if round == 1 {
                self.end_stage(StageStatus::Completed, complete);
                self.begin_stage(StageKind::FurtherRounds, outstanding);
            }
            self.begin_round();
        }
    }

    /// Ends the campaign well once late answers had their time.
    pub(super) fn settle_completing(&mut self, until: GpsInstant) -> bool {
        if self.now < until {
            return false;
        }
        self.close(CampaignStatus::Succeeded, None);
        true
    }

    /// When the poll needs attention.
    pub(super) fn poll_wakes_at(&self, poll: &Poll) -> Option<GpsInstant> {
        let ends = self.session.map(|session| session.end);
        let next = match poll.step {
            Step::Due => Some(self.next_multicast),
            Step::InFlight(tx) => tx.gives_up_at,
            Step::Window(until) => Some(until),
        };
        next.into_iter().chain(ends).min()
    }
}
