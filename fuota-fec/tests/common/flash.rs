//! NOR flash that loses power: units are left in any mix of old and new bits.

use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PowerLost;

impl NorFlashError for PowerLost {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::Other
    }
}

/// `READ`, `WRITE` and `ERASE` are the sizes of the units in octets.
#[derive(Debug, Clone)]
pub(crate) struct SimFlash<const READ: usize, const WRITE: usize, const ERASE: usize> {
    octets: Vec<u8>,
    /// Units that may still be touched before power goes; each write and each erase of a unit is one.
    pub(crate) left: usize,
    /// Units touched since the last power loss.
    pub(crate) touched: usize,
    pub(crate) reads: usize,
    recovers: bool,
    /// Units between the failure to come and one more.
    again: usize,
    random: u64,
}

impl<const READ: usize, const WRITE: usize, const ERASE: usize> SimFlash<READ, WRITE, ERASE> {
    pub(crate) fn new(capacity: usize, seed: u64) -> Self {
        // What an older session or the factory has left.
        let octets = (0..capacity).map(|i| if i % 3 == 0 { 0x5a } else { 0xff }).collect();
        let random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        Self { octets, left: usize::MAX, touched: 0, reads: 0, recovers: false, again: usize::MAX, random }
    }

    /// Power is back, until `left` more units have been touched.
    pub(crate) fn power_up(&mut self, left: usize) {
        (self.left, self.touched) = (left, 0);
    }

    /// One unit fails after `left` good ones, and the flash is as before after that.
    pub(crate) fn fail_once(&mut self, left: usize) {
        self.power_up(left);
        self.recovers = true;
    }

    /// [`fail_once`](Self::fail_once), and once more after `again` good ones.
    pub(crate) fn fail_twice(&mut self, left: usize, again: usize) {
        self.fail_once(left);
        self.again = again;
    }

    pub(crate) fn octets(&self) -> &[u8] {
        &self.octets
    }

    fn random(&mut self) -> u8 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 32).to_le_bytes()[0]
    }

    /// How many bits of a unit change before power goes: none, a few, nearly all, or all of them.
    fn torn(&mut self) -> impl FnMut(&mut Self) -> u8 + use<READ, WRITE, ERASE> {
        let kind = self.random() % 5;
        move |flash| match kind {
            0 => 0x00,
            1 => flash.random() & flash.random() & flash.random(),
            2 => flash.random(),
            3 => flash.random() | flash.random() | flash.random(),
            _ => 0xff,
        }
    }

    /// Counts a unit, and says whether power holds.
    fn touch(&mut self) -> bool {
        let holds = self.left > 0;
        self.left = if !holds && self.recovers {
            std::mem::replace(&mut self.again, usize::MAX)
        } else {
            self.left.saturating_sub(1)
        };
        self.touched += 1;
        holds
    }
}

impl<const READ: usize, const WRITE: usize, const ERASE: usize> ErrorType for SimFlash<READ, WRITE, ERASE> {
    type Error = PowerLost;
}

impl<const READ: usize, const WRITE: usize, const ERASE: usize> ReadNorFlash
    for SimFlash<READ, WRITE, ERASE>
{
    const READ_SIZE: usize = READ;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), PowerLost> {
        assert!((offset as usize).is_multiple_of(READ) && bytes.len().is_multiple_of(READ), "unaligned read");
        self.reads += 1;
        bytes.copy_from_slice(&self.octets[offset as usize..][..bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.octets.len()
    }
}

impl<const READ: usize, const WRITE: usize, const ERASE: usize> NorFlash for SimFlash<READ, WRITE, ERASE> {
    const WRITE_SIZE: usize = WRITE;
    const ERASE_SIZE: usize = ERASE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), PowerLost> {
        assert!(
            (from as usize).is_multiple_of(ERASE) && (to as usize).is_multiple_of(ERASE),
            "unaligned erase"
        );
        for start in (from as usize..to as usize).step_by(ERASE) {
            let holds = self.touch();
            let mut torn = self.torn();
            for at in start..start + ERASE {
                self.octets[at] |= if holds { 0xff } else { torn(self) };
            }
            if !holds {
                return Err(PowerLost);
            }
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), PowerLost> {
        assert!(
            (offset as usize).is_multiple_of(WRITE) && bytes.len().is_multiple_of(WRITE),
            "unaligned write"
        );
        for (start, unit) in (offset as usize..).step_by(WRITE).zip(bytes.chunks(WRITE)) {
            let erased = self.octets[start..start + WRITE].iter().all(|octet| *octet == 0xff);
            assert!(erased, "the unit at {start} is written twice");
            let holds = self.touch();
            let mut torn = self.torn();
            for (at, octet) in (start..).zip(unit) {
                self.octets[at] = if holds { *octet } else { octet | !torn(self) };
            }
            if !holds {
                return Err(PowerLost);
            }
        }
        Ok(())
    }
}
