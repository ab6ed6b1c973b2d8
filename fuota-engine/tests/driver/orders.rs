//! Orders to campaigns that run on a node.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use fuota_engine::campaign::event::{CampaignStatus, DeviceStatus, Event, FailureReason, Outcome, StageKind};
use fuota_engine::campaign::io::Order;
use fuota_engine::campaign::order::OrderRefusal;
use fuota_engine::campaign::spec::Start;
use fuota_engine::driver::store::CampaignId;
use fuota_engine::driver::{Fuota, MemoryStore, Notice, OrderError, Store};
use fuota_engine::ids::DevEui;
use fuota_engine::percent::Percent;
use tokio::sync::broadcast::Receiver;
use tokio::time::{sleep, timeout};

use crate::common::{START, spec};
use crate::faulty::{Fault, Faulty};
use crate::net::{Access, Net};
use crate::node::finished;
use crate::{launch, node};

/// What was ordered so far, and by whom.
async fn audits(fuota: &Fuota, id: CampaignId) -> Vec<(String, String)> {
    let audits = fuota.audits(id).await.unwrap();
    audits.into_iter().map(|entry| (entry.actor, entry.order)).collect()
}

fn noted(orders: &[(&str, &str)]) -> Vec<(String, String)> {
    orders.iter().map(|&(actor, order)| (actor.to_owned(), order.to_owned())).collect()
}

async fn end(notices: &mut Receiver<Notice>) -> Outcome {
    loop {
        if let Notice::Finished(outcome) = notices.recv().await.unwrap() {
            return outcome;
        }
    }
}

async fn reaches(notices: &mut Receiver<Notice>, stage: StageKind) {
    loop {
        match notices.recv().await.unwrap() {
            Notice::Event { event: Event::StageStarted { stage: begun, .. }, .. } if begun == stage => return,
            _ => {}
        }
    }
}

#[tokio::test(start_paused = true)]
async fn orders_are_kept_with_who_gave_them() {
    let (store, net) = (Arc::new(MemoryStore::new()), Net::new(3));
    let fuota = node("a", store, Access::new(&net));
    let id = fuota.start(launch(spec(3))).await.unwrap();
    let mut notices = fuota.subscribe(id).unwrap();
    fuota.order(id, Order::Stop, "bob").await.unwrap();
    assert_eq!(end(&mut notices).await.status, CampaignStatus::Stopped);
    assert_eq!(audits(&fuota, id).await, noted(&[("ada", "Start"), ("bob", "Stop")]));
    let late = fuota.order(id, Order::Stop, "bob").await;
    assert!(matches!(late, Err(OrderError::NotHere(campaign)) if campaign == id), "{late:?}");
    fuota.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_done_is_refused_and_leaves_no_trace() {
    let (store, net) = (Arc::new(MemoryStore::new()), Net::new(1));
    let fuota = node("a", store.clone(), Access::new(&net));
    let id = fuota.start(launch(spec(1))).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    let records = store.records(id, 0, u32::MAX).await.unwrap();
    for (order, refusal) in [
        (Order::Start { at: None }, OrderRefusal::Begun),
        (Order::Resume, OrderRefusal::NotPaused),
        (Order::Exclude { device: DevEui(77) }, OrderRefusal::UnknownDevice(DevEui(77))),
        (Order::Exclude { device: DevEui(1) }, OrderRefusal::LastDevice(DevEui(1))),
        (Order::Require { share: Percent::whole(101) }, OrderRefusal::Threshold(Percent::whole(101))),
    ] {
        match fuota.order(id, order, "bob").await {
            Err(OrderError::Refused(why)) => assert_eq!(why, refusal),
            other => panic!("{order:?}: {other:?}"),
        }
    }
    assert_eq!(store.records(id, 0, u32::MAX).await.unwrap(), records);
    assert_eq!(audits(&fuota, id).await, noted(&[("ada", "Start")]));
    fuota.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_campaign_waits_for_its_start_and_pauses_as_ordered() {
    let (store, net) = (Arc::new(MemoryStore::new()), Net::new(3));
    let fuota = node("a", store, Access::new(&net));
    let mut waiting = spec(3);
    waiting.start = Start::OnOrder;
    let id = fuota.start(launch(waiting)).await.unwrap();
    let mut notices = fuota.subscribe(id).unwrap();
    sleep(Duration::from_secs(3_600)).await;
    assert!(net.sent().is_empty());
    fuota.order(id, Order::Start { at: Some(START + Duration::from_secs(7_200)) }, "bob").await.unwrap();
    sleep(Duration::from_secs(3_599)).await;
    assert!(net.sent().is_empty());

    reaches(&mut notices, StageKind::DataFragment).await;
    while net.fragments().len() < 4 {
        sleep(Duration::from_millis(100)).await;
    }
    fuota.order(id, Order::Pause, "bob").await.unwrap();
    let before = net.sent().len();
    sleep(Duration::from_secs(300)).await;
    assert_eq!(net.sent().len(), before, "nothing is sent during a pause");
    fuota.order(id, Order::Resume, "carol").await.unwrap();
    let outcome = end(&mut notices).await;
    assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Succeeded, 3));
    let mut fragments = net.fragments();
    fragments.sort_unstable();
    fragments.dedup();
    assert_eq!(fragments, (1..=11).collect::<Vec<_>>());
    let orders: Vec<_> = audits(&fuota, id).await.into_iter().map(|(actor, _)| actor).collect();
    assert_eq!(orders, ["ada", "bob", "bob", "carol"]);
    fuota.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn the_share_that_has_to_succeed_changes_while_a_campaign_runs() {
    let (store, net) = (Arc::new(MemoryStore::new()), Net::new(2));
    let fuota = node("a", store, Access::new(&net));
    // The third device is never heard.
    let id = fuota.start(launch(spec(3))).await.unwrap();
    let mut notices = fuota.subscribe(id).unwrap();
    fuota.order(id, Order::Require { share: Percent::whole(60) }, "bob").await.unwrap();
    let outcome = end(&mut notices).await;
    assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Succeeded, 2));
    fuota.shutdown().await;
}

/// A node dies around an order, at every call of its store in turn: whatever was answered is done by whoever takes the
/// campaign up, and what is done is noted.
#[tokio::test(start_paused = true)]
async fn an_order_that_was_answered_outlives_the_node() {
    let excluded = Order::Exclude { device: DevEui(3) };
    let (mut answered, mut at) = (0, 4);
    loop {
        let (shared, net) = (Arc::new(MemoryStore::new()), Net::new(3));
        let doomed = Faulty::new(shared.clone(), at, Fault::Dead);
        let access = Access { gone: doomed.gone.clone(), ..Access::to(&net) };
        let first = node("a", doomed.clone(), Arc::new(access));
        let started = timeout(Duration::from_secs(60), first.start(launch(spec(3)))).await;
        let Ok(Ok(id)) = started else {
            at += 1;
            continue;
        };
        let ordered = timeout(Duration::from_secs(60), first.order(id, excluded, "bob")).await;
        let ordered = matches!(ordered, Ok(Ok(())));
        if !doomed.gone.load(Ordering::Relaxed) && doomed.calls() + 3 < at {
            // It outlives the order by some calls: the same again and again from here.
            first.shutdown().await;
            break;
        }
        let second = node("b", shared.clone(), Access::new(&net));
        let mut waited = 0;
        while !second.status(id).await.unwrap().standing.is_some_and(|standing| standing.over) {
            if waited == 1 {
                net.reconnect();
            }
            waited += 1;
            assert!(waited < 20_000, "death at call {at}: nobody ends the campaign");
            sleep(Duration::from_secs(5)).await;
        }
        let rows = shared.devices(id, 2, 1).await.unwrap();
        let failed = matches!(
            rows[0].report.unwrap().status,
            DeviceStatus::Failed { reason: FailureReason::Excluded, .. }
        );
        let is_noted = audits(&second, id).await.iter().any(|(actor, _)| actor == "bob");
        assert_eq!(failed, is_noted, "death at call {at}");
        assert!(failed || !ordered, "death at call {at}: the order was answered and is forgotten");
        answered += u32::from(ordered);
        second.shutdown().await;
        at += 1;
    }
    assert!(answered > 0);
}

/// An order whose commit fails, or is done without an answer, is answered once, and noted once.
#[tokio::test(start_paused = true)]
async fn an_order_waits_for_a_store_that_fails() {
    let calm = Faulty::new(Arc::new(MemoryStore::new()), 0, Fault::Fails);
    let probe = node("a", calm.clone(), Access::new(&Net::new(3)));
    let id = probe.start(launch(spec(3))).await.unwrap();
    let calls = calm.calls();
    probe.shutdown().await;
    for fault in [Fault::Fails, Fault::AnswerLost] {
        for later in 1..4 {
            let (shared, net) = (Arc::new(MemoryStore::new()), Net::new(3));
            let store = Faulty::new(shared.clone(), calls + later, fault);
            let fuota = node("a", store, Access::new(&net));
            assert_eq!(fuota.start(launch(spec(3))).await.unwrap(), id);
            fuota.order(id, Order::Exclude { device: DevEui(3) }, "bob").await.unwrap();
            let heard = finished(&fuota, id).await;
            let Some(Notice::Finished(outcome)) = heard.last() else { panic!("{heard:?}") };
            assert_eq!((outcome.status, outcome.complete), (CampaignStatus::Succeeded, 2));
            assert_eq!(audits(&fuota, id).await.len(), 2, "{fault:?} {later}");
            fuota.shutdown().await;
        }
    }
}
