//! The last few devices are sent what they need alone, where that takes less airtime than a batch for all.
//!
//! A multicast frame is on air at every gateway of the group, a frame to one device at one of them. Behind a single gateway
//! a batch for all, as long as the largest need, is never longer than what every device needs by itself.
//!
//! The fragments get numbers that nobody was sent before, the same ones for every device, and that nobody else will be sent.
//! A class A device takes one after each of its uplinks. Then it is asked for its status, which it confirms.

use alloc::vec::Vec;

use crate::campaign::Campaign;
use crate::campaign::event::Event;
use crate::campaign::io::{Refusal, Report};
use crate::campaign::member::{Errand, Member};
use crate::campaign::stream::Key;

/// Fragments that a device needs, by its place in the plan.
pub(super) type Need = (u32, u32);

impl Campaign {
    /// Whether fragments for these devices alone take less airtime than a `batch` for all, and are sent in time for
    /// another poll.
    pub(super) fn is_cheaper_alone(&self, key: Key, needs: &[Need], batch: u32) -> bool {
        let (Some(group), Some(left)) = (self.plan.group(key.group), self.time_before_poll(key)) else {
            return false;
        };
        let (Some(block), Some(alone)) = (group.block(), self.plan.airtime_alone(group)) else {
            return false;
        };
        let gateways = u32::from(self.plan.config().multicast_gateways);
        let for_all = block.airtime.saturating_mul(batch).saturating_mul(gateways);
        let fragments = needs.iter().fold(0_u32, |sum, (_, need)| sum.saturating_add(*need.min(&batch)));
        let in_time = |&(index, need): &Need| self.plan.time_alone(index, need.min(batch)) <= left;
        alone.saturating_mul(fragments) < for_all && needs.iter().all(in_time)
    }

    /// Has these devices sent what they need one by one, no more than a `batch` each, and asked for their status then.
    pub(super) fn repair_alone(&mut self, at: usize, needs: &[Need], batch: u16) {
        let Some(stream) = self.streams.get_mut(at) else { return };
        stream.take_alone(batch);
        let group = super::flow::group_id(stream.key);
        let mut fragments = 0;
        for &(index, need) in needs {
            let owed = u16::try_from(need).unwrap_or(u16::MAX).min(batch);
            fragments += u32::from(owed);
            self.owed.insert(index, owed);
            self.roster.update(index, |member| member.tries = 0);
            self.roster.set(index, Errand::Queued, None);
        }
        let devices = u32::try_from(needs.len()).unwrap_or(u32::MAX);
        self.tell(Event::RepairedAlone { group, devices, fragments });
    }

    /// The next of so many fragments that a device is owed.
    pub(in crate::campaign) fn fragment_alone(&self, member: &Member, owed: u16) -> Option<Vec<u8>> {
        let key = Key::of(&self.plan, member);
        let stream = self.streams.iter().find(|stream| stream.key == key)?;
        self.encode_fragment(key, (stream.number() + 1).checked_sub(owed)?)
    }

    /// What became of a fragment to a device alone; tells whether that was one, and there is nothing else to do about it.
    pub(in crate::campaign) fn on_alone_report(&mut self, index: u32, report: Report) -> bool {
        let Some(&owed) = self.owed.get(&index) else { return false };
        let (sent, left) = match report {
            Report::Sent { .. } => (true, owed.saturating_sub(1)),
            // Whatever was expected, no frame to this device is as long; it says that it still needs something.
            Report::Refused(Refusal::TooLong) => (false, 0),
            // As with any request.
            Report::Refused(_) | Report::Dropped | Report::Postponed { .. } => return false,
        };
        if left > 0 {
            self.owed.insert(index, left);
        } else {
            self.owed.remove(&index);
        }
        self.roster.update(index, |member| member.requests = member.requests.saturating_add(u16::from(sent)));
        self.ledger.note(|stage| stage.fragments += u32::from(sent));
        self.roster.set(index, Errand::Queued, None);
        true
    }

    /// The devices of a stream are owed nothing any more.
    pub(super) fn forget_owed(&mut self, at: usize) {
        let Some(key) = self.streams.get(at).map(|stream| stream.key) else { return };
        let of_stream =
            |index: u32| self.roster.get(index).is_some_and(|member| Key::of(&self.plan, member) == key);
        let owed: Vec<_> = self.owed.keys().copied().filter(|&index| of_stream(index)).collect();
        for index in owed {
            self.withdraw(index);
            self.owed.remove(&index);
        }
    }
}
