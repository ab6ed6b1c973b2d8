//! What befalls devices while fragments are on air, and what their radios are charged for it.

use std::cmp::Ordering;

use fuota_engine::campaign::event::StageKind;

use super::World;
use crate::fleet::Fate;
use crate::node::{Node, Phase};

impl World {
    /// What happens to devices once so many fragments have been on air: those that die midway do so after half of the
    /// first round, those that miss the beginning come back later, and those that reboot go away for a while.
    pub(super) fn let_fate_strike(&mut self) {
        let planned = self.plan.pace.fragments;
        let fragments = self.server.account().fragments;
        let mut back = Vec::new();
        for index in 0..self.doomed.len() {
            let Some(&device) = self.doomed.get(index) else { break };
            // What has been on air so far, it heard as it was.
            self.catch_up(device);
            let Some(node) = self.nodes.get_mut(device as usize) else { break };
            if node.fate == Fate::Dying && fragments == planned.div_ceil(2) {
                node.fate = Fate::Silent;
            }
            if let Some(takes) = node.plight.misses_beginning() {
                node.plight.leave(self.now + takes);
                back.push((device, self.now + takes));
            }
            if let Some(reboot) = node.plight.reboots_at(fragments) {
                if !reboot.keeps_fragments {
                    node.reboot(self.now);
                }
                node.plight.leave(self.now + reboot.takes);
                back.push((device, self.now + reboot.takes));
            }
        }
        // Most devices are never struck, and others once.
        self.doomed.retain(|device| self.nodes.get(*device as usize).is_some_and(Node::is_doomed));
        for (device, at) in back {
            self.wake_at(device, at);
        }
    }

    /// Accounts for what radios did until now, if another phase of the campaign begins.
    pub(super) fn note_phase(&mut self) {
        let stage = self.mind.progress().stage;
        let phase = match stage.cmp(&StageKind::DataFragment) {
            Ordering::Less => Phase::SetUp,
            Ordering::Equal => Phase::Transfer,
            Ordering::Greater => Phase::Closing,
        };
        if phase != self.phase {
            // What devices heard so far counts for the phase that it came in.
            self.catch_up_all();
            self.phase = phase;
            self.settle_meters();
        }
    }

    /// Brings every device up to now, for whoever takes stock: what its radio did, and the fragments that wait for it.
    pub(super) fn settle(&mut self) {
        self.catch_up_all();
        self.settle_meters();
    }

    fn settle_meters(&mut self) {
        for node in &mut self.nodes {
            node.meter.turn(self.now, self.phase);
        }
    }
}
