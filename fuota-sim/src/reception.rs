//! Multicast frames as many devices hear them.
//!
//! Devices with the same context get the same result from the same octets, so each distinct context opens a frame
//! once. What a device hears still depends on nothing but its own keys and counter.

use fuota_engine::campaign::io::GroupParameters;
use fuota_engine::device::{Window, WindowClass};
use fuota_engine::time::GpsInstant;
use fuota_proto::{McAddr, PingSlotPeriodicity};

use crate::frame::{FrameKeys, Opened};
use crate::ping::next_slot;

/// The frames that have been on air and that not every device has dealt with, in order.
#[derive(Debug, Default)]
pub(crate) struct Aired {
    frames: Vec<Reception>,
    /// The contexts that have tried to open any, by number.
    contexts: Vec<FrameKeys>,
}

impl Aired {
    /// Frames on record.
    pub(crate) const fn len(&self) -> usize {
        self.frames.len()
    }

    /// A frame has been on air.
    pub(crate) fn push(&mut self, frame: Reception) {
        self.frames.push(frame);
    }

    /// Forgets all frames: every device has dealt with them.
    pub(crate) fn forget(&mut self) {
        self.frames.clear();
    }

    /// The number of a context: the same for the same keys.
    pub(crate) fn context(&mut self, keys: &FrameKeys) -> usize {
        self.contexts.iter().position(|known| known == keys).unwrap_or_else(|| {
            self.contexts.push(keys.clone());
            self.contexts.len() - 1
        })
    }

    /// A frame by its place on record.
    pub(crate) fn frame(&mut self, place: usize) -> Option<&mut Reception> {
        self.frames.get_mut(place)
    }
}

/// One frame on air, and what it opened to so far.
#[derive(Debug)]
pub(crate) struct Reception {
    place: GroupParameters,
    octets: Vec<u8>,
    /// The 16 bits of the frame counter that travel (LoRaWAN 1.0.3 §4.3.1).
    pub(crate) fcnt_low: u16,
    /// When it began.
    pub(crate) started: GpsInstant,
    /// When it ended.
    pub(crate) ended: GpsInstant,
    /// The gateways that sent it, one bit each.
    pub(crate) gateways: u64,
    /// What it opened to, by context and counter.
    opened: Vec<(usize, u32, Option<Opened>)>,
    /// Whether the frame's start is a ping slot of an address and a periodicity.
    slots: Vec<(McAddr, PingSlotPeriodicity, bool)>,
}

impl Reception {
    /// A frame that was on air from the first moment to the second.
    pub(crate) fn new(
        place: GroupParameters,
        octets: Vec<u8>,
        (started, ended): (GpsInstant, GpsInstant),
        gateways: u64,
    ) -> Self {
        // Octets 6 and 7 of a data frame.
        let fcnt_low = octets.get(6..8).and_then(|octets| octets.first_chunk());
        let fcnt_low = fcnt_low.map_or(0, |low| u16::from_le_bytes(*low));
        Self { place, octets, fcnt_low, started, ended, gateways, opened: Vec::new(), slots: Vec::new() }
    }

    /// Of which group it is.
    pub(crate) const fn place(&self) -> &GroupParameters {
        &self.place
    }

    /// Whether a radio that listens there for frames of this address hears it.
    #[inline]
    pub(crate) fn is_heard(&mut self, window: &Window, mc_addr: McAddr) -> bool {
        let there = window.frequency == self.place.frequency && window.data_rate == self.place.data_rate;
        there
            && match window.class {
                WindowClass::C => true,
                WindowClass::B { periodicity } => self.is_in_slot(mc_addr, periodicity),
            }
    }

    fn is_in_slot(&mut self, mc_addr: McAddr, periodicity: PingSlotPeriodicity) -> bool {
        let known = self.slots.iter().find(|(addr, period, _)| (*addr, *period) == (mc_addr, periodicity));
        if let Some((.., is_slot)) = known {
            return *is_slot;
        }
        let is_slot = next_slot(mc_addr, periodicity, self.started) == self.started;
        self.slots.push((mc_addr, periodicity, is_slot));
        is_slot
    }

    /// What the frame holds for a device with these keys, the context of that number, that expects this counter.
    #[inline]
    pub(crate) fn open(&mut self, context: usize, keys: &FrameKeys, fcnt: u32) -> Option<&Opened> {
        // Nearly all devices have the same context and counter.
        let first =
            self.opened.first().is_some_and(|(other, counter, _)| (*other, *counter) == (context, fcnt));
        let index = if first { 0 } else { self.opened_by(context, keys, fcnt) };
        self.opened.get(index)?.2.as_ref()
    }

    /// Where it is noted what the frame opens to.
    fn opened_by(&mut self, context: usize, keys: &FrameKeys, fcnt: u32) -> usize {
        let known = self.opened.iter().position(|(other, counter, _)| (*other, *counter) == (context, fcnt));
        known.unwrap_or_else(|| {
            self.opened.push((context, fcnt, keys.open(fcnt, &self.octets)));
            self.opened.len() - 1
        })
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
        let mut aired = Aired::default();
        let on_air = (GpsInstant::EPOCH, GpsInstant::EPOCH);
        aired.push(Reception::new(place, octets.clone(), on_air, 1));
        for _ in 0..2 {
            for (key, fcnt) in [(1, 7), (2, 7), (1, 0x1_0007)] {
                let context = aired.context(&keys(key));
                let frame = aired.frame(0).unwrap();
                assert_eq!(frame.fcnt_low, 7);
                assert_eq!(
                    frame.open(context, &keys(key), fcnt),
                    keys(key).open(fcnt, &octets).as_ref(),
                    "{key} {fcnt}"
                );
            }
        }
        assert_eq!((aired.frame(0).unwrap().opened.len(), aired.contexts.len()), (3, 2));
    }
}
