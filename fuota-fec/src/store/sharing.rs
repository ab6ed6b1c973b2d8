//! A store for whoever holds one data block for many devices: what they received alike is kept once.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::convert::Infallible;
use core::num::NonZeroU16;

use super::shared_block::{SharedBlock, copy_prefix};
use super::slice::slot_of;
use super::{Entry, FragmentStore, Slot};
use crate::batch::add_lines;
use crate::geometry::row_words;
use crate::{ParityRule, bits};

/// A set of lines, a bit each.
type Set = [u64; 4];
/// Lines that a set can name.
const NAMED: usize = 256;

/// A store of one device among many.
///
/// Whatever is written to a slot of the data block is compared with what the sender has there. Where the octets are
/// the same, which they are unless something went wrong, the sender's stand for them, and nothing is copied. Where
/// they differ they are kept as they are. What is read back is in either case what was written.
///
/// The sum of what a row picks of the known fragments is worked out in the shorter of two ways: one by one, or, if all
/// of them are the sender's octets, as the sum of all that the row picks less those that are not known.
///
/// Parity is kept as it is after that, a *line* for each row that counts. What the decoder adds from then on is noted
/// as a set of lines, and octets are added once it is known which: for a fragment that is solved for, or a slot that is
/// read. A set names the first 256 lines; parity that comes after them is worked out as it is written.
#[derive(Debug, Clone)]
pub struct SharingStore {
    slots: Slots,
    accumulator: Sum,
    /// A copy of the slot read last; nothing before.
    buffer: Sum,
    /// The parity row that was drawn last.
    row: (ParityRule, u16),
    /// Places that are about to be added; kept for its memory.
    places: Vec<u16>,
    lost: Lost,
}

/// Where the lost fragments are: the zeros of a set, counted.
#[derive(Debug, Clone, Default)]
struct Lost {
    known: Vec<u32>,
    places: Vec<u16>,
    /// Of each place, how many zeros are before it.
    columns: Vec<u16>,
}

/// What has been written.
#[derive(Debug, Clone)]
struct Slots {
    block: Arc<SharedBlock>,
    /// A one for each data slot that holds what the sender has there.
    same: Vec<u32>,
    /// What other data slots hold.
    other: BTreeMap<u16, Vec<u8>>,
    parity: Vec<Parity>,
    /// The length of a slot each.
    lines: Vec<u8>,
}

/// What a parity slot holds.
#[derive(Debug, Clone, Copy)]
enum Parity {
    Nothing,
    /// The sum of these lines.
    Sum(Set),
    /// One that no set can name.
    Line(u16),
}

/// A sum of octets and of what has yet to be added to them.
#[derive(Debug, Clone)]
struct Sum {
    octets: Vec<u8>,
    lines: Set,
    data: Vec<u16>,
}

impl SharingStore {
    /// An empty store with one accumulator.
    #[must_use]
    pub fn new(block: &Arc<SharedBlock>) -> Self {
        let slots = Slots {
            block: Arc::clone(block),
            same: vec![0; row_words(block.geometry().nb_frag())],
            other: BTreeMap::new(),
            parity: Vec::new(),
            lines: Vec::new(),
        };
        let sum = |len| Sum { octets: vec![0; len], lines: [0; 4], data: Vec::new() };
        Self {
            slots,
            accumulator: sum(block.stride()),
            buffer: sum(0),
            row: (ParityRule::V1, 0),
            places: Vec::new(),
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

    /// What a parity slot holds.
    fn parity(&self, index: u16) -> Parity {
        self.parity.get(usize::from(index)).copied().unwrap_or(Parity::Nothing)
    }

    fn line(&self, index: u16) -> Option<&[u8]> {
        slot_of(&self.lines, index, self.block.stride())
    }

    /// Lines written so far.
    fn line_count(&self) -> usize {
        self.lines.len() / self.block.stride()
    }

    /// What row `k` picks of the known fragments is to be added: a sum that comes to the same with all that is not known,
    /// if the way over the whole row is shorter and known to be right.
    fn whole(&self, (rule, k): (ParityRule, u16), row: &[u32], known: &[u32]) -> Option<&[u8]> {
        let (mut picked, mut lacking, mut differs) = (0, 1, 0);
        for ((row, known), same) in row.iter().zip(known).zip(&self.same) {
            picked += (row & known).count_ones();
            lacking += (row & !known).count_ones();
            differs |= row & known & !same;
        }
        let whole = (picked > lacking && differs == 0).then(|| self.block.row(rule, k)).flatten();
        whole.and_then(|(drawn, sum)| (drawn == row).then_some(sum))
    }

    /// Octets that a data slot is to hold.
    fn put(&mut self, index: u16, octets: &[u8]) {
        if self.block.slot(index) == Some(octets) {
            bits::set(&mut self.same, index.into());
        } else {
            self.other.insert(index, octets.to_vec());
        }
    }
}

impl Lost {
    /// Counts anew if it was for another set.
    fn update(&mut self, known: &[u32]) {
        if self.known == known {
            return;
        }
        let Self { known: counted, places, columns } = self;
        *counted = known.to_vec();
        places.clear();
        columns.clear();
        places.extend(bits::zeros(known));
        let mut column = 0;
        for place in (0..).take(32 * known.len()) {
            columns.push(column);
            column += u16::from(!bits::get(known, place));
        }
    }

    fn place(&self, column: u16) -> u16 {
        self.places.get(usize::from(column)).copied().unwrap_or_default()
    }

    fn column(&self, place: u16) -> u16 {
        self.columns.get(usize::from(place)).copied().unwrap_or_default()
    }
}

/// Lists where both sets have a one.
fn list_common(places: &mut Vec<u16>, row: &[u32], other: impl Iterator<Item = u32>) {
    places.clear();
    for (base, (row, other)) in (0..).step_by(32).zip(row.iter().zip(other)) {
        places.extend(bits::ones_of((row & other).into()).map(|bit| base + bit));
    }
}

impl Sum {
    fn clear(&mut self) {
        self.octets.fill(0);
        self.lines = [0; 4];
        self.data.clear();
    }

    /// Notes a slot that has to be added. What has not been written counts as zeros.
    #[inline]
    fn note(&mut self, slot: Slot, slots: &Slots) {
        match slot {
            Slot::Data(index) => self.data.push(index),
            Slot::Parity(index) => match slots.parity(index) {
                Parity::Sum(lines) => bits::add(&mut self.lines, &lines),
                Parity::Line(index) => add_lines(&mut self.octets, slots.line(index).into_iter()),
                Parity::Nothing => {}
            },
        }
    }

    /// Adds what has been noted to the octets.
    fn work_out(&mut self, slots: &Slots) -> &[u8] {
        let Self { octets, lines, data } = self;
        let mut places = [0; NAMED];
        let mut count = 0;
        for (base, word) in (0..).step_by(64).zip(lines) {
            for bit in bits::ones_of(core::mem::take(word)) {
                if let Some(place) = places.get_mut(count) {
                    *place = base + bit;
                }
                count += 1;
            }
        }
        let lines = places.get(..count).unwrap_or_default().iter().filter_map(|index| slots.line(*index));
        add_lines(octets, lines);
        add_lines(octets, data.iter().filter_map(|index| slots.data(*index)));
        data.clear();
        octets
    }
}

impl FragmentStore for SharingStore {
    type Error = Infallible;

    fn load(&mut self, fragment: &[u8]) {
        self.accumulator.lines = [0; 4];
        self.accumulator.data.clear();
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
        buffer.clear();
        buffer.octets.resize(slots.block.stride(), 0);
        buffer.note(slot, slots);
        buffer.work_out(slots);
        Ok(())
    }

    fn buffer(&self) -> &[u8] {
        let size = usize::from(self.slots.block.geometry().frag_size());
        self.buffer.octets.get(..size).unwrap_or_default()
    }

    fn xor(&mut self, _acc: u16) {
        add_lines(&mut self.accumulator.octets, core::iter::once(self.buffer.octets.as_slice()));
    }

    #[inline]
    fn xor_slot(&mut self, slot: Slot, _acc: u16) -> Result<(), Infallible> {
        self.accumulator.note(slot, &self.slots);
        Ok(())
    }

    fn take_off_known(&mut self, row: &mut [u32], known: &[u32]) -> Result<(), Infallible> {
        self.lost.update(known);
        let Self { slots, accumulator: Sum { octets, .. }, row: drawn, places, lost, .. } = self;
        let sum = slots.whole(*drawn, row, known);
        if sum.is_none() {
            list_common(places, row, known.iter().copied());
            add_lines(octets, places.iter().filter_map(|place| slots.data(*place)));
        }
        list_common(places, row, known.iter().map(|known| !known));
        if let Some(sum) = sum {
            // What is added is unknown, and what the sender has there is a part of the sum.
            let parts = places.iter().filter_map(|place| slots.block.slot(*place));
            add_lines(octets, core::iter::once(sum).chain(parts));
        }
        row.fill(0);
        for place in places {
            bits::flip(bits::halves(row), lost.column(*place));
        }
        Ok(())
    }

    fn xor_solved(&mut self, row: &[u16], known: &[u32], column: u16) -> Result<u16, Infallible> {
        self.lost.update(known);
        let Self { accumulator, lost, .. } = self;
        for (base, half) in (0..column).step_by(16).zip(row) {
            let solved =
                bits::ones_of((*half).into()).map(|bit| base + bit).take_while(|left| *left < column);
            accumulator.data.extend(solved.map(|left| lost.place(left)));
        }
        Ok(lost.place(column))
    }

    fn lend_row(&mut self, rule: ParityRule, nb_frag: u16, k: NonZeroU16, row: &mut [u32]) -> bool {
        self.row = (rule, k.get());
        self.slots.block.lend_row(rule, nb_frag, k, row)
    }

    fn clear(&mut self, _acc: u16) {
        self.accumulator.clear();
    }

    fn save(&mut self, _acc: u16, slot: Slot, _entry: Entry) -> Result<(), Infallible> {
        let Self { slots, accumulator, .. } = self;
        match slot {
            Slot::Data(index) => {
                accumulator.work_out(slots);
                slots.put(index, &accumulator.octets);
            }
            Slot::Parity(index) => {
                let line = slots.line_count();
                let mut lines = accumulator.lines;
                let content = match lines.get_mut(line / 64) {
                    Some(word) if accumulator.data.is_empty() => {
                        *word |= 1 << (line % 64);
                        Parity::Sum(lines)
                    }
                    _ => {
                        accumulator.work_out(slots);
                        Parity::Line(u16::try_from(line).unwrap_or(u16::MAX))
                    }
                };
                slots.lines.extend_from_slice(&accumulator.octets);
                let index = usize::from(index);
                if slots.parity.len() <= index {
                    slots.parity.resize(index + 1, Parity::Nothing);
                }
                if let Some(parity) = slots.parity.get_mut(index) {
                    *parity = content;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
