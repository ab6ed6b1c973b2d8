//! The network server, the key store and the devices around a campaign.

use std::time::Duration;

use fuota_engine::campaign::io::{DeriveOrder, Derived, Dest, Input, Report, SessionClass, Transmit};
use fuota_engine::ids::{DevEui, GroupId};
use fuota_engine::region::Region;
use fuota_engine::time::GpsInstant;
use fuota_proto::{EncryptedMcKey, Mic};

use super::script::{name, name_uplink};
use super::{BUSY, Happening, PERIOD, Stage, decode, slot};

impl Stage {
    pub(super) fn derive(&mut self, order: DeriveOrder) {
        let (device, value) = match order {
            DeriveOrder::McKey { device, .. } => {
                (device, Derived::McKey(EncryptedMcKey([device.0 as u8; 16])))
            }
            DeriveOrder::BlockMic { device, .. } => {
                if self.outdated_keys {
                    let value = Derived::McKey(EncryptedMcKey([device.0 as u8; 16]));
                    self.campaign.handle(self.now, Input::Derived { device, value });
                }
                (device, Derived::BlockMic(Mic([device.0 as u8; 4])))
            }
            other => panic!("unexpected {other:?}"),
        };
        let value = if self.unknown == Some(device) { Derived::Unavailable } else { value };
        // Device n is called n.
        let cut_off = self.cut_off.is_some_and(|index| index == device.0 as usize - 1);
        if !cut_off {
            self.campaign.handle(self.now, Input::Derived { device, value });
        }
    }

    pub(super) fn transmit(&mut self, tx: Transmit) {
        assert!(tx.not_before >= self.now);
        if tx.expires_at <= self.now {
            // Only what is handed over once more may come too late; the network server drops it.
            assert!(self.crashes() > 0, "{} has expired before it is handed over", name(&tx));
            self.campaign.handle(self.now, Input::Downlink { id: tx.id, report: Report::Dropped });
            return;
        }
        match tx.dest {
            Dest::Unicast(DevEui(n)) => {
                self.unicasts.push((self.now, tx.clone()));
                let device = &mut self.devices[n as usize - 1];
                match device.refusals.checked_sub(1) {
                    Some(left) => {
                        device.refusals = left;
                        self.campaign.handle(self.now, Input::Downlink { id: tx.id, report: BUSY });
                    }
                    None => device.queue.push_back(tx),
                }
            }
            Dest::Multicast(group) => {
                self.multicasts.push((self.now, tx.clone()));
                match (self.fate)(self.multicasts.len() as u32, &tx) {
                    None => self.on_air(group, tx.not_before, tx),
                    Some(Report::Dropped) => {} // the frame and its report are lost
                    Some(report @ Report::Postponed { until }) => {
                        self.campaign.handle(self.now, Input::Downlink { id: tx.id, report });
                        self.on_air(group, until, tx);
                    }
                    Some(report) => {
                        self.log.push(format!("S-x  {}", name(&tx)));
                        self.campaign.handle(self.now, Input::Downlink { id: tx.id, report });
                    }
                }
            }
        }
    }

    /// A multicast frame goes on air as soon after `from` as its devices listen.
    fn on_air(&mut self, group: GroupId, from: GpsInstant, tx: Transmit) {
        let parameters = self.plan.groups()[usize::from(group.0)].parameters();
        let modulation = Region::Eu868.data_rate(parameters.data_rate).unwrap().modulation;
        let start = match parameters.class {
            SessionClass::B { periodicity } => slot(periodicity, from),
            SessionClass::C => from,
        };
        self.on_air.push(start);
        self.schedule(start + modulation.downlink(tx.payload.len()), Happening::Sent(tx));
    }

    pub(super) fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Periodic(index) => {
                self.schedule(self.now + PERIOD, Happening::Periodic(index));
                if self.devices[index].heard {
                    self.uplink(index, 10, &[0]);
                    self.serve(index);
                }
            }
            Happening::Answer(index, port, payload) => {
                self.log.push(format!("D{}->S {}", index + 1, name_uplink(port, &payload)));
                self.uplink(index, port, &payload);
                self.serve(index);
            }
            Happening::Sent(tx) => {
                self.log.push(format!("S->* {}", name(&tx)));
                self.campaign
                    .handle(self.now, Input::Downlink { id: tx.id, report: Report::Sent { at: self.now } });
                for index in 0..self.devices.len() {
                    if tx.dest == Dest::Multicast(self.devices[index].group) {
                        self.hear(index, &tx);
                    }
                }
            }
            Happening::Order(order) => self.campaign.handle(self.now, Input::Operator(order)),
        }
    }

    fn uplink(&mut self, index: usize, port: u8, payload: &[u8]) {
        let from = DevEui(index as u64 + 1);
        self.campaign.handle(self.now, Input::Uplink { from, port, payload, received: self.now });
        self.drain();
    }

    /// After an uplink of class A: one downlink, if there is one.
    fn serve(&mut self, index: usize) {
        let Some(tx) = self.devices[index].queue.pop_front() else { return };
        self.log.push(format!("S->D{} {}", index + 1, name(&tx)));
        let at = self.now + Duration::from_secs(1);
        self.campaign.handle(self.now, Input::Downlink { id: tx.id, report: Report::Sent { at } });
        self.hear(index, &tx);
    }

    fn hear(&mut self, index: usize, tx: &Transmit) {
        let multicast = matches!(tx.dest, Dest::Multicast(_));
        let Some(heard) = decode(tx, multicast) else { return };
        let leaves = self.now + Duration::from_secs(2);
        let device = &mut self.devices[index];
        let times = device.asked.entry(heard.name()).or_default();
        *times += 1;
        if let Some((port, payload)) = (device.script)(&heard, *times, leaves) {
            self.schedule(leaves, Happening::Answer(index, port, payload));
        }
    }
}
