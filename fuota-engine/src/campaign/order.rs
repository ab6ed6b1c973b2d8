//! What an operator orders while a campaign is there: which orders it takes when, and what they change.
//!
//! ```text
//!  Waiting ──Start──▶ Running ◀──Pause, Resume──▶ paused        Exclude and Require at any time before the end
//!     └──────Stop───────┴──────────Stop─────────────┴──▶ STOPPED
//! ```
//!
//! A paused campaign takes note of what it is told and decides nothing: devices' time-outs are looked at when it goes
//! on. Only the maximum duration and a configured start of the session run out all the same. The end of the campaign is
//! the end of a pause.

use alloc::vec::Vec;
use core::time::Duration;

use super::adaptive::REQUESTS;
use super::event::{CampaignStatus, Cause, Event, FailureReason, StageKind, Warning};
use super::io::{GroupOrder, Order, Output};
use super::member::Errand;
use super::plan::timing::START_MARGIN;
use super::question::Question;
use super::spec::Kind;
use super::stream::{GroupState, PollStep};
use super::tx::{Cargo, tx_id};
use super::{Campaign, Phase};
use crate::ids::{DevEui, GroupId};
use crate::percent::Percent;
use crate::time::GpsInstant;

/// Why an order is not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OrderRefusal {
    /// How the campaign ends is decided.
    #[error("the campaign's end is decided")]
    Decided,
    /// It does not wait for its start any more.
    #[error("the campaign has begun")]
    Begun,
    /// It is paused already.
    #[error("the campaign is paused already")]
    Paused,
    /// It is not paused.
    #[error("the campaign is not paused")]
    NotPaused,
    /// It has no such device.
    #[error("the campaign has no device {0}")]
    UnknownDevice(DevEui),
    /// How the device ends is decided.
    #[error("device {0} no longer takes part")]
    NotTakingPart(DevEui),
    /// Nobody would be left.
    #[error("device {0} is the only one that counts")]
    LastDevice(DevEui),
    /// No such share of the devices can succeed.
    #[error("a success threshold of {0} % can't be met")]
    Threshold(Percent),
}

impl Campaign {
    /// Whether an order would be carried out now. One that would not changes nothing: it is reported as
    /// [`Warning::OrderRefused`].
    ///
    /// # Errors
    /// [`OrderRefusal`] says why not.
    pub fn check(&self, order: Order) -> Result<(), OrderRefusal> {
        let decided = self.outcome.is_some() || matches!(self.phase, Phase::Closing(_) | Phase::Over);
        match order {
            // Whoever wants an end gets it, or has it.
            Order::Stop => Ok(()),
            _ if decided => Err(OrderRefusal::Decided),
            Order::Start { .. } => match self.phase {
                Phase::Waiting { .. } => Ok(()),
                _ => Err(OrderRefusal::Begun),
            },
            Order::Pause if self.paused => Err(OrderRefusal::Paused),
            Order::Resume if !self.paused => Err(OrderRefusal::NotPaused),
            Order::Exclude { device } => self.check_exclusion(device),
            Order::Require { share } if share > Percent::whole(100) => Err(OrderRefusal::Threshold(share)),
            Order::Pause | Order::Resume | Order::Require { .. } => Ok(()),
        }
    }

    fn check_exclusion(&self, device: DevEui) -> Result<(), OrderRefusal> {
        let member = self.find(device).and_then(|index| self.roster.get(index));
        let member = member.ok_or(OrderRefusal::UnknownDevice(device))?;
        if !member.is_running() {
            return Err(OrderRefusal::NotTakingPart(device));
        }
        if self.counting() <= 1 {
            return Err(OrderRefusal::LastDevice(device));
        }
        Ok(())
    }

    /// Whether the operator has paused it.
    #[must_use]
    pub const fn is_paused(&self) -> bool {
        self.paused
    }

    /// Devices that have to succeed in every stage: the threshold applied to those that count.
    #[must_use]
    pub fn required(&self) -> u32 {
        let counting = self.counting();
        u32::try_from(self.threshold.of_ceil(counting)).unwrap_or(counting)
    }

    /// Devices that the threshold is applied to.
    fn counting(&self) -> u32 {
        self.roster.indices().end.saturating_sub(self.roster.counts().excluded)
    }

    /// Does what was ordered and [checked](Self::check).
    pub(super) fn carry_out(&mut self, order: Order) {
        if self.outcome.is_some() {
            return;
        }
        self.tell(Event::Ordered(order));
        match order {
            Order::Stop => {
                let stage = self.stage().unwrap_or(StageKind::McGroupSetup);
                self.close(CampaignStatus::Stopped, Some(Cause::Stopped { stage }));
            }
            Order::Start { at } => self.phase = Phase::Waiting { until: Some(at.unwrap_or(self.now)) },
            Order::Pause => self.pause(),
            Order::Resume => self.resume(),
            Order::Exclude { device } => {
                if let Some(index) = self.find(device) {
                    self.fail(index, FailureReason::Excluded);
                }
            }
            Order::Require { share } => self.threshold = share,
        }
    }

    /// Has the network server set up the groups; the campaign has begun.
    pub(super) fn provision(&mut self) {
        self.started = self.now;
        self.deadline = self.now + self.plan.spec.max_duration;
        self.next_unicast = self.now;
        self.phase = Phase::Provisioning;
        let groups = self.plan.groups().iter();
        let orders = groups.map(|group| Output::Group(GroupOrder::Provision(*group.parameters())));
        self.outputs.extend(orders);
    }

    /// Begins when the moment has come.
    pub(super) fn settle_waiting(&mut self, until: Option<GpsInstant>) -> bool {
        let begins = until.is_some_and(|until| self.now >= until);
        if begins {
            self.provision();
        }
        begins
    }

    /// Withdraws whatever may be on its way to the air. It is sent again after the pause, also if it was not withdrawn in
    /// time: rather a repetition than a gap.
    fn pause(&mut self) {
        self.paused = true;
        self.outputs.retain(|output| !matches!(output, Output::Transmit(_)));
        for index in self.roster.indices() {
            if self.roster.get(index).is_some_and(|member| matches!(member.errand, Errand::AwaitReport(_))) {
                self.withdraw(index);
                self.roster.set(index, Errand::Queued, None);
            }
        }
        for at in 0..self.groups.len() {
            let Some(tx) = self.groups.get_mut(at).and_then(|state| state.in_flight.take()) else { continue };
            self.outputs.push_back(Output::Cancel(tx_id(tx.serial, tx.cargo)));
            let (Cargo::Fragment { stream, .. } | Cargo::Poll { stream }) = tx.cargo else { continue };
            let Some(stream) = self.streams.get_mut(usize::from(stream)) else { continue };
            match (tx.cargo, stream.poll) {
                (Cargo::Fragment { n, .. }, _) => stream.again.push_back(n),
                (_, PollStep::InFlight { participants, times }) => {
                    stream.poll = PollStep::Due { participants, times };
                }
                _ => {}
            }
        }
    }

    /// Goes on. What no longer fits the session is told, and a later session takes its place.
    fn resume(&mut self) {
        self.paused = false;
        let begun = |state: &GroupState| {
            state.session.is_some_and(|session| session.start <= self.now + START_MARGIN)
        };
        let too_short = match self.phase {
            Phase::Transfer | Phase::Probing { .. } | Phase::Polling => self.tell_what_does_not_fit(),
            Phase::Asking(Question::Session) | Phase::Late { question: Question::Session, .. } => {
                let missed = self.roster.counts().open > 0 && self.groups.iter().any(begun);
                missed || self.tell_what_does_not_fit()
            }
            _ => false,
        };
        if too_short {
            self.schedule_sessions_anew();
        }
    }

    /// Tells of every session that is too short for what is left to send, and whether there is one.
    fn tell_what_does_not_fit(&mut self) -> bool {
        let mut warnings = Vec::new();
        for (group, state) in self.plan.groups().iter().zip(&self.groups) {
            let Some(session) = state.session else { continue };
            let from = self.now.max(session.start).max(state.next_multicast);
            let (needed, left) = (self.still_needed(group.parameters().id), session.end.since(from));
            if needed > left {
                warnings.push(Warning::SessionTooShort { group: group.parameters().id, needed, left });
            }
        }
        let any = !warnings.is_empty();
        warnings.into_iter().for_each(|warning| self.warn(warning));
        any
    }

    /// Time that a group's fragments and the poll after them still take.
    pub(super) fn still_needed(&self, group: GroupId) -> Duration {
        let Some(plan) = self.plan.groups().get(usize::from(group.0)) else { return Duration::ZERO };
        let fragments = plan.time_for(self.frames_to_send(plan));
        let polled = self.plan.kind() == Kind::Binary || plan.adaptive().is_some();
        let polls = if plan.adaptive().is_some() { u32::from(REQUESTS) } else { u32::from(polled) };
        fragments.saturating_add(self.plan.poll_duration(plan).saturating_mul(polls))
    }

    /// The session over, its devices are given another, and the transfer goes on in it where it was.
    pub(super) fn go_on_with_transfer(&mut self) {
        self.admit_to_session();
        self.close_windows();
        self.phase = Phase::Transfer;
        let first = self.round() <= 1;
        let stage = if first { StageKind::DataFragment } else { StageKind::FurtherRounds };
        self.begin_stage(stage, self.roster.counts().running);
    }
}
