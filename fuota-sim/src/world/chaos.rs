//! What only chaos does to a world, and asks of it.

use std::time::Duration;

use fuota_engine::campaign::io::GroupParameters;
use fuota_proto::Version;

use super::World;
use crate::node::{Block, Node};

impl World {
    /// Hosts a group under the fleet's key. Returns its next frame counter.
    pub(crate) fn provision(&mut self, parameters: GroupParameters) -> u32 {
        self.server.provision(parameters)
    }

    /// A device loses what is in its memory, and is away for so long.
    pub(crate) fn reboot(&mut self, device: u32, takes: Duration) {
        let back = self.now + takes;
        // What has been on air so far, it heard as it was.
        self.catch_up(device);
        if let Some(node) = self.nodes.get_mut(device as usize) {
            node.reboot(self.now);
            node.plight.leave(back);
            self.wake_at(device, back);
        }
    }

    /// A device's clock jumps by so many seconds.
    pub(crate) fn set_clock(&mut self, device: u32, by: i32) {
        self.catch_up(device);
        if let Some(node) = self.nodes.get_mut(device as usize) {
            node.set_clock(by);
            self.wake_at(device, self.now);
        }
    }

    /// Somebody else speaks in a device's name: the server may take it for one of another version, and send it parity
    /// fragments by the other rule.
    pub(crate) fn mislead(&mut self, device: u32) {
        if let Some(node) = self.nodes.get_mut(device as usize) {
            node.plight.mislead();
        }
    }

    /// Whether a device holds the whole data block, or once did.
    pub(crate) fn holds_block(&self, device: u32) -> bool {
        self.nodes.get(device as usize).is_some_and(|node| node.block != Block::Partial)
    }

    /// What a device runs.
    pub(crate) fn firmware(&self, device: u32) -> Option<Version> {
        self.nodes.get(device as usize).map(Node::firmware)
    }

    /// Every key that must not show anywhere: the group's, and those of the devices.
    pub(crate) fn secrets(&self) -> Vec<[u8; 16]> {
        let devices = (0..self.devices()).map(|device| self.fleet.gen_app_key(device));
        devices.chain([*self.fleet.mc_key().expose()]).collect()
    }
}
