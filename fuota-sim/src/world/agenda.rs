//! What happens when: a queue ordered by time, and by the order of entry within the same moment.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use fuota_engine::ids::TxId;
use fuota_engine::time::GpsInstant;

/// Something that happens at a moment. Devices are counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Happening {
    /// A device's ordinary uplink is due.
    Periodic(u32),
    /// A device's session or radio wants to be looked after.
    Wake(u32),
    /// The last bit of a device's uplink is on air.
    Uplink(u32),
    /// A copy of an uplink reaches the campaign.
    Arrival(u64),
    /// A device opens its first receive window.
    Rx1(u32),
    /// A device opens its second receive window.
    Rx2(u32),
    /// The next multicast frame may be due.
    Multicast,
    /// A frame on air ends.
    Downlink(TxId),
    /// A downlink that still waits is too late.
    Expiry(TxId),
}

/// The queue.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    heap: BinaryHeap<Reverse<(GpsInstant, u64, Happening)>>,
    entered: u64,
}

impl Agenda {
    pub(super) fn at(&mut self, moment: GpsInstant, happening: Happening) {
        self.heap.push(Reverse((moment, self.entered, happening)));
        self.entered += 1;
    }

    /// When the next thing happens.
    pub(super) fn next_at(&self) -> Option<GpsInstant> {
        self.heap.peek().map(|Reverse((moment, ..))| *moment)
    }

    pub(super) fn pop(&mut self) -> Option<Happening> {
        self.heap.pop().map(|Reverse((.., happening))| happening)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_decides_and_then_the_order_of_entry() {
        let mut agenda = Agenda::default();
        let at = GpsInstant::from_secs;
        agenda.at(at(2), Happening::Multicast);
        agenda.at(at(1), Happening::Rx1(7));
        agenda.at(at(1), Happening::Periodic(9));
        assert_eq!((agenda.next_at(), agenda.pop()), (Some(at(1)), Some(Happening::Rx1(7))));
        assert_eq!((agenda.next_at(), agenda.pop()), (Some(at(1)), Some(Happening::Periodic(9))));
        assert_eq!((agenda.next_at(), agenda.pop()), (Some(at(2)), Some(Happening::Multicast)));
        assert_eq!((agenda.next_at(), agenda.pop()), (None, None));
    }
}
