//! From gateway to campaign: copies, delays, answers that come again long after.

use std::collections::BTreeMap;

use fuota_engine::time::GpsInstant;

use super::agenda::Happening;
use super::observe::Observer;
use super::{SimError, World};
use crate::node::Uplink;
use crate::rng::{Chance, Draws, Stream};
use crate::scenario::{self, Scenario};

/// Uplinks on their way.
#[derive(Debug)]
pub(super) struct Backhaul {
    rules: scenario::Backhaul,
    draws: Draws,
    next: u64,
    waiting: BTreeMap<u64, Waiting>,
}

#[derive(Clone, Debug)]
struct Waiting {
    device: u32,
    received: GpsInstant,
    uplink: Uplink,
}

impl Backhaul {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let draws = Draws::new(scenario.seed, 0, Stream::Backhaul);
        Self { rules: scenario.backhaul, draws, next: 0, waiting: BTreeMap::new() }
    }
}

impl World {
    /// Sends copies of an uplink on their way, if the scenario wants it. Whether it does; otherwise the uplink arrives
    /// at once.
    pub(super) fn copies(&mut self, device: u32, port: u8, payload: &[u8]) -> bool {
        let now = self.now;
        let scenario::Backhaul { copies, delay, stale, stale_delay } = self.backhaul.rules;
        if self.backhaul.rules == scenario::Backhaul::default() {
            return false;
        }
        let mut arrivals: Vec<_> = (0..copies).map(|_| now + self.backhaul.draws.within(delay)).collect();
        let is_answer = port != self.scenario.config.uplink_port;
        if is_answer && self.backhaul.draws.happens(Chance::new(stale)) {
            arrivals.push(now + self.backhaul.draws.within(stale_delay));
        }
        for at in arrivals {
            let uplink = (port, heapless::Vec::from_slice(payload).unwrap_or_default());
            let copy = self.backhaul.next;
            self.backhaul.next += 1;
            self.backhaul.waiting.insert(copy, Waiting { device, received: now, uplink });
            self.agenda.at(at, Happening::Arrival(copy));
        }
        true
    }

    /// A copy of an uplink reaches the campaign.
    pub(super) fn arrived(&mut self, copy: u64, observer: &mut dyn Observer) -> Result<(), SimError> {
        let Some(Waiting { device, received, uplink }) = self.backhaul.waiting.remove(&copy) else {
            return Ok(());
        };
        let (port, payload) = uplink;
        self.hand_over(device, port, &payload, received, observer)
    }
}
