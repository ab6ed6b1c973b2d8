//! What every [`Store`] has to do, as checks that an implementation of somebody else's can be put through.
//!
//! ```
//! use fuota_engine::driver::conformance::check;
//! use fuota_engine::driver::MemoryStore;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! // Every check begins with a store that has no campaigns.
//! let checks = check(|| async { MemoryStore::new() }).await.unwrap();
//! println!("{checks} checks passed");
//! # }
//! ```
//!
//! Leases run out within a fraction of a second here, so the checks take some seconds, and a machine that stands still
//! for as long may fail them.

mod airtime;
mod journal;
mod lease;
mod tenure;

use std::fmt;
use std::future::Future;
use std::time::Duration;

use super::store::{Batch, CampaignId, Claim, Lease, NewCampaign, Standing, Store, StoreError, Tenant};
use crate::campaign::event::{CampaignStatus, DeviceReport, DeviceStatus, StageKind};
use crate::ids::DevEui;
use crate::time::GpsInstant;

/// A lease that does not run out during a check.
const LONG: Duration = Duration::from_secs(600);
/// One that does.
const SHORT: Duration = Duration::from_millis(400);
/// After this it has.
const AFTER_SHORT: Duration = Duration::from_millis(600);

/// What a store did wrong.
#[derive(Debug, thiserror::Error)]
#[error("{check}: {what}")]
pub struct Violation {
    /// Which check found it.
    pub check: &'static str,
    /// What it was.
    pub what: String,
}

/// What one check finds.
type Verdict = Result<(), String>;

/// Puts stores through every check, each with one that `fresh` makes; returns how many checks there were.
///
/// # Errors
/// [`Violation`] is the first thing that a store did wrong.
pub async fn check<S, F>(fresh: impl Fn() -> F) -> Result<u32, Violation>
where
    S: Store,
    F: Future<Output = S>,
{
    let mut checks = 0;
    macro_rules! run {
        ($($module:ident :: $check:ident),* $(,)?) => {$(
            let store = fresh().await;
            let found = $module::$check(&store).await;
            found.map_err(|what| Violation { check: stringify!($check), what })?;
            checks += 1;
        )*};
    }
    run!(
        journal::what_is_kept_comes_back,
        journal::batches_follow_one_another,
        journal::a_batch_counts_once_however_often_it_is_added,
        journal::a_batch_that_is_refused_leaves_nothing,
        journal::long_batches_are_whole,
        journal::a_dropped_call_has_its_whole_effect_or_none,
        journal::the_latest_snapshot_is_kept,
        journal::devices_are_told_in_the_order_of_the_plan,
        lease::one_node_holds_a_campaign,
        lease::a_lease_that_ran_out_is_no_longer_valid,
        lease::whoever_was_only_slow_is_fenced,
        lease::a_lease_is_prolonged_while_it_runs,
        lease::a_lease_is_given_back,
        lease::whatever_nobody_holds_is_found,
        lease::many_ask_and_one_gets_it,
        lease::many_write_and_one_batch_is_there,
        tenure::campaigns_under_way_share_no_device_index,
        tenure::a_device_may_be_moved_to_what_nobody_else_has,
        tenure::devices_are_free_when_a_campaign_is_over,
        tenure::campaigns_are_listed_by_tenant,
        tenure::frame_counters_are_never_handed_out_twice,
        tenure::the_first_secret_is_kept,
        tenure::orders_are_noted,
        tenure::what_is_not_there_is_said_not_to_be,
        airtime::campaigns_take_turns_on_a_channel,
        airtime::channels_that_are_used_together_are_free_together,
        airtime::what_comes_too_late_is_not_booked,
        airtime::bookings_at_the_same_time_do_not_overlap,
        airtime::what_is_promised_is_known_until_it_is_used_or_over,
    );
    Ok(checks)
}

/// Fails the check unless the condition holds.
fn ensure(condition: bool, what: &str) -> Verdict {
    if condition { Ok(()) } else { Err(what.to_owned()) }
}

/// Fails the check unless both are the same.
fn same<T: PartialEq + fmt::Debug>(what: &str, got: &T, expected: &T) -> Verdict {
    if got == expected { Ok(()) } else { Err(format!("{what}: {got:?} where {expected:?} was expected")) }
}

/// Fails the check if the store does.
fn done<T>(what: &str, result: Result<T, StoreError>) -> Result<T, String> {
    result.map_err(|error| format!("{what} failed: {error} ({error:?})"))
}

/// Fails the check unless the store refuses like this.
fn refused<T: fmt::Debug>(
    what: &str,
    result: Result<T, StoreError>,
    rightly: impl Fn(&StoreError) -> bool,
) -> Verdict {
    match result {
        Err(error) if rightly(&error) => Ok(()),
        Err(error) => Err(format!("{what} was refused for another reason: {error} ({error:?})")),
        Ok(done) => Err(format!("{what} was not refused: {done:?}")),
    }
}

fn is_fenced(error: &StoreError) -> bool {
    matches!(error, StoreError::Fenced { .. })
}

fn is_out_of_sequence(error: &StoreError) -> bool {
    matches!(error, StoreError::OutOfSequence { .. })
}

fn is_unknown(error: &StoreError) -> bool {
    matches!(error, StoreError::Unknown(_))
}

/// A campaign for devices `first` to `first + 2`, that takes session 0 and group 1 of each.
fn campaign(first: u64) -> NewCampaign {
    let claim = |n| Claim { dev_eui: DevEui(n), frag_index: Some(0), mc_group_id: 1 };
    NewCampaign {
        tenant: Tenant("a tenant".into()),
        name: format!("from {first}"),
        plan: vec![1, 2, 3],
        image: vec![0xA5; 5000],
        devices: (first..first + 3).map(claim).collect(),
        airtime: Vec::new(),
        beside: Duration::MAX,
        secrets_of: None,
        actor: "an operator".into(),
    }
}

fn standing(over: bool) -> Standing {
    Standing {
        status: if over { CampaignStatus::Succeeded } else { CampaignStatus::Running },
        stage: StageKind::McGroupSetup,
        complete: if over { 3 } else { 0 },
        failed: 0,
        devices: 3,
        over,
    }
}

/// A batch of records that say their place and `mark`.
fn batch(first: u64, records: u64, mark: u8) -> Batch {
    let record = |n: u64| [&n.to_le_bytes()[..], &[mark]].concat();
    Batch {
        first,
        records: (first..first + records).map(record).collect(),
        devices: Vec::new(),
        claims: Vec::new(),
        orders: Vec::new(),
        standing: standing(false),
    }
}

/// A device's account.
fn report(n: u64, status: DeviceStatus) -> DeviceReport {
    DeviceReport {
        dev_eui: DevEui(n),
        status,
        requests: 7,
        missing_frag: Some(3),
        suspect: false,
        since: GpsInstant::from_secs(1_400_000_000),
    }
}

/// A campaign for devices 1 to 3 that this node holds.
async fn held(store: &impl Store, node: &str, ttl: Duration) -> Result<(CampaignId, Lease), String> {
    let id = done("keeping a campaign", store.create(&campaign(1)).await)?;
    let lease = done("taking a campaign", store.acquire(id, node, ttl).await)?;
    ensure(lease.campaign == id, "the lease is for another campaign")?;
    Ok((id, lease))
}
