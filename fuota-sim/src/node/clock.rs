//! A device's own clock: it runs fast or slow, and is set from time to time.

use fuota_engine::time::GpsInstant;

use crate::rng::Draws;
use crate::scenario::DeviceGroup;
use crate::world::START;

/// Parts per billion in one.
const BILLION: i128 = 1_000_000_000;

/// What a device takes the time to be.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clock {
    /// How far it was ahead when the campaign began, adjustments included, in microseconds.
    ahead: i64,
    /// How much too fast it runs, in parts per billion.
    ppb: i64,
}

impl Clock {
    /// The clock of a device of this group.
    pub(super) fn new(group: &DeviceGroup, draws: &mut Draws) -> Self {
        // Casts truncate numbers that are checked to be small.
        #[allow(clippy::cast_possible_truncation)]
        let ppb = (group.clock_drift_ppm * 1000.0 * (2.0 * draws.fraction() - 1.0)).round() as i64;
        let since = i128::try_from(group.clock_synced.as_micros()).unwrap_or(0);
        Self { ahead: i64::try_from(since * i128::from(ppb) / BILLION).unwrap_or(0), ppb }
    }

    /// What it shows at this moment.
    pub(super) fn own(self, now: GpsInstant) -> GpsInstant {
        // Most devices' clocks are right, and asked often.
        if self.ppb == 0 && self.ahead == 0 {
            return now;
        }
        let passed = i128::from(now.as_micros()) - i128::from(START.as_micros());
        offset(now, i128::from(self.ahead) + passed * i128::from(self.ppb) / BILLION)
    }

    /// The first moment at which it shows `own` or more.
    pub(super) fn world(self, own: GpsInstant) -> GpsInstant {
        if self.ppb == 0 {
            return offset(own, -i128::from(self.ahead));
        }
        let passed = i128::from(own.as_micros()) - i128::from(self.ahead) - i128::from(START.as_micros());
        let world = offset(START, passed * BILLION / (BILLION + i128::from(self.ppb)));
        // Rounding may be off by one in either direction.
        let mut first = offset(world, -2);
        while self.own(first) < own && first < offset(world, 3) {
            first = offset(first, 1);
        }
        first
    }

    /// Sets it forward, or back.
    pub(super) const fn adjust(&mut self, seconds: i32) {
        self.ahead = self.ahead.saturating_add(seconds as i64 * 1_000_000);
    }
}

fn offset(moment: GpsInstant, micros: i128) -> GpsInstant {
    GpsInstant::from_micros(u64::try_from(i128::from(moment.as_micros()) + micros).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_clock_that_is_right_changes_nothing() {
        let now = START + Duration::from_micros(123_456_789);
        assert_eq!((Clock::default().own(now), Clock::default().world(now)), (now, now));
    }

    #[test]
    fn fifty_parts_per_million_are_4_32_seconds_a_day() {
        let clock = Clock { ahead: 0, ppb: 50_000 };
        let day = START + Duration::from_secs(86_400);
        assert_eq!(clock.own(day), day + Duration::from_millis(4_320));
    }

    #[test]
    fn the_way_back_never_wakes_a_device_too_early() {
        for ppb in [-100_000, -37, 1, 999, 100_000] {
            for ahead in [-4_320_000, 0, 17] {
                let clock = Clock { ahead, ppb };
                for micros in [0, 1, 1_000_001, 86_400_000_000, 86_400_000_001] {
                    let own = START + Duration::from_micros(micros);
                    let world = clock.world(own);
                    assert!(clock.own(world) >= own, "{clock:?} {micros}");
                    assert!(clock.own(offset(world, -2)) < own, "{clock:?} {micros}");
                }
            }
        }
    }

    #[test]
    fn setting_it_counts_whole_seconds() {
        let mut clock = Clock { ahead: 4_320_000, ppb: 0 };
        clock.adjust(-4);
        assert_eq!(clock.own(START), START + Duration::from_millis(320));
    }
}
