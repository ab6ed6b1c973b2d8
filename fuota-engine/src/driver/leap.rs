//! Leap seconds: how far GPS time is ahead of UTC.

use std::time::Duration;

use crate::time::GpsInstant;

/// Seconds from the NTP epoch (1900) to the Unix epoch (1970).
const NTP_TO_UNIX: u64 = 2_208_988_800;
/// Seconds from the Unix epoch to the GPS epoch, 1980-01-06T00:00:00 UTC.
const UNIX_TO_GPS: u64 = 315_964_800;
/// TAI has always been ahead of GPS time by so many seconds.
const TAI_TO_GPS: u64 = 19;

/// The leap seconds since the GPS epoch.
///
/// The table that is built in ends with that of 2017-01-01. A newer one is read from the `leap-seconds.list` that
/// IERS and time zone packages publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeapSeconds {
    /// From which Unix second on, GPS time minus UTC in seconds; in order.
    steps: Vec<(u64, u64)>,
}

/// Why a table of leap seconds cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LeapSecondsError {
    /// A line is neither a comment nor two numbers: the NTP second from which on TAI is so many seconds ahead of UTC.
    #[error("line {line}: expected an NTP second and TAI minus UTC, both whole numbers")]
    Line {
        /// Counted from 1.
        line: usize,
    },
    /// A step is not later than the one before.
    #[error("line {line}: the steps are not in order")]
    Order {
        /// Counted from 1.
        line: usize,
    },
    /// There is no step since the GPS epoch.
    #[error("there is no leap second since the GPS epoch")]
    Empty,
}

impl LeapSeconds {
    /// Reads a `leap-seconds.list`.
    ///
    /// # Errors
    /// [`LeapSecondsError`], with the line.
    pub fn parse(list: &str) -> Result<Self, LeapSecondsError> {
        let mut steps: Vec<(u64, u64)> = Vec::new();
        for (line, text) in (1..).zip(list.lines()) {
            let text = text.split('#').next().unwrap_or_default();
            let mut numbers = text.split_whitespace().map(str::parse::<u64>);
            let (ntp, tai) = match (numbers.next(), numbers.next(), numbers.next()) {
                (None, ..) => continue,
                (Some(Ok(ntp)), Some(Ok(tai)), None) => (ntp, tai),
                _ => return Err(LeapSecondsError::Line { line }),
            };
            // What was before GPS time concerns nobody here.
            let (Some(unix), Some(ahead)) = (ntp.checked_sub(NTP_TO_UNIX), tai.checked_sub(TAI_TO_GPS))
            else {
                continue;
            };
            if steps.last().is_some_and(|&(before, _)| before >= unix) {
                return Err(LeapSecondsError::Order { line });
            }
            steps.push((unix, ahead));
        }
        if steps.is_empty() { Err(LeapSecondsError::Empty) } else { Ok(Self { steps }) }
    }

    /// The GPS time of a moment after the Unix epoch, as UTC counts it. Moments before the GPS epoch are the GPS epoch.
    #[must_use]
    pub fn gps(&self, unix: Duration) -> GpsInstant {
        let step = self.steps.iter().rev().find(|&&(from, _)| unix.as_secs() >= from);
        let ahead = step.map_or(0, |&(_, ahead)| ahead);
        GpsInstant::EPOCH
            + (unix + Duration::from_secs(ahead)).saturating_sub(Duration::from_secs(UNIX_TO_GPS))
    }
}

impl Default for LeapSeconds {
    fn default() -> Self {
        let ntp = [
            (2_571_782_400, 20),
            (2_603_318_400, 21),
            (2_634_854_400, 22),
            (2_698_012_800, 23),
            (2_776_982_400, 24),
            (2_840_140_800, 25),
            (2_871_676_800, 26),
            (2_918_937_600, 27),
            (2_950_473_600, 28),
            (2_982_009_600, 29),
            (3_029_443_200, 30),
            (3_076_704_000, 31),
            (3_124_137_600, 32),
            (3_345_062_400, 33),
            (3_439_756_800, 34),
            (3_550_089_600, 35),
            (3_644_697_600, 36),
            (3_692_217_600, 37),
        ];
        Self { steps: ntp.map(|(ntp, tai): (u64, u64)| (ntp - NTP_TO_UNIX, tai - TAI_TO_GPS)).to_vec() }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// 2017-01-01T00:00:00 UTC.
    const LAST: u64 = 1_483_228_800;

    #[test]
    fn gps_time_is_ahead_by_the_leap_seconds_so_far() {
        let leap = LeapSeconds::default();
        let gps = |unix| leap.gps(Duration::from_secs(unix)).as_secs();
        assert_eq!(gps(0), 0);
        assert_eq!(gps(UNIX_TO_GPS), 0);
        assert_eq!(gps(LAST - 1), 1_167_264_016);
        assert_eq!(gps(LAST), 1_167_264_018);
        // 2020-01-01T00:00:00 UTC
        assert_eq!(gps(1_577_836_800), 1_261_872_018);
    }

    #[test]
    fn a_newer_list_adds_its_steps() {
        let list =
            "#$ 3676924800\n2272060800\t10\t# 1 Jan 1972\n3692217600 37 # 1 Jan 2017\n\n4102444800 38\n";
        let leap = LeapSeconds::parse(list).unwrap();
        let later = Duration::from_secs(4_102_444_800 - NTP_TO_UNIX);
        assert_eq!(leap.gps(later).as_secs(), later.as_secs() - UNIX_TO_GPS + 19);
        assert_eq!(leap.gps(Duration::from_secs(LAST)).as_secs(), 1_167_264_018);
    }

    #[test]
    fn what_is_no_list_is_refused_with_its_line() {
        assert_eq!(LeapSeconds::parse("# nothing\n"), Err(LeapSecondsError::Empty));
        assert_eq!(LeapSeconds::parse("3692217600 37\nsoon 38"), Err(LeapSecondsError::Line { line: 2 }));
        assert_eq!(LeapSeconds::parse("3692217600"), Err(LeapSecondsError::Line { line: 1 }));
        assert_eq!(
            LeapSeconds::parse("3692217600 37\n3644697600 36"),
            Err(LeapSecondsError::Order { line: 2 })
        );
    }
}
