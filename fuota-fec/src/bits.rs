//! Bit sets in 32-bit words: least significant bit first.

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

/// Walks over the zeros of a bit set; past its end there are none.
#[derive(Debug)]
pub(crate) struct Zeros<'a> {
    words: core::slice::Iter<'a, u32>,
    zeros: u32,
    base: u16,
}

impl<'a> Zeros<'a> {
    /// From behind `position` on.
    pub(crate) fn after(words: &'a [u32], position: u16) -> Self {
        let mut words = words.get(usize::from(position / 32)..).unwrap_or_default().iter();
        let zeros = !words.next().copied().unwrap_or(0) & (u32::MAX - 1) << (position % 32);
        Self { words, zeros, base: position & !31 }
    }

    /// The next one. The caller knows how many there are.
    pub(crate) fn next(&mut self) -> u16 {
        while self.zeros == 0 {
            let Some(word) = self.words.next() else { break };
            self.zeros = !word;
            self.base += 32;
        }
        let position = self.base + low(self.zeros);
        self.zeros &= self.zeros.wrapping_sub(1);
        position
    }
}

/// Whether the bit is set; past the end there are zeros.
pub(crate) fn get(words: &[u32], position: u32) -> bool {
    words.get((position / 32) as usize).is_some_and(|word| (word >> (position % 32)) & 1 != 0)
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

/// Clears the bit.
pub(crate) fn clear(words: &mut [u32], position: u16) {
    if let Some(word) = words.get_mut(usize::from(position / 32)) {
        *word &= !(1 << (position % 32));
    }
}

/// Sets or clears the bit.
pub(crate) fn assign(words: &mut [u32], position: u16, one: bool) {
    clear(words, position);
    if one {
        set(words, position.into());
    }
}

/// The `index`-th half of the words, taken as numbers of 16 bits.
#[expect(clippy::cast_possible_truncation, reason = "the other half is meant to go")]
pub(crate) fn half(words: &[u32], index: u16) -> u16 {
    words.get(usize::from(index / 2)).map_or(0, |word| (word >> (index % 2 * 16)) as u16)
}

/// Replaces the `index`-th half of the words.
pub(crate) fn set_half(words: &mut [u32], index: u16, value: u16) {
    let shift = index % 2 * 16;
    if let Some(word) = words.get_mut(usize::from(index / 2)) {
        *word = *word & !(0xffff << shift) | u32::from(value) << shift;
    }
}

/// The first one at or after `from`.
pub(crate) fn next_one(words: &[u32], from: u16) -> Option<u16> {
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
    let mut word = usize::from(from / 32);
    let mut mask = u32::MAX << (from % 32);
    let mut base = from & !31;
    while let (Some(a), Some(b)) = (a.get(word), b.get(word)) {
        let ones = a & b & mask;
        if ones != 0 {
            return Some(base + low(ones));
        }
        mask = u32::MAX;
        base += 32;
        word += 1;
    }
    None
}

/// The first zero at or after `from`; past the end there are zeros.
pub(crate) fn next_zero(words: &[u32], from: u16) -> u16 {
    let mut position = from;
    while get(words, position.into()) {
        position += 1;
    }
    position
}

/// The last zero before `end`, or 0 if there is none.
pub(crate) fn last_zero_before(words: &[u32], end: u16) -> u16 {
    let mut position = end.saturating_sub(1);
    while position > 0 && get(words, position.into()) {
        position -= 1;
    }
    position
}

/// The number of zeros before `end`.
pub(crate) fn zeros_before(words: &[u32], end: u16) -> u16 {
    let mut zeros = 0;
    for (index, word) in words.iter().enumerate() {
        zeros += count(!word & below(end, index));
    }
    zeros
}

/// The position of the zero that has `before` zeros before it; past the end there are zeros.
pub(crate) fn nth_zero(words: &[u32], before: u16) -> u16 {
    let mut position = next_zero(words, 0);
    for _ in 0..before {
        position = next_zero(words, position + 1);
    }
    position
}

/// Squeezes `row` onto the positions where `known` has zeros: bit j becomes the bit at the j-th zero before
/// `end`, and all others are cleared.
pub(crate) fn squeeze(row: &mut [u32], known: &[u32], end: u16) {
    let (mut filled, mut out, mut target) = (0, 0, 0);
    for index in 0..known.len().min(row.len()) {
        let mut zeros = !known[index] & below(end, index);
        let bits = row[index];
        row[index] = 0;
        while zeros != 0 {
            let bit = zeros.trailing_zeros();
            zeros &= zeros - 1;
            out |= ((bits >> bit) & 1) << filled;
            filled += 1;
            if filled == 32 {
                row[target] = out;
                target += 1;
                (filled, out) = (0, 0);
            }
        }
    }
    if filled != 0 {
        row[target] = out;
    }
}

/// A mask of the bits of word `index` whose positions are below `end`.
fn below(end: u16, index: usize) -> u32 {
    match usize::from(end).saturating_sub(index * 32) {
        0 => 0,
        left @ 1..32 => (1 << left) - 1,
        _ => u32::MAX,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a word has 32 bits")]
fn count(word: u32) -> u16 {
    word.count_ones() as u16
}

/// The lowest one of a word that is not 0.
#[expect(clippy::cast_possible_truncation, reason = "a word has 32 bits")]
pub(crate) fn low(word: u32) -> u16 {
    word.trailing_zeros() as u16
}

/// 32 bits from any position on; past the end there are zeros.
pub(crate) fn peek(words: &[u32], position: u32) -> u32 {
    let word = (position / 32) as usize;
    let shift = position % 32;
    let low = words.get(word).map_or(0, |w| w >> shift);
    if shift == 0 {
        return low;
    }
    low | words.get(word + 1).map_or(0, |w| w << (32 - shift))
}

/// XORs `value` into 32 bits from any position on. What would lie past the end is dropped.
pub(crate) fn xor_at(words: &mut [u32], position: u32, value: u32) {
    let word = (position / 32) as usize;
    let shift = position % 32;
    if let Some(w) = words.get_mut(word) {
        *w ^= value << shift;
    }
    if shift != 0
        && let Some(w) = words.get_mut(word + 1)
    {
        *w ^= value >> (32 - shift);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ones_are_walked_in_order() {
        let words = [1 << 31, 0, 0b101];
        assert!(Ones::new(&words).eq([31, 64, 66]));
        assert_eq!(next_one(&words, 0), Some(31));
        assert_eq!(next_one(&words, 32), Some(64));
        assert_eq!(next_one(&words, 67), None);
        assert_eq!(next_one(&words, 960), None);
        assert_eq!((next_zero(&words, 31), next_zero(&words, 200)), (32, 200));
        assert_eq!((last_zero_before(&words, 65), last_zero_before(&[1], 1)), (63, 0));
        assert!(get(&words, 66) && !get(&words, 65) && !get(&words, 200));
    }

    #[test]
    fn squeezing_keeps_what_stands_at_zeros() {
        let known = [0xffff_fff0, 0x0000_00ff, u32::MAX];
        let mut row = [0b0101, 0xdead_be00, 0];
        squeeze(&mut row, &known, 64);
        assert_eq!(row, [0x0dea_dbe5, 0, 0]);
        let mut row = [0b1111, 0xffff_ffff, 7];
        squeeze(&mut row, &known, 41);
        assert_eq!(row, [0b1_1111, 0, 0]);
    }

    #[test]
    fn unaligned_words_come_back() {
        for position in 0..64 {
            let mut words = [0; 3];
            xor_at(&mut words, position, 0x8765_4321);
            assert_eq!(peek(&words, position), 0x8765_4321, "at {position}");
        }
    }
}
