//! The lent memory: a read buffer and accumulators of one slot each.

use super::FlashError;
use super::layout::Layout;
use crate::xor::xor;

#[derive(Debug)]
pub(super) struct Buffers<'a> {
    /// Also takes headers and entries.
    read: &'a mut [u8],
    accumulators: &'a mut [u8],
    slot_size: usize,
}

impl<'a> Buffers<'a> {
    pub(super) fn cut<E>(layout: &Layout, lent: &'a mut [u8]) -> Result<Self, FlashError<E>> {
        let slot_size = layout.slot_size as usize;
        let first = layout.slot_size.max(layout.header_size).max(layout.entry_size) as usize;
        let (expected, got) = (first + slot_size, lent.len());
        if got < expected {
            return Err(FlashError::BufferTooShort { expected, got });
        }
        let (read, accumulators) = lent.split_at_mut(first);
        Ok(Self { read, accumulators, slot_size })
    }

    pub(super) fn accumulators(&self) -> u16 {
        u16::try_from(self.accumulators.len() / self.slot_size).unwrap_or(u16::MAX)
    }

    /// So much of the read buffer, to be filled.
    pub(super) fn read_mut(&mut self, len: u32) -> &mut [u8] {
        self.read.get_mut(..len as usize).unwrap_or_default()
    }

    pub(super) fn read(&self, len: u8) -> &[u8] {
        self.read.get(..usize::from(len)).unwrap_or_default()
    }

    /// Accumulator 0 becomes a fragment, with zeros up to the slot's end.
    pub(super) fn load(&mut self, fragment: &[u8]) {
        for (acc, octet) in self.accumulators.iter_mut().zip(fragment) {
            *acc = *octet;
        }
        self.accumulators.iter_mut().take(self.slot_size).skip(fragment.len()).for_each(|octet| *octet = 0);
    }

    pub(super) fn xor(&mut self, acc: u16) {
        let (acc, read) = self.pair(acc);
        xor(acc, read);
    }

    pub(super) fn clear(&mut self, acc: u16) {
        let (acc, _) = self.pair(acc);
        acc.fill(0);
    }

    /// Room for an entry, and the accumulator that it will announce.
    pub(super) fn announcing(&mut self, entry_size: u32, acc: u16) -> (&mut [u8], &[u8]) {
        let start = usize::from(acc) * self.slot_size;
        let bytes = self.accumulators.get(start..start + self.slot_size).unwrap_or_default();
        (self.read.get_mut(..entry_size as usize).unwrap_or_default(), bytes)
    }

    fn pair(&mut self, acc: u16) -> (&mut [u8], &[u8]) {
        let start = usize::from(acc) * self.slot_size;
        let acc = self.accumulators.get_mut(start..start + self.slot_size).unwrap_or_default();
        (acc, self.read.get(..self.slot_size).unwrap_or_default())
    }
}
