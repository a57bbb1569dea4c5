//! What is past its time goes, and nothing else; who asks for it is told.

use std::time::Duration;

use chrono::{DateTime, Utc};
use common::ids::{ContentHash, RunId, StageIndex};
use coordinator::store::documents::NewDocument;
use coordinator::store::idempotency::Idempotency;
use coordinator::store::page::Page;
use coordinator::store::query::{QueryLimits, QueryOver};
use coordinator::store::retention::{DAY, Retention};
use coordinator::store::runs::{InputSource, RunInput};
use coordinator::store::shards::ShardFilter;
use coordinator::store::writer::{Fact, RunEnd};
use coordinator::store::{DatabaseSettings, Store, StoreError};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::support::{
    Leading, database, eventually, leading, new_run, number, opened, shard, soon, sql, submitted,
};

/// A leading store that keeps results for 30 days, events for 60, reports for 90 and runs for 120, and a connection
/// beside it. Its janitor works when it is told to.
async fn house() -> (Store, Leading, Client) {
    let url = database().await;
    let retention = Retention {
        shard_results: Some(30 * DAY),
        history: Some(60 * DAY),
        reports: Some(90 * DAY),
        runs: Some(120 * DAY),
        documents: Some(DAY),
        ..Retention::default()
    };
    let store = Store::connect(&DatabaseSettings { retention, ..DatabaseSettings::new(&url) }).await.unwrap();
    store.migrate().await.unwrap();
    let leader = leading(&store).await;
    // the round of a fresh leader, on an empty house
    eventually(async || store.upkeep().rounds == 1).await;
    (store, leader, sql(&url).await)
}

/// The id of a run submitted this long ago.
fn id_of(days: i64, n: u8) -> RunId {
    let at = common::clock::wall() - chrono::Duration::days(days);
    RunId(Uuid::from_u128(
        (u128::from(at.timestamp_millis().unsigned_abs()) << 80) | (7 << 76) | (8 << 60) | u128::from(n),
    ))
}

/// Makes a run look as if it had been submitted and ended that many days ago.
async fn age(client: &Client, run: RunId, as_id: RunId, ended: i64) {
    let ended: DateTime<Utc> = common::clock::wall() - chrono::Duration::days(ended);
    // copies that keep the keys of other tables satisfied at every moment
    let columns = "partition, state, algorithm, version, params, spec, inputs, seed, fingerprint, label, priority,
        deadline_at, until, submitter, created_at, started_at, waiting_reason, last_event, failures, error, estimate, report";
    client
        .execute(
            &format!(
                "INSERT INTO runs (id, ended_at, {columns})
                 SELECT $1, CASE WHEN ended_at IS NULL THEN NULL ELSE $3::timestamptz END, {columns} FROM runs WHERE id = $2"
            ),
            &[&as_id.0, &run.0, &ended],
        )
        .await
        .unwrap();
    for table in ["stages", "run_events", "shard_failures", "run_documents", "shard_results"] {
        client
            .execute(&format!("UPDATE {table} SET run_id = $1 WHERE run_id = $2"), &[&as_id.0, &run.0])
            .await
            .unwrap();
    }
    client.execute("DELETE FROM runs WHERE id = $1", &[&run.0]).await.unwrap();
}

/// The partition of the week of a run, made as it would have been then.
async fn partition_of(client: &Client, run: RunId) -> String {
    const WEEK_MS: u128 = 7 * 24 * 3_600 * 1_000;
    let week = (run.0.as_u128() >> 80) / WEEK_MS;
    let begin = DateTime::<Utc>::from_timestamp_millis(i64::try_from(week * WEEK_MS).unwrap()).unwrap();
    let name = format!("shard_results_{}", begin.format("%Y%m%d"));
    let (from, to) = (Uuid::from_u128((week * WEEK_MS) << 80), Uuid::from_u128(((week + 1) * WEEK_MS) << 80));
    client
        .batch_execute(&format!(
            "CREATE TABLE IF NOT EXISTS {name} PARTITION OF shard_results FOR VALUES FROM ('{from}') TO ('{to}')"
        ))
        .await
        .unwrap();
    name
}

/// A run of three shards, two of them stored and one failed once, that succeeded.
async fn succeeded(store: &Store, leader: &mut Leading) -> RunId {
    let run = submitted(store).await.id;
    leader.handle.submit(opened(run, 0, 3));
    for index in 0..3 {
        leader.handle.submit(shard(run, 0, index));
    }
    leader.handle.submit(Fact::ShardFailed {
        run,
        stage: StageIndex(0),
        shard: Some(1),
        worker: None,
        kind: "panicked".to_owned(),
        message: "once".to_owned(),
        note: None,
    });
    leader.handle.submit(Fact::RunEnded { run, end: RunEnd::Succeeded { report: b"{\"best\":1}".to_vec() } });
    leader.settled().await;
    run
}

async fn there(client: &Client, table: &str) -> bool {
    client.query_one("SELECT to_regclass($1) IS NOT NULL", &[&table]).await.unwrap().get(0)
}

fn dropped(what: &'static str) -> impl Fn(&StoreError) -> bool {
    move |error| matches!(error, StoreError::Dropped { what: told, .. } if *told == what)
}

#[tokio::test]
async fn results_go_by_partitions_and_who_asks_for_them_is_told() {
    let (store, mut leader, client) = house().await;
    let old = id_of(50, 1);
    let run = succeeded(&store, &mut leader).await;
    let partition = partition_of(&client, old).await;
    age(&client, run, old, 45).await;
    let young = succeeded(&store, &mut leader).await;
    assert_eq!(number(&client, &format!("SELECT count(*) FROM {partition}")).await, 3);

    store.tidy(leader.leadership.epoch()).await.unwrap();

    assert!(!there(&client, &partition).await);
    let status = store.upkeep();
    assert_eq!((status.partitions_dropped, status.kept_for_run, status.last_error), (1, None, None));
    let page = Page::default();
    let shards = store.shards(old, &ShardFilter::default(), &page).await.unwrap_err();
    let partial = store.partial(old, StageIndex(0), 0).await.unwrap_err();
    let over = QueryOver::Shards { stage: None };
    let query = store.query(old, "$", over, QueryLimits::default()).await.unwrap_err();
    for error in [shards, partial, query] {
        assert!(dropped("shard results")(&error), "{error:?}");
    }
    // the rest of the run is there: it ended 45 days ago
    assert!(store.run(old).await.unwrap().results_dropped_at.is_some());
    assert_eq!(&store.report(old).await.unwrap().unwrap()[..], b"{\"best\": 1}");
    let events = store.events(old, 0, 100).await.unwrap();
    assert_eq!(i64::try_from(events.len()), Ok(store.run(old).await.unwrap().last_event));
    // and all of the young one
    assert_eq!(store.shards(young, &ShardFilter::default(), &page).await.unwrap().items.len(), 3);
    assert_eq!(store.run(young).await.unwrap().results_dropped_at, None);
    // the second round finds nothing to do
    store.tidy(leader.leadership.epoch()).await.unwrap();
    assert_eq!(store.upkeep().partitions_dropped, 1);
}

#[tokio::test]
async fn a_partition_stays_while_one_of_its_runs_is_open_or_ended_lately() {
    let (store, mut leader, client) = house().await;
    let [ended, late, open] = [1, 2, 3].map(|n| id_of(100, n));
    let partition = partition_of(&client, ended).await;
    let run = succeeded(&store, &mut leader).await;
    age(&client, run, ended, 99).await;
    let run = succeeded(&store, &mut leader).await;
    age(&client, run, late, 2).await;
    let run = submitted(&store).await.id;
    leader.handle.submit(opened(run, 0, 2));
    leader.handle.submit(shard(run, 0, 0));
    leader.settled().await;
    age(&client, run, open, 0).await;

    for kept in [Some(late), Some(open)] {
        store.tidy(leader.leadership.epoch()).await.unwrap();
        assert!(there(&client, &partition).await);
        assert!(store.upkeep().kept_for_run.is_some_and(|run| run == late.0 || run == open.0), "{kept:?}");
        assert_eq!(number(&client, &format!("SELECT count(*) FROM {partition}")).await, 7);
        let long_ago = "UPDATE runs SET ended_at = now() - interval '40 days' WHERE ended_at IS NOT NULL";
        client.execute(long_ago, &[]).await.unwrap();
    }
    store.cancel(open).await.unwrap();
    store.tidy(leader.leadership.epoch()).await.unwrap();
    assert!(there(&client, &partition).await, "cancelled just now");
    client.execute("UPDATE runs SET ended_at = now() - interval '31 days'", &[]).await.unwrap();
    store.tidy(leader.leadership.epoch()).await.unwrap();
    assert!(!there(&client, &partition).await);
    assert_eq!(store.upkeep().kept_for_run, None);
}

#[tokio::test]
async fn the_writer_goes_on_while_a_partition_cannot_be_dropped() {
    let (store, mut leader, client) = house().await;
    let old = id_of(80, 1);
    let partition = partition_of(&client, old).await;
    let run = succeeded(&store, &mut leader).await;
    age(&client, run, old, 79).await;
    // somebody reads all results, for long
    client.batch_execute("BEGIN; SELECT count(*) FROM shard_results").await.unwrap();
    let running = submitted(&store).await.id;
    leader.handle.submit(opened(running, 0, 400));
    let tidying = {
        let (store, epoch) = (store.clone(), leader.leadership.epoch());
        tokio::spawn(async move { store.tidy(epoch).await })
    };
    let mut slowest = Duration::ZERO;
    for index in 0..200 {
        let began = std::time::Instant::now();
        leader.handle.submit(shard(running, 0, index));
        leader.settled().await;
        slowest = slowest.max(began.elapsed());
    }
    eventually(async || store.upkeep().gave_way > 1).await;
    assert!(slowest < Duration::from_secs(3), "a commit took {slowest:?}");
    assert!(there(&client, &partition).await);
    client.batch_execute("COMMIT").await.unwrap();
    soon(tidying).await.unwrap().unwrap();
    eventually(async || !there(&client, &partition).await).await;
}

#[tokio::test]
async fn events_reports_and_runs_go_each_in_its_time() {
    let (store, mut leader, client) = house().await;
    let run = succeeded(&store, &mut leader).await;
    let old = id_of(40, 1);
    age(&client, run, old, 31).await;
    let age_to = async |days: i32| {
        let set = "UPDATE runs SET ended_at = now() - make_interval(days => $1)";
        client.execute(set, &[&days]).await.unwrap();
        store.tidy(leader.leadership.epoch()).await.unwrap();
    };
    // its results strayed into the default partition: there was none for its week
    assert_eq!(number(&client, "SELECT count(*) FROM shard_results_default").await, 3);
    age_to(31).await;
    assert_eq!(number(&client, "SELECT count(*) FROM shard_results_default").await, 0);
    assert_eq!(store.upkeep().results_deleted, 3);
    assert!(store.run(old).await.unwrap().results_dropped_at.is_some());
    assert!(!store.events(old, 0, 100).await.unwrap().is_empty());

    age_to(61).await;
    assert_eq!(number(&client, "SELECT count(*) FROM run_events").await, 0);
    assert_eq!(number(&client, "SELECT count(*) FROM shard_failures").await, 0);
    assert!(store.run(old).await.unwrap().history_dropped_at.is_some());
    assert!(store.report(old).await.unwrap().is_some());

    age_to(91).await;
    let error = store.report(old).await.unwrap_err();
    assert!(dropped("report")(&error), "{error:?}");
    let error = store.query(old, "$", QueryOver::Report, QueryLimits::default()).await.unwrap_err();
    assert!(dropped("report")(&error), "{error:?}");
    let row = store.run(old).await.unwrap();
    assert!(
        store.reusable(row.fingerprint).await.unwrap().is_none(),
        "a run without its report answers nobody"
    );

    age_to(121).await;
    assert_eq!(store.run(old).await.unwrap_err(), StoreError::NotFound("run"));
    assert_eq!(number(&client, "SELECT count(*) FROM stages").await, 0);
    let status = store.upkeep();
    assert_eq!((status.histories_dropped, status.reports_dropped, status.runs_deleted), (1, 1, 1));
}

#[tokio::test]
async fn documents_go_when_nothing_refers_to_them() {
    let (store, mut leader, client) = house().await;
    let [used, unused] = ["{\"of\": \"a run\"}", "{\"of\": \"a deleted run\"}"].map(NewDocument::of);
    let take = |document: &NewDocument| {
        let source = InputSource::Inline;
        let input = RunInput { role: "topology".to_owned(), hash: document.hash, source };
        let mut run = new_run("{}");
        (run.inputs, run.documents) = (vec![input], vec![document.clone()]);
        run
    };
    store.submit(take(&used), None).await.unwrap();
    let deleted = store.submit(take(&unused), None).await.unwrap().run.id;
    store.cancel(deleted).await.unwrap();
    store.delete_run(deleted).await.unwrap();
    store.tidy(leader.leadership.epoch()).await.unwrap();
    assert_eq!(number(&client, "SELECT count(*) FROM documents").await, 2, "too young");

    client.execute("UPDATE documents SET created_at = now() - interval '2 days'", &[]).await.unwrap();
    store.tidy(leader.leadership.epoch()).await.unwrap();
    assert_eq!(store.document(used.hash).await.unwrap(), used.bytes);
    assert_eq!(store.document(unused.hash).await.unwrap_err(), StoreError::NotFound("document"));
    assert_eq!(store.upkeep().documents_collected, 1);

    // submissions and the janitor at the same time: what a run takes is there
    for round in 0..4 {
        let again = take(&unused);
        let submitting = {
            let store = store.clone();
            tokio::spawn(async move { store.submit(again, None).await })
        };
        client.execute("UPDATE documents SET created_at = now() - interval '2 days'", &[]).await.unwrap();
        store.tidy(leader.leadership.epoch()).await.unwrap();
        let run = submitting.await.unwrap().unwrap().run.id;
        assert_eq!(store.document(unused.hash).await.unwrap(), unused.bytes, "round {round}");
        store.cancel(run).await.unwrap();
        store.delete_run(run).await.unwrap();
    }
    leader.settled().await;
}

#[tokio::test]
async fn keys_go_after_their_time_and_a_lost_leader_tidies_nothing() {
    let (store, leader, client) = house().await;
    let key =
        Idempotency { principal: "ada".to_owned(), key: "k".to_owned(), body_hash: ContentHash::of(b"x") };
    store.submit(new_run("{}"), Some(key.clone())).await.unwrap();
    client.execute("UPDATE idempotency SET created_at = now() - interval '25 hours'", &[]).await.unwrap();
    let epoch = leader.leadership.epoch();
    client.execute("UPDATE leadership SET epoch = epoch + 1", &[]).await.unwrap();
    assert_eq!(store.tidy(epoch).await.unwrap_err(), StoreError::Fenced);
    assert_eq!(number(&client, "SELECT count(*) FROM idempotency").await, 1);
    client.execute("UPDATE leadership SET epoch = epoch - 1", &[]).await.unwrap();
    store.tidy(epoch).await.unwrap();
    assert_eq!(number(&client, "SELECT count(*) FROM idempotency").await, 0);
    assert_eq!(store.upkeep().keys_forgotten, 1);
}
