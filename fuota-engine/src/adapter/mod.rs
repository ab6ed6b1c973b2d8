//! Ready-made counterparts of the [driver](crate::driver)'s traits, each behind a feature of its own.
//!
//! | Feature | What |
//! |---|---|
//! | `sqlite` | [`SqlStore::sqlite`](sql::SqlStore): campaigns in one file, for one node |
//! | `postgres` | [`SqlStore::postgres`](sql::SqlStore): campaigns shared by several nodes |

pub mod sql;
