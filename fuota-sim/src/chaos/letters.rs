//! What passes between network and node: some of it twice, some of it late, some of it never.

use std::collections::BTreeMap;
use std::time::Duration;

use fuota_engine::campaign::io::{Derived, GroupReport, Input, Order, Refusal, Report};
use fuota_engine::ids::{DevEui, GroupId, TxId};
use fuota_engine::time::GpsInstant;

use super::case::NetworkCase;
use super::setting::share;
use crate::rng::{Chance, Draws, Stream};

/// Something that the node learns.
#[derive(Clone, Debug)]
pub(super) enum Letter {
    /// A device was heard, or somebody in its name.
    Uplink { from: DevEui, port: u8, payload: Vec<u8>, received: GpsInstant, honest: bool },
    /// What became of a downlink.
    Downlink { id: TxId, report: Report },
    /// What became of a group.
    Group { id: GroupId, report: GroupReport },
    /// Something was derived.
    Derived { device: DevEui, value: Derived },
    /// The operator wants something.
    Order(Order),
}

impl Letter {
    /// It in the campaign's words.
    pub(super) fn input(&self) -> Input<'_> {
        match *self {
            Self::Uplink { from, port, ref payload, received, .. } => {
                Input::Uplink { from, port, payload, received }
            }
            Self::Downlink { id, report } => Input::Downlink { id, report },
            Self::Group { id, report } => Input::Group { id, report },
            Self::Derived { device, value } => Input::Derived { device, value },
            Self::Order(order) => Input::Operator(order),
        }
    }

    /// Whether it comes again if it was not acknowledged. What the node asked for it asks for again.
    pub(super) const fn comes_again(&self) -> bool {
        matches!(self, Self::Uplink { .. } | Self::Downlink { .. } | Self::Order(_))
    }
}

/// Whoever brings them.
#[derive(Debug)]
pub(super) struct Courier {
    network: NetworkCase,
    draws: Draws,
    waiting: BTreeMap<(GpsInstant, u64), Letter>,
    posted: u64,
}

impl Courier {
    pub(super) fn new(network: NetworkCase, seed: u64) -> Self {
        Self { network, draws: Draws::new(seed, 2, Stream::Chaos), waiting: BTreeMap::new(), posted: 0 }
    }

    /// When the next one comes.
    pub(super) fn next_at(&self) -> Option<GpsInstant> {
        self.waiting.first_key_value().map(|((at, _), _)| *at)
    }

    /// The next one that has come by now.
    pub(super) fn due(&mut self, now: GpsInstant) -> Option<Letter> {
        let first = self.waiting.first_entry().filter(|entry| entry.key().0 <= now)?;
        Some(first.remove())
    }

    /// Brings a letter within so many seconds.
    fn post(&mut self, now: GpsInstant, within: u32, letter: Letter) {
        let delay = self.draws.within(Duration::from_secs(within.into()));
        self.posted += 1;
        self.waiting.insert((now + delay, self.posted), letter);
    }

    /// The network server reports on a downlink.
    pub(super) fn report(&mut self, now: GpsInstant, id: TxId, report: Report) {
        if self.happens(self.network.report_lost) {
            return;
        }
        for _ in 0..1 + u32::from(self.happens(self.network.report_twice)) {
            self.post(now, self.network.report_delay, Letter::Downlink { id, report });
        }
    }

    /// The key store or the network server answers.
    pub(super) fn answer(&mut self, now: GpsInstant, letter: Letter) {
        self.post(now, self.network.derive_delay, letter);
    }

    /// The node crashed: nobody is left for what it asked for.
    pub(super) fn forget_answers(&mut self) {
        self.waiting.retain(|_, letter| letter.comes_again());
    }

    /// Why the network server does not take a downlink, if it does not.
    pub(super) fn refuses(&mut self) -> Option<Refusal> {
        let refuses = self.happens(self.network.downlink_refused);
        refuses.then(|| if self.happens(50) { Refusal::Busy } else { Refusal::DutyCycle })
    }

    /// Whether the network server loses a downlink without a word.
    pub(super) fn loses(&mut self) -> bool {
        self.happens(self.network.downlink_lost)
    }

    fn happens(&mut self, percent: u32) -> bool {
        percent > 0 && self.draws.happens(Chance::new(share(percent)))
    }
}
