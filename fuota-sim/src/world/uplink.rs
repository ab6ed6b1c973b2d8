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
        let periods =
            self.scenario.fleet.iter().flat_map(|group| (0..group.devices).map(|_| group.uplink_period));
        let mut external = Vec::new();
        for ((device, node), period) in (0..).zip(&mut self.nodes).zip(periods) {
            if node.fate != Fate::Silent {
                let comes = START.max(node.plight.away_until());
                self.agenda.at(comes + node.air.phase(period), Happening::Periodic(device));
                if node.external.is_some() {
                    external.push((device, comes));
                }
            }
        }
        for (device, comes) in external {
            self.wake_at(device, comes);
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
        if node.is_away(self.now) {
            return self.agenda.at(node.plight.away_until(), Happening::Periodic(device));
        }
        let Some(group) = self.scenario.group(device) else { return };
        let next = self.now + node.air.interval(group.uplink_period);
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
        self.catch_up(device);
        loop {
            let Some(node) = self.nodes.get_mut(device as usize).filter(|node| node.fate != Fate::Silent)
            else {
                return Ok(());
            };
            if node.is_away(self.now) {
                let back = node.plight.away_until();
                self.wake_at(device, back);
                return Ok(());
            }
            let held_before = node.block;
            let action = node.poll(self.now, &self.scenario.image);
            if node.block == Block::Different && !node.plight.is_misled() {
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

    /// The last bit of a device's uplink is on air.
    pub(super) fn uplink_ended(&mut self, device: u32, observer: &mut dyn Observer) -> Result<(), SimError> {
        let now = self.now;
        let ruined = self.flights.end(device);
        let Some(node) = self.nodes.get_mut(device as usize) else { return Ok(()) };
        let Some((port, payload)) = node.uplink.take() else { return Ok(()) };
        let by = node.heard_by & !ruined & self.gateways.alive(now, self.server.account().fragments);
        if by == 0 {
            return Ok(());
        }
        if let Some(heard) = self.windows.get_mut(device as usize) {
            *heard = Some((now, by));
        }
        if self.server.has_unicast(device) {
            self.agenda.at(now + RX1_DELAY, Happening::Rx1(device));
        }
        if self.copies(device, port, &payload) {
            return Ok(());
        }
        self.hand_over(device, port, &payload, now, observer)
    }

    /// The campaign learns of an uplink that was received then.
    pub(super) fn hand_over(
        &mut self,
        device: u32,
        port: u8,
        payload: &[u8],
        received: GpsInstant,
        observer: &mut dyn Observer,
    ) -> Result<(), SimError> {
        let from = Fleet::dev_eui(device);
        self.mind.handle(self.now, Input::Uplink { from, port, payload, received });
        self.drain(observer)
    }

    /// Puts an uplink on air.
    fn send(&mut self, device: u32, uplink: Uplink) {
        if self.scenario.radio.half_duplex {
            // It did not hear what was on air while it spoke before, and remembers only when it spoke last.
            self.catch_up(device);
        }
        let Some(node) = self.nodes.get_mut(device as usize) else { return };
        let Some(parameters) = self.scenario.region.uplink(self.scenario.uplink_data_rate) else { return };
        let airtime = parameters.modulation.uplink(uplink.1.len());
        let ends = self.now + airtime;
        // Until the second window has passed, or a downlink has come, nothing else can be sent.
        node.busy_until = ends + RX2_DELAY;
        node.air.speaks(self.now, ends);
        node.meter.sent(airtime);
        node.heard_by = node.air.heard_by();
        let radio = &self.scenario.radio;
        let alone = !radio.collisions && !radio.half_duplex;
        if alone && node.heard_by == 0 {
            return;
        }
        node.uplink = Some(uplink);
        if !alone {
            let channel = node.air.hop(self.scenario.region.uplink_channels());
            let deaf = self.server.transmitting(self.now);
            self.flights.begin((self.now, ends), (device, channel), deaf, &self.nodes, radio);
        }
        self.agenda.at(ends, Happening::Uplink(device));
    }

    /// Has a device looked after at `moment`, if not before.
    pub(super) fn wake_at(&mut self, device: u32, moment: GpsInstant) {
        if let Some(node) = self.nodes.get_mut(device as usize)
            && node.wakes_at.is_none_or(|at| moment < at)
        {
            node.wakes_at = Some(moment);
            self.agenda.at(moment, Happening::Wake(device));
        }
    }
}
