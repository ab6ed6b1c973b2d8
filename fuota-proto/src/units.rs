//! Quantities with their units.

use crate::field::{Field, bounded};

bounded! {
    /// Exponent of the random delay before an answer about a fragmentation session (BlockAckDelay, TS004 §4).
    pub struct BlockAckDelay(u8): 3 bits, 0..=7;
    /// Exponent of the longest duration of a multicast session (TimeOut, TS005 §3.5 and §3.6).
    pub struct TimeOut(u8): 4 bits, 0..=15;
    /// Exponent of the ping slot period of a class B session (Periodicity, TS005 §3.6).
    pub struct PingSlotPeriodicity(u8): 3 bits, 0..=7;
    /// Index of a data rate in the region's table (DR, TS005). The wire carries 16 to 255 as well, which no region
    /// defines.
    pub struct DataRate(u8): 8 bits, 0..=15;
    /// Exponent of the period of a device's time requests (Period, TS003 §2.4).
    pub struct AppTimePeriod(u8): 4 bits, 0..=15;
    /// Seconds from an uplink to the start of a session, 24 bits; longer ones stay at the maximum (TimeToStart, TS005).
    pub struct TimeToStart(u32): 24 bits, 0..=0xFF_FFFF;
    /// Seconds to a reboot, 24 bits, with two special values (Countdown, TS006 §2.4).
    pub struct Countdown(u32): 24 bits, 0..=0xFF_FFFF;
}

impl BlockAckDelay {
    /// Longest possible delay in seconds: 2^(BlockAckDelay + 4), from 16 to 2048.
    #[must_use]
    pub const fn window_s(self) -> u32 {
        1 << (self.get() + 4)
    }

    /// The shortest window of at least `seconds`, or the longest there is.
    #[must_use]
    pub const fn covering(seconds: u32) -> Self {
        Self::from_wire(exponent_covering(seconds.div_ceil(16), 7))
    }
}

impl TimeOut {
    /// Longest duration of a class C session in seconds: 2^TimeOut, from 1 to 32,768.
    #[must_use]
    pub const fn class_c_duration_s(self) -> u32 {
        1 << self.get()
    }

    /// Longest duration of a class B session in seconds: 128 × 2^TimeOut, from 128 to 4,194,304.
    #[must_use]
    pub const fn class_b_duration_s(self) -> u32 {
        128 << self.get()
    }

    /// The shortest class C session of at least `seconds`, or the longest there is (32,768 s).
    #[must_use]
    pub const fn class_c_covering(seconds: u32) -> Self {
        Self::from_wire(exponent_covering(seconds, 15))
    }

    /// The shortest class B session of at least `seconds`, or the longest there is (4,194,304 s).
    #[must_use]
    pub const fn class_b_covering(seconds: u32) -> Self {
        Self::from_wire(exponent_covering(seconds.div_ceil(128), 15))
    }
}

impl PingSlotPeriodicity {
    /// Seconds between two ping slots: 2^Periodicity, from 1 to 128.
    #[must_use]
    pub const fn period_s(self) -> u32 {
        1 << self.get()
    }

    /// Ping slots per beacon period: 2^(7 − Periodicity), from 128 to 1.
    #[must_use]
    pub const fn pings_per_beacon_period(self) -> u32 {
        128 >> self.get()
    }
}

impl AppTimePeriod {
    /// Seconds between two time requests: 128 × 2^Period, from 128 to 4,194,304. Devices add up to 30 s either way.
    #[must_use]
    pub const fn period_s(self) -> u32 {
        128 << self.get()
    }
}

impl TimeToStart {
    /// `seconds`, or the maximum, which a server reads as a clock out of step (TS005-2.0.0 §3.5).
    #[must_use]
    pub const fn saturating(seconds: u32) -> Self {
        if seconds > Self::MAX.get() { Self::MAX } else { Self::from_wire(seconds) }
    }
}

impl Countdown {
    /// In a request: reboot at once, without an answer. In an answer: the device cannot reboot.
    pub const ZERO: Self = Self::MIN;
    /// In a request: cancel the reboot. In an answer: cancelled.
    pub const CANCEL: Self = Self::MAX;
}

/// Smallest e up to `max` with 2^e ≥ `amount`.
const fn exponent_covering(amount: u32, max: u8) -> u8 {
    let mut exponent = 0;
    while exponent < max && (1 << exponent) < amount {
        exponent += 1;
    }
    exponent
}

/// Declares numbers of 32 bits that mean something only with their unit.
macro_rules! quantity {
    ($($(#[$doc:meta])* pub struct $name:ident(u32);)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
        pub struct $name(pub u32);

        impl $name {
            /// The number.
            #[must_use]
            pub const fn get(self) -> u32 {
                self.0
            }
        }

        impl From<u32> for $name {
            fn from(value: u32) -> Self {
                Self(value)
            }
        }

        impl Field for $name {
            const BITS: usize = 32;

            #[inline]
            fn load(body: &[u8], at: usize) -> Self {
                Self(u32::load(body, at))
            }

            #[inline]
            fn store(self, body: &mut [u8], at: usize) {
                self.0.store(body, at);
            }
        }
    )*};
}

quantity! {
    /// Seconds since 1980-01-06T00:00:00 in GPS time, which knows no leap seconds, modulo 2^32.
    ///
    /// The clock wraps in 2116, so times compare by the sign of their difference: see [`seconds_since`](Self::seconds_since)
    /// and [`is_before`](Self::is_before). There is no total order, hence no `Ord`.
    pub struct GpsSeconds(u32);
    /// Version of a firmware image or of hardware, allocated by the manufacturer. By convention X.Y.Z.P, X in the
    /// most significant octet.
    pub struct Version(u32);
}

impl GpsSeconds {
    /// Length of a beacon period in seconds: class B sessions start at its multiples.
    pub const BEACON_PERIOD_S: u32 = 128;

    /// Seconds from `earlier` to this time, negative if this one is earlier; right for times up to 68 years apart.
    #[must_use]
    pub const fn seconds_since(self, earlier: Self) -> i32 {
        self.0.wrapping_sub(earlier.0).cast_signed()
    }

    /// Whether this time comes before `other`, within 68 years.
    #[must_use]
    pub const fn is_before(self, other: Self) -> bool {
        self.seconds_since(other) < 0
    }

    /// The time `seconds` later.
    #[must_use]
    pub const fn wrapping_add(self, seconds: u32) -> Self {
        Self(self.0.wrapping_add(seconds))
    }

    /// Whether a beacon is due at this time.
    #[must_use]
    pub const fn is_beacon(self) -> bool {
        self.0.is_multiple_of(Self::BEACON_PERIOD_S)
    }

    /// The first beacon at this time or after. Rounding up keeps a session from starting before what must precede it.
    #[must_use]
    pub const fn next_beacon(self) -> Self {
        Self(self.0.wrapping_add(Self::BEACON_PERIOD_S - 1) & !(Self::BEACON_PERIOD_S - 1))
    }
}

impl Version {
    /// X.Y.Z.P.
    #[must_use]
    pub const fn from_parts(parts: [u8; 4]) -> Self {
        Self(u32::from_be_bytes(parts))
    }
}

impl core::fmt::Display for Version {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let [x, y, z, p] = self.0.to_be_bytes();
        write!(f, "{x}.{y}.{z}.{p}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_last_long_enough_or_as_long_as_they_can() {
        for (seconds, exponent) in [(0, 0), (1, 0), (2, 1), (3, 2), (1025, 11), (32_768, 15), (u32::MAX, 15)]
        {
            assert_eq!(TimeOut::class_c_covering(seconds).get(), exponent, "{seconds} s");
        }
        for (seconds, exponent) in [(0, 0), (128, 0), (129, 1), (256, 1), (4_194_304, 15), (u32::MAX, 15)] {
            assert_eq!(TimeOut::class_b_covering(seconds).get(), exponent, "{seconds} s");
        }
        assert_eq!(TimeOut::MAX.class_c_duration_s(), 32_768);
        assert_eq!(TimeOut::MAX.class_b_duration_s(), 4_194_304);
    }

    #[test]
    fn windows_and_periods_double() {
        let windows: std::vec::Vec<u32> =
            (0..8).map(|delay| BlockAckDelay::from_wire(delay).window_s()).collect();
        assert_eq!(windows, [16, 32, 64, 128, 256, 512, 1024, 2048]);
        for (seconds, delay) in [(0, 0), (16, 0), (17, 1), (2048, 7), (5000, 7)] {
            assert_eq!(BlockAckDelay::covering(seconds).get(), delay, "{seconds} s");
        }
        let slots = PingSlotPeriodicity::from_wire(2);
        assert_eq!((slots.period_s(), slots.pings_per_beacon_period()), (4, 32));
        assert_eq!((AppTimePeriod::MIN.period_s(), AppTimePeriod::MAX.period_s()), (128, 4_194_304));
    }

    #[test]
    fn a_start_too_far_ahead_is_told_as_the_farthest() {
        assert_eq!(TimeToStart::saturating(5).get(), 5);
        assert_eq!(TimeToStart::saturating(0xFF_FFFE).get(), 0xFF_FFFE);
        assert_eq!(TimeToStart::saturating(0x100_0000), TimeToStart::MAX);
    }

    #[test]
    fn versions_print_part_by_part() {
        assert_eq!(std::format!("{}", Version::from_parts([1, 2, 30, 255])), "1.2.30.255");
    }

    #[test]
    fn times_compare_across_the_wrap() {
        let (before, after) = (GpsSeconds(u32::MAX - 9), GpsSeconds(20));
        assert!(before.is_before(after) && !after.is_before(before) && !after.is_before(after));
        assert_eq!((after.seconds_since(before), before.seconds_since(after)), (30, -30));
        assert_eq!(before.wrapping_add(30), after);
    }

    #[test]
    fn beacons_are_found_ahead() {
        assert_eq!(GpsSeconds(128).next_beacon(), GpsSeconds(128));
        assert_eq!(GpsSeconds(129).next_beacon(), GpsSeconds(256));
        assert_eq!(GpsSeconds(u32::MAX).next_beacon(), GpsSeconds(0));
        assert!(GpsSeconds(1_400_000_000).is_beacon() && !GpsSeconds(1).is_beacon());
    }
}
