//! How often every downlink was handed over, and how often it went on air.

use std::collections::BTreeMap;

use fuota_engine::campaign::io::{Dest, Report, Transmit};
use fuota_engine::ids::TxId;
use fuota_proto::fragmentation::v1;
use serde::Serialize;

use crate::world::Told;

/// Every downlink that was ever taken.
#[derive(Debug)]
pub(super) struct Ledger {
    fragment_port: u8,
    downlinks: BTreeMap<TxId, Entry>,
}

#[derive(Debug)]
struct Entry {
    first: Transmit,
    taken: u32,
    on_air: u32,
    is_identical: bool,
    /// What became of it last.
    report: Option<Report>,
}

/// The account of one downlink.
#[derive(Debug, Serialize)]
pub(crate) struct Account {
    id: u64,
    /// The device; nothing for the group.
    device: Option<String>,
    /// The group; nothing for a device.
    group: Option<u8>,
    /// Number of the fragment that it carries.
    fragment: Option<u16>,
    /// How often it was handed over and taken.
    taken: u32,
    /// How often it went on air.
    on_air: u32,
    /// Whether it was the same octets, for the same port, each time.
    identical: bool,
}

impl Ledger {
    pub(super) const fn new(fragment_port: u8) -> Self {
        Self { fragment_port, downlinks: BTreeMap::new() }
    }

    /// A downlink was taken.
    pub(super) fn take(&mut self, transmit: &Transmit) {
        let entry = self.downlinks.entry(transmit.id).or_insert_with(|| Entry {
            first: transmit.clone(),
            taken: 0,
            on_air: 0,
            is_identical: true,
            report: None,
        });
        let Transmit { dest, port, payload, .. } = &entry.first;
        entry.is_identical &= (*dest, *port, payload) == (transmit.dest, transmit.port, &transmit.payload);
        entry.taken += 1;
        // It waits again.
        entry.report = None;
    }

    /// Something happened, perhaps to a downlink.
    pub(super) fn note(&mut self, told: &Told) {
        if let Told::Downlink { id, report } = *told
            && let Some(entry) = self.downlinks.get_mut(&id)
        {
            entry.on_air += u32::from(matches!(report, Report::Sent { .. }));
            entry.report = Some(report);
        }
    }

    /// What became of a downlink; `None` if it was never taken, and `Some(None)` while it waits.
    pub(super) fn find(&self, id: TxId) -> Option<Option<Report>> {
        self.downlinks.get(&id).map(|entry| entry.report)
    }

    /// The account of every downlink.
    pub(super) fn accounts(&self) -> Vec<Account> {
        let account = |(id, entry): (&TxId, &Entry)| {
            let (device, group) = match entry.first.dest {
                Dest::Unicast(device) => (Some(device.to_string()), None),
                Dest::Multicast(group) => (None, Some(group.0)),
            };
            Account {
                id: id.0,
                device,
                group,
                fragment: group.and_then(|_| self.fragment(&entry.first)),
                taken: entry.taken,
                on_air: entry.on_air,
                identical: entry.is_identical,
            }
        };
        self.downlinks.iter().map(account).collect()
    }

    /// The number of the fragment that a downlink carries.
    fn fragment(&self, transmit: &Transmit) -> Option<u16> {
        if transmit.port != self.fragment_port {
            return None;
        }
        v1::Downlink::commands(&transmit.payload).find_map(|command| match command {
            Ok(v1::Downlink::DataFragment(fragment)) => Some(fragment.n.get()),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fuota_engine::ids::{DevEui, GroupId};
    use fuota_engine::time::GpsInstant;

    fn fragment(octet: u8) -> Transmit {
        Transmit {
            id: TxId(7),
            dest: Dest::Multicast(GroupId(0)),
            port: 201,
            payload: vec![0x08, 3, 0, octet],
            not_before: GpsInstant::EPOCH,
            expires_at: GpsInstant::MAX,
        }
    }

    #[test]
    fn repeats_are_counted_and_compared() {
        let mut ledger = Ledger::new(201);
        let sent = Told::Downlink { id: TxId(7), report: Report::Sent { at: GpsInstant::EPOCH } };
        assert_eq!(ledger.find(TxId(7)), None);
        ledger.take(&fragment(1));
        assert_eq!(ledger.find(TxId(7)), Some(None), "it waits");
        ledger.note(&sent);
        ledger.take(&fragment(1));
        ledger.note(&sent);
        ledger.take(&Transmit { id: TxId(8), dest: Dest::Unicast(DevEui(5)), ..fragment(1) });
        let accounts = ledger.accounts();
        assert_eq!((accounts[0].taken, accounts[0].on_air, accounts[0].identical), (2, 2, true));
        assert_eq!((accounts[0].group, accounts[0].fragment), (Some(0), Some(3)));
        assert_eq!((accounts[1].on_air, accounts[1].fragment), (0, None));
        assert_eq!(accounts[1].device.as_deref(), Some("0000000000000005"));
        ledger.take(&fragment(2));
        assert!(!ledger.accounts()[0].identical);
    }
}
