//! Downlinks that wait: per device in order, for the group in order.

use std::collections::{HashMap, VecDeque};

use fuota_engine::campaign::io::Transmit;
use fuota_engine::ids::TxId;

/// All queues of the network server.
#[derive(Debug)]
pub(crate) struct Queues {
    unicast: Vec<VecDeque<Transmit>>,
    multicast: VecDeque<Transmit>,
    /// Where each waits; only looked up, never walked, so its order does not matter.
    places: HashMap<TxId, Place>,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Unicast(u32),
    Multicast,
}

impl Queues {
    pub(crate) fn new(devices: u32) -> Self {
        Self {
            unicast: (0..devices).map(|_| VecDeque::new()).collect(),
            multicast: VecDeque::new(),
            places: HashMap::new(),
        }
    }

    pub(crate) fn push_unicast(&mut self, device: u32, transmit: Transmit) {
        self.places.insert(transmit.id, Place::Unicast(device));
        if let Some(queue) = self.unicast.get_mut(device as usize) {
            queue.push_back(transmit);
        }
    }

    pub(crate) fn push_multicast(&mut self, transmit: Transmit) {
        self.places.insert(transmit.id, Place::Multicast);
        self.multicast.push_back(transmit);
    }

    pub(crate) fn has_unicast(&self, device: u32) -> bool {
        self.unicast(device).is_some()
    }

    /// The first in a device's queue.
    pub(crate) fn unicast(&self, device: u32) -> Option<&Transmit> {
        self.unicast.get(device as usize)?.front()
    }

    /// The first in the group's queue.
    pub(crate) fn multicast(&self) -> Option<&Transmit> {
        self.multicast.front()
    }

    pub(crate) fn pop_unicast(&mut self, device: u32) -> Option<Transmit> {
        let transmit = self.unicast.get_mut(device as usize)?.pop_front()?;
        self.places.remove(&transmit.id);
        Some(transmit)
    }

    pub(crate) fn pop_multicast(&mut self) -> Option<Transmit> {
        let transmit = self.multicast.pop_front()?;
        self.places.remove(&transmit.id);
        Some(transmit)
    }

    /// Every one that waits, and how many of them wait for the group.
    pub(crate) fn ids(&self) -> (Vec<TxId>, usize) {
        let all = self.unicast.iter().flatten().chain(&self.multicast);
        (all.map(|waiting| waiting.id).collect(), self.multicast.len())
    }

    /// Takes one out, wherever it waits. Whether it did.
    pub(crate) fn remove(&mut self, id: TxId) -> bool {
        let queue = match self.places.remove(&id) {
            None => return false,
            Some(Place::Multicast) => Some(&mut self.multicast),
            Some(Place::Unicast(device)) => self.unicast.get_mut(device as usize),
        };
        if let Some(queue) = queue {
            queue.retain(|waiting| waiting.id != id);
        }
        true
    }
}
