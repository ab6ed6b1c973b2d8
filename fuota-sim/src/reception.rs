//! A multicast frame as many devices hear it.
//!
//! Devices with the same context get the same result from the same octets, so each distinct context opens the
//! frame once. What a device hears still depends on nothing but its own keys and counter.

use std::sync::Arc;

use fuota_engine::campaign::io::GroupParameters;
use fuota_engine::device::{Window, WindowClass};
use fuota_engine::time::GpsInstant;
use fuota_proto::{McAddr, PingSlotPeriodicity};

use crate::frame::{FrameKeys, Opened};
use crate::ping::next_slot;

/// One frame on air, and what it opened to so far.
#[derive(Debug)]
pub(crate) struct Reception<'a> {
    place: &'a GroupParameters,
    octets: &'a [u8],
    opened: Vec<(FrameKeys, u32, Option<Arc<Opened>>)>,
    /// Whether the frame's start is a ping slot of an address and a periodicity.
    slots: Vec<(McAddr, PingSlotPeriodicity, bool)>,
}

impl<'a> Reception<'a> {
    pub(crate) const fn new(place: &'a GroupParameters, octets: &'a [u8]) -> Self {
        Self { place, octets, opened: Vec::new(), slots: Vec::new() }
    }

    /// Of which group it is.
    pub(crate) const fn place(&self) -> &GroupParameters {
        self.place
    }

    /// Whether a radio that listens there for frames of this address hears the one that `started` then.
    pub(crate) fn is_heard(&mut self, window: &Window, mc_addr: McAddr, started: GpsInstant) -> bool {
        let there = window.frequency == self.place.frequency && window.data_rate == self.place.data_rate;
        there
            && match window.class {
                WindowClass::C => true,
                WindowClass::B { periodicity } => self.is_in_slot(mc_addr, periodicity, started),
            }
    }

    fn is_in_slot(&mut self, mc_addr: McAddr, periodicity: PingSlotPeriodicity, started: GpsInstant) -> bool {
        let known = self.slots.iter().find(|(addr, period, _)| (*addr, *period) == (mc_addr, periodicity));
        if let Some((.., is_slot)) = known {
            return *is_slot;
        }
        let is_slot = next_slot(mc_addr, periodicity, started) == started;
        self.slots.push((mc_addr, periodicity, is_slot));
        is_slot
    }

    /// The 16 bits of the frame counter that travel (LoRaWAN 1.0.3 §4.3.1): octets 6 and 7 of a data frame.
    pub(crate) fn fcnt_low(&self) -> u16 {
        self.octets
            .get(6..8)
            .and_then(|octets| octets.first_chunk())
            .map_or(0, |low| u16::from_le_bytes(*low))
    }

    /// What the frame holds for a device with these keys that expects this counter.
    pub(crate) fn open(&mut self, keys: &FrameKeys, fcnt: u32) -> Option<&Arc<Opened>> {
        let known = self.opened.iter().position(|(other, counter, _)| *counter == fcnt && other == keys);
        let index = known.unwrap_or_else(|| {
            self.opened.push((keys.clone(), fcnt, keys.open(fcnt, self.octets).map(Arc::new)));
            self.opened.len() - 1
        });
        self.opened.get(index)?.2.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use fuota_engine::campaign::io::SessionClass;
    use fuota_engine::ids::GroupId;
    use fuota_proto::keys::McKey;
    use fuota_proto::{DataRate, Frequency};
    use fuota_proto::{McAddr, McGroupId};

    use super::*;

    fn keys(mc_key: u8) -> FrameKeys {
        let (mc_key, mc_addr) = (McKey::new([mc_key; 16]), McAddr(1));
        FrameKeys {
            mc_addr,
            mc_app_s_key: mc_key.mc_app_s_key(mc_addr),
            mc_nwk_s_key: mc_key.mc_nwk_s_key(mc_addr),
        }
    }

    #[test]
    fn what_is_remembered_is_what_each_context_opens_itself() {
        let place = GroupParameters {
            id: GroupId(0),
            mc_group_id: McGroupId::MIN,
            mc_addr: McAddr(1),
            key_id: 0,
            class: SessionClass::C,
            frequency: Frequency::from_hz(869_525_000).unwrap(),
            data_rate: DataRate::from_wire(5),
        };
        let octets = keys(1).seal(7, 201, &[1, 2, 3]).unwrap();
        let mut frame = Reception::new(&place, &octets);
        assert_eq!(frame.fcnt_low(), 7);
        for _ in 0..2 {
            for (key, fcnt) in [(1, 7), (2, 7), (1, 0x1_0007)] {
                assert_eq!(
                    frame.open(&keys(key), fcnt).map(AsRef::as_ref),
                    keys(key).open(fcnt, &octets).as_ref(),
                    "{key} {fcnt}"
                );
            }
        }
        assert_eq!(frame.opened.len(), 3);
    }
}
