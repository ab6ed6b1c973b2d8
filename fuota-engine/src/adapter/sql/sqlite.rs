//! One file, no server.

use std::path::Path;

use super::SqlStore;
use super::dialect::Dialect;
use crate::driver::store::StoreError;

/// Connections that read while the one that writes does.
const READERS: u32 = 3;

impl SqlStore {
    /// Campaigns in a file, which is made if it is not there (feature `sqlite`). Two more files beside it belong to it
    /// while it is open.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if it cannot be opened or written; [`StoreError::Corrupt`] if it is something else;
    /// [`StoreError::Other`] if a later version of this program wrote it, or its name is not UTF-8.
    pub async fn sqlite(file: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = file.as_ref();
        let name = path.to_str().ok_or_else(|| {
            StoreError::Other(format!("the name of {} is not UTF-8", path.display()).into())
        })?;
        Self::open(Dialect::Sqlite, &format!("sqlite://{}?mode=rwc", escaped(name)), 1, Some(READERS)).await
    }
}

/// A file's name within a URL.
fn escaped(name: &str) -> String {
    let mut url = String::new();
    for character in name.chars() {
        match character {
            '%' | '?' | '#' => url.push_str(&format!("%{:02X}", u32::from(character))),
            other => url.push(other),
        }
    }
    url
}
