//! A store for whoever holds one data block for many devices: what they received alike is kept once.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::convert::Infallible;
use core::num::NonZeroU16;

use super::shared_block::{SharedBlock, copy_prefix};
use super::{Entry, FragmentStore, Slot};
use crate::batch::add_lines;
use crate::geometry::row_words;
use crate::{Ones, ParityRule, bits};

/// A store of one device among many.
///
/// Whatever a device receives is compared with what the sender has. Where the octets are the same, which they are unless
/// something went wrong, nothing is copied: what is kept is which of the sender's fragments they are the sum of. Uncoded
/// fragments are themselves, and a parity fragment is the sum of those that its row picks. Adding such sums is adding sets,
/// and what is solved for is the sender's fragment if the set comes to that one alone. Octets that are not the sender's are
/// kept as they are beside the set, and added one by one. What is read back is in either case what was written.
#[derive(Debug, Clone)]
pub struct SharingStore {
    slots: Slots,
    accumulator: Sum,
    /// A copy of the slot read last; nothing before.
    buffer: Sum,
    lost: Lost,
}

/// Where the lost fragments are: the zeros of a set.
#[derive(Debug, Clone, Default)]
struct Lost {
    known: Vec<u32>,
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
    /// Which of the sender's fragments each parity slot holds the sum of: a bit for each, a row for each slot.
    parity: Vec<u32>,
    /// What else parity slots hold.
    rest: BTreeMap<u16, Vec<u8>>,
}

/// A sum: of some of the sender's fragments, and of what else there is.
#[derive(Debug, Clone)]
struct Sum {
    /// A bit for each of the sender's fragments.
    fragments: Vec<u32>,
    /// What else is in it, if anything is.
    octets: Vec<u8>,
    has_octets: bool,
}

impl SharingStore {
    /// An empty store with one accumulator.
    #[must_use]
    pub fn new(block: &Arc<SharedBlock>) -> Self {
        let words = row_words(block.geometry().nb_frag());
        let sum = |len| Sum { fragments: vec![0; words], octets: vec![0; len], has_octets: false };
        Self {
            slots: Slots {
                block: Arc::clone(block),
                same: vec![0; words],
                other: BTreeMap::new(),
                parity: Vec::new(),
                rest: BTreeMap::new(),
            },
            accumulator: sum(block.stride()),
            buffer: sum(0),
            lost: Lost::default(),
        }
    }

    /// Whether the data block is `image`, octet for octet and in length.
    #[must_use]
    pub fn holds(&self, image: &[u8]) -> bool {
        let Slots { block, same, .. } = &self.slots;
        let geometry = block.geometry();
        // All slots together are the sender's block, with which each was compared when it was written.
        if bits::zeros(same).next().is_none_or(|zero| zero >= geometry.nb_frag()) {
            return block.image() == image;
        }
        let size = usize::from(geometry.frag_size());
        let is_held = |(index, expected): (u16, &[u8])| {
            let held = self.slots.data(index).and_then(|slot| slot.get(..expected.len()));
            held == Some(expected)
        };
        image.len() == geometry.image_len() && (0..).zip(image.chunks(size)).all(is_held)
    }
}

impl Slots {
    /// The octets of a data slot, if it has been written.
    fn data(&self, index: u16) -> Option<&[u8]> {
        if bits::get(&self.same, index) {
            self.block.slot(index)
        } else {
            self.other.get(&index).map(Vec::as_slice)
        }
    }

    /// Which of the sender's fragments a parity slot holds the sum of.
    fn parity(&self, index: u16) -> &[u32] {
        let words = self.same.len();
        self.parity.get(usize::from(index) * words..).and_then(|rows| rows.get(..words)).unwrap_or_default()
    }

    /// Writes a data slot.
    fn put(&mut self, index: u16, octets: &[u8]) {
        if self.block.slot(index) == Some(octets) {
            bits::set(&mut self.same, index.into());
        } else {
            self.other.insert(index, octets.to_vec());
        }
    }

    /// Writes a parity slot.
    fn put_sum(&mut self, index: u16, sum: &Sum) {
        let words = self.same.len();
        let first = usize::from(index) * words;
        if self.parity.len() < first + words {
            self.parity.resize(first + words, 0);
        }
        if let Some(row) = self.parity.get_mut(first..first + words) {
            row.copy_from_slice(&sum.fragments);
        }
        if sum.has_octets {
            self.rest.insert(index, sum.octets.clone());
        }
    }
}

impl Lost {
    /// Looks anew if it was for another set.
    fn update(&mut self, known: &[u32]) {
        if self.known != known {
            self.known = known.to_vec();
            self.places.clear();
            self.places.extend(bits::zeros(known));
        }
    }

    fn place(&self, column: u16) -> u16 {
        self.places.get(usize::from(column)).copied().unwrap_or_default()
    }

    /// Squeezes a row onto the lost fragments, as [`bits::squeeze`] does: here it is known where they are.
    fn squeeze(&self, row: &mut [u32]) {
        // Sixteen are read before they are written. Places are no lower than their columns, so that those of the next
        // sixteen are still there.
        for (index, places) in self.places.chunks(16).enumerate() {
            let bit = |(column, place): (usize, &u16)| u16::from(bits::get(row, *place)) << column;
            let squeezed = places.iter().enumerate().map(bit).fold(0, |half, bit| half | bit);
            if let Some(half) = bits::halves(row).get_mut(index) {
                *half = squeezed;
            }
        }
        let beyond = bits::halves(row).get_mut(self.places.len().div_ceil(16)..);
        beyond.unwrap_or_default().fill(0);
    }
}

impl Sum {
    fn clear(&mut self) {
        self.fragments.fill(0);
        self.has_octets = false;
    }

    /// Adds a fragment of the sender's, or takes it off.
    fn flip(&mut self, place: u16) {
        if let Some(word) = self.fragments.get_mut(usize::from(place / 32)) {
            *word ^= 1 << (place % 32);
        }
    }

    /// Has octets to add to: zeros, if there are none.
    fn have_octets(&mut self) {
        if !core::mem::replace(&mut self.has_octets, true) {
            self.octets.fill(0);
        }
    }

    fn add_octets(&mut self, octets: &[u8]) {
        self.have_octets();
        add_lines(&mut self.octets, core::iter::once(octets));
    }

    /// Adds a slot. What has not been written counts as zeros.
    #[inline]
    fn add(&mut self, slot: Slot, slots: &Slots) {
        match slot {
            Slot::Data(index) if bits::get(&slots.same, index) => self.flip(index),
            Slot::Data(index) => slots.other.get(&index).into_iter().for_each(|other| self.add_octets(other)),
            Slot::Parity(index) => {
                bits::add(&mut self.fragments, slots.parity(index));
                slots.rest.get(&index).into_iter().for_each(|rest| self.add_octets(rest));
            }
        }
    }

    /// Octets that turn out to be those of a sum of the sender's fragments become that sum.
    fn recognise(&mut self, octets: &[u8], fragments: impl FnOnce(&mut Self)) {
        if self.has_octets && self.octets == octets {
            self.has_octets = false;
            fragments(self);
        }
    }

    /// The sender's fragment that it comes to, if it is one alone.
    fn only(&self) -> Option<u16> {
        let mut ones = Ones::new(&self.fragments);
        let only = ones.next().filter(|_| !self.has_octets)?;
        ones.next().is_none().then_some(only)
    }

    /// Makes octets of everything.
    fn work_out(&mut self, block: &SharedBlock) {
        self.have_octets();
        add_lines(&mut self.octets, Ones::new(&self.fragments).filter_map(|place| block.slot(place)));
        self.fragments.fill(0);
    }
}

impl FragmentStore for SharingStore {
    type Error = Infallible;

    fn load(&mut self, fragment: &[u8]) {
        self.accumulator.fragments.fill(0);
        self.accumulator.has_octets = true;
        copy_prefix(&mut self.accumulator.octets, fragment);
    }

    #[inline]
    fn keep(&mut self, fragment: &[u8], slot: Slot, entry: Entry) -> Result<(), Infallible> {
        if let Slot::Data(index) = slot
            && self.slots.block.fragment(index) == Some(fragment)
        {
            bits::set(&mut self.slots.same, index.into());
            return Ok(());
        }
        self.load(fragment);
        self.save(0, slot, entry)
    }

    fn read(&mut self, slot: Slot) -> Result<(), Infallible> {
        let Self { slots, buffer, .. } = self;
        buffer.octets.resize(slots.block.stride(), 0);
        buffer.clear();
        buffer.add(slot, slots);
        buffer.work_out(&slots.block);
        Ok(())
    }

    fn buffer(&self) -> &[u8] {
        let size = usize::from(self.slots.block.geometry().frag_size());
        self.buffer.octets.get(..size).unwrap_or_default()
    }

    fn xor(&mut self, _acc: u16) {
        self.accumulator.add_octets(&self.buffer.octets);
    }

    #[inline]
    fn xor_slot(&mut self, slot: Slot, _acc: u16) -> Result<(), Infallible> {
        self.accumulator.add(slot, &self.slots);
        Ok(())
    }

    fn take_off_known(&mut self, row: &mut [u32], known: &[u32]) -> Result<(), Infallible> {
        self.lost.update(known);
        let Self { slots, accumulator, lost, .. } = self;
        // A row of one is an uncoded fragment that comes late.
        let mut ones = Ones::new(row);
        if let (Some(place), None) = (ones.next(), ones.next())
            && let Some(fragment) = slots.block.slot(place)
        {
            accumulator.recognise(fragment, |sum| sum.flip(place));
        }
        for (((sum, row), known), same) in
            accumulator.fragments.iter_mut().zip(&*row).zip(known).zip(&slots.same)
        {
            *sum ^= row & known & same;
        }
        for (place, other) in &slots.other {
            if bits::get(row, *place) && bits::get(known, *place) {
                accumulator.add_octets(other);
            }
        }
        lost.squeeze(row);
        Ok(())
    }

    fn xor_solved(&mut self, row: &[u16], known: &[u32], column: u16) -> Result<u16, Infallible> {
        self.lost.update(known);
        let Self { slots, accumulator, lost, .. } = self;
        for (base, half) in (0..column).step_by(16).zip(row) {
            let solved = bits::ones_of((*half).into()).map(|bit| base + bit);
            for left in solved.take_while(|left| *left < column) {
                accumulator.add(Slot::Data(lost.place(left)), slots);
            }
        }
        Ok(lost.place(column))
    }

    fn lend_row(&mut self, rule: ParityRule, nb_frag: u16, k: NonZeroU16, row: &mut [u32]) -> bool {
        let Self { slots: Slots { block, .. }, accumulator, .. } = self;
        let is_own = block.lend_row(rule, nb_frag, k, row);
        // What has been loaded is, as a rule, the fragment of this row.
        if let Some((_, sum)) = block.row(rule, k.get()).filter(|_| is_own) {
            accumulator.recognise(sum, |accumulator| bits::add(&mut accumulator.fragments, row));
        }
        is_own
    }

    fn clear(&mut self, _acc: u16) {
        self.accumulator.clear();
    }

    fn save(&mut self, _acc: u16, slot: Slot, _entry: Entry) -> Result<(), Infallible> {
        let Self { slots, accumulator, .. } = self;
        match slot {
            Slot::Data(index) if accumulator.only() == Some(index) => {
                bits::set(&mut slots.same, index.into());
            }
            Slot::Data(index) => {
                accumulator.work_out(&slots.block);
                slots.put(index, &accumulator.octets);
            }
            Slot::Parity(index) => slots.put_sum(index, accumulator),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
