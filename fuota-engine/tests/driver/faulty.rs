//! A store that fails now and then.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use fuota_engine::campaign::event::CampaignStatus;
use fuota_engine::campaign::plan::Plan;
use fuota_engine::campaign::record::{Record, Restore};
use fuota_engine::campaign::spec::CampaignSpec;
use fuota_engine::driver::store::{
    AuditEntry, Batch, Booking, CampaignId, Channel, DeviceRow, Lease, Listing, NewCampaign, Obstacle,
    Snapshot, StoreError, StoredCampaign, Tenant,
};
use fuota_engine::driver::{MemoryStore, Notice, Store};
use fuota_engine::ids::GroupId;
use fuota_engine::time::GpsInstant;

use crate::common::{START, spec};
use crate::net::{Access, Net, Sent};
use crate::node::finished;
use crate::{launch, node};

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    /// It fails and has no effect.
    Fails,
    /// It has its effect, and the answer is lost.
    AnswerLost,
    /// From then on no call is ever answered, or has an effect: the node is gone.
    Dead,
}

/// A store of which the n-th call meets a fault.
pub(crate) struct Faulty {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) calls: AtomicU64,
    /// Calls that list all campaigns.
    pub(crate) lists: AtomicU64,
    pub(crate) at: u64,
    pub(crate) fault: Fault,
    /// Set when the node dies.
    pub(crate) gone: Arc<AtomicBool>,
}

impl Faulty {
    pub(crate) fn new(store: Arc<dyn Store>, at: u64, fault: Fault) -> Arc<Self> {
        Arc::new(Self {
            store,
            calls: AtomicU64::new(0),
            lists: AtomicU64::new(0),
            at,
            fault,
            gone: Arc::default(),
        })
    }

    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    async fn call<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let number = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let failed = || StoreError::Unavailable { cause: Obstacle::Full, source: None };
        match self.fault {
            Fault::Fails if number == self.at => Err(failed()),
            Fault::AnswerLost if number == self.at => call.await.and_then(|_| Err(failed())),
            Fault::Dead if number >= self.at => {
                self.gone.store(true, Ordering::Relaxed);
                std::future::pending().await
            }
            _ => call.await,
        }
    }
}

#[async_trait]
impl Store for Faulty {
    async fn create(&self, campaign: &NewCampaign) -> Result<CampaignId, StoreError> {
        // Whoever asked gets the error; the campaign never began.
        self.store.create(campaign).await
    }

    async fn load(&self, id: CampaignId) -> Result<StoredCampaign, StoreError> {
        self.call(self.store.load(id)).await
    }

    async fn list(&self, tenant: Option<&Tenant>) -> Result<Vec<Listing>, StoreError> {
        self.lists.fetch_add(1, Ordering::Relaxed);
        self.call(self.store.list(tenant)).await
    }

    async fn find(&self, id: CampaignId) -> Result<Listing, StoreError> {
        self.call(self.store.find(id)).await
    }

    async fn records(&self, id: CampaignId, first: u64, most: u32) -> Result<Vec<Vec<u8>>, StoreError> {
        self.call(self.store.records(id, first, most)).await
    }

    async fn snapshot(&self, id: CampaignId) -> Result<Option<Snapshot>, StoreError> {
        self.call(self.store.snapshot(id)).await
    }

    async fn acquire(&self, id: CampaignId, node: &str, ttl: Duration) -> Result<Lease, StoreError> {
        self.call(self.store.acquire(id, node, ttl)).await
    }

    async fn acquire_any(&self, node: &str, ttl: Duration) -> Result<Option<Lease>, StoreError> {
        self.call(self.store.acquire_any(node, ttl)).await
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<(), StoreError> {
        self.call(self.store.renew(lease, ttl)).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        self.call(self.store.release(lease)).await
    }

    async fn append(&self, lease: &Lease, batch: &Batch) -> Result<(), StoreError> {
        self.call(self.store.append(lease, batch)).await
    }

    async fn put_snapshot(&self, lease: &Lease, snapshot: &Snapshot) -> Result<(), StoreError> {
        self.call(self.store.put_snapshot(lease, snapshot)).await
    }

    async fn reserve_counters(&self, lease: &Lease, group: GroupId, count: u32) -> Result<u32, StoreError> {
        self.call(self.store.reserve_counters(lease, group, count)).await
    }

    async fn book_airtime(&self, lease: &Lease, booking: &Booking) -> Result<GpsInstant, StoreError> {
        self.call(self.store.book_airtime(lease, booking)).await
    }

    async fn promised_airtime(&self, channels: &[Channel]) -> Result<Duration, StoreError> {
        // Asked before a campaign begins: whoever starts it gets the error.
        let promised = self.store.promised_airtime(channels).await;
        // Others may start campaigns before this one is kept.
        tokio::task::yield_now().await;
        promised
    }

    async fn secret(&self, id: CampaignId, group: GroupId, sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.call(self.store.secret(id, group, sealed)).await
    }

    async fn audits(&self, id: CampaignId) -> Result<Vec<AuditEntry>, StoreError> {
        self.call(self.store.audits(id)).await
    }

    async fn devices(&self, id: CampaignId, first: u32, most: u32) -> Result<Vec<DeviceRow>, StoreError> {
        self.call(self.store.devices(id, first, most)).await
    }
}

/// Everything that went out follows from what was durable: a campaign rebuilt from the records alone knows of it.
pub(crate) async fn all_sent_is_durable(store: &dyn Store, id: CampaignId, spec: CampaignSpec, net: &Net) {
    let records = store.records(id, 0, u32::MAX).await.unwrap();
    let records: Vec<_> = records.iter().map(|record| Record::from_octets(record).unwrap()).collect();
    let plan = Plan::new(spec).unwrap();
    // What carries a wrapped key is asked for anew, and comes to the same octets.
    let derived = |sent: &Sent| sent.transmit.port == 200 && sent.transmit.payload.first() == Some(&0x02);
    for sent in net.sent().iter().filter(|sent| !derived(sent)) {
        // It is under way after some number of records, and handed over again with the same octets.
        let known = (1..=records.len()).any(|count| {
            let mut restore = Restore::new(plan.clone());
            records.iter().take(count).for_each(|record| restore.apply(record.clone()).unwrap());
            let mut campaign = restore.finish(START).unwrap();
            std::iter::from_fn(|| match campaign.poll_output() {
                fuota_engine::campaign::io::Output::Wait(_) => None,
                output => Some(output),
            })
            .any(|output| match output {
                fuota_engine::campaign::io::Output::Transmit(tx) => {
                    tx.id == sent.transmit.id && tx.payload == sent.transmit.payload
                }
                _ => false,
            })
        });
        assert!(known, "{:?} went out and is not durable", sent.transmit);
    }
}

#[tokio::test(start_paused = true)]
async fn every_call_of_the_store_may_fail_once() {
    let calls = {
        let store = Faulty::new(Arc::new(MemoryStore::new()), 0, Fault::Fails);
        let net = Net::new(2);
        let fuota = node("a", store.clone(), Access::new(&net));
        let id = fuota.start(launch(spec(2))).await.unwrap();
        finished(&fuota, id).await;
        fuota.shutdown().await;
        store.calls()
    };
    assert!(calls > 30, "{calls}");
    for fault in [Fault::Fails, Fault::AnswerLost] {
        for at in 1..=calls {
            let store = Faulty::new(Arc::new(MemoryStore::new()), at, fault);
            let net = Net::new(2);
            let fuota = node("a", store.clone(), Access::new(&net));
            let id = fuota.start(launch(spec(2))).await.unwrap();
            let mut waited = 0;
            while !fuota.list(None).await.is_ok_and(|list| {
                list.iter().any(|campaign| campaign.standing.is_some_and(|standing| standing.over))
            }) {
                waited += 1;
                assert!(waited < 10_000, "{fault:?} at {at}: the campaign does not end");
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
            let standing = fuota.status(id).await.unwrap().standing.unwrap();
            assert_eq!(
                (standing.status, standing.complete),
                (CampaignStatus::Succeeded, 2),
                "{fault:?} at {at}"
            );
            let mut fragments = net.fragments();
            fragments.sort_unstable();
            fragments.dedup();
            assert_eq!(fragments, (1..=11).collect::<Vec<_>>(), "{fault:?} at {at}");
            fuota.shutdown().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_goes_out_is_durable_before() {
    let store = Arc::new(MemoryStore::new());
    let net = Net::new(2);
    let fuota = node("a", store.clone(), Access::new(&net));
    let id = fuota.start(launch(spec(2))).await.unwrap();
    let heard = finished(&fuota, id).await;
    assert!(matches!(heard.last(), Some(Notice::Finished(_))));
    all_sent_is_durable(&*store, id, spec(2), &net).await;
    fuota.shutdown().await;
}
