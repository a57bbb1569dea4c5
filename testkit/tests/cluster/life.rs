//! The ordinary life of a run: submitted over HTTP, sharded over workers, stored, read back.

use std::time::{Duration, Instant};

use cli::client::ClientError;
use cli::views::{InputRef, NewRun};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use testkit::cluster::{Cluster, Shape, spin_params};

use crate::RUN;

#[tokio::test]
async fn a_run_is_sharded_stored_as_jsonb_and_can_be_queried() {
    let cluster = Cluster::start(Shape::workers(2)).await.unwrap();
    let params = json!({ "shards": 200, "stages": 3, "iterations": 10_000, "result_bytes": 50 });
    let run = cluster.spin(params).await.unwrap();
    assert!(!run.has_ended(), "202 answers before anything ran");

    let run = cluster.success(&run.id, RUN).await.unwrap();
    cluster.assert_complete(&run.id).await.unwrap();
    let stages = run.stages.unwrap();
    assert_eq!(stages.iter().map(|stage| (stage.shards, stage.done)).collect::<Vec<_>>(), [(200, 200); 3]);

    let report = cluster.client.result(&run.id).await.unwrap();
    assert_eq!((&report["shards"], &report["stages"]), (&json!(600), &json!(3)));
    let found = cluster.client.query(&run.id, "$.checksum", "report").await.unwrap();
    assert!(found.to_string().contains(report["checksum"].as_str().unwrap()), "{found}");
    let busy = cluster
        .sql(&format!("SELECT count(DISTINCT worker) FROM shard_results WHERE run_id = '{}'", run.id))
        .await
        .unwrap();
    assert_eq!(busy, 2, "both workers took part");
}

#[tokio::test]
async fn a_sample_network_is_designed_into_a_checked_plan() {
    let cluster = Cluster::start(Shape::workers(2)).await.unwrap();
    for sample in cli::samples::ALL {
        let document =
            |text: &str| InputRef::Inline { document: RawValue::from_string(text.to_owned()).unwrap() };
        let inputs = [("topology", sample.topology), ("traffic", sample.traffic)];
        let order = NewRun {
            algorithm: "design".into(),
            params: json!({}),
            inputs: inputs.map(|(role, text)| (role.to_owned(), document(text))).into(),
            seed: Some(7),
            ..NewRun::default()
        };
        let submitted = cluster.client.submit(&order, None).await.unwrap();
        let run = cluster.success(&submitted.id, 2 * RUN).await.unwrap();
        cluster.assert_complete(&run.id).await.unwrap();

        let report = cluster.client.result(&run.id).await.unwrap();
        let summary: optics::plan::Summary = cli::report::part(&report, "summary").unwrap();
        let plan: optics::plan::Plan = cli::report::part(&report, "plan").unwrap();
        assert!(plan.violations.is_empty() && summary.lightpaths > 0, "{}: {summary:?}", sample.name);
        assert_eq!(summary.lightpaths + summary.blocked, summary.requests);
        assert!(!summary.bounds.is_empty(), "a plan says how good it could be at best");
        for (accept, begins) in [("text/html", "<!"), ("image/svg+xml", "<"), ("text/csv", "")] {
            let (bytes, kind) = cluster.client.result_as(&run.id, accept).await.unwrap();
            assert!(kind.starts_with(accept) && bytes.starts_with(begins.as_bytes()), "{accept}: {kind}");
        }
    }
}

#[tokio::test]
async fn cancelling_frees_the_lanes_within_a_second() {
    let cluster = Cluster::start(Shape::workers(2)).await.unwrap();
    let long = cluster.spin(spin_params(1_000, 20_000)).await.unwrap();
    let busy =
        |status: &cli::views::Status| status.workers.iter().map(|worker| worker.busy_lanes).sum::<u32>();
    cluster
        .eventually("both lanes are busy", RUN, async || Ok(busy(&cluster.status().await?) == 2))
        .await
        .unwrap();

    let began = Instant::now();
    assert_eq!(cluster.client.cancel(&long.id).await.unwrap().state, "cancelled");
    // the proof of free lanes is another run's result, not a figure
    let short = cluster.spin(json!({ "shards": 2 })).await.unwrap();
    cluster.success(&short.id, RUN).await.unwrap();
    let took = began.elapsed();
    assert!(took < Duration::from_secs(1), "the next run had its result after {took:?}");
    assert_eq!(cluster.client.cancel(&long.id).await.unwrap().state, "cancelled", "a repetition is no error");
    let refused = cluster.client.cancel(&short.id).await.unwrap_err();
    assert!(matches!(refused, ClientError::Refused(problem) if problem.status == 409));
}

#[tokio::test]
async fn events_resume_after_the_last_one_seen_without_gap_or_repetition() {
    let cluster = Cluster::start(Shape::workers(1)).await.unwrap();
    let params = json!({ "shards": 4, "stages": 5, "iterations": 50_000_000 });
    let run = cluster.spin(params).await.unwrap();

    let mut seen = Vec::new();
    let mut last = None;
    let mut ended = false;
    for _ in 0..100 {
        if ended {
            break;
        }
        let mut events = cluster.client.events(&run.id, last).await.unwrap();
        // hang up after every second stored event
        let mut left = 2;
        while left > 0
            && let Some(event) = events.next().await
        {
            if let Some(id) = event.id {
                last = Some(id);
                left -= 1;
                ended = event.data["body"]["state"] == "succeeded";
                seen.push((id, event.kind));
            }
        }
    }
    assert!(ended, "{seen:?}");
    let ids: Vec<i64> = seen.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, (1..=i64::try_from(seen.len()).unwrap()).collect::<Vec<_>>(), "{seen:?}");
    let opened = seen.iter().filter(|(_, kind)| kind == "stage_opened").count();
    assert_eq!(opened, 5, "{seen:?}");
}

#[tokio::test]
async fn a_repeated_submission_with_its_key_is_the_same_run() {
    let cluster = Cluster::start(Shape::workers(1)).await.unwrap();
    let order = NewRun { algorithm: "spin".into(), params: json!({ "shards": 3 }), ..NewRun::default() };
    let first = cluster.client.submit(&order, Some("key-1")).await.unwrap();
    let again = cluster.client.submit(&order, Some("key-1")).await.unwrap();
    assert_eq!(first.id, again.id);

    let other = NewRun { params: json!({ "shards": 4 }), ..order.clone() };
    let refused = cluster.client.submit(&other, Some("key-1")).await.unwrap_err();
    assert!(matches!(refused, ClientError::Refused(problem) if problem.code == "idempotency_key_reused"));

    cluster.success(&first.id, RUN).await.unwrap();
    let reused = NewRun { reuse: true, ..order };
    let reused = cluster.client.submit(&reused, None).await.unwrap();
    assert_eq!((reused.id.as_str(), reused.reused), (first.id.as_str(), true));
}

#[tokio::test]
async fn planning_alone_shows_the_stages_and_executes_nothing() {
    let cluster = Cluster::start(Shape::workers(1)).await.unwrap();
    let order = NewRun {
        algorithm: "spin".into(),
        params: json!({ "shards": 1234 }),
        until: Some("planned".into()),
        ..NewRun::default()
    };
    let run = cluster.client.submit(&order, None).await.unwrap();
    let run = cluster.end(&run.id, RUN).await.unwrap();
    assert_eq!(run.state, "planned");
    assert!(run.estimate.is_some_and(|estimate| estimate.to_string().contains("1234")));
    let executed = format!("SELECT count(*) FROM shard_results WHERE run_id = '{}'", run.id);
    assert_eq!(cluster.sql(&executed).await.unwrap(), 0);
}

#[tokio::test]
async fn a_run_without_workers_says_what_it_waits_for_and_begins_when_one_comes() {
    let mut cluster = Cluster::start(Shape::workers(1)).await.unwrap();
    cluster.worker(0).unwrap().terminate(RUN).unwrap();
    cluster.until_workers(0).await.unwrap();
    let run = cluster.spin(json!({ "shards": 2 })).await.unwrap();
    cluster
        .eventually("the run says that it waits for a worker", RUN, async || {
            let reason = cluster.client.run(&run.id).await?.waiting_reason;
            Ok(reason.is_some_and(|reason| reason.contains("worker")))
        })
        .await
        .unwrap();
    cluster.add_worker().unwrap();
    let run = cluster.success(&run.id, RUN).await.unwrap();
    assert_eq!(run.waiting_reason, None);
}

#[tokio::test]
async fn bad_orders_are_refused_with_the_field_and_harm_nothing() {
    let cluster = Cluster::start(Shape::workers(1)).await.unwrap();
    let order =
        |algorithm: &str, params: Value| NewRun { algorithm: algorithm.into(), params, ..NewRun::default() };
    let looped = json!({ "name": "x", "nodes": [{ "id": "a" }], "links": [{ "id": "l", "a": "a", "b": "a", "length_km": 1 }] });
    let mut self_loop = order("design", json!({}));
    for role in ["topology", "traffic"] {
        let document = serde_json::value::to_raw_value(&looped).unwrap();
        self_loop.inputs.insert(role.into(), InputRef::Inline { document });
    }
    let cases = [
        ("unknown_algorithm", order("alchemy", json!({}))),
        ("invalid_params", order("spin", json!({ "shards": -1 }))),
        ("invalid_params", order("spin", json!({ "no_such": 1 }))),
        ("invalid_inputs", order("design", json!({}))),
        ("invalid_document", self_loop),
    ];
    for (code, bad) in cases {
        let refused = cluster.client.submit(&bad, None).await.unwrap_err();
        let ClientError::Refused(problem) = refused else { panic!("{code}: {refused}") };
        assert_eq!((problem.code.as_str(), problem.status), (code, 422), "{problem}");
    }
    let runs = cluster.sql("SELECT count(*) FROM runs").await.unwrap();
    assert_eq!(runs, 0, "nothing of it was stored");
    let fine = cluster.spin(json!({ "shards": 2 })).await.unwrap();
    cluster.success(&fine.id, RUN).await.unwrap();
}
