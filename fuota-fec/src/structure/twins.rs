//! Pairs of fragments that parity can hardly tell apart, found by drawing rows and comparing columns.

use alloc::vec;
use alloc::vec::Vec;

use super::DRAWN_ROWS;
use crate::geometry::row_words;
use crate::{Ones, ParityRule};

/// Two uncoded fragments that most parity rows take together or not at all. If a receiver loses both, only
/// the rows that differ help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Twins {
    /// 0-based place of the first.
    pub first: u16,
    /// 0-based place of the second.
    pub second: u16,
    /// Rows, of those drawn, that take exactly one of the two; between strangers half of them do.
    pub differing_rows: u16,
}

/// Pairs that at most every eighth of [`DRAWN_ROWS`] rows tells apart, the closest first.
///
/// For columns as good as random this happens to none of the pairs of the largest M: the probability is
/// below 10^-60 for each.
#[must_use]
pub fn twins(rule: ParityRule, nb_frag: u16) -> Vec<Twins> {
    let columns = columns(rule, nb_frag);
    let mut pairs = Vec::new();
    let mut order: Vec<u16> = (0..nb_frag).collect();
    // Columns that differ in few rows agree in one of their words, most likely: so only neighbours in the
    // order of some word are compared.
    for word in 0..WORDS {
        order.sort_unstable_by_key(|column| columns[usize::from(*column)][word]);
        for neighbours in
            order.chunk_by(|a, b| columns[usize::from(*a)][word] == columns[usize::from(*b)][word])
        {
            for (i, a) in neighbours.iter().enumerate() {
                for b in &neighbours[i + 1..] {
                    let differing_rows = distance(&columns[usize::from(*a)], &columns[usize::from(*b)]);
                    if differing_rows <= DRAWN_ROWS / 8 {
                        pairs.push(Twins { first: *a.min(b), second: *a.max(b), differing_rows });
                    }
                }
            }
        }
    }
    pairs.sort_unstable();
    pairs.dedup();
    pairs.sort_by_key(|pair| pair.differing_rows);
    pairs
}

const WORDS: usize = DRAWN_ROWS as usize / 16;

/// Per uncoded fragment, one bit for each row.
fn columns(rule: ParityRule, nb_frag: u16) -> Vec<[u16; WORDS]> {
    let mut columns = vec![[0; WORDS]; nb_frag.into()];
    let mut row = vec![0; row_words(nb_frag)];
    for k in 1..=DRAWN_ROWS {
        rule.fill(nb_frag, k, &mut row);
        for position in Ones::new(&row) {
            columns[usize::from(position)][usize::from((k - 1) / 16)] |= 1 << ((k - 1) % 16);
        }
    }
    columns
}

/// Rows that take exactly one of two columns.
fn distance(a: &[u16; WORDS], b: &[u16; WORDS]) -> u16 {
    a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones()).sum::<u32>().try_into().unwrap_or(DRAWN_ROWS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structure::{Weakness, weaknesses};

    #[test]
    fn multiples_of_64_have_twins_and_no_one_else() {
        for rule in [ParityRule::V1, ParityRule::V2] {
            for m in (20..=700).chain([4096, 4160, 6400, 8128]) {
                let closest = twins(rule, m).first().map(|pair| pair.differing_rows);
                if weaknesses(rule, m).any(|weakness| weakness == Weakness::Twins) {
                    assert!(twins(rule, m).len() >= 2 && closest <= Some(8), "{rule:?} M = {m}: {closest:?}");
                } else if !weaknesses(rule, m).any(|weakness| weakness == Weakness::NearTwins) {
                    assert_eq!(closest, None, "{rule:?} M = {m}");
                }
            }
        }
        assert_eq!(
            twins(ParityRule::V1, 832)[..2]
                .iter()
                .map(|p| (p.first, p.second))
                .collect::<alloc::collections::BTreeSet<_>>(),
            [(415, 446), (416, 449)].into()
        );
    }

    #[test]
    fn the_reasons_by_the_small_numbers() {
        let of = |rule, m| weaknesses(rule, m).collect::<Vec<_>>();
        assert_eq!(of(ParityRule::V1, 1), [Weakness::Few, Weakness::NoParity]);
        assert_eq!(of(ParityRule::V1, 50), [Weakness::LateCoverage]);
        assert_eq!(of(ParityRule::V1, 3), [Weakness::Few, Weakness::Copies]);
        assert_eq!(of(ParityRule::V2, 100), [Weakness::EvenWeight]);
        assert_eq!(of(ParityRule::V1, 100), []);
        assert_eq!(of(ParityRule::V1, 96), [Weakness::NearTwins]);
        assert_eq!(of(ParityRule::V1, 64), []);
        assert_eq!(of(ParityRule::V1, 320), [Weakness::LateCoverage, Weakness::Twins]);
    }
}
