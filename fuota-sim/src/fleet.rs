//! Who is in the fleet: names and keys, all drawn from the seed.

use fuota_engine::ids::DevEui;
use fuota_proto::keys::{McKey, RootKey};

use crate::rng::{Draws, Stream};
use crate::scenario::Faults;

/// DevEUI of the first device; the others follow. The prefix is one of those for private use.
const FIRST_DEV_EUI: u64 = 0x0200_0000_0000_0000;
/// The stream of what belongs to no device.
const NOBODY: u32 = u32::MAX;

/// What becomes of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It works.
    Sound,
    /// It never transmits and never hears anything.
    Silent,
    /// It dies midway through the fragments.
    Dying,
    /// Its root key is not the one that the server knows.
    WrongKey,
}

/// Names and keys of the devices `0..devices`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fleet {
    seed: u64,
    devices: u32,
    faults: Faults,
}

impl Fleet {
    pub(crate) const fn new(seed: u64, devices: u32, faults: Faults) -> Self {
        Self { seed, devices, faults }
    }

    pub(crate) fn dev_eui(device: u32) -> DevEui {
        DevEui(FIRST_DEV_EUI + u64::from(device))
    }

    /// The device of that name.
    pub(crate) fn find(&self, dev_eui: DevEui) -> Option<u32> {
        let device = u32::try_from(dev_eui.0.checked_sub(FIRST_DEV_EUI)?).ok()?;
        (device < self.devices).then_some(device)
    }

    /// Each fault takes its own devices, from the end of the fleet.
    pub(crate) fn fate(&self, device: u32) -> Fate {
        let Faults { silent, dying, wrong_key } = self.faults;
        let from_end = u64::from(self.devices.saturating_sub(device).saturating_sub(1));
        let (silent, dying, wrong_key) = (u64::from(silent), u64::from(dying), u64::from(wrong_key));
        if from_end < silent {
            Fate::Silent
        } else if from_end < silent + dying {
            Fate::Dying
        } else if from_end < silent + dying + wrong_key {
            Fate::WrongKey
        } else {
            Fate::Sound
        }
    }

    /// GenAppKey of a device, as the server knows it.
    pub(crate) fn gen_app_key(&self, device: u32) -> [u8; 16] {
        Draws::new(self.seed, device, Stream::Keys).octets()
    }

    /// What the server derives a device's keys from.
    pub(crate) fn root_key(&self, device: u32) -> RootKey {
        RootKey::from_gen_app_key(self.gen_app_key(device))
    }

    /// What the device itself derives its keys from.
    pub(crate) fn own_root_key(&self, device: u32) -> RootKey {
        let mut draws = Draws::new(self.seed, device, Stream::Keys);
        let known = draws.octets();
        let own = if self.fate(device) == Fate::WrongKey { draws.octets() } else { known };
        RootKey::from_gen_app_key(own)
    }

    /// The group's key.
    pub(crate) fn mc_key(&self) -> McKey {
        McKey::new(Draws::new(self.seed, NOBODY, Stream::Keys).octets())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_devices() {
        let fleet = Fleet::new(1, 3, Faults::default());
        assert_eq!(fleet.find(Fleet::dev_eui(2)), Some(2));
        assert_eq!(fleet.find(Fleet::dev_eui(3)), None);
        assert_eq!(fleet.find(DevEui(5)), None);
    }

    #[test]
    fn faults_take_their_devices_from_the_end() {
        let fleet = Fleet::new(1, 6, Faults { silent: 1, dying: 2, wrong_key: 1 });
        let fates: Vec<_> = (0..6).map(|device| fleet.fate(device)).collect();
        assert_eq!(fates, [Fate::Sound, Fate::Sound, Fate::WrongKey, Fate::Dying, Fate::Dying, Fate::Silent]);
        assert!(fleet.own_root_key(1) == fleet.root_key(1));
        assert!(fleet.own_root_key(2) != fleet.root_key(2));
    }
}
