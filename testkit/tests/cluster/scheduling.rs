//! Which worker a run gets and when: labels, memory, pauses over a restart, quotas, deadlines, retries, notes.

use cli::client::ClientError;
use cli::views::{NewRun, Run};
use serde_json::{Value, json};
use testkit::cluster::{Cluster, Shape, spin_params};

use crate::RUN;

fn flags<const N: usize>(flags: [&str; N]) -> Vec<String> {
    flags.map(str::to_owned).to_vec()
}

fn spin(params: Value) -> NewRun {
    NewRun { algorithm: "spin".into(), params, seed: Some(1), ..NewRun::default() }
}

/// Waits until the run says that it waits, in these words.
async fn until_waiting(cluster: &Cluster, id: &str, words: &[&str]) {
    let what = format!("the run waits for {words:?}");
    cluster
        .eventually(&what, RUN, async || {
            let reason = cluster.client.run(id).await?.waiting_reason.unwrap_or_default();
            Ok(words.iter().all(|word| reason.contains(word)))
        })
        .await
        .unwrap();
}

async fn until_state(cluster: &Cluster, worker: &str, state: &str) {
    cluster
        .eventually(&format!("{worker} is {state}"), RUN, async || {
            let workers = cluster.status().await?.workers;
            Ok(workers.iter().any(|other| other.id == worker && other.state == state))
        })
        .await
        .unwrap();
}

async fn stored(cluster: &Cluster, run: &Run) -> i64 {
    cluster.sql(&format!("SELECT count(*) FROM shard_results WHERE run_id = '{}'", run.id)).await.unwrap()
}

#[tokio::test]
async fn a_run_goes_where_its_labels_and_its_memory_are() {
    let mut cluster = Cluster::start(Shape::workers(1).worker("--memory-mib=200")).await.unwrap();
    let small = cluster.status().await.unwrap().workers[0].id.clone();
    let labelled = [("zone".to_owned(), "north".to_owned())].into();
    let north = NewRun { worker_labels: labelled, ..spin(json!({ "shards": 8 })) };
    let north = cluster.client.submit(&north, None).await.unwrap();
    let large = NewRun { memory_mib: Some(300), ..spin(json!({ "shards": 4 })) };
    let large = cluster.client.submit(&large, None).await.unwrap();
    until_waiting(&cluster, &north.id, &["label", "zone=north"]).await;
    until_waiting(&cluster, &large.id, &["memory", "300 MiB", "200 MiB"]).await;
    let plain = cluster.spin(json!({ "shards": 4 })).await.unwrap();
    cluster.success(&plain.id, RUN).await.unwrap();

    cluster.add_worker_with(&flags(["--label=zone=north", "--memory-mib=1000"])).unwrap();
    for run in [&north, &large] {
        let done = cluster.success(&run.id, RUN).await.unwrap();
        assert_eq!(done.waiting_reason, None);
        let wrong =
            format!("SELECT count(*) FROM shard_results WHERE run_id = '{}' AND worker = '{small}'", run.id);
        assert_eq!(cluster.sql(&wrong).await.unwrap(), 0, "the small worker had no part in it");
    }
}

#[tokio::test]
async fn a_worker_near_its_memory_limit_takes_one_task_at_a_time_and_recovers() {
    let shape = Shape { lanes: 2, ..Shape::workers(1) };
    let cluster =
        Cluster::start(shape.worker("--memory-mib=300").worker("--memory-high-percent=50")).await.unwrap();
    let worker = cluster.status().await.unwrap().workers[0].id.clone();
    let params = json!({ "shards": 3, "iterations": 1_500_000_000_u64, "hold_mib": 160 });
    let heavy = cluster.spin(params).await.unwrap();
    until_state(&cluster, &worker, "short_of_memory").await;
    cluster.success(&heavy.id, RUN).await.unwrap();
    until_state(&cluster, &worker, "ready").await;
    let light = cluster.spin(json!({ "shards": 20 })).await.unwrap();
    cluster.success(&light.id, RUN).await.unwrap();
}

#[tokio::test]
async fn a_paused_run_stays_paused_over_a_restart_and_keeps_its_results() {
    let mut cluster = Cluster::start(Shape::workers(2)).await.unwrap();
    let run = cluster.spin(spin_params(100, 50)).await.unwrap();
    cluster.until_stored(&run.id, 3).await.unwrap();
    assert!(cluster.client.pause(&run.id, true).await.unwrap().paused);
    until_waiting(&cluster, &run.id, &["paused", "run"]).await;

    cluster.kill_coordinator().unwrap();
    cluster.start_coordinator().unwrap();
    cluster.until_ready().await.unwrap();
    cluster.until_workers(2).await.unwrap();
    // what lanes had begun with is stored by now: the proof is another run that needed the lanes
    let other = cluster.spin(spin_params(4, 50)).await.unwrap();
    cluster.success(&other.id, RUN).await.unwrap();
    let before = stored(&cluster, &run).await;
    assert!((3..100).contains(&before), "{before}");
    let other = cluster.spin(spin_params(4, 50)).await.unwrap();
    cluster.success(&other.id, RUN).await.unwrap();
    assert_eq!(stored(&cluster, &run).await, before, "nothing of it was handed out");
    let held = cluster.client.run(&run.id).await.unwrap();
    assert!(held.paused && held.waiting_reason.unwrap_or_default().starts_with("paused"));

    assert!(!cluster.client.pause(&run.id, false).await.unwrap().paused);
    cluster.success(&run.id, RUN).await.unwrap();
    cluster.assert_complete(&run.id).await.unwrap();
}

#[tokio::test]
async fn above_the_quotas_runs_are_refused_and_lanes_are_waited_for() {
    let shape = Shape::workers(2).coordinator("--user-runs=2").coordinator("--user-lanes=1");
    let cluster = Cluster::start(shape).await.unwrap();
    let long = cluster.spin(spin_params(1_000, 2_000)).await.unwrap();
    cluster
        .eventually("the first run has its lane", RUN, async || {
            Ok(cluster.status().await?.workers.iter().any(|worker| worker.busy_lanes > 0))
        })
        .await
        .unwrap();
    let waiting = cluster.spin(json!({ "shards": 2 })).await.unwrap();
    until_waiting(&cluster, &waiting.id, &["quota", "1 lane"]).await;
    let busy: u32 = cluster.status().await.unwrap().workers.iter().map(|worker| worker.busy_lanes).sum();
    assert_eq!(busy, 1, "a lane is free, and not for this submitter");

    let refused = cluster.client.submit(&spin(json!({ "shards": 2 })), None).await.unwrap_err();
    let ClientError::Refused(problem) = refused else { panic!("{refused}") };
    assert_eq!((problem.status, problem.code.as_str()), (429, "quota_exceeded"));
    cluster.client.cancel(&long.id).await.unwrap();
    cluster.success(&waiting.id, RUN).await.unwrap();
    let third = cluster.spin(json!({ "shards": 2 })).await.unwrap();
    cluster.success(&third.id, RUN).await.unwrap();
}

// the deadline ends it in the middle; tried again it goes on where it was, without executing anything twice
#[tokio::test]
async fn a_run_past_its_deadline_fails_and_goes_on_where_it_was_when_it_is_tried_again() {
    let cluster = Cluster::start(Shape::workers(1)).await.unwrap();
    let order = NewRun { deadline_s: Some(2), ..spin(spin_params(80, 50)) };
    let run = cluster.client.submit(&order, None).await.unwrap();
    let failed = cluster.end(&run.id, RUN).await.unwrap();
    assert_eq!((failed.state.as_str(), failed.error.unwrap().kind.as_str()), ("failed", "deadline"));
    let before = stored(&cluster, &run).await;
    assert!((1..80).contains(&before), "{before}");
    let marked = format!(
        "WITH marked AS (UPDATE shard_results SET cpu_us = -1 WHERE run_id = '{}' RETURNING 1) \
         SELECT count(*) FROM marked",
        run.id
    );
    assert_eq!(cluster.sql(&marked).await.unwrap(), before);

    let again = cluster.client.retry(&run.id, None).await.unwrap();
    assert_eq!((again.state.as_str(), again.deadline_at.as_deref()), ("running", None));
    cluster.success(&run.id, RUN).await.unwrap();
    cluster.assert_complete(&run.id).await.unwrap();
    let kept = format!("SELECT count(*) FROM shard_results WHERE run_id = '{}' AND cpu_us = -1", run.id);
    assert_eq!(cluster.sql(&kept).await.unwrap(), before, "what was stored did not run again");
    let whole = cluster.spin(spin_params(80, 50)).await.unwrap();
    cluster.success(&whole.id, RUN).await.unwrap();
    assert_eq!(cluster.report(&run.id).await.unwrap(), cluster.report(&whole.id).await.unwrap());
}

#[tokio::test]
async fn what_a_shard_said_before_it_failed_can_be_read() {
    let cluster = Cluster::start(Shape::workers(1).coordinator("--shard-attempts=2")).await.unwrap();
    let params = json!({ "shards": 4, "panic_at": 2, "note": "on the way to slot 7" });
    let run = cluster.spin(params).await.unwrap();
    let failed = cluster.end(&run.id, RUN).await.unwrap();
    assert_eq!(failed.error.unwrap().attempts, Some(2));
    let shards: Value =
        cluster.client.get(&format!("/api/v1/runs/{}/shards?state=failed", run.id)).await.unwrap();
    assert_eq!(shards["items"][0]["error"]["note"], "shard 2: on the way to slot 7", "{shards}");
    let events: Value = cluster.client.get(&format!("/api/v1/runs/{}/events", run.id)).await.unwrap();
    let notes: Vec<&Value> = events["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["kind"] == "shard_failed")
        .map(|event| &event["body"]["note"])
        .collect();
    assert_eq!(notes, ["shard 2: on the way to slot 7"; 2]);
}
