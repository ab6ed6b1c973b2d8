//! Time on air: who is on which channel when.

use std::collections::BTreeSet;
use std::time::Duration;

use sqlx::{Any, Executor, Transaction};

use super::SqlStore;
use super::error::{number, stored};
use super::lease::key;
use crate::driver::store::{Booking, CampaignId, Channel, Lease, NewCampaign, StoreError};
use crate::time::GpsInstant;

impl SqlStore {
    pub(super) async fn book(&self, lease: &Lease, booking: &Booking) -> Result<GpsInstant, StoreError> {
        // Always in the same order, so that no two wait for each other.
        let channels: BTreeSet<_> = booking.channels.iter().collect();
        let mut transaction = self.begin().await?;
        let held = self.fence(&mut transaction, lease).await?;
        let mut at = booking.from;
        for &channel in &channels {
            at = at.max(self.next_free(&mut transaction, channel).await?);
        }
        if at > booking.latest {
            // Nothing is committed.
            return Err(StoreError::NoAirtime { free: at, latest: booking.latest });
        }
        let free = number((at + booking.taken).as_micros())?;
        for channel in channels {
            self.take_channel(&mut transaction, channel, free).await?;
            self.keep_promise(&mut transaction, held.campaign, channel, booking.taken).await?;
        }
        self.commit(transaction).await?;
        Ok(at)
    }

    /// When a channel is free; nobody else asks until the transaction is over.
    async fn next_free(
        &self,
        transaction: &mut Transaction<'static, Any>,
        channel: &Channel,
    ) -> Result<GpsInstant, StoreError> {
        // Writing what is there takes the row's lock in either database.
        let rows = self
            .query(
                "INSERT INTO airtime (gateway, band, next_free) VALUES ($1, $2, 0)
                 ON CONFLICT (gateway, band) DO UPDATE SET next_free = airtime.next_free
                 RETURNING next_free",
            )
            .bind(channel.gateway.0.clone())
            .bind(channel.band.to_string())
            .fetch_all(&mut **transaction)
            .await
            .map_err(|error| self.error(error))?;
        let what = || StoreError::Corrupt { what: format!("{channel} has no row") };
        let free: i64 = self.column(rows.first().ok_or_else(what)?, "next_free")?;
        Ok(GpsInstant::from_micros(stored(free, "a moment on air")?))
    }

    async fn take_channel(
        &self,
        transaction: &mut Transaction<'static, Any>,
        channel: &Channel,
        free: i64,
    ) -> Result<(), StoreError> {
        self.query("UPDATE airtime SET next_free = $1 WHERE gateway = $2 AND band = $3")
            .bind(free)
            .bind(channel.gateway.0.clone())
            .bind(channel.band.to_string())
            .execute(&mut **transaction)
            .await
            .map_err(|error| self.error(error))?;
        Ok(())
    }

    /// What a campaign gets is no longer promised to it.
    async fn keep_promise(
        &self,
        transaction: &mut Transaction<'static, Any>,
        campaign: CampaignId,
        channel: &Channel,
        taken: Duration,
    ) -> Result<(), StoreError> {
        self.query(
            "UPDATE airtime_promise SET taken = CASE WHEN taken > $1 THEN taken - $1 ELSE 0 END
             WHERE campaign = $2 AND gateway = $3 AND band = $4",
        )
        .bind(micros(taken))
        .bind(key(campaign))
        .bind(channel.gateway.0.clone())
        .bind(channel.band.to_string())
        .execute(&mut **transaction)
        .await
        .map_err(|error| self.error(error))?;
        Ok(())
    }

    /// Notes what a new campaign will need, unless others were promised more than it was planned beside. Nobody else may
    /// be promised anything meanwhile.
    pub(super) async fn promise(
        &self,
        transaction: &mut Transaction<'static, Any>,
        id: CampaignId,
        campaign: &NewCampaign,
    ) -> Result<(), StoreError> {
        let mut promised = Duration::ZERO;
        for promise in &campaign.airtime {
            promised = promised.max(self.promised_on(&mut **transaction, &promise.channel).await?);
        }
        if promised > campaign.beside {
            return Err(StoreError::Overtaken { promised, planned: campaign.beside });
        }
        for promise in &campaign.airtime {
            self.query(
                "INSERT INTO airtime_promise (campaign, tenant, gateway, band, taken) VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (campaign, gateway, band)
                     DO UPDATE SET taken = airtime_promise.taken + excluded.taken",
            )
            .bind(key(id))
            .bind(campaign.tenant.0.clone())
            .bind(promise.channel.gateway.0.clone())
            .bind(promise.channel.band.to_string())
            .bind(micros(promise.taken))
            .execute(&mut **transaction)
            .await
            .map_err(|error| self.error(error))?;
        }
        Ok(())
    }

    /// A campaign that is over needs nothing any more.
    pub(super) async fn forget_promises(
        &self,
        transaction: &mut Transaction<'static, Any>,
        id: CampaignId,
    ) -> Result<(), StoreError> {
        self.query("DELETE FROM airtime_promise WHERE campaign = $1")
            .bind(key(id))
            .execute(&mut **transaction)
            .await
            .map_err(|error| self.error(error))?;
        Ok(())
    }

    pub(super) async fn promised(&self, channels: &[Channel]) -> Result<Duration, StoreError> {
        let mut most = Duration::ZERO;
        for channel in channels.iter().collect::<BTreeSet<_>>() {
            most = most.max(self.promised_on(&self.readers, channel).await?);
        }
        Ok(most)
    }

    async fn promised_on<'c>(
        &self,
        database: impl Executor<'c, Database = Any>,
        channel: &Channel,
    ) -> Result<Duration, StoreError> {
        let row = self
            .query(
                "SELECT CAST(COALESCE(SUM(taken), 0) AS BIGINT) AS taken FROM airtime_promise
                 WHERE gateway = $1 AND band = $2",
            )
            .bind(channel.gateway.0.clone())
            .bind(channel.band.to_string())
            .fetch_one(database)
            .await
            .map_err(|error| self.error(error))?;
        let taken = stored(self.column(&row, "taken")?, "promised time on air")?;
        Ok(Duration::from_micros(taken))
    }
}

/// A time as the tables have it; longer than a century is as good as for ever, and sums stay in range.
fn micros(time: Duration) -> i64 {
    const CENTURY: i64 = 100 * 366 * 86_400 * 1_000_000;
    i64::try_from(time.as_micros()).unwrap_or(CENTURY).min(CENTURY)
}
