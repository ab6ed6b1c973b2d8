//! Campaigns as a whole: kept, found, listed, with what belongs to each.

use sha2::{Digest, Sha256};
use sqlx::any::AnyRow;
use sqlx::{Any, Transaction};

use super::error::{is_collision, number, stored};
use super::lease::key;
use super::{Quota, ROWS, SqlStore, values};
use crate::campaign::format::{Format, read};
use crate::driver::store::{
    AuditEntry, CampaignId, Claim, DeviceRow, Listing, NewCampaign, Resource, StoreError, StoredCampaign,
    Tenant,
};
use crate::ids::{DevEui, GroupId};

impl SqlStore {
    /// Sets what a tenant may have under way at once, from now on.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_quota(&self, tenant: &Tenant, quota: Quota) -> Result<(), StoreError> {
        self.query(
            "INSERT INTO quota (tenant, campaigns, devices) VALUES ($1, $2, $3)
             ON CONFLICT (tenant) DO UPDATE SET campaigns = excluded.campaigns, devices = excluded.devices",
        )
        .bind(tenant.0.clone())
        .bind(quota.campaigns.map(i64::from))
        .bind(quota.devices.map(i64::from))
        .execute(&self.writers)
        .await
        .map_err(|error| self.error(error))?;
        Ok(())
    }

    pub(super) async fn create_campaign(&self, campaign: &NewCampaign) -> Result<CampaignId, StoreError> {
        if let Some(other) = campaign.secrets_of {
            self.exists(other).await?;
        }
        let mut transaction = self.begin().await?;
        // Whoever else numbers a campaign waits here, so quotas hold too.
        let rows = self
            .query("UPDATE numbering SET next_campaign = next_campaign + 1 RETURNING next_campaign - 1 AS id")
            .fetch_all(&mut *transaction)
            .await
            .map_err(|error| self.error(error))?;
        let row = rows.first().ok_or_else(|| corrupt("campaigns are not numbered"))?;
        let id = CampaignId(stored(self.column(row, "id")?, "a campaign")?);
        self.check_quota(&mut transaction, campaign).await?;
        let image = self.keep_image(&mut transaction, campaign).await?;
        self.query(
            "INSERT INTO campaign (id, tenant, name, created, plan, image, devices)
             VALUES ($1, $2, $3, {now}, $4, $5, $6)",
        )
        .bind(key(id))
        .bind(campaign.tenant.0.clone())
        .bind(campaign.name.clone())
        .bind(campaign.plan.clone())
        .bind(image)
        .bind(number(campaign.devices.len() as u64)?)
        .execute(&mut *transaction)
        .await
        .map_err(|error| self.error(error))?;
        if let Err(error) = self.claim(&mut transaction, id, campaign).await {
            if !is_collision(&error) {
                return Err(self.error(error));
            }
            transaction.rollback().await.map_err(|error| self.error(error))?;
            return Err(self.who_has_it(&campaign.devices, None).await?);
        }
        if let Some(other) = campaign.secrets_of {
            self.query(
                "INSERT INTO secret (campaign, tenant, group_id, sealed)
                 SELECT CAST($1 AS BIGINT), CAST($2 AS TEXT), group_id, sealed FROM secret WHERE campaign = $3",
            )
            .bind(key(id))
            .bind(campaign.tenant.0.clone())
            .bind(key(other))
            .execute(&mut *transaction)
            .await
            .map_err(|error| self.error(error))?;
        }
        let start = [AuditEntry::start(&*campaign.actor)];
        self.note_orders(&mut transaction, id, &campaign.tenant.0, &start).await?;
        self.promise(&mut transaction, id, campaign).await?;
        self.commit(transaction).await?;
        Ok(id)
    }

    async fn check_quota(
        &self,
        transaction: &mut Transaction<'static, Any>,
        campaign: &NewCampaign,
    ) -> Result<(), StoreError> {
        let row = self
            .query(
                "SELECT q.campaigns AS most_campaigns, q.devices AS most_devices, COUNT(c.id) AS campaigns,
                     CAST(COALESCE(SUM(c.devices), 0) AS BIGINT) AS devices
                 FROM quota AS q LEFT JOIN campaign AS c ON c.tenant = q.tenant AND c.ended = 0
                 WHERE q.tenant = $1 GROUP BY q.campaigns, q.devices",
            )
            .bind(campaign.tenant.0.clone())
            .fetch_optional(&mut **transaction)
            .await
            .map_err(|error| self.error(error))?;
        let Some(row) = row else { return Ok(()) };
        let more = number(campaign.devices.len() as u64)?;
        for (what, most, more) in [("campaigns", "most_campaigns", 1), ("devices", "most_devices", more)] {
            let limit: Option<i64> = self.column(&row, most)?;
            let there: i64 = self.column(&row, what)?;
            if let Some(limit) = limit.filter(|limit| there.saturating_add(more) > *limit) {
                let limit = stored(limit, "a quota")?;
                return Err(StoreError::Quota { tenant: campaign.tenant.clone(), limit, what });
            }
        }
        Ok(())
    }

    /// Keeps the data block unless it is there; returns its name.
    async fn keep_image(
        &self,
        transaction: &mut Transaction<'static, Any>,
        campaign: &NewCampaign,
    ) -> Result<String, StoreError> {
        let hash = Sha256::digest(&campaign.image).iter().fold(String::new(), |mut hex, octet| {
            hex.push_str(&format!("{octet:02x}"));
            hex
        });
        self.query("INSERT INTO image (tenant, hash, octets) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
            .bind(campaign.tenant.0.clone())
            .bind(hash.clone())
            .bind(campaign.image.clone())
            .execute(&mut **transaction)
            .await
            .map_err(|error| self.error(error))?;
        Ok(hash)
    }

    /// Takes the devices; collides if another campaign under way has what this one needs of them.
    async fn claim(
        &self,
        transaction: &mut Transaction<'static, Any>,
        id: CampaignId,
        campaign: &NewCampaign,
    ) -> Result<(), sqlx::Error> {
        let mut place = 0;
        for rows in campaign.devices.chunks(ROWS) {
            let mut query = self.query(&format!(
                "INSERT INTO campaign_device (campaign, tenant, place, dev_eui, frag_index, mc_group_id) VALUES {}",
                values(rows.len(), 6)
            ));
            for claim in rows {
                query = query
                    .bind(key(id))
                    .bind(campaign.tenant.0.clone())
                    .bind(place)
                    .bind(claim.dev_eui.to_string())
                    .bind(claim.frag_index.map(i64::from))
                    .bind(i64::from(claim.mc_group_id));
                place += 1;
            }
            query.execute(&mut **transaction).await?;
        }
        Ok(())
    }

    /// Which other campaign under way has what one needs.
    pub(super) async fn who_has_it(
        &self,
        wanted: &[Claim],
        by: Option<CampaignId>,
    ) -> Result<StoreError, StoreError> {
        for claim in wanted {
            let holders = self
                .query(
                    "SELECT campaign, frag_index FROM campaign_device WHERE dev_eui = $1 AND active = 1
                         AND (frag_index = $2 OR mc_group_id = $3) AND campaign <> $4 ORDER BY campaign",
                )
                .bind(claim.dev_eui.to_string())
                .bind(claim.frag_index.map(i64::from))
                .bind(i64::from(claim.mc_group_id))
                // No campaign has the number 0.
                .bind(by.map_or(0, key))
                .fetch_all(&self.readers)
                .await
                .map_err(|error| self.error(error))?;
            if let Some(row) = holders.first() {
                let holder = CampaignId(stored(self.column(row, "campaign")?, "a campaign")?);
                let theirs: Option<i64> = self.column(row, "frag_index")?;
                let session = claim.frag_index.filter(|index| theirs == Some(i64::from(*index)));
                let group = Resource::McGroupId(claim.mc_group_id);
                let what = session.map_or(group, Resource::FragIndex);
                return Ok(StoreError::Claimed { device: claim.dev_eui, what, holder });
            }
        }
        // Whoever had it has let go meanwhile, or a device is there twice.
        Ok(corrupt("a campaign names a device twice, or was over just now"))
    }

    /// Nothing if there is such a campaign.
    pub(super) async fn exists(&self, id: CampaignId) -> Result<(), StoreError> {
        let query = self.query("SELECT id FROM campaign WHERE id = $1").bind(key(id));
        let row = query.fetch_optional(&self.readers).await.map_err(|error| self.error(error))?;
        row.map(|_| ()).ok_or(StoreError::Unknown(id))
    }

    pub(super) async fn load_campaign(&self, id: CampaignId) -> Result<StoredCampaign, StoreError> {
        let row = self
            .query(
                "SELECT c.tenant, c.name, c.plan, c.records, i.octets FROM campaign AS c
                 JOIN image AS i ON i.tenant = c.tenant AND i.hash = c.image WHERE c.id = $1",
            )
            .bind(key(id))
            .fetch_optional(&self.readers)
            .await
            .map_err(|error| self.error(error))?
            .ok_or(StoreError::Unknown(id))?;
        Ok(StoredCampaign {
            tenant: Tenant(self.column(&row, "tenant")?),
            name: self.column(&row, "name")?,
            plan: self.column(&row, "plan")?,
            image: self.column(&row, "octets")?,
            records: stored(self.column(&row, "records")?, "a number of records")?,
        })
    }

    pub(super) async fn list_campaigns(&self, tenant: Option<&Tenant>) -> Result<Vec<Listing>, StoreError> {
        let rows = match tenant {
            Some(tenant) => self
                .query("SELECT id, tenant, name, standing FROM campaign WHERE tenant = $1 ORDER BY id")
                .bind(tenant.0.clone()),
            None => self.query("SELECT id, tenant, name, standing FROM campaign ORDER BY id"),
        };
        let rows = rows.fetch_all(&self.readers).await.map_err(|error| self.error(error))?;
        rows.iter().map(|row| self.listing(row)).collect()
    }

    pub(super) async fn find_campaign(&self, id: CampaignId) -> Result<Listing, StoreError> {
        let query = self.query("SELECT id, tenant, name, standing FROM campaign WHERE id = $1").bind(key(id));
        let row = query.fetch_optional(&self.readers).await.map_err(|error| self.error(error))?;
        self.listing(&row.ok_or(StoreError::Unknown(id))?)
    }

    fn listing(&self, row: &AnyRow) -> Result<Listing, StoreError> {
        let standing: Option<Vec<u8>> = self.column(row, "standing")?;
        Ok(Listing {
            id: CampaignId(stored(self.column(row, "id")?, "a campaign")?),
            tenant: Tenant(self.column(row, "tenant")?),
            name: self.column(row, "name")?,
            standing: standing.map(|octets| read(Format::Progress, &octets)).transpose()?,
        })
    }

    pub(super) async fn read_devices(
        &self,
        id: CampaignId,
        first: u32,
        most: u32,
    ) -> Result<Vec<DeviceRow>, StoreError> {
        self.exists(id).await?;
        let rows = self
            .query(
                "SELECT dev_eui, frag_index, mc_group_id, report FROM campaign_device
                 WHERE campaign = $1 AND place >= $2 ORDER BY place LIMIT $3",
            )
            .bind(key(id))
            .bind(i64::from(first))
            .bind(i64::from(most))
            .fetch_all(&self.readers)
            .await
            .map_err(|error| self.error(error))?;
        rows.iter().map(|row| self.device(row)).collect()
    }

    fn device(&self, row: &AnyRow) -> Result<DeviceRow, StoreError> {
        let name: String = self.column(row, "dev_eui")?;
        let dev_eui = u64::from_str_radix(&name, 16);
        let dev_eui = dev_eui.map_err(|_| corrupt(format!("a device is called {name}")))?;
        let frag_index: Option<i64> = self.column(row, "frag_index")?;
        let report: Option<Vec<u8>> = self.column(row, "report")?;
        Ok(DeviceRow {
            report: report.map(|octets| read(Format::Progress, &octets)).transpose()?,
            claim: Claim {
                dev_eui: DevEui(dev_eui),
                frag_index: frag_index.map(|index| stored(index, "a FragIndex")).transpose()?,
                mc_group_id: stored(self.column(row, "mc_group_id")?, "an McGroupID")?,
            },
        })
    }

    pub(super) async fn keep_secret(
        &self,
        id: CampaignId,
        group: GroupId,
        sealed: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        self.query(
            "INSERT INTO secret (campaign, tenant, group_id, sealed)
             SELECT id, tenant, CAST($2 AS BIGINT), $3 FROM campaign WHERE id = $1
             ON CONFLICT DO NOTHING",
        )
        .bind(key(id))
        .bind(i64::from(group.0))
        .bind(sealed.to_vec())
        .execute(&self.writers)
        .await
        .map_err(|error| self.error(error))?;
        let row = self
            .query("SELECT sealed FROM secret WHERE campaign = $1 AND group_id = $2")
            .bind(key(id))
            .bind(i64::from(group.0))
            .fetch_optional(&self.readers)
            .await
            .map_err(|error| self.error(error))?
            .ok_or(StoreError::Unknown(id))?;
        self.column(&row, "sealed")
    }
}

fn corrupt(what: impl Into<String>) -> StoreError {
    StoreError::Corrupt { what: what.into() }
}
