//! Devices speak: at their period, and when their sessions have something to say.

use fuota_engine::campaign::io::Input;
use fuota_engine::time::GpsInstant;

use super::agenda::Happening;
use super::observe::Observer;
use super::{START, SimError, World};
use crate::fleet::{Fate, Fleet};
use crate::node::{Action, Block, Uplink};
use crate::server::{RX1_DELAY, RX2_DELAY};

/// What a device has to say of its own: a sensor's reading of usual length.
const READING: [u8; 12] = [0; 12];

impl World {
    pub(super) fn schedule_first_uplinks(&mut self) {
        let period = self.scenario.uplink_period;
        for (device, node) in (0..).zip(&mut self.nodes) {
            if node.fate != Fate::Silent {
                self.agenda.at(START + node.air.phase(period), Happening::Periodic(device));
            }
        }
    }

    /// A device's ordinary uplink is due.
    pub(super) fn periodic(&mut self, device: u32) {
        let Some(node) = self.nodes.get_mut(device as usize).filter(|node| node.fate != Fate::Silent) else {
            return;
        };
        if self.now < node.busy_until {
            return self.agenda.at(node.busy_until, Happening::Periodic(device));
        }
        let next = self.now + node.air.interval(self.scenario.uplink_period);
        self.agenda.at(next, Happening::Periodic(device));
        let reading = heapless::Vec::from_slice(&READING).unwrap_or_default();
        self.send(device, (self.scenario.config.uplink_port, reading));
    }

    /// A device's session or radio wants to be looked after.
    pub(super) fn wake(&mut self, device: u32, observer: &mut dyn Observer) -> Result<(), SimError> {
        if let Some(node) = self.nodes.get_mut(device as usize)
            && node.wakes_at == Some(self.now)
        {
            node.wakes_at = None;
            self.look_after(device)?;
            self.note_progress(observer);
        }
        Ok(())
    }

    /// Lets a device do what it wants now, and notes when it wants to do more.
    pub(super) fn look_after(&mut self, device: u32) -> Result<(), SimError> {
        loop {
            let Some(node) = self.nodes.get_mut(device as usize).filter(|node| node.fate != Fate::Silent)
            else {
                return Ok(());
            };
            let held_before = node.block;
            let action = node.poll(self.now, &self.scenario.image);
            if node.block == Block::Different {
                return Err(SimError::ImageMismatch { device: Fleet::dev_eui(device) });
            }
            self.journal.holders += u32::from(held_before == Block::Partial && node.block != Block::Partial);
            match action {
                // The radio is busy from here on; there may be more to do than to send.
                Action::Send(uplink) => self.send(device, uplink),
                Action::Sleep(None) => return Ok(()),
                Action::Sleep(Some(until)) => {
                    self.wake_at(device, until);
                    return Ok(());
                }
            }
        }
    }

    /// The last bit of a device's uplink reaches the gateway.
    pub(super) fn uplink_received(
        &mut self,
        device: u32,
        observer: &mut dyn Observer,
    ) -> Result<(), SimError> {
        let now = self.now;
        let Some((port, payload)) = self.nodes.get_mut(device as usize).and_then(|node| node.uplink.take())
        else {
            return Ok(());
        };
        if let Some(heard) = self.windows.get_mut(device as usize) {
            *heard = Some(now);
        }
        if self.server.has_unicast(device) {
            self.agenda.at(now + RX1_DELAY, Happening::Rx1(device));
        }
        let from = Fleet::dev_eui(device);
        self.campaign.handle(now, Input::Uplink { from, port, payload: &payload, received: now });
        self.drain(observer)
    }

    /// Puts an uplink on air.
    fn send(&mut self, device: u32, uplink: Uplink) {
        let Some(node) = self.nodes.get_mut(device as usize) else { return };
        let Some(parameters) = self.scenario.region.uplink(self.scenario.uplink_data_rate) else { return };
        let ends = self.now + parameters.modulation.uplink(uplink.1.len());
        // Until the second window has passed, or a downlink has come, nothing else can be sent.
        node.busy_until = ends + RX2_DELAY;
        if node.air.loses_uplink() {
            return;
        }
        node.uplink = Some(uplink);
        self.agenda.at(ends, Happening::Uplink(device));
    }

    /// Has a device looked after at `moment`, if not before.
    fn wake_at(&mut self, device: u32, moment: GpsInstant) {
        if let Some(node) = self.nodes.get_mut(device as usize)
            && node.wakes_at.is_none_or(|at| moment < at)
        {
            node.wakes_at = Some(moment);
            self.agenda.at(moment, Happening::Wake(device));
        }
    }
}
