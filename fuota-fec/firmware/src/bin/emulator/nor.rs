//! NOR flash in RAM: it can clear bits, and set them again a whole unit at a time.

use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash};

pub struct Nor<'a> {
    pub octets: &'a mut [u8],
    pub reads: u32,
    pub writes: u32,
    pub erased: u32,
}

/// A bit was to be set, or a place was written that had been written before.
#[derive(Debug)]
pub struct WrittenTwice;

impl NorFlashError for WrittenTwice {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::Other
    }
}

impl ErrorType for Nor<'_> {
    type Error = WrittenTwice;
}

impl ReadNorFlash for Nor<'_> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), WrittenTwice> {
        self.reads += 1;
        bytes.copy_from_slice(&self.octets[offset as usize..][..bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.octets.len()
    }
}

impl NorFlash for Nor<'_> {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 1024;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), WrittenTwice> {
        self.erased += (to - from) / 1024;
        self.octets[from as usize..to as usize].fill(0xff);
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), WrittenTwice> {
        self.writes += 1;
        let place = &mut self.octets[offset as usize..][..bytes.len()];
        if place.iter().any(|octet| *octet != 0xff) {
            return Err(WrittenTwice);
        }
        place.copy_from_slice(bytes);
        Ok(())
    }
}
