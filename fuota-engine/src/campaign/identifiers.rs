//! Which of its four fragmentation indices and four group identifiers a device uses.
//!
//! A device begins with the plan's. If its model does not support them, or another campaign has them, it gets the next in
//! order. Whoever keeps account of them is told of every change.

use fuota_proto::{FragIndex, McGroupId};

use super::Campaign;
use super::event::{Event, FailureReason, Warning};
use super::io::{Output, Resource};
use super::member::{Errand, Member};
use super::spec::PackageVersion;
use super::tx::is_request;

impl Campaign {
    /// What a device was to use belongs to another campaign. Nothing was handed over that says otherwise.
    pub(super) fn on_taken(&mut self, index: u32, what: Resource) {
        let Some(&member) = self.roster.get(index).filter(|member| member.is_running()) else { return };
        self.outputs.retain(|output| !matches!(output, Output::Transmit(tx) if is_request(tx.id, index)));
        match what {
            Resource::FragIndex(taken) if taken == member.frag_index().get() => {
                match self.next_frag_index(index, &member) {
                    Some(next) => self.ask_anew(index, |member| member.set_frag_index(next)),
                    None => self.fail(index, FailureReason::IndicesTaken),
                }
            }
            Resource::McGroupId(taken) if taken == member.mc_group_id().get() => {
                match self.next_mc_group_id(index, &member) {
                    Some(next) => self.ask_anew(index, |member| member.set_mc_group_id(next)),
                    None => self.fail(index, FailureReason::IndicesTaken),
                }
            }
            Resource::FragIndex(_) | Resource::McGroupId(_) => self.warn(Warning::UnknownInput),
        }
    }

    /// The name to try for a device's group after its own; `None` once it has tried all that the device supports.
    pub(super) fn next_mc_group_id(&self, index: u32, member: &Member) -> Option<McGroupId> {
        let start = self.plan.group(member.group)?.parameters().mc_group_id.get();
        let supported = self.plan.device(index)?.limits.mc_group_ids;
        supported.after(member.mc_group_id().get(), start, 1).map(McGroupId::from_wire)
    }

    /// The index to try after a device's own; `None` once it has tried all that its version may use.
    pub(super) fn next_frag_index(&self, index: u32, member: &Member) -> Option<FragIndex> {
        let (start, step) = self.frag_indices_of(member);
        let supported = self.plan.device(index)?.limits.frag_indices;
        supported.after(member.frag_index().get(), start, step).map(FragIndex::from_wire)
    }

    /// The index that a device uses first: the first that its model supports, else any.
    pub(super) fn first_frag_index(&self, index: u32, member: &Member) -> FragIndex {
        let (start, step) = self.frag_indices_of(member);
        let supported = self.plan.device(index).map(|device| device.limits.frag_indices);
        let first = supported.and_then(|supported| supported.first_from(start, step));
        FragIndex::from_wire(first.unwrap_or(start))
    }

    /// Which indices a device's version may use: from this one on, in these steps. Where parity of both rules
    /// travels in a group, each version has every other index for itself: the rules give different fragments the
    /// same number.
    fn frag_indices_of(&self, member: &Member) -> (u8, u8) {
        let mixed = self.mixed.contains(&member.group);
        let second = mixed && member.fragmentation == Some(PackageVersion::V2);
        (self.plan.spec.frag_index.get() + u8::from(second), if mixed { 2 } else { 1 })
    }

    /// The question is put again with something changed, as if for the first time.
    pub(super) fn ask_anew(&mut self, index: u32, change: impl FnOnce(&mut Member)) {
        self.roster.update(index, |member| {
            change(member);
            member.tries = 0;
        });
        self.tell_numbers(index);
        // An integrity code that is on its way is for the index that it had.
        let outdated = self.roster.get(index).is_some_and(|member| member.errand.awaits_derived());
        self.roster.set(index, if outdated { Errand::AwaitOutdated } else { Errand::Queued }, None);
    }

    /// A device uses other identifiers than before.
    pub(super) fn tell_numbers(&mut self, index: u32) {
        if let Some((&member, device)) = self.roster.get(index).zip(self.plan.device(index)) {
            let (frag_index, mc_group_id) = (member.frag_index(), member.mc_group_id());
            self.tell(Event::Renumbered { device: device.dev_eui, frag_index, mc_group_id });
        }
    }
}
