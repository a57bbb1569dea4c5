//! The writer on a bad day: broken connections, commits without an answer, another leader.

use std::time::Duration;

use common::ids::StageIndex;
use coordinator::store::StoreError;
use coordinator::store::writer::{Fact, StageOutcome, Written};
use serde_json::json;

use crate::proxy::{Cut, Wire};
use crate::support::{
    end_connections, eventually, leading, number, opened, shard, shards_in, soon, sql, store, store_at,
    submitted,
};
use crate::writer::kinds;

#[tokio::test]
async fn a_commit_without_an_answer_is_neither_lost_nor_repeated() {
    for cut in [Cut::BeforeCommit, Cut::AfterCommit] {
        // (a batch for COPY, a few rows)
        for shards in [300, 3] {
            let (_direct, url) = store().await;
            let wire = Wire::to(&url);
            let store = store_at(&wire.url).await;
            let mut leader = leading(&store).await;
            let run = submitted(&store).await.id;
            wire.cut(cut);
            leader.handle.submit(opened(run, 0, shards));
            for index in 0..shards {
                leader.handle.submit(shard(run, 0, index));
            }
            leader.handle.submit(Fact::Event { run, kind: "best".to_owned(), body: json!({}) });
            let told = leader.settled().await;
            assert_eq!(wire.cuts(), 1);
            let stage = Written::Stage { run, stage: StageIndex(0), outcome: StageOutcome::Opened };
            assert_eq!(
                told.iter().filter(|written| **written == stage).count(),
                1,
                "{cut:?} {shards}: {told:?}"
            );
            assert_eq!(shards_in(&told), shards as usize);
            assert_eq!(
                kinds(&store, run).await,
                ["state", "state", "stage_opened", "best"],
                "{cut:?} {shards}"
            );
            let client = sql(&url).await;
            assert_eq!(number(&client, "SELECT count(*) FROM shard_results").await, i64::from(shards));
            assert_eq!(store.stages(run).await.unwrap()[0].done, shards);
            assert!(!leader.leadership.lost().is_cancelled());
        }
    }
}

#[tokio::test]
async fn a_killed_backend_in_the_middle_of_a_flood_costs_nothing() {
    let (store, url) = store().await;
    let mut leader = leading(&store).await;
    let run = submitted(&store).await.id;
    leader.handle.submit(opened(run, 0, 40_000));
    let client = sql(&url).await;
    for index in 0..40_000 {
        leader.handle.submit(shard(run, 0, index));
        if index % 500 == 0 {
            leader.handle.submit(Fact::Event { run, kind: "tick".to_owned(), body: json!({"at": index}) });
        }
        if index % 4_000 == 3_999 {
            // what was just submitted is on its way
            eventually(async || end_connections(&client, "% writer").await == 1).await;
        }
    }
    leader.settled().await;
    assert_eq!(number(&sql(&url).await, "SELECT count(*) FROM shard_results").await, 40_000);
    assert_eq!(store.stages(run).await.unwrap()[0].done, 40_000);
    assert_eq!(kinds(&store, run).await.len(), 3 + 80);
    assert!(!leader.leadership.lost().is_cancelled());
}

#[tokio::test]
async fn what_a_fenced_leader_writes_does_not_land() {
    let (store, url) = store().await;
    let mut old = leading(&store).await;
    let run = submitted(&store).await.id;
    old.handle.submit(opened(run, 0, 100));
    old.settled().await;
    // a successor moved the epoch on; the old leader does not know yet
    sql(&url).await.execute("UPDATE leadership SET epoch = epoch + 1", &[]).await.unwrap();
    for index in 0..100 {
        old.handle.submit(shard(run, 0, index));
    }
    old.handle.submit(Fact::Event { run, kind: "late".to_owned(), body: json!({}) });
    assert_eq!(soon(old.task).await.unwrap(), Err(StoreError::Fenced));
    assert!(old.leadership.lost().is_cancelled());
    let client = sql(&url).await;
    assert_eq!(number(&client, "SELECT count(*) FROM shard_results").await, 0);
    assert_eq!(kinds(&store, run).await, ["state", "state", "stage_opened"]);
    assert!(old.written.try_recv().is_err(), "nothing is told either");
}

#[tokio::test]
async fn an_outage_ends_the_leadership_and_the_next_one_goes_on_from_what_is_stored() {
    let (direct, url) = store().await;
    let wire = Wire::to(&url);
    let store = store_at(&wire.url).await;
    let mut leader = leading(&store).await;
    let run = submitted(&store).await.id;
    leader.handle.submit(opened(run, 0, 10));
    for index in 0..4 {
        leader.handle.submit(shard(run, 0, index));
    }
    leader.settled().await;

    wire.tear();
    for index in 4..10 {
        leader.handle.submit(shard(run, 0, index));
    }
    let began = std::time::Instant::now();
    assert_eq!(soon(leader.task).await.unwrap(), Err(StoreError::Fenced));
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    assert!(store.run(run).await.unwrap_err().is_transient());
    assert!(store.ping().await.unwrap_err().is_transient());
    wire.mend();
    let next = leading(&store).await;
    assert_eq!(next.leadership.epoch().0, 2);
    let resumed = store.resume(run).await.unwrap();
    assert_eq!(resumed.stored, [common::run::ShardRange { first: 0, count: 4 }]);
    assert_eq!(resumed.stages.len(), 1);
    assert_eq!(direct.run(run).await.unwrap().last_event, 3);
}
