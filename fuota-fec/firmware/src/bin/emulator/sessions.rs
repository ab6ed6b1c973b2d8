//! The sessions that are decoded, and what they may take.

use core::mem::size_of;

use cortex_m_semihosting::hprintln;
use fec_firmware::Callbacks;
use fuota_fec::{
    Decoder, DeferredDecoder, Encoder, FlashSession, FlashStore, FragmentNumber, FragmentStore, Geometry,
    Mode, Op, ParityRule, Progress, SliceStore, Steps, apply, for_each_piece, run, words,
};

use crate::meter::{Budget, Meter, within};
use crate::nor::Nor;
use crate::store::{Aligned, Copying, lend};

pub const M: u16 = 1000;
pub const LOST: u16 = 100;
pub const SIZE: usize = 50;

/// Instructions that no call may exceed: a device has other things to do.
const CALL: Option<u32> = Some(1_000_000);

/// The core with unaligned words, not the smallest one.
const LARGE: bool = cfg!(target_has_atomic = "32");

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
    mut insert: impl FnMut(&mut Meter, FragmentNumber, &[u8]) -> Option<Progress>,
) -> Option<()> {
    let geometry = encoder.geometry();
    let mut fragment = Aligned([0; 256]);
    let fragment = &mut fragment.0[..geometry.frag_size().into()];
    for n in (1..).filter(|n| *n > geometry.nb_frag() || n % 10 != 3).map_while(FragmentNumber::new) {
        encoder.fragment(n, fragment).ok()?;
        if insert(meter, n, fragment)? == Progress::Complete {
            return Some(());
        }
    }
    None
}

fn session() -> Option<(Geometry, Encoder<'static>)> {
    let geometry = Geometry::from_session(M, SIZE as u8, 0).ok()?;
    Some((geometry, Encoder::new(geometry, ParityRule::V1, sent()).ok()?))
}

/// The triangular decoder on a driver that does nothing: its own work, and its own stack.
pub fn alone(meter: &mut Meter) -> bool {
    let mut memory = [0; words(Mode::Triangular, M, LOST)];
    let ram = size_of::<Decoder<&mut [u32]>>() + size_of_val(&memory);
    let mut complete = || -> Option<()> {
        let (geometry, encoder) = session()?;
        let mut store = Callbacks::idle();
        let mut decoder = Decoder::new(geometry, ParityRule::V1, LOST, &mut memory[..]).ok()?;
        receive(&encoder, meter, |meter, n, data| meter.measure(|| decoder.insert(n, data, &mut store)).ok())
    };
    let right = complete().is_some();
    let budget = Budget { ram: Some(1100), stack: Some(200), instructions: None, call: CALL };
    meter.report("triangular, M = 1000, 100 lost, without its store", ram, right, &budget)
}

/// The triangular decoder on a store that copies; solved a few columns per call.
pub fn copying(meter: &mut Meter) -> bool {
    const COLUMNS: u16 = 25;
    let mut memory = [0; words(Mode::Triangular, M, LOST)];
    let ram = size_of::<Decoder<&mut [u32]>>() + size_of_val(&memory);
    let mut right = || -> Option<bool> {
        let (geometry, encoder) = session()?;
        let mut store = Copying::new();
        let mut decoder = Decoder::new(geometry, ParityRule::V1, LOST, &mut memory[..]).ok()?;
        receive(&encoder, meter, |meter, n, data| {
            let mut progress = meter.measure(|| decoder.receive(n, data, &mut store)).ok()?;
            while progress == Progress::Solvable {
                progress = meter.measure(|| decoder.solve_some(COLUMNS, &mut store)).ok()?;
            }
            Some(progress)
        })?;
        Some(store.holds(sent()))
    };
    let right = right() == Some(true);
    let instructions = Some(if LARGE { 17_000_000 } else { 20_000_000 });
    let budget = Budget { ram: Some(1100), stack: None, instructions, call: CALL };
    meter.report("triangular, M = 1000, 100 lost, store copies", ram, right, &budget)
}

/// The triangular decoder on a store that adds in place; the last fragment solves for all that is lost.
pub fn in_place(meter: &mut Meter) -> bool {
    let mut memory = [0; words(Mode::Triangular, M, LOST)];
    let ram = size_of::<Decoder<&mut [u32]>>() + size_of_val(&memory);
    let mut right = || -> Option<bool> {
        let (geometry, encoder) = session()?;
        let mut accumulator = Aligned([0; SIZE]);
        let mut store = SliceStore::new(geometry, lend!(IMAGE), lend!(PARITY), &mut accumulator.0).ok()?;
        let mut decoder = Decoder::new(geometry, ParityRule::V1, LOST, &mut memory[..]).ok()?;
        receive(&encoder, meter, |meter, n, data| {
            meter.measure(|| decoder.insert(n, data, &mut store)).ok()
        })?;
        Some(store.image().starts_with(sent()))
    };
    let right = right() == Some(true);
    let instructions = Some(if LARGE { 9_000_000 } else { 17_000_000 });
    let budget = Budget { ram: Some(1100), stack: None, instructions, call: CALL };
    meter.report("triangular, M = 1000, 100 lost, store adds in place", ram, right, &budget)
}

/// The deferred decoder with 8 KB in all, one operation at a time.
pub fn deferred(meter: &mut Meter) -> bool {
    const ACCUMULATORS: usize = 34;
    const ALL: usize = 8192;
    let mut accumulators = Aligned([0; ACCUMULATORS * SIZE]);
    let mut memory = [0; (ALL - ACCUMULATORS * SIZE - size_of::<DeferredDecoder<&mut [u32]>>()) / 4];
    let ram = size_of::<DeferredDecoder<&mut [u32]>>() + size_of_val(&memory) + ACCUMULATORS * SIZE;
    let mut reads = 0;
    let mut right = || -> Option<bool> {
        let (geometry, encoder) = session()?;
        let mut store = SliceStore::new(geometry, lend!(IMAGE), lend!(PARITY), &mut accumulators.0).ok()?;
        let mut decoder = DeferredDecoder::new(geometry, ParityRule::V1, LOST, &mut memory[..]).ok()?;
        receive(&encoder, meter, |meter, n, data| {
            store.load(data);
            meter.measure(|| decoder.begin(n)).ok()?;
            meter.measure(|| run(&mut decoder, &mut store)).ok()?;
            let mut progress = meter.measure(|| decoder.commit()).ok()?;
            while progress == Progress::Solvable {
                meter.measure(|| decoder.begin_solve(store.accumulators())).ok()?;
                while let Some(op) = meter.measure(|| decoder.next_op()) {
                    reads += u64::from(matches!(op, Op::Read(_)));
                    meter.measure(|| apply(op, &mut store)).ok()?;
                }
                progress = meter.measure(|| decoder.commit()).ok()?;
            }
            Some(progress)
        })?;
        Some(store.image().starts_with(sent()))
    };
    let right = right() == Some(true);
    let budget = Budget { ram: Some(ALL), stack: None, instructions: None, call: CALL };
    meter.report("deferred, M = 1000, 100 lost, single operations", ram, right, &budget)
        & within("fragment reads", reads, Some(3500))
}

/// A 20 KB image, one fragment in ten lost, in NOR flash with its journal.
pub fn flash(meter: &mut Meter) -> bool {
    const SIZE: usize = 64;
    const M: u16 = 320;
    const LOST: u16 = 40;
    let mut memory = [0; words(Mode::Triangular, M, LOST)];
    let mut buffers = Aligned([0; 2 * SIZE]);
    let ram = size_of::<Decoder<&mut [u32]>>()
        + size_of_val(&memory)
        + 2 * SIZE
        + size_of::<FlashStore<'_, &mut Nor<'_>, 8>>();
    let mut nor = Nor { octets: lend!(NOR), reads: 0, writes: 0, erased: 0 };
    let mut right = || -> Option<bool> {
        let geometry = Geometry::from_session(M, SIZE as u8, 0).ok()?;
        let image = &sent()[..geometry.image_len()];
        let encoder = Encoder::new(geometry, ParityRule::V1, image).ok()?;
        let session = FlashSession { geometry, rule: ParityRule::V1, mode: Mode::Triangular, max_lost: LOST };
        let mut store = FlashStore::<_, 8>::create(&mut nor, 0, session, &mut buffers.0).ok()?;
        let mut decoder = Decoder::new(geometry, ParityRule::V1, LOST, &mut memory[..]).ok()?;
        receive(&encoder, meter, |meter, n, data| {
            meter.measure(|| decoder.insert(n, data, &mut store)).ok()
        })?;
        let mut rest = image;
        let mut right = true;
        for_each_piece(&mut store, geometry, |piece| {
            right &= rest.starts_with(piece);
            rest = rest.get(piece.len()..).unwrap_or_default();
        })
        .ok()?;
        Some(right && rest.is_empty())
    };
    let right = right() == Some(true);
    let budget = Budget { ram: None, stack: None, instructions: None, call: CALL };
    let right = meter.report("20 KB, one fragment in ten lost, NOR flash", ram, right, &budget);
    hprintln!("  flash: {} reads, {} writes, {} units erased", nor.reads, nor.writes, nor.erased);
    right
}
