//! What the answers of the set-up stages mean, and which stage follows.

use alloc::vec::Vec;
use core::time::Duration;

use fuota_proto::{FragIndex, McGroupId};

use super::answer::{Answer, Refusal, Status, Verdict};
use super::event::{CampaignStatus, Cause, Event, FailureReason, StageKind, StageStatus, Warning};
use super::member::{Errand, Mark, Standing};
use super::plan::GroupPlan;
use super::plan::timing::{START_MARGIN, Span};
use super::question::{Package, Question};
use super::spec::{Kind, PackageVersion};
use super::stream::{Session, mixed_groups};
use super::{Campaign, Phase};
use crate::time::GpsInstant;

/// Slack between a device's idea of the session's start and the server's, besides clock tolerance and airtime.
const START_SLACK: Duration = Duration::from_secs(2);

impl Campaign {
    /// Takes an answer of the device at `index`, part of a payload of so many octets. Tells whether it answers
    /// anything: what does not is left alone.
    pub(super) fn on_answer(
        &mut self,
        index: u32,
        answer: Answer,
        payload_len: usize,
        received: GpsInstant,
    ) -> bool {
        let admitted = match answer {
            // How it ends is decided, and with it how every device does.
            Answer::Status { .. } | Answer::DevVersion { .. } if self.outcome.is_some() => false,
            Answer::PackageVersion { identifier, .. } => Package::find(identifier)
                .is_some_and(|it| self.admit_answer(index, Question::PackageVersion(it))),
            Answer::McGroupSetup { mc_group_id, .. } => {
                self.is_group(index, mc_group_id) && self.admit_answer(index, Question::McGroupSetup)
            }
            Answer::Session { mc_group_id, .. } => {
                self.is_group(index, mc_group_id) && self.admit_answer(index, Question::Session)
            }
            Answer::FragSessionSetup { frag_index, .. } => {
                self.is_index(index, frag_index) && self.admit_answer(index, Question::FragSessionSetup)
            }
            Answer::UpgradeImage(_) => self.admit_answer(index, Question::UpgradeImage),
            Answer::McGroupDelete { mc_group_id } => self.is_group(index, mc_group_id),
            Answer::FragSessionDelete { frag_index } => self.is_index(index, frag_index),
            Answer::Status { frag_index, .. } => {
                frag_index.is_none_or(|frag_index| self.is_index(index, frag_index))
            }
            _ => true,
        };
        if !admitted {
            return false;
        }
        match answer {
            Answer::PackageVersion { identifier, version } => {
                self.on_package_version(index, identifier, version);
            }
            Answer::McGroupSetup { verdict, .. } => self.on_mc_group_setup(index, verdict),
            Answer::Session { starts_in, .. } => self.on_session(index, starts_in, payload_len, received),
            Answer::FragSessionSetup { verdict, index_unsupported, replay, .. } => {
                self.on_frag_session_setup(index, verdict, index_unsupported, replay);
            }
            Answer::UpgradeImage(ans) => self.on_upgrade_image(index, ans),
            Answer::BlockReceived { frag_index, mic_error } => {
                self.on_block_received(index, frag_index, mic_error);
            }
            Answer::AppTime(request) => self.on_app_time(index, request, received),
            Answer::Status { status, .. } => return self.on_status(index, status),
            Answer::DevVersion { firmware, hardware } => {
                return self.on_dev_version(index, firmware, hardware);
            }
            Answer::DevRebootTime { reboot_time } => return self.on_reboot_time(index, reboot_time),
            Answer::McGroupDelete { .. } => return self.cleaned(index, Question::McGroupDelete),
            Answer::FragSessionDelete { .. } => return self.cleaned(index, Question::FragSessionDelete),
            Answer::DeleteImage => return self.cleaned(index, Question::DeleteImage),
        }
        true
    }

    fn is_group(&self, index: u32, mc_group_id: McGroupId) -> bool {
        self.roster.get(index).is_some_and(|member| member.mc_group_id() == mc_group_id)
    }

    fn is_index(&self, index: u32, frag_index: FragIndex) -> bool {
        self.roster.get(index).is_some_and(|member| member.frag_index() == frag_index)
    }

    fn on_package_version(&mut self, index: u32, identifier: u8, version: u8) {
        let Some(version) = PackageVersion::from_number(version) else {
            self.fail(index, FailureReason::UnsupportedPackage);
            return;
        };
        self.roster.update(index, |member| match Package::find(identifier) {
            Some(Package::Multicast) => member.multicast = Some(version),
            Some(Package::Fragmentation) => member.fragmentation = Some(version),
            None => {}
        });
        self.roster.set(index, Errand::Done, None);
    }

    fn on_mc_group_setup(&mut self, index: u32, verdict: Verdict) {
        let Some(&member) = self.roster.get(index) else { return };
        let Err(status) = verdict else {
            self.roster.update(index, |member| member.marks.set(Mark::Group, true));
            self.roster.set(index, Errand::Done, None);
            return;
        };
        // Its only error: the device does not support this index. Another one may do.
        match self.next_mc_group_id(index, &member) {
            Some(next) => self.ask_anew(index, |member| member.set_mc_group_id(next)),
            None => self.fail(index, FailureReason::Refused(status)),
        }
    }

    fn on_frag_session_setup(&mut self, index: u32, verdict: Verdict, index_unsupported: bool, replay: bool) {
        let Some(&member) = self.roster.get(index) else { return };
        match verdict {
            Ok(()) => self.hold_session(index),
            // The answer to a first request was lost: the device has the session (TS004-2.0.0 §3.3).
            Err(_) if replay && member.tries > 1 => self.retry(index, FailureReason::NoAnswer),
            Err(status) if index_unsupported => match self.next_frag_index(index, &member) {
                Some(next) => self.ask_anew(index, |member| member.set_frag_index(next)),
                None => self.fail(index, FailureReason::Refused(status)),
            },
            Err(status) => self.fail(index, FailureReason::Refused(status)),
        }
    }

    /// Opens the stage in which devices are told the shape of the data block.
    fn begin_frag_session_setup(&mut self) {
        self.mixed = mixed_groups(&self.plan, self.roster.members());
        for index in self.roster.indices() {
            let Some(first) = self.roster.get(index).map(|member| self.first_frag_index(index, member))
            else {
                continue;
            };
            if self.roster.get(index).is_some_and(|member| member.frag_index() != first) {
                self.roster.update(index, |member| member.set_frag_index(first));
                self.tell_numbers(index);
            }
        }
        self.ask(Question::FragSessionSetup);
    }

    /// A device of version 2 was asked whether it has the session that it did not confirm.
    pub(super) fn on_probe(&mut self, index: u32, status: Status) -> bool {
        let admitted = self.admit_answer(index, Question::FragSessionSetup);
        match status {
            _ if !admitted => {}
            Status::NoSession | Status::MicError
                if self.roster.get(index).is_some_and(|it| it.has(Mark::Kept)) =>
            {
                self.ask_anew(index, |member| {
                    member.marks.set(Mark::Session, false);
                    member.marks.set(Mark::Kept, false);
                });
            }
            Status::Complete | Status::Missing(_) | Status::MemoryError(_)
                if self.roster.get(index).is_some_and(|it| it.has(Mark::Kept)) =>
            {
                self.hold_kept_session(index, status);
            }
            Status::NoSession => self.retry(index, FailureReason::NoAnswer),
            _ => self.hold_session(index),
        }
        admitted
    }

    /// A device has kept its session, and says how much it is missing.
    fn hold_kept_session(&mut self, index: u32, status: Status) {
        self.hold_session(index);
        let missing =
            if let Status::Missing(missing) | Status::MemoryError(missing) = status { missing } else { 0 };
        self.roster.update(index, |member| member.missing_frag = Some(missing));
        if status == Status::Complete {
            self.hold_block(index);
        }
    }

    fn hold_session(&mut self, index: u32) {
        self.roster.update(index, |member| member.marks.set(Mark::Session, true));
        self.roster.set(index, Errand::Done, None);
    }

    /// Besides error bits, an answer shows whether the device's clock agrees with the server's: `received` plus
    /// TimeToStart should be the session's start.
    fn on_session(
        &mut self,
        index: u32,
        starts_in: Result<u32, Refusal>,
        payload_len: usize,
        received: GpsInstant,
    ) {
        let Some(&member) = self.roster.get(index) else { return };
        let session = self.groups.get(usize::from(member.group)).and_then(|group| group.session);
        let Some(session) = session else { return };
        let seconds = match starts_in {
            Ok(seconds) => seconds,
            Err(refusal) => {
                self.on_session_refused(index, refusal);
                return;
            }
        };
        let off = (received + Duration::from_secs(u64::from(seconds))).abs_diff(session.start);
        let tolerance =
            self.plan.config().time_sync_tolerance + self.plan.uplink_airtime(payload_len) + START_SLACK;
        if off <= tolerance {
            self.roster.set(index, Errand::Done, None);
            return;
        }
        if let Some(device) = self.plan.device(index).map(|device| device.dev_eui) {
            self.warn(Warning::ClockOff { device, by: off });
        }
        self.resynchronise(index);
        self.retry(index, FailureReason::ClockMismatch);
    }

    /// A device does not take the session. If the reason is its clock, putting that right may help.
    fn on_session_refused(&mut self, index: u32, refusal: Refusal) {
        let device = self.plan.device(index).filter(|_| refusal.missed).map(|device| device.dev_eui);
        if let Some(device) = device {
            self.warn(Warning::StartMissedEarly { device });
        }
        if device.is_some() && self.resynchronise(index) {
            self.retry(index, FailureReason::ClockMismatch);
        } else {
            self.fail(index, FailureReason::Refused(refusal.status));
        }
    }

    /// Has a device ask for the time, if it can; tells whether it can.
    fn resynchronise(&mut self, index: u32) -> bool {
        let can = self.plan.device(index).is_some_and(|device| device.clock_sync);
        if can {
            self.force_resync(index);
        }
        can
    }

    /// Closes a set-up stage: on to the next one, or the end.
    pub(super) fn end_set_up_stage(&mut self, question: Question) {
        let Some(stage) = self.stage() else { return };
        let counts = self.roster.counts();
        let (succeeded, required) = (counts.done + counts.successful(), self.required());
        if succeeded < required {
            let cause = Cause::BelowThreshold { stage, succeeded, required };
            self.close(CampaignStatus::Failed, Some(cause));
            return;
        }
        self.end_stage(StageStatus::Completed, succeeded);
        match (question, self.plan.kind()) {
            (Question::PackageVersion(_), _) => self.ask(Question::McGroupSetup),
            (Question::McGroupSetup, Kind::MulticastSetup) | (Question::FragSessionSetup, _) => {
                self.schedule_sessions();
            }
            (Question::McGroupSetup, Kind::Firmware(firmware)) if firmware.reboot.is_some() => {
                self.ask(Question::DevRebootTime);
            }
            (Question::McGroupSetup | Question::DevRebootTime, _) => self.begin_frag_session_setup(),
            (_, Kind::MulticastSetup) => self.end_multicast_setup(),
            _ if !self.streams.is_empty() => self.go_on_with_transfer(),
            _ => self.open_transfer(),
        }
    }

    /// Every device with a group and a session has what a multicast setup campaign is for.
    fn end_multicast_setup(&mut self) {
        for index in self.roster.indices() {
            if self
                .roster
                .get(index)
                .is_some_and(|member| member.is_running() && member.errand == Errand::Done)
            {
                self.conclude(index, Standing::Complete);
            }
        }
        self.begin_completing();
    }

    /// Fixes the sessions, the same for every device of a group, and opens their stage.
    fn schedule_sessions(&mut self) {
        let start = self.plan.session_start(self.now);
        let mut cause = None;
        if self.plan.spec.session_start.is_some() && start <= self.now + START_MARGIN {
            cause = Some(Cause::SessionStartPassed);
        }
        let groups = self.plan.groups().iter();
        let sessions = groups.map(|group| self.plan.session(group, start, self.deadline)).collect();
        self.open_sessions(sessions, cause);
    }

    /// Fixes later sessions, for what is left to send, and opens their stage once more.
    pub(super) fn schedule_sessions_anew(&mut self) {
        let start = self.plan.later_session_start(self.now);
        let session = |group: &GroupPlan| {
            let needed = self.plan.first_fragment_offset(group) + self.still_needed(group.parameters().id);
            self.plan.later_session(group, start, self.deadline, needed)
        };
        let sessions = self.plan.groups().iter().map(session).collect();
        self.open_sessions(sessions, None);
    }

    fn open_sessions(&mut self, sessions: Vec<Option<Span>>, mut cause: Option<Cause>) {
        let stage = StageKind::McClassSession;
        let mut scheduled = Vec::new();
        for ((group, state), session) in self.plan.groups().iter().zip(&mut self.groups).zip(sessions) {
            match session {
                Some((start, time_out, end)) => {
                    state.session = Some(Session { start, time_out, end });
                    state.closed = false;
                    scheduled.push((group.parameters().id, start, end.since(start)));
                }
                None => cause = cause.or(Some(Cause::NoTimeLeft { stage })),
            }
        }
        if let Some(cause) = cause {
            self.begin_stage(stage, self.roster.counts().running);
            self.close(CampaignStatus::Failed, Some(cause));
            return;
        }
        self.ask(Question::Session);
        for (group, start, duration) in scheduled {
            self.tell(Event::SessionScheduled { group, start, duration });
        }
    }

    /// Enough devices have what the campaign is for; late reports still count for a while.
    pub(super) fn begin_completing(&mut self) {
        self.phase = Phase::Completing { until: self.now + self.plan.config().complete_delay };
    }
}
