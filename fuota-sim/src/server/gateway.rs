//! One gateway: a frame at a time, and two budgets of time on air.

use std::time::Duration;

use fuota_engine::region::{DutyCycle, Region};
use fuota_engine::time::GpsInstant;

/// The budgets that downlinks are charged to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Band {
    /// The uplink channels, where RX1 answers.
    Rx1,
    /// The channel of RX2 and of multicast.
    Rx2,
}

/// The transmitter.
#[derive(Debug)]
pub(crate) struct Gateway {
    idle_at: GpsInstant,
    rx1: Budget,
    rx2: Budget,
}

/// A transmitter with duty cycle d may start the next frame ToA/d after the start of the last.
#[derive(Debug)]
struct Budget {
    duty: DutyCycle,
    next_at: GpsInstant,
}

impl Gateway {
    pub(crate) const fn new(region: Region, multicast_duty: DutyCycle) -> Self {
        Self {
            idle_at: GpsInstant::EPOCH,
            rx1: Budget { duty: region.rx1_duty(), next_at: GpsInstant::EPOCH },
            rx2: Budget { duty: multicast_duty, next_at: GpsInstant::EPOCH },
        }
    }

    /// The first moment from `wanted` on at which a frame may start in `band`.
    pub(crate) fn earliest(&self, band: Band, wanted: GpsInstant) -> GpsInstant {
        wanted.max(self.idle_at).max(self.budget(band).next_at)
    }

    /// Starts a frame at `now` and returns when it ends.
    pub(crate) fn transmit(&mut self, band: Band, now: GpsInstant, airtime: Duration) -> GpsInstant {
        let budget = match band {
            Band::Rx1 => &mut self.rx1,
            Band::Rx2 => &mut self.rx2,
        };
        budget.next_at = now + budget.duty.gap(airtime);
        self.idle_at = now + airtime;
        self.idle_at
    }

    /// Whether a frame leaves the antenna at this moment.
    pub(crate) fn is_busy(&self, now: GpsInstant) -> bool {
        now < self.idle_at
    }

    const fn budget(&self, band: Band) -> &Budget {
        match band {
            Band::Rx1 => &self.rx1,
            Band::Rx2 => &self.rx2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_frame_is_paid_for_in_its_band_and_keeps_the_antenna_busy_in_both() {
        let start = GpsInstant::from_secs(1000);
        let mut gateway = Gateway::new(Region::Eu868, DutyCycle::one_in(10));
        assert_eq!(gateway.earliest(Band::Rx1, start), start);
        assert_eq!(gateway.transmit(Band::Rx1, start, SECOND), start + SECOND);
        assert_eq!(gateway.earliest(Band::Rx1, start + SECOND), start + 100 * SECOND, "1 %");
        assert_eq!(gateway.earliest(Band::Rx2, start), start + SECOND, "one frame at a time");
        gateway.transmit(Band::Rx2, start + SECOND, SECOND);
        assert_eq!(gateway.earliest(Band::Rx2, start), start + 11 * SECOND, "10 %");
        assert_eq!(gateway.earliest(Band::Rx1, start), start + 100 * SECOND);
    }
}
