//! Checks of who may write.

use tokio::time::sleep;

use super::{
    AFTER_SHORT, LONG, SHORT, Verdict, batch, campaign, done, ensure, held, is_fenced, refused, same,
    standing,
};
use crate::driver::store::{Snapshot, Store, StoreError};
use crate::ids::GroupId;

pub(super) async fn one_node_holds_a_campaign(store: &impl Store) -> Verdict {
    let (id, first) = held(store, "a", LONG).await?;
    let theirs = store.acquire(id, "b", LONG).await;
    let by_a = |error: &StoreError| matches!(error, StoreError::Held { by, remaining, .. } if by == "a" && *remaining <= LONG && !remaining.is_zero());
    refused("a campaign that is held", theirs, by_a)?;
    // After a restart the same node need not wait for itself; what it sent before is told apart by the token.
    let second = done("taking it again", store.acquire(id, "a", LONG).await)?;
    ensure(second.token > first.token, "the token did not grow")?;
    refused("the older token", store.append(&first, &batch(0, 1, 0)).await, is_fenced)?;
    done("adding a batch", store.append(&second, &batch(0, 1, 0)).await)
}

pub(super) async fn a_lease_that_ran_out_is_no_longer_valid(store: &impl Store) -> Verdict {
    let (id, lease) = held(store, "a", SHORT).await?;
    done("adding a batch", store.append(&lease, &batch(0, 1, 0)).await)?;
    sleep(AFTER_SHORT).await;
    // Nobody has taken it, and still: somebody may, at any moment.
    refused("a batch after the lease", store.append(&lease, &batch(1, 1, 0)).await, is_fenced)?;
    refused("prolonging it after the lease", store.renew(&lease, LONG).await, is_fenced)?;
    same("the records", &done("reading", store.records(id, 0, 9).await)?, &batch(0, 1, 0).records)
}

pub(super) async fn whoever_was_only_slow_is_fenced(store: &impl Store) -> Verdict {
    let (id, slow) = held(store, "slow", SHORT).await?;
    sleep(AFTER_SHORT).await;
    let lease = done("taking it over", store.acquire(id, "quick", LONG).await)?;
    ensure(lease.token > slow.token, "the token did not grow")?;
    done("adding a batch", store.append(&lease, &batch(0, 1, 0)).await)?;
    refused("a batch", store.append(&slow, &batch(1, 1, 0)).await, is_fenced)?;
    refused("the same batch", store.append(&slow, &batch(0, 1, 0)).await, is_fenced)?;
    let snapshot = Snapshot { records: 1, state: vec![1] };
    refused("a snapshot", store.put_snapshot(&slow, &snapshot).await, is_fenced)?;
    refused("frame counters", store.reserve_counters(&slow, GroupId(0), 10).await, is_fenced)?;
    refused("prolonging it", store.renew(&slow, LONG).await, is_fenced)?;
    // Giving back what it no longer has must not take it from whoever has it now.
    done("giving it back", store.release(&slow).await)?;
    done("adding a batch", store.append(&lease, &batch(1, 1, 0)).await)
}

pub(super) async fn a_lease_is_prolonged_while_it_runs(store: &impl Store) -> Verdict {
    let (id, lease) = held(store, "a", SHORT).await?;
    done("prolonging it", store.renew(&lease, LONG).await)?;
    sleep(AFTER_SHORT).await;
    done("adding a batch", store.append(&lease, &batch(0, 1, 0)).await)?;
    let theirs = store.acquire(id, "b", LONG).await;
    refused("a campaign that is held", theirs, |error| matches!(error, StoreError::Held { .. }))
}

pub(super) async fn a_lease_is_given_back(store: &impl Store) -> Verdict {
    let (id, lease) = held(store, "a", LONG).await?;
    done("giving it back", store.release(&lease).await)?;
    done("giving it back twice", store.release(&lease).await)?;
    refused("a batch", store.append(&lease, &batch(0, 1, 0)).await, is_fenced)?;
    let theirs = done("taking it", store.acquire(id, "b", LONG).await)?;
    ensure(theirs.token > lease.token, "the token did not grow")
}

pub(super) async fn whatever_nobody_holds_is_found(store: &impl Store) -> Verdict {
    same("what is found", &done("looking", store.acquire_any("a", LONG).await)?, &None)?;
    let mut ids = Vec::new();
    for first in [1, 11, 21] {
        ids.push(done("keeping a campaign", store.create(&campaign(first)).await)?);
    }
    let lease = done("taking one", store.acquire_any("a", SHORT).await)?.ok_or("nothing was found")?;
    let mut over = batch(0, 1, 0);
    over.standing = standing(true);
    done("ending it", store.append(&lease, &over).await)?;
    let mut found = vec![lease.campaign];
    for node in ["b", "c"] {
        let lease = done("taking one", store.acquire_any(node, LONG).await)?.ok_or("nothing was found")?;
        found.push(lease.campaign);
    }
    found.sort_unstable();
    same("what is found", &found, &ids)?;
    sleep(AFTER_SHORT).await;
    // The first is over, though its lease has run out.
    same("what is found", &done("looking", store.acquire_any("d", LONG).await)?, &None)
}

pub(super) async fn many_ask_and_one_gets_it(store: &impl Store) -> Verdict {
    let id = done("keeping a campaign", store.create(&campaign(1)).await)?;
    let ask = |node: &'static str| async move { store.acquire_any(node, LONG).await };
    let asked = tokio::join!(ask("a"), ask("b"), ask("c"), ask("d"));
    let mut leases = Vec::new();
    for lease in [asked.0, asked.1, asked.2, asked.3] {
        leases.extend(done("looking", lease)?);
    }
    same("leases", &leases.len(), &1)?;
    same("the campaign", &leases.first().map(|lease| lease.campaign), &Some(id))
}

pub(super) async fn many_write_and_one_batch_is_there(store: &impl Store) -> Verdict {
    let (id, lease) = held(store, "a", LONG).await?;
    let write = |mark| {
        let lease = &lease;
        async move { store.append(lease, &batch(0, 5, mark)).await }
    };
    let written = tokio::join!(write(0), write(1), write(2), write(3));
    let written = [written.0, written.1, written.2, written.3];
    same("batches that were taken", &written.iter().filter(|result| result.is_ok()).count(), &1)?;
    let records = done("reading", store.records(id, 0, 100).await)?;
    let whole = (0..4).any(|mark| records == batch(0, 5, mark).records);
    ensure(whole, "the records of several batches are mixed")
}
