//! The FragSize that costs the least airtime without a trap.

use super::{DRAWN_ROWS, Weakness, latest_coverage};
use crate::{FecError, Geometry, MAX_FRAGMENT_NUMBER, ParityRule};

/// Octets that go on air with every fragment: LoRaWAN frame (13) and DataFragment header (3).
const OVERHEAD: f64 = 16.0;

/// Fragments beyond M that 99 % of receivers get by with, when M holds no trap and every fragment is covered in time.
const MARGIN: f64 = 7.0;

/// Cuts an image so that the fewest octets go on air, without M that weakens parity.
///
/// Where some fragment is covered late ([`Weakness::LateCoverage`]), those who lose it wait for the row that does, and
/// M costs as much more. The package version need not be known yet: the later row of both rules counts.
///
/// `max_frag_size` is what the data rate leaves for a fragment; `loss` the share of fragments that receivers
/// lose, 0 to below 1. Without loss parity does not matter, and only its cost counts.
///
/// # Errors
/// [`FecError::EmptyImage`], [`FecError::ZeroFragSize`], or [`FecError::NbFragOutOfRange`] if even the
/// largest fragments leave no room for the parity that `loss` asks for.
pub fn pick_frag_size(image_len: usize, max_frag_size: u8, loss: f64) -> Result<Geometry, FecError> {
    pick_frag_size_in_steps(image_len, max_frag_size, loss, 1)
}

/// [`pick_frag_size`] among the multiples of `step`, if there is one: flash that is written in units of so
/// many octets then holds the fragments without gaps.
///
/// # Errors
/// Those of [`pick_frag_size`].
pub fn pick_frag_size_in_steps(
    image_len: usize,
    max_frag_size: u8,
    loss: f64,
    step: u8,
) -> Result<Geometry, FecError> {
    let largest = Geometry::new(image_len, max_frag_size)?;
    let loss = if loss > 0.0 { loss.min(0.95) } else { 0.0 };
    let mut best: Option<(bool, f64, Geometry)> = None;
    for size in (1..=max_frag_size).rev() {
        let in_steps = size.is_multiple_of(step.clamp(1, max_frag_size));
        let Some(geometry) = Geometry::new(image_len, size).ok().filter(|_| in_steps) else { continue };
        let trap = loss > 0.0 && has_trap(geometry.nb_frag());
        let better = |cost: f64| best.is_none_or(|(other, least, _)| (trap, cost) < (other, least));
        // Rows are drawn only for what could be the best.
        if cost(geometry, loss, MARGIN).is_some_and(better)
            && let Some(cost) = cost(geometry, loss, margin(geometry.nb_frag(), loss))
            && better(cost)
        {
            best = Some((trap, cost, geometry));
        }
    }
    let none = FecError::NbFragOutOfRange { got: largest.nb_frag().into(), max: MAX_FRAGMENT_NUMBER };
    best.map(|(_, _, geometry)| geometry).ok_or(none)
}

/// Octets on air for one receiver at this loss; `None` if fragment numbers run out before.
fn cost(geometry: Geometry, loss: f64, margin: f64) -> Option<f64> {
    let needed = f64::from(geometry.nb_frag()) + if loss > 0.0 { margin } else { 0.0 };
    let sent = needed / (1.0 - loss);
    (sent <= f64::from(MAX_FRAGMENT_NUMBER)).then(|| sent * (f64::from(geometry.frag_size()) + OVERHEAD))
}

/// Fragments beyond M that 99 % of receivers get by with: a parity fragment makes up for each that is lost, and who
/// lost the fragment that is covered last needs the others up to its row as well.
fn margin(nb_frag: u16, loss: f64) -> f64 {
    let last_row = |rule| latest_coverage(rule, nb_frag).map_or(DRAWN_ROWS, |(row, _)| row);
    let row = last_row(ParityRule::V1).max(last_row(ParityRule::V2));
    (f64::from(row) - loss * f64::from(nb_frag)).max(MARGIN)
}

fn has_trap(nb_frag: u16) -> bool {
    // They are the same under both rules.
    [Weakness::Twins, Weakness::NearTwins, Weakness::NoParity, Weakness::Copies]
        .into_iter()
        .any(|trap| trap.weakens(ParityRule::V1, nb_frag))
}

#[cfg(all(test, feature = "alloc"))]
#[allow(clippy::cast_precision_loss, reason = "small numbers")]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;
    use crate::batch::{ParityColumns, RankScratch};

    #[test]
    fn a_trap_is_avoided_at_the_price_of_a_few_octets() {
        // 239 octets a fragment would make M = 192.
        let image_len = 192 * 239;
        let plain = pick_frag_size(image_len, 239, 0.0).unwrap();
        assert_eq!((plain.nb_frag(), plain.frag_size()), (192, 239));
        let careful = pick_frag_size(image_len, 239, 0.1).unwrap();
        assert_eq!((careful.nb_frag(), careful.frag_size()), (197, 233));
    }

    #[test]
    fn late_coverage_is_avoided_where_few_are_lost() {
        // 100 octets a fragment make M = 50, whose fragment 41 the first 15 rows of TS004-1.0.0 pass over.
        let nb_frag = |loss| pick_frag_size(50 * 100, 100, loss).unwrap().nb_frag();
        assert_eq!(nb_frag(0.0), 50);
        assert_eq!(nb_frag(0.05), 57);
        assert_eq!(nb_frag(0.3), 50);
    }

    /// Against receivers: those at 1, 5 and 10 % loss, for M whose fragments are covered late and others.
    #[test]
    fn the_margin_is_what_99_of_100_receivers_get_by_with() {
        let mut state = 1_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f64 / (1_u64 << 31) as f64
        };
        let mut scratch = RankScratch::default();
        for nb_frag in [42, 50, 53, 60, 84, 99, 200, 400] {
            let geometry = Geometry::from_session(nb_frag, 1, 0).unwrap();
            let columns = ParityColumns::new(geometry, ParityRule::V1, 200);
            for loss in [0.01, 0.05, 0.1] {
                let mut beyond: Vec<f64> = (0..2000)
                    .map(|_| {
                        let lost: Vec<bool> = (0..nb_frag + 200).map(|_| random() < loss).collect();
                        let mut words = vec![0; columns.lost_words()];
                        for (n, _) in lost.iter().enumerate().filter(|(_, lost)| **lost) {
                            words[n / 64] |= 1 << (n % 64);
                        }
                        let last = columns.complete_at(&words, &mut scratch).unwrap();
                        let received = lost[..usize::from(last)].iter().filter(|lost| !**lost).count();
                        received as f64 - f64::from(nb_frag)
                    })
                    .collect();
                beyond.sort_by(f64::total_cmp);
                let (margin, needed) = (margin(nb_frag, loss), beyond[1980]);
                assert!(needed <= margin + 5.0, "M = {nb_frag}, loss {loss}: {needed} of {margin}");
                assert!(margin <= needed + 5.0, "M = {nb_frag}, loss {loss}: {needed} of {margin}");
            }
        }
    }

    #[test]
    fn every_image_gets_a_size_and_never_a_multiple_of_64() {
        for image_len in (1..300_000).step_by(977) {
            let geometry = pick_frag_size(image_len, 112, 0.2).unwrap();
            let m = geometry.nb_frag();
            assert_eq!(geometry.image_len(), image_len);
            assert!(m < 4 || !m.is_multiple_of(64) || m.is_power_of_two(), "{image_len} octets: M = {m}");
        }
    }

    #[test]
    fn steps_are_kept_where_they_can_be() {
        let geometry = pick_frag_size_in_steps(50_000, 50, 0.1, 8).unwrap();
        assert!(geometry.frag_size().is_multiple_of(8));
        assert_eq!(pick_frag_size_in_steps(100, 7, 0.1, 8).unwrap().frag_size(), 7);
    }

    #[test]
    fn of_sizes_that_cost_the_same_the_largest_is_taken() {
        // 35 fragments of 20 octets take as many on air as 36 of 19.
        assert_eq!(pick_frag_size(681, 20, 0.0).unwrap().frag_size(), 20);
    }

    #[test]
    fn no_room_for_parity_is_an_error() {
        let refused = pick_frag_size(16_000, 1, 0.1).err();
        assert_eq!(refused, Some(FecError::NbFragOutOfRange { got: 16_000, max: 16_383 }));
        assert_eq!(pick_frag_size(0, 50, 0.1).err(), Some(FecError::EmptyImage));
    }
}
