//! A store that owns its buffers.

use alloc::vec::Vec;
use core::convert::Infallible;

use super::slice::read;
use super::{Entry, FragmentStore, SliceStore, Slot};
use crate::Geometry;

/// The data block in memory of its own; the parity scratch space grows with what is lost.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    geometry: Geometry,
    image: Vec<u8>,
    parity: Vec<u8>,
    accumulators: Vec<u8>,
    source: Option<Slot>,
}

impl MemoryStore {
    /// An empty store with one accumulator.
    #[must_use]
    pub fn new(geometry: Geometry) -> Self {
        Self::with_accumulators(geometry, 1)
    }

    /// An empty store with `accumulators` accumulators, at least one.
    #[must_use]
    pub fn with_accumulators(geometry: Geometry, accumulators: u16) -> Self {
        Self {
            geometry,
            image: alloc::vec![0; geometry.padded_len()],
            parity: Vec::new(),
            accumulators: alloc::vec![0; geometry.fragment_offset(accumulators.max(1))],
            source: None,
        }
    }

    /// The data block without its padding: whole once the decoder says so.
    #[must_use]
    pub fn image(&self) -> &[u8] {
        self.image.get(..self.geometry.image_len()).unwrap_or(&self.image)
    }

    /// Takes the data block out.
    #[must_use]
    pub fn into_image(mut self) -> Vec<u8> {
        self.image.truncate(self.geometry.image_len());
        self.image
    }

    fn slices(&mut self) -> SliceStore<'_> {
        SliceStore {
            size: usize::from(self.geometry.frag_size()),
            image: &mut self.image,
            parity: &mut self.parity,
            accumulators: &mut self.accumulators,
            source: self.source,
        }
    }
}

impl FragmentStore for MemoryStore {
    type Error = Infallible;

    fn accumulators(&self) -> u16 {
        u16::try_from(self.accumulators.len() / usize::from(self.geometry.frag_size())).unwrap_or(u16::MAX)
    }

    fn load(&mut self, fragment: &[u8]) {
        self.slices().load(fragment);
    }

    fn read(&mut self, slot: Slot) -> Result<(), Infallible> {
        self.source = Some(slot);
        Ok(())
    }

    fn buffer(&self) -> &[u8] {
        let size = usize::from(self.geometry.frag_size());
        self.source.and_then(|slot| read(&self.image, &self.parity, slot, size)).unwrap_or_default()
    }

    fn xor(&mut self, acc: u16) {
        self.slices().xor(acc);
    }

    fn clear(&mut self, acc: u16) {
        self.slices().clear(acc);
    }

    fn save(&mut self, acc: u16, slot: Slot, entry: Entry) -> Result<(), Infallible> {
        if let Slot::Parity(index) = slot {
            let end = self.geometry.fragment_range(index).end;
            if self.parity.len() < end {
                self.parity.resize(end, 0);
            }
        }
        // Slots of the geometry exist; others are not asked for by a decoder of the same geometry.
        let _ = self.slices().save(acc, slot, entry);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_the_accumulators_asked_for_and_one_at_least() {
        let geometry = Geometry::new(100, 7).unwrap();
        let counts = [0, 1, 2, 9].map(|count| MemoryStore::with_accumulators(geometry, count).accumulators());
        assert_eq!(counts, [1, 1, 2, 9]);
    }
}
