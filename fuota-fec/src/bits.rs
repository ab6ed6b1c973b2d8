//! Bit sets in words: least significant bit first.
//!
//! What concerns the uncoded fragments is kept in words of 32 bits; what concerns the lost ones alone in words of
//! 16 bits, since rows over few columns then waste less.

use core::ops::BitXorAssign;

use bytemuck::cast_slice_mut;

/// Positions of the ones of a bit set, in ascending order.
#[derive(Debug, Clone)]
pub struct Ones<'a> {
    words: &'a [u32],
    from: u16,
}

impl<'a> Ones<'a> {
    /// Walks over all words, of which there are at most 2^11.
    #[must_use]
    pub const fn new(words: &'a [u32]) -> Self {
        Self { words, from: 0 }
    }
}

impl Iterator for Ones<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        let one = next_one(self.words, self.from)?;
        self.from = one + 1;
        Some(one)
    }
}

/// Whether the bit is set; past the end there are zeros.
pub(crate) fn get(words: &[u32], position: u16) -> bool {
    words.get(usize::from(position / 32)).is_some_and(|word| (word >> (position % 32)) & 1 != 0)
}

/// Sets the bit and says whether it was clear. Past the end nothing is set.
pub(crate) fn set(words: &mut [u32], position: u32) -> bool {
    let mask = 1 << (position % 32);
    match words.get_mut((position / 32) as usize) {
        Some(word) => {
            let fresh = *word & mask == 0;
            *word |= mask;
            fresh
        }
        None => false,
    }
}

/// A zero that the compiler does not know to be one. It then writes zeros in place, where it would call a function
/// that fills memory: the smallest devices would carry that for this alone.
pub(crate) fn zero<T: From<u8>>() -> T {
    core::hint::black_box(T::from(0))
}

/// Clears all words.
pub(crate) fn clear<T: From<u8> + Copy>(words: &mut [T]) {
    words.fill(zero());
}

/// The first one at or after `from`.
fn next_one(words: &[u32], from: u16) -> Option<u16> {
    let mut base = from & !31;
    let mut mask = u32::MAX << (from % 32);
    for word in words.get(usize::from(from / 32)..)? {
        let ones = word & mask;
        if ones != 0 {
            return Some(base + low(ones));
        }
        mask = u32::MAX;
        base += 32;
    }
    None
}

/// The first position at or after `from` where both have a one.
pub(crate) fn next_common(a: &[u32], b: &[u32], from: u16) -> Option<u16> {
    let mut base = from & !31;
    let mut mask = u32::MAX << (from % 32);
    for (a, b) in a.iter().zip(b).skip(usize::from(from / 32)) {
        let ones = a & b & mask;
        if ones != 0 {
            return Some(base + low(ones));
        }
        mask = u32::MAX;
        base += 32;
    }
    None
}

/// The position of the zero that has `before` zeros before it; 0 if there are not so many.
pub(crate) fn nth_zero(words: &[u32], mut before: u16) -> u16 {
    let mut base = 0;
    for word in words {
        let mut zeros = !word;
        while zeros != 0 {
            if before == 0 {
                return base + low(zeros);
            }
            before -= 1;
            zeros &= zeros - 1;
        }
        base += 32;
    }
    0
}

/// The lowest one of a word that is not 0. Where it takes a table, one is enough.
#[cfg_attr(not(target_has_atomic = "32"), inline(never))]
#[expect(clippy::cast_possible_truncation, reason = "a word has 32 bits")]
pub(crate) fn low(word: u32) -> u16 {
    word.trailing_zeros() as u16
}

/// The last one below `end`. The cores that count zeros with a function of their own, which are those without atomic
/// exchange, look at one bit after the other: that takes less code.
pub(crate) fn last_one(halves: &[u16], end: u16) -> Option<u16> {
    if cfg!(target_has_atomic = "32") { last_by_words(halves, end) } else { last_by_bits(halves, end) }
}

fn last_by_bits(halves: &[u16], end: u16) -> Option<u16> {
    (0..end).rev().find(|position| has(halves, *position))
}

fn last_by_words(halves: &[u16], end: u16) -> Option<u16> {
    let mut base = end & !15;
    let mut mask = (1 << (end % 16)) - 1;
    loop {
        let ones = halves.get(usize::from(base / 16)).map_or(0, |half| half & mask);
        if ones != 0 {
            return Some(base + high(ones));
        }
        base = base.checked_sub(16)?;
        mask = u16::MAX;
    }
}

/// The highest one of a word that is not 0.
#[expect(clippy::cast_possible_truncation, reason = "a word has 16 bits")]
fn high(word: u16) -> u16 {
    15 - word.leading_zeros() as u16
}

/// Positions of the ones of a word, in ascending order.
#[cfg(feature = "std")]
#[expect(clippy::cast_possible_truncation, reason = "a word has 64 bits")]
#[inline(always)]
pub(crate) fn ones_of(mut word: u64) -> impl Iterator<Item = u16> {
    core::iter::from_fn(move || {
        let one = (word != 0).then(|| word.trailing_zeros() as u16)?;
        word &= word - 1;
        Some(one)
    })
}

/// Positions of the zeros, in ascending order.
#[cfg(feature = "std")]
pub(crate) fn zeros(words: &[u32]) -> impl Iterator<Item = u16> {
    let words = (0..).step_by(32).zip(words);
    words.flat_map(|(base, word)| ones_of((!word).into()).map(move |bit| base + bit))
}

/// Squeezes `row` onto the positions where `known` has zeros: bit j of its [`halves`] becomes the bit at the j-th
/// zero, and all others are cleared.
pub(crate) fn squeeze(row: &mut [u32], known: &[u32]) {
    let mut column = 0;
    for (index, known) in known.iter().enumerate() {
        // No more columns than positions: what is set lies in words that have been taken.
        let word = row.get_mut(index).map_or(0, core::mem::take);
        let mut zeros = !known;
        while zeros != 0 {
            let lowest = zeros & zeros.wrapping_neg();
            zeros ^= lowest;
            if word & lowest != 0 {
                flip(halves(row), column);
            }
            column += 1;
        }
    }
}

/// The same memory in words of 16 bits.
pub(crate) fn halves(words: &mut [u32]) -> &mut [u16] {
    cast_slice_mut(words)
}

/// Whether bit `column` is set; past the end there are zeros.
pub(crate) fn has(halves: &[u16], column: u16) -> bool {
    halves.get(usize::from(column / 16)).is_some_and(|half| (half >> (column % 16)) & 1 != 0)
}

/// Flips bit `column`.
pub(crate) fn flip(halves: &mut [u16], column: u16) {
    if let Some(half) = halves.get_mut(usize::from(column / 16)) {
        *half ^= 1 << (column % 16);
    }
}

/// XORs one row into another, over the shorter of the two lengths.
pub(crate) fn add<T: Copy + BitXorAssign>(target: &mut [T], source: &[T]) {
    for (target, source) in target.iter_mut().zip(source) {
        *target ^= *source;
    }
}

/// Words that look random, the same every time.
#[cfg(test)]
pub(crate) fn noise() -> impl FnMut() -> u32 {
    let mut state = 1_u32;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state ^ state >> 15
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn a_bit_is_set_once_and_nowhere_beyond_the_end() {
        let mut words = [0, 1 << 3];
        assert!(set(&mut words, 5) && !set(&mut words, 5));
        assert!(!set(&mut words, 35) && set(&mut words, 36));
        assert!(!set(&mut words, 64));
        assert_eq!(words, [1 << 5, 0b11 << 3]);
    }

    #[test]
    fn ones_are_walked_in_order() {
        let words = [1 << 31, 0, 0b101];
        assert!(Ones::new(&words).eq([31, 64, 66]));
        assert_eq!(next_one(&words, 0), Some(31));
        assert_eq!(next_one(&words, 32), Some(64));
        assert_eq!(next_one(&words, 67), None);
        assert_eq!(next_one(&words, 960), None);
        assert!(get(&words, 66) && !get(&words, 65) && !get(&words, 200));
        assert_eq!(next_common(&words, &[u32::MAX, 0, 0b110], 32), Some(66));
        assert_eq!(next_common(&words, &[u32::MAX, 0, 0b110], 67), None);
    }

    #[test]
    fn zeros_are_counted() {
        let words = [0xffff_fff0, u32::MAX, 0xffff_ff7f];
        let zeros: [u16; 6] = core::array::from_fn(|before| nth_zero(&words, u16::try_from(before).unwrap()));
        assert_eq!(zeros, [0, 1, 2, 3, 71, 0]);
    }

    #[test]
    fn squeezing_keeps_what_stands_at_zeros() {
        let known = [0xffff_fff0, 0x0000_00ff, u32::MAX];
        let mut row = [0b0101, 0xdead_be00, 0];
        squeeze(&mut row, &known);
        let squeezed = halves(&mut row);
        assert_eq!(squeezed, [0xdbe5, 0x0dea, 0, 0, 0, 0]);
        assert!(has(squeezed, 0) && !has(squeezed, 1) && has(squeezed, 27) && !has(squeezed, 500));
    }

    /// Against looking at one bit after the other, for every number of zeros.
    #[test]
    fn squeezing_is_picking_one_by_one() {
        let mut random = noise();
        for round in 0..200 {
            let known: [u32; 5] =
                core::array::from_fn(|_| random() | if round % 2 == 0 { random() } else { 0 });
            let row: [u32; 5] = core::array::from_fn(|_| random());
            let mut squeezed = row;
            squeeze(&mut squeezed, &known);
            let zeros: Vec<u16> = (0..160).filter(|position| !get(&known, *position)).collect();
            for (column, position) in (0..).zip(&zeros) {
                assert_eq!(has(halves(&mut squeezed), column), get(&row, *position));
            }
            for column in u16::try_from(zeros.len()).unwrap()..160 {
                assert!(!has(halves(&mut squeezed), column));
            }
        }
    }

    #[test]
    fn the_last_one_is_found_below_every_end() {
        let halves = [0x8001, 0, 0x0012];
        for end in 0..48 {
            assert_eq!(last_by_words(&halves, end), last_by_bits(&halves, end), "below {end}");
        }
        assert_eq!(last_one(&halves, 4_000), Some(36));
        assert_eq!(last_one(&[], 20), None);
    }
}
