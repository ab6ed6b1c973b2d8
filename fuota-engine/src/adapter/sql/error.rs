//! What a database's complaint means to the driver.

use sqlx::Error;
use sqlx::error::DatabaseError;

use super::dialect::Dialect;
use crate::campaign::format::FormatError;
use crate::driver::store::{Obstacle, StoreError};

impl Dialect {
    /// The driver's name for an error.
    pub(super) fn error(self, error: Error) -> StoreError {
        let code = error.as_database_error().and_then(DatabaseError::code);
        let damage = code.as_deref().is_some_and(|code| self.is_damage(code));
        let obstacle = match (&error, code.as_deref()) {
            (_, Some(code)) => self.obstacle(code),
            (Error::PoolTimedOut, _) => Some(self.when_no_connection_is_to_be_had()),
            (
                Error::Io(_) | Error::Tls(_) | Error::Protocol(_) | Error::PoolClosed | Error::WorkerCrashed,
                _,
            ) => Some(Obstacle::Disconnected),
            _ => None,
        };
        drop(code);
        match obstacle {
            Some(cause) => StoreError::Unavailable { cause, source: Some(Box::new(error)) },
            None if damage => StoreError::Corrupt { what: error.to_string() },
            None => StoreError::Other(Box::new(error)),
        }
    }
}

/// Whether a row would have been in another's place.
pub(super) fn is_collision(error: &Error) -> bool {
    error.as_database_error().is_some_and(DatabaseError::is_unique_violation)
}

impl From<FormatError> for StoreError {
    fn from(error: FormatError) -> Self {
        Self::Corrupt { what: error.to_string() }
    }
}

/// A number that is never negative and never larger than this type in anything that was put there.
pub(super) fn stored<T: TryFrom<i64>>(value: i64, what: &'static str) -> Result<T, StoreError> {
    T::try_from(value).map_err(|_| StoreError::Corrupt { what: format!("{what} is {value}") })
}

/// The way there: databases count with a sign.
pub(super) fn number(value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|error| StoreError::Other(Box::new(error)))
}
