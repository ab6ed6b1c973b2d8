//! The places of devices in the plan, by name.
//!
//! Names are known when the campaign begins and stay, so that nothing is ever taken out or moved. All there is stands in
//! one array, five places for four devices: with a million of them, a look-up waits for memory once here, where a hash table
//! that keeps its marks apart from its entries waits twice.

#![allow(clippy::cast_possible_truncation, reason = "halves of hashes and slots are taken on purpose")]

use alloc::vec;
use alloc::vec::Vec;
use core::hash::BuildHasher;

use hashbrown::DefaultHashBuilder;

use super::spec::DeviceSpec;
use crate::ids::DevEui;

/// Nothing is kept here. There is never a device of that number.
const FREE: u64 = u64::MAX;

/// The half of a hash that is kept.
const MARK: u64 = 0xffff_ffff_0000_0000;

#[derive(Clone, Debug)]
pub(super) struct Names {
    /// Half of a name's hash above the device's number, at the place that the other half says or the next free one behind.
    slots: Vec<u64>,
    hasher: DefaultHashBuilder,
}

impl Names {
    pub(super) fn new(devices: &[DeviceSpec]) -> Self {
        let mut names = Self {
            slots: vec![FREE; devices.len() + devices.len() / 4 + 1],
            hasher: DefaultHashBuilder::default(),
        };
        for (index, device) in (0..u32::MAX).zip(devices) {
            let (mark, place) = names.split(device.dev_eui);
            let free = names.from(place).find(|&place| names.slots[place] == FREE);
            if let Some(place) = free {
                names.slots[place] = mark | u64::from(index);
            }
        }
        names
    }

    /// The number of a device among these, which are the plan's.
    pub(super) fn find(&self, devices: &[DeviceSpec], dev_eui: DevEui) -> Option<u32> {
        let (mark, place) = self.split(dev_eui);
        let chain = self.from(place).map(|place| self.slots[place]).take_while(|&slot| slot != FREE);
        let mut alike = chain.filter(|slot| slot & MARK == mark).map(|slot| slot as u32);
        alike.find(|&index| devices.get(index as usize).is_some_and(|device| device.dev_eui == dev_eui))
    }

    /// What is kept of a name, and where to begin to look for it.
    fn split(&self, dev_eui: DevEui) -> (u64, usize) {
        let hash = self.hasher.hash_one(dev_eui);
        let part = u64::from(hash as u32) * self.slots.len() as u64;
        (hash & MARK, (part >> 32) as usize)
    }

    /// All places, once around from this one.
    fn from(&self, place: usize) -> impl Iterator<Item = usize> + use<> {
        (place..self.slots.len()).chain(0..place)
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    /// Fleets whose names follow one another, and others, against a look at each device.
    #[test]
    fn every_device_is_found_and_no_other() {
        for step in [1, 2, 1 << 20, 0x9e37_79b9_7f4a_7c15] {
            for count in [0, 1, 2, 3, 7, 100, 5_000] {
                let name = |n: u64| DevEui(n.wrapping_mul(step).wrapping_add(0x70b3_d57e));
                let devices: Vec<DeviceSpec> =
                    (0..count).map(|n| DeviceSpec::new(name(n), Duration::from_secs(1))).collect();
                let names = Names::new(&devices);
                for n in 0..count {
                    assert_eq!(names.find(&devices, name(n)), Some(n as u32), "{n} of {count}");
                }
                for n in count..count + 100 {
                    assert_eq!(names.find(&devices, name(n)), None, "{n}, of which there are {count}");
                }
            }
        }
    }
}
