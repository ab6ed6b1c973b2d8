//! Stores, by the name that people give them.

use fuota_engine::adapter::sql::SqlStore;

use super::error::LiveError;

/// Opens the store of that name.
///
/// # Errors
/// [`LiveError::NoStore`] and [`LiveError::Store`].
pub(super) async fn open(name: &str) -> Result<SqlStore, LiveError> {
    if let Some(file) = name.strip_prefix("sqlite:").filter(|file| !file.is_empty()) {
        return Ok(SqlStore::sqlite(file.strip_prefix("//").unwrap_or(file)).await?);
    }
    if name.starts_with("postgres://") || name.starts_with("postgresql://") {
        return Ok(SqlStore::postgres(name).await?);
    }
    Err(LiveError::NoStore(name.into()))
}
