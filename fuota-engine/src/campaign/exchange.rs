//! The unicast flow: every device that takes part is asked, and asked again, until it answers or fails.
//!
//! One request per device is outstanding at a time. Only a transmission that went on air counts as a try: what
//! waits in the network server's queue costs a device nothing while the device itself is heard.

use core::time::Duration;

use super::event::{CampaignStatus, Cause, FailureReason, StageKind, StageStatus};
use super::io::{Output, Report};
use super::member::{Member, State};
use super::spec::Redundancy;
use super::tx::{Cargo, tx_id};
use super::{Campaign, Phase};
use crate::config::StageEnd;
use crate::time::GpsInstant;

/// Wrapped keys asked for at once; bounds what waits in the outputs when they all arrive.
const KEYS_AHEAD: u32 = 64;
/// Pause after the network server took nothing.
const REST: Duration = Duration::from_secs(5);

/// What devices are asked one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// `McGroupSetupReq`.
    McGroupSetup,
    /// `FragSessionSetupReq`.
    FragSessionSetup,
    /// `McClassCSessionReq`.
    McClassCSession,
    /// `FragSessionStatusReq`, to be answered by complete devices too.
    FragSessionStatus,
}

impl Question {
    /// The set-up stage that consists of this question.
    const fn stage(self) -> Option<StageKind> {
        match self {
            Self::McGroupSetup => Some(StageKind::McGroupSetup),
            Self::FragSessionSetup => Some(StageKind::FragSessionSetup),
            Self::McClassCSession => Some(StageKind::McClassCSession),
            Self::FragSessionStatus => None,
        }
    }
}

impl Campaign {
    /// Opens a set-up stage.
    pub(super) fn ask(&mut self, question: Question) {
        let (now, plan) = (self.now, &self.plan);
        let participants = self.roster.open(|index, member| {
            // A class A device can't be reached before it has spoken.
            match member.last_heard {
                None => (State::AwaitFirstUplink, Some(now + plan.silence_limit(index as usize))),
                Some(_) => (State::Queued, None),
            }
        });
        self.phase = Phase::Asking(question);
        if let Some(stage) = question.stage() {
            self.begin_stage(stage, participants);
        }
    }

    /// Something was heard of a device.
    pub(super) fn heard(&mut self, index: u32) {
        let now = self.now;
        self.roster.update(index, |member| member.last_heard = Some(now));
        if self.roster.get(index).is_some_and(|member| member.state == State::AwaitFirstUplink) {
            self.roster.set(index, State::Queued, None);
        }
    }

    /// The next request to send, if one may be sent now.
    pub(super) fn next_request(&mut self, question: Question) -> Option<Output> {
        if self.now < self.next_unicast {
            return None;
        }
        let needs_key = question == Question::McGroupSetup;
        if needs_key && self.keys_awaited >= KEYS_AHEAD {
            return None;
        }
        let index = self.roster.peek_ready()?;
        self.roster.pop_ready();
        self.next_unicast = self.now + self.plan.config().ucast_msg_delay;
        if needs_key {
            self.keys_awaited += 1;
            self.roster.set(index, State::AwaitKey, None);
            let device = self.roster.get(index)?.dev_eui;
            return Some(Output::Derive { device, group: self.plan.group().id });
        }
        self.send_request(index, question, None)
    }

    /// A wrapped key has come.
    pub(super) fn on_key(&mut self, index: u32, key: fuota_proto::EncryptedMcKey) {
        if self.roster.get(index).is_none_or(|member| member.state != State::AwaitKey) {
            self.warn(super::Warning::UnknownInput);
            return;
        }
        self.keys_awaited = self.keys_awaited.saturating_sub(1);
        if let Some(output) = self.send_request(index, Question::McGroupSetup, Some(key)) {
            self.outputs.push_back(output);
        }
    }

    fn send_request(
        &mut self,
        index: u32,
        question: Question,
        key: Option<fuota_proto::EncryptedMcKey>,
    ) -> Option<Output> {
        let (port, payload) = self.encode_request(question, key)?;
        let expires_at = match question {
            Question::McClassCSession => self.session.map_or(self.deadline, |session| session.start),
            Question::FragSessionStatus => self.session.map_or(self.deadline, |session| session.end),
            Question::McGroupSetup | Question::FragSessionSetup => self.deadline,
        };
        let member = *self.roster.get(index)?;
        let dest = super::Dest::Unicast(member.dev_eui);
        let (serial, transmit) = self.transmit(Cargo::Request(index), dest, port, payload, expires_at);
        let delivery = self.plan.config().delivery_timeout.map(|limit| self.now + limit);
        let silent = self.silent_at(index, &member);
        let deadline = delivery.map_or(silent, |delivery| delivery.min(silent));
        self.roster.set(index, State::AwaitReport(serial), Some(deadline));
        Some(Output::Transmit(transmit))
    }

    /// What became of a device's request.
    pub(super) fn on_request_report(&mut self, index: u32, serial: u32, report: Report) {
        if self.roster.get(index).is_none_or(|member| member.state != State::AwaitReport(serial)) {
            // Overtaken by the answer, by a time-out or by the end of the stage.
            return;
        }
        match report {
            Report::Sent { at } => {
                self.note_sent(index);
                let response = at + self.answer_time(index);
                self.roster.set(index, State::AwaitAnswer, Some(response));
            }
            Report::Refused(_) | Report::Dropped => {
                self.roster.set(index, State::Resting, Some(self.now + REST));
            }
        }
    }

    /// A request went on air.
    fn note_sent(&mut self, index: u32) {
        self.roster.update(index, |member| {
            member.tries = member.tries.saturating_add(1);
            member.requests = member.requests.saturating_add(1);
        });
        let tries = self.roster.get(index).map_or(0, |member| member.tries);
        self.ledger.request(tries);
    }

    /// How long a device has to answer.
    fn answer_time(&self, index: u32) -> Duration {
        let response = self.plan.response_timeout(index as usize);
        match self.phase {
            // Status answers are delayed at random within their window (TS004-1.0.0 §4).
            Phase::Asking(Question::FragSessionStatus) => response.max(self.plan.poll_window()),
            _ => response,
        }
    }

    fn silent_at(&self, index: u32, member: &Member) -> GpsInstant {
        let began = self.ledger.stages().last().map_or(self.started, |stage| stage.started);
        member.silent_at(began, self.plan.silence_limit(index as usize))
    }

    /// A device's moment has come.
    pub(super) fn on_timer(&mut self, index: u32) {
        let Some(&member) = self.roster.get(index) else { return };
        match member.state {
            State::AwaitFirstUplink => self.fail(index, FailureReason::NotHeard),
            State::Resting => self.roster.set(index, State::Queued, None),
            State::AwaitAnswer => self.retry(index, FailureReason::NoAnswer),
            State::AwaitReport(serial) => {
                let silent = self.silent_at(index, &member);
                if self.now >= silent {
                    self.fail(index, FailureReason::NotHeard);
                } else if self.plan.config().delivery_timeout.is_some() {
                    self.outputs.push_back(Output::Cancel(tx_id(serial, Cargo::Request(index))));
                    self.roster.update(index, |member| member.tries = member.tries.saturating_add(1));
                    self.retry(index, FailureReason::NoAnswer);
                } else {
                    // It was heard since the timer was set.
                    self.roster.set(index, member.state, Some(silent));
                }
            }
            _ => {}
        }
    }

    /// Asks once more, or gives up on the device.
    pub(super) fn retry(&mut self, index: u32, reason: FailureReason) {
        let tries = self.roster.get(index).map_or(0, |member| member.tries);
        let asking = matches!(self.phase, Phase::Asking(_));
        if asking && tries <= self.plan.config().msg_retries {
            self.roster.set(index, State::Queued, None);
        } else if self.stays_after_silence(reason) {
            // A further round may complete it, and the poll after that may reach it.
            self.roster.set(index, State::Done, None);
        } else {
            self.fail(index, reason);
        }
    }

    fn stays_after_silence(&self, reason: FailureReason) -> bool {
        reason == FailureReason::NoAnswer
            && self.plan.spec.redundancy == Redundancy::Rounds
            && matches!(self.phase, Phase::Asking(Question::FragSessionStatus))
    }

    /// Whether an answer to `question` from this device counts now; if so, it is taken note of.
    ///
    /// An answer without a sent report implies the report, and one that comes late, while the stage still waits,
    /// brings its device back.
    pub(super) fn admit_answer(&mut self, index: u32, question: Question) -> bool {
        let current = match self.phase {
            Phase::Asking(asked) | Phase::Late { question: asked, .. } => asked == question,
            _ => false,
        };
        let Some(&member) = self.roster.get(index) else { return false };
        let late = member.state.is_silent_in(self.stage());
        if !current || !(member.state.is_open() || late) {
            return false;
        }
        if matches!(member.state, State::AwaitReport(_)) && member.tries == 0 {
            self.note_sent(index);
        }
        self.note_answer(index, member.state);
        true
    }

    /// Counts an answer; a request that is still queued has become pointless.
    pub(super) fn note_answer(&mut self, index: u32, state: State) {
        self.withdraw(index);
        let revived = state.is_silent_in(self.stage());
        self.ledger.note(|stage| {
            stage.answers += 1;
            stage.failed -= u32::from(revived);
        });
    }

    /// Ends the exchange once nobody is waited for.
    pub(super) fn settle_exchange(&mut self, question: Question) -> bool {
        let counts = self.roster.counts();
        let enough = match question {
            Question::FragSessionStatus => counts.complete >= self.plan.required(),
            _ => counts.done >= self.plan.required(),
        };
        let threshold = self.plan.config().stage_end == StageEnd::Threshold && enough;
        let started = self.session_started(question);
        if counts.open > 0 && !threshold && !started {
            return false;
        }
        if question == Question::FragSessionStatus {
            self.end_poll();
            return true;
        }
        let outstanding = counts.open + self.roster.silent();
        let mut until = self.now + self.plan.late_answer_time();
        if let (Question::McClassCSession, Some(session)) = (question, self.session) {
            until = until.min(session.start);
        }
        if outstanding > 0 && until > self.now {
            self.phase = Phase::Late { question, until };
        } else {
            self.evaluate(question);
        }
        true
    }

    /// Ends the wait for late answers.
    pub(super) fn settle_late(&mut self, question: Question, until: GpsInstant) -> bool {
        let outstanding = self.roster.counts().open + self.roster.silent();
        if self.now < until && outstanding > 0 {
            return false;
        }
        self.evaluate(question);
        true
    }

    /// Whether the session that the question announces has begun.
    fn session_started(&self, question: Question) -> bool {
        question == Question::McClassCSession && self.session.is_some_and(|session| self.now >= session.start)
    }

    /// Closes a set-up stage: on to the next one, or the end.
    fn evaluate(&mut self, question: Question) {
        if self.roster.counts().open > 0 {
            let reason = if self.session_started(question) {
                FailureReason::MissedSessionStart
            } else {
                FailureReason::NoAnswer
            };
            for index in self.roster.indices() {
                if self.roster.get(index).is_some_and(|member| member.state.is_open()) {
                    self.fail(index, reason);
                }
            }
        }
        let (succeeded, required) = (self.roster.counts().done, self.plan.required());
        if succeeded < required {
            let cause = Cause::BelowThreshold { stage: self.stage(), succeeded, required };
            self.close(CampaignStatus::Failed, Some(cause));
            return;
        }
        self.end_stage(StageStatus::Completed, succeeded);
        match question {
            Question::McGroupSetup => self.ask(Question::FragSessionSetup),
            Question::FragSessionSetup => self.schedule_session(),
            Question::McClassCSession | Question::FragSessionStatus => self.begin_transfer(),
        }
    }

    /// When the exchange needs attention, device timers apart.
    pub(super) fn exchange_wakes_at(&self, question: Question) -> Option<GpsInstant> {
        let paced = (self.now < self.next_unicast).then_some(self.next_unicast);
        let starts = match question {
            Question::McClassCSession => self.session.map(|session| session.start),
            _ => None,
        };
        paced.into_iter().chain(starts).min()
    }
}
