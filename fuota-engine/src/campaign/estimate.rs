//! What is still to come: fragments to send, and the time until the campaign can be decided.

use core::time::Duration;

use super::event::StageKind;
use super::plan::GroupPlan;
use super::spec::Kind;
use super::stream::{GroupState, Stream};
use super::{Campaign, Phase};
use crate::time::GpsInstant;

/// What is still to come if nothing has to be repeated that has not been yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Estimate {
    /// Fragments to send: of the first round, or of what is left of the round under way.
    pub frames: u32,
    /// Time until the campaign can be decided.
    pub time: Duration,
}

impl Campaign {
    /// What is still to come. Set-up is bound by how often devices speak, so the figure is rough before the session
    /// is scheduled, and close from then on.
    #[must_use]
    pub fn estimate(&self) -> Estimate {
        let sending = match self.phase {
            Phase::Transfer | Phase::Probing { .. } => true,
            _ => self.stage() < Some(StageKind::DataFragment),
        };
        if self.outcome.is_some() || !sending {
            return Estimate { frames: 0, time: self.after_transfer() };
        }
        let groups = || self.plan.groups().iter().zip(&self.groups);
        let frames = groups().map(|(group, _)| self.frames_to_send(group)).sum();
        let ends = groups().map(|(group, state)| self.transfer_ends_at(group, state)).max();
        let transfer = ends.unwrap_or(self.now).since(self.now);
        Estimate { frames, time: transfer.saturating_add(self.after_transfer()) }
    }

    /// Fragments that a group is still to send in the round under way, or in its first.
    pub(super) fn frames_to_send(&self, group: &GroupPlan) -> u32 {
        if self.streams.is_empty() {
            return group.frames();
        }
        let streams = self.streams.iter().filter(|stream| stream.key.group == group.parameters().id.0);
        streams.map(Stream::remaining).sum()
    }

    fn transfer_ends_at(&self, group: &GroupPlan, state: &GroupState) -> GpsInstant {
        let Some(session) = state.session else {
            // The session begins when set-up is expected to be over.
            let begins = (self.started + self.plan.setup_estimate()).max(self.now);
            return begins + self.plan.first_fragment_offset(group) + group.fragments_duration();
        };
        let first = session.start + self.plan.first_fragment_offset(group);
        let from = self.now.max(first).max(state.next_multicast);
        from + group.time_for(self.frames_to_send(group))
    }

    /// What the campaign still takes once the fragments of the round are out.
    fn after_transfer(&self) -> Duration {
        let config = self.plan.config();
        let until = |at: GpsInstant| at.since(self.now);
        match self.phase {
            Phase::Completing { until: end } => return until(end),
            Phase::Closing(_) | Phase::Over => return Duration::ZERO,
            _ => {}
        }
        let verdict = match self.plan.kind() {
            Kind::MulticastSetup => Duration::ZERO,
            Kind::Binary => self.plan.poll_window(),
            Kind::Firmware(firmware) => {
                let reboot = firmware.reboot.map_or(Duration::ZERO, until);
                reboot.max(config.fuota_process_max_time).saturating_add(self.plan.longest_response())
            }
        };
        verdict.saturating_add(config.complete_delay)
    }
}
