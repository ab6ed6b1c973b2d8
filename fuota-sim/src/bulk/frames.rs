//! Frames that were on air for everybody, and which of them a device's links lost.

use crate::node::{Reached, bit};

/// Frames that were on air for everybody.
pub(super) struct OnAir {
    count: u32,
    /// For each gateway a bit for each frame that it sent.
    sent_by: Vec<Vec<u64>>,
}

impl OnAir {
    pub(super) fn new(gateways: usize) -> Self {
        Self { count: 0, sent_by: vec![Vec::new(); gateways] }
    }

    /// How many.
    pub(super) const fn count(&self) -> u32 {
        self.count
    }

    /// One more, sent by the gateways of `alive`.
    pub(super) fn push(&mut self, alive: u64) {
        let (block, place) = (self.count as usize / 64, self.count % 64);
        self.count += 1;
        for (gateway, words) in self.sent_by.iter_mut().enumerate() {
            words.resize(block + 1, 0);
            if let Some(word) = words.get_mut(block) {
                *word |= u64::from(alive & bit(gateway) != 0) << place;
            }
        }
    }

    /// Which of them did not reach a device, drawn from the beginning: a bit for each, from the lowest of the first word on.
    /// Those that were not on air yet count as lost.
    pub(super) fn lost_on(&self, mut links: Reached, lost: &mut Vec<u64>) {
        let blocks = (self.count as usize).div_ceil(64);
        lost.clear();
        lost.resize(blocks, u64::MAX);
        // Lost is what no gateway brings.
        links.next(blocks, |gateway, block, link| {
            let sent = self.sent_by.get(gateway).and_then(|words| words.get(block)).copied();
            if let Some(lost) = lost.get_mut(block) {
                *lost &= link | !sent.unwrap_or_default();
            }
        });
    }
}
