//! Memory for the sessions, and a store that works as most drivers do.

use fuota_fec::{Entry, FragmentStore, Slot, xor};

use crate::sessions::{LOST, M, SIZE};

/// Octets from one slot to the next: flash is written in words.
pub const SLOT: usize = SIZE.next_multiple_of(4);

/// Memory that starts at a word.
#[repr(align(4))]
pub struct Aligned<const N: usize>(pub [u8; N]);

pub static mut IMAGE: Aligned<{ M as usize * SLOT }> = Aligned([0; M as usize * SLOT]);
pub static mut PARITY: Aligned<{ (LOST as usize + 16) * SLOT }> = Aligned([0; (LOST as usize + 16) * SLOT]);
pub static mut BLOCK: Aligned<{ M as usize * SIZE }> = Aligned([0; M as usize * SIZE]);
pub static mut NOR: Aligned<{ 48 * 1024 }> = Aligned([0; 48 * 1024]);

/// Memory that is used once at a time: sessions follow each other.
macro_rules! lend {
    ($memory:ident) => {
        // SAFETY: there is one thread, and each session has given back what it was lent.
        unsafe { &mut (*(&raw mut crate::store::$memory)).0 }
    };
}
pub(crate) use lend;

/// Copies on every read.
pub struct Copying<'a> {
    image: &'a mut [u8],
    parity: &'a mut [u8],
    buffer: Aligned<SIZE>,
    accumulator: Aligned<SIZE>,
}

impl Copying<'static> {
    pub fn new() -> Self {
        let (buffer, accumulator) = (Aligned([0; SIZE]), Aligned([0; SIZE]));
        Self { image: lend!(IMAGE), parity: lend!(PARITY), buffer, accumulator }
    }

    /// Whether this is the data block that it holds.
    pub fn holds(&self, block: &[u8]) -> bool {
        block.chunks(SIZE).eq(self.image.chunks(SLOT).map(|slot| &slot[..SIZE]))
    }
}

/// The octets of a slot.
fn slot_in<'s>(image: &'s mut [u8], parity: &'s mut [u8], slot: Slot) -> Option<&'s mut [u8]> {
    let (area, index) = match slot {
        Slot::Data(index) => (image, index),
        Slot::Parity(index) => (parity, index),
    };
    area.get_mut(usize::from(index) * SLOT..)?.get_mut(..SIZE)
}

impl FragmentStore for Copying<'_> {
    type Error = ();

    fn load(&mut self, fragment: &[u8]) {
        self.accumulator.0.copy_from_slice(fragment);
    }

    fn read(&mut self, slot: Slot) -> Result<(), ()> {
        self.buffer.0.copy_from_slice(slot_in(self.image, self.parity, slot).ok_or(())?);
        Ok(())
    }

    fn buffer(&self) -> &[u8] {
        &self.buffer.0
    }

    fn xor(&mut self, _acc: u16) {
        xor(&mut self.accumulator.0, &self.buffer.0);
    }

    fn clear(&mut self, _acc: u16) {
        self.accumulator.0.fill(0);
    }

    fn save(&mut self, _acc: u16, slot: Slot, _entry: Entry) -> Result<(), ()> {
        slot_in(self.image, self.parity, slot).ok_or(())?.copy_from_slice(&self.accumulator.0);
        Ok(())
    }
}
