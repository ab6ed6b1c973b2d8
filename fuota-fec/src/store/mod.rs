//! Where the bytes of fragments live while the decoder works on bits.

#[cfg(feature = "flash")]
mod flash;
#[cfg(feature = "alloc")]
mod memory;
mod rank;
#[cfg(feature = "std")]
mod shared_block;
#[cfg(feature = "std")]
mod sharing;
mod slice;

#[cfg(feature = "flash")]
pub use flash::{AsyncFlashStore, FlashError, FlashSession, FlashStore};
#[cfg(feature = "alloc")]
pub use memory::MemoryStore;
pub use rank::RankOnly;
#[cfg(feature = "std")]
pub use shared_block::SharedBlock;
#[cfg(feature = "std")]
pub use sharing::SharingStore;
pub use slice::{NoSuchSlot, SliceStore};

use core::num::NonZeroU16;

use crate::{FragmentNumber, Geometry, ParityRule, bits};

/// A place for `FragSize` octets. The decoder writes each at most once per session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Slot {
    /// The uncoded fragment at this 0-based place of the data block.
    Data(u16),
    /// Scratch space for parity, by its 0-based place.
    Parity(u16),
}

/// What the content of a slot is. After a reset the decoder's memory can be rebuilt from the entries alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Entry {
    /// The fragment with this number; in a parity slot, reduced by those before it.
    Fragment(FragmentNumber),
    /// The uncoded fragment at this 0-based place, found by solving.
    Solved(u16),
}

/// Slots, one read buffer and one or more accumulators of `FragSize` octets: all the byte work of decoding.
///
/// A store in memory, or in flash that can be read like memory, need not copy on [`read`](Self::read): it
/// may remember the slot and add from it in place.
pub trait FragmentStore {
    /// What goes wrong when flash does.
    type Error;

    /// How many accumulators there are, at least one. More of them make solving read less.
    fn accumulators(&self) -> u16 {
        1
    }

    /// Puts a received fragment into accumulator 0.
    fn load(&mut self, fragment: &[u8]);

    /// Writes a received fragment to a slot as it came: [`load`](Self::load) and [`save`](Self::save) in one, after
    /// which nothing is asked of accumulator 0. A store that need not load it saves a copy here.
    ///
    /// # Errors
    /// Those of the medium.
    fn keep(&mut self, fragment: &[u8], slot: Slot, entry: Entry) -> Result<(), Self::Error> {
        self.load(fragment);
        self.save(0, slot, entry)
    }

    /// Fills the read buffer from a slot.
    ///
    /// # Errors
    /// Those of the medium.
    fn read(&mut self, slot: Slot) -> Result<(), Self::Error>;

    /// What the last [`read`](Self::read) gave; nothing in a store that keeps no bytes.
    fn buffer(&self) -> &[u8];

    /// Adds the read buffer to an accumulator.
    fn xor(&mut self, acc: u16);

    /// Adds a slot to an accumulator. A store that can add in place saves a copy here.
    ///
    /// # Errors
    /// Those of the medium.
    fn xor_slot(&mut self, slot: Slot, acc: u16) -> Result<(), Self::Error> {
        self.read(slot)?;
        self.xor(acc);
        Ok(())
    }

    /// Adds to accumulator 0 the data slots at which both sets have a one: bit i of word i / 32 stands for the uncoded
    /// fragment at 0-based place i. Squeezes the row onto the others: bit i of word i / 16, in memory of 16 bits each,
    /// then stands for the place of zero number i of `known`, and all that follows is zero. A store that has some of the
    /// sums already saves work here.
    ///
    /// # Errors
    /// Those of the medium.
    fn take_off_known(&mut self, row: &mut [u32], known: &[u32]) -> Result<(), Self::Error> {
        let mut base = 0;
        for (row, known) in row.iter().zip(known) {
            let mut ones = row & known;
            while ones != 0 {
                self.xor_slot(Slot::Data(base + bits::low(ones)), 0)?;
                ones &= ones - 1;
            }
            base += 32;
        }
        bits::squeeze(row, known);
        Ok(())
    }

    /// Adds to accumulator 0 what `row` picks of the first `column` lost fragments, which are at the zeros of `known`: bit
    /// i of word i / 16 of `row` stands for the data slot at zero number i. All of them are solved and stored. Returns
    /// the 0-based place of zero number `column`, the lost fragment that is being solved for; 0 if there is none.
    ///
    /// # Errors
    /// Those of the medium.
    fn xor_solved(&mut self, row: &[u16], known: &[u32], column: u16) -> Result<u16, Self::Error> {
        let (mut left, mut base) = (0, 0);
        for known in known {
            let mut zeros = !known;
            while zeros != 0 {
                let position = base + bits::low(zeros);
                if left == column {
                    return Ok(position);
                }
                if bits::has(row, left) {
                    self.xor_slot(Slot::Data(position), 0)?;
                }
                zeros &= zeros - 1;
                left += 1;
            }
            base += 32;
        }
        Ok(0)
    }

    /// Writes the row of parity fragment `k` over `nb_frag` uncoded ones, as [`ParityRule::row`] does, into a buffer of
    /// ⌈M/32⌉ words, and says that it did; otherwise the decoder draws the row. A host that decodes for many devices draws
    /// each row once for all of them; a device has nothing to gain, and no row by default.
    fn lend_row(&mut self, rule: ParityRule, nb_frag: u16, k: NonZeroU16, row: &mut [u32]) -> bool {
        let _ = (rule, nb_frag, k, row);
        false
    }

    /// Fills an accumulator with zeros.
    fn clear(&mut self, acc: u16);

    /// Writes an accumulator to a slot that has not been written before; once this returns, the slot and its
    /// entry survive a reset.
    ///
    /// # Errors
    /// Those of the medium.
    fn save(&mut self, acc: u16, slot: Slot, entry: Entry) -> Result<(), Self::Error>;
}

/// Hands out the data block from first to last octet, without its padding: for its MIC or to copy it.
///
/// # Errors
/// Those of the store.
pub fn for_each_piece<S: FragmentStore>(
    store: &mut S,
    geometry: Geometry,
    mut take: impl FnMut(&[u8]),
) -> Result<(), S::Error> {
    for index in 0..geometry.nb_frag() {
        store.read(Slot::Data(index))?;
        take(without_padding(geometry, index, store.buffer()));
    }
    Ok(())
}

/// What of a fragment's octets belongs to the data block: all but the padding of the last one.
fn without_padding(geometry: Geometry, index: u16, octets: &[u8]) -> &[u8] {
    let padding = if index + 1 == geometry.nb_frag() { usize::from(geometry.padding()) } else { 0 };
    octets.get(..octets.len().saturating_sub(padding)).unwrap_or(octets)
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use super::*;
    use crate::{Encoder, FragmentNumber};

    #[test]
    fn the_data_block_is_handed_out_without_its_padding() {
        let image: alloc::vec::Vec<u8> = (0..23).collect();
        let geometry = Geometry::new(image.len(), 5).unwrap();
        let encoder = Encoder::new(geometry, ParityRule::V1, &image).unwrap();
        let mut store = MemoryStore::new(geometry);
        for index in 0..geometry.nb_frag() {
            let (n, mut fragment) = (FragmentNumber::uncoded(index).unwrap(), [0; 5]);
            encoder.fragment(n, &mut fragment).unwrap();
            store.load(&fragment);
            store.save(0, Slot::Data(index), Entry::Fragment(n)).unwrap();
        }
        let mut pieces = alloc::vec::Vec::new();
        for_each_piece(&mut store, geometry, |piece| pieces.push(piece.to_vec())).unwrap();
        assert_eq!((pieces.len(), pieces.concat()), (5, image));
    }
}
