//! A network server whose devices are heard once and answer McGroupSetupReq at once.

use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use fuota_engine::campaign::io::{Dest, Report, Transmit};
use fuota_engine::driver::SystemClock;
use fuota_engine::driver::Transport;
use fuota_engine::driver::clock::Clock;
use fuota_engine::driver::store::CampaignId;
use fuota_engine::driver::transport::{
    Capabilities, Delivery, Gateway, Handover, Provision, ProvisionError, Receipt, SendError, TransportError,
    TransportEvent,
};
use fuota_engine::ids::{DevEui, GroupId, TxId};
use tokio::sync::{Mutex, Notify, mpsc};

/// FPort and command of the request that is answered: McGroupSetupReq (TS005-1.0.0 §3.3).
const GROUP_SETUP: (u8, u8) = (200, 0x02);
/// FPort and command of what comes next: FragSessionSetupReq (TS004-1.0.0 §3.3).
const SESSION_SETUP: (u8, u8) = (201, 0x02);

pub(super) struct Fleet {
    campaigns: u64,
    devices: u64,
    clock: SystemClock,
    /// Set when the devices begin to speak.
    speaks: Notify,
    /// Uplinks that were heard, one of each device, by turns of the campaigns.
    heard: AtomicU64,
    said: mpsc::UnboundedSender<TransportEvent>,
    saying: Mutex<mpsc::UnboundedReceiver<TransportEvent>>,
    asked_again: AtomicU64,
    done: Notify,
}

impl Fleet {
    pub(super) fn new(campaigns: u64, devices: u64) -> Self {
        let (said, saying) = mpsc::unbounded_channel();
        Self {
            campaigns,
            devices,
            clock: SystemClock::default(),
            speaks: Notify::new(),
            heard: AtomicU64::new(campaigns * devices),
            said,
            saying: Mutex::new(saying),
            asked_again: AtomicU64::new(0),
            done: Notify::new(),
        }
    }

    /// From now on the devices are heard.
    pub(super) fn speak(&self) {
        self.heard.store(0, Ordering::Relaxed);
        self.speaks.notify_one();
    }

    /// Waits until every device is asked the question after the one that it answered.
    pub(super) async fn all_asked_again(&self) {
        self.done.notified().await;
    }

    /// The next device that is heard for the first time.
    fn first_uplink(&self) -> Option<TransportEvent> {
        let n = self.heard.load(Ordering::Relaxed);
        if n >= self.campaigns * self.devices {
            return None;
        }
        self.heard.store(n + 1, Ordering::Relaxed);
        let from = DevEui(1 + n % self.campaigns * self.devices + n / self.campaigns);
        Some(TransportEvent::Uplink { from, port: 10, payload: vec![0], received: self.clock.now() })
    }
}

#[async_trait]
impl Transport for Fleet {
    fn capabilities(&self) -> Capabilities {
        Capabilities::basic(u16::MAX)
    }

    async fn send(&self, from: Handover, transmit: &Transmit) -> Result<(), SendError> {
        let Dest::Unicast(device) = transmit.dest else { return Ok(()) };
        let Some(&command) = transmit.payload.first() else { return Ok(()) };
        let now = self.clock.now();
        if (transmit.port, command) == GROUP_SETUP {
            let report = Report::Sent { at: now };
            let events = [
                TransportEvent::Downlink { campaign: from.campaign, id: transmit.id, report },
                TransportEvent::Uplink {
                    from: device,
                    port: transmit.port,
                    payload: vec![command, 0],
                    received: now,
                },
            ];
            for event in events {
                // Nobody hears it any more once the node has stopped.
                let _ = self.said.send(event);
            }
        } else if (transmit.port, command) == SESSION_SETUP
            && self.asked_again.fetch_add(1, Ordering::Relaxed) + 1 == self.campaigns * self.devices
        {
            self.done.notify_one();
        }
        Ok(())
    }

    async fn cancel(&self, _: CampaignId, _: TxId) -> Result<(), TransportError> {
        Ok(())
    }

    async fn provision(&self, _: &Provision<'_>) -> Result<u32, ProvisionError> {
        Ok(0)
    }

    /// Every campaign has a gateway of its own.
    async fn gateways(&self, devices: &[DevEui]) -> Result<Vec<Gateway>, TransportError> {
        let campaign = devices.first().map_or(0, |device| (device.0 - 1) / self.devices);
        Ok(vec![Gateway(format!("gateway {campaign}"))])
    }

    async fn release(&self, _: CampaignId, _: GroupId) -> Result<(), TransportError> {
        Ok(())
    }

    async fn recv(&self) -> Result<Delivery, TransportError> {
        let mut saying = self.saying.lock().await;
        loop {
            // Answers first, so that no more of them wait than there are requests.
            let event = match saying.try_recv() {
                Ok(event) => event,
                Err(_) => match self.first_uplink() {
                    Some(event) => event,
                    None => tokio::select! {
                        Some(event) = saying.recv() => event,
                        () = self.speaks.notified() => continue,
                    },
                },
            };
            return Ok(Delivery { event, receipt: None });
        }
    }

    async fn acknowledge(&self, _: Receipt) -> Result<(), TransportError> {
        Ok(())
    }

    async fn queued(&self, _: CampaignId) -> Result<Vec<TxId>, TransportError> {
        Ok(Vec::new())
    }
}
