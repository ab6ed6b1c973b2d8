//! SQLite: one file, that may be full, read-only, busy or damaged.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::Executor;

use super::{batch, held, new_campaign, obstacle};
use crate::adapter::sql::SqlStore;
use crate::driver::conformance::check;
use crate::driver::store::{Obstacle, Store, StoreError};

/// A file of its own for each store of these tests.
fn file() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let folder = std::env::temp_dir().join(format!("fuota-sqlite-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(format!("{} ?#%.db", COUNT.fetch_add(1, Ordering::Relaxed)))
}

async fn fresh() -> SqlStore {
    SqlStore::sqlite(file()).await.unwrap()
}

#[tokio::test]
async fn it_does_what_every_store_does() {
    let checks = check(fresh).await.unwrap();
    assert!(checks > 20);
}

#[tokio::test]
async fn quotas_hold() {
    super::quotas_hold(&fresh().await).await;
}

#[tokio::test]
async fn people_can_read_it() {
    super::people_can_read_it(&fresh().await).await;
}

#[tokio::test]
async fn images_are_kept_once() {
    super::images_are_kept_once(&fresh().await).await;
}

#[tokio::test]
async fn large_fleets_fit() {
    super::large_fleets_fit(&fresh().await).await;
}

#[tokio::test]
async fn what_was_committed_is_there_when_the_file_is_opened_again() {
    let file = file();
    let store = SqlStore::sqlite(&file).await.unwrap();
    let (id, lease) = held(&store).await;
    store.append(&lease, &batch(0, 5, 100)).await.unwrap();
    store.close().await;
    let store = SqlStore::sqlite(&file).await.unwrap();
    assert_eq!(store.load(id).await.unwrap().records, 5);
    // The lease has outlived the process, too.
    store.append(&lease, &batch(5, 1, 1)).await.unwrap();
}

#[tokio::test]
async fn a_commit_waits_for_the_disk() {
    let store = fresh().await;
    for (setting, expected) in [("journal_mode", "wal"), ("synchronous", "2")] {
        let row = store.query(&format!("SELECT CAST({setting} AS TEXT) AS value FROM pragma_{setting}"));
        let row = row.fetch_one(&store.writers).await.unwrap();
        assert_eq!(store.column::<String>(&row, "value").unwrap(), expected, "{setting}");
    }
}

#[tokio::test]
async fn a_full_disk_is_said_and_leaves_nothing_half_written() {
    let store = fresh().await;
    let (id, lease) = held(&store).await;
    store.append(&lease, &batch(0, 2, 100)).await.unwrap();
    let pages =
        store.query("SELECT page_count FROM pragma_page_count").fetch_one(&store.writers).await.unwrap();
    let pages: i64 = store.column(&pages, "page_count").unwrap();
    let limit = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {}", pages + 2));
    store.writers.execute(limit).await.unwrap();
    assert_eq!(obstacle(store.append(&lease, &batch(2, 300, 1000)).await), Obstacle::Full);
    assert_eq!(store.records(id, 0, 1000).await.unwrap().len(), 2);
    assert_eq!(obstacle(store.create(&new_campaign(100, 5000)).await), Obstacle::Full);
    // With room again, the same call works.
    store.writers.execute("PRAGMA max_page_count = 1000000").await.unwrap();
    store.append(&lease, &batch(2, 300, 1000)).await.unwrap();
    assert_eq!(store.records(id, 0, 1000).await.unwrap().len(), 302);
}

#[tokio::test]
async fn a_read_only_file_is_said_and_still_read() {
    let store = fresh().await;
    let (id, lease) = held(&store).await;
    store.writers.execute("PRAGMA query_only = 1").await.unwrap();
    assert_eq!(obstacle(store.append(&lease, &batch(0, 1, 1)).await), Obstacle::ReadOnly);
    assert_eq!(obstacle(store.renew(&lease, super::TTL).await), Obstacle::ReadOnly);
    assert_eq!(store.load(id).await.unwrap().records, 0);
    store.writers.execute("PRAGMA query_only = 0").await.unwrap();
    store.append(&lease, &batch(0, 1, 1)).await.unwrap();
}

#[tokio::test]
async fn a_file_that_somebody_else_writes_is_busy() {
    let file = file();
    let store = SqlStore::sqlite(&file).await.unwrap();
    let (_, lease) = held(&store).await;
    let other = SqlStore::sqlite(&file).await.unwrap();
    store.writers.execute("PRAGMA busy_timeout = 50").await.unwrap();
    let theirs = other.begin().await.unwrap();
    assert_eq!(obstacle(store.append(&lease, &batch(0, 1, 1)).await), Obstacle::Busy);
    theirs.rollback().await.unwrap();
    store.append(&lease, &batch(0, 1, 1)).await.unwrap();
}

#[tokio::test]
async fn something_else_is_not_taken_for_a_store() {
    let file = file();
    std::fs::write(&file, [0x55; 4096]).unwrap();
    let error = SqlStore::sqlite(&file).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    let nowhere = file.join("no folder").join("fuota.db");
    assert_eq!(obstacle(SqlStore::sqlite(nowhere).await), Obstacle::Disconnected);
}

#[tokio::test]
async fn a_later_version_is_refused() {
    let file = file();
    let store = SqlStore::sqlite(&file).await.unwrap();
    store
        .writers
        .execute(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (9999, 'later', 1, x'00', 0)",
        )
        .await
        .unwrap();
    store.close().await;
    let error = SqlStore::sqlite(&file).await.unwrap_err();
    assert!(matches!(error, StoreError::Other(_)) && !error.is_transient(), "{error:?}");
}
