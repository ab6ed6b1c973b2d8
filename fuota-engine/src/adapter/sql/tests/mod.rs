//! Both databases pass what every store has to; and what only databases can do wrong.

// What can't be here is a defect of the test.
#![allow(clippy::unwrap_used)]

mod postgres;
mod sqlite;

use std::time::Duration;

use super::{Quota, SqlStore};
use crate::campaign::event::{CampaignStatus, DeviceReport, DeviceStatus, FailureReason, StageKind};
use crate::driver::store::{
    Batch, CampaignId, Claim, Lease, NewCampaign, Obstacle, Standing, Store, StoreError, Tenant,
};
use crate::ids::DevEui;
use crate::time::GpsInstant;

const TTL: Duration = Duration::from_secs(600);

fn new_campaign(first: u64, devices: u64) -> NewCampaign {
    let claim = |n| Claim { dev_eui: DevEui(n), frag_index: Some(0), mc_group_id: 0 };
    NewCampaign {
        tenant: Tenant("tenant".into()),
        name: "name".into(),
        plan: vec![1],
        image: vec![0; 1000],
        devices: (first..first + devices).map(claim).collect(),
        airtime: Vec::new(),
        beside: Duration::ZERO,
        secrets_of: None,
        actor: "somebody".into(),
    }
}

fn batch(first: u64, records: u64, octets: usize) -> Batch {
    Batch {
        first,
        records: (0..records).map(|_| vec![7; octets]).collect(),
        devices: Vec::new(),
        claims: Vec::new(),
        orders: Vec::new(),
        standing: Standing {
            status: CampaignStatus::Running,
            stage: StageKind::McGroupSetup,
            complete: 0,
            failed: 0,
            devices: 1,
            over: false,
        },
    }
}

async fn held(store: &SqlStore) -> (CampaignId, Lease) {
    let id = store.create(&new_campaign(1, 3)).await.unwrap();
    (id, store.acquire(id, "a", TTL).await.unwrap())
}

/// The error of a store that will work again later.
fn obstacle<T: std::fmt::Debug>(result: Result<T, StoreError>) -> Obstacle {
    match result {
        Err(error @ StoreError::Unavailable { cause, .. }) => {
            assert!(error.is_transient());
            cause
        }
        other => panic!("{other:?}"),
    }
}

/// What every store has to hold: quotas are kept, also by campaigns that begin at the same time.
async fn quotas_hold(store: &SqlStore) {
    let tenant = Tenant("tenant".into());
    let over = |result: Result<CampaignId, StoreError>| match result {
        Err(StoreError::Quota { limit, what, .. }) => (limit, what),
        other => panic!("{other:?}"),
    };
    store.set_quota(&tenant, Quota { campaigns: Some(2), devices: None }).await.unwrap();
    let (a, b, c) = (new_campaign(1, 1), new_campaign(2, 1), new_campaign(3, 1));
    let (a, b, c) = tokio::join!(store.create(&a), store.create(&b), store.create(&c));
    let results = [a, b, c];
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 2, "{results:?}");
    store.set_quota(&tenant, Quota { campaigns: None, devices: Some(10) }).await.unwrap();
    assert_eq!(over(store.create(&new_campaign(10, 9)).await), (10, "devices"));
    store.create(&new_campaign(10, 8)).await.unwrap();
    let mut other = new_campaign(30, 100);
    other.tenant = Tenant("other".into());
    store.create(&other).await.unwrap();
}

/// What a person reads, with nothing but the database's own tools.
async fn people_can_read_it(store: &SqlStore) {
    let (_, lease) = held(store).await;
    let mut told = batch(0, 1, 10);
    let status =
        DeviceStatus::Failed { stage: StageKind::FragSessionStatus, reason: FailureReason::Incomplete(12) };
    told.devices.push(DeviceReport {
        dev_eui: DevEui(2),
        status,
        requests: 9,
        missing_frag: Some(12),
        suspect: false,
        since: GpsInstant::from_secs(1_400_000_000),
    });
    store.append(&lease, &told).await.unwrap();
    let rows = store
        .query(
            "SELECT dev_eui, status, stage, reason, missing_frag, since_gps FROM campaign_device
             WHERE campaign = 1 AND status IS NOT NULL",
        )
        .fetch_all(&store.readers)
        .await
        .unwrap();
    let text = |column: &str| store.column::<String>(&rows[0], column).unwrap();
    let number = |column: &str| store.column::<i64>(&rows[0], column).unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!((text("dev_eui"), text("status")), ("0000000000000002".into(), "FAILED".into()));
    assert_eq!(text("stage"), "FragSessionStatus");
    assert!(text("reason").contains("12"), "{}", text("reason"));
    assert_eq!((number("missing_frag"), number("since_gps")), (12, 1_400_000_000));
}

/// The same image is kept once for each tenant.
async fn images_are_kept_once(store: &SqlStore) {
    for first in [1, 11, 21] {
        store.create(&new_campaign(first, 1)).await.unwrap();
    }
    let mut other = new_campaign(31, 1);
    other.image = vec![1; 1000];
    store.create(&other).await.unwrap();
    let query = store.query("SELECT COUNT(*) AS images FROM image");
    let row = query.fetch_one(&store.readers).await.unwrap();
    assert_eq!(store.column::<i64>(&row, "images").unwrap(), 2);
}

/// A campaign of many devices is kept whole.
async fn large_fleets_fit(store: &SqlStore) {
    let id = store.create(&new_campaign(1, 10_000)).await.unwrap();
    let last = store.devices(id, 9_999, 10).await.unwrap();
    assert_eq!(last.len(), 1);
    assert_eq!(last[0].claim.dev_eui, DevEui(10_000));
}
