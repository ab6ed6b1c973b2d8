//! Percentages as operators write them: decimal, exact, never a float.

use core::fmt;
use core::str::FromStr;

/// Millionths of a percent in one percent.
const SCALE: u64 = 1_000_000;

/// A non-negative percentage with up to six decimals, kept exactly, so that 30 % of 10 is 3 and not a hair more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub struct Percent(u64);

/// Why a text is not a [`Percent`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParsePercentError {
    /// Something other than digits and one decimal point.
    #[error("not a decimal number")]
    NotANumber,
    /// More than six decimals.
    #[error("more than six decimals")]
    TooPrecise,
    /// Larger than any percentage that makes sense here (a million).
    #[error("too large")]
    TooLarge,
}

impl Percent {
    /// Largest whole percentage that is accepted.
    const LARGEST: u64 = 1_000_000;

    /// A whole percentage.
    #[must_use]
    pub const fn whole(percent: u32) -> Self {
        Self(percent as u64 * SCALE)
    }

    /// This share of `n`, rounded up.
    #[must_use]
    pub fn of_ceil(self, n: u32) -> u64 {
        // At most 2^32 · 2^40, so that the quotient fits again.
        let product = u128::from(self.0) * u128::from(n);
        u64::try_from(product.div_ceil(100 * u128::from(SCALE))).unwrap_or(u64::MAX)
    }

    /// How many more than `n` have to be sent for `n` to arrive if this share is lost, rounded up; as many as can be
    /// counted if everything is.
    #[must_use]
    pub fn of_rest_ceil(self, n: u32) -> u64 {
        let all = 100 * u128::from(SCALE);
        let Some(rest) = all.checked_sub(u128::from(self.0)).filter(|rest| *rest > 0) else {
            return u64::MAX;
        };
        u64::try_from((u128::from(self.0) * u128::from(n)).div_ceil(rest)).unwrap_or(u64::MAX)
    }

    /// Whether `part` of `n` is more than this share.
    #[must_use]
    pub const fn exceeded_by(self, part: u32, n: u32) -> bool {
        part as u128 * 100 * SCALE as u128 > self.0 as u128 * n as u128
    }
}

impl FromStr for Percent {
    type Err = ParsePercentError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if (whole.is_empty() && decimals.is_empty()) || !digits(whole) || !digits(decimals) {
            return Err(ParsePercentError::NotANumber);
        }
        let decimals = decimals.trim_end_matches('0');
        if decimals.len() > 6 {
            return Err(ParsePercentError::TooPrecise);
        }
        let units: u64 =
            if whole.is_empty() { 0 } else { whole.parse().map_err(|_| ParsePercentError::TooLarge)? };
        if units > Self::LARGEST {
            return Err(ParsePercentError::TooLarge);
        }
        let fraction = decimals.bytes().chain(core::iter::repeat(b'0')).take(6);
        let millionths = fraction.fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
        Ok(Self(units * SCALE + millionths))
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0 / SCALE)?;
        let mut fraction = self.0 % SCALE;
        if fraction > 0 {
            let mut width = 6;
            while fraction.is_multiple_of(10) {
                fraction /= 10;
                width -= 1;
            }
            write!(f, ".{fraction:0width$}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_round_up_exactly() {
        assert_eq!(Percent::whole(30).of_ceil(10), 3);
        assert_eq!(Percent::whole(30).of_ceil(215), 65);
        assert_eq!("0.1".parse::<Percent>().map(|p| p.of_ceil(1000)), Ok(1));
        assert_eq!("0.100001".parse::<Percent>().map(|p| p.of_ceil(1000)), Ok(2));
        assert_eq!(Percent::whole(100).of_ceil(u32::MAX), u64::from(u32::MAX));
    }

    #[test]
    fn what_is_lost_is_sent_on_top() {
        // 429 of 452 arrive if 5 % are lost.
        assert_eq!(Percent::whole(5).of_rest_ceil(429), 23);
        assert_eq!(Percent::whole(50).of_rest_ceil(10), 10);
        assert_eq!(Percent::whole(0).of_rest_ceil(10), 0);
        assert_eq!(Percent::whole(100).of_rest_ceil(10), u64::MAX);
    }

    #[test]
    fn texts_round_trip_and_nonsense_is_refused() {
        for text in ["0", "95", "12.5", "0.000001", "1000"] {
            assert_eq!(text.parse::<Percent>().unwrap().to_string(), text);
        }
        assert_eq!("12.50".parse(), "12.5".parse::<Percent>());
        assert_eq!("".parse::<Percent>(), Err(ParsePercentError::NotANumber));
        assert_eq!("-1".parse::<Percent>(), Err(ParsePercentError::NotANumber));
        assert_eq!("1e3".parse::<Percent>(), Err(ParsePercentError::NotANumber));
        assert_eq!("0.1234567".parse::<Percent>(), Err(ParsePercentError::TooPrecise));
        assert_eq!("99999999999999999999".parse::<Percent>(), Err(ParsePercentError::TooLarge));
    }

    #[test]
    fn exceeding_is_strict() {
        assert!(!Percent::whole(5).exceeded_by(5, 100));
        assert!(Percent::whole(5).exceeded_by(6, 100));
    }
}
