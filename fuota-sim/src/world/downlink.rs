//! The network speaks: to one device in its receive windows, to the group when a frame's time has come.

use std::time::Duration;

use fuota_engine::campaign::io::{Input, Refusal, Report, Transmit};
use fuota_engine::ids::TxId;
use fuota_engine::time::GpsInstant;

use super::agenda::Happening;
use super::observe::Observer;
use super::{SimError, World};
use crate::node::Node;
use crate::reception::Reception;
use crate::server::{Carries, Multicast, OnAir, Queued, RX1_DELAY, RX2_DELAY};

impl World {
    /// The campaign hands over a downlink. Why it is not taken, if it is not.
    pub(super) fn transmit(&mut self, transmit: Transmit) -> Result<Option<Refusal>, SimError> {
        let Transmit { id, expires_at, .. } = transmit;
        match self.server.enqueue(transmit) {
            Err(refusal) => return Ok(Some(refusal)),
            Ok(Queued::Unicast(device)) => self.open_window(device),
            Ok(Queued::Multicast) => self.serve_multicast()?,
        }
        // On air at the very moment is still in time.
        if expires_at < GpsInstant::MAX {
            let too_late = GpsInstant::from_micros(expires_at.as_micros() + 1);
            self.agenda.at(too_late.max(self.now), Happening::Expiry(id));
        }
        Ok(None)
    }

    /// A device opens its first receive window.
    pub(super) fn rx1(&mut self, device: u32) {
        if !self.heard_before(device, RX1_DELAY) {
            return;
        }
        let by = self.windows_by(device);
        match self.server.rx1(self.now, device, by) {
            Some(on_air) => self.start(on_air),
            None if self.server.has_unicast(device) => {
                self.agenda.at(self.now + (RX2_DELAY - RX1_DELAY), Happening::Rx2(device));
            }
            None => {}
        }
    }

    /// A device opens its second receive window.
    pub(super) fn rx2(&mut self, device: u32) {
        if self.heard_before(device, RX2_DELAY)
            && let by = self.windows_by(device)
            && let Some(on_air) = self.server.rx2(self.now, device, by)
        {
            self.start(on_air);
        }
    }

    /// The next multicast frame may be due.
    pub(super) fn multicast_due(&mut self) -> Result<(), SimError> {
        if self.multicast_at == Some(self.now) {
            self.multicast_at = None;
        }
        self.serve_multicast()
    }

    /// A frame on air ends: the campaign learns that it is out, and whoever heard it has it.
    pub(super) fn downlink_ended(
        &mut self,
        ended: TxId,
        observer: &mut dyn Observer,
    ) -> Result<(), SimError> {
        let place = self.on_air.iter().position(|on_air| on_air.id == ended);
        let Some(on_air) = place.and_then(|place| self.on_air.remove(place)) else { return Ok(()) };
        let OnAir { id, gateways, started, carries, .. } = on_air;
        match carries {
            Carries::Unicast { device, port, payload } => {
                self.deliver(device, gateways, started, port, &payload)?;
            }
            Carries::Multicast { group, octets, is_fragment } => {
                let alive = self.gateways.alive(started, self.server.account().fragments);
                self.aired.push(Reception::new(group, octets, (started, self.now), alive));
                self.deliver_multicast(is_fragment)?;
            }
        }
        self.mind.handle(self.now, Input::Downlink { id, report: Report::Sent { at: self.now } });
        self.drain(observer)?;
        self.serve_multicast()
    }

    fn deliver(
        &mut self,
        device: u32,
        gateways: u64,
        started: GpsInstant,
        port: u8,
        payload: &[u8],
    ) -> Result<(), SimError> {
        let Some(node) = self.nodes.get_mut(device as usize) else { return Ok(()) };
        let gateway = gateways.trailing_zeros() as usize;
        if node.air.loses_unicast(gateway) || node.is_away(started) {
            return Ok(());
        }
        node.meter.received(self.now.since(started));
        // The exchange is over: the second window does not open after a downlink.
        node.busy_until = self.now;
        node.catch_up(&mut self.aired, &self.scenario.radio);
        node.receive(self.now, port, payload);
        self.note_due(device);
        self.look_after(device)
    }

    /// A frame has just been aired. A fragment may wait until something else happens to the devices for which it is one
    /// of many.
    fn deliver_multicast(&mut self, may_wait: bool) -> Result<(), SimError> {
        let aired = self.aired.len();
        for device in 0..self.devices() {
            let waits = may_wait && self.due.get(device as usize).is_some_and(|due| aired < *due);
            if !waits && self.catch_up(device) {
                self.look_after(device)?;
            }
        }
        if !may_wait {
            self.forget_frames();
        }
        Ok(())
    }

    /// Gives a device the frames that wait for it. Whether it heard the last of all.
    pub(super) fn catch_up(&mut self, device: u32) -> bool {
        let node = self.nodes.get_mut(device as usize);
        let heard = node.is_some_and(|node| node.catch_up(&mut self.aired, &self.scenario.radio));
        self.note_due(device);
        heard
    }

    /// Gives all devices the frames that wait for them.
    pub(super) fn catch_up_all(&mut self) {
        for device in 0..self.devices() {
            self.catch_up(device);
        }
        self.forget_frames();
    }

    /// No device needs the frames on record any more.
    fn forget_frames(&mut self) {
        self.aired.forget();
        self.nodes.iter_mut().for_each(Node::forget_frames);
        for device in 0..self.devices() {
            self.note_due(device);
        }
    }

    /// Notes from which frame on a device cannot wait. To be called whenever its session was told something.
    fn note_due(&mut self, device: u32) {
        let node = self.nodes.get(device as usize);
        if let (Some(due), Some(node)) = (self.due.get_mut(device as usize), node) {
            *due = node.most_unheard();
        }
    }

    /// Something was queued for a device: its windows after its last uplink may still be to come.
    fn open_window(&mut self, device: u32) {
        let Some(Some((heard, _))) = self.windows.get(device as usize).copied() else { return };
        if self.now <= heard + RX1_DELAY {
            self.agenda.at(heard + RX1_DELAY, Happening::Rx1(device));
        } else if self.now <= heard + RX2_DELAY {
            self.agenda.at(heard + RX2_DELAY, Happening::Rx2(device));
        }
    }

    /// Whether the window that opens now belongs to the device's last uplink and is unused.
    fn heard_before(&self, device: u32, delay: Duration) -> bool {
        let heard = self.windows.get(device as usize).copied().flatten();
        heard.is_some_and(|(heard, _)| heard + delay == self.now)
    }

    /// The gateways that may answer the device's last uplink, one bit each.
    fn windows_by(&mut self, device: u32) -> u64 {
        let heard = self.windows.get(device as usize).copied().flatten();
        let alive = self.gateways.alive(self.now, self.server.account().fragments);
        heard.map_or(0, |(_, by)| by) & alive
    }

    fn serve_multicast(&mut self) -> Result<(), SimError> {
        match self.server.multicast(self.now)? {
            Multicast::Idle => {}
            Multicast::Started(on_air) => {
                self.start(on_air);
                self.let_fate_strike();
            }
            Multicast::Later(at) => {
                if self.multicast_at.is_none_or(|planned| at < planned) {
                    self.multicast_at = Some(at);
                    self.agenda.at(at, Happening::Multicast);
                }
            }
        }
        Ok(())
    }

    fn start(&mut self, on_air: OnAir) {
        if let Carries::Unicast { device, .. } = on_air.carries {
            if let Some(window) = self.windows.get_mut(device as usize) {
                // One downlink for each uplink.
                *window = None;
            }
            if let Some(node) = self.nodes.get_mut(device as usize) {
                node.busy_until = node.busy_until.max(on_air.ends);
            }
        }
        if self.scenario.radio.half_duplex {
            self.flights.deafen(on_air.gateways);
        }
        self.agenda.at(on_air.ends, Happening::Downlink(on_air.id));
        self.on_air.push_back(on_air);
    }
}
