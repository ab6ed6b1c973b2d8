//! Time, as the driver needs it.

use async_trait::async_trait;

use crate::time::GpsInstant;

/// GPS time, and waiting for it.
///
/// Campaigns live on GPS time, because sessions start at GPS seconds that devices know. Waiting is monotonic: a
/// [`Clock`] whose time is stepped neither fires early nor sleeps on, it tells of the step.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The time.
    fn now(&self) -> GpsInstant;

    /// Waits until the clock shows `at`. Ready at once if it has passed. If the clock is stepped meanwhile, the
    /// moment is the one that the stepped clock shows.
    async fn sleep_until(&self, at: GpsInstant);

    /// Waits for the next step of the clock. Every step is told once, to one caller.
    async fn stepped(&self) -> ClockStep;
}

/// The clock was set: it jumped from one moment to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockStep {
    /// What it would have shown.
    pub from: GpsInstant,
    /// What it shows.
    pub to: GpsInstant,
}
