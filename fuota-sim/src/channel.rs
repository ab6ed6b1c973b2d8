//! What the air does to frames.

use std::sync::Arc;

use crate::rng::{Chance, Draws};
use crate::scenario::Trace;

/// How frames get lost between a gateway and one device.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Channel {
    /// Each frame on its own, with the same probability.
    Independent(Chance),
    /// In bursts (Gilbert and Elliott): what is sent while the channel is bad is lost.
    GilbertElliott {
        /// Of turning bad.
        good_to_bad: Chance,
        /// Of turning good.
        bad_to_good: Chance,
        /// How it is.
        bad: bool,
    },
    /// As recorded, again from the beginning when the record ends.
    Replay {
        /// The record.
        trace: Arc<Trace>,
        /// Whose record.
        series: usize,
        /// Which frame is next.
        next: usize,
    },
}

impl Channel {
    /// Independent losses with this probability, 0 to 1.
    #[must_use]
    pub fn independent(loss: f64) -> Self {
        Self::Independent(Chance::new(loss))
    }

    /// Losses in bursts, with the probabilities of turning bad and good per frame. How it begins is drawn: bad in the
    /// share of time that it is bad in the long run.
    #[must_use]
    pub fn gilbert_elliott(good_to_bad: f64, bad_to_good: f64, draws: &mut Draws) -> Self {
        let both = good_to_bad + bad_to_good;
        let share = if both > 0.0 { good_to_bad / both } else { 0.0 };
        Self::GilbertElliott {
            good_to_bad: Chance::new(good_to_bad),
            bad_to_good: Chance::new(bad_to_good),
            bad: draws.happens(Chance::new(share)),
        }
    }

    /// Losses as recorded; devices beyond those on record get a record again.
    #[must_use]
    pub fn replay(trace: &Arc<Trace>, device: u32) -> Self {
        let series = device as usize % trace.len().max(1);
        Self::Replay { trace: Arc::clone(trace), series, next: 0 }
    }

    /// What becomes of every frame, where nothing is left to chance.
    #[must_use]
    pub const fn certain(&self) -> Option<bool> {
        match self {
            Self::Independent(loss) => loss.certain(),
            Self::GilbertElliott { .. } | Self::Replay { .. } => None,
        }
    }

    /// Which of the next 64 frames are lost: the first in the lowest bit.
    pub fn loses_64(&mut self, draws: &mut Draws) -> u64 {
        match self {
            Self::Independent(loss) => draws.happens_64(*loss),
            Self::GilbertElliott { .. } | Self::Replay { .. } => {
                (0..64).fold(0, |lost, frame| lost | u64::from(self.loses(draws)) << frame)
            }
        }
    }

    /// Whether the next frame is lost. Draws once per frame, lost or not, or never.
    pub fn loses(&mut self, draws: &mut Draws) -> bool {
        match self {
            Self::Independent(loss) => draws.happens(*loss),
            Self::GilbertElliott { good_to_bad, bad_to_good, bad } => {
                let lost = *bad;
                *bad ^= draws.happens(if lost { *bad_to_good } else { *good_to_bad });
                lost
            }
            Self::Replay { trace, series, next } => {
                let lost = trace.is_lost(*series, *next);
                *next += 1;
                lost
            }
        }
    }
}
