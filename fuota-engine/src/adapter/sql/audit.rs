//! What operators ordered, and who.

use sqlx::{Any, Transaction};

use super::SqlStore;
use super::lease::key;
use crate::driver::store::{AuditEntry, CampaignId, StoreError};

impl SqlStore {
    /// Notes orders in a transaction that has the campaign to itself, so that their numbers follow.
    pub(super) async fn note_orders(
        &self,
        transaction: &mut Transaction<'static, Any>,
        id: CampaignId,
        tenant: &str,
        orders: &[AuditEntry],
    ) -> Result<(), StoreError> {
        for AuditEntry { actor, order } in orders {
            self.query(
                "INSERT INTO audit (campaign, tenant, seq, ordered, actor, action)
                 SELECT CAST($1 AS BIGINT), CAST($2 AS TEXT), COUNT(*), {now}, CAST($3 AS TEXT), CAST($4 AS TEXT)
                 FROM audit WHERE campaign = $1",
            )
            .bind(key(id))
            .bind(tenant.to_owned())
            .bind(actor.clone())
            .bind(order.clone())
            .execute(&mut **transaction)
            .await
            .map_err(|error| self.error(error))?;
        }
        Ok(())
    }

    pub(super) async fn read_audits(&self, id: CampaignId) -> Result<Vec<AuditEntry>, StoreError> {
        self.exists(id).await?;
        let rows = self
            .query("SELECT actor, action FROM audit WHERE campaign = $1 ORDER BY seq")
            .bind(key(id))
            .fetch_all(&self.readers)
            .await
            .map_err(|error| self.error(error))?;
        let entry =
            |row| Ok(AuditEntry { actor: self.column(row, "actor")?, order: self.column(row, "action")? });
        rows.iter().map(entry).collect()
    }
}
