//! The adaptive policy: parity in batches, each as long as the devices' answers to the poll before it ask for.
//!
//! All uncoded fragments go out with as much parity as the expected loss takes. Then the group is asked for its status in
//! such a way that only devices still missing something answer (Participants = 0, TS004-1.0.0 §3.2), the request sent
//! twice. What they miss and how much they lost so far says how much more they need ([`count`]); a few that need far more
//! than all others are outvoted ([`ballot`]), and who says what cannot be is not believed ([`hearing`]). That goes on until two polls in a row bring no answer that can be believed,
//! or name no more devices than may fail ([`course`]).
//!
//! Where each frame is on air at several gateways, the last few devices may be served one by one instead ([`repair`]).
//!
//! Silence is no more than a hint. Who kept it is counted as *inferred*, never as confirmed; and where so many devices
//! share a window that collisions may have caused the silence, a random sample is asked one by one first.
//!
//! Bounds: as many fragments as the operator allows and the 14-bit number can tell apart, what is left of the session
//! and of the campaign, and [`POLLS_MAX`].

mod ballot;
mod count;
mod course;
mod early;
mod flow;
mod hearing;
mod repair;

use super::policy::{Batch, RedundancyPolicy};

pub(super) use self::count::Track;
pub(super) use self::course::Course;
pub(super) use self::early::Early;

/// Polls at most.
pub(super) const POLLS_MAX: u16 = 20;
/// How often the request of a poll is sent.
pub(super) const REQUESTS: u8 = 2;

/// How much the adaptive policy sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Adaptive {
    /// Parity fragments of the first batch.
    pub(super) first: u16,
    /// Parity fragments in all, at most.
    pub(super) most: u16,
}

impl RedundancyPolicy for Adaptive {
    fn batch(&self, nb_frag: u16, round: u16) -> Option<Batch> {
        // What follows the first batch is decided by polls.
        (round == 1).then(|| Batch { first: 1, last: nb_frag + self.first })
    }

    fn rounds_max(&self) -> u16 {
        POLLS_MAX
    }

    fn has_parity(&self) -> bool {
        self.most > 0
    }

    fn may_still_complete(&self) -> bool {
        false
    }
}
