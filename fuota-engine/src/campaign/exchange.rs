//! The unicast flow: every device that takes part is asked, and asked again, until it answers or fails.
//!
//! One request per device is outstanding at a time. Only a transmission that went on air counts as a try: what
//! waits in the network server's queue costs a device nothing while the device itself is heard.

use core::time::Duration;

use super::event::{FailureReason, StageKind, Warning};
use super::io::{Derived, Dest, Output, Report};
use super::member::{Errand, Mark, Maybe, Member};
use super::question::{Ingredient, Package, Question, request};
use super::quirk::Quirk;
use super::spec::{DeviceClass, Kind, PackageVersion};
use super::tx::{Cargo, tx_id};
use super::{Campaign, Phase};
use crate::time::GpsInstant;

/// Derivations asked for at once; bounds what waits in the outputs when they all arrive.
const DERIVATIONS_AHEAD: u32 = 64;
/// How often a device is asked whether it has kept its session, before it is given another.
const KEPT_PROBES: u8 = 2;
/// Pause after the network server took nothing.
const REST: Duration = Duration::from_secs(5);

impl Campaign {
    /// Puts a question to every device that it concerns.
    pub(super) fn ask(&mut self, question: Question) {
        let stage = question.stage().filter(|stage| self.stage() != Some(*stage));
        if let Some(stage) = stage {
            self.begin_stage(stage, self.roster.counts().running);
        }
        self.owed.clear();
        let (now, plan, groups) = (self.now, &self.plan, &self.groups);
        self.roster.open(|index, member| {
            let device = plan.device(index);
            if !concerns(question, member) {
                (Errand::None, None)
            } else if is_done(question, member, device, plan, groups) {
                (Errand::Done, None)
            } else if member.last_heard.get().is_none()
                && device.is_none_or(|device| device.class == DeviceClass::A)
            {
                // A class A device can't be reached before it has spoken.
                (Errand::AwaitFirstUplink, Some(now + plan.silence_limit(index)))
            } else {
                (Errand::Queued, None)
            }
        });
        let concerned = self.plan.devices().iter().zip(self.roster.members());
        let periods =
            concerned.filter(|(_, member)| concerns(question, member)).map(|(d, _)| d.uplink_period);
        self.longest_period = periods.max().unwrap_or_default();
        self.phase = Phase::Asking(question);
    }

    /// Something was heard of a device.
    pub(super) fn heard(&mut self, index: u32) {
        let now = self.now;
        self.roster.update(index, |member| {
            member.last_heard = Some(now).into();
            if member.errand == Errand::AwaitFirstUplink {
                member.errand = Errand::Queued;
                member.deadline = Maybe::NONE;
            }
        });
    }

    /// The next request to send, if one may be sent now.
    pub(super) fn next_request(&mut self, question: Question) -> Option<Output> {
        if self.now < self.next_unicast {
            return None;
        }
        let index = self.roster.peek_ready()?;
        let member = *self.roster.get(index)?;
        let asked = self.asked_now(index, question, &member);
        let derivation = asked.derivation(&self.plan, index, &member);
        if derivation.is_some() && self.roster.counts().deriving >= DERIVATIONS_AHEAD {
            return None;
        }
        self.roster.pop_ready();
        if asked != question && member.fragmentation != Some(PackageVersion::V2) {
            self.heeds(index, Quirk::IgnoresRepeatedSetup);
        }
        self.next_unicast = self.now + self.plan.config().ucast_msg_delay;
        if let Some(order) = derivation {
            self.roster.set(index, Errand::AwaitDerived(None), None);
            return Some(Output::Derive(order));
        }
        self.send_request(index, asked, Ingredient::None, None)
    }

    /// What a device is really asked: one that did not answer a FragSessionSetupReq is first asked whether it has the
    /// session, because some don't answer a second request for one they have. In version 1 a repeat does no harm,
    /// unless the device is known to be such a one.
    pub(super) fn asked_now(&self, index: u32, question: Question, member: &Member) -> Question {
        if question == Question::FragSessionSetup && member.has(Mark::Kept) && member.tries < KEPT_PROBES {
            return Question::FragSessionStatus;
        }
        let probes = member.fragmentation == Some(PackageVersion::V2)
            || self.quirks(index).has(Quirk::IgnoresRepeatedSetup);
        if question == Question::FragSessionSetup && probes && member.tries % 2 == 1 {
            Question::FragSessionStatus
        } else {
            question
        }
    }

    /// What a request waited for has come.
    pub(super) fn on_derived(&mut self, index: u32, value: Derived) {
        let Phase::Asking(question) = self.phase else { return };
        let ingredient = match (question, value) {
            (Question::McGroupSetup, Derived::McKey(key)) => Some(Ingredient::McKey(key)),
            (Question::FragSessionSetup, Derived::BlockMic(mic)) => Some(Ingredient::Mic(mic)),
            (_, Derived::Unavailable) => None,
            // Asked for again after a restart, and the device's answer to the earlier request was faster. What this stage
            // asked for is still to come.
            _ => return self.warn(Warning::UnknownInput),
        };
        let again = match self.roster.get(index).map(|member| member.errand) {
            Some(Errand::AwaitDerived(again)) => again,
            Some(Errand::AwaitOutdated) => return self.roster.set(index, Errand::Queued, None),
            _ => return self.warn(Warning::UnknownInput),
        };
        if self.paused {
            // It is computed anew when it can be sent.
            self.roster.set(index, Errand::Queued, None);
            return;
        }
        let Some(ingredient) = ingredient else { return self.fail(index, FailureReason::NoKey) };
        if let Some(output) = self.send_request(index, question, ingredient, again) {
            self.outputs.push_back(output);
        }
    }

    /// Hands a request to the network server, under the serial number `again` if it was handed over before.
    pub(super) fn send_request(
        &mut self,
        index: u32,
        question: Question,
        ingredient: Ingredient,
        again: Option<u32>,
    ) -> Option<Output> {
        let member = *self.roster.get(index)?;
        let group = self.groups.get(usize::from(member.group))?;
        let session = group.session;
        let (port, payload) = match self.owed.get(&index) {
            Some(&owed) => (self.plan.config().fmcport, self.fragment_alone(&member, owed)?),
            None => request(question, &self.plan, &member, group, ingredient)?,
        };
        let expires_at = match question {
            Question::Session => session.map_or(self.deadline, |session| session.start),
            _ if question.is_clean_up() => self.clean_up_ends_at,
            // A set-up request that comes once fragments travel would wipe a running session of version 1.
            _ if self.stage() < Some(StageKind::McClassSession) => {
                self.configured_start().map_or(self.deadline, |start| start.min(self.deadline))
            }
            // A device keeps its fragmentation session when the multicast session is over.
            _ => self.deadline,
        };
        if question == Question::FragSessionSetup && member.has(Mark::Kept) {
            // Whether it gets there or not: what the device has is no longer to be relied on.
            self.roster.update(index, |member| member.marks.set(Mark::Kept, false));
        }
        let dest = Dest::Unicast(self.plan.device(index)?.dev_eui);
        let (serial, transmit) = self.transmit(Cargo::Request(index), dest, port, payload, expires_at, again);
        let delivery = self.plan.delivery_timeout(self.longest_period).map(|limit| self.now + limit);
        // However long it has been silent, what is handed over gets the chance of an uplink.
        let silent = self.silent_at(index, &member).max(self.now + self.plan.period(index));
        let deadline = delivery.unwrap_or(silent);
        self.roster.set(index, Errand::AwaitReport(serial), Some(deadline));
        Some(Output::Transmit(transmit))
    }

    /// What became of a device's request.
    pub(super) fn on_request_report(&mut self, index: u32, serial: u32, report: Report) {
        if self.roster.get(index).is_none_or(|member| member.errand != Errand::AwaitReport(serial)) {
            // Overtaken by the answer, by a time-out or by the end of the stage.
            return;
        }
        if self.on_alone_report(index, report) {
            return;
        }
        match report {
            Report::Sent { at } => {
                self.note_sent(index);
                let response = at + self.answer_time(index);
                self.roster.set(index, Errand::AwaitAnswer, Some(response));
            }
            Report::Postponed { .. } => {}
            Report::Refused(_) | Report::Dropped => {
                if self.plan.config().documented_timers && !self.note_unsent(index) {
                    self.give_up(index, FailureReason::NoAnswer);
                } else {
                    self.roster.set(index, Errand::Resting, Some(self.now + REST));
                }
            }
        }
    }

    /// A try was spent on a request that did not go on air; tells whether one is left.
    fn note_unsent(&mut self, index: u32) -> bool {
        self.roster.update(index, |member| member.tries = member.tries.saturating_add(1));
        self.has_tries(index)
    }

    fn has_tries(&self, index: u32) -> bool {
        self.roster.get(index).is_some_and(|member| member.tries <= self.plan.config().msg_retries)
    }

    /// A request went on air.
    pub(super) fn note_sent(&mut self, index: u32) {
        self.roster.update(index, |member| {
            member.tries = member.tries.saturating_add(1);
            member.requests = member.requests.saturating_add(1);
        });
        let tries = self.roster.get(index).map_or(0, |member| member.tries);
        self.ledger.request(tries);
        if self.phase == Phase::Asking(Question::DevRebootTime) {
            // Whether or not an answer comes, it may be going to reboot.
            self.roster.update(index, |member| member.marks.set(Mark::Reboot, true));
        }
    }

    /// How long a device has to answer.
    fn answer_time(&self, index: u32) -> Duration {
        let response = self.plan.response_timeout(index, self.longest_period);
        match self.phase {
            // Status answers are delayed at random within their window (TS004-1.0.0 §4).
            Phase::Asking(Question::FragSessionStatus | Question::FragSessionSetup) => {
                response.max(self.plan.poll_window())
            }
            _ => response,
        }
    }

    pub(super) fn silent_at(&self, index: u32, member: &Member) -> GpsInstant {
        member.silent_at(self.stage_began(), self.plan.silence_limit(index))
    }

    /// A device's moment has come.
    pub(super) fn on_timer(&mut self, index: u32) {
        let Some(&member) = self.roster.get(index) else { return };
        match member.errand {
            Errand::AwaitFirstUplink => self.give_up(index, FailureReason::NotHeard),
            Errand::Resting => self.roster.set(index, Errand::Queued, None),
            Errand::AwaitAnswer => self.retry(index, FailureReason::NoAnswer),
            Errand::AwaitReport(serial) => {
                let silent = self.silent_at(index, &member);
                if self.now >= silent {
                    self.give_up(index, FailureReason::NotHeard);
                } else if self.plan.delivery_timeout(self.longest_period).is_some() {
                    self.outputs.push_back(Output::Cancel(tx_id(serial, Cargo::Request(index))));
                    self.note_unsent(index);
                    self.retry(index, FailureReason::NoAnswer);
                } else {
                    // It was heard since the timer was set.
                    self.roster.set(index, member.errand, Some(silent));
                }
            }
            _ => {}
        }
    }

    /// Asks once more, or gives up on the device.
    pub(super) fn retry(&mut self, index: u32, reason: FailureReason) {
        if matches!(self.phase, Phase::Asking(_)) && self.has_tries(index) {
            self.roster.set(index, Errand::Queued, None);
        } else {
            self.give_up(index, reason);
        }
    }

    /// Nothing more is to be had from the device in this exchange.
    fn give_up(&mut self, index: u32, reason: FailureReason) {
        let question = match self.phase {
            Phase::Asking(question) | Phase::Late { question, .. } => Some(question),
            _ => None,
        };
        // A further round may complete a device that did not answer, and the poll after it may reach it.
        let may_come_round = reason == FailureReason::NoAnswer
            && question == Some(Question::FragSessionStatus)
            && (self.may_still_complete(index) || self.is_polled_adaptively(index));
        if may_come_round || question.is_some_and(Question::is_clean_up) {
            self.withdraw(index);
            self.roster.set(index, Errand::Done, None);
        } else {
            self.fail(index, reason);
        }
    }

    /// Whether an answer to `question` from this device counts now; if so, it is taken note of.
    ///
    /// An answer without a sent report implies the report, and one that comes late, while the stage still waits,
    /// brings its device back.
    pub(super) fn admit_answer(&mut self, index: u32, question: Question) -> bool {
        let Some(&member) = self.roster.get(index) else { return false };
        if !self.phase_asks(question) || !(member.errand.is_open() || self.is_late(&member)) {
            return false;
        }
        if matches!(member.errand, Errand::AwaitReport(_)) && member.tries == 0 {
            self.note_sent(index);
        }
        self.note_answer(index);
        true
    }

    /// Whether the device failed in this very stage for want of an answer.
    pub(super) fn is_late(&self, member: &Member) -> bool {
        member.is_silent_in(self.ledger.ordinal())
    }

    /// Counts an answer; a request that is still queued has become pointless.
    pub(super) fn note_answer(&mut self, index: u32) {
        self.withdraw(index);
        let revived = self.roster.get(index).is_some_and(|member| self.is_late(member));
        if revived {
            self.revive(index);
        }
        self.ledger.note(|stage| {
            stage.answers += 1;
            stage.failed -= u32::from(revived);
        });
    }
}

/// Whether a device has a part in the exchange.
fn concerns(question: Question, member: &Member) -> bool {
    match question {
        // A device that runs what it was sent has nothing to cancel and nothing to delete.
        Question::CancelReboot => member.has(Mark::Reboot) && !member.has_succeeded(),
        Question::DeleteImage => member.has(Mark::Session) && !member.has_succeeded(),
        Question::FragSessionDelete => member.has(Mark::Session),
        Question::McGroupDelete => member.has(Mark::Group),
        _ => member.is_running(),
    }
}

/// Whether the question need not be put to a device that has a part in the exchange.
fn is_done(
    question: Question,
    member: &Member,
    device: Option<&super::DeviceSpec>,
    plan: &super::Plan,
    groups: &[super::GroupState],
) -> bool {
    let Some(device) = device else { return false };
    match question {
        Question::PackageVersion(Package::Multicast) => member.multicast.is_some(),
        Question::PackageVersion(Package::Fragmentation) => {
            member.fragmentation.is_some() || plan.kind() == Kind::MulticastSetup
        }
        // It has said so already, or its group never asks.
        Question::UpgradeImage => {
            member.has(Mark::Block)
                || plan.group(member.group).is_none_or(|group| !group.policy().may_still_complete())
        }
        Question::McGroupSetup => {
            let (Some(held), Some(group), Some(state)) =
                (device.membership, plan.group(member.group), groups.get(usize::from(member.group)))
            else {
                return false;
            };
            let parameters = group.parameters();
            let last = plan.max_mc_fcnt(group, state.first_fcnt);
            (held.mc_addr, held.key_id) == (parameters.mc_addr, parameters.key_id)
                && (held.min_mc_fcnt..=held.max_mc_fcnt).contains(&state.first_fcnt)
                && last <= held.max_mc_fcnt
        }
        _ => false,
    }
}
