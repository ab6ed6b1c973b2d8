//! A server that several nodes share.

use super::SqlStore;
use super::dialect::Dialect;
use crate::driver::store::StoreError;

/// Connections of one node.
const CONNECTIONS: u32 = 8;

impl SqlStore {
    /// Campaigns in a PostgreSQL database (feature `postgres`): `postgres://user:password@host:port/database`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if it cannot be reached or written; [`StoreError::Other`] if a later version of this
    /// program made the tables.
    pub async fn postgres(url: &str) -> Result<Self, StoreError> {
        Self::open(Dialect::Postgres, url, CONNECTIONS, None).await
    }
}
