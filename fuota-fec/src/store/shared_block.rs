//! What many devices are sent: kept once for all of them.

use alloc::vec;
use alloc::vec::Vec;
use core::num::NonZeroU16;
use std::sync::OnceLock;

use super::slice::slot_of;
use crate::ParityRule;
use crate::batch::{ParityRows, encode_with};
use crate::geometry::{Geometry, MAX_FRAGMENT_NUMBER, max_parity, row_words};

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

    /// Writes the row of parity fragment `k` over `nb_frag` uncoded ones, as
    /// [`FragmentStore::lend_row`](super::FragmentStore::lend_row) does. Whether it is one of this block's.
    pub fn lend_row(&self, rule: ParityRule, nb_frag: u16, k: NonZeroU16, row: &mut [u32]) -> bool {
        let own = self.row(rule, k.get()).filter(|_| nb_frag == self.geometry.nb_frag());
        let Some((words, _)) = own.filter(|(words, _)| words.len() == row.len()) else { return false };
        row.copy_from_slice(words);
        true
    }

    /// Octets of a slot: a multiple of 32, so that adding slots leaves no odd ends.
    pub(super) const fn stride(&self) -> usize {
        self.stride
    }

    /// What the sender has in a data slot: the fragment, and zeros behind it.
    #[inline]
    pub(super) fn slot(&self, index: u16) -> Option<&[u8]> {
        slot_of(&self.slots, index, self.stride)
    }

    /// The data block without its padding.
    pub(super) fn image(&self) -> &[u8] {
        &self.image
    }

    /// What the sender has in a data slot, without the zeros.
    #[inline]
    pub(super) fn fragment(&self, index: u16) -> Option<&[u8]> {
        self.slot(index)?.get(..self.geometry.frag_size().into())
    }

    /// The row of parity fragment `k`, and the sum of what it picks.
    pub(super) fn row(&self, rule: ParityRule, k: u16) -> Option<(&[u32], &[u8])> {
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

/// Copies to where a slot begins.
pub(super) fn copy_prefix(slot: &mut [u8], octets: &[u8]) {
    if let Some(slot) = slot.get_mut(..octets.len()) {
        slot.copy_from_slice(octets);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Encoder, FragmentNumber};

    /// Rows at the ends of those that are drawn at once, and the last one of the fewest fragments.
    #[test]
    fn rows_and_their_sums_are_those_of_the_encoder() {
        for (nb_frag, rows) in [(70, [1, 63, 64, 65, 128, 16_313]), (1, [1, 64, 65, 128, 129, 16_382])] {
            let geometry = Geometry::from_session(nb_frag, 5, 2).unwrap();
            let image: Vec<u8> = (1..=u8::MAX).cycle().take(geometry.image_len()).collect();
            let block = SharedBlock::new(geometry, &image);
            for (rule, k) in
                [ParityRule::V1, ParityRule::V2].into_iter().flat_map(|rule| rows.map(|k| (rule, k)))
            {
                let number = NonZeroU16::new(k).unwrap();
                let (mut row, mut sum) = (vec![0; row_words(nb_frag)], [0; STEP]);
                rule.row(nb_frag, number, &mut row).unwrap();
                let encoder = Encoder::new(geometry, rule, &image).unwrap();
                encoder.fragment(FragmentNumber::new(nb_frag + k).unwrap(), &mut sum[..5]).unwrap();
                assert_eq!(block.row(rule, k), Some((&row[..], &sum[..])), "{rule:?} M = {nb_frag} k = {k}");
                let mut lent = vec![7; row.len()];
                assert!(block.lend_row(rule, nb_frag, number, &mut lent) && lent == row);
            }
        }
    }

    #[test]
    fn a_row_over_another_number_of_fragments_is_not_lent() {
        let block = SharedBlock::new(Geometry::from_session(70, 5, 0).unwrap(), &[]);
        let lend =
            |nb_frag, words| block.lend_row(ParityRule::V1, nb_frag, NonZeroU16::MIN, &mut vec![0; words]);
        assert_eq!([lend(70, 3), lend(71, 3), lend(70, 4), lend(70, 2)], [true, false, false, false]);
    }
}
