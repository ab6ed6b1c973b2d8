//! The whole state of a campaign as octets, so that a restart need not go through its whole history.

use alloc::borrow::Cow;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::event::Outcome;
use super::format::{Format, FormatError, read, write};
use super::ledger::Ledger;
use super::member::Member;
use super::outputs::Outputs;
use super::plan::Plan;
use super::roster::Roster;
use super::stream::{GroupState, Stream};
use super::{Campaign, Phase};
use crate::percent::Percent;
use crate::time::GpsInstant;

/// Everything that a campaign knows and its plan does not.
#[derive(Serialize, Deserialize)]
struct State<'a> {
    started: GpsInstant,
    now: GpsInstant,
    drained: bool,
    deadline: GpsInstant,
    clean_up_ends_at: GpsInstant,
    longest_period: Duration,
    next_unicast: GpsInstant,
    next_serial: u32,
    phase: Phase,
    outcome: Option<Outcome>,
    ledger: Cow<'a, Ledger>,
    groups: Cow<'a, [GroupState]>,
    mixed: Cow<'a, BTreeSet<u8>>,
    streams: Cow<'a, [Stream]>,
    /// Their moments count from the campaign's start, which makes them short.
    members: Vec<Member>,
    ready: Cow<'a, VecDeque<u32>>,
    silent: u32,
    paused: bool,
    threshold: Percent,
    owed: Cow<'a, BTreeMap<u32, u16>>,
}

impl Campaign {
    /// The state as octets: after a restart [`Restore::from_snapshot`] goes on from here. `None` while there are outputs
    /// to take; what was taken must have been carried out.
    ///
    /// It holds neither the plan nor anything secret.
    ///
    /// [`Restore::from_snapshot`]: super::record::Restore::from_snapshot
    #[must_use]
    pub fn snapshot(&self) -> Option<Vec<u8>> {
        if !self.journal.is_empty() || !self.outputs.is_empty() {
            return None;
        }
        let members = self.roster.members().iter();
        let (ready, silent) = self.roster.beside_members();
        let state = State {
            started: self.started,
            now: self.now,
            drained: self.drained,
            deadline: self.deadline,
            clean_up_ends_at: self.clean_up_ends_at,
            longest_period: self.longest_period,
            next_unicast: self.next_unicast,
            next_serial: self.next_serial,
            phase: self.phase,
            outcome: self.outcome,
            ledger: Cow::Borrowed(&self.ledger),
            groups: Cow::Borrowed(&self.groups),
            mixed: Cow::Borrowed(&self.mixed),
            streams: Cow::Borrowed(&self.streams),
            members: members.map(|member| shifted(*member, |at| less(at, self.started))).collect(),
            ready: Cow::Borrowed(ready),
            silent,
            paused: self.paused,
            threshold: self.threshold,
            owed: Cow::Borrowed(&self.owed),
        };
        Some(write(Format::Snapshot, &state))
    }

    /// The campaign exactly as it was, with what is under way still under way: for handing it over in good order. After
    /// a crash, what was under way may be lost, and [`Restore::from_snapshot`] repeats it.
    ///
    /// [`Restore::from_snapshot`]: super::record::Restore::from_snapshot
    ///
    /// # Errors
    /// [`FormatError`] if it is no snapshot of this plan's campaign, or of another version.
    pub fn from_snapshot(plan: Plan, snapshot: &[u8]) -> Result<Self, FormatError> {
        let state: State<'_> = read(Format::Snapshot, snapshot)?;
        let mut members = state.members;
        same("devices", plan.devices().len(), members.len())?;
        same("groups", plan.groups().len(), state.groups.len())?;
        for stream in state.streams.iter() {
            stream.check(plan.groups().len())?;
        }
        if state.owed.iter().any(|(&index, &owed)| index as usize >= members.len() || owed == 0) {
            return Err(FormatError::State("nobody, or nothing, is owed"));
        }
        for (member, spec) in members.iter_mut().zip(plan.devices()) {
            *member = shifted(*member, |at| more(at, state.started));
            member.group = spec.group.0;
        }
        Ok(Self {
            roster: Roster::restored(members, plan.devices(), state.ready.into_owned(), state.silent),
            ledger: state.ledger.into_owned(),
            groups: state.groups.into_owned(),
            mixed: state.mixed.into_owned(),
            streams: state.streams.into_owned(),
            phase: state.phase,
            journal: VecDeque::new(),
            outputs: Outputs::default(),
            drained: state.drained,
            now: state.now,
            started: state.started,
            deadline: state.deadline,
            clean_up_ends_at: state.clean_up_ends_at,
            longest_period: state.longest_period,
            next_unicast: state.next_unicast,
            next_serial: state.next_serial,
            outcome: state.outcome,
            paused: state.paused,
            threshold: state.threshold,
            owed: state.owed.into_owned(),
            plan,
        })
    }
}

const fn same(what: &'static str, expected: usize, got: usize) -> Result<(), FormatError> {
    if got == expected { Ok(()) } else { Err(FormatError::Plan { what, expected, got }) }
}

/// The member with every moment moved.
fn shifted(member: Member, shift: impl Fn(GpsInstant) -> GpsInstant) -> Member {
    Member {
        last_heard: member.last_heard.get().map(&shift).into(),
        deadline: member.deadline.get().map(&shift).into(),
        since: shift(member.since),
        ..member
    }
}

/// A moment as what has passed since `start`. Wraps, so that nothing is lost whatever the moment.
const fn less(at: GpsInstant, start: GpsInstant) -> GpsInstant {
    GpsInstant::from_micros(at.as_micros().wrapping_sub(start.as_micros()))
}

/// The way back from [`less`].
const fn more(at: GpsInstant, start: GpsInstant) -> GpsInstant {
    GpsInstant::from_micros(at.as_micros().wrapping_add(start.as_micros()))
}
