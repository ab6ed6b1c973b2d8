//! The status of the devices after a round: asked by multicast or one by one, until everybody is accounted for.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use fuota_proto::FragIndex;
use fuota_proto::fragmentation::v1::FragSessionStatusReq;
use fuota_proto::fragmentation::v2::FragDataBlockReceivedAns;

use super::adaptive::REQUESTS;
use super::answer::Status;
use super::event::{CampaignStatus, Cause, Event, FailureReason, StageKind, StageStatus};
use super::io::Report;
use super::member::{Errand, Mark, Standing};
use super::question::{Question, encode};
use super::quirk::Quirk;
use super::spec::Kind;
use super::stream::{InFlight, Key, PollStep, Stream};
use super::transfer::REST;
use super::tx::Cargo;
use super::{Campaign, Phase};
use crate::config::StatusRounds;
use crate::time::GpsInstant;

impl Campaign {
    /// Every fragment of the round is out: what follows depends on the kind of campaign.
    pub(super) fn end_round(&mut self) {
        match self.plan.kind() {
            Kind::Firmware(_) if !self.is_any_active_adaptive() => self.begin_processing(),
            _ => self.begin_poll(),
        }
    }

    /// Asks for the status after a round.
    fn begin_poll(&mut self) {
        let mut sizes: BTreeMap<Key, (u32, u32)> = BTreeMap::new();
        for member in self.roster.members() {
            if member.is_running() || matches!(member.standing, Standing::Complete | Standing::Inferred) {
                let (asked, group) = sizes.entry(Key::of(&self.plan, member)).or_default();
                *asked += u32::from(member.needs_fragments());
                *group += 1;
            }
        }
        let config = self.plan.config();
        for stream in self.streams.iter_mut().filter(|stream| stream.is_active()) {
            let (asked, group) = sizes.get(&stream.key).copied().unwrap_or_default();
            if self.plan.group(stream.key.group).is_some_and(|group| group.adaptive().is_some()) {
                stream.begin_poll(group);
                let ask = PollStep::Due { participants: false, times: REQUESTS };
                stream.poll = if asked > 0 { ask } else { PollStep::None };
                continue;
            }
            // The first poll compares the group's size; later ones ask only those still outstanding.
            let first = stream.round == 1;
            let by_multicast = if first {
                config.fsession_status_threshold.exceeded_by(group, group)
            } else {
                config.status_rounds == StatusRounds::Multicast
            };
            // In the first poll complete devices answer as well: their silence would prove nothing.
            stream.poll = if by_multicast && asked > 0 {
                PollStep::Due { participants: first, times: 1 }
            } else {
                PollStep::None
            };
        }
        if self.stage() == Some(StageKind::DataFragment) {
            self.begin_stage(StageKind::FragSessionStatus, self.roster.counts().running);
        }
        self.ask(Question::FragSessionStatus);
        // Devices of polled streams listen first; those of streams that sat the round out have nothing new to say.
        let is_update = matches!(self.plan.kind(), Kind::Firmware(_));
        for index in self.roster.indices() {
            let Some(&member) = self.roster.get(index).filter(|member| member.is_running()) else { continue };
            let stream = self.stream_of(index).map(|stream| (stream.key, stream.is_active(), stream.poll));
            let Some((key, is_active, poll)) = stream else { continue };
            let adaptive = self.is_adaptive(key);
            match poll {
                _ if !is_active || member.has(Mark::Block) || (is_update && !adaptive) => {
                    self.roster.set(index, Errand::Done, None);
                }
                PollStep::None => {}
                // It is asked alone when the group has answered.
                _ if !adaptive && self.heeds(index, Quirk::LeavesWhenComplete) => {}
                _ => self.roster.set(index, Errand::Listening, None),
            }
        }
        if self.streams.iter().any(|stream| stream.poll != PollStep::None) {
            self.phase = Phase::Polling;
        }
    }

    /// Whether a device can have the block already: no fewer fragments make it than it was cut into.
    fn may_be_complete(&self, index: u32) -> bool {
        let Some(stream) = self.stream_of(index) else { return false };
        let block = self.plan.group(stream.key.group).and_then(|group| group.block());
        block.is_some_and(|block| {
            stream.round > 1 || stream.resumed > 0 || stream.progress().0 >= block.geometry.nb_frag()
        })
    }

    fn stream_of(&self, index: u32) -> Option<&Stream> {
        let key = Key::of(&self.plan, self.roster.get(index)?);
        self.streams.iter().find(|stream| stream.key == key)
    }

    pub(super) fn encode_poll(key: Key, participants: bool) -> Vec<u8> {
        encode(&FragSessionStatusReq { frag_index: key.frag_index, participants })
    }

    /// A status request was handed to the network server.
    pub(super) fn note_poll(&mut self, stream: u16, waits: bool) {
        self.ledger.request(1);
        if !waits {
            self.note_asked(stream, self.now);
        } else if let Some(stream) = self.streams.get_mut(usize::from(stream))
            && let PollStep::Due { participants, times } = stream.poll
        {
            stream.poll = PollStep::InFlight { participants, times };
        }
    }

    /// Nothing more is to be known of a status request that was handed over; if it went on air, then at `at`. It is sent
    /// again if it is to be sent more than once; after the last time answers are waited for.
    pub(super) fn close_request(&mut self, stream: u16, at: GpsInstant) {
        let window = self.plan.poll_window();
        if let Some(stream) = self.streams.get_mut(usize::from(stream)) {
            stream.poll = match stream.poll {
                PollStep::Due { participants, times } | PollStep::InFlight { participants, times }
                    if times > 1 =>
                {
                    PollStep::Due { participants, times: times - 1 }
                }
                _ => PollStep::Window(at + window),
            };
        }
    }

    /// A status request went on air at `at`, as far as is known.
    fn note_asked(&mut self, stream: u16, at: GpsInstant) {
        if let Some(stream) = self.streams.get_mut(usize::from(stream)) {
            stream.course.on_air = true;
        }
        self.close_request(stream, at);
    }

    /// What became of a status request to a group.
    pub(super) fn on_poll_report(&mut self, stream: u16, serial: u32, report: Report) {
        let (now, polling) = (self.now, self.is_polling());
        let Some(polled) = self.streams.get_mut(usize::from(stream)) else { return };
        let Some(state) = self.groups.get_mut(usize::from(polled.key.group)) else { return };
        if !state.reported(serial) || !polling {
            return;
        }
        match (report, polled.poll) {
            (Report::Sent { at }, PollStep::InFlight { .. }) => self.note_asked(stream, at.max(now)),
            (Report::Refused(_) | Report::Dropped, PollStep::InFlight { participants, times }) => {
                polled.poll = PollStep::Due { participants, times };
                state.refused(now + REST);
            }
            _ => {}
        }
    }

    /// A device says how far its session is. That counts whenever it comes, once fragments have been sent; tells whether
    /// it does.
    pub(super) fn on_status(&mut self, index: u32, status: Status) -> bool {
        if self.phase_asks(Question::FragSessionSetup) {
            return self.on_probe(index, status);
        }
        let Some(&member) = self.roster.get(index) else { return false };
        let late = self.is_late(&member);
        let inferred = member.standing == Standing::Inferred;
        let transferred = self.has_transferred();
        if !transferred || !(member.is_running() || late || inferred) {
            return false;
        }
        // The answer does not say which session it is about, and the group was asked about both versions'.
        let is_ambiguous = status == Status::NoSession && self.mixed.contains(&member.group);
        if is_ambiguous && self.phase == Phase::Polling {
            return true;
        }
        // What it is still to be sent is sent all the same.
        let goes_on = self.owed.contains_key(&index) && matches!(status, Status::Missing(_));
        if (member.errand.is_open() || late) && !goes_on {
            self.note_answer(index);
        }
        // Some devices count what they know to be missing, which is nothing before the first fragment.
        let status = if status == Status::Complete && !self.may_be_complete(index) {
            Status::Missing(u8::MAX)
        } else {
            status
        };
        let missing = match status {
            Status::Complete | Status::MicError => Some(0),
            Status::Missing(missing) | Status::MemoryError(missing) => Some(missing),
            Status::NoSession => None,
        };
        self.note_count(index, status);
        self.roster.update(index, |member| member.missing_frag = missing.or(member.missing_frag));
        match status {
            Status::Complete => self.hold_block(index),
            // What was believed was wrong.
            Status::Missing(missing) if inferred => self.fail(index, FailureReason::Incomplete(missing)),
            Status::MicError => self.fail(index, FailureReason::MicError),
            // It may still be about the other version's.
            Status::NoSession if is_ambiguous => self.retry(index, FailureReason::SessionLost),
            Status::NoSession => self.fail(index, FailureReason::SessionLost),
            // Uncoded fragments need no matrix: only if no round follows is this the end for the device.
            Status::MemoryError(_) if !self.may_still_complete(index) => {
                self.fail(index, FailureReason::MemoryError);
            }
            Status::Missing(_) if goes_on || self.is_doubted(index) => {}
            Status::MemoryError(_) | Status::Missing(_) => {
                if self.phase != Phase::Transfer {
                    self.roster.set(index, Errand::Done, None);
                }
            }
        }
        true
    }

    /// Has a device asked once more if its count may be behind; tells whether it is.
    fn is_doubted(&mut self, index: u32) -> bool {
        let asked = self.phase == Phase::Polling || self.phase_asks(Question::FragSessionStatus);
        let first = self.roster.get(index).is_some_and(|member| !member.has(Mark::Doubted));
        let doubted = asked && first && self.heeds(index, Quirk::MissingFragLags);
        if doubted {
            self.roster.update(index, |member| member.marks.set(Mark::Doubted, true));
            self.roster.set(index, Errand::Queued, None);
        }
        doubted
    }

    /// A device reports completion by itself, and wants to be answered, also late and again.
    pub(super) fn on_block_received(&mut self, index: u32, frag_index: FragIndex, mic_error: bool) {
        self.reply(index, self.plan.config().fmcport, encode(&FragDataBlockReceivedAns { frag_index }));
        let Some(member) = self.roster.get(index) else { return };
        let counts = self.outcome.is_none() && (member.is_running() || self.is_late(member));
        if member.frag_index() == frag_index && counts {
            self.on_status(index, if mic_error { Status::MicError } else { Status::Complete });
        }
    }

    /// The device has the whole data block, by its own word.
    pub(super) fn hold_block(&mut self, index: u32) {
        match self.plan.kind() {
            // An image counts once it runs.
            Kind::Firmware(_) => {
                self.roster.update(index, |member| member.marks.set(Mark::Block, true));
                self.roster.set(index, Errand::Done, None);
            }
            _ => self.conclude(index, Standing::Complete),
        }
    }

    /// Whether an answer to a request by multicast may still come.
    pub(super) fn is_any_window_open(&self) -> bool {
        let everybody = self.roster.counts().listening == 0;
        self.streams.iter().any(|stream| match stream.poll {
            PollStep::None => false,
            PollStep::Window(until) => self.now < until && !everybody,
            PollStep::Due { .. } | PollStep::InFlight { .. } => {
                let session = self.groups.get(usize::from(stream.key.group)).and_then(|state| state.session);
                session.is_some_and(|session| self.now < session.end)
            }
        })
    }

    pub(super) fn close_windows(&mut self) {
        for stream in &mut self.streams {
            stream.poll = PollStep::None;
        }
    }

    /// Moves on when every window is closed or everybody has answered.
    pub(super) fn settle_poll(&mut self) -> bool {
        self.give_up_reports();
        // What was sent ahead is accounted for before it counts.
        let fragment = |tx: &InFlight| matches!(tx.cargo, Cargo::Fragment { .. });
        let is_ahead = self.groups.iter().any(|state| state.in_flight.as_ref().is_some_and(fragment));
        if self.is_any_window_open() || is_ahead {
            return false;
        }
        self.close_windows();
        self.streams.iter_mut().for_each(Stream::cut);
        // Who kept silent is asked alone: silence proves nothing, neither completeness nor loss. The adaptive policy has
        // its own ways.
        for index in self.roster.indices() {
            let Some(&member) = self.roster.get(index) else { continue };
            if member.errand == Errand::Listening {
                let adaptive = self.is_adaptive(Key::of(&self.plan, &member));
                self.roster.set(index, if adaptive { Errand::Done } else { Errand::Queued }, None);
            }
        }
        self.phase = Phase::Asking(Question::FragSessionStatus);
        true
    }

    /// Every device that can be accounted for is: a further round, the end, or the last wait.
    pub(super) fn end_poll(&mut self) {
        if self.settle_courses() {
            return;
        }
        let (counts, required) = (self.roster.counts(), self.required());
        let (complete, outstanding) = (counts.successful(), counts.running);
        self.tell(Event::RoundEnded { round: self.round(), complete, outstanding });
        match self.plan.kind() {
            Kind::Firmware(_) if !self.is_any_batch_due() => self.begin_processing(),
            Kind::Firmware(_) => self.next_round(complete, required),
            _ if complete >= required => self.begin_completing(),
            _ => self.next_round(complete, required),
        }
    }

    /// A further round for the streams that need one, or the end.
    pub(super) fn next_round(&mut self, succeeded: u32, required: u32) {
        let Some(stage) = self.stage() else { return };
        let outstanding: Vec<Key> = {
            let running = self.roster.members().iter().filter(|member| member.needs_fragments());
            let mut keys: Vec<_> = running.map(|member| Key::of(&self.plan, member)).collect();
            keys.sort_unstable();
            keys.dedup();
            keys
        };
        let mut again = Vec::new();
        let mut cause = Cause::BelowThreshold { stage, succeeded, required };
        for (at, stream) in self.streams.iter().enumerate() {
            if outstanding.binary_search(&stream.key).is_err() {
                continue;
            }
            if self.is_adaptive(stream.key) {
                // It is no longer than what is left of the time.
                again.extend(self.adaptive_batch(at).map(|batch| (stream.key, batch)));
                if self.time_before_poll(stream.key).is_none() {
                    cause = Cause::NoTimeLeft { stage };
                }
                continue;
            }
            match self.plan.group(stream.key.group).and_then(|group| group.batch(stream.round + 1)) {
                Some(batch) if self.has_time_for_round(stream.key) => again.push((stream.key, batch)),
                Some(_) => cause = Cause::NoTimeLeft { stage },
                None => {}
            }
        }
        if again.is_empty() {
            self.close(CampaignStatus::Failed, Some(cause));
            return;
        }
        for stream in &mut self.streams {
            match again.iter().find(|(key, _)| *key == stream.key) {
                Some(&(_, batch)) => stream.restart(batch),
                None => stream.rest(),
            }
        }
        self.phase = Phase::Transfer;
        if stage == StageKind::FurtherRounds {
            self.tell(Event::Estimated(self.estimate()));
        } else {
            self.end_stage(StageStatus::Completed, succeeded);
            self.begin_stage(StageKind::FurtherRounds, self.roster.counts().running);
        }
    }

    /// Rounds of fragments so far.
    pub(super) fn round(&self) -> u16 {
        self.streams.iter().map(|stream| stream.round).max().unwrap_or_default()
    }

    /// Ends the campaign well once late answers had their time.
    pub(super) fn settle_completing(&mut self, until: GpsInstant) -> bool {
        if self.now < until {
            return false;
        }
        let (succeeded, required) = (self.roster.counts().successful(), self.required());
        match self.stage() {
            // A device that was believed to be complete has said that it is not.
            Some(stage) if succeeded < required => {
                let cause = Cause::BelowThreshold { stage, succeeded, required };
                self.close(CampaignStatus::Failed, Some(cause));
            }
            _ => self.close(CampaignStatus::Succeeded, None),
        }
        true
    }
}
