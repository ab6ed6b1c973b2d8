//! What the air does to frames.

use crate::rng::{Chance, Draws};

/// How frames get lost between the gateway and one device.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Channel {
    /// Each frame on its own, with the same probability.
    Independent(Chance),
}

impl Channel {
    /// Independent losses with this probability, 0 to 1.
    #[must_use]
    pub fn independent(loss: f64) -> Self {
        Self::Independent(Chance::new(loss))
    }

    /// Whether the next frame is lost. Draws once per frame, lost or not.
    pub fn loses(&mut self, draws: &mut Draws) -> bool {
        match self {
            Self::Independent(loss) => draws.happens(*loss),
        }
    }
}
