//! Ready-made counterparts of the [driver](crate::driver)'s traits, each behind a feature of its own.
//!
//! | Feature | What |
//! |---|---|
//! | `sqlite` | [`SqlStore::sqlite`](sql::SqlStore): campaigns in one file, for one node |
//! | `postgres` | [`SqlStore::postgres`](sql::SqlStore): campaigns shared by several nodes |
//! | `postgres-tls` | the same over connections that are encrypted, where the URL asks for it |
//! | `prometheus` | [`Exporter`](prometheus::Exporter): what a node measures, as text to be scraped |

#[cfg(feature = "prometheus")]
pub mod prometheus;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub mod sql;
