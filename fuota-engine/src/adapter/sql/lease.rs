//! Who may write to a campaign. The database's clock decides when a lease has run out.

use std::time::Duration;

use sqlx::{Any, Transaction};

use super::SqlStore;
use super::error::stored;
use crate::driver::store::{CampaignId, Lease, StoreError};

/// A campaign whose lease runs.
pub(super) struct Held {
    pub(super) campaign: CampaignId,
    pub(super) records: u64,
    pub(super) tenant: String,
}

impl SqlStore {
    pub(super) async fn take_lease(
        &self,
        id: CampaignId,
        node: &str,
        ttl: Duration,
    ) -> Result<Lease, StoreError> {
        let taken = self
            .query(
                "UPDATE campaign SET token = token + 1, node = $1, lease_until = {now} + $2
                 WHERE id = $3 AND (lease_until IS NULL OR lease_until <= {now} OR node = $1)
                 RETURNING token",
            )
            .bind(node.to_owned())
            .bind(micros(ttl))
            .bind(key(id))
            .fetch_all(&self.writers)
            .await
            .map_err(|error| self.error(error))?;
        if let Some(row) = taken.first() {
            return Ok(Lease { campaign: id, token: stored(self.column(row, "token")?, "a token")? });
        }
        let held = self
            .query("SELECT node, COALESCE(lease_until, 0) - {now} AS remaining FROM campaign WHERE id = $1")
            .bind(key(id))
            .fetch_optional(&self.readers)
            .await
            .map_err(|error| self.error(error))?
            .ok_or(StoreError::Unknown(id))?;
        let by: Option<String> = self.column(&held, "node")?;
        let remaining: i64 = self.column(&held, "remaining")?;
        // If it ran out a moment ago, the next attempt will succeed.
        let remaining = Duration::from_micros(u64::try_from(remaining).unwrap_or(0));
        Err(StoreError::Held { campaign: id, by: by.unwrap_or_default(), remaining })
    }

    pub(super) async fn take_any_lease(
        &self,
        node: &str,
        ttl: Duration,
    ) -> Result<Option<Lease>, StoreError> {
        let statement = format!(
            "UPDATE campaign SET token = token + 1, node = $1, lease_until = {{now}} + $2
             WHERE id = (
                 SELECT id FROM campaign WHERE ended = 0 AND (lease_until IS NULL OR lease_until <= {{now}})
                 ORDER BY id LIMIT 1 {}
             )
             RETURNING id, token",
            self.dialect.untaken()
        );
        let taken = self
            .query(&statement)
            .bind(node.to_owned())
            .bind(micros(ttl))
            .fetch_all(&self.writers)
            .await
            .map_err(|error| self.error(error))?;
        let Some(row) = taken.first() else { return Ok(None) };
        let campaign = CampaignId(stored(self.column(row, "id")?, "a campaign")?);
        Ok(Some(Lease { campaign, token: stored(self.column(row, "token")?, "a token")? }))
    }

    pub(super) async fn prolong_lease(&self, lease: &Lease, ttl: Duration) -> Result<(), StoreError> {
        let prolonged = self
            .query(
                "UPDATE campaign SET lease_until = {now} + $1
                 WHERE id = $2 AND token = $3 AND lease_until > {now}",
            )
            .bind(micros(ttl))
            .bind(key(lease.campaign))
            .bind(token(lease))
            .execute(&self.writers)
            .await
            .map_err(|error| self.error(error))?;
        if prolonged.rows_affected() == 0 { Err(self.no_longer_held(lease).await?) } else { Ok(()) }
    }

    pub(super) async fn give_lease_back(&self, lease: &Lease) -> Result<(), StoreError> {
        let statement = "UPDATE campaign SET node = NULL, lease_until = NULL WHERE id = $1 AND token = $2";
        let statement = self.query(statement).bind(key(lease.campaign)).bind(token(lease));
        statement.execute(&self.writers).await.map_err(|error| self.error(error))?;
        Ok(())
    }

    /// Makes sure that the lease runs, and keeps others from taking the campaign until the transaction is over.
    pub(super) async fn fence(
        &self,
        transaction: &mut Transaction<'static, Any>,
        lease: &Lease,
    ) -> Result<Held, StoreError> {
        // Writing what is there takes the row's lock in either database.
        let held = self
            .query(
                "UPDATE campaign SET token = token WHERE id = $1 AND token = $2 AND lease_until > {now}
                 RETURNING records, tenant",
            )
            .bind(key(lease.campaign))
            .bind(token(lease))
            .fetch_all(&mut **transaction)
            .await
            .map_err(|error| self.error(error))?;
        let fenced = StoreError::Fenced { campaign: lease.campaign, token: lease.token };
        let row = held.first().ok_or(fenced)?;
        let records = stored(self.column(row, "records")?, "a number of records")?;
        Ok(Held { campaign: lease.campaign, records, tenant: self.column(row, "tenant")? })
    }

    /// Why a lease is not valid: there is no such campaign, or it is over with the lease.
    async fn no_longer_held(&self, lease: &Lease) -> Result<StoreError, StoreError> {
        self.exists(lease.campaign).await?;
        Ok(StoreError::Fenced { campaign: lease.campaign, token: lease.token })
    }
}

/// A campaign's number as databases count; none has a larger one.
pub(super) fn key(id: CampaignId) -> i64 {
    i64::try_from(id.0).unwrap_or(i64::MAX)
}

fn token(lease: &Lease) -> i64 {
    i64::try_from(lease.token).unwrap_or(i64::MAX)
}

fn micros(ttl: Duration) -> i64 {
    // Longer than anything that is ever leased, and short enough to be added to the present.
    const LONGEST: u64 = 1 << 60;
    let micros = u64::try_from(ttl.as_micros()).unwrap_or(LONGEST).min(LONGEST);
    i64::try_from(micros).unwrap_or(i64::MAX)
}
