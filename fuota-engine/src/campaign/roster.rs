//! The campaign's devices: found by name, counted by state, woken by timer, queued for sending.
//!
//! Every operation on one device costs the same however many there are (timers: the logarithm of it).

use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;

use hashbrown::HashMap;

use super::member::{Member, State};
use super::spec::DeviceSpec;
use crate::ids::DevEui;
use crate::time::GpsInstant;

/// How many devices stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// The current stage still waits for them.
    pub(super) open: u32,
    /// They have done the current stage.
    pub(super) done: u32,
    /// They reported the whole data block.
    pub(super) complete: u32,
    /// They no longer take part.
    pub(super) failed: u32,
}

impl Counts {
    const fn slot(&mut self, state: State) -> &mut u32 {
        match state {
            State::Done => &mut self.done,
            State::Complete => &mut self.complete,
            State::Failed(..) => &mut self.failed,
            _ => &mut self.open,
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Roster {
    members: Vec<Member>,
    /// Looked up only, never iterated: the order of a hash map must not reach an output.
    by_name: HashMap<DevEui, u32>,
    timers: BTreeSet<(GpsInstant, u32)>,
    ready: VecDeque<u32>,
    counts: Counts,
    /// Devices that failed in the current stage for want of an answer.
    silent: u32,
}

impl Roster {
    pub(super) fn new(devices: &[DeviceSpec], now: GpsInstant) -> Self {
        let members: Vec<_> = devices.iter().map(|device| Member::new(device.dev_eui, now)).collect();
        let by_name = (0..).zip(&members).map(|(index, member)| (member.dev_eui, index)).collect();
        let open = u32::try_from(members.len()).unwrap_or(u32::MAX);
        let counts = Counts { open, ..Counts::default() };
        Self { members, by_name, timers: BTreeSet::new(), ready: VecDeque::new(), counts, silent: 0 }
    }

    pub(super) const fn counts(&self) -> Counts {
        self.counts
    }

    /// Devices that failed in the current stage for want of an answer.
    pub(super) const fn silent(&self) -> u32 {
        self.silent
    }

    pub(super) fn members(&self) -> &[Member] {
        &self.members
    }

    /// Indices of all members, to walk them while changing them.
    pub(super) fn indices(&self) -> core::ops::Range<u32> {
        0..u32::try_from(self.members.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn find(&self, dev_eui: DevEui) -> Option<u32> {
        self.by_name.get(&dev_eui).copied()
    }

    pub(super) fn get(&self, index: u32) -> Option<&Member> {
        self.members.get(index as usize)
    }

    /// Changes what is known of a device without moving it.
    pub(super) fn update(&mut self, index: u32, change: impl FnOnce(&mut Member)) {
        if let Some(member) = self.members.get_mut(index as usize) {
            let before = (member.state, member.deadline);
            change(member);
            debug_assert_eq!(before, (member.state, member.deadline), "states change through set()");
        }
    }

    /// Moves a device to `state`, with the moment at which the campaign acts by itself.
    pub(super) fn set(&mut self, index: u32, state: State, deadline: Option<GpsInstant>) {
        let Some(member) = self.members.get_mut(index as usize) else { return };
        if let Some(old) = member.deadline {
            self.timers.remove(&(old, index));
        }
        if let Some(new) = deadline {
            self.timers.insert((new, index));
        }
        *self.counts.slot(member.state) -= 1;
        *self.counts.slot(state) += 1;
        self.silent -= u32::from(self.silent > 0 && member.state.is_silent());
        self.silent += u32::from(state.is_silent());
        member.deadline = deadline;
        member.state = state;
        if state == State::Queued {
            self.ready.push_back(index);
        }
    }

    /// Ends a device's part, one way or the other.
    pub(super) fn conclude(&mut self, index: u32, state: State, now: GpsInstant) {
        self.update(index, |member| member.since = now);
        self.set(index, state, None);
    }

    /// Opens a new exchange for every device that takes part, and returns how many there are.
    pub(super) fn open(&mut self, enter: impl Fn(u32, &Member) -> (State, Option<GpsInstant>)) -> u32 {
        self.ready.clear();
        self.silent = 0;
        let mut participants = 0;
        for index in self.indices() {
            let Some(member) = self.get(index) else { continue };
            if matches!(member.state, State::Complete | State::Failed(..)) {
                continue;
            }
            let (state, deadline) = enter(index, member);
            self.update(index, |member| member.tries = 0);
            self.set(index, state, deadline);
            participants += 1;
        }
        participants
    }

    /// The next device whose request may be sent, left in place.
    pub(super) fn peek_ready(&mut self) -> Option<u32> {
        while let Some(&index) = self.ready.front() {
            if self.get(index).is_some_and(|member| member.state == State::Queued) {
                return Some(index);
            }
            // It was answered, or failed, while it waited.
            self.ready.pop_front();
        }
        None
    }

    /// Takes the device that [`peek_ready`](Self::peek_ready) named out of the queue.
    pub(super) fn pop_ready(&mut self) {
        self.ready.pop_front();
    }

    /// The earliest moment at which a device needs attention.
    pub(super) fn next_timer(&self) -> Option<GpsInstant> {
        self.timers.first().map(|&(at, _)| at)
    }

    /// Takes one device whose moment has come.
    pub(super) fn expired(&mut self, now: GpsInstant) -> Option<u32> {
        let &(at, index) = self.timers.first()?;
        if at > now {
            return None;
        }
        self.timers.pop_first();
        if let Some(member) = self.members.get_mut(index as usize) {
            member.deadline = None;
        }
        Some(index)
    }
}
