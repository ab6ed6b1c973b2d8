//! A server that several nodes share.

use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::SqlStore;
use super::dialect::Dialect;
use crate::driver::store::StoreError;

/// Connections of one node.
const CONNECTIONS: u32 = 8;

impl SqlStore {
    /// Campaigns in a PostgreSQL database (feature `postgres`): `postgres://user:password@host:port/database`, with
    /// `?sslmode=verify-full` (or `verify-ca`, `require`) behind it for an encrypted connection (feature `postgres-tls`).
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if it cannot be reached or written; [`StoreError::NoTls`] if the URL asks for an
    /// encrypted connection and the feature is not there; [`StoreError::Other`] if a later version of this program made
    /// the tables, or the URL is none.
    pub async fn postgres(url: &str) -> Result<Self, StoreError> {
        if cfg!(not(feature = "postgres-tls")) && asks_for_tls(url)? {
            return Err(StoreError::NoTls);
        }
        Self::open(Dialect::Postgres, url, CONNECTIONS, None).await
    }
}

/// Whether a connection must be encrypted. Without this question the answer would be taken for a lost connection, that
/// may come back.
fn asks_for_tls(url: &str) -> Result<bool, StoreError> {
    let options: PgConnectOptions = url.parse().map_err(|error| Dialect::Postgres.error(error))?;
    Ok(matches!(options.get_ssl_mode(), PgSslMode::Require | PgSslMode::VerifyCa | PgSslMode::VerifyFull))
}
