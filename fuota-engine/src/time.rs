//! GPS time, the one clock of every package: no leap seconds, no calendar, microsecond steps.
//!
//! Microseconds, because the time on air of every LoRa frame is a whole number of them and pacing by duty cycle
//! multiplies it: rounding each gap to a millisecond would drift over a few thousand fragments.

use core::fmt;
use core::ops::{Add, AddAssign, Sub};
use core::time::Duration;

/// Microseconds in a second.
const MICROS: u64 = 1_000_000;

/// A moment on the GPS time scale, in microseconds since 1980-01-06T00:00:00. Arithmetic saturates: the last
/// representable moment is more than half a million years away and serves as "never".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "records", derive(serde::Serialize, serde::Deserialize))]
pub struct GpsInstant(u64);

impl GpsInstant {
    /// The GPS epoch, 1980-01-06T00:00:00.
    pub const EPOCH: Self = Self(0);
    /// Later than anything that happens.
    pub const MAX: Self = Self(u64::MAX);

    /// The moment `micros` microseconds after the GPS epoch.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// The moment `secs` whole seconds after the GPS epoch.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(MICROS))
    }

    /// Microseconds since the GPS epoch.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Whole seconds since the GPS epoch, rounded down.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0 / MICROS
    }

    /// The first whole second that is not before this moment.
    #[must_use]
    pub const fn ceil_secs(self) -> u64 {
        self.0.div_ceil(MICROS)
    }

    /// Seconds since the GPS epoch modulo 2^32, as the packages carry time.
    #[must_use]
    #[allow(clippy::cast_possible_truncation)] // the wire's own modulus
    pub const fn wire_secs(self) -> u32 {
        self.as_secs() as u32
    }

    /// The moment nearest to `self` whose seconds are `wire` modulo 2^32.
    #[must_use]
    pub const fn nearest(self, wire: u32) -> Self {
        let ahead = wire.wrapping_sub(self.wire_secs());
        let secs = self.as_secs();
        if ahead <= u32::MAX / 2 {
            Self::from_secs(secs.saturating_add(ahead as u64))
        } else {
            Self::from_secs(secs.saturating_sub(ahead.wrapping_neg() as u64))
        }
    }

    /// The moment `seconds` later, or earlier if they are negative.
    #[must_use]
    pub const fn shifted(self, seconds: i32) -> Self {
        let micros = (seconds.unsigned_abs() as u64).saturating_mul(MICROS);
        Self(if seconds < 0 { self.0.saturating_sub(micros) } else { self.0.saturating_add(micros) })
    }

    /// Time passed since `earlier`; zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// Distance to `other`, whichever is first.
    #[must_use]
    pub const fn abs_diff(self, other: Self) -> Duration {
        Duration::from_micros(self.0.abs_diff(other.0))
    }
}

impl Add<Duration> for GpsInstant {
    type Output = Self;

    fn add(self, later: Duration) -> Self {
        Self(self.0.saturating_add(micros(later)))
    }
}

impl AddAssign<Duration> for GpsInstant {
    fn add_assign(&mut self, later: Duration) {
        *self = *self + later;
    }
}

impl Sub<Duration> for GpsInstant {
    type Output = Self;

    fn sub(self, earlier: Duration) -> Self {
        Self(self.0.saturating_sub(micros(earlier)))
    }
}

impl fmt::Display for GpsInstant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.as_secs(), self.0 % MICROS)
    }
}

/// Whole microseconds of a duration, saturating.
fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// A duration for people: days to whole seconds from a minute up, milliseconds below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InWords(pub Duration);

impl fmt::Display for InWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.0.as_secs();
        match self.0.subsec_millis() {
            0 if total < 60 => return write!(f, "{total} s"),
            millis if total < 60 => return write!(f, "{total}.{millis:03} s"),
            _ => {}
        }
        let parts =
            [(total / 86_400, "d"), (total / 3_600 % 24, "h"), (total / 60 % 60, "min"), (total % 60, "s")];
        let shown = parts.into_iter().filter(|&(count, _)| count > 0);
        for (at, (count, unit)) in shown.enumerate() {
            write!(f, "{}{count} {unit}", if at == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wire_time_resolves_to_the_nearest_moment_on_either_side() {
        let now = GpsInstant::from_secs((1 << 32) + 10);
        assert_eq!(now.wire_secs(), 10);
        assert_eq!(now.nearest(20), GpsInstant::from_secs((1 << 32) + 20));
        assert_eq!(now.nearest(u32::MAX), GpsInstant::from_secs((1 << 32) - 1));
        assert_eq!(now.nearest(10), GpsInstant::from_secs((1 << 32) + 10));
    }

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        assert_eq!(GpsInstant::MAX + Duration::from_secs(1), GpsInstant::MAX);
        assert_eq!(GpsInstant::EPOCH + Duration::MAX, GpsInstant::MAX);
        assert_eq!(GpsInstant::EPOCH - Duration::from_secs(1), GpsInstant::EPOCH);
        assert_eq!(GpsInstant::EPOCH.since(GpsInstant::MAX), Duration::ZERO);
    }

    #[test]
    fn moments_shift_both_ways() {
        let t = GpsInstant::from_micros(10_500_000);
        assert_eq!((t.shifted(-3), t.shifted(3)), (GpsInstant(7_500_000), GpsInstant(13_500_000)));
        assert_eq!((t.shifted(-11), GpsInstant::MAX.shifted(1)), (GpsInstant::EPOCH, GpsInstant::MAX));
    }

    #[test]
    fn seconds_round_down_on_the_wire_and_up_for_starts() {
        let t = GpsInstant::from_micros(1_500_000);
        assert_eq!((t.as_secs(), t.ceil_secs()), (1, 2));
        assert_eq!(GpsInstant::from_secs(7).ceil_secs(), 7);
    }
}
