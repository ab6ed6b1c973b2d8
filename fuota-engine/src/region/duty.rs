//! Duty cycles.

use core::num::NonZeroU32;
use core::time::Duration;

use crate::percent::Percent;

/// A percentage has six decimals, so this many parts are exact.
const PARTS: u32 = 100_000_000;

/// Share of time that a transmitter may be on air: after a frame it is silent until the frame's time on air is this
/// share of what has passed since the frame's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub struct DutyCycle {
    on: NonZeroU32,
    of: u32,
}

impl DutyCycle {
    /// No limit.
    pub const UNLIMITED: Self = Self::one_in(1);

    /// One part in `divisor`; 1 (or 0) means no limit.
    #[must_use]
    pub const fn one_in(divisor: u32) -> Self {
        Self { on: NonZeroU32::MIN, of: if divisor == 0 { 1 } else { divisor } }
    }

    /// A share of more than 0 and at most 100 %.
    #[must_use]
    pub fn share(share: Percent) -> Option<Self> {
        let on = u32::try_from(share.of_ceil(PARTS)).ok().filter(|on| (1..=PARTS).contains(on))?;
        let common = u32::try_from(greatest_common_divisor(on.into(), PARTS.into())).ok()?;
        Some(Self { on: NonZeroU32::new(on / common)?, of: PARTS / common })
    }

    /// What is left of it if this share of it is kept back for others; `None` if nothing is.
    #[must_use]
    pub fn without(self, reserve: Percent) -> Option<Self> {
        let kept = PARTS.checked_sub(u32::try_from(reserve.of_ceil(PARTS)).ok()?)?;
        let (on, of) = (u64::from(self.on.get()) * u64::from(kept), u64::from(self.of) * u64::from(PARTS));
        let common = greatest_common_divisor(on, of);
        let (on, of) = (on / common, of / common);
        // Where 32 bits are not enough for both, the share is rounded down.
        let rounded = || (on * u64::from(PARTS) / of, u64::from(PARTS));
        let (on, of) = if on.max(of) > u64::from(u32::MAX) { rounded() } else { (on, of) };
        Some(Self { on: NonZeroU32::new(u32::try_from(on).ok()?)?, of: u32::try_from(of).ok()? })
    }

    /// Least time from the start of a frame of `airtime` to the start of the next, in whole microseconds.
    #[must_use]
    pub fn gap(self, airtime: Duration) -> Duration {
        let micros = (airtime.as_micros() * u128::from(self.of)).div_ceil(u128::from(self.on.get()));
        u64::try_from(micros).map_or(Duration::MAX, Duration::from_micros)
    }

    /// The share as a number from 0 to 1.
    #[must_use]
    pub fn as_fraction(self) -> f64 {
        f64::from(self.on.get()) / f64::from(self.of)
    }
}

const fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_divisors_that_mean_the_same_are_the_same() {
        let share = |text: &str| DutyCycle::share(text.parse().unwrap());
        assert_eq!(share("10"), Some(DutyCycle::one_in(10)));
        assert_eq!(share("1"), Some(DutyCycle::one_in(100)));
        assert_eq!(share("100"), Some(DutyCycle::UNLIMITED));
        assert_eq!((share("0"), share("100.000001")), (None, None));
        assert_eq!(DutyCycle::one_in(0), DutyCycle::UNLIMITED);
    }

    #[test]
    fn gaps_are_exact_or_rounded_up() {
        let frame = Duration::from_micros(394_496);
        assert_eq!(DutyCycle::one_in(10).gap(frame), Duration::from_micros(3_944_960));
        let third = DutyCycle::share("3".parse().unwrap()).unwrap();
        assert_eq!(third.gap(frame), Duration::from_micros(13_149_867), "13149866.67");
        assert!((third.as_fraction() - 0.03).abs() < 1e-12);
    }

    #[test]
    fn a_reserve_leaves_the_rest() {
        let without = |duty: DutyCycle, reserve: &str| duty.without(reserve.parse().unwrap());
        assert_eq!(without(DutyCycle::one_in(10), "0"), Some(DutyCycle::one_in(10)));
        assert_eq!(without(DutyCycle::one_in(10), "50"), Some(DutyCycle::one_in(20)));
        assert_eq!(without(DutyCycle::UNLIMITED, "75"), Some(DutyCycle::one_in(4)));
        assert_eq!(
            (without(DutyCycle::UNLIMITED, "100"), without(DutyCycle::UNLIMITED, "101")),
            (None, None)
        );
        // Nothing rounds up: what is kept back stays so.
        for divisor in [3, 7, 1_000, 99_999_989] {
            for reserve in ["0.000001", "33.333333", "99.999"] {
                let duty = DutyCycle::one_in(divisor);
                let Some(left) = without(duty, reserve) else { continue };
                let kept = 1.0 - reserve.parse::<f64>().unwrap() / 100.0;
                assert!(
                    left.as_fraction() <= duty.as_fraction() * kept * (1.0 + 1e-12),
                    "{divisor} {reserve}"
                );
            }
        }
        let third = without(DutyCycle::one_in(1_000), "33.333333").unwrap().as_fraction();
        assert!((third - 0.000_666_666_67).abs() < 2e-8, "{third}");
    }
}
