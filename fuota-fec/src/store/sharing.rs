//! A store for whoever holds one data block for many devices: what they received alike is kept once.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::convert::Infallible;
use core::num::NonZeroU16;
use std::sync::OnceLock;

use super::slice::slot_of;
use super::{Entry, FragmentStore, Slot};
use crate::batch::{ParityRows, encode_with, xor_all};
use crate::geometry::{Geometry, MAX_FRAGMENT_NUMBER, max_parity, row_words};
use crate::{ParityRule, bits};

/// Octets of a slot are a multiple of this, so that adding slots leaves no odd ends.
const STEP: usize = 32;
/// Parity rows that are drawn at once.
const AT_ONCE: u16 = 64;

/// A data block as its sender has it, and the parity rows over it: drawn once, whoever asks.
#[derive(Debug)]
pub struct SharedBlock {
    geometry: Geometry,
    /// The data block without its padding.
    image: Vec<u8>,
    /// Octets of a slot.
    stride: usize,
    /// The uncoded fragments, a slot each.
    slots: Vec<u8>,
    /// Of each rule, the rows so far asked for.
    drawn: [Vec<OnceLock<Rows>>; 2],
}

/// Rows that follow each other.
#[derive(Debug)]
struct Rows {
    /// A bit per uncoded fragment.
    words: Vec<u32>,
    /// A slot each: the sums that they stand for.
    sums: Vec<u8>,
}

impl SharedBlock {
    /// The block of this shape that `image` is: cut off where it is longer, filled up with zeros where it is shorter.
    #[must_use]
    pub fn new(geometry: Geometry, image: &[u8]) -> Self {
        let mut image = image.to_vec();
        image.resize(geometry.image_len(), 0);
        let size = usize::from(geometry.frag_size());
        let stride = size.next_multiple_of(STEP);
        let mut slots = vec![0; usize::from(geometry.nb_frag()) * stride];
        for (slot, fragment) in slots.chunks_exact_mut(stride).zip(image.chunks(size)) {
            copy_prefix(slot, fragment);
        }
        let chunks = usize::from(max_parity(geometry.nb_frag()).div_ceil(AT_ONCE));
        let drawn = [(); 2].map(|()| (0..chunks).map(|_| OnceLock::new()).collect());
        Self { geometry, image, stride, slots, drawn }
    }

    /// The shape of the block.
    #[must_use]
    pub const fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Writes the row of parity fragment `k` over `nb_frag` uncoded ones, as [`FragmentStore::lend_row`] does. Whether
    /// it is one of this block's.
    pub fn lend_row(&self, rule: ParityRule, nb_frag: u16, k: NonZeroU16, row: &mut [u32]) -> bool {
        let own = self.row(rule, k.get()).filter(|_| nb_frag == self.geometry.nb_frag());
        let Some((words, _)) = own.filter(|(words, _)| words.len() == row.len()) else { return false };
        row.copy_from_slice(words);
        true
    }

    /// What the sender has in a data slot.
    fn slot(&self, index: u16) -> Option<&[u8]> {
        slot_of(&self.slots, index, self.stride)
    }

    /// The row of parity fragment `k`, and the sum of what it picks.
    fn row(&self, rule: ParityRule, k: u16) -> Option<(&[u32], &[u8])> {
        let [v1, v2] = &self.drawn;
        let chunks = match rule {
            ParityRule::V1 => v1,
            ParityRule::V2 => v2,
        };
        let (chunk, place) = (k.checked_sub(1)? / AT_ONCE, (k - 1) % AT_ONCE);
        let rows = chunks.get(usize::from(chunk))?.get_or_init(|| self.draw(rule, 1 + chunk * AT_ONCE));
        let length = row_words(self.geometry.nb_frag());
        let words = rows.words.get(usize::from(place) * length..)?.get(..length)?;
        Some((words, slot_of(&rows.sums, place, self.stride)?))
    }

    /// Draws the rows from `first` on.
    fn draw(&self, rule: ParityRule, first: u16) -> Rows {
        let nb_frag = self.geometry.nb_frag();
        let end = first.saturating_add(AT_ONCE).min(MAX_FRAGMENT_NUMBER + 1);
        let rows = ParityRows::new(nb_frag, rule, first..end);
        #[expect(clippy::cast_possible_truncation, reason = "a word is cut in two")]
        let halves = |word: &u64| [*word as u32, (*word >> 32) as u32];
        let words =
            |row: &'_ [u64]| -> Vec<u32> { row.iter().flat_map(halves).take(row_words(nb_frag)).collect() };
        let mut sums = vec![0; rows.len() * self.stride];
        // The image has the geometry's length, and the rows are of its M.
        if let Ok(parity) = encode_with(&rows, self.geometry, &self.image) {
            let parity = parity.chunks_exact(usize::from(self.geometry.frag_size()));
            for (sum, parity) in sums.chunks_exact_mut(self.stride).zip(parity) {
                copy_prefix(sum, parity);
            }
        }
        Rows { words: rows.iter().flat_map(words).collect(), sums }
    }
}

/// A store of one device among many.
///
/// Whatever is written to a slot of the data block is compared with what the sender has there. Where the octets are
/// the same, which they are unless something went wrong, the sender's stand for them, and nothing is copied. Where
/// they differ they are kept as they are. What is read back is in either case what was written.
///
/// The sum of what a row picks of the known fragments is worked out in the shorter of two ways: one by one, or, if all
/// of them are the sender's octets, as the sum of all that the row picks less those that are not known.
#[derive(Debug, Clone)]
pub struct SharingStore {
    slots: Slots,
    accumulator: Vec<u8>,
    source: Option<Slot>,
    /// The parity row that was drawn last.
    row: (ParityRule, u16),
    /// Places that are about to be added; kept for its memory.
    places: Vec<u16>,
}

/// What has been written.
#[derive(Debug, Clone)]
struct Slots {
    block: Arc<SharedBlock>,
    /// A one for each data slot that holds what the sender has there.
    same: Vec<u32>,
    /// What other data slots hold.
    other: BTreeMap<u16, Vec<u8>>,
    parity: Vec<u8>,
}

impl SharingStore {
    /// An empty store with one accumulator.
    #[must_use]
    pub fn new(block: &Arc<SharedBlock>) -> Self {
        let slots = Slots {
            block: Arc::clone(block),
            same: vec![0; row_words(block.geometry.nb_frag())],
            other: BTreeMap::new(),
            parity: Vec::new(),
        };
        let accumulator = vec![0; block.stride];
        Self { slots, accumulator, source: None, row: (ParityRule::V1, 0), places: Vec::new() }
    }

    /// Whether the data block is `image`, octet for octet and in length.
    #[must_use]
    pub fn holds(&self, image: &[u8]) -> bool {
        let geometry = self.slots.block.geometry;
        let size = usize::from(geometry.frag_size());
        let is_held = |(index, expected): (u16, &[u8])| {
            let held = self.slots.get(Slot::Data(index)).and_then(|slot| slot.get(..expected.len()));
            held == Some(expected)
        };
        image.len() == geometry.image_len() && (0..).zip(image.chunks(size)).all(is_held)
    }

    /// What a row picks of the known fragments is to be added: chooses the places that are to be, and a sum if the way
    /// over the whole row is shorter and known to be right.
    fn choose(&mut self, row: &[u32], known: &[u32]) -> Option<&[u8]> {
        let Self { slots: Slots { block, same, .. }, row: (rule, k), places, .. } = self;
        let (mut picked, mut lacking, mut differs) = (0, 1, 0);
        for ((row, known), same) in row.iter().zip(known).zip(same.iter()) {
            picked += (row & known).count_ones();
            lacking += (row & !known).count_ones();
            differs |= row & known & !same;
        }
        let whole = (picked > lacking && differs == 0).then(|| block.row(*rule, *k)).flatten();
        let sum = whole.and_then(|(drawn, sum)| (drawn == row).then_some(sum));
        places.clear();
        let mut base = 0;
        for (row, known) in row.iter().zip(known) {
            let mut ones = row & if sum.is_some() { !known } else { *known };
            while ones != 0 {
                places.push(base + bits::low(ones));
                ones &= ones - 1;
            }
            base += 32;
        }
        sum
    }
}

impl Slots {
    /// The octets of a slot, if it has been written.
    fn get(&self, slot: Slot) -> Option<&[u8]> {
        match slot {
            Slot::Data(index) if bits::get(&self.same, index) => self.block.slot(index),
            Slot::Data(index) => self.other.get(&index).map(Vec::as_slice),
            Slot::Parity(index) => slot_of(&self.parity, index, self.block.stride),
        }
    }
}

impl FragmentStore for SharingStore {
    type Error = Infallible;

    fn load(&mut self, fragment: &[u8]) {
        copy_prefix(&mut self.accumulator, fragment);
    }

    fn read(&mut self, slot: Slot) -> Result<(), Infallible> {
        self.source = Some(slot);
        Ok(())
    }

    fn buffer(&self) -> &[u8] {
        let size = usize::from(self.slots.block.geometry.frag_size());
        self.source.and_then(|slot| self.slots.get(slot)?.get(..size)).unwrap_or_default()
    }

    fn xor(&mut self, _acc: u16) {
        let source = self.source.and_then(|slot| self.slots.get(slot));
        xor_all(&mut self.accumulator, source.into_iter());
    }

    fn xor_slot(&mut self, slot: Slot, _acc: u16) -> Result<(), Infallible> {
        xor_all(&mut self.accumulator, self.slots.get(slot).into_iter());
        Ok(())
    }

    fn xor_common(&mut self, row: &[u32], known: &[u32]) -> Result<(), Infallible> {
        let mut accumulator = core::mem::take(&mut self.accumulator);
        if let Some(sum) = self.choose(row, known) {
            xor_all(&mut accumulator, core::iter::once(sum));
            // They are unknown, and what the sender has there is a part of the sum.
            let block = &self.slots.block;
            xor_all(&mut accumulator, self.places.iter().filter_map(|place| block.slot(*place)));
        } else {
            let slots = &self.slots;
            xor_all(&mut accumulator, self.places.iter().filter_map(|place| slots.get(Slot::Data(*place))));
        }
        self.accumulator = accumulator;
        Ok(())
    }

    fn lend_row(&mut self, rule: ParityRule, nb_frag: u16, k: NonZeroU16, row: &mut [u32]) -> bool {
        self.row = (rule, k.get());
        self.slots.block.lend_row(rule, nb_frag, k, row)
    }

    fn clear(&mut self, _acc: u16) {
        self.accumulator.fill(0);
    }

    fn save(&mut self, _acc: u16, slot: Slot, _entry: Entry) -> Result<(), Infallible> {
        let Slots { block, same, other, parity } = &mut self.slots;
        match slot {
            Slot::Data(index) if block.slot(index) == Some(&self.accumulator) => {
                bits::set(same, index.into());
            }
            Slot::Data(index) => {
                other.insert(index, self.accumulator.clone());
            }
            Slot::Parity(index) => {
                let start = usize::from(index) * block.stride;
                if parity.len() < start + block.stride {
                    parity.resize(start + block.stride, 0);
                }
                if let Some(slot) = parity.get_mut(start..) {
                    copy_prefix(slot, &self.accumulator);
                }
            }
        }
        Ok(())
    }
}

/// Copies to where a slot begins.
fn copy_prefix(slot: &mut [u8], octets: &[u8]) {
    if let Some(slot) = slot.get_mut(..octets.len()) {
        slot.copy_from_slice(octets);
    }
}
