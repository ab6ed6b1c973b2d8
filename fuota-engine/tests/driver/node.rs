//! One node without faults.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use fuota_engine::campaign::event::{CampaignStatus, Event, StageKind};
use fuota_engine::campaign::io::Dest;
use fuota_engine::driver::store::{CampaignId, Resource, StoreError};
use fuota_engine::driver::{Fuota, MemoryStore, Notice, StartError, Store};
use tokio::time::timeout;

use crate::common::spec;
use crate::faulty::{Fault, Faulty};
use crate::net::{Access, Net, engine_counts};
use crate::{launch, node};

/// Waits for the end of a campaign, as a subscriber.
pub(crate) async fn finished(fuota: &Fuota, id: CampaignId) -> Vec<Notice> {
    let mut notices = fuota.subscribe(id).unwrap();
    let mut heard = Vec::new();
    loop {
        let notice = timeout(Duration::from_secs(3 * 24 * 3600), notices.recv()).await.unwrap().unwrap();
        heard.push(notice.clone());
        if matches!(notice, Notice::Finished(_) | Notice::HandedOver) {
            return heard;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_campaign_runs_to_its_end_and_tells_how() {
    let (store, net) = (Arc::new(MemoryStore::new()), Net::new(3));
    let fuota = node("a", store.clone(), Access::new(&net));
    let id = fuota.start(launch(spec(3))).await.unwrap();
    let heard = finished(&fuota, id).await;
    let Some(Notice::Finished(outcome)) = heard.last() else { panic!("{heard:?}") };
    assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Succeeded, 3));
    let stages: Vec<_> = heard
        .iter()
        .filter_map(|notice| match notice {
            Notice::Event { event: Event::StageStarted { stage, .. }, .. } => Some(*stage),
            _ => None,
        })
        .collect();
    assert_eq!(
        stages,
        [
            StageKind::McGroupSetup,
            StageKind::FragSessionSetup,
            StageKind::McClassSession,
            StageKind::DataFragment,
            StageKind::FragSessionStatus
        ]
    );
    assert_eq!(net.fragments(), (1..=11).collect::<Vec<_>>());

    let standing = fuota.status(id).await.unwrap().standing.unwrap();
    assert!(standing.over);
    assert_eq!((standing.status, standing.complete, standing.devices), (CampaignStatus::Succeeded, 3, 3));
    let rows = store.devices(id, 0, 10).await.unwrap();
    assert!(rows.iter().all(|row| row.report.is_some()));
    fuota.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn many_campaigns_share_a_node_and_its_network_server() {
    let (store, net) = (Arc::new(MemoryStore::new()), Net::new(24));
    let fuota = node("a", store, Access::new(&net));
    let mut ids = Vec::new();
    for first in (1..=24).step_by(3) {
        let mut campaign = spec(24);
        campaign.devices.retain(|device| (first..first + 3).contains(&device.dev_eui.0));
        ids.push(fuota.start(launch(campaign)).await.unwrap());
    }
    let mut subscribers: Vec<_> = ids.iter().map(|&id| fuota.subscribe(id).unwrap()).collect();
    for notices in &mut subscribers {
        let outcome = loop {
            if let Notice::Finished(outcome) = notices.recv().await.unwrap() {
                break outcome;
            }
        };
        assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Succeeded, 3));
    }
    fuota.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_device_has_an_index_in_one_campaign_at_a_time() {
    let (store, net) = (Arc::new(MemoryStore::new()), Net::new(3));
    let fuota = node("a", store, Access::new(&net));
    let first = fuota.start(launch(spec(3))).await.unwrap();
    let refused = fuota.start(launch(spec(1))).await;
    let Err(StartError::Store(StoreError::Claimed { holder, what, .. })) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!((holder, what), (first, Resource::FragIndex(0)));
    finished(&fuota, first).await;
    fuota.start(launch(spec(1))).await.unwrap();
    fuota.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn where_the_engine_counts_frames_every_frame_has_a_counter_of_its_own() {
    let (store, net) = (Arc::new(MemoryStore::new()), Net::with(2, engine_counts(4)));
    let fuota = node("a", store, Access::new(&net));
    let id = fuota.start(launch(spec(2))).await.unwrap();
    finished(&fuota, id).await;
    for sent in net.sent() {
        assert_eq!(sent.handover.fcnt.is_some(), matches!(sent.transmit.dest, Dest::Multicast(_)));
    }
    fuota.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_shut_down_goes_on_where_it_was() {
    let (store, net) = (Arc::new(MemoryStore::new()), Net::new(3));
    let first = node("a", store.clone(), Access::new(&net));
    let id = first.start(launch(spec(3))).await.unwrap();
    let mut notices = first.subscribe(id).unwrap();
    while !matches!(
        notices.recv().await.unwrap(),
        Notice::Event { event: Event::StageStarted { stage: StageKind::DataFragment, .. }, .. }
    ) {}
    first.shutdown().await;
    net.reconnect();

    let second = node("b", store, Access::new(&net));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let heard = finished(&second, id).await;
    assert!(matches!(heard.last(), Some(Notice::Finished(outcome)) if outcome.complete == 3), "{heard:?}");
    let mut fragments = net.fragments();
    fragments.dedup();
    assert_eq!(fragments, (1..=11).collect::<Vec<_>>());
    second.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn asking_how_a_campaign_stands_is_one_call_of_the_store() {
    let store = Faulty::new(Arc::new(MemoryStore::new()), 0, Fault::Fails);
    let net = Net::new(6);
    let fuota = node("a", store.clone(), Access::new(&net));
    let mut ids = Vec::new();
    for first in [1, 4] {
        let mut campaign = spec(6);
        campaign.devices.retain(|device| (first..first + 3).contains(&device.dev_eui.0));
        ids.push(fuota.start(launch(campaign)).await.unwrap());
    }
    // Before anything else can happen.
    let (calls, lists) = (store.calls(), store.lists.load(Ordering::Relaxed));
    assert_eq!(fuota.status(ids[1]).await.unwrap().id, ids[1]);
    assert_eq!(store.calls() - calls, 1);
    assert_eq!(store.lists.load(Ordering::Relaxed), lists, "no other campaign was looked at");
    let unknown = fuota.status(CampaignId(99)).await;
    assert!(matches!(unknown, Err(StoreError::Unknown(CampaignId(99)))), "{unknown:?}");
    fuota.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_dropped_stops_and_gives_its_campaigns_back() {
    let (store, net) = (Arc::new(MemoryStore::new()), Net::new(3));
    let first = node("a", store.clone(), Access::new(&net));
    let id = first.start(launch(spec(3))).await.unwrap();
    let copy = first.clone();
    drop(first);
    tokio::time::sleep(Duration::from_secs(500)).await;
    let before = net.sent().len();
    assert!(before > 0, "a copy keeps the node at work");
    let mut notices = copy.subscribe(id).unwrap();
    drop(copy);
    while notices.recv().await.unwrap() != Notice::HandedOver {}
    // Its lease does not have to run out, and nothing more comes from it.
    tokio::time::sleep(Duration::from_secs(1)).await;
    store.acquire(id, "b", Duration::from_secs(1)).await.unwrap();
    let before = net.sent().len();
    tokio::time::sleep(Duration::from_secs(24 * 3_600)).await;
    assert_eq!(net.sent().len(), before);
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    // The three devices' own.
    assert_eq!(tasks, 3);
}
