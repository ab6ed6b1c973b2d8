//! What is to come, in order.
//!
//! A poll of a million devices brings a million answers at random moments. They are put in order once, and since all answers
//! take equally long, they end in the order in which they began: neither needs a search tree.

use std::collections::{BTreeMap, VecDeque};

use fuota_engine::campaign::io::Transmit;
use fuota_engine::time::GpsInstant;

/// Something on the agenda.
pub(super) enum Happening {
    /// A downlink has left the antennas.
    Sent(Transmit),
    /// A device has something to say.
    Speaks(u32),
    /// An uplink ends.
    Heard(u32),
}

/// A moment, and a number that rises with each entry: what is due at the same moment comes in the order in which it was
/// entered.
type Turn = (GpsInstant, u64);

#[derive(Default)]
pub(super) struct Agenda {
    serial: u64,
    /// Downlinks, and devices that were asked one by one.
    single: BTreeMap<Turn, Happening>,
    /// Devices that were polled, the first to speak last.
    polled: Vec<(Turn, u32)>,
    /// Devices on air, the first to end first.
    on_air: VecDeque<(Turn, u32)>,
}

impl Agenda {
    fn turn(&mut self, at: GpsInstant) -> Turn {
        self.serial += 1;
        (at, self.serial)
    }

    /// A downlink leaves the antennas then.
    pub(super) fn send(&mut self, at: GpsInstant, transmit: Transmit) {
        let turn = self.turn(at);
        self.single.insert(turn, Happening::Sent(transmit));
    }

    /// A device speaks then.
    pub(super) fn ask(&mut self, at: GpsInstant, device: u32) {
        let turn = self.turn(at);
        self.single.insert(turn, Happening::Speaks(device));
    }

    /// Devices speak then.
    pub(super) fn poll(&mut self, answers: impl IntoIterator<Item = (GpsInstant, u32)>) {
        for (at, device) in answers {
            let turn = self.turn(at);
            self.polled.push((turn, device));
        }
        self.polled.sort_unstable_by(|a, b| b.cmp(a));
    }

    /// What a device says ends then, and not before what others have begun to say.
    pub(super) fn hear(&mut self, at: GpsInstant, device: u32) {
        let turn = self.turn(at);
        debug_assert!(self.on_air.back().is_none_or(|(last, _)| *last < turn));
        self.on_air.push_back((turn, device));
    }

    /// When something happens next.
    pub(super) fn next(&self) -> Option<GpsInstant> {
        self.next_turn().map(|(at, _)| at)
    }

    fn next_turn(&self) -> Option<Turn> {
        let single = self.single.first_key_value().map(|(turn, _)| *turn);
        let (polled, on_air) = (self.polled.last(), self.on_air.front());
        let answers = [polled, on_air].into_iter().flatten().map(|(turn, _)| *turn);
        single.into_iter().chain(answers).min()
    }

    /// Takes what happens next.
    pub(super) fn pop(&mut self) -> Option<(GpsInstant, Happening)> {
        let turn = self.next_turn()?;
        let happening = if let Some((_, device)) = self.polled.pop_if(|(it, _)| *it == turn) {
            Happening::Speaks(device)
        } else if let Some((_, device)) = self.on_air.pop_front_if(|(it, _)| *it == turn) {
            Happening::Heard(device)
        } else {
            self.single.remove(&turn)?
        };
        Some((turn.0, happening))
    }
}
