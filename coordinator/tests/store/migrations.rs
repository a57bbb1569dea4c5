//! The schema is made once, however many processes start, and is what the rules ask for.

use common::ids::RunId;
use coordinator::store::StoreError;
use uuid::Uuid;

use crate::support::{database, leading, number, opened, shard, sql, store, store_at, submitted};

#[tokio::test]
async fn of_six_processes_that_start_together_one_migrates_and_all_are_ready() {
    let url = database().await;
    let starts: Vec<_> = (0..6)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move { store_at(&url).await.migrate().await })
        })
        .collect();
    for start in starts {
        assert_eq!(start.await.unwrap(), Ok(()));
    }
    let client = sql(&url).await;
    let applied = number(&client, "SELECT count(*) FROM refinery_schema_history").await;
    assert_eq!(number(&client, "SELECT max(version)::int8 FROM refinery_schema_history").await, applied);
    assert_eq!(number(&client, "SELECT count(*) FROM leadership").await, 1);
}

#[tokio::test]
async fn a_database_of_a_newer_release_is_refused() {
    let (store, url) = store().await;
    sql(&url)
        .await
        .execute(
            "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
             SELECT 99, 'from_the_future', applied_on, checksum FROM refinery_schema_history WHERE version = 1",
            &[],
        )
        .await
        .unwrap();
    let error = store.migrate().await.unwrap_err();
    assert!(matches!(&error, StoreError::Settings(text) if text.contains("from_the_future")), "{error:?}");
}

#[tokio::test]
async fn results_of_a_run_land_in_the_partition_of_its_week() {
    let (store, url) = store().await;
    let client = sql(&url).await;
    let mut leader = leading(&store).await;
    let run = submitted(&store).await.id;
    leader.handle.submit(opened(run, 0, 1));
    leader.handle.submit(shard(run, 0, 0));
    leader.settled().await;

    let table: String =
        client.query_one("SELECT tableoid::regclass::text FROM shard_results", &[]).await.unwrap().get(0);
    assert_ne!(table, "shard_results_default");
    assert!(table.starts_with("shard_results_2"), "{table}");
    let compression: Option<String> = client
        .query_one(
            "SELECT attcompression::text FROM pg_attribute
              WHERE attrelid = $1::text::regclass AND attname = 'partial'",
            &[&table],
        )
        .await
        .unwrap()
        .get(0);
    assert_eq!(compression.as_deref(), Some("l"), "lz4");
    let foreign = number(&client, "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conrelid::regclass::text LIKE 'shard_results%'").await;
    assert_eq!(foreign, 0);

    // what falls outside every span of time is caught
    client
        .execute(
            "INSERT INTO shard_results VALUES ($1, 0, 0, $1, now(), 0, 0, '{}')",
            &[&RunId(Uuid::from_u128(1)).0],
        )
        .await
        .unwrap();
    assert_eq!(number(&client, "SELECT count(*) FROM shard_results_default").await, 1);
}

#[tokio::test]
async fn states_and_timestamps_cannot_disagree() {
    let (store, url) = store().await;
    let run = submitted(&store).await.id;
    let client = sql(&url).await;
    for nonsense in [
        "state = 'lost'",
        "state = 'running'",
        "ended_at = now()",
        "state = 'succeeded', started_at = now(), ended_at = now()",
        "state = 'failed', ended_at = now()",
        "started_at = now()",
        "report = '{}'",
    ] {
        let error = client
            .execute(&format!("UPDATE runs SET {nonsense} WHERE id = $1"), &[&run.0])
            .await
            .expect_err(nonsense);
        assert_eq!(error.code(), Some(&tokio_postgres::error::SqlState::CHECK_VIOLATION), "{nonsense}");
    }
}
