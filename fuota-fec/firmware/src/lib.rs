//! A store whose work is somebody else's, so that a probe holds the decoder and nothing more.

#![no_std]

use fuota_fec::{Entry, FragmentStore, Slot};

/// What a store does, as a driver in another language would offer it. Slots are numbered through: data from 0 on,
/// parity from 2^15 on.
#[repr(C)]
pub struct Callbacks {
    load: extern "C" fn(*const u8, usize),
    read: extern "C" fn(u32) -> bool,
    xor: extern "C" fn(u16),
    clear: extern "C" fn(u16),
    save: extern "C" fn(u16, u32, u16) -> bool,
    accumulators: u16,
}

impl Callbacks {
    /// A driver that keeps nothing: what is left is the decoder's own work.
    #[must_use]
    pub const fn idle() -> Self {
        extern "C" fn load(_: *const u8, _: usize) {}
        extern "C" fn read(_: u32) -> bool {
            true
        }
        extern "C" fn on_accumulator(_: u16) {}
        extern "C" fn save(_: u16, _: u32, _: u16) -> bool {
            true
        }
        Self { load, read, xor: on_accumulator, clear: on_accumulator, save, accumulators: 1 }
    }
}

/// The driver said no.
pub struct Failed;

fn number(slot: Slot) -> u32 {
    match slot {
        Slot::Data(index) => index.into(),
        Slot::Parity(index) => u32::from(index) | 1 << 15,
    }
}

impl FragmentStore for Callbacks {
    type Error = Failed;

    fn accumulators(&self) -> u16 {
        self.accumulators
    }

    fn load(&mut self, fragment: &[u8]) {
        (self.load)(fragment.as_ptr(), fragment.len());
    }

    fn read(&mut self, slot: Slot) -> Result<(), Failed> {
        if (self.read)(number(slot)) { Ok(()) } else { Err(Failed) }
    }

    fn buffer(&self) -> &[u8] {
        &[]
    }

    fn xor(&mut self, acc: u16) {
        (self.xor)(acc);
    }

    fn clear(&mut self, acc: u16) {
        (self.clear)(acc);
    }

    fn save(&mut self, acc: u16, slot: Slot, entry: Entry) -> Result<(), Failed> {
        let entry = match entry {
            Entry::Fragment(n) => n.get(),
            Entry::Solved(index) => index | 1 << 14,
        };
        if (self.save)(acc, number(slot), entry) { Ok(()) } else { Err(Failed) }
    }
}

#[cfg(not(test))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
