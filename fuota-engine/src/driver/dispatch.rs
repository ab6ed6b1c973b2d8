//! Who has to hear what the network server tells.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{broadcast, mpsc};

use super::item::{Item, SharedReceipt};
use super::notice::Notice;
use super::store::CampaignId;
use super::transport::{Delivery, Receipt, TransportEvent};
use crate::ids::DevEui;

/// The campaigns that this node works on, and their devices.
#[derive(Debug, Default)]
pub(super) struct Switchboard {
    lines: Mutex<Lines>,
}

#[derive(Debug, Default)]
struct Lines {
    campaigns: HashMap<CampaignId, Connected>,
    /// Who is in which campaigns: a device may be in several, with another session in each.
    devices: BTreeSet<(DevEui, CampaignId)>,
}

#[derive(Debug)]
struct Connected {
    line: Line,
    devices: Vec<DevEui>,
}

/// How a campaign is reached.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) inbox: mpsc::Sender<Item>,
    pub(super) notices: broadcast::Sender<Notice>,
}

impl Switchboard {
    /// From now on the campaign hears its devices and its reports.
    pub(super) fn connect(&self, id: CampaignId, line: Line, devices: Vec<DevEui>) {
        self.with(|lines| {
            lines.devices.extend(devices.iter().map(|device| (*device, id)));
            lines.campaigns.insert(id, Connected { line, devices });
        });
    }

    /// From now on it hears nothing.
    pub(super) fn disconnect(&self, id: CampaignId) {
        self.with(|lines| {
            // Nobody else's devices are looked at, however many the node has.
            let connected = lines.campaigns.remove(&id);
            for device in connected.into_iter().flat_map(|connected| connected.devices) {
                lines.devices.remove(&(device, id));
            }
        });
    }

    pub(super) fn line(&self, id: CampaignId) -> Option<Line> {
        self.with(|lines| lines.campaigns.get(&id).map(|connected| connected.line.clone()))
    }

    pub(super) fn lines(&self) -> Vec<Line> {
        self.with(|lines| lines.campaigns.values().map(|connected| connected.line.clone()).collect())
    }

    /// Brings something to everybody whom it concerns; waits while an inbox is full. The receipt comes back if nobody
    /// here is concerned.
    pub(super) async fn deliver(&self, delivery: Delivery) -> Option<Receipt> {
        let concerned = self.concerned(&delivery.event);
        if concerned.is_empty() {
            return delivery.receipt;
        }
        let event = Arc::new(delivery.event);
        let receipt = delivery.receipt.map(|receipt| Arc::new(SharedReceipt::new(receipt, concerned.len())));
        for line in concerned {
            let item = Item::Heard { event: Arc::clone(&event), receipt: receipt.clone() };
            // A campaign that ended meanwhile leaves the receipt with the others, and the event comes again.
            let _ = line.inbox.send(item).await;
        }
        None
    }

    fn concerned(&self, event: &TransportEvent) -> Vec<Line> {
        self.with(|lines| {
            let line = |id: &CampaignId| lines.campaigns.get(id).map(|connected| connected.line.clone());
            match event {
                TransportEvent::Uplink { from, .. } => {
                    let of_device = (*from, CampaignId(0))..=(*from, CampaignId(u64::MAX));
                    lines.devices.range(of_device).filter_map(|(_, id)| line(id)).collect()
                }
                TransportEvent::Downlink { campaign, .. } => line(campaign).into_iter().collect(),
            }
        })
    }

    fn with<T>(&self, with: impl FnOnce(&mut Lines) -> T) -> T {
        with(&mut self.lines.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::io::Report;
    use crate::ids::TxId;
    use crate::time::GpsInstant;

    fn line() -> (Line, mpsc::Receiver<Item>) {
        let (inbox, receiver) = mpsc::channel(8);
        (Line { inbox, notices: broadcast::channel(1).0 }, receiver)
    }

    fn uplink(device: u64) -> Delivery {
        let received = GpsInstant::from_secs(1);
        let event = TransportEvent::Uplink { from: DevEui(device), port: 1, payload: Vec::new(), received };
        Delivery { event, receipt: Some(Receipt(device)) }
    }

    #[tokio::test]
    async fn a_device_is_heard_by_its_campaigns_until_they_leave() {
        let board = Switchboard::default();
        let [(first, mut at_first), (second, mut at_second)] = [line(), line()];
        board.connect(CampaignId(1), first, vec![DevEui(1), DevEui(2)]);
        board.connect(CampaignId(u64::MAX), second, vec![DevEui(2), DevEui(3)]);
        for (device, heard_by) in
            [(1, (true, false)), (2, (true, true)), (3, (false, true)), (4, (false, false))]
        {
            let left = board.deliver(uplink(device)).await;
            assert_eq!((at_first.try_recv().is_ok(), at_second.try_recv().is_ok()), heard_by, "{device}");
            assert_eq!(left.is_some(), heard_by == (false, false));
        }
        board.disconnect(CampaignId(1));
        assert_eq!(board.deliver(uplink(1)).await, Some(Receipt(1)));
        assert_eq!(board.deliver(uplink(2)).await, None);
        assert!(at_second.try_recv().is_ok());
        let report =
            TransportEvent::Downlink { campaign: CampaignId(1), id: TxId(1), report: Report::Dropped };
        let late = board.deliver(Delivery { event: report, receipt: Some(Receipt(7)) }).await;
        assert_eq!(late, Some(Receipt(7)));
        board.disconnect(CampaignId(u64::MAX));
        board.with(|lines| assert!(lines.devices.is_empty() && lines.campaigns.is_empty()));
    }
}
