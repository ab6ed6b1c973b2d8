//! Checks of what is written: records, snapshots and the progress of devices.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use super::{
    LONG, Verdict, batch, campaign, done, ensure, held, is_out_of_sequence, refused, report, same, standing,
};
use crate::campaign::event::{DeviceStatus, FailureReason, StageKind};
use crate::driver::store::{Snapshot, Store};

pub(super) async fn what_is_kept_comes_back(store: &impl Store) -> Verdict {
    let new = campaign(1);
    let id = done("keeping a campaign", store.create(&new).await)?;
    let mut empty = campaign(10);
    (empty.image, empty.plan, empty.name) = (Vec::new(), vec![0; 100_000], "ein Name, тоже".into());
    let other = done("keeping a campaign without an image", store.create(&empty).await)?;
    ensure(id != other, "two campaigns have the same number")?;
    for (id, new) in [(id, new), (other, empty)] {
        let kept = done("loading", store.load(id).await)?;
        same("the tenant", &kept.tenant, &new.tenant)?;
        same("the name", &kept.name, &new.name)?;
        same("the plan", &kept.plan, &new.plan)?;
        same("the image", &kept.image, &new.image)?;
        same("the number of records", &kept.records, &0)?;
    }
    same("snapshots", &done("reading a snapshot", store.snapshot(id).await)?, &None)
}

pub(super) async fn batches_follow_one_another(store: &impl Store) -> Verdict {
    let (id, lease) = held(store, "a", LONG).await?;
    for (first, records) in [(0, 1), (1, 7), (8, 2)] {
        done("adding a batch", store.append(&lease, &batch(first, records, 0)).await)?;
    }
    same("the number of records", &done("loading", store.load(id).await)?.records, &10)?;
    let all = batch(0, 10, 0).records;
    same("the records", &done("reading", store.records(id, 0, 100).await)?, &all)?;
    same("a page", &done("reading a page", store.records(id, 3, 4).await)?, &batch(3, 4, 0).records)?;
    same("the end", &done("reading at the end", store.records(id, 10, 4).await)?, &Vec::new())?;
    refused("a gap", store.append(&lease, &batch(11, 1, 0)).await, is_out_of_sequence)?;
    refused("an overlap", store.append(&lease, &batch(9, 2, 0)).await, is_out_of_sequence)?;
    refused("an old place", store.append(&lease, &batch(0, 1, 0)).await, is_out_of_sequence)
}

pub(super) async fn a_batch_counts_once_however_often_it_is_added(store: &impl Store) -> Verdict {
    let (id, lease) = held(store, "a", LONG).await?;
    done("adding a batch", store.append(&lease, &batch(0, 2, 0)).await)?;
    for _ in 0..3 {
        done("adding the same batch again", store.append(&lease, &batch(2, 3, 0)).await)?;
    }
    same("the records", &done("reading", store.records(id, 0, 100).await)?, &batch(0, 5, 0).records)?;
    let other = store.append(&lease, &batch(2, 3, 1)).await;
    refused("other records in the same place", other, is_out_of_sequence)
}

pub(super) async fn a_batch_that_is_refused_leaves_nothing(store: &impl Store) -> Verdict {
    let (id, lease) = held(store, "a", LONG).await?;
    let mut gap = batch(5, 3, 0);
    gap.devices = vec![report(1, DeviceStatus::Complete)];
    gap.standing = standing(true);
    refused("a gap", store.append(&lease, &gap).await, is_out_of_sequence)?;
    same("the records", &done("reading", store.records(id, 0, 100).await)?, &Vec::new())?;
    let devices = done("reading devices", store.devices(id, 0, 100).await)?;
    ensure(devices.iter().all(|row| row.report.is_none()), "a device's progress was told")?;
    let listed = done("listing", store.list(None).await)?;
    ensure(listed.iter().all(|listing| listing.standing.is_none()), "the campaign's progress was told")
}

pub(super) async fn long_batches_are_whole(store: &impl Store) -> Verdict {
    let (id, lease) = held(store, "a", LONG).await?;
    let long = batch(0, 1_000, 0);
    done("adding a long batch", store.append(&lease, &long).await)?;
    same("the records", &done("reading", store.records(id, 0, 2_000).await)?, &long.records)?;
    let mut large = batch(1_000, 1, 0);
    large.records = vec![vec![0x5A; 1 << 20]];
    done("adding a large record", store.append(&lease, &large).await)?;
    same("the large record", &done("reading", store.records(id, 1_000, 1).await)?, &large.records)
}

pub(super) async fn a_dropped_call_has_its_whole_effect_or_none(store: &impl Store) -> Verdict {
    let (id, lease) = held(store, "a", LONG).await?;
    for first in (0..30).step_by(3) {
        let next = batch(first, 3, 0);
        {
            let mut call = pin!(store.append(&lease, &next));
            // Begun and given up, at a later point every time.
            let polls = first / 3 + 1;
            for _ in 0..polls {
                if call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        let there = done("reading", store.records(id, first, 100).await)?;
        ensure(there.is_empty() || there == next.records, "a part of a batch is there")?;
        done("adding the batch again", store.append(&lease, &next).await)?;
    }
    same("the records", &done("reading", store.records(id, 0, 100).await)?, &batch(0, 30, 0).records)
}

pub(super) async fn the_latest_snapshot_is_kept(store: &impl Store) -> Verdict {
    let (id, lease) = held(store, "a", LONG).await?;
    done("adding a batch", store.append(&lease, &batch(0, 4, 0)).await)?;
    let snapshot = |records, state: &[u8]| Snapshot { records, state: state.to_vec() };
    for kept in [snapshot(2, b"two"), snapshot(4, b"four")] {
        done("keeping a snapshot", store.put_snapshot(&lease, &kept).await)?;
        same("the snapshot", &done("reading a snapshot", store.snapshot(id).await)?, &Some(kept))?;
    }
    let beyond = store.put_snapshot(&lease, &snapshot(5, b"five")).await;
    refused("a snapshot of records that are not there", beyond, is_out_of_sequence)?;
    same("what follows", &done("reading", store.records(id, 4, 9).await)?, &Vec::new())?;
    done("adding a batch", store.append(&lease, &batch(4, 2, 0)).await)?;
    same("what follows", &done("reading", store.records(id, 4, 9).await)?, &batch(4, 2, 0).records)
}

pub(super) async fn devices_are_told_in_the_order_of_the_plan(store: &impl Store) -> Verdict {
    let mut new = campaign(1);
    new.devices.reverse();
    let id = done("keeping a campaign", store.create(&new).await)?;
    let lease = done("taking a campaign", store.acquire(id, "a", LONG).await)?;
    let failed = DeviceStatus::Failed {
        stage: StageKind::FragSessionSetup,
        reason: FailureReason::WrongVersion(u32::MAX),
    };
    for (first, n, status) in [(0, 2, failed), (1, 3, DeviceStatus::Running), (2, 3, DeviceStatus::Complete)]
    {
        let mut batch = batch(first, 1, 0);
        batch.devices = vec![report(n, status)];
        done("adding a batch", store.append(&lease, &batch).await)?;
    }
    let rows = done("reading devices", store.devices(id, 0, 100).await)?;
    let claims: Vec<_> = rows.iter().map(|row| row.claim).collect();
    same("the devices", &claims, &new.devices)?;
    let reports: Vec<_> = rows.iter().map(|row| row.report).collect();
    let expected = vec![Some(report(3, DeviceStatus::Complete)), Some(report(2, failed)), None];
    same("their progress", &reports, &expected)?;
    let page = done("reading a page of devices", store.devices(id, 1, 1).await)?;
    same("a page of devices", &page, &rows.into_iter().skip(1).take(1).collect())
}
