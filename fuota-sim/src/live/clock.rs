//! Virtual time that passes by itself.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use fuota_engine::driver::clock::{Clock, ClockStep};
use fuota_engine::time::GpsInstant;
use serde::{Deserialize, Serialize};

use crate::world::START;

/// So many times faster than real time. Copies, in whatever process, show the same, because all go by the machine's own
/// clock; whoever sets that one sets them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct FastClock {
    /// When it showed the beginning of the simulation, in real microseconds since 1970-01-01.
    began: u64,
    factor: f64,
}

impl FastClock {
    /// A clock that shows the beginning of the simulation now.
    pub(crate) fn start(factor: f64) -> Self {
        Self { began: micros(since_epoch()), factor }
    }

    /// Real time until it shows `at`.
    pub(crate) fn time_left(&self, at: GpsInstant) -> Duration {
        at.since(self.now()).div_f64(self.factor)
    }
}

#[async_trait]
impl Clock for FastClock {
    fn now(&self) -> GpsInstant {
        let real = since_epoch().saturating_sub(Duration::from_micros(self.began));
        START + real.mul_f64(self.factor)
    }

    async fn sleep_until(&self, at: GpsInstant) {
        while self.now() < at {
            tokio::time::sleep(self.time_left(at)).await;
        }
    }

    async fn stepped(&self) -> ClockStep {
        std::future::pending().await
    }
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_virtual_seconds_are_a_real_one() {
        let clock = FastClock::start(1000.0);
        let shown = clock.now();
        assert!(shown >= START && shown < START + Duration::from_secs(60));
        let left = clock.time_left(clock.now() + Duration::from_secs(10_000));
        assert!(left <= Duration::from_secs(10) && left > Duration::from_secs(9), "{left:?}");
        assert_eq!(clock.time_left(START), Duration::ZERO);
    }
}
