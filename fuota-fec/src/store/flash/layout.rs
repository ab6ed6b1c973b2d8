//! Where everything lies in flash.

use embedded_storage_async::nor_flash::NorFlash;

use super::FlashError;
use super::journal::{ENTRY_LEN, FlashSession, HEADER_LEN};
use crate::store::Slot;

/// Header · journal · data slots · parity slots · spare slots.
///
/// The header has an erase unit to itself: a set-up begins by erasing it, and what is left of a session
/// whose header is half erased must not have lost anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    base: u32,
    pub(super) header_size: u32,
    journal: u32,
    pub(super) entry_size: u32,
    pub(super) entries: u32,
    slots: u32,
    pub(super) slot_size: u32,
    data_slots: u16,
    parity_slots: u16,
    pub(super) end: u32,
}

impl Layout {
    /// Places a session from `base` on, which starts an erase unit.
    pub(super) fn new<F: NorFlash>(
        flash: &F,
        base: u32,
        session: &FlashSession,
        spares: u16,
    ) -> Result<Self, FlashError<F::Error>> {
        let unit = to_u32(F::READ_SIZE.max(F::WRITE_SIZE));
        let erase = to_u32(F::ERASE_SIZE);
        let nb_frag = session.geometry.nb_frag();
        let parity_slots = session.mode.parity_slots(session.max_lost.min(nb_frag));
        let (m, l, k) = (u32::from(nb_frag), u32::from(parity_slots), u32::from(spares));
        let header_size = to_u32(HEADER_LEN).next_multiple_of(unit);
        let entry_size = to_u32(ENTRY_LEN).next_multiple_of(unit);
        let entries = m + l + 2 * k + 16;
        let slot_size = u32::from(session.geometry.frag_size()).next_multiple_of(unit);
        let journal = u64::from(base) + u64::from(header_size.next_multiple_of(erase));
        let slots = journal + u64::from(entries) * u64::from(entry_size);
        let end = (slots + u64::from(m + l + k) * u64::from(slot_size)).next_multiple_of(erase.into());
        let capacity = flash.capacity();
        let too_small = FlashError::NoRoom { needed: end, capacity };
        let as_u32 = |offset: u64| u32::try_from(offset).ok().filter(|offset| *offset as usize <= capacity);
        Ok(Self {
            base,
            header_size,
            journal: as_u32(journal).ok_or(FlashError::NoRoom { needed: end, capacity })?,
            entry_size,
            entries,
            slots: as_u32(slots).ok_or(FlashError::NoRoom { needed: end, capacity })?,
            slot_size,
            data_slots: nb_frag,
            parity_slots,
            end: as_u32(end).ok_or(too_small)?,
        })
    }

    pub(super) fn header(&self) -> u32 {
        self.base
    }

    /// Where the erase unit of the header ends.
    pub(super) fn journal(&self) -> u32 {
        self.journal
    }

    pub(super) fn entry(&self, position: u32) -> u32 {
        self.journal + position * self.entry_size
    }

    /// Where a slot lies; `None` if there is no such slot.
    pub(super) fn slot(&self, slot: Slot) -> Option<u32> {
        let index = match slot {
            Slot::Data(index) if index < self.data_slots => u32::from(index),
            Slot::Parity(index) if index < self.parity_slots => u32::from(self.data_slots) + u32::from(index),
            _ => return None,
        };
        Some(self.slots + index * self.slot_size)
    }

    pub(super) fn spare(&self, index: u16) -> u32 {
        let before = u32::from(self.data_slots) + u32::from(self.parity_slots) + u32::from(index);
        self.slots + before * self.slot_size
    }
}

/// Sizes of flash units and of what is kept in them are far below 2^32.
pub(super) fn to_u32(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_lie_one_behind_the_other_and_spare_ones_last() {
        let layout = Layout {
            base: 0,
            header_size: 16,
            journal: 128,
            entry_size: 8,
            entries: 10,
            slots: 208,
            slot_size: 12,
            data_slots: 5,
            parity_slots: 3,
            end: 384,
        };
        let own = (0..5).map(Slot::Data).chain((0..3).map(Slot::Parity));
        let all = own.filter_map(|slot| layout.slot(slot)).chain((0..3).map(|index| layout.spare(index)));
        assert!(all.eq((208..).step_by(12).take(11)));
        assert_eq!([Slot::Data(5), Slot::Parity(3)].map(|slot| layout.slot(slot)), [None; 2]);
    }
}
