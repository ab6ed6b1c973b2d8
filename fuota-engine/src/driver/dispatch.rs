//! Who has to hear what the network server tells.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{broadcast, mpsc};

use super::item::{Item, SharedReceipt};
use super::metric;
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
    campaigns: HashMap<CampaignId, Line>,
    /// A device may be in several campaigns, with another session in each.
    devices: HashMap<DevEui, Vec<CampaignId>>,
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
            for device in devices {
                lines.devices.entry(device).or_default().push(id);
            }
            lines.campaigns.insert(id, line);
            metric::campaigns(lines.campaigns.len());
        });
    }

    /// From now on it hears nothing.
    pub(super) fn disconnect(&self, id: CampaignId) {
        self.with(|lines| {
            lines.campaigns.remove(&id);
            metric::campaigns(lines.campaigns.len());
            lines.devices.retain(|_, campaigns| {
                campaigns.retain(|campaign| *campaign != id);
                !campaigns.is_empty()
            });
        });
    }

    pub(super) fn line(&self, id: CampaignId) -> Option<Line> {
        self.with(|lines| lines.campaigns.get(&id).cloned())
    }

    pub(super) fn lines(&self) -> Vec<Line> {
        self.with(|lines| lines.campaigns.values().cloned().collect())
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
        self.with(|lines| match event {
            TransportEvent::Uplink { from, .. } => {
                let campaigns = lines.devices.get(from).into_iter().flatten();
                campaigns.filter_map(|campaign| lines.campaigns.get(campaign).cloned()).collect()
            }
            TransportEvent::Downlink { campaign, .. } => {
                lines.campaigns.get(campaign).cloned().into_iter().collect()
            }
        })
    }

    fn with<T>(&self, with: impl FnOnce(&mut Lines) -> T) -> T {
        with(&mut self.lines.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
