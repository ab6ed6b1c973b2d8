//! Records, snapshots and frame counters: what a campaign's holder writes, each time behind the fence.

use sqlx::{Any, Transaction};

use super::error::{is_collision, number, stored};
use super::lease::{Held, key};
use super::{ROWS, SqlStore, values};
use crate::campaign::event::{DeviceReport, DeviceStatus};
use crate::campaign::format::{Format, write};
use crate::driver::store::{Batch, CampaignId, Claim, Lease, Snapshot, Standing, StoreError};
use crate::ids::GroupId;

impl SqlStore {
    pub(super) async fn append_batch(&self, lease: &Lease, batch: &Batch) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let held = self.fence(&mut transaction, lease).await?;
        if batch.first == held.records {
            self.add_records(&mut transaction, &held, batch).await?;
            self.note_orders(&mut transaction, held.campaign, &held.tenant, &batch.orders).await?;
        } else if !self.is_there(&mut transaction, &held, batch).await? {
            let (campaign, records, first) = (held.campaign, held.records, batch.first);
            return Err(StoreError::OutOfSequence { campaign, records, first });
        }
        if let Err(error) = self.claim_anew(&mut transaction, &held, &batch.claims).await {
            if !is_collision(&error) {
                return Err(self.error(error));
            }
            transaction.rollback().await.map_err(|error| self.error(error))?;
            return Err(self.who_has_it(&batch.claims, Some(held.campaign)).await?);
        }
        for report in &batch.devices {
            self.tell_device(&mut transaction, &held, report).await?;
        }
        self.tell_campaign(&mut transaction, &held, batch).await?;
        self.commit(transaction).await
    }

    /// Takes other things of devices than before; collides if another campaign under way has them.
    async fn claim_anew(
        &self,
        transaction: &mut Transaction<'static, Any>,
        held: &Held,
        claims: &[Claim],
    ) -> Result<(), sqlx::Error> {
        for claim in claims {
            self.query(
                "UPDATE campaign_device SET frag_index = $1, mc_group_id = $2 WHERE campaign = $3 AND dev_eui = $4",
            )
            .bind(claim.frag_index.map(i64::from))
            .bind(i64::from(claim.mc_group_id))
            .bind(key(held.campaign))
            .bind(claim.dev_eui.to_string())
            .execute(&mut **transaction)
            .await?;
        }
        Ok(())
    }

    /// Whether this is the last batch once more, because its first answer was lost.
    async fn is_there(
        &self,
        transaction: &mut Transaction<'static, Any>,
        held: &Held,
        batch: &Batch,
    ) -> Result<bool, StoreError> {
        let (Ok(most), end) = (u32::try_from(batch.records.len()), end(batch)) else { return Ok(false) };
        if most == 0 || end != held.records {
            return Ok(false);
        }
        Ok(self.records_within(transaction, held.campaign, batch.first, most).await? == batch.records)
    }

    pub(super) async fn add_records(
        &self,
        transaction: &mut Transaction<'static, Any>,
        held: &Held,
        batch: &Batch,
    ) -> Result<(), StoreError> {
        let mut seq = number(batch.first)?;
        for rows in batch.records.chunks(ROWS) {
            let values = values(rows.len(), 4);
            let mut query =
                self.query(&format!("INSERT INTO record (campaign, tenant, seq, octets) VALUES {values}"));
            for octets in rows {
                query = query.bind(key(held.campaign)).bind(held.tenant.clone()).bind(seq);
                query = query.bind(octets.clone());
                seq += 1;
            }
            query.execute(&mut **transaction).await.map_err(|error| self.error(error))?;
        }
        Ok(())
    }

    /// Writes down how a device stands.
    async fn tell_device(
        &self,
        transaction: &mut Transaction<'static, Any>,
        held: &Held,
        report: &DeviceReport,
    ) -> Result<(), StoreError> {
        let (stage, reason) = match report.status {
            DeviceStatus::Failed { stage, reason } => (Some(stage.name()), Some(reason.to_string())),
            _ => (None, None),
        };
        let told = self
            .query(
                "UPDATE campaign_device SET status = $1, stage = $2, reason = $3, missing_frag = $4, requests = $5,
                     since_gps = $6, report = $7
                 WHERE campaign = $8 AND dev_eui = $9",
            )
            .bind(report.status.name())
            .bind(stage)
            .bind(reason)
            .bind(report.missing_frag.map(i64::from))
            .bind(i64::from(report.requests))
            .bind(number(report.since.as_secs())?)
            .bind(write(Format::Progress, report))
            .bind(key(held.campaign))
            .bind(report.dev_eui.to_string())
            .execute(&mut **transaction)
            .await
            .map_err(|error| self.error(error))?;
        if told.rows_affected() == 1 {
            return Ok(());
        }
        let what = format!("campaign {} does not have device {}", held.campaign, report.dev_eui);
        Err(StoreError::Corrupt { what })
    }

    /// Writes down how the campaign stands; when it is over, its devices are free.
    async fn tell_campaign(
        &self,
        transaction: &mut Transaction<'static, Any>,
        held: &Held,
        batch: &Batch,
    ) -> Result<(), StoreError> {
        let Standing { status, stage, complete, failed, over, .. } = batch.standing;
        self.query(
            "UPDATE campaign SET status = $1, stage = $2, complete = $3, failed = $4, standing = $5, ended = $6,
                 records = $7
             WHERE id = $8",
        )
        .bind(status.name())
        .bind(stage.name())
        .bind(i64::from(complete))
        .bind(i64::from(failed))
        .bind(write(Format::Progress, &batch.standing))
        .bind(i64::from(over))
        .bind(number(end(batch))?)
        .bind(key(held.campaign))
        .execute(&mut **transaction)
        .await
        .map_err(|error| self.error(error))?;
        if over {
            self.forget_promises(transaction, held.campaign).await?;
            self.query("UPDATE campaign_device SET active = 0 WHERE campaign = $1 AND active = 1")
                .bind(key(held.campaign))
                .execute(&mut **transaction)
                .await
                .map_err(|error| self.error(error))?;
        }
        Ok(())
    }

    pub(super) async fn read_records(
        &self,
        id: CampaignId,
        first: u64,
        most: u32,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        self.exists(id).await?;
        let mut transaction = self.readers.begin().await.map_err(|error| self.error(error))?;
        let records = self.records_within(&mut transaction, id, first, most).await?;
        self.commit(transaction).await?;
        Ok(records)
    }

    async fn records_within(
        &self,
        transaction: &mut Transaction<'static, Any>,
        id: CampaignId,
        first: u64,
        most: u32,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        let rows = self
            .query("SELECT octets FROM record WHERE campaign = $1 AND seq >= $2 ORDER BY seq LIMIT $3")
            .bind(key(id))
            .bind(i64::try_from(first).unwrap_or(i64::MAX))
            .bind(i64::from(most))
            .fetch_all(&mut **transaction)
            .await
            .map_err(|error| self.error(error))?;
        rows.iter().map(|row| self.column(row, "octets")).collect()
    }

    pub(super) async fn keep_snapshot(&self, lease: &Lease, snapshot: &Snapshot) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let held = self.fence(&mut transaction, lease).await?;
        if snapshot.records > held.records {
            let (campaign, records) = (held.campaign, held.records);
            return Err(StoreError::OutOfSequence { campaign, records, first: snapshot.records });
        }
        self.query(
            "INSERT INTO snapshot (campaign, tenant, records, state) VALUES ($1, $2, $3, $4)
             ON CONFLICT (campaign) DO UPDATE SET records = excluded.records, state = excluded.state",
        )
        .bind(key(held.campaign))
        .bind(held.tenant)
        .bind(number(snapshot.records)?)
        .bind(snapshot.state.clone())
        .execute(&mut *transaction)
        .await
        .map_err(|error| self.error(error))?;
        self.commit(transaction).await
    }

    pub(super) async fn read_snapshot(&self, id: CampaignId) -> Result<Option<Snapshot>, StoreError> {
        self.exists(id).await?;
        let row = self
            .query("SELECT records, state FROM snapshot WHERE campaign = $1")
            .bind(key(id))
            .fetch_optional(&self.readers)
            .await
            .map_err(|error| self.error(error))?;
        row.map(|row| {
            let records = stored(self.column(&row, "records")?, "a snapshot's number of records")?;
            Ok(Snapshot { records, state: self.column(&row, "state")? })
        })
        .transpose()
    }

    pub(super) async fn set_counters_aside(
        &self,
        lease: &Lease,
        group: GroupId,
        count: u32,
    ) -> Result<u32, StoreError> {
        let mut transaction = self.begin().await?;
        let held = self.fence(&mut transaction, lease).await?;
        let rows = self
            .query(
                "INSERT INTO counter (campaign, tenant, group_id, next) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (campaign, group_id) DO UPDATE SET next = counter.next + excluded.next
                 RETURNING next",
            )
            .bind(key(held.campaign))
            .bind(held.tenant)
            .bind(i64::from(group.0))
            .bind(i64::from(count))
            .fetch_all(&mut *transaction)
            .await
            .map_err(|error| self.error(error))?;
        let row = rows.first().ok_or(StoreError::Unknown(held.campaign))?;
        let next: i64 = self.column(row, "next")?;
        // Counters have 32 bits. If not all of these do, nothing is committed.
        let next = u32::try_from(next).map_err(|_| StoreError::CountersExhausted)?;
        self.commit(transaction).await?;
        Ok(next.saturating_sub(count))
    }
}

/// How many records there are once the batch is there.
const fn end(batch: &Batch) -> u64 {
    batch.first.saturating_add(batch.records.len() as u64)
}
