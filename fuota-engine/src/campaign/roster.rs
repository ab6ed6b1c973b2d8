//! The campaign's devices: found by name, counted by state, woken by timer, queued for sending.
//!
//! Every operation on one device costs the same however many there are, on average: now and then timers are put in order.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::member::{Errand, Mark, Maybe, Member, Standing};
use super::names::Names;
use super::spec::DeviceSpec;
use super::timers::Timers;
use crate::ids::DevEui;
use crate::time::GpsInstant;

/// How many devices stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// The exchange under way still waits for them.
    pub(super) open: u32,
    /// Of these, they were asked by multicast.
    pub(super) listening: u32,
    /// Of these, something is computed for them.
    pub(super) deriving: u32,
    /// They take part, and have done the exchange under way.
    pub(super) done: u32,
    /// They take part.
    pub(super) running: u32,
    /// They have what the campaign is for.
    pub(super) complete: u32,
    /// They are believed to have it.
    pub(super) inferred: u32,
    /// They had it before.
    pub(super) up_to_date: u32,
    /// They no longer take part.
    pub(super) failed: u32,
    /// Of these, the operator took them out.
    pub(super) excluded: u32,
    /// Of those that failed, they failed in the exchange under way for want of an answer.
    pub(super) silent: u32,
}

impl Counts {
    /// Devices that have what the campaign is for.
    pub(super) const fn successful(&self) -> u32 {
        self.complete + self.inferred + self.up_to_date
    }

    fn add(&mut self, member: &Member) {
        self.open += u32::from(member.errand.is_open());
        self.listening += u32::from(member.errand == Errand::Listening);
        self.deriving += u32::from(member.errand.awaits_derived());
        self.done += u32::from(member.errand == Errand::Done && member.is_running());
        self.excluded += u32::from(member.standing.is_excluded());
        *self.standing(member.standing) += 1;
    }

    fn remove(&mut self, member: &Member) {
        self.open -= u32::from(member.errand.is_open());
        self.listening -= u32::from(member.errand == Errand::Listening);
        self.deriving -= u32::from(member.errand.awaits_derived());
        self.done -= u32::from(member.errand == Errand::Done && member.is_running());
        self.excluded -= u32::from(member.standing.is_excluded());
        *self.standing(member.standing) -= 1;
    }

    const fn standing(&mut self, standing: Standing) -> &mut u32 {
        match standing {
            Standing::Running => &mut self.running,
            Standing::Complete => &mut self.complete,
            Standing::Inferred => &mut self.inferred,
            Standing::UpToDate => &mut self.up_to_date,
            Standing::Failed(..) => &mut self.failed,
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Roster {
    members: Vec<Member>,
    names: Names,
    timers: Timers,
    ready: VecDeque<u32>,
    counts: Counts,
}

impl Roster {
    /// The members, which are these devices of the plan.
    pub(super) fn new(members: Vec<Member>, devices: &[DeviceSpec]) -> Self {
        let mut counts = Counts::default();
        for member in &members {
            counts.add(member);
        }
        let names = Names::new(devices);
        Self { members, names, timers: Timers::default(), ready: VecDeque::new(), counts }
    }

    /// What a snapshot needs beside the members: who waits to be sent to, in order, and how many fell silent in the
    /// exchange under way. Everything else follows from the members.
    #[cfg(feature = "records")]
    pub(super) const fn beside_members(&self) -> (&VecDeque<u32>, u32) {
        (&self.ready, self.counts.silent)
    }

    /// The roster of a snapshot.
    #[cfg(feature = "records")]
    pub(super) fn restored(
        members: Vec<Member>,
        devices: &[DeviceSpec],
        ready: VecDeque<u32>,
        silent: u32,
    ) -> Self {
        let mut roster = Self::new(members, devices);
        for (index, member) in (0..).zip(&roster.members) {
            if let Some(deadline) = member.deadline.get() {
                roster.timers.set(deadline, index);
            }
        }
        roster.tidy_timers();
        roster.ready = ready;
        roster.counts.silent = silent;
        roster.tidy_queue();
        roster
    }

    pub(super) const fn counts(&self) -> Counts {
        self.counts
    }

    pub(super) fn members(&self) -> &[Member] {
        &self.members
    }

    /// Indices of all members, to walk them while changing them.
    pub(super) fn indices(&self) -> core::ops::Range<u32> {
        0..u32::try_from(self.members.len()).unwrap_or(u32::MAX)
    }

    /// The place of a device among these, which are the plan's.
    pub(super) fn find(&self, devices: &[DeviceSpec], dev_eui: DevEui) -> Option<u32> {
        self.names.find(devices, dev_eui)
    }

    pub(super) fn get(&self, index: u32) -> Option<&Member> {
        self.members.get(index as usize)
    }

    /// Changes what is known of a device, counts and timers kept right.
    pub(super) fn update(&mut self, index: u32, change: impl FnOnce(&mut Member)) {
        if self.change(index, change) {
            self.tidy_timers();
        }
    }

    /// [`update`](Self::update) that leaves timers to be tidied if it says so.
    fn change(&mut self, index: u32, change: impl FnOnce(&mut Member)) -> bool {
        let Some(member) = self.members.get_mut(index as usize) else { return false };
        let before = *member;
        change(member);
        self.counts.remove(&before);
        self.counts.add(member);
        let moved = before.deadline != member.deadline;
        if let Some(deadline) = member.deadline.get().filter(|_| moved) {
            self.timers.set(deadline, index);
        }
        if member.errand == Errand::Queued && before.errand != Errand::Queued {
            self.ready.push_back(index);
        } else if before.errand == Errand::Queued {
            self.tidy_queue();
        }
        moved
    }

    fn tidy_timers(&mut self) {
        let members = &self.members;
        self.timers.tidy(|index| members.get(index as usize)?.deadline.get());
    }

    /// Moves a device on in the exchange, with the moment at which the campaign acts by itself.
    pub(super) fn set(&mut self, index: u32, errand: Errand, deadline: Option<GpsInstant>) {
        self.update(index, |member| {
            member.errand = errand;
            member.deadline = deadline.into();
        });
    }

    /// Decides in the `stage`-th stage how a device stands; its part in the exchange under way is over.
    pub(super) fn conclude(&mut self, index: u32, standing: Standing, stage: u16, now: GpsInstant) {
        let before = self.get(index).is_some_and(|member| member.is_silent_in(stage));
        self.update(index, |member| {
            member.standing = standing;
            member.errand = Errand::None;
            member.deadline = Maybe::NONE;
            member.since = now;
            member.decided_in = stage;
        });
        self.counts.silent += u32::from(standing.is_silent());
        self.counts.silent = self.counts.silent.saturating_sub(u32::from(before));
    }

    /// Opens an exchange: `enter` says where each device starts, or that it has no part.
    pub(super) fn open(&mut self, enter: impl Fn(u32, &Member) -> (Errand, Option<GpsInstant>)) {
        self.ready.clear();
        self.counts.silent = 0;
        for index in self.indices() {
            let Some(member) = self.get(index) else { continue };
            let (errand, deadline) = enter(index, member);
            self.change(index, |member| {
                member.tries = 0;
                member.marks.set(Mark::Doubted, false);
                // Left first, so that a device still queued is queued anew.
                member.errand = Errand::None;
            });
            self.change(index, |member| {
                member.errand = errand;
                member.deadline = deadline.into();
            });
        }
        self.tidy_timers();
    }

    /// The next device whose request may be sent, left in place.
    pub(super) fn peek_ready(&self) -> Option<u32> {
        self.ready.front().copied().filter(|&index| self.waits(index))
    }

    /// Has those leave the front of the queue who were answered, or failed, while they waited. That happens when they are
    /// and not when the queue is looked at: the queue is part of the state, and looks are not recorded.
    fn tidy_queue(&mut self) {
        while self.ready.front().is_some_and(|&index| !self.waits(index)) {
            self.ready.pop_front();
        }
    }

    fn waits(&self, index: u32) -> bool {
        self.get(index).is_some_and(|member| member.errand == Errand::Queued)
    }

    /// Takes the device that [`peek_ready`](Self::peek_ready) named out of the queue.
    pub(super) fn pop_ready(&mut self) {
        self.ready.pop_front();
        self.tidy_queue();
    }

    /// The earliest moment at which a device needs attention.
    pub(super) fn next_timer(&self) -> Option<GpsInstant> {
        self.timers.first().map(|(at, _)| at)
    }

    /// Takes one device whose moment has come.
    pub(super) fn expired(&mut self, now: GpsInstant) -> Option<u32> {
        let (at, index) = self.timers.first()?;
        if at > now {
            return None;
        }
        self.update(index, |member| member.deadline = Maybe::NONE);
        Some(index)
    }
}
