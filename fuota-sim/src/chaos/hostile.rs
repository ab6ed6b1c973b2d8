//! Whoever means no good: octets in the name of devices.

use std::collections::VecDeque;

use fuota_engine::time::GpsInstant;

use super::case::Hostile;
use super::letters::Letter;
use crate::fleet::Fleet;
use crate::rng::{Draws, Stream};

/// How much of what was said is remembered.
const MEMORY: usize = 64;
/// FPorts of the packages, and one that is none's.
const PORTS: [u8; 5] = [200, 201, 202, 203, 224];

/// Somebody who listens, and speaks when told to.
#[derive(Debug)]
pub(super) struct Enemy {
    draws: Draws,
    heard: VecDeque<(u32, u8, Vec<u8>)>,
}

impl Enemy {
    pub(super) fn new(seed: u64) -> Self {
        Self { draws: Draws::new(seed, 3, Stream::Chaos), heard: VecDeque::new() }
    }

    /// A device said something.
    pub(super) fn listen(&mut self, device: u32, port: u8, payload: &[u8]) {
        if PORTS.contains(&port) {
            if self.heard.len() == MEMORY {
                self.heard.pop_front();
            }
            self.heard.push_back((device, port, payload.to_vec()));
        }
    }

    /// What is said in the name of a device.
    pub(super) fn speak(&mut self, now: GpsInstant, device: u32, says: Hostile) -> Letter {
        let (port, payload, honest) = self.words(device, says);
        Letter::Uplink { from: Fleet::dev_eui(device), port, payload, received: now, honest }
    }

    fn words(&mut self, device: u32, says: Hostile) -> (u8, Vec<u8>, bool) {
        let any = (self.port(), self.octets(60), false);
        match says {
            Hostile::Octets => any,
            Hostile::Truncated => self.remembered(|_| true).map_or(any, |(_, port, mut payload)| {
                payload.truncate(self.below(payload.len()));
                (port, payload, false)
            }),
            Hostile::Flipped => self.remembered(|_| true).map_or(any, |(_, port, mut payload)| {
                let bit = self.below(8 * payload.len());
                if let Some(octet) = payload.get_mut(bit / 8) {
                    *octet ^= 1 << (bit % 8);
                }
                (port, payload, false)
            }),
            Hostile::Borrowed => self
                .remembered(|other| other != device)
                .map_or(any, |(_, port, payload)| (port, payload, false)),
            Hostile::Repeated => self
                .remembered(|other| other == device)
                .map_or(any, |(_, port, payload)| (port, payload, true)),
            Hostile::Status => (201, self.status(), false),
            Hostile::Command => {
                let mut payload = self.octets(12);
                if let Some(cid) = payload.first_mut() {
                    *cid %= 12;
                }
                (self.port(), payload, false)
            }
        }
    }

    /// FragSessionStatusAns as either version lays it out: all received, nothing received, or any count, any error.
    fn status(&mut self) -> Vec<u8> {
        let missing = [0, 0, 1, 255][self.below(4)];
        let error = if self.below(4) == 0 { u8::try_from(self.below(256)).unwrap_or_default() } else { 0 };
        let index = u8::try_from(self.below(4)).unwrap_or_default() << 6;
        match self.below(2) {
            0 => vec![0x01, 10, index, missing, error],
            _ => vec![0x01, error, 10, index, missing],
        }
    }

    /// Something that a device said for which this holds.
    fn remembered(&mut self, wanted: impl Fn(u32) -> bool) -> Option<(u32, u8, Vec<u8>)> {
        let found: Vec<_> = self.heard.iter().filter(|(device, ..)| wanted(*device)).cloned().collect();
        let at = self.below(found.len());
        found.into_iter().nth(at)
    }

    fn port(&mut self) -> u8 {
        let at = self.below(PORTS.len());
        PORTS.get(at).copied().unwrap_or_default()
    }

    fn octets(&mut self, most: usize) -> Vec<u8> {
        let len = self.below(most + 1);
        (0..len).map(|_| u8::try_from(self.below(256)).unwrap_or_default()).collect()
    }

    fn below(&mut self, count: usize) -> usize {
        self.draws.below(u32::try_from(count).unwrap_or(u32::MAX)) as usize
    }
}
