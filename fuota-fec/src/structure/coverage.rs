//! From which parity row on every uncoded fragment has been taken.

use super::DRAWN_ROWS;
use crate::geometry::row_words;
use crate::{MAX_FRAGMENT_NUMBER, ParityRule};

/// Row index, counted from 1, of the first parity row that covers each fragment, and the fragment for which
/// it comes last. `None` if [`DRAWN_ROWS`] rows miss one.
#[must_use]
pub fn latest_coverage(rule: ParityRule, nb_frag: u16) -> Option<(u16, u16)> {
    let (mut covered, mut row) = ([0_u32; MOST_WORDS], [0_u32; MOST_WORDS]);
    let covered = covered.get_mut(..row_words(nb_frag))?;
    let row = row.get_mut(..row_words(nb_frag))?;
    if !nb_frag.is_multiple_of(32) {
        // There are no fragments behind the last one.
        *covered.last_mut()? = u32::MAX << (nb_frag % 32);
    }
    for k in 1..=DRAWN_ROWS {
        rule.fill(nb_frag, k, row);
        let mut last = None;
        for (start, (covered, row)) in (0..).step_by(32).zip(covered.iter_mut().zip(row.iter())) {
            last = (*row & !*covered).checked_ilog2().map(|bit| start + bit).or(last);
            *covered |= row;
        }
        if covered.iter().all(|word| *word == u32::MAX) {
            return Some((k, last?.try_into().ok()?));
        }
    }
    None
}

const MOST_WORDS: usize = row_words(MAX_FRAGMENT_NUMBER);

/// Whether some fragment is covered so late that random rows of the same weight would leave one uncovered until then
/// in less than one case of twenty: [`Weakness::LateCoverage`](super::Weakness::LateCoverage).
pub(super) fn covers_late(rule: ParityRule, nb_frag: u16) -> bool {
    let passed_over = match rule {
        // Half as many draws as there are fragments: each is missed with probability e^(-1/2).
        ParityRule::V1 => 0.6065,
        ParityRule::V2 => 0.5,
    };
    let rows = latest_coverage(rule, nb_frag).map_or(DRAWN_ROWS, |(row, _)| row);
    let uncovered = (1..rows).fold(f64::from(nb_frag), |expected, _| expected * passed_over);
    nb_frag > 3 && uncovered < 0.05
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coverage_can_come_late() {
        assert_eq!(latest_coverage(ParityRule::V1, 50), Some((16, 41)));
        assert_eq!(latest_coverage(ParityRule::V1, 1), None);
        let late = |rule| (20..=100).filter(move |m| covers_late(rule, *m));
        assert!(late(ParityRule::V1).eq([21, 42, 43, 44, 50, 60, 84, 92, 98]));
        assert!(late(ParityRule::V2).eq([20, 36, 41, 51, 80, 86]));
    }

    /// Against looking for each fragment in one row after the other.
    #[test]
    fn the_last_one_is_found_by_looking_for_each() {
        for m in (2..=130).chain([1000, 1024, 4267, MAX_FRAGMENT_NUMBER]) {
            for rule in [ParityRule::V1, ParityRule::V2] {
                let mut rows = [[0; MOST_WORDS]; 40];
                for (k, row) in (1..).zip(&mut rows) {
                    rule.fill(m, k, row);
                }
                let takes = |row: &[u32], n: u16| row[usize::from(n / 32)] >> (n % 32) & 1 != 0;
                let first = |n| (1..).zip(&rows).find(|(_, row)| takes(*row, n)).map(|(k, _)| (k, n));
                let slow: Option<(u16, u16)> = (0..m).map(first).try_fold((0, 0), |a, b| Some(a.max(b?)));
                if slow.is_some() {
                    assert_eq!(latest_coverage(rule, m), slow, "{rule:?}, M = {m}");
                } else {
                    assert!(latest_coverage(rule, m).is_none_or(|(row, _)| row > 40), "{rule:?}, M = {m}");
                }
            }
        }
    }
}
