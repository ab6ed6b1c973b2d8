//! The sessions that are decoded.

use core::mem::size_of;

use cortex_m_semihosting::hprintln;
use fuota_fec::{
    Decoder, DeferredDecoder, Encoder, Entry, FlashSession, FlashStore, FragmentNumber, FragmentStore,
    Geometry, Mode, ParityRule, Progress, SliceStore, Slot, Steps, for_each_piece, run, words, xor,
};

use crate::Meter;
use crate::nor::Nor;

const M: u16 = 1000;
const LOST: u16 = 100;
const SIZE: usize = 50;

static mut IMAGE: [u8; M as usize * SIZE] = [0; M as usize * SIZE];
static mut PARITY: [u8; (LOST as usize + 16) * SIZE] = [0; (LOST as usize + 16) * SIZE];
static mut BLOCK: [u8; M as usize * SIZE] = [0; M as usize * SIZE];
static mut NOR: [u8; 48 * 1024] = [0; 48 * 1024];

/// Memory that is used once at a time: sessions follow each other.
macro_rules! lend {
    ($memory:ident) => {
        // SAFETY: there is one thread, and each session has given back what it was lent.
        unsafe { &mut *(&raw mut $memory) }
    };
}

/// The data block that is sent.
fn sent() -> &'static [u8] {
    let block = lend!(BLOCK);
    for (i, octet) in (0_u32..).zip(block.iter_mut()) {
        *octet = (i.wrapping_mul(2_654_435_761) >> 24) as u8;
    }
    block
}

/// Feeds fragments 1, 2, …, one in ten of the first M left out, until the block is whole.
fn receive(
    encoder: &Encoder<'_>,
    meter: &mut Meter,
    mut insert: impl FnMut(FragmentNumber, &[u8]) -> Option<Progress>,
) -> Option<()> {
    let geometry = encoder.geometry();
    let mut fragment = [0; 255];
    let fragment = &mut fragment[..geometry.frag_size().into()];
    for n in (1..).filter(|n| *n > geometry.nb_frag() || n % 10 != 3).map_while(FragmentNumber::new) {
        encoder.fragment(n, fragment).ok()?;
        if meter.measure(|| insert(n, fragment))? == Progress::Complete {
            return Some(());
        }
    }
    None
}

fn report(name: &str, meter: &mut Meter, ram: usize, right: Option<bool>) -> bool {
    let (total, longest) = meter.take();
    let right = right == Some(true);
    let verdict = if right { "right" } else { "WRONG" };
    hprintln!(
        "{}: {}, {} octets of RAM, {} instructions, longest call {}",
        name,
        verdict,
        ram,
        total,
        longest
    );
    right
}

fn session() -> Option<(Geometry, Encoder<'static>)> {
    let geometry = Geometry::from_session(M, SIZE as u8, 0).ok()?;
    Some((geometry, Encoder::new(geometry, ParityRule::V1, sent()).ok()?))
}

/// A store that copies on every read, as most drivers do.
struct Copying<'a> {
    image: &'a mut [u8],
    parity: &'a mut [u8],
    buffer: [u8; SIZE],
    accumulator: [u8; SIZE],
}

impl Copying<'_> {
    fn slot(&mut self, slot: Slot) -> Option<&mut [u8]> {
        let (area, index) = match slot {
            Slot::Data(index) => (&mut *self.image, index),
            Slot::Parity(index) => (&mut *self.parity, index),
        };
        area.get_mut(usize::from(index) * SIZE..)?.get_mut(..SIZE)
    }
}

impl FragmentStore for Copying<'_> {
    type Error = ();

    fn load(&mut self, fragment: &[u8]) {
        self.accumulator.copy_from_slice(fragment);
    }

    fn read(&mut self, slot: Slot) -> Result<(), ()> {
        let mut copy = self.buffer;
        copy.copy_from_slice(self.slot(slot).ok_or(())?);
        self.buffer = copy;
        Ok(())
    }

    fn buffer(&self) -> &[u8] {
        &self.buffer
    }

    fn xor(&mut self, _acc: u16) {
        xor(&mut self.accumulator, &self.buffer);
    }

    fn copy(&mut self, _acc: u16) {
        self.accumulator = self.buffer;
    }

    fn save(&mut self, _acc: u16, slot: Slot, _entry: Entry) -> Result<(), ()> {
        let accumulator = self.accumulator;
        self.slot(slot).ok_or(())?.copy_from_slice(&accumulator);
        Ok(())
    }
}

/// The triangular decoder on a store that copies.
pub fn copying(meter: &mut Meter) -> bool {
    let mut memory = [0; words(Mode::Triangular, M, LOST)];
    let ram = size_of::<Decoder<&mut [u32]>>() + size_of_val(&memory);
    let mut right = || -> Option<bool> {
        let (geometry, encoder) = session()?;
        let (image, parity) = (lend!(IMAGE), lend!(PARITY));
        let mut store = Copying { image, parity, buffer: [0; SIZE], accumulator: [0; SIZE] };
        let mut decoder = Decoder::new(geometry, ParityRule::V1, LOST, &mut memory[..]).ok()?;
        receive(&encoder, meter, |n, data| decoder.insert(n, data, &mut store).ok())?;
        Some(store.image == sent())
    };
    let right = right();
    report("triangular, M = 1000, 100 lost, store copies", meter, ram, right)
}

/// The triangular decoder on a store that adds in place.
pub fn in_place(meter: &mut Meter) -> bool {
    let mut memory = [0; words(Mode::Triangular, M, LOST)];
    let ram = size_of::<Decoder<&mut [u32]>>() + size_of_val(&memory);
    let mut right = || -> Option<bool> {
        let (geometry, encoder) = session()?;
        let mut accumulator = [0; SIZE];
        let mut store = SliceStore::new(geometry, lend!(IMAGE), lend!(PARITY), &mut accumulator).ok()?;
        let mut decoder = Decoder::new(geometry, ParityRule::V1, LOST, &mut memory[..]).ok()?;
        receive(&encoder, meter, |n, data| decoder.insert(n, data, &mut store).ok())?;
        Some(store.image() == sent())
    };
    let right = right();
    report("triangular, M = 1000, 100 lost, store adds in place", meter, ram, right)
}

/// The deferred decoder with 8 KB in all, solved one operation at a time.
pub fn deferred(meter: &mut Meter) -> bool {
    const ACCUMULATORS: usize = 34;
    const ALL: usize = 8192;
    let mut accumulators = [0; ACCUMULATORS * SIZE];
    let mut memory = [0; (ALL - ACCUMULATORS * SIZE - size_of::<DeferredDecoder<&mut [u32]>>()) / 4];
    let ram = size_of::<DeferredDecoder<&mut [u32]>>() + size_of_val(&memory) + accumulators.len();
    let mut right = || -> Option<bool> {
        let (geometry, encoder) = session()?;
        let mut store = SliceStore::new(geometry, lend!(IMAGE), lend!(PARITY), &mut accumulators).ok()?;
        let mut decoder = DeferredDecoder::new(geometry, ParityRule::V1, LOST, &mut memory[..]).ok()?;
        receive(&encoder, meter, |n, data| {
            store.load(data);
            decoder.begin(n).ok()?;
            run(&mut decoder, &mut store).ok()?;
            // Solving is another matter, in steps.
            match decoder.commit().ok()? {
                Progress::Solvable => Some(Progress::Complete),
                other => Some(other),
            }
        })?;
        while !decoder.is_complete() {
            meter.measure(|| decoder.begin_solve(store.accumulators())).ok()?;
            while let Some(op) = meter.measure(|| decoder.next_op()) {
                meter.measure(|| fuota_fec::apply(op, &mut store)).ok()?;
            }
            meter.measure(|| decoder.commit()).ok()?;
        }
        Some(store.image() == sent())
    };
    let right = right();
    report("deferred, M = 1000, 100 lost, single operations", meter, ram, right)
}

/// A 20 KB image, one fragment in ten lost, in NOR flash with its journal.
pub fn flash(meter: &mut Meter) -> bool {
    const SIZE: usize = 64;
    const M: u16 = 320;
    const LOST: u16 = 40;
    let mut memory = [0; words(Mode::Triangular, M, LOST)];
    let mut buffers = [0; 2 * SIZE];
    let ram = size_of::<Decoder<&mut [u32]>>()
        + size_of_val(&memory)
        + size_of_val(&buffers)
        + size_of::<FlashStore<'_, &mut Nor<'_>, 8>>();
    let mut nor = Nor { octets: lend!(NOR), reads: 0, writes: 0, erased: 0 };
    let mut right = || -> Option<bool> {
        let geometry = Geometry::from_session(M, SIZE as u8, 0).ok()?;
        let image = &sent()[..geometry.image_len()];
        let encoder = Encoder::new(geometry, ParityRule::V1, image).ok()?;
        let session = FlashSession { geometry, rule: ParityRule::V1, mode: Mode::Triangular, max_lost: LOST };
        let mut store = FlashStore::<_, 8>::create(&mut nor, 0, session, &mut buffers).ok()?;
        let mut decoder = Decoder::new(geometry, ParityRule::V1, LOST, &mut memory[..]).ok()?;
        receive(&encoder, meter, |n, data| decoder.insert(n, data, &mut store).ok())?;
        let mut rest = image;
        let mut right = true;
        for_each_piece(&mut store, geometry, |piece| {
            right &= rest.starts_with(piece);
            rest = rest.get(piece.len()..).unwrap_or_default();
        })
        .ok()?;
        Some(right && rest.is_empty())
    };
    let right = right();
    let right = report("20 KB, one fragment in ten lost, NOR flash", meter, ram, right);
    hprintln!("  flash: {} reads, {} writes, {} units erased", nor.reads, nor.writes, nor.erased);
    right
}
