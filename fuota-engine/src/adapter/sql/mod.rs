//! Campaigns in a database: SQLite for one node, PostgreSQL for several.
//!
//! One schema and one set of statements serve both (`migrations`): a person reads in the tables `campaign` and
//! `campaign_device` how everything stands, whichever it is:
//!
//! ```text
//! $ sqlite3 fuota.db "SELECT dev_eui, status, stage, reason, missing_frag FROM campaign_device WHERE campaign = 7"
//! ```
//!
//! Every write is one transaction, and every write to a campaign begins with the question whether its lease still runs,
//! by the database's own clock: whoever was only slow is refused. What an operator must keep secret is not here, except
//! group keys that the key store sealed.

mod airtime;
mod audit;
mod campaigns;
mod dialect;
mod error;
mod journal;
mod lease;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(all(test, feature = "conformance", feature = "postgres", feature = "sqlite"))]
mod tests;

use std::time::Duration;

use async_trait::async_trait;
use sqlx::any::{AnyArguments, AnyPoolOptions, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AnyPool, AssertSqlSafe, Connection, Executor, Row, Transaction};

use self::dialect::Dialect;
use crate::driver::store::{
    AuditEntry, Batch, Booking, CampaignId, Channel, DeviceRow, Lease, Listing, NewCampaign, Snapshot, Store,
    StoreError, StoredCampaign, Tenant,
};
use crate::ids::GroupId;
use crate::time::GpsInstant;

/// Most rows that one statement adds.
const ROWS: usize = 128;
/// Longest wait for a connection.
const PATIENCE: Duration = Duration::from_secs(30);

/// Campaigns in a database.
#[derive(Clone, Debug)]
pub struct SqlStore {
    readers: AnyPool,
    /// SQLite has one writer at a time, so it is one connection: whoever wants to write waits in line for it.
    writers: AnyPool,
    dialect: Dialect,
}

/// What a tenant may have under way at once; `None`: as much as it likes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// Campaigns.
    pub campaigns: Option<u32>,
    /// Devices of all its campaigns together.
    pub devices: Option<u32>,
}

impl SqlStore {
    /// Connects and brings the schema up to date. Without `readers` whoever reads and whoever writes share connections.
    async fn open(
        dialect: Dialect,
        url: &str,
        writers: u32,
        readers: Option<u32>,
    ) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        // A pool tries again and again; who opens a store wants to know at once what is wrong.
        let probe = async {
            let mut connection = AnyConnection::connect(url).await?;
            greet(dialect, &mut connection).await?;
            connection.close().await
        };
        probe.await.map_err(|error| dialect.error(error))?;
        let writers = connect(dialect, url, writers).await?;
        for statement in dialect.groundwork() {
            writers.execute(*statement).await.map_err(|error| dialect.error(error))?;
        }
        sqlx::migrate!().run(&writers).await.map_err(|error| match error {
            sqlx::migrate::MigrateError::Execute(error) => dialect.error(error),
            error => StoreError::Other(Box::new(error)),
        })?;
        let readers = match readers {
            Some(readers) => connect(dialect, url, readers).await?,
            None => writers.clone(),
        };
        Ok(Self { readers, writers, dialect })
    }

    /// Closes every connection, once what is under way is done.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writers.close().await;
    }

    /// A transaction that will write.
    async fn begin(&self) -> Result<Transaction<'static, Any>, StoreError> {
        self.writers.begin_with(self.dialect.begin()).await.map_err(|error| self.error(error))
    }

    async fn commit(&self, transaction: Transaction<'static, Any>) -> Result<(), StoreError> {
        transaction.commit().await.map_err(|error| self.error(error))
    }

    /// A statement in the database's own dialect: `{now}` stands for its clock.
    fn query(&self, statement: &str) -> Query<'static, Any, AnyArguments> {
        // Nothing but our own words goes into it; values are bound.
        sqlx::query(AssertSqlSafe(statement.replace("{now}", self.dialect.now())))
    }

    fn error(&self, error: sqlx::Error) -> StoreError {
        self.dialect.error(error)
    }

    /// A column of a row.
    fn column<'r, T>(&self, row: &'r AnyRow, name: &str) -> Result<T, StoreError>
    where
        T: sqlx::Decode<'r, Any> + sqlx::Type<Any>,
    {
        row.try_get(name).map_err(|error| self.error(error))
    }
}

async fn connect(dialect: Dialect, url: &str, connections: u32) -> Result<AnyPool, StoreError> {
    AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(PATIENCE)
        .after_connect(move |connection, _| Box::pin(greet(dialect, connection)))
        .connect(url)
        .await
        .map_err(|error| dialect.error(error))
}

async fn greet(dialect: Dialect, connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    for statement in dialect.greeting() {
        connection.execute(*statement).await?;
    }
    Ok(())
}

/// A statement that adds so many rows of so many values: `($1, $2), ($3, $4)`.
fn values(rows: usize, columns: usize) -> String {
    let row = |row: usize| {
        let places: Vec<_> = (1..=columns).map(|column| format!("${}", row * columns + column)).collect();
        format!("({})", places.join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

#[async_trait]
impl Store for SqlStore {
    async fn create(&self, campaign: &NewCampaign) -> Result<CampaignId, StoreError> {
        self.create_campaign(campaign).await
    }

    async fn load(&self, id: CampaignId) -> Result<StoredCampaign, StoreError> {
        self.load_campaign(id).await
    }

    async fn list(&self, tenant: Option<&Tenant>) -> Result<Vec<Listing>, StoreError> {
        self.list_campaigns(tenant).await
    }

    async fn find(&self, id: CampaignId) -> Result<Listing, StoreError> {
        self.find_campaign(id).await
    }

    async fn records(&self, id: CampaignId, first: u64, most: u32) -> Result<Vec<Vec<u8>>, StoreError> {
        self.read_records(id, first, most).await
    }

    async fn snapshot(&self, id: CampaignId) -> Result<Option<Snapshot>, StoreError> {
        self.read_snapshot(id).await
    }

    async fn acquire(&self, id: CampaignId, node: &str, ttl: Duration) -> Result<Lease, StoreError> {
        self.take_lease(id, node, ttl).await
    }

    async fn acquire_any(&self, node: &str, ttl: Duration) -> Result<Option<Lease>, StoreError> {
        self.take_any_lease(node, ttl).await
    }

    async fn renew(&self, lease: &Lease, ttl: Duration) -> Result<(), StoreError> {
        self.prolong_lease(lease, ttl).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        self.give_lease_back(lease).await
    }

    async fn append(&self, lease: &Lease, batch: &Batch) -> Result<(), StoreError> {
        self.append_batch(lease, batch).await
    }

    async fn put_snapshot(&self, lease: &Lease, snapshot: &Snapshot) -> Result<(), StoreError> {
        self.keep_snapshot(lease, snapshot).await
    }

    async fn reserve_counters(&self, lease: &Lease, group: GroupId, count: u32) -> Result<u32, StoreError> {
        self.set_counters_aside(lease, group, count).await
    }

    async fn book_airtime(&self, lease: &Lease, booking: &Booking) -> Result<GpsInstant, StoreError> {
        self.book(lease, booking).await
    }

    async fn promised_airtime(&self, channels: &[Channel]) -> Result<Duration, StoreError> {
        self.promised(channels).await
    }

    async fn secret(&self, id: CampaignId, group: GroupId, sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.keep_secret(id, group, sealed).await
    }

    async fn audits(&self, id: CampaignId) -> Result<Vec<AuditEntry>, StoreError> {
        self.read_audits(id).await
    }

    async fn devices(&self, id: CampaignId, first: u32, most: u32) -> Result<Vec<DeviceRow>, StoreError> {
        self.read_devices(id, first, most).await
    }
}
