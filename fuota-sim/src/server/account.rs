//! What the gateway sent, and for what.

use std::time::Duration;

use fuota_engine::time::GpsInstant;
use fuota_proto::Command as _;
use fuota_proto::fragmentation::DataFragment;
use fuota_proto::fragmentation::v1::Downlink;
use serde::{Deserialize, Serialize};

/// Time on air and fragments.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Account {
    fragment_port: u8,
    /// Fragments on air, repeats included.
    pub(crate) fragments: u32,
    /// Time on air before the first fragment.
    pub(crate) setup_airtime: Duration,
    /// Time on air from the first fragment on.
    pub(crate) airtime: Duration,
    /// First bit of the first fragment to last bit of the last.
    pub(crate) data_phase: Option<(GpsInstant, GpsInstant)>,
}

impl Account {
    pub(crate) const fn new(fragment_port: u8) -> Self {
        Self {
            fragment_port,
            fragments: 0,
            setup_airtime: Duration::ZERO,
            airtime: Duration::ZERO,
            data_phase: None,
        }
    }

    /// Notes a multicast frame. Whether it carries a fragment and nothing else: a DataFragment takes all that follows it
    /// (TS004-1.0.0 §3.6).
    pub(crate) fn multicast(&mut self, start: GpsInstant, end: GpsInstant, port: u8, payload: &[u8]) -> bool {
        let is_fragment = port == self.fragment_port
            && Downlink::commands(payload).any(|command| matches!(command, Ok(Downlink::DataFragment(_))));
        if is_fragment {
            self.fragments += 1;
            let first = self.data_phase.map_or(start, |(first, _)| first);
            self.data_phase = Some((first, end));
        }
        self.charge(start, end);
        is_fragment && payload.first() == Some(&DataFragment::CID)
    }

    pub(crate) fn unicast(&mut self, start: GpsInstant, end: GpsInstant) {
        self.charge(start, end);
    }

    fn charge(&mut self, start: GpsInstant, end: GpsInstant) {
        let account = if self.data_phase.is_some() { &mut self.airtime } else { &mut self.setup_airtime };
        *account += end.since(start);
    }
}
