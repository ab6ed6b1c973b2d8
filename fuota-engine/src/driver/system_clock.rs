//! GPS time from the machine's clock.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::clock::{Clock, ClockStep};
use super::leap::LeapSeconds;
use crate::time::GpsInstant;

/// A clock that is corrected by more than this at once has been set, not steered.
const STEP: Duration = Duration::from_millis(500);
/// How long a step can stay unnoticed.
const LOOK: Duration = Duration::from_secs(1);

/// GPS time from the machine's UTC, waited for on its monotonic clock.
#[derive(Debug)]
pub struct SystemClock {
    leap: LeapSeconds,
    seen: Mutex<Seen>,
    stepped: Notify,
}

/// The latest look at the machine's clocks.
#[derive(Debug)]
struct Seen {
    at: Instant,
    shown: GpsInstant,
    /// Nobody has been told of these.
    steps: VecDeque<ClockStep>,
}

impl SystemClock {
    /// A clock that knows these leap seconds.
    #[must_use]
    pub fn new(leap: LeapSeconds) -> Self {
        let seen = Seen { at: Instant::now(), shown: leap.gps(utc()), steps: VecDeque::new() };
        Self { leap, seen: Mutex::new(seen), stepped: Notify::new() }
    }

    fn look(&self) -> GpsInstant {
        let (at, shown) = (Instant::now(), self.leap.gps(utc()));
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let expected = seen.shown + at.duration_since(seen.at);
        (seen.at, seen.shown) = (at, shown);
        if expected.abs_diff(shown) >= STEP {
            seen.steps.push_back(ClockStep { from: expected, to: shown });
            self.stepped.notify_one();
        }
        shown
    }

    fn next_step(&self) -> Option<ClockStep> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).steps.pop_front()
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new(LeapSeconds::default())
    }
}

/// Time since the Unix epoch, as UTC counts it.
fn utc() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> GpsInstant {
        self.look()
    }

    async fn sleep_until(&self, at: GpsInstant) {
        loop {
            let left = at.since(self.look());
            if left.is_zero() {
                return;
            }
            // In short naps, so that a step of the clock is followed soon.
            sleep(left.min(LOOK)).await;
        }
    }

    async fn stepped(&self) -> ClockStep {
        loop {
            self.look();
            if let Some(step) = self.next_step() {
                return step;
            }
            tokio::select! {
                () = self.stepped.notified() => {}
                () = sleep(LOOK) => {}
            }
        }
    }
}
