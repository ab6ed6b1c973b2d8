//! A store in buffers that the caller lends.

use thiserror::Error;

use super::{Entry, FragmentStore, Slot};
use crate::xor::xor;
use crate::{FecError, Geometry};

/// A slot that the lent buffers have no room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the store has no slot {slot:?}")]
pub struct NoSuchSlot {
    /// The slot asked for.
    pub slot: Slot,
}

/// The data block, the parity scratch space and the accumulators in RAM, lent by the caller.
#[derive(Debug)]
pub struct SliceStore<'a> {
    pub(super) size: usize,
    pub(super) image: &'a mut [u8],
    pub(super) parity: &'a mut [u8],
    pub(super) accumulators: &'a mut [u8],
    pub(super) source: Option<Slot>,
}

impl<'a> SliceStore<'a> {
    /// `image` takes the padded data block (see [`Geometry::padded_len`]), `parity` `FragSize` octets for each
    /// uncoded fragment that may be lost, `accumulators` `FragSize` octets at least.
    ///
    /// # Errors
    /// [`FecError::ImageLength`] or [`FecError::FragmentLength`] for an image or accumulators that are too
    /// short.
    pub fn new(
        geometry: Geometry,
        image: &'a mut [u8],
        parity: &'a mut [u8],
        accumulators: &'a mut [u8],
    ) -> Result<Self, FecError> {
        let expected = geometry.padded_len();
        if image.len() < expected {
            return Err(FecError::ImageLength { expected, got: image.len() });
        }
        let frag_size = geometry.frag_size();
        if accumulators.len() < usize::from(frag_size) {
            return Err(FecError::FragmentLength { expected: frag_size, got: accumulators.len() });
        }
        Ok(Self { size: usize::from(frag_size), image, parity, accumulators, source: None })
    }

    /// The data block: whole once the decoder says so.
    #[must_use]
    pub fn image(&self) -> &[u8] {
        self.image
    }

    /// An accumulator, and the slot that was read last: it is used where it lies.
    fn pair(&mut self, acc: u16) -> Option<(&mut [u8], &[u8])> {
        let source = read(self.image, self.parity, self.source?, self.size);
        slot_mut(self.accumulators, acc, self.size).zip(source)
    }
}

/// The octets of a slot, where they lie.
pub(super) fn read<'s>(image: &'s [u8], parity: &'s [u8], slot: Slot, size: usize) -> Option<&'s [u8]> {
    let (area, index) = match slot {
        Slot::Data(index) => (image, index),
        Slot::Parity(index) => (parity, index),
    };
    slot_of(area, index, size)
}

/// Octets `index * size ..` of a buffer of slots.
pub(super) fn slot_of(buffer: &[u8], index: u16, size: usize) -> Option<&[u8]> {
    buffer.get(usize::from(index) * size..)?.get(..size)
}

fn slot_mut(buffer: &mut [u8], index: u16, size: usize) -> Option<&mut [u8]> {
    buffer.get_mut(usize::from(index) * size..)?.get_mut(..size)
}

impl FragmentStore for SliceStore<'_> {
    type Error = NoSuchSlot;

    fn accumulators(&self) -> u16 {
        u16::try_from(self.accumulators.len() / self.size).unwrap_or(u16::MAX)
    }

    fn load(&mut self, fragment: &[u8]) {
        if let Some(acc) = self.accumulators.get_mut(..fragment.len()) {
            acc.copy_from_slice(fragment);
        }
    }

    fn read(&mut self, slot: Slot) -> Result<(), NoSuchSlot> {
        self.source = Some(slot);
        read(self.image, self.parity, slot, self.size).map(|_| ()).ok_or(NoSuchSlot { slot })
    }

    fn buffer(&self) -> &[u8] {
        self.source.and_then(|slot| read(self.image, self.parity, slot, self.size)).unwrap_or_default()
    }

    fn xor(&mut self, acc: u16) {
        if let Some((acc, source)) = self.pair(acc) {
            xor(acc, source);
        }
    }

    fn xor_slot(&mut self, slot: Slot, acc: u16) -> Result<(), NoSuchSlot> {
        let source = read(self.image, self.parity, slot, self.size);
        let (acc, source) =
            slot_mut(self.accumulators, acc, self.size).zip(source).ok_or(NoSuchSlot { slot })?;
        xor(acc, source);
        Ok(())
    }

    fn clear(&mut self, acc: u16) {
        if let Some(acc) = slot_mut(self.accumulators, acc, self.size) {
            acc.fill(0);
        }
    }

    fn save(&mut self, acc: u16, slot: Slot, _entry: Entry) -> Result<(), NoSuchSlot> {
        let target = match slot {
            Slot::Data(index) => slot_mut(self.image, index, self.size),
            Slot::Parity(index) => slot_mut(self.parity, index, self.size),
        };
        let acc = slot_of(self.accumulators, acc, self.size);
        let (target, acc) = target.zip(acc).ok_or(NoSuchSlot { slot })?;
        target.copy_from_slice(acc);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FragmentNumber;

    #[test]
    fn there_are_as_many_accumulators_as_fit() {
        let geometry = Geometry::new(12, 4).unwrap();
        let (mut image, mut parity) = ([0; 12], [0; 4]);
        let counts = [4, 7, 8, 13].map(|len| {
            let mut accumulators = std::vec![0; len];
            SliceStore::new(geometry, &mut image, &mut parity, &mut accumulators).unwrap().accumulators()
        });
        assert_eq!(counts, [1, 1, 2, 3]);
    }

    #[test]
    fn a_slot_without_room_is_refused() {
        let geometry = Geometry::new(12, 4).unwrap();
        let (mut image, mut parity, mut accumulator) = ([1; 12], [2; 4], [0; 4]);
        let mut store = SliceStore::new(geometry, &mut image, &mut parity, &mut accumulator).unwrap();
        let entry = Entry::Fragment(FragmentNumber::new(4).unwrap());
        for slot in [Slot::Data(2), Slot::Parity(0)] {
            assert_eq!((store.read(slot), store.xor_slot(slot, 0)), (Ok(()), Ok(())));
        }
        for slot in [Slot::Data(3), Slot::Parity(1)] {
            let refused = Err(NoSuchSlot { slot });
            assert_eq!([store.read(slot), store.xor_slot(slot, 0), store.save(0, slot, entry)], [refused; 3]);
        }
        assert_eq!(store.xor_slot(Slot::Data(0), 1), Err(NoSuchSlot { slot: Slot::Data(0) }));
    }
}
