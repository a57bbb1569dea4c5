//! Shards fail: what recurs is not repeated, what may not is tried elsewhere, and the run says which shard it was.

use serde_json::{Value, json};
use testkit::cluster::{Cluster, Shape};

use crate::RUN;

#[tokio::test]
async fn a_panicking_shard_is_tried_again_and_then_fails_the_run_with_its_message() {
    let cluster = Cluster::start(Shape::workers(2)).await.unwrap();
    let run = cluster.spin(json!({ "shards": 20, "panic_at": 7 })).await.unwrap();
    let run = cluster.end(&run.id, RUN).await.unwrap();
    assert_eq!(run.state, "failed");
    let error = run.error.unwrap();
    assert_eq!((error.stage, error.shard, error.kind.as_str()), (Some(0), Some(7), "panicked"));
    assert_eq!(error.attempts, Some(3), "{error}");
    assert!(!error.message.is_empty());

    let workers = cluster.status().await.unwrap().workers;
    assert_eq!(workers.len(), 2, "a panic takes no process down");
    let fine = cluster.spin(json!({ "shards": 20 })).await.unwrap();
    cluster.success(&fine.id, RUN).await.unwrap();
}

#[tokio::test]
async fn a_shard_without_solution_fails_the_run_at_once() {
    let cluster = Cluster::start(Shape::workers(1)).await.unwrap();
    let run = cluster.spin(json!({ "shards": 20, "fail_at": 3 })).await.unwrap();
    let run = cluster.end(&run.id, RUN).await.unwrap();
    let error = run.error.unwrap();
    assert_eq!((run.state.as_str(), error.shard, error.kind.as_str()), ("failed", Some(3), "infeasible"));
    let attempts = format!("SELECT count(*) FROM shard_failures WHERE run_id = '{}'", run.id);
    assert!(cluster.sql(&attempts).await.unwrap() <= 1, "it was not tried again");
}

#[tokio::test]
async fn a_result_that_cannot_be_stored_fails_its_run_alone() {
    let cluster = Cluster::start(Shape::workers(1)).await.unwrap();
    let bad = cluster.spin(json!({ "shards": 20, "unstorable_at": 3 })).await.unwrap();
    let good = cluster.spin(json!({ "shards": 20 })).await.unwrap();
    let bad = cluster.end(&bad.id, RUN).await.unwrap();
    assert_eq!((bad.state.as_str(), bad.error.unwrap().kind.as_str()), ("failed", "unstorable"));
    cluster.success(&good.id, RUN).await.unwrap();
}

#[tokio::test]
async fn a_panicking_merge_fails_the_run_with_its_stage() {
    let cluster = Cluster::start(Shape::workers(1)).await.unwrap();
    let run = cluster.spin(json!({ "shards": 2, "stages": 3, "panic_at_merge": 1 })).await.unwrap();
    let run = cluster.end(&run.id, RUN).await.unwrap();
    let error = run.error.unwrap();
    assert_eq!((run.state.as_str(), error.kind.as_str(), error.shard), ("failed", "panicked", None));
}

#[tokio::test]
async fn a_shard_that_takes_processes_down_is_found_and_the_rest_of_the_cluster_lives() {
    let mut cluster = Cluster::start(Shape::workers(2)).await.unwrap();
    let run = cluster.spin(json!({ "shards": 30, "iterations": 1_000_000, "abort_at": 11 })).await.unwrap();
    let mut deaths = 0;
    let run = loop {
        // whatever runs the workers starts those again that end
        deaths += cluster.restart_ended_workers().unwrap();
        assert!(deaths <= 10, "the poisonous shard is not found");
        let run = cluster.client.run_after(&run.id, 1).await.unwrap();
        if run.has_ended() {
            break run;
        }
    };
    let error = run.error.unwrap();
    assert_eq!((run.state.as_str(), error.shard), ("failed", Some(11)), "{error}");
    assert!(deaths >= 2, "it was tried on several processes: {deaths}");
    cluster.restart_ended_workers().unwrap();
    let fine = cluster.spin(json!({ "shards": 5 })).await.unwrap();
    cluster.success(&fine.id, RUN).await.unwrap();
}

#[tokio::test]
async fn a_shard_that_hangs_is_given_up_after_its_time() {
    let shape = Shape::workers(4).coordinator("--shard-timeout-s=1");
    let cluster = Cluster::start(shape).await.unwrap();
    let run = cluster.spin(json!({ "shards": 4, "hang_at": 2, "note": "slot 7" })).await.unwrap();
    let run = cluster.end(&run.id, 2 * RUN).await.unwrap();
    let error = run.error.unwrap();
    assert_eq!((run.state.as_str(), error.shard), ("failed", Some(2)), "{error}");
    let shards: Value =
        cluster.client.get(&format!("/api/v1/runs/{}/shards?state=failed", run.id)).await.unwrap();
    assert_eq!(shards["items"][0]["error"]["note"], "shard 2: slot 7", "what it said before it hung");
}
