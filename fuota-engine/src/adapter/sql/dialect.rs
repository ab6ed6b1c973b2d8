//! What SQLite and PostgreSQL say differently. Everything else is one set of statements.

use crate::driver::store::Obstacle;

/// Which database it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    #[cfg(feature = "sqlite")]
    Sqlite,
    #[cfg(feature = "postgres")]
    Postgres,
}

impl Dialect {
    /// The database's own clock, in microseconds since 1970-01-01. In PostgreSQL not the moment when the transaction
    /// began: it may have waited for a lock since.
    pub(super) const fn now(self) -> &'static str {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite => "CAST(unixepoch('subsec') * 1000000 AS INTEGER)",
            #[cfg(feature = "postgres")]
            Self::Postgres => "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)",
        }
    }

    /// Begins a transaction that will write. SQLite takes the lock at once: a reader that turns writer may be refused
    /// without having waited.
    pub(super) const fn begin(self) -> &'static str {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite => "BEGIN IMMEDIATE",
            #[cfg(feature = "postgres")]
            Self::Postgres => "BEGIN",
        }
    }

    /// Ends a query for a row that nobody else is about to take.
    pub(super) const fn untaken(self) -> &'static str {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite => "",
            #[cfg(feature = "postgres")]
            Self::Postgres => "FOR UPDATE SKIP LOCKED",
        }
    }

    /// What every connection begins with.
    pub(super) const fn greeting(self) -> &'static [&'static str] {
        match self {
            // What was committed survives a power cut, and readers don't wait for the writer.
            #[cfg(feature = "sqlite")]
            Self::Sqlite => &[
                "PRAGMA busy_timeout = 5000",
                "PRAGMA journal_mode = WAL",
                "PRAGMA synchronous = FULL",
                "PRAGMA foreign_keys = ON",
            ],
            // A node that is frozen in the middle of a transaction must not keep others from taking over.
            #[cfg(feature = "postgres")]
            Self::Postgres => &[
                "SET idle_in_transaction_session_timeout = '5s'",
                "SET lock_timeout = '10s'",
                "SET synchronous_commit = on",
            ],
        }
    }

    /// What has to be there before the tables.
    pub(super) const fn groundwork(self) -> &'static [&'static str] {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite => &[],
            #[cfg(feature = "postgres")]
            Self::Postgres => &[
                "DO $$ BEGIN CREATE DOMAIN blob AS bytea; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
            ],
        }
    }

    /// What keeps the database from working for a while, by its code for an error; `None` if waiting mends nothing.
    pub(super) fn obstacle(self, code: &str) -> Option<Obstacle> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite => sqlite_obstacle(code.parse().ok()?),
            #[cfg(feature = "postgres")]
            Self::Postgres => postgres_obstacle(code),
        }
    }

    /// Why there was no connection for so long: others use the file, or the server is gone.
    pub(super) const fn when_no_connection_is_to_be_had(self) -> Obstacle {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite => Obstacle::Busy,
            #[cfg(feature = "postgres")]
            Self::Postgres => Obstacle::Disconnected,
        }
    }

    /// Whether the code means that what is stored is damaged.
    pub(super) fn is_damage(self, code: &str) -> bool {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite => matches!(code.parse::<u32>().map(|code| code & 0xFF), Ok(11 | 26)),
            #[cfg(feature = "postgres")]
            Self::Postgres => code.starts_with("XX"),
        }
    }
}

/// The low octet is the kind of result (`SQLITE_BUSY` and so on).
#[cfg(feature = "sqlite")]
const fn sqlite_obstacle(code: u32) -> Option<Obstacle> {
    match code & 0xFF {
        5 | 6 => Some(Obstacle::Busy),
        8 => Some(Obstacle::ReadOnly),
        13 => Some(Obstacle::Full),
        10 | 14 => Some(Obstacle::Disconnected),
        _ => None,
    }
}

/// The first two characters are the class.
#[cfg(feature = "postgres")]
fn postgres_obstacle(code: &str) -> Option<Obstacle> {
    match code {
        "25006" => Some(Obstacle::ReadOnly),
        "53100" => Some(Obstacle::Full),
        "55P03" | "57014" => Some(Obstacle::Busy),
        "25P03" | "57P01" | "57P02" | "57P03" | "57P05" => Some(Obstacle::Disconnected),
        _ => match code.get(..2)? {
            "08" => Some(Obstacle::Disconnected),
            "40" | "53" => Some(Obstacle::Busy),
            _ => None,
        },
    }
}
