//! A store that forgets everything with the process: for tests, simulations and trying out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use super::store::{
    AuditEntry, Batch, Booking, CampaignId, Channel, Claim, DeviceRow, Lease, Listing, NewCampaign, Promise,
    Resource, Snapshot, Standing, Store, StoreError, StoredCampaign, Tenant,
};
use crate::campaign::event::DeviceReport;
use crate::ids::{DevEui, GroupId};
use crate::time::GpsInstant;

/// Keeps campaigns in memory, by the contract of [`Store`] but for surviving anything.
#[derive(Debug, Default)]
pub struct MemoryStore {
    campaigns: Mutex<BTreeMap<CampaignId, Kept>>,
    /// When each channel is free. Locked after `campaigns`.
    airtime: Mutex<BTreeMap<Channel, GpsInstant>>,
}

#[derive(Debug)]
struct Kept {
    tenant: Tenant,
    name: String,
    plan: Vec<u8>,
    image: Vec<u8>,
    records: Vec<Vec<u8>>,
    snapshot: Option<Snapshot>,
    devices: Devices,
    promises: Vec<Promise>,
    standing: Option<Standing>,
    token: u64,
    holder: Option<Holder>,
    counters: BTreeMap<GroupId, u32>,
    secrets: BTreeMap<GroupId, Vec<u8>>,
    audit: Vec<AuditEntry>,
}

#[derive(Debug)]
struct Devices {
    claims: Vec<Claim>,
    by_name: BTreeMap<DevEui, usize>,
    reports: BTreeMap<DevEui, DeviceReport>,
}

impl Devices {
    fn new(claims: &[Claim]) -> Self {
        let by_name = claims.iter().enumerate().map(|(index, claim)| (claim.dev_eui, index)).collect();
        Self { claims: claims.to_vec(), by_name, reports: BTreeMap::new() }
    }
}

#[derive(Debug)]
struct Holder {
    node: String,
    until: Instant,
}

impl Kept {
    fn is_over(&self) -> bool {
        self.standing.is_some_and(|standing| standing.over)
    }

    fn listing(&self, id: CampaignId) -> Listing {
        Listing { id, tenant: self.tenant.clone(), name: self.name.clone(), standing: self.standing }
    }

    /// Who holds it, and for how long still.
    fn held(&self) -> Option<(&str, Duration)> {
        let holder = self.holder.as_ref()?;
        let remaining = holder.until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
        Some((&holder.node, remaining))
    }

    fn take(&mut self, id: CampaignId, node: &str, ttl: Duration) -> Lease {
        self.token += 1;
        self.holder = Some(Holder { node: node.to_owned(), until: Instant::now() + ttl });
        Lease { campaign: id, token: self.token }
    }

    fn check(&self, lease: &Lease) -> Result<(), StoreError> {
        if self.token == lease.token && self.held().is_some() {
            Ok(())
        } else {
            Err(StoreError::Fenced { campaign: lease.campaign, token: lease.token })
        }
    }

    /// Takes other things of devices than before.
    fn claim(&mut self, claims: &[Claim]) {
        for claim in claims {
            let place = self.devices.by_name.get(&claim.dev_eui);
            if let Some(there) = place.and_then(|&place| self.devices.claims.get_mut(place)) {
                *there = *claim;
            }
        }
    }

    /// What it has of a device that another campaign wants.
    fn claims(&self, wanted: &Claim) -> Option<Resource> {
        let claim = self.devices.claims.get(*self.devices.by_name.get(&wanted.dev_eui)?)?;
        let index = wanted.frag_index.filter(|_| wanted.frag_index == claim.frag_index);
        let group = (wanted.mc_group_id == claim.mc_group_id).then_some(wanted.mc_group_id);
        index.map(Resource::FragIndex).or(group.map(Resource::McGroupId))
    }
}

impl MemoryStore {
    /// A store without campaigns.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn all<T>(&self, with: impl FnOnce(&mut BTreeMap<CampaignId, Kept>) -> T) -> T {
        // Whoever panicked while holding the lock left a whole state: every change here is checked first.
        with(&mut self.campaigns.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn with<T>(
        &self,
        id: CampaignId,
        with: impl FnOnce(&mut Kept) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.all(|campaigns| with(campaigns.get_mut(&id).ok_or(StoreError::Unknown(id))?))
    }
}

/// Nothing that is wanted belongs to another campaign under way.
fn all_free(
    campaigns: &BTreeMap<CampaignId, Kept>,
    by: Option<CampaignId>,
    wanted: &[Claim],
) -> Result<(), StoreError> {
    let others = campaigns.iter().filter(|&(id, kept)| Some(*id) != by && !kept.is_over());
    for (&holder, kept) in others {
        for claim in wanted {
            if let Some(what) = kept.claims(claim) {
                return Err(StoreError::Claimed { device: claim.dev_eui, what, holder });
            }
        }
    }
    Ok(())
}

/// What is promised on that one of some channels where it is most.
fn promised<'a>(
    campaigns: &BTreeMap<CampaignId, Kept>,
    channels: impl IntoIterator<Item = &'a Channel>,
) -> Duration {
    let on = |channel: &Channel| {
        let under_way = campaigns.values().filter(|kept| !kept.is_over());
        let promises = under_way.flat_map(|kept| &kept.promises);
        let here = promises.filter(|promise| promise.channel == *channel);
        here.fold(Duration::ZERO, |sum, promise| sum.saturating_add(promise.taken))
    };
    channels.into_iter().map(on).max().unwrap_or_default()
}

#[async_trait]
impl Store for MemoryStore {
    async fn create(&self, campaign: &NewCampaign) -> Result<CampaignId, StoreError> {
        self.all(|campaigns| {
            all_free(campaigns, None, &campaign.devices)?;
            let promised = promised(campaigns, campaign.airtime.iter().map(|promise| &promise.channel));
            if promised > campaign.beside {
                return Err(StoreError::Overtaken { promised, planned: campaign.beside });
            }
            let secrets = match campaign.secrets_of {
                Some(other) => campaigns.get(&other).ok_or(StoreError::Unknown(other))?.secrets.clone(),
                None => BTreeMap::new(),
            };
            let id = CampaignId(campaigns.last_key_value().map_or(1, |(last, _)| last.0 + 1));
            let kept = Kept {
                tenant: campaign.tenant.clone(),
                name: campaign.name.clone(),
                plan: campaign.plan.clone(),
                image: campaign.image.clone(),
                records: Vec::new(),
                snapshot: None,
                devices: Devices::new(&campaign.devices),
                promises: campaign.airtime.clone(),
                standing: None,
                token: 0,
                holder: None,
                counters: BTreeMap::new(),
                secrets,
                audit: vec![AuditEntry::start(&*campaign.actor)],
            };
            campaigns.insert(id, kept);
            Ok(id)
        })
    }

    async fn load(&self, id: CampaignId) -> Result<StoredCampaign, StoreError> {
        self.with(id, |kept| {
            Ok(StoredCampaign {
                tenant: kept.tenant.clone(),
                name: kept.name.clone(),
                plan: kept.plan.clone(),
                image: kept.image.clone(),
                records: kept.records.len() as u64,
            })
        })
    }

    async fn list(&self, tenant: Option<&Tenant>) -> Result<Vec<Listing>, StoreError> {
        Ok(self.all(|campaigns| {
            let wanted =
                campaigns.iter().filter(|(_, kept)| tenant.is_none_or(|tenant| kept.tenant == *tenant));
            wanted.map(|(&id, kept)| kept.listing(id)).collect()
        }))
    }

    async fn find(&self, id: CampaignId) -> Result<Listing, StoreError> {
        self.with(id, |kept| Ok(kept.listing(id)))
    }

    async fn records(&self, id: CampaignId, first: u64, most: u32) -> Result<Vec<Vec<u8>>, StoreError> {
        let first = usize::try_from(first).unwrap_or(usize::MAX);
        self.with(id, |kept| Ok(kept.records.iter().skip(first).take(most as usize).cloned().collect()))
    }

    async fn snapshot(&self, id: CampaignId) -> Result<Option<Snapshot>, StoreError> {
        self.with(id, |kept| Ok(kept.snapshot.clone()))
    }

    async fn acquire(&self, id: CampaignId, node: &str, ttl: Duration) -> Result<Lease, StoreError> {
        self.with(id, |kept| match kept.held() {
            Some((by, remaining)) if by != node => {
                Err(StoreError::Held { campaign: id, by: by.to_owned(), remaining })
            }
            _ => Ok(kept.take(id, node, ttl)),
        })
    }

    async fn acquire_any(&self, node: &str, ttl: Duration) -> Result<Option<Lease>, StoreError> {
        Ok(self.all(|campaigns| {
            let free = campaigns.iter_mut().find(|(_, kept)| !kept.is_over() && kept.held().is_none());
            free.map(|(&id, kept)| kept.take(id, node, ttl))
        }))
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<(), StoreError> {
        self.with(lease.campaign, |kept| {
            kept.check(lease)?;
            if let Some(holder) = &mut kept.holder {
                holder.until = Instant::now() + ttl;
            }
            Ok(())
        })
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        self.with(lease.campaign, |kept| {
            if kept.token == lease.token {
                kept.holder = None;
            }
            Ok(())
        })
    }

    async fn append(&self, lease: &Lease, batch: &Batch) -> Result<(), StoreError> {
        self.all(|campaigns| {
            let unknown = StoreError::Unknown(lease.campaign);
            campaigns.get(&lease.campaign).ok_or(unknown)?.check(lease)?;
            all_free(campaigns, Some(lease.campaign), &batch.claims)?;
            let unknown = StoreError::Unknown(lease.campaign);
            let kept = campaigns.get_mut(&lease.campaign).ok_or(unknown)?;
            let records = kept.records.len() as u64;
            let out_of_sequence =
                StoreError::OutOfSequence { campaign: lease.campaign, records, first: batch.first };
            let Some(there) = usize::try_from(batch.first).ok().and_then(|first| kept.records.get(first..))
            else {
                return Err(out_of_sequence);
            };
            if there.is_empty() {
                kept.records.extend(batch.records.iter().cloned());
                kept.audit.extend(batch.orders.iter().cloned());
            } else if there != batch.records {
                return Err(out_of_sequence);
            }
            kept.devices.reports.extend(batch.devices.iter().map(|report| (report.dev_eui, *report)));
            kept.claim(&batch.claims);
            kept.standing = Some(batch.standing);
            Ok(())
        })
    }

    async fn put_snapshot(&self, lease: &Lease, snapshot: &Snapshot) -> Result<(), StoreError> {
        self.with(lease.campaign, |kept| {
            kept.check(lease)?;
            let records = kept.records.len() as u64;
            if snapshot.records > records {
                let campaign = lease.campaign;
                return Err(StoreError::OutOfSequence { campaign, records, first: snapshot.records });
            }
            kept.snapshot = Some(snapshot.clone());
            Ok(())
        })
    }

    async fn reserve_counters(&self, lease: &Lease, group: GroupId, count: u32) -> Result<u32, StoreError> {
        self.with(lease.campaign, |kept| {
            kept.check(lease)?;
            let next = kept.counters.entry(group).or_default();
            let first = *next;
            *next = first.checked_add(count).ok_or(StoreError::CountersExhausted)?;
            Ok(first)
        })
    }

    async fn book_airtime(&self, lease: &Lease, booking: &Booking) -> Result<GpsInstant, StoreError> {
        self.with(lease.campaign, |kept| {
            kept.check(lease)?;
            let mut airtime = self.airtime.lock().unwrap_or_else(PoisonError::into_inner);
            let free = booking.channels.iter().filter_map(|channel| airtime.get(channel).copied());
            let at = free.fold(booking.from, GpsInstant::max);
            if at > booking.latest {
                return Err(StoreError::NoAirtime { free: at, latest: booking.latest });
            }
            for channel in booking.channels.iter().collect::<BTreeSet<_>>() {
                airtime.insert(channel.clone(), at + booking.taken);
                for promise in kept.promises.iter_mut().filter(|promise| promise.channel == *channel) {
                    promise.taken = promise.taken.saturating_sub(booking.taken);
                }
            }
            Ok(at)
        })
    }

    async fn promised_airtime(&self, channels: &[Channel]) -> Result<Duration, StoreError> {
        Ok(self.all(|campaigns| promised(campaigns, channels)))
    }

    async fn secret(&self, id: CampaignId, group: GroupId, sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.with(id, |kept| Ok(kept.secrets.entry(group).or_insert_with(|| sealed.to_vec()).clone()))
    }

    async fn audits(&self, id: CampaignId) -> Result<Vec<AuditEntry>, StoreError> {
        self.with(id, |kept| Ok(kept.audit.clone()))
    }

    async fn devices(&self, id: CampaignId, first: u32, most: u32) -> Result<Vec<DeviceRow>, StoreError> {
        self.with(id, |kept| {
            let claims = kept.devices.claims.iter().skip(first as usize).take(most as usize);
            let report = |claim: &Claim| kept.devices.reports.get(&claim.dev_eui).copied();
            Ok(claims.map(|claim| DeviceRow { report: report(claim), claim: *claim }).collect())
        })
    }
}
