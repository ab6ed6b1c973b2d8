//! How an exchange ends: nobody is waited for any more, late answers have had their time, and the stage is judged.

use super::event::FailureReason;
use super::question::{Package, Question};
use super::{Campaign, Phase};
use crate::config::StageEnd;
use crate::time::GpsInstant;

impl Campaign {
    /// Ends the exchange once nobody is waited for.
    pub(super) fn settle_exchange(&mut self, question: Question) -> bool {
        if question == Question::Session {
            self.fail_latecomers();
        }
        let counts = self.roster.counts();
        let enough = match question {
            Question::FragSessionStatus | Question::DevVersion => counts.successful() >= self.required(),
            _ => counts.done + counts.successful() >= self.required(),
        };
        let threshold =
            self.plan.config().stage_end == StageEnd::Threshold && enough && !question.is_clean_up();
        let timed_out = question.is_clean_up() && self.now >= self.clean_up_ends_at;
        if counts.open > 0 && !threshold && !timed_out {
            return false;
        }
        match question {
            Question::FragSessionStatus => {
                self.end_poll();
                return true;
            }
            Question::PackageVersion(Package::Multicast) => {
                self.ask(Question::PackageVersion(Package::Fragmentation));
                return true;
            }
            _ if question.is_clean_up() => {
                self.next_clean_up(Some(question));
                return true;
            }
            _ => {}
        }
        let mut until = self.now + self.plan.late_answer_time();
        if question == Question::Session {
            let starts = self.groups.iter().filter_map(|group| group.session).map(|session| session.start);
            until = starts.fold(until, GpsInstant::min);
        }
        if counts.open + counts.silent > 0 && until > self.now {
            self.phase = Phase::Late { question, until };
        } else {
            self.evaluate(question);
        }
        true
    }

    /// Ends the wait for late answers.
    pub(super) fn settle_late(&mut self, question: Question, until: GpsInstant) -> bool {
        let counts = self.roster.counts();
        if self.now < until && counts.open + counts.silent > 0 {
            return false;
        }
        self.evaluate(question);
        true
    }

    /// Fails whoever has not confirmed a session that has begun.
    fn fail_latecomers(&mut self) {
        let now = self.now;
        let begun = |group: &super::GroupState| group.session.is_some_and(|session| now >= session.start);
        if self.roster.counts().open == 0 || !self.groups.iter().any(|group| begun(group) && !group.closed) {
            return;
        }
        for index in self.roster.indices() {
            let Some(&member) = self.roster.get(index) else { continue };
            let late = self.groups.get(usize::from(member.group)).is_some_and(begun);
            if member.errand.is_open() && late {
                self.fail(index, FailureReason::MissedSessionStart);
            }
        }
        for group in self.groups.iter_mut().filter(|group| begun(group)) {
            group.closed = true;
        }
    }

    /// Closes a stage of one exchange: on to the next one, or the end.
    fn evaluate(&mut self, question: Question) {
        if self.roster.counts().open > 0 {
            for index in self.roster.indices() {
                if self.roster.get(index).is_some_and(|member| member.errand.is_open()) {
                    self.fail(index, FailureReason::NoAnswer);
                }
            }
        }
        match question {
            Question::UpgradeImage => self.end_upgrade(),
            Question::DevVersion => self.end_verification(),
            _ => self.end_set_up_stage(question),
        }
    }

    /// When the exchange needs attention, device timers apart.
    pub(super) fn exchange_wakes_at(&self, question: Question) -> Option<GpsInstant> {
        let paced = (self.now < self.next_unicast).then_some(self.next_unicast);
        let starts = self.groups.iter().filter(|group| question == Question::Session && !group.closed);
        let starts = starts.filter_map(|group| group.session).map(|session| session.start);
        let clean_up = question.is_clean_up().then_some(self.clean_up_ends_at);
        paced.into_iter().chain(starts).chain(clean_up).min()
    }
}
