//! PostgreSQL: several nodes, and a server that may be gone. These need one (`.ci/run services` starts it):
//! `FUOTA_TEST_POSTGRES=postgres://postgres@127.0.0.1:PORT/postgres`.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Executor};

use super::{batch, held, obstacle};
use crate::adapter::sql::SqlStore;
use crate::driver::conformance::check;
use crate::driver::store::{Obstacle, Store, StoreError};

/// The server to test with; without one, tests are passed over, and say so.
fn server() -> Option<String> {
    let server = std::env::var("FUOTA_TEST_POSTGRES").ok();
    if server.is_none() {
        eprintln!("skipped: FUOTA_TEST_POSTGRES is not set");
    }
    server
}

/// A database of its own for each store of these tests.
async fn database(server: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("fuota_test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    sqlx::any::install_default_drivers();
    let admin = sqlx::AnyPool::connect(server).await.unwrap();
    admin.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
    admin.close().await;
    let (host, _) = server.rsplit_once('/').unwrap();
    format!("{host}/{name}")
}

/// Has the server end every connection to a database.
async fn cut_connections(server: &str, url: &str) {
    let name = url.rsplit_once('/').unwrap().1;
    let statement =
        format!("SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{name}'");
    let admin = sqlx::AnyPool::connect(server).await.unwrap();
    admin.execute(AssertSqlSafe(statement)).await.unwrap();
    admin.close().await;
}

async fn fresh(server: &str) -> SqlStore {
    SqlStore::postgres(&database(server).await).await.unwrap()
}

#[tokio::test]
async fn it_does_what_every_store_does() {
    let Some(server) = server() else { return };
    let checks = check(|| fresh(&server)).await.unwrap();
    assert!(checks > 20);
}

#[tokio::test]
async fn quotas_hold() {
    let Some(server) = server() else { return };
    super::quotas_hold(&fresh(&server).await).await;
}

#[tokio::test]
async fn people_can_read_it() {
    let Some(server) = server() else { return };
    super::people_can_read_it(&fresh(&server).await).await;
}

#[tokio::test]
async fn images_are_kept_once() {
    let Some(server) = server() else { return };
    super::images_are_kept_once(&fresh(&server).await).await;
}

#[tokio::test]
async fn large_fleets_fit() {
    let Some(server) = server() else { return };
    super::large_fleets_fit(&fresh(&server).await).await;
}

#[tokio::test]
async fn a_lost_connection_is_said_and_made_anew() {
    let Some(server) = server() else { return };
    let url = database(&server).await;
    let store = SqlStore::postgres(&url).await.unwrap();
    let (id, lease) = held(&store).await;
    let mut transaction = store.begin().await.unwrap();
    let held = store.fence(&mut transaction, &lease).await.unwrap();
    cut_connections(&server, &url).await;
    let lost = store.add_records(&mut transaction, &held, &batch(0, 1, 1)).await;
    assert_eq!(obstacle(lost), Obstacle::Disconnected);
    drop(transaction);
    store.append(&lease, &batch(0, 2, 1)).await.unwrap();
    assert_eq!(store.records(id, 0, 9).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_said_not_to_be() {
    if server().is_none() {
        return;
    }
    let gone = SqlStore::postgres("postgres://postgres@127.0.0.1:1/postgres").await;
    assert_eq!(obstacle(gone), Obstacle::Disconnected);
}

#[tokio::test]
async fn a_connection_that_must_be_encrypted_is_not_made_otherwise() {
    for mode in ["require", "verify-ca", "verify-full"] {
        // Nobody need listen there: without the feature nothing is tried, with it nothing is reached.
        let url = format!("postgres://postgres@127.0.0.1:1/postgres?sslmode={mode}");
        let refused = SqlStore::postgres(&url).await;
        if cfg!(feature = "postgres-tls") {
            assert_eq!(obstacle(refused), Obstacle::Disconnected);
        } else {
            assert!(matches!(refused, Err(StoreError::NoTls)), "{refused:?}");
        }
    }
}

/// `.ci/run tls` has a server with a certificate, and another certificate.
#[cfg(feature = "postgres-tls")]
#[tokio::test]
async fn encrypted_connections_are_made_to_whoever_has_the_certificate() {
    let (Some(server), Ok(folder)) = (server(), std::env::var("FUOTA_TEST_POSTGRES_CERTIFICATES")) else {
        return;
    };
    let url = database(&server).await;
    let with = |root: &str| format!("{url}?sslmode=verify-full&sslrootcert={folder}/{root}.pem");
    let store = SqlStore::postgres(&with("server")).await.unwrap();
    held(&store).await;
    let admin = sqlx::AnyPool::connect(&server).await.unwrap();
    let name = url.rsplit_once('/').unwrap().1;
    let statement = format!(
        "SELECT COUNT(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE ssl AND datname = '{name}'"
    );
    let encrypted: i64 = sqlx::query_scalar(AssertSqlSafe(statement)).fetch_one(&admin).await.unwrap();
    assert!(encrypted > 0);
    assert_eq!(obstacle(SqlStore::postgres(&with("stranger")).await), Obstacle::Disconnected);
}

#[tokio::test]
async fn a_standby_is_read_only() {
    let Some(server) = server() else { return };
    let url = database(&server).await;
    let store = SqlStore::postgres(&url).await.unwrap();
    let (id, lease) = held(&store).await;
    let admin = sqlx::AnyPool::connect(&server).await.unwrap();
    let name = url.rsplit_once('/').unwrap().1;
    let statement = format!("ALTER DATABASE {name} SET default_transaction_read_only = on");
    admin.execute(AssertSqlSafe(statement)).await.unwrap();
    cut_connections(&server, &url).await;
    assert_eq!(obstacle(store.append(&lease, &batch(0, 1, 1)).await), Obstacle::ReadOnly);
    assert_eq!(store.load(id).await.unwrap().records, 0);
}

#[tokio::test]
async fn a_node_frozen_in_the_middle_of_a_write_loses_its_campaign_within_seconds() {
    let Some(server) = server() else { return };
    let url = database(&server).await;
    let (frozen, other) = (SqlStore::postgres(&url).await.unwrap(), SqlStore::postgres(&url).await.unwrap());
    let id = frozen.create(&super::new_campaign(1, 3)).await.unwrap();
    let lease = frozen.acquire(id, "frozen", Duration::from_millis(500)).await.unwrap();
    // It has passed the fence and holds the row, and then nothing more is heard of it.
    let mut transaction = frozen.begin().await.unwrap();
    let held = frozen.fence(&mut transaction, &lease).await.unwrap();
    tokio::time::sleep(Duration::from_millis(700)).await;
    let waited = Instant::now();
    let theirs = other.acquire(id, "other", super::TTL).await.unwrap();
    assert!(waited.elapsed() < Duration::from_secs(8), "{:?}", waited.elapsed());
    other.append(&theirs, &batch(0, 1, 1)).await.unwrap();
    // It wakes up: what it was about to write is refused, and so is all that follows.
    let late = frozen.add_records(&mut transaction, &held, &batch(0, 5, 1)).await;
    assert_eq!(obstacle(late), Obstacle::Disconnected);
    drop(transaction);
    let late = frozen.append(&lease, &batch(1, 1, 1)).await;
    assert!(matches!(late, Err(StoreError::Fenced { .. })), "{late:?}");
    assert_eq!(other.records(id, 0, 9).await.unwrap().len(), 1);
}
