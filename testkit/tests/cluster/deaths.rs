//! Processes die, hang and leave: every accepted run still reaches its one end, with one row per shard.

use std::time::Duration;

use serde_json::json;
use testkit::cluster::{Cluster, Shape, spin_params};

use crate::RUN;

#[tokio::test]
async fn a_killed_worker_costs_only_what_it_held() {
    let mut cluster = Cluster::start(Shape::workers(3)).await.unwrap();
    let run = cluster.spin(spin_params(150, 20)).await.unwrap();
    cluster.until_stored(&run.id, 20).await.unwrap();
    cluster.kill_worker(0).unwrap();
    let run = cluster.success(&run.id, RUN).await.unwrap();
    cluster.assert_complete(&run.id).await.unwrap();
    assert!(run.failures <= 1, "the death is charged only to what its one lane had begun: {}", run.failures);
    cluster.until_workers(2).await.unwrap();
}

#[tokio::test]
async fn a_frozen_worker_is_replaced_and_its_late_results_change_nothing() {
    let mut cluster =
        Cluster::start(Shape::workers(2).coordinator("--worker-silence-ms=1500")).await.unwrap();
    let run = cluster.spin(spin_params(80, 20)).await.unwrap();
    cluster.until_stored(&run.id, 10).await.unwrap();
    cluster.freeze_worker(0, true).unwrap();
    cluster.success(&run.id, RUN).await.unwrap();
    cluster.freeze_worker(0, false).unwrap();
    cluster.until_workers(2).await.unwrap(); // it finds back by itself
    cluster.assert_complete(&run.id).await.unwrap();
    let next = cluster.spin(spin_params(20, 5)).await.unwrap();
    cluster.success(&next.id, RUN).await.unwrap();
}

#[tokio::test]
async fn a_killed_coordinator_goes_on_where_the_rows_end() {
    let mut cluster = Cluster::start(Shape::workers(2)).await.unwrap();
    let run = cluster.spin(json!({ "shards": 100, "stages": 2, "iterations": 20_000_000 })).await.unwrap();
    cluster.until_stored(&run.id, 30).await.unwrap();
    cluster.kill_coordinator().unwrap();
    let count = format!("SELECT count(*) FROM shard_results WHERE run_id = '{}'", run.id);
    let stored = cluster.sql(&count).await.unwrap();
    assert!((30..200).contains(&stored), "the kill came in the middle: {stored}");

    cluster.start_coordinator().unwrap();
    cluster.success(&run.id, RUN).await.unwrap();
    cluster.assert_complete(&run.id).await.unwrap();
    let epochs = cluster.sql("SELECT epoch::bigint FROM leadership").await.unwrap();
    assert!(epochs >= 2, "a leadership of its own: {epochs}");
}

#[tokio::test]
async fn everything_killed_at_once_loses_nothing_accepted() {
    let mut cluster = Cluster::start(Shape::workers(2)).await.unwrap();
    let mut runs = Vec::new();
    for _ in 0..3 {
        runs.push(cluster.spin(spin_params(40, 20)).await.unwrap().id);
    }
    cluster.until_stored(&runs[0], 1).await.unwrap();
    cluster.kill_worker(0).unwrap();
    cluster.kill_coordinator().unwrap();
    cluster.kill_worker(1).unwrap();
    cluster.start_coordinator().unwrap();
    cluster.add_worker().unwrap();
    for run in &runs {
        cluster.success(run, RUN).await.unwrap();
        cluster.assert_complete(run).await.unwrap();
    }
}

#[tokio::test]
async fn a_terminated_worker_drains_and_leaves_well() {
    let mut cluster = Cluster::start(Shape::workers(2)).await.unwrap();
    let run = cluster.spin(spin_params(100, 20)).await.unwrap();
    cluster.until_stored(&run.id, 10).await.unwrap();
    let status = cluster.worker(0).unwrap().terminate(Duration::from_secs(10)).unwrap();
    assert!(status.success(), "{status}");
    let run = cluster.success(&run.id, RUN).await.unwrap();
    assert_eq!(run.failures, 0);
    cluster.assert_complete(&run.id).await.unwrap();
}

#[tokio::test]
async fn a_drained_worker_gets_nothing_until_it_is_wanted_again() {
    let cluster = Cluster::start(Shape::workers(2)).await.unwrap();
    let drained = cluster.status().await.unwrap().workers[0].id.clone();
    cluster.client.drain(&drained, true).await.unwrap();
    cluster
        .eventually("the worker drains", RUN, async || {
            let workers = cluster.status().await?.workers;
            Ok(workers.iter().any(|worker| worker.id == drained && worker.state == "draining"))
        })
        .await
        .unwrap();
    let by_drained = |run: &str| {
        format!("SELECT count(*) FROM shard_results WHERE run_id = '{run}' AND worker = '{drained}'")
    };

    let run = cluster.spin(spin_params(40, 5)).await.unwrap();
    cluster.success(&run.id, RUN).await.unwrap();
    assert_eq!(cluster.sql(&by_drained(&run.id)).await.unwrap(), 0);

    cluster.client.drain(&drained, false).await.unwrap();
    cluster.until_workers(2).await.unwrap();
    let run = cluster.spin(spin_params(40, 20)).await.unwrap();
    cluster.success(&run.id, RUN).await.unwrap();
    assert!(cluster.sql(&by_drained(&run.id)).await.unwrap() > 0);
}

#[tokio::test]
async fn a_terminated_coordinator_ends_well_and_its_workers_wait_for_the_next() {
    let mut cluster = Cluster::start(Shape::workers(2)).await.unwrap();
    let run = cluster.spin(spin_params(100, 20)).await.unwrap();
    cluster.until_stored(&run.id, 10).await.unwrap();
    let status = cluster.coordinator().unwrap().terminate(Duration::from_secs(15)).unwrap();
    assert!(status.success(), "{status}");
    cluster.start_coordinator().unwrap();
    cluster.success(&run.id, RUN).await.unwrap();
    cluster.assert_complete(&run.id).await.unwrap();
    cluster.until_workers(2).await.unwrap();
}
