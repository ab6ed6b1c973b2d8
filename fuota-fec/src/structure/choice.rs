//! The FragSize that costs the least airtime without a trap.

use super::{Weakness, weaknesses};
use crate::{FecError, Geometry, MAX_FRAGMENT_NUMBER, ParityRule};

/// Octets that go on air with every fragment: LoRaWAN frame (13) and DataFragment header (3).
const OVERHEAD: f64 = 16.0;

/// Fragments beyond M that 99 % of receivers get by with, when M holds no trap.
const MARGIN: f64 = 7.0;

/// Cuts an image so that the fewest octets go on air, without M that weakens parity.
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
        let Some(cost) = cost(geometry, loss) else { continue };
        let trap = loss > 0.0 && has_trap(geometry.nb_frag());
        let better = best.is_none_or(|(other, least, _)| (trap, cost) < (other, least));
        if better {
            best = Some((trap, cost, geometry));
        }
    }
    let none = FecError::NbFragOutOfRange { got: largest.nb_frag().into(), max: MAX_FRAGMENT_NUMBER };
    best.map(|(_, _, geometry)| geometry).ok_or(none)
}

/// Octets on air for one receiver at this loss; `None` if fragment numbers run out before.
fn cost(geometry: Geometry, loss: f64) -> Option<f64> {
    let needed = f64::from(geometry.nb_frag()) + if loss > 0.0 { MARGIN } else { 0.0 };
    let sent = needed / (1.0 - loss);
    (sent <= f64::from(MAX_FRAGMENT_NUMBER)).then(|| sent * (f64::from(geometry.frag_size()) + OVERHEAD))
}

fn has_trap(nb_frag: u16) -> bool {
    // The package version need not be known yet, and the traps are the same.
    weaknesses(ParityRule::V1, nb_frag).any(|weakness| {
        matches!(weakness, Weakness::Twins | Weakness::NearTwins | Weakness::NoParity | Weakness::Copies)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn no_room_for_parity_is_an_error() {
        let refused = pick_frag_size(16_000, 1, 0.1).err();
        assert_eq!(refused, Some(FecError::NbFragOutOfRange { got: 16_000, max: 16_383 }));
        assert_eq!(pick_frag_size(0, 50, 0.1).err(), Some(FecError::EmptyImage));
    }
}
