//! Checks of what a campaign has to itself, and for how long.

use super::{
    LONG, Verdict, batch, campaign, done, ensure, held, is_out_of_sequence, is_unknown, refused, same,
    standing,
};
use crate::driver::store::{
    AuditEntry, CampaignId, Claim, Lease, Resource, Snapshot, Store, StoreError, Tenant,
};
use crate::ids::{DevEui, GroupId};

pub(super) async fn campaigns_under_way_share_no_device_index(store: &impl Store) -> Verdict {
    let id = done("keeping a campaign", store.create(&campaign(1)).await)?;
    let with = |claim: Claim| {
        let mut new = campaign(11);
        new.tenant = Tenant("another tenant".into());
        new.devices.push(claim);
        new
    };
    let device = DevEui(2);
    let session = with(Claim { dev_eui: device, frag_index: Some(0), mc_group_id: 3 });
    let taken = |resource: Resource| {
        move |error: &StoreError| {
            matches!(*error, StoreError::Claimed { device: d, what, holder }
                if d == device && what == resource && holder == id)
        }
    };
    refused("a session", store.create(&session).await, taken(Resource::FragIndex(0)))?;
    let group = with(Claim { dev_eui: device, frag_index: Some(3), mc_group_id: 1 });
    refused("a group", store.create(&group).await, taken(Resource::McGroupId(1)))?;
    let group = with(Claim { dev_eui: device, frag_index: None, mc_group_id: 1 });
    refused("a group without a session", store.create(&group).await, taken(Resource::McGroupId(1)))?;
    // What was refused has left nothing, not even its claims on devices that were free.
    same("campaigns", &done("listing", store.list(None).await)?.len(), &1)?;
    let other = with(Claim { dev_eui: device, frag_index: Some(1), mc_group_id: 0 });
    done("another session and group", store.create(&other).await)?;
    let mut none = campaign(21);
    none.devices = vec![
        Claim { dev_eui: DevEui(1), frag_index: None, mc_group_id: 2 },
        Claim { dev_eui: DevEui(2), frag_index: None, mc_group_id: 2 },
    ];
    done("no session", store.create(&none).await).map(|_| ())
}

pub(super) async fn a_device_may_be_moved_to_what_nobody_else_has(store: &impl Store) -> Verdict {
    let (id, lease) = held(store, "a", LONG).await?;
    let device = DevEui(2);
    let mut other = campaign(11);
    other.devices.push(Claim { dev_eui: device, frag_index: Some(1), mc_group_id: 2 });
    let holder = done("keeping another campaign", store.create(&other).await)?;
    let moved = |first, frag_index, mc_group_id| {
        let mut moved = batch(first, 1, 0);
        moved.claims = vec![Claim { dev_eui: device, frag_index, mc_group_id }];
        moved
    };
    let taken = |resource: Resource| {
        move |error: &StoreError| {
            matches!(*error, StoreError::Claimed { device: d, what, holder: h }
                if d == device && what == resource && h == holder)
        }
    };
    refused("its session", store.append(&lease, &moved(0, Some(1), 1)).await, taken(Resource::FragIndex(1)))?;
    refused("its group", store.append(&lease, &moved(0, Some(2), 2)).await, taken(Resource::McGroupId(2)))?;
    same("records of what was refused", &done("loading", store.load(id).await)?.records, &0)?;
    done("what is free", store.append(&lease, &moved(0, Some(2), 1)).await)?;
    done("the same again", store.append(&lease, &moved(1, Some(2), 1)).await)?;
    let rows = done("reading devices", store.devices(id, 1, 1).await)?;
    let claim = Claim { dev_eui: device, frag_index: Some(2), mc_group_id: 1 };
    same("what it has", &rows.iter().map(|row| row.claim).collect(), &vec![claim])?;
    // What it had is free for others, what it has is not.
    let mut third = campaign(21);
    third.devices.push(Claim { dev_eui: device, frag_index: Some(2), mc_group_id: 0 });
    let ours = |error: &StoreError| matches!(*error, StoreError::Claimed { holder, .. } if holder == id);
    refused("what it has now", store.create(&third).await, ours)?;
    third.devices.pop();
    third.devices.push(Claim { dev_eui: device, frag_index: Some(0), mc_group_id: 0 });
    done("what it had", store.create(&third).await).map(|_| ())
}

pub(super) async fn devices_are_free_when_a_campaign_is_over(store: &impl Store) -> Verdict {
    let (_, lease) = held(store, "a", LONG).await?;
    done("adding a batch", store.append(&lease, &batch(0, 1, 0)).await)?;
    let again = store.create(&campaign(1)).await;
    refused("the same devices", again, |error| matches!(error, StoreError::Claimed { .. }))?;
    let mut over = batch(1, 1, 0);
    over.standing = standing(true);
    done("ending the campaign", store.append(&lease, &over).await)?;
    done("the same devices", store.create(&campaign(1)).await).map(|_| ())
}

pub(super) async fn campaigns_are_listed_by_tenant(store: &impl Store) -> Verdict {
    let tenants = ["a", "b", "a"];
    let mut ids = Vec::new();
    for (n, tenant) in (0..).zip(tenants) {
        let mut new = campaign(1 + 10 * n);
        new.tenant = Tenant(tenant.into());
        ids.push(done("keeping a campaign", store.create(&new).await)?);
    }
    let second = *ids.get(1).ok_or("there is no second campaign")?;
    let lease = done("taking a campaign", store.acquire(second, "n", LONG).await)?;
    done("adding a batch", store.append(&lease, &batch(0, 1, 0)).await)?;
    let all = done("listing", store.list(None).await)?;
    same("the campaigns", &all.iter().map(|listing| listing.id).collect(), &ids)?;
    let standings: Vec<_> = all.iter().map(|listing| listing.standing).collect();
    same("their standing", &standings, &vec![None, Some(standing(false)), None])?;
    for listing in &all {
        same("one campaign", &done("finding it", store.find(listing.id).await)?, listing)?;
    }
    for tenant in ["a", "b", "c"] {
        let tenant = Tenant(tenant.into());
        let theirs = done("listing", store.list(Some(&tenant)).await)?;
        let expected: Vec<_> = all.iter().filter(|listing| listing.tenant == tenant).cloned().collect();
        same("a tenant's campaigns", &theirs, &expected)?;
    }
    Ok(())
}

pub(super) async fn frame_counters_are_never_handed_out_twice(store: &impl Store) -> Verdict {
    let (id, mut lease) = held(store, "a", LONG).await?;
    let mut next = 0;
    for count in [1, 100, 7] {
        let first = done("setting counters aside", store.reserve_counters(&lease, GroupId(0), count).await)?;
        ensure(first >= next, "a counter was handed out twice")?;
        next = first.checked_add(count).ok_or("a counter is larger than it can be")?;
        // Not even after a crash in between.
        lease = done("taking it again", store.acquire(id, "a", LONG).await)?;
    }
    let other = done("setting counters aside", store.reserve_counters(&lease, GroupId(1), 5).await)?;
    same("the first counter of another group", &other, &0)?;
    let call = || store.reserve_counters(&lease, GroupId(2), 10);
    let blocks = tokio::join!(call(), call(), call(), call());
    let mut firsts = Vec::new();
    for first in [blocks.0, blocks.1, blocks.2, blocks.3] {
        firsts.push(done("setting counters aside", first)?);
    }
    firsts.sort_unstable();
    ensure(firsts.windows(2).all(|pair| matches!(pair, [a, b] if b - a >= 10)), "blocks overlap")?;
    let beyond = store.reserve_counters(&lease, GroupId(0), u32::MAX).await;
    refused("more counters than there are", beyond, |error| matches!(error, StoreError::CountersExhausted))?;
    let after = done("setting counters aside", store.reserve_counters(&lease, GroupId(0), 1).await)?;
    ensure(after >= next, "a counter was handed out twice")
}

pub(super) async fn the_first_secret_is_kept(store: &impl Store) -> Verdict {
    let id = done("keeping a campaign", store.create(&campaign(1)).await)?;
    for sealed in [&b"first"[..], b"second"] {
        let kept = done("keeping a secret", store.secret(id, GroupId(0), sealed).await)?;
        same("the secret", &kept, &b"first".to_vec())?;
    }
    let other = done("keeping another group's", store.secret(id, GroupId(1), b"other").await)?;
    same("another group's secret", &other, &b"other".to_vec())?;
    let mut again = campaign(11);
    again.secrets_of = Some(id);
    let id = done("keeping a campaign with the same secrets", store.create(&again).await)?;
    let kept = done("keeping a secret", store.secret(id, GroupId(0), b"third").await)?;
    same("the secret that is used again", &kept, &b"first".to_vec())
}

pub(super) async fn orders_are_noted(store: &impl Store) -> Verdict {
    let (id, lease) = held(store, "a", LONG).await?;
    let noted = |orders: &[(&str, &str)]| {
        let entry = |&(actor, order): &(&str, &str)| AuditEntry { actor: actor.into(), order: order.into() };
        orders.iter().map(entry).collect::<Vec<_>>()
    };
    let mut all = vec![AuditEntry::start("an operator")];
    same("the start", &done("reading orders", store.audits(id).await)?, &all)?;
    for (first, orders) in
        [(0, noted(&[("ada", "Pause"), ("bob", "Resume")])), (2, noted(&[("ada", "Pause")]))]
    {
        let mut batch = batch(first, 2, 0);
        batch.orders.clone_from(&orders);
        // Its answer may have been lost, so it may come twice; the orders were given once.
        for _ in 0..2 {
            done("noting orders", store.append(&lease, &batch).await)?;
        }
        all.extend(orders);
        same("the orders", &done("reading orders", store.audits(id).await)?, &all)?;
    }
    let mut gap = batch(9, 1, 0);
    gap.orders = noted(&[("eve", "Stop")]);
    refused("a gap", store.append(&lease, &gap).await, is_out_of_sequence)?;
    same("the orders", &done("reading orders", store.audits(id).await)?, &all)
}

pub(super) async fn what_is_not_there_is_said_not_to_be(store: &impl Store) -> Verdict {
    let id = CampaignId(4_711);
    let lease = Lease { campaign: id, token: 1 };
    refused("loading", store.load(id).await, is_unknown)?;
    refused("finding", store.find(id).await, is_unknown)?;
    refused("records", store.records(id, 0, 1).await, is_unknown)?;
    refused("a snapshot", store.snapshot(id).await, is_unknown)?;
    refused("devices", store.devices(id, 0, 1).await, is_unknown)?;
    refused("a secret", store.secret(id, GroupId(0), &[1]).await, is_unknown)?;
    refused("taking it", store.acquire(id, "a", LONG).await, is_unknown)?;
    refused("orders", store.audits(id).await, is_unknown)?;
    let mut again = campaign(1);
    again.secrets_of = Some(id);
    refused("its secrets", store.create(&again).await, is_unknown)?;
    let unwritable = |error: &StoreError| is_unknown(error) || matches!(error, StoreError::Fenced { .. });
    refused("a batch", store.append(&lease, &batch(0, 1, 0)).await, unwritable)?;
    let snapshot = Snapshot { records: 0, state: Vec::new() };
    refused("a snapshot", store.put_snapshot(&lease, &snapshot).await, unwritable)?;
    refused("prolonging its lease", store.renew(&lease, LONG).await, unwritable)
}
