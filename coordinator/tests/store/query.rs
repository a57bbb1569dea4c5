//! Paths over reports and partial results.

use std::time::{Duration, Instant};

use common::ids::RunId;
use coordinator::store::query::{QueryLimits, QueryOver};
use coordinator::store::writer::{Fact, RunEnd};
use coordinator::store::{Store, StoreError};
use serde_json::json;
use uuid::Uuid;

use crate::support::{eventually, leading, number, opened, shard_with, sql, store, submitted};

async fn planned(store: &Store) -> RunId {
    let mut leader = leading(store).await;
    let run = submitted(store).await.id;
    leader.handle.submit(opened(run, 0, 3));
    for index in 0..3 {
        leader.handle.submit(shard_with(
            run,
            0,
            index,
            &json!({"cost": index * 10, "seed": index}).to_string(),
        ));
    }
    leader.handle.submit(opened(run, 1, 1));
    leader.handle.submit(shard_with(run, 1, 0, r#"{"cost": 5}"#));
    let lightpaths: Vec<_> =
        (0..200).map(|index| json!({"id": index, "n": index % 7, "name": "x".repeat(300)})).collect();
    let report = json!({"plan": {"lightpaths": lightpaths}, "ratio": 0.5}).to_string().into_bytes();
    leader.handle.submit(Fact::RunEnded { run, end: RunEnd::Succeeded { report } });
    leader.settled().await;
    run
}

#[tokio::test]
async fn a_path_finds_values_in_the_report_and_in_the_partial_results() {
    let (store, _) = store().await;
    let run = planned(&store).await;
    let ask = async |path: &str, over| {
        let answer = store.query(run, path, over, QueryLimits::default()).await.unwrap();
        assert!(!answer.truncated);
        serde_json::to_value(&answer.values).unwrap()
    };
    assert_eq!(ask("$.ratio", QueryOver::Report).await, json!([{"value": 0.5}]));
    let found = ask("$.plan.lightpaths[*] ? (@.n == 3 && @.id < 20).id", QueryOver::Report).await;
    assert_eq!(found, json!([{"value": 3}, {"value": 10}, {"value": 17}]));
    assert_eq!(ask("$.plan.lightpaths.size()", QueryOver::Report).await, json!([{"value": 200}]));
    assert_eq!(ask("$.nothing", QueryOver::Report).await, json!([]));
    assert_eq!(
        ask("$.cost ? (@ >= 5)", QueryOver::Shards { stage: None }).await,
        json!([
            {"stage": 0, "shard": 1, "value": 10}, {"stage": 0, "shard": 2, "value": 20},
            {"stage": 1, "shard": 0, "value": 5},
        ])
    );
    assert_eq!(
        ask("$.cost", QueryOver::Shards { stage: Some(1) }).await,
        json!([{"stage": 1, "shard": 0, "value": 5}])
    );
}

#[tokio::test]
async fn an_answer_is_bounded_in_rows_and_bytes() {
    let (store, _) = store().await;
    let run = planned(&store).await;
    let ask = async |rows, bytes| {
        let limits = QueryLimits { rows, bytes, ..QueryLimits::default() };
        store.query(run, "$.plan.lightpaths[*]", QueryOver::Report, limits).await.unwrap()
    };
    let few = ask(10, 1 << 20).await;
    assert_eq!((few.values.len(), few.truncated), (10, true));
    let all = ask(200, 1 << 20).await;
    assert_eq!((all.values.len(), all.truncated), (200, false));
    let small = ask(1_000, 10_000).await;
    assert!(small.truncated && (20..40).contains(&small.values.len()), "{}", small.values.len());
    assert_eq!(ask(1_000, 10).await.values.len(), 1, "at least one");
}

#[tokio::test]
async fn a_bad_path_is_explained_in_the_words_of_postgres() {
    let (store, _) = store().await;
    let run = planned(&store).await;
    for (path, part) in [
        ("$.plan[", "syntax error"),
        ("", "jsonpath"),
        ("strict $.nothing", "nothing"),
        ("$.ratio.double().keyvalue()", "keyvalue"),
        ("$.x\0", "U+0000"),
        ("'); DROP TABLE runs; --", "syntax error"),
    ] {
        let error = store.query(run, path, QueryOver::Report, QueryLimits::default()).await.unwrap_err();
        match error {
            StoreError::Refused { code: "bad_path", detail } => {
                assert!(detail.contains(part), "{path:?}: {detail}");
            }
            other => panic!("{path:?}: {other:?}"),
        }
    }
    let unknown = store.query(RunId(Uuid::now_v7()), "$", QueryOver::Report, QueryLimits::default()).await;
    assert_eq!(unknown.unwrap_err(), StoreError::NotFound("run"));
}

#[tokio::test]
async fn an_expensive_path_is_stopped_also_when_its_client_goes_away() {
    let (store, url) = store().await;
    let run = planned(&store).await;
    // every pair of 200 lightpaths, three times over
    let path = "$.plan.lightpaths[*] ? (exists ($.plan.lightpaths[*] ? (exists ($.plan.lightpaths[*] ? (@.id == -1)))))";
    let began = Instant::now();
    let limits = QueryLimits { time: Duration::from_millis(200), ..QueryLimits::default() };
    let error = store.query(run, path, QueryOver::Report, limits).await.unwrap_err();
    assert_eq!(error, StoreError::Timeout);
    assert!(began.elapsed() < Duration::from_secs(2));

    // longer than anything is waited for here
    let slow = QueryLimits { time: Duration::from_mins(1), ..QueryLimits::default() };
    let asked = tokio::spawn(async move { store.query(run, path, QueryOver::Report, slow).await });
    let client = sql(&url).await;
    let busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'
                   AND application_name = 'netplanner'";
    eventually(async || number(&client, busy).await == 1).await;
    asked.abort();
    eventually(async || number(&client, busy).await == 0).await;
}
