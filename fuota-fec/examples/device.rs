//! A device that receives a data block into NOR flash, loses power on the way, and goes on where it was.
//!
//! ```text
//! cargo run -p fuota-fec --example device --features flash
//! ```
//!
//! What [`receive`] does is what a firmware does: nothing is allocated, all memory is of fixed size, and the chip is
//! reached through `embedded_storage`. The chip and the air are made up.

use std::error::Error;
use std::fmt;

use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash};
use fuota_fec::{
    Decoder, Encoder, FlashSession, FlashStore, FragmentNumber, Geometry, Mode, ParityRule, Progress, words,
};

/// Octets of the data block.
const IMAGE_LEN: usize = 20_000;
/// Octets of a fragment: a multiple of what the chip writes at once, so that none are wasted.
const FRAG_SIZE: u8 = 48;
/// M, the number of uncoded fragments.
const NB_FRAG: u16 = 417;
/// L, uncoded fragments that may be lost.
const MAX_LOST: u16 = 64;
/// Slots for what has to be written twice, because power went in the middle of it.
const SPARES: usize = 8;
/// Where the session lies in the flash.
const AREA: u32 = 0;
/// Where the boot loader looks for the block.
const BOOT: u32 = 0;
/// Words for what the decoder knows of the parity fragments.
const WORDS: usize = words(Mode::Triangular, NB_FRAG, MAX_LOST);

type Store<'a> = FlashStore<'a, &'a mut Chip, SPARES>;

/// Octets in which fragments are read and added.
const BUFFERS: usize = Store::buffer_len(FRAG_SIZE, 1);

fn main() -> Result<(), Box<dyn Error>> {
    let image: Vec<u8> = (0..IMAGE_LEN).map(|i| (i * i / 7 + i).to_le_bytes()[0]).collect();
    let geometry = Geometry::new(IMAGE_LEN, FRAG_SIZE)?;
    let encoder = Encoder::new(geometry, ParityRule::V1, &image)?;
    // One fragment in ten is lost.
    let mut air = (1..).filter(|n| n % 10 != 3).filter_map(FragmentNumber::new);

    let mut chip = Chip::new();
    // What FragSessionSetupReq says (TS004-1.0.0 §3.3). Only now the flash is erased.
    let session = FlashSession { geometry, rule: ParityRule::V1, mode: Mode::Triangular, max_lost: MAX_LOST };
    let mut buffers = [0; BUFFERS];
    Store::create(&mut chip, AREA, session, &mut buffers)?;
    println!("M = {NB_FRAG}; {} octets for the decoder, {BUFFERS} for fragments", 4 * WORDS);

    let mut boot = Chip::new();
    chip.power_for(5_000);
    loop {
        let mut heard = |fragment: &mut [u8]| {
            let n = air.next()?;
            encoder.fragment(n, fragment).ok()?;
            Some(n)
        };
        match receive(&mut chip, &mut heard, &mut boot) {
            Ok(()) => break,
            Err(error) if chip.left == 0 => println!("{error}; the device starts again"),
            Err(error) => return Err(error),
        }
        chip.power_for(usize::MAX);
    }
    println!("the boot loader has the block that was sent: {}", boot.octets[..IMAGE_LEN] == image);
    Ok(())
}

/// From a start of the device to the block in the boot loader's flash, or to the end of the power.
fn receive(
    chip: &mut Chip,
    heard: &mut impl FnMut(&mut [u8]) -> Option<FragmentNumber>,
    boot: &mut Chip,
) -> Result<(), Box<dyn Error>> {
    let mut buffers = [0; BUFFERS];
    let mut store = Store::open(chip, AREA, &mut buffers)?;
    let FlashSession { geometry, rule, max_lost, .. } = store.session();
    let mut decoder = Decoder::new(geometry, rule, max_lost, [0; WORDS])?;
    // Whatever came before the last reset counts.
    store.resume(&mut decoder)?;
    println!("{} of {NB_FRAG} fragments are missing", decoder.missing());
    let mut fragment = [0; FRAG_SIZE as usize];
    loop {
        let n = heard(&mut fragment).ok_or("nothing more is sent")?;
        if decoder.insert(n, &fragment, &mut store)? == Progress::Complete {
            println!("fragment {} was the last that it took", n.get());
            break;
        }
    }
    // Only a block without a write that failed lies in one piece.
    boot.erase(BOOT, boot.octets.len().try_into()?)?;
    store.export(boot, BOOT, &mut [0; 256])??;
    Ok(())
}

/// NOR flash of 64 KiB that is written by 8 octets and erased by 4 KiB.
struct Chip {
    octets: Vec<u8>,
    /// Octets that can be written before power goes.
    left: usize,
}

impl Chip {
    fn new() -> Self {
        Self { octets: vec![0x5A; 64 * 1024], left: usize::MAX }
    }

    fn power_for(&mut self, octets: usize) {
        self.left = octets;
    }
}

#[derive(Debug)]
struct PowerLost;

impl fmt::Display for PowerLost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("power is lost")
    }
}

impl Error for PowerLost {}

impl NorFlashError for PowerLost {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::Other
    }
}

impl ErrorType for Chip {
    type Error = PowerLost;
}

impl ReadNorFlash for Chip {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), PowerLost> {
        bytes.copy_from_slice(&self.octets[offset as usize..][..bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.octets.len()
    }
}

impl NorFlash for Chip {
    const WRITE_SIZE: usize = 8;
    const ERASE_SIZE: usize = 4096;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), PowerLost> {
        self.octets[from as usize..to as usize].fill(0xFF);
        Ok(())
    }

    /// Only clears bits; what is not written any more stays as it was.
    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), PowerLost> {
        for (there, new) in self.octets[offset as usize..].iter_mut().zip(bytes) {
            self.left = self.left.checked_sub(1).ok_or(PowerLost)?;
            *there &= new;
        }
        Ok(())
    }
}
