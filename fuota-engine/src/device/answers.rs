//! Answers waiting for their uplink.

use core::time::Duration;

use fuota_proto::{CommandSet, EncodeError, Writer};
use heapless::{Deque, Vec};

use super::output::MAX_UPLINK;
use crate::time::GpsInstant;

/// From a downlink to its answers: the LoRaWAN stack has done its windows by then.
pub(super) const ANSWER_DELAY: Duration = Duration::from_secs(1);

/// What to answer, kept short until it leaves: `A` says what, the octets are made when the uplink is. At most
/// `CAPACITY` wait at once; a payload that asks for more gets the first of them: what is missing, the server asks for
/// again.
#[derive(Debug)]
pub(super) struct Answers<A, const CAPACITY: usize> {
    queue: Deque<A, CAPACITY>,
    due: GpsInstant,
}

impl<A, const CAPACITY: usize> Answers<A, CAPACITY> {
    pub(super) const fn new() -> Self {
        Self { queue: Deque::new(), due: GpsInstant::EPOCH }
    }

    /// Appends an answer to a request that came at `now`.
    pub(super) fn push(&mut self, now: GpsInstant, answer: A) {
        if self.queue.is_empty() {
            self.due = now + ANSWER_DELAY;
        }
        // A full queue loses the last answers, as an uplink that is too short does.
        let _ = self.queue.push_back(answer);
    }

    /// When the answers leave, if there are any.
    pub(super) fn due(&self) -> Option<GpsInstant> {
        (!self.queue.is_empty()).then_some(self.due)
    }

    /// The device's clock is set forward or back by this many seconds.
    pub(super) fn shift(&mut self, seconds: i32) {
        self.due = self.due.shifted(seconds);
    }

    /// One uplink with the answers that are due, in the order of the requests. Those that do not fit in
    /// `max_uplink` octets are dropped, and with them all that follow, so that no answer stands out of order.
    pub(super) fn uplink<C: for<'a> CommandSet<'a>>(
        &mut self,
        now: GpsInstant,
        max_uplink: usize,
        mut encode: impl FnMut(A, usize) -> Option<C>,
    ) -> Option<Vec<u8, MAX_UPLINK>> {
        if self.due().is_none_or(|due| now < due) {
            return None;
        }
        let mut buffer = [0; MAX_UPLINK];
        let mut out = Writer::new(buffer.get_mut(..max_uplink.min(MAX_UPLINK)).unwrap_or_default());
        while let Some(answer) = self.queue.pop_front() {
            let fitted: Result<(), EncodeError> = match encode(answer, out.available()) {
                Some(command) => command.encode(&mut out),
                None => Ok(()),
            };
            if fitted.is_err() {
                self.queue.clear();
            }
        }
        Vec::from_slice(out.written()).ok().filter(|payload| !payload.is_empty())
    }
}
