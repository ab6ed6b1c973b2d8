//! Streams: who receives the same fragments shares one; and the state of the groups that carry them.
//!
//! A stream is a group, a fragmentation index and a parity rule. A group needs more than one if some of its
//! devices speak version 1 and others version 2 while parity travels, or if a device does not support the index
//! that the others use.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

use fuota_fec::ParityRule;
use fuota_proto::{FragIndex, TimeOut};

use super::adaptive::{Course, Early};
#[cfg(feature = "records")]
use super::format::FormatError;
use super::member::{Mark, Member};
use super::plan::{GroupPlan, MAX_FRAGMENTS, Plan};
use super::policy::Batch;
use super::spec::PackageVersion;
use super::tx::Cargo;
use crate::rule::parity_rule;
use crate::time::GpsInstant;

/// The session of a group, the same for all its devices.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Session {
    pub(super) start: GpsInstant,
    pub(super) time_out: TimeOut,
    pub(super) end: GpsInstant,
}

/// A multicast transmission whose report is waited for.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct InFlight {
    pub(super) serial: u32,
    pub(super) cargo: Cargo,
    /// `None`: for ever.
    pub(super) gives_up_at: Option<GpsInstant>,
}

/// A group under way.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct GroupState {
    /// Whether the network server has it.
    pub(super) provisioned: bool,
    /// Frame counter of its next multicast downlink when the campaign began.
    pub(super) first_fcnt: u32,
    /// Multicast downlinks that its devices' counter range still allows.
    pub(super) frames_left: u32,
    pub(super) session: Option<Session>,
    /// Whether those who had not confirmed the session when it began have been dropped.
    pub(super) closed: bool,
    /// Its next multicast downlink may not be sent before.
    pub(super) next_multicast: GpsInstant,
    pub(super) in_flight: Option<InFlight>,
    /// Transmissions whose report did not come in time; it may still come.
    pub(super) unreported: Vec<(u32, Cargo)>,
}

impl GroupState {
    /// Forgets a transmission that was reported; tells whether it was known.
    pub(super) fn reported(&mut self, serial: u32) -> bool {
        if self.in_flight.is_some_and(|tx| tx.serial == serial) {
            self.in_flight = None;
            return true;
        }
        let known = self.unreported.iter().position(|&(other, _)| other == serial);
        known.map(|at| self.unreported.swap_remove(at)).is_some()
    }

    /// Stops waiting for a report that is overdue; tells whether one was.
    pub(super) fn give_up(&mut self, now: GpsInstant) -> Option<Cargo> {
        let overdue = |tx: &mut InFlight| tx.gives_up_at.is_some_and(|at| now >= at);
        let tx = self.in_flight.take_if(overdue)?;
        self.unreported.push((tx.serial, tx.cargo));
        Some(tx.cargo)
    }

    /// The network server took nothing: the counter is still there, and it is tried again from `later` on.
    pub(super) fn refused(&mut self, later: GpsInstant) {
        self.frames_left = self.frames_left.saturating_add(1);
        self.next_multicast = self.next_multicast.max(later);
    }

    /// Every transmission that the network server may still hold.
    pub(super) fn held(&self) -> impl Iterator<Item = (u32, Cargo)> + '_ {
        let in_flight = self.in_flight.iter().map(|tx| (tx.serial, tx.cargo));
        in_flight.chain(self.unreported.iter().copied())
    }
}

/// Who receives the same fragments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Key {
    pub(super) group: u8,
    pub(super) frag_index: FragIndex,
    /// Whether parity follows the rule of version 2.
    v2: bool,
}

impl Key {
    /// The stream of a device.
    pub(super) fn of(plan: &Plan, member: &Member) -> Self {
        // Without parity both versions receive the same.
        let differs = plan.group(member.group).is_some_and(|group| group.policy().has_parity());
        let v2 = differs && member.fragmentation == Some(PackageVersion::V2);
        Self { group: member.group, frag_index: member.frag_index(), v2 }
    }

    pub(super) const fn rule(self) -> ParityRule {
        parity_rule(if self.v2 { PackageVersion::V2 } else { PackageVersion::V1 })
    }
}

/// Groups in which both versions take part while parity travels: their devices must not share an index.
pub(super) fn mixed_groups(plan: &Plan, members: &[Member]) -> BTreeSet<u8> {
    let with_parity =
        |member: &&Member| plan.group(member.group).is_some_and(|group| group.policy().has_parity());
    let versions: BTreeSet<_> = members
        .iter()
        .filter(|member| member.is_running())
        .filter(with_parity)
        .map(|member| (member.group, member.fragmentation == Some(PackageVersion::V2)))
        .collect();
    let both = |group: &u8| versions.contains(&(*group, false)) && versions.contains(&(*group, true));
    versions.iter().map(|&(group, _)| group).filter(both).collect()
}

/// How far the poll of a stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum PollStep {
    /// Its devices are asked one by one, or not at all.
    None,
    /// The request may be sent when the duty cycle allows, and so often in all.
    Due { participants: bool, times: u8 },
    /// It is at the network server; so often it is still to be sent, this time included.
    InFlight { participants: bool, times: u8 },
    /// It went on air for the last time; answers are spread over the window that ends at this moment.
    Window(GpsInstant),
}

/// A stream under way.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Stream {
    pub(super) key: Key,
    /// The round under way or last sent, counted from 1.
    pub(super) round: u16,
    /// Number of the next fragment that was never sent in this round.
    next: u16,
    /// The round's fragments; `None` when the stream has no part in it.
    batch: Option<Batch>,
    /// Fragments that did not go on air and have to be sent again.
    pub(super) again: VecDeque<u16>,
    pub(super) poll: PollStep,
    /// Where the adaptive policy stands.
    pub(super) course: Course,
    /// What answers to the poll under way have shown to be needed.
    pub(super) early: Early,
    /// Number of the last fragment that its devices were sent in an earlier campaign; 0 if they begin anew.
    pub(super) resumed: u16,
    /// Number of the last fragment that single devices were sent alone; 0 if there was none.
    last_alone: u16,
    /// How many numbers went to single devices.
    alone: u16,
}

impl Stream {
    const fn new(key: Key, batch: Batch, resumed: u16) -> Self {
        let (next, batch) = (batch.first, Some(batch));
        Self {
            key,
            round: 1,
            next,
            batch,
            again: VecDeque::new(),
            poll: PollStep::None,
            course: Course::new(),
            early: Early::new(),
            resumed,
            last_alone: 0,
            alone: 0,
        }
    }

    /// Whether a stream that was read is one that can be.
    #[cfg(feature = "records")]
    pub(super) fn check(&self, groups: usize) -> Result<(), FormatError> {
        if usize::from(self.key.group) >= groups {
            return Err(FormatError::State("a stream of a group that is not there"));
        }
        let numbers =
            |batch: Batch| (1..=MAX_FRAGMENTS).contains(&u32::from(batch.last)) && batch.first <= self.next;
        if self.batch.is_some_and(|batch| !numbers(batch) || self.next > batch.last + 1) {
            return Err(FormatError::State("a stream is at a fragment that its round does not have"));
        }
        if u32::from(self.number()) > MAX_FRAGMENTS || self.alone > self.number() {
            return Err(FormatError::State("single devices were sent fragments that have no number"));
        }
        Ok(())
    }

    /// Starts a further round.
    pub(super) const fn restart(&mut self, batch: Batch) {
        self.round += 1;
        self.next = batch.first;
        self.batch = Some(batch);
    }

    /// Sits a round out.
    pub(super) const fn rest(&mut self) {
        self.batch = None;
    }

    /// A poll of so many devices begins.
    pub(super) fn begin_poll(&mut self, devices: u32) {
        self.early.begin(self.sent());
        self.course.begin_poll(devices);
    }

    /// Has further fragments sent in this round, up to number `last`.
    pub(super) fn extend(&mut self, last: u16) {
        let number = self.number();
        if let Some(batch) = self.batch.as_mut().filter(|_| last > number) {
            // Numbers that went to single devices are left out.
            self.next = number + 1;
            batch.last = batch.last.max(last);
        }
    }

    /// Leaves to another round what was never sent in this one.
    pub(super) fn cut(&mut self) {
        if let Some(batch) = &mut self.batch {
            batch.last = batch.last.min(self.next.saturating_sub(1));
        }
    }

    /// Whether it has a part in the round under way.
    pub(super) const fn is_active(&self) -> bool {
        self.batch.is_some()
    }

    /// Fragments sent in this round, of how many.
    pub(super) fn progress(&self) -> (u16, u16) {
        self.batch.map_or((0, 0), |batch| (self.next - batch.first, batch.len()))
    }

    /// Number of the last fragment that was sent, to all or to one, where rounds go on from one to the next.
    pub(super) const fn number(&self) -> u16 {
        let last = self.next.saturating_sub(1);
        if last > self.last_alone { last } else { self.last_alone }
    }

    /// Fragments that were sent to all, where rounds go on from one to the next.
    pub(super) const fn sent(&self) -> u16 {
        self.number().saturating_sub(self.alone)
    }

    /// The next so many numbers are for single devices.
    pub(super) const fn take_alone(&mut self, numbers: u16) {
        self.last_alone = self.number().saturating_add(numbers);
        self.alone = self.alone.saturating_add(numbers);
    }

    /// Fragments of this round that are still to be sent.
    pub(super) fn remaining(&self) -> u32 {
        let (sent, of) = self.progress();
        u32::from(of - sent) + u32::try_from(self.again.len()).unwrap_or(u32::MAX)
    }

    /// The next fragment to send.
    pub(super) fn upcoming(&self) -> Option<u16> {
        let next = self.batch.and_then(|batch| (self.next <= batch.last).then_some(self.next));
        self.again.front().copied().or(next)
    }

    /// Takes the fragment that [`upcoming`](Self::upcoming) named.
    pub(super) fn take(&mut self) {
        if self.again.pop_front().is_none() {
            self.next += 1;
        }
    }
}

/// The streams that these devices need, in order of group, index and rule.
pub(super) fn streams(plan: &Plan, members: &[Member]) -> Vec<Stream> {
    let mut found: BTreeMap<Key, Holding> = BTreeMap::new();
    for (index, member) in (0..).zip(members).filter(|(_, member)| member.is_running()) {
        found.entry(Key::of(plan, member)).or_default().add(plan, index, member);
    }
    let stream = |(key, holding): (Key, Holding)| {
        let group = plan.group(key.group)?;
        let (resumed, batch) = holding.resume(group).unwrap_or((0, group.batch(1)?));
        Some(Stream::new(key, batch, resumed))
    };
    found.into_iter().filter_map(stream).collect()
}

/// Added to the fragments that a resumed stream sends: the rank of a random code falls short of what was received.
const RESUME_MARGIN: u32 = 8;

/// What the devices of a stream have kept of an earlier campaign.
#[derive(Clone, Copy, Debug, Default)]
struct Holding {
    /// Whether some of them have nothing.
    anew: bool,
    /// Number of the last fragment sent to any of them.
    sent: u16,
    /// The most that one of them misses.
    missing: u8,
}

impl Holding {
    fn add(&mut self, plan: &Plan, index: u32, member: &Member) {
        match plan.kept(index).filter(|_| member.has(Mark::Kept)) {
            Some(sent) => {
                self.sent = self.sent.max(sent);
                self.missing = self.missing.max(member.missing_frag.unwrap_or(u8::MAX));
            }
            None => self.anew = true,
        }
    }

    /// The last fragment that was sent and those that follow, if the fragments can go on from there: what is left of the
    /// first round, or at least what is missing, with as large a share of parity as in a first round.
    fn resume(&self, group: &GroupPlan) -> Option<(u16, Batch)> {
        let block = group.block().filter(|_| group.policy().has_parity() && !self.anew)?;
        let (nb_frag, parity) = (u32::from(block.geometry.nb_frag()), u32::from(block.parity));
        let missing = u32::from(self.missing);
        // 255 stands for 255 or more (TS004-1.0.0 §3.2).
        let wanted = if self.missing == u8::MAX {
            nb_frag + parity
        } else {
            missing + (missing * parity).div_ceil(nb_frag) + RESUME_MARGIN
        };
        let sent = u32::from(self.sent);
        let last = (sent + wanted).max(nb_frag + parity).min(MAX_FRAGMENTS);
        let (first, last) = (self.sent.checked_add(1)?, u16::try_from(last).ok()?);
        (first <= last).then_some((self.sent, Batch { first, last }))
    }
}
