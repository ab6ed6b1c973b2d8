//! The network server's stand-in: queues, frame counters, group keys, and one gateway.
//!
//! A class A device hears unicast only in the two windows after its own uplink. RX1 runs at the uplink data rate
//! on the 1 % budget; what does not get out there tries RX2, at its own slow data rate, on the 10 % budget that it
//! shares with multicast; what does not get out there either waits for the next uplink.

mod account;
mod gateway;
mod queue;
#[cfg(test)]
mod tests;

pub(crate) use account::Account;

use std::time::Duration;

use fuota_engine::airtime::{Framing, Modulation};
use fuota_engine::campaign::io::{Dest, GroupParameters, Refusal, SessionClass, Transmit};
use fuota_engine::ids::{GroupId, TxId};
use fuota_engine::region::{DutyCycle, Region};
use fuota_engine::time::GpsInstant;
use fuota_proto::keys::McKey;
use fuota_proto::{DataRate, Descriptor, EncryptedMcKey, FragIndex, Mic};

use self::gateway::{Band, Gateway};
use self::queue::Queues;
use crate::fleet::Fleet;
use crate::frame::{FrameError, FrameKeys};
use crate::node::bit;
use crate::ping::next_slot;
use crate::scenario::Scenario;

/// From the end of an uplink to its first receive window.
pub(crate) const RX1_DELAY: Duration = Duration::from_secs(1);
/// From the end of an uplink to its second receive window.
pub(crate) const RX2_DELAY: Duration = Duration::from_secs(2);

/// A frame that left the antenna.
#[derive(Debug)]
pub(crate) struct OnAir {
    pub(crate) id: TxId,
    /// The gateways that send it, one bit each.
    pub(crate) gateways: u64,
    pub(crate) started: GpsInstant,
    pub(crate) ends: GpsInstant,
    pub(crate) carries: Carries,
}

/// What is on air.
#[derive(Debug)]
pub(crate) enum Carries {
    /// A payload for one device. Unicast frames are not encrypted here: nobody else listens.
    Unicast { device: u32, port: u8, payload: Vec<u8> },
    /// A LoRaWAN frame for whoever has the keys.
    /// `is_fragment`: as its sender knows, it holds a fragment and nothing else.
    Multicast { group: GroupParameters, octets: Vec<u8>, is_fragment: bool },
}

/// The next thing to do about multicast.
#[derive(Debug)]
pub(crate) enum Multicast {
    /// A frame starts now.
    Started(OnAir),
    /// Look again then.
    Later(GpsInstant),
    /// Nothing is queued.
    Idle,
}

/// The network server.
#[derive(Debug)]
pub(crate) struct Server {
    fleet: Fleet,
    radio: Radio,
    gateways: Vec<Gateway>,
    queues: Queues,
    group: Option<Group>,
    mc_key: McKey,
    account: Account,
}

/// How downlinks are sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Radio {
    region: Region,
    /// Data rate of RX1.
    rx1: DataRate,
    /// Data rate of RX2.
    rx2: DataRate,
    multicast_duty: DutyCycle,
    /// Of multicast.
    framing: Framing,
}

#[derive(Debug)]
struct Group {
    parameters: GroupParameters,
    keys: FrameKeys,
    next_fcnt: u32,
}

impl Server {
    pub(crate) fn new(fleet: Fleet, devices: u32, radio: Radio, gateways: usize, fragment_port: u8) -> Self {
        Self {
            fleet,
            radio,
            gateways: (0..gateways).map(|_| Gateway::new(radio.region, radio.multicast_duty)).collect(),
            queues: Queues::new(devices),
            group: None,
            mc_key: fleet.mc_key(),
            account: Account::new(fragment_port),
        }
    }

    /// What has been on air.
    pub(crate) const fn account(&self) -> &Account {
        &self.account
    }

    /// Hosts a group under the key that only this server and the devices know. Returns its next frame counter.
    pub(crate) fn provision(&mut self, parameters: GroupParameters) -> u32 {
        let mc_addr = parameters.mc_addr;
        let keys = FrameKeys {
            mc_addr,
            mc_app_s_key: self.mc_key.mc_app_s_key(mc_addr),
            mc_nwk_s_key: self.mc_key.mc_nwk_s_key(mc_addr),
        };
        self.host(parameters, keys)
    }

    /// Hosts a group under keys that somebody brings. Returns its next frame counter; a group that is there already
    /// goes on.
    pub(crate) fn host(&mut self, parameters: GroupParameters, keys: FrameKeys) -> u32 {
        if let Some(group) = self.group.as_mut().filter(|group| group.parameters == parameters) {
            return group.next_fcnt;
        }
        self.group = Some(Group { parameters, keys, next_fcnt: 0 });
        0
    }

    /// Forgets a group.
    pub(crate) fn release(&mut self, id: GroupId) {
        self.group = self.group.take().filter(|group| group.parameters.id != id);
    }

    /// The group's key as `device` can unwrap it (TS005-1.0.0 §4).
    pub(crate) fn wrap(&self, device: u32) -> EncryptedMcKey {
        self.fleet.root_key(device).mc_root_key().mc_ke_key().wrap(&self.mc_key)
    }

    /// The integrity code of a data block under the key of `device` (TS004-2.0.0 §5).
    pub(crate) fn block_mic(
        &self,
        device: u32,
        session_cnt: u16,
        frag_index: FragIndex,
        descriptor: Descriptor,
        block: &[u8],
    ) -> Mic {
        self.fleet.root_key(device).data_block_int_key().mic(session_cnt, frag_index, descriptor, block)
    }

    /// Queues a downlink.
    ///
    /// # Errors
    /// Why it cannot be queued.
    pub(crate) fn enqueue(&mut self, transmit: Transmit) -> Result<Queued, Refusal> {
        let len = transmit.payload.len();
        match transmit.dest {
            Dest::Unicast(dev_eui) => {
                let device = self.fleet.find(dev_eui).ok_or(Refusal::Unknown)?;
                if self
                    .radio
                    .airtime(self.radio.rx1, len)
                    .or(self.radio.airtime(self.radio.rx2, len))
                    .is_none()
                {
                    return Err(Refusal::TooLong);
                }
                self.queues.push_unicast(device, transmit);
                Ok(Queued::Unicast(device))
            }
            Dest::Multicast(id) => {
                let group =
                    self.group.as_ref().filter(|group| group.parameters.id == id).ok_or(Refusal::Unknown)?;
                if self.radio.multicast_airtime(group.parameters.data_rate, len).is_none() {
                    return Err(Refusal::TooLong);
                }
                self.queues.push_multicast(transmit);
                Ok(Queued::Multicast)
            }
        }
    }

    /// Withdraws a downlink. Whether it was still queued.
    pub(crate) fn withdraw(&mut self, id: TxId) -> bool {
        self.queues.remove(id)
    }

    /// Every downlink that is queued, and how many of them are for the group.
    pub(crate) fn queued(&self) -> (Vec<TxId>, usize) {
        self.queues.ids()
    }

    /// Whether anything is queued for a device.
    pub(crate) fn has_unicast(&self, device: u32) -> bool {
        self.queues.has_unicast(device)
    }

    /// The gateways that transmit at this moment, one bit each.
    pub(crate) fn transmitting(&self, now: GpsInstant) -> u64 {
        let busy = self.gateways.iter().enumerate().filter(|(_, gateway)| gateway.is_busy(now));
        busy.fold(0, |set, (gateway, _)| set | bit(gateway))
    }

    /// A device's RX1 opens: sends what is queued, if one of the gateways `by` may.
    pub(crate) fn rx1(&mut self, now: GpsInstant, device: u32, by: u64) -> Option<OnAir> {
        self.unicast(now, device, by, Band::Rx1, self.radio.rx1)
    }

    /// A device's RX2 opens. A multicast frame that already waits for the same budget goes first.
    pub(crate) fn rx2(&mut self, now: GpsInstant, device: u32, by: u64) -> Option<OnAir> {
        if self.queues.multicast().is_some_and(|waiting| waiting.not_before <= now) {
            return None;
        }
        self.unicast(now, device, by, Band::Rx2, self.radio.rx2)
    }

    /// Sends the next multicast frame if its time has come and the gateway may.
    ///
    /// # Errors
    /// [`FrameError`] for a payload that does not make a frame.
    pub(crate) fn multicast(&mut self, now: GpsInstant) -> Result<Multicast, FrameError> {
        let (Some(waiting), Some(group)) = (self.queues.multicast(), self.group.as_mut()) else {
            return Ok(Multicast::Idle);
        };
        // All send it at the same moment, so the last to be ready decides.
        let wanted = waiting.not_before.max(now);
        let start = self.gateways.iter().map(|gateway| gateway.earliest(Band::Rx2, wanted)).max();
        let start = start.unwrap_or(wanted);
        let GroupParameters { mc_addr, class, .. } = group.parameters;
        let start = match class {
            SessionClass::C => start,
            SessionClass::B { periodicity } => next_slot(mc_addr, periodicity, start),
        };
        if start > now {
            return Ok(Multicast::Later(start));
        }
        let data_rate = group.parameters.data_rate;
        let Some(airtime) = self.radio.multicast_airtime(data_rate, waiting.payload.len()) else {
            return Err(FrameError { len: waiting.payload.len() });
        };
        let octets = group.keys.seal(group.next_fcnt, waiting.port, &waiting.payload)?;
        group.next_fcnt = group.next_fcnt.wrapping_add(1);
        let parameters = group.parameters;
        let Some(sent) = self.queues.pop_multicast() else { return Ok(Multicast::Idle) };
        for gateway in &mut self.gateways {
            gateway.transmit(Band::Rx2, now, airtime);
        }
        let ends = now + airtime;
        let is_fragment = self.account.multicast(now, ends, sent.port, &sent.payload);
        let gateways = (0..self.gateways.len()).fold(0, |set, gateway| set | bit(gateway));
        let carries = Carries::Multicast { group: parameters, octets, is_fragment };
        Ok(Multicast::Started(OnAir { id: sent.id, gateways, started: now, ends, carries }))
    }

    fn unicast(
        &mut self,
        now: GpsInstant,
        device: u32,
        by: u64,
        band: Band,
        data_rate: DataRate,
    ) -> Option<OnAir> {
        let ready = |(number, gateway): &(usize, &mut Gateway)| {
            by & bit(*number) != 0 && gateway.earliest(band, now) <= now
        };
        let (number, gateway) = self.gateways.iter_mut().enumerate().find(ready)?;
        let waiting = self.queues.unicast(device).filter(|waiting| waiting.not_before <= now)?;
        let airtime = self.radio.airtime(data_rate, waiting.payload.len())?;
        let Transmit { id, port, payload, .. } = self.queues.pop_unicast(device)?;
        let ends = gateway.transmit(band, now, airtime);
        self.account.unicast(now, ends);
        let carries = Carries::Unicast { device, port, payload };
        Some(OnAir { id, gateways: bit(number), started: now, ends, carries })
    }
}

/// Where a downlink was queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Queued {
    /// For a device.
    Unicast(u32),
    /// For the group.
    Multicast,
}

impl Radio {
    /// The radio of a scenario's gateways.
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let Scenario { region, uplink_data_rate, multicast_duty, framing, .. } = *scenario;
        let (rx1, rx2) = (region.rx1_data_rate(uplink_data_rate), region.rx2_data_rate());
        Self { region, rx1, rx2, multicast_duty, framing }
    }

    /// Time on air of a downlink; `None` if the data rate does not carry as much.
    fn airtime(self, data_rate: DataRate, len: usize) -> Option<Duration> {
        self.modulation(data_rate, len).map(|modulation| modulation.downlink(len))
    }

    /// Time on air of a multicast downlink, likewise.
    fn multicast_airtime(self, data_rate: DataRate, len: usize) -> Option<Duration> {
        self.modulation(data_rate, len).map(|modulation| modulation.framed(len, self.framing))
    }

    fn modulation(self, data_rate: DataRate, len: usize) -> Option<Modulation> {
        let parameters = self.region.downlink(data_rate)?;
        (len <= usize::from(parameters.max_payload)).then_some(parameters.modulation)
    }
}
