//! The rows of many parity fragments at once.

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use super::draw::Draw;
use super::simd::Registers;
use crate::{Geometry, ParityRule};

/// Rows of parity fragments that follow each other, ready to encode with.
///
/// They depend on M, the rule and the range alone: one set serves every data block of the same M, and drawing
/// rows is most of the work of encoding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParityRows {
    nb_frag: u16,
    rule: ParityRule,
    /// Index of the first row, counted from 1.
    first: u16,
    stride: usize,
    words: Vec<u64>,
}

impl ParityRows {
    /// Draws rows k of the range, counted from 1; an empty one starts anywhere. Rows beyond 16383 are not
    /// drawn.
    #[must_use]
    pub fn new(nb_frag: u16, rule: ParityRule, rows: Range<u16>) -> Self {
        Self::new_with(Registers::Widest, nb_frag, rule, rows)
    }

    /// [`new`](Self::new) with registers of choice.
    #[must_use]
    pub fn new_with(registers: Registers, nb_frag: u16, rule: ParityRule, rows: Range<u16>) -> Self {
        let first = rows.start.max(1);
        let indices: Vec<u16> = (first..rows.end.min(1 << 14)).collect();
        Self::of(registers, nb_frag, rule, first, &indices)
    }

    /// The rows of the first `parity` parity fragments.
    #[must_use]
    pub fn first(geometry: Geometry, rule: ParityRule, parity: u16) -> Self {
        Self::new(geometry.nb_frag(), rule, 1..parity.saturating_add(1))
    }

    /// Rows of any indices, one after the other.
    pub(super) fn of(
        registers: Registers,
        nb_frag: u16,
        rule: ParityRule,
        first: u16,
        indices: &[u16],
    ) -> Self {
        let stride = usize::from(nb_frag).div_ceil(64);
        let mut words = vec![0; indices.len() * stride];
        registers.run(Draw { nb_frag, rule, indices, stride, words: &mut words });
        Self { nb_frag, rule, first, stride, words }
    }

    /// The number of uncoded fragments.
    #[must_use]
    pub const fn nb_frag(&self) -> u16 {
        self.nb_frag
    }

    /// The rule that they are drawn by.
    #[must_use]
    pub const fn rule(&self) -> ParityRule {
        self.rule
    }

    /// Index of the first row, counted from 1.
    #[must_use]
    pub const fn first_index(&self) -> u16 {
        self.first
    }

    /// The number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.words.len() / self.stride
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Words per row.
    pub(super) const fn stride(&self) -> usize {
        self.stride
    }

    /// All rows, 64 positions to a word.
    pub(super) fn words(&self) -> &[u64] {
        &self.words
    }

    /// The rows one by one: bit i of word i / 64 stands for the uncoded fragment at 0-based place i.
    pub fn iter(&self) -> impl Iterator<Item = &[u64]> {
        self.words.chunks_exact(self.stride)
    }
}

#[cfg(test)]
mod tests {
    use core::num::NonZeroU16;

    use super::*;
    use crate::row_words;

    fn compare(m: u16, rows: Range<u16>) {
        for rule in [ParityRule::V1, ParityRule::V2] {
            let fast = ParityRows::new(m, rule, rows.clone());
            assert_eq!(fast, ParityRows::new_with(Registers::Common, m, rule, rows.clone()));
            assert_eq!(fast.len(), rows.len());
            for (k, fast) in rows.clone().zip(fast.iter()) {
                let mut slow = vec![0; row_words(m)];
                rule.row(m, NonZeroU16::new(k).unwrap(), &mut slow).unwrap();
                let fast = fast.iter().flat_map(|word| [*word as u32, (*word >> 32) as u32]);
                assert!(fast.take(slow.len()).eq(slow), "{rule:?} M = {m} k = {k}");
            }
        }
    }

    #[test]
    fn small_m() {
        for m in 1..=300 {
            compare(m, 1..60);
            compare(m, 8375..8400);
        }
    }

    #[test]
    fn large_m() {
        for m in [1000, 1024, 4095, 4096, 4267, 8191, 8192, 8193, 16382, 16383] {
            compare(m, 1..40);
            compare(m, 8370..8420);
            compare(m, 16370..16384);
        }
    }
}
