//! A network server with scripted devices, on tokio's paused clock.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use fuota_engine::campaign::io::{Dest, Report, Transmit};
use fuota_engine::driver::RootKeys;
use fuota_engine::driver::clock::{Clock, ClockStep};
use fuota_engine::driver::keys::KeyError;
use fuota_engine::driver::store::CampaignId;
use fuota_engine::driver::transport::{
    Capabilities, CounterOwner, Delivery, Gateway, Handover, Provision, ProvisionError, Receipt, SendError,
    Transport, TransportError, TransportEvent,
};
use fuota_engine::ids::{DevEui, GroupId, TxId};
use fuota_engine::time::GpsInstant;
use fuota_proto::keys::RootKey;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::common::{Heard, PERIOD, START, decode, good};

/// GPS time that begins with the test and follows tokio's clock.
#[derive(Debug)]
pub(crate) struct VirtualClock(Instant);

impl Default for VirtualClock {
    fn default() -> Self {
        // One origin for all clocks of a test: the runtime's own.
        thread_local!(static ORIGIN: Instant = Instant::now());
        Self(ORIGIN.with(|origin| *origin))
    }
}

#[async_trait]
impl Clock for VirtualClock {
    fn now(&self) -> GpsInstant {
        START + self.0.elapsed()
    }

    async fn sleep_until(&self, at: GpsInstant) {
        sleep(at.since(self.now())).await;
    }

    async fn stepped(&self) -> ClockStep {
        std::future::pending().await
    }
}

/// Every device has a key.
pub(crate) struct Roots;

#[async_trait]
impl RootKeys for Roots {
    async fn root_key(&self, device: DevEui) -> Result<Option<RootKey>, KeyError> {
        Ok(Some(RootKey::from_gen_app_key([device.0.to_le_bytes()[0]; 16])))
    }
}

/// A downlink as it was handed over.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sent {
    pub(crate) handover: Handover,
    pub(crate) transmit: Transmit,
}

/// What a device says to a downlink in place of what a good one would, all at once: ports and payloads.
pub(crate) type Whims = fn(DevEui, &Transmit) -> Option<Vec<(u8, Vec<u8>)>>;

/// The network server. It forgets nothing when a node dies.
pub(crate) struct Net {
    pub(crate) capabilities: Capabilities,
    pub(crate) whims: Whims,
    state: Mutex<State>,
    arrived: Notify,
    clock: VirtualClock,
}

#[derive(Default)]
struct State {
    sent: Vec<Sent>,
    queues: BTreeMap<DevEui, VecDeque<(CampaignId, Transmit)>>,
    /// What has happened and was not acknowledged, by receipt.
    waiting: BTreeMap<u64, TransportEvent>,
    /// Of these, what is being looked at.
    taken: BTreeSet<u64>,
    receipts: u64,
    token: u64,
    counters: BTreeSet<u32>,
}

impl Net {
    pub(crate) fn new(devices: u64) -> Arc<Self> {
        Self::with(devices, Capabilities::basic(4))
    }

    /// A network of other devices than the first.
    pub(crate) fn of(devices: RangeInclusive<u64>) -> Arc<Self> {
        Self::serving(devices, Capabilities::basic(4), |_, _| None)
    }

    pub(crate) fn with(devices: u64, capabilities: Capabilities) -> Arc<Self> {
        Self::serving(1..=devices, capabilities, |_, _| None)
    }

    /// A network with a device or two that answer otherwise.
    pub(crate) fn with_whims(devices: u64, whims: Whims) -> Arc<Self> {
        Self::serving(1..=devices, Capabilities::basic(4), whims)
    }

    fn serving(devices: RangeInclusive<u64>, capabilities: Capabilities, whims: Whims) -> Arc<Self> {
        let state = Mutex::new(State::default());
        let net = Arc::new(Self {
            capabilities,
            whims,
            state,
            arrived: Notify::new(),
            clock: VirtualClock::default(),
        });
        for n in devices {
            tokio::spawn(Arc::clone(&net).live(DevEui(n)));
        }
        net
    }

    /// Every downlink that was taken, in order.
    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.state().sent.clone()
    }

    /// Numbers of the fragments that were taken, in order.
    pub(crate) fn fragments(&self) -> Vec<u16> {
        let fragment = |sent: &Sent| match (sent.transmit.dest, &sent.transmit.payload[..]) {
            (Dest::Multicast(_), [0x08, low, high, ..]) => Some(u16::from_le_bytes([*low, *high]) & 0x3FFF),
            _ => None,
        };
        self.sent().iter().filter_map(fragment).collect()
    }

    /// The connection of a node that died is closed: what it had taken and not acknowledged comes again.
    pub(crate) fn reconnect(&self) {
        self.state().taken.clear();
        self.arrived.notify_waiters();
    }

    /// A device that speaks now and then and hears what is queued after it has.
    async fn live(self: Arc<Self>, device: DevEui) {
        sleep(Duration::from_secs(1 + 10 * device.0)).await;
        loop {
            self.uplink(device, 10, vec![0]);
            tokio::spawn(Arc::clone(&self).serve(device));
            sleep(PERIOD).await;
        }
    }

    /// One downlink after an uplink, and the answer to it.
    async fn serve(self: Arc<Self>, device: DevEui) {
        loop {
            let Some((campaign, tx)) = self.state().queues.entry(device).or_default().pop_front() else {
                return;
            };
            sleep(Duration::from_secs(1)).await;
            self.report(campaign, tx.id, Report::Sent { at: self.clock.now() });
            if !self.answer(device, &tx, false).await {
                return;
            }
        }
    }

    /// Lets a device hear something; whether it answered.
    async fn answer(&self, device: DevEui, tx: &Transmit, multicast: bool) -> bool {
        let Some(heard) = decode(tx, multicast) else { return false };
        sleep(Duration::from_secs(2)).await;
        if let Some(said) = (self.whims)(device, tx) {
            for (port, payload) in said {
                self.uplink(device, port, payload);
            }
            return true;
        }
        let Some((port, mut payload)) = good(&heard, self.clock.now()) else { return false };
        // The script answers for session 0; this device answers for the one that it is asked about.
        if let (Heard::Status { .. }, [_, asked, ..], [_, _, index, ..]) =
            (&heard, &tx.payload[..], &mut payload[..])
        {
            *index |= (asked >> 1 & 0x03) << 6;
        }
        self.uplink(device, port, payload);
        true
    }

    fn uplink(&self, from: DevEui, port: u8, payload: Vec<u8>) {
        self.tell(TransportEvent::Uplink { from, port, payload, received: self.clock.now() });
    }

    fn report(&self, campaign: CampaignId, id: TxId, report: Report) {
        self.tell(TransportEvent::Downlink { campaign, id, report });
    }

    fn tell(&self, event: TransportEvent) {
        let mut state = self.state();
        state.receipts += 1;
        let receipt = state.receipts;
        state.waiting.insert(receipt, event);
        drop(state);
        self.arrived.notify_waiters();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

/// The network server as one node sees it, with the devices behind it.
pub(crate) struct Access {
    pub(crate) net: Arc<Net>,
    /// Whether the node is gone: it neither sends nor hears any more.
    pub(crate) gone: Arc<AtomicBool>,
    /// Which gateways reach devices.
    pub(crate) gateways: fn(&[DevEui]) -> Vec<Gateway>,
}

impl Access {
    pub(crate) fn new(net: &Arc<Net>) -> Arc<Self> {
        Arc::new(Self::to(net))
    }

    pub(crate) fn to(net: &Arc<Net>) -> Self {
        Self { net: Arc::clone(net), gone: Arc::default(), gateways: |_| vec![Gateway::all()] }
    }

    async fn alive(&self) {
        if self.gone.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    }
}

#[async_trait]
impl Transport for Access {
    fn capabilities(&self) -> Capabilities {
        self.net.capabilities
    }

    async fn send(&self, handover: Handover, transmit: &Transmit) -> Result<(), SendError> {
        self.alive().await;
        let net = Arc::clone(&self.net);
        {
            let mut state = net.state();
            if net.capabilities.checks_tokens && handover.token < state.token {
                return Err(SendError::Fenced);
            }
            state.token = state.token.max(handover.token);
            if let Some(counter) = handover.fcnt {
                assert!(state.counters.insert(counter), "frame counter {counter} is used twice");
            }
            state.sent.push(Sent { handover, transmit: transmit.clone() });
            if let Dest::Unicast(device) = transmit.dest {
                state.queues.entry(device).or_default().push_back((handover.campaign, transmit.clone()));
                return Ok(());
            }
        }
        let transmit = transmit.clone();
        tokio::spawn(async move {
            sleep(transmit.not_before.since(net.clock.now()) + Duration::from_millis(60)).await;
            net.report(handover.campaign, transmit.id, Report::Sent { at: net.clock.now() });
            let devices: Vec<_> = net.state().queues.keys().copied().collect();
            for device in devices {
                net.answer(device, &transmit, true).await;
            }
        });
        Ok(())
    }

    async fn cancel(&self, campaign: CampaignId, id: TxId) -> Result<(), TransportError> {
        let mut dropped = false;
        for queue in self.net.state().queues.values_mut() {
            let before = queue.len();
            queue.retain(|(_, tx)| tx.id != id);
            dropped |= queue.len() < before;
        }
        if dropped {
            self.net.report(campaign, id, Report::Dropped);
        }
        Ok(())
    }

    async fn provision(&self, _: &Provision<'_>) -> Result<u32, ProvisionError> {
        Ok(0)
    }

    async fn gateways(&self, devices: &[DevEui]) -> Result<Vec<Gateway>, TransportError> {
        Ok((self.gateways)(devices))
    }

    async fn release(&self, _: CampaignId, _: GroupId) -> Result<(), TransportError> {
        Ok(())
    }

    async fn recv(&self) -> Result<Delivery, TransportError> {
        loop {
            self.alive().await;
            let arrived = self.net.arrived.notified();
            if !self.gone.load(Ordering::Relaxed) {
                let mut state = self.net.state();
                let next = state.waiting.iter().find(|(receipt, _)| !state.taken.contains(receipt));
                if let Some((&receipt, event)) = next {
                    let event = event.clone();
                    state.taken.insert(receipt);
                    return Ok(Delivery { event, receipt: Some(Receipt(receipt)) });
                }
            }
            arrived.await;
        }
    }

    async fn acknowledge(&self, receipt: Receipt) -> Result<(), TransportError> {
        let mut state = self.net.state();
        state.waiting.remove(&receipt.0);
        state.taken.remove(&receipt.0);
        Ok(())
    }

    async fn queued(&self, campaign: CampaignId) -> Result<Vec<TxId>, TransportError> {
        let state = self.net.state();
        let queued = state.queues.values().flatten().filter(|(of, _)| *of == campaign);
        Ok(queued.map(|(_, tx)| tx.id).collect())
    }
}

/// A network server that leaves the frame counters to the engine.
pub(crate) fn engine_counts(queue_depth: u16) -> Capabilities {
    let mut capabilities = Capabilities::basic(queue_depth);
    capabilities.counters = CounterOwner::Engine;
    capabilities
}
