//! Nodes that die, and others that go on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use fuota_engine::campaign::event::CampaignStatus;
use fuota_engine::driver::{MemoryStore, Store};

use crate::common::spec;
use crate::faulty::{Fault, Faulty};
use crate::net::{Access, Net};
use crate::{launch, node};

/// A node dies at its n-th call of the store; another one finds the campaign and ends it.
#[tokio::test(start_paused = true)]
async fn a_node_that_dies_at_any_moment_is_replaced() {
    let mut at = 4;
    loop {
        let (shared, net) = (Arc::new(MemoryStore::new()), Net::new(2));
        let doomed = Faulty::new(shared.clone(), at, Fault::Dead);
        let access = Access { gone: doomed.gone.clone(), ..Access::to(&net) };
        let first = node("a", doomed.clone(), Arc::new(access));
        // It may die over this already.
        let started = tokio::time::timeout(Duration::from_secs(60), first.start(launch(spec(2)))).await;
        let second = node("b", shared.clone(), Access::new(&net));
        let (mut waited, mut reconnected) = (0, false);
        let standing = loop {
            if doomed.gone.load(Ordering::Relaxed) && !reconnected {
                reconnected = true;
                net.reconnect();
            }
            let list = shared.list(None).await.unwrap();
            if let Some(standing) = list[0].standing.filter(|standing| standing.over) {
                break standing;
            }
            waited += 1;
            assert!(waited < 20_000, "death at call {at}: nobody ends the campaign ({started:?})");
            tokio::time::sleep(Duration::from_secs(5)).await;
        };
        assert_eq!(
            (standing.status, standing.complete),
            (CampaignStatus::Succeeded, 2),
            "death at call {at}"
        );

        let mut times = BTreeMap::new();
        for sent in net.sent() {
            let (payload, count) =
                times.entry(sent.transmit.id).or_insert((sent.transmit.payload.clone(), 0));
            assert_eq!(*payload, sent.transmit.payload, "death at call {at}");
            *count += 1;
        }
        assert!(times.values().all(|&(_, count)| count <= 2), "death at call {at}: {times:?}");
        let mut fragments = net.fragments();
        let repeats = fragments.len();
        fragments.sort_unstable();
        fragments.dedup();
        assert_eq!(fragments, (1..=11).collect::<Vec<_>>(), "death at call {at}");
        assert!(repeats - fragments.len() <= 1, "death at call {at}: {repeats} fragments went out");

        second.shutdown().await;
        let died = doomed.calls() >= at;
        at += 1;
        if !died {
            break;
        }
    }
    assert!(at > 30, "{at}");
}
