//! What waits to be taken from a campaign.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::ops::RangeInclusive;

use super::io::{Output, Transmit};
use super::tx::{Cargo, parts};
use crate::ids::TxId;

/// Outputs in order. News of devices that follow one another in the plan take one place: when a whole fleet's fate is
/// decided at once, it is not a whole fleet's reports that wait.
#[derive(Clone, Debug, Default)]
pub(super) struct Outputs(VecDeque<Waiting>);

/// Something that waits.
#[derive(Clone, Debug)]
pub(super) enum Waiting {
    Output(Output),
    /// News of these devices, by their place in the plan.
    Devices(RangeInclusive<u32>),
}

impl Outputs {
    pub(super) fn push_back(&mut self, output: Output) {
        self.0.push_back(Waiting::Output(output));
    }

    pub(super) fn push_front(&mut self, output: Output) {
        self.0.push_front(Waiting::Output(output));
    }

    /// News of a device. What is told is how it stands when that is taken.
    pub(super) fn push_device(&mut self, index: u32) {
        if let Some(Waiting::Devices(devices)) = self.0.back_mut()
            && devices.end().checked_add(1) == Some(index)
        {
            *devices = *devices.start()..=index;
            return;
        }
        self.0.push_back(Waiting::Devices(index..=index));
    }

    /// Takes the next output, or the next device that there is news of.
    pub(super) fn pop_front(&mut self) -> Option<Result<Output, u32>> {
        if let Waiting::Devices(devices) = self.0.front_mut()? {
            let (first, last) = (*devices.start(), *devices.end());
            if first < last {
                *devices = first + 1..=last;
            } else {
                self.0.pop_front();
            }
            return Some(Err(first));
        }
        match self.0.pop_front()? {
            Waiting::Output(output) => Some(Ok(output)),
            // Looked at above.
            Waiting::Devices(devices) => Some(Err(*devices.start())),
        }
    }

    /// Forgets the outputs that are not wanted; news of devices stays.
    pub(super) fn retain(&mut self, wanted: impl Fn(&Output) -> bool) {
        self.0.retain(|waiting| match waiting {
            Waiting::Output(output) => wanted(output),
            Waiting::Devices(_) => true,
        });
    }

    /// Takes out the answers to devices that wait.
    pub(super) fn take_replies(&mut self) -> Vec<Transmit> {
        let mut replies = Vec::new();
        self.0.retain(|waiting| match waiting {
            Waiting::Output(Output::Transmit(tx)) if parts(tx.id).1 == Cargo::Reply => {
                replies.push(tx.clone());
                false
            }
            _ => true,
        });
        replies
    }

    /// Forgets an answer to a device, if it waits.
    pub(super) fn forget_reply(&mut self, id: TxId) {
        self.retain(|output| !matches!(output, Output::Transmit(tx) if tx.id == id));
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    #[cfg(feature = "records")]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Extend<Output> for Outputs {
    fn extend<I: IntoIterator<Item = Output>>(&mut self, outputs: I) {
        self.0.extend(outputs.into_iter().map(Waiting::Output));
    }
}

impl FromIterator<Output> for Outputs {
    fn from_iter<I: IntoIterator<Item = Output>>(outputs: I) -> Self {
        Self(outputs.into_iter().map(Waiting::Output).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_of_neighbours_take_one_place_and_come_out_one_by_one() {
        let mut outputs = Outputs::default();
        for index in [3, 4, 5, 7] {
            outputs.push_device(index);
        }
        outputs.push_back(Output::Wait(None));
        outputs.push_device(8);
        assert_eq!(outputs.0.len(), 4);
        outputs.retain(|_| false);
        let taken: Vec<_> = core::iter::from_fn(|| outputs.pop_front()).collect();
        assert_eq!(taken, [3, 4, 5, 7, 8].map(Err));
        assert!(outputs.pop_front().is_none());
    }
}
