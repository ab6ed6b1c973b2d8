//! The multicast flow: rounds of fragments, in order, paced by the duty cycle, every one of them accounted for.

use alloc::vec::Vec;
use core::time::Duration;

use fuota_fec::{Encoder, FragmentNumber};
use fuota_proto::FragN;
use fuota_proto::fragmentation::v1::DataFragment;

use super::event::{CampaignStatus, Cause, StageKind, StageStatus, Warning};
use super::io::{Dest, Output, Report};
use super::question::encode;
use super::stream::{InFlight, Key, PollStep, streams};
use super::tx::Cargo;
use super::{Campaign, Phase};
use crate::time::GpsInstant;

/// Pause after the network server took nothing.
pub(super) const REST: Duration = Duration::from_secs(1);

impl Campaign {
    /// Has every device's window open before the next fragment is sent.
    pub(super) fn admit_to_session(&mut self) {
        for (group, state) in self.plan.groups().iter().zip(&mut self.groups) {
            if let Some(session) = state.session {
                let first = session.start + self.plan.first_fragment_offset(group);
                state.next_multicast = state.next_multicast.max(first);
            }
        }
    }

    /// Starts the first round.
    pub(super) fn begin_transfer(&mut self) {
        self.admit_to_session();
        self.streams = streams(&self.plan, self.roster.members());
        self.phase = Phase::Transfer;
        self.begin_stage(StageKind::DataFragment, self.roster.counts().running);
    }

    /// Whether a whole further round of a stream and its poll fit into what is left of the session and of the
    /// campaign.
    pub(super) fn has_time_for_round(&self, key: Key) -> bool {
        let (Some(group), Some(state)) =
            (self.plan.group(key.group), self.groups.get(usize::from(key.group)))
        else {
            return false;
        };
        let start = self.now.max(state.next_multicast);
        let end = start + group.fragments_duration() + self.plan.poll_duration(group);
        end <= self.deadline && state.session.is_some_and(|session| end <= session.end)
    }

    /// How much is left for a stream's fragments if a poll follows; `None` if not even the poll fits.
    pub(super) fn time_before_poll(&self, key: Key) -> Option<Duration> {
        let (group, state) = (self.plan.group(key.group)?, self.groups.get(usize::from(key.group))?);
        let start = self.now.max(state.next_multicast) + self.plan.poll_duration(group);
        let end = state.session?.end.min(self.deadline);
        (start <= end).then(|| end.since(start))
    }

    /// The next multicast downlink, fragment or status request, if one is due.
    pub(super) fn next_multicast(&mut self) -> Option<Output> {
        // What is sent ahead lets requests pass.
        [true, false].into_iter().find_map(|request| {
            let mut streams = 0..self.streams.len();
            streams.find_map(|stream| {
                if self.is_request_due(stream) == request { self.next_of_stream(stream) } else { None }
            })
        })
    }

    fn is_request_due(&self, stream: usize) -> bool {
        self.streams.get(stream).is_some_and(|stream| matches!(stream.poll, PollStep::Due { .. }))
    }

    fn next_of_stream(&mut self, index: usize) -> Option<Output> {
        let stream = self.streams.get(index)?;
        let (key, polling) = (stream.key, self.is_polling());
        let state = self.groups.get(usize::from(key.group))?;
        if state.in_flight.is_some() || self.now < state.next_multicast || state.frames_left == 0 {
            return None;
        }
        let tag = u16::try_from(index).ok()?;
        let (cargo, payload) = match (polling, stream.poll) {
            (true, PollStep::Due { participants, .. }) => {
                (Cargo::Poll { stream: tag }, Self::encode_poll(key, participants))
            }
            (true, PollStep::None | PollStep::InFlight { .. }) => return None,
            (true, PollStep::Window(until)) if self.now >= until || !self.may_send_ahead() => return None,
            (true, PollStep::Window(_)) | (false, _) => {
                let n = stream.upcoming()?;
                (Cargo::Fragment { stream: tag, n }, self.encode_fragment(key, n)?)
            }
        };
        let group = self.plan.group(key.group)?;
        let gap = self.plan.multicast_gap(group, payload.len());
        let dest = Dest::Multicast(group.parameters().id);
        let expires_at = state.session.map_or(self.deadline, |session| session.end);
        let port = self.plan.config().fmcport;
        let (serial, transmit) = self.transmit(cargo, dest, port, payload, expires_at, None);
        self.note_multicast(key.group, serial, cargo, gap);
        Some(Output::Transmit(transmit))
    }

    /// Whether fragments may go out while answers come in. Before the first of them the groups have to show that they hear.
    fn may_send_ahead(&self) -> bool {
        self.phase == Phase::Polling && self.plan.config().adaptive_overlap
    }

    /// A multicast downlink was handed to the network server.
    fn note_multicast(&mut self, group: u8, serial: u32, cargo: Cargo, gap: Duration) {
        let waits = !self.plan.config().summary_reports_disabled;
        let timeout = self.plan.group(group).and_then(|group| self.plan.report_timeout(group));
        let gives_up_at = timeout.map(|timeout| self.now + timeout);
        if let Some(state) = self.groups.get_mut(usize::from(group)) {
            state.next_multicast = self.now + gap;
            state.frames_left = state.frames_left.saturating_sub(1);
            if waits {
                state.in_flight = Some(InFlight { serial, cargo, gives_up_at });
            } else {
                state.unreported.push((serial, cargo));
            }
        }
        match cargo {
            Cargo::Fragment { stream, .. } => {
                if let Some(stream) = self.streams.get_mut(usize::from(stream)) {
                    stream.take();
                }
            }
            Cargo::Poll { stream } => self.note_poll(stream, waits),
            Cargo::Request(_) | Cargo::Reply => {}
        }
    }

    /// The octets of a stream's fragment `n`.
    pub(super) fn encode_fragment(&self, key: Key, n: u16) -> Option<Vec<u8>> {
        let geometry = self.plan.group(key.group)?.block()?.geometry;
        let mut data = alloc::vec![0; usize::from(geometry.frag_size())];
        let encoder = Encoder::new(geometry, key.rule(), self.plan.image()).ok()?;
        encoder.fragment(FragmentNumber::new(n)?, &mut data).ok()?;
        Some(encode(&DataFragment { frag_index: key.frag_index, n: FragN::from_wire(n), data: &data }))
    }

    /// What became of a fragment.
    pub(super) fn on_fragment_report(&mut self, stream: u16, n: u16, serial: u32, report: Report) {
        let (now, is_under_way) = (self.now, self.phase == Phase::Transfer || self.may_send_ahead());
        let Some(stream) = self.streams.get_mut(usize::from(stream)) else { return };
        let (Some(state), Some(group)) =
            (self.groups.get_mut(usize::from(stream.key.group)), self.plan.group(stream.key.group))
        else {
            return;
        };
        // A report that comes twice must not count, or send the fragment again.
        if !state.reported(serial) {
            return;
        }
        match report {
            Report::Sent { at } => {
                if let Some(block) = group.block() {
                    state.next_multicast = state.next_multicast.max((at - block.airtime) + block.gap);
                }
                self.ledger.note(|stage| stage.fragments += 1);
            }
            Report::Refused(_) | Report::Dropped => {
                if is_under_way {
                    stream.again.push_back(n);
                }
                state.refused(now + REST);
            }
            Report::Postponed { .. } => {}
        }
    }

    /// A multicast downlink has to wait for its turn on air: whatever was to follow it follows as much later.
    pub(super) fn on_postponed(&mut self, serial: u32, until: GpsInstant) {
        let (now, delay) = (self.now, until.since(self.now));
        let Some((group, cargo)) = self.groups.iter_mut().find_map(|state| {
            let cargo = state.held().find(|&(held, _)| held == serial)?.1;
            Some((state, cargo))
        }) else {
            return;
        };
        group.next_multicast = group.next_multicast.max(now) + delay;
        if let Some(tx) = group.in_flight.as_mut().filter(|tx| tx.serial == serial) {
            tx.gives_up_at = tx.gives_up_at.map(|at| at.max(now) + delay);
        }
        if let Cargo::Poll { stream } = cargo
            && let Some(stream) = self.streams.get_mut(usize::from(stream))
            && let PollStep::Window(end) = stream.poll
        {
            stream.poll = PollStep::Window(end + delay);
        }
    }

    /// Moves on once every fragment of every stream is accounted for.
    pub(super) fn settle_transfer(&mut self) -> bool {
        self.give_up_reports();
        let sent = self.streams.iter().all(|stream| stream.upcoming().is_none())
            && self.groups.iter().all(|group| group.in_flight.is_none());
        let Some(stage) = self.stage() else { return false };
        if sent {
            if stage == StageKind::DataFragment {
                self.end_stage(StageStatus::Completed, self.roster.counts().running);
            }
            self.end_round();
            return true;
        }
        let unfinished = self.streams.iter().filter(|stream| stream.upcoming().is_some());
        let stuck = unfinished.filter_map(|stream| {
            let state = self.groups.get(usize::from(stream.key.group))?;
            if state.session.is_none_or(|session| self.now >= session.end) {
                Some(Cause::NoTimeLeft { stage })
            } else if state.frames_left == 0 && state.in_flight.is_none() {
                Some(Cause::CountersExhausted { stage })
            } else {
                None
            }
        });
        let Some(cause) = stuck.into_iter().next() else { return false };
        self.close(CampaignStatus::Failed, Some(cause));
        true
    }

    /// Stops waiting for reports that are overdue.
    pub(super) fn give_up_reports(&mut self) {
        let now = self.now;
        for at in 0..self.groups.len() {
            let Some(cargo) = self.groups.get_mut(at).and_then(|state| state.give_up(now)) else { continue };
            self.warn(Warning::ReportMissing);
            if let Cargo::Poll { stream } = cargo {
                // It may have been heard: the answers' window opens all the same.
                self.close_request(stream, now);
            }
        }
    }

    /// When the multicast flow needs attention.
    pub(super) fn multicast_wakes_at(&self) -> Option<GpsInstant> {
        let groups = self.groups.iter().flat_map(|state| {
            let ends = state.session.map(|session| session.end);
            let next = match &state.in_flight {
                Some(tx) => tx.gives_up_at,
                None => Some(state.next_multicast),
            };
            [ends, next]
        });
        let windows = self.streams.iter().map(|stream| match stream.poll {
            PollStep::Window(until) if self.is_polling() => Some(until),
            _ => None,
        });
        // What is past has been dealt with.
        groups.chain(windows).flatten().filter(|&at| at > self.now).min()
    }
}
