//! What runs ask of workers, quotas, and runs that are held or tried again, over HTTP.

use coordinator::http::HttpSettings;
use coordinator::store::runs::RunError;
use coordinator::store::writer::{Fact, RunEnd};
use coordinator::store::{DatabaseSettings, Store};
use reqwest::Method;
use serde_json::{Value, json};

use super::front::{Front, Leader, planner, pointers, problem, settings, spin};

async fn with_quota(user_runs: u32) -> Front {
    let store = Store::connect(&DatabaseSettings::new(testkit::postgres::database())).await.unwrap();
    store.migrate().await.unwrap();
    let front = Front::over(store, HttpSettings { user_runs, ..settings() }).await;
    let mut north = spin();
    north.labels = [("zone".to_owned(), "north".to_owned())].into();
    front.store.announce_algorithms(&[north, planner()]).await.unwrap();
    front
}

#[tokio::test]
async fn a_run_says_which_workers_it_needs_beside_what_its_algorithm_does() {
    let front = with_quota(0).await;
    let order = |labels: Value, memory: Value| json!({ "algorithm": "spin", "params": { "shards": 1 }, "worker_labels": labels, "memory_mib": memory });
    let run: Value =
        front.post("/api/v1/runs", &order(json!({ "gpu": "yes" }), json!(700))).await.json().await.unwrap();
    assert_eq!(run["worker_labels"], json!({ "gpu": "yes", "zone": "north" }));
    assert_eq!(run["memory_mib"], 700);
    let again =
        front.post(&format!("/api/v1/runs/{}/resubmit", run["id"].as_str().unwrap()), &json!({})).await;
    let again: Value = again.json().await.unwrap();
    assert_eq!((&again["worker_labels"], &again["memory_mib"]), (&run["worker_labels"], &run["memory_mib"]));
    assert_eq!(front.read("/api/v1/algorithms/spin").await["labels"], json!({ "zone": "north" }));

    let many: serde_json::Map<String, Value> = (0..17).map(|n| (n.to_string(), json!("x"))).collect();
    for (labels, memory, pointer) in [
        (json!({ "zone": "south" }), json!(1), "/worker_labels/zone"),
        (json!({ "a/b": "x\ny" }), json!(1), "/worker_labels/a~1b"),
        (json!(many), json!(1), "/worker_labels"),
        (json!({}), json!(0), "/memory_mib"),
        (json!({}), json!(20_000_000), "/memory_mib"),
    ] {
        let told =
            problem(front.post("/api/v1/runs", &order(labels, memory)).await, 422, "invalid_body").await;
        assert_eq!(pointers(&told), [pointer]);
    }
}

#[tokio::test]
async fn above_the_quota_of_open_runs_an_order_is_refused_until_one_ends() {
    let front = with_quota(2).await;
    let [first, second] = [front.submit().await, front.submit().await];
    let order = json!({ "algorithm": "spin", "params": { "shards": 3 } });
    let submit =
        || front.request(Method::POST, "/api/v1/runs").header("idempotency-key", "k").json(&order).send();
    let refused = submit().await.unwrap();
    assert_eq!(refused.headers()["retry-after"], "5");
    let told = problem(refused, 429, "quota_exceeded").await;
    assert!(told["detail"].as_str().unwrap().contains("2 open runs"), "{told}");
    let resubmitted = front.post(&format!("/api/v1/runs/{second}/resubmit"), &json!({})).await;
    problem(resubmitted, 429, "quota_exceeded").await;
    front.post(&format!("/api/v1/runs/{first}/cancel"), &json!({})).await;
    let accepted = submit().await.unwrap();
    assert_eq!(accepted.status(), 202, "the key of the refused order was not used up");
    let replayed = submit().await.unwrap();
    assert_eq!(replayed.headers()["idempotency-replayed"], "true", "what was accepted is answered again");
}

#[tokio::test]
async fn a_run_is_held_and_goes_on() {
    let front = Front::with_algorithms().await;
    let run = front.submit().await;
    let at = format!("/api/v1/runs/{run}");
    for (verb, paused) in [("pause", true), ("pause", true), ("resume", false), ("resume", false)] {
        let answer = front.post(&format!("{at}/{verb}"), &json!({})).await;
        assert_eq!(answer.status(), 200);
        let run: Value = answer.json().await.unwrap();
        assert_eq!(run["paused"], if paused { json!(true) } else { Value::Null }, "{run}");
    }
    let events = front.read(&format!("{at}/events")).await;
    let kinds: Vec<&str> =
        events["items"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["state", "paused", "resumed"]);
    front.post(&format!("{at}/cancel"), &json!({})).await;
    for verb in ["pause", "resume"] {
        problem(front.post(&format!("{at}/{verb}"), &json!({})).await, 409, "run_ended").await;
    }
    let nobody = uuid::Uuid::now_v7();
    problem(front.post(&format!("/api/v1/runs/{nobody}/pause"), &json!({})).await, 404, "run_not_found")
        .await;
}

#[tokio::test]
async fn a_failed_run_is_tried_again_with_a_deadline_if_one_is_given() {
    let front = Front::with_algorithms().await;
    let leader = Leader::of(&front).await;
    let run = front.submit().await;
    let at = format!("/api/v1/runs/{run}");
    problem(front.post(&format!("{at}/retry"), &json!({})).await, 409, "run_not_ended").await;
    let error = RunError {
        kind: "panicked".to_owned(),
        message: "boom".to_owned(),
        pointer: None,
        stage: None,
        shard: None,
        worker: None,
        attempts: Some(3),
    };
    let fail =
        || leader.writer.handle.submit(Fact::RunEnded { run, end: RunEnd::Failed { error: error.clone() } });
    fail();
    assert_eq!(front.read(&format!("{at}?wait=10")).await["state"], "failed");

    let told = front.post(&format!("{at}/retry"), &json!({ "deadline_s": 0 })).await;
    assert_eq!(pointers(&problem(told, 422, "invalid_body").await), ["/deadline_s"]);
    let answer = front.post(&format!("{at}/retry"), &json!({ "deadline_s": 60 })).await;
    assert_eq!(
        (answer.status().as_u16(), answer.headers()["location"].to_str().unwrap()),
        (202, at.as_str())
    );
    let again: Value = answer.json().await.unwrap();
    assert_eq!(
        (&again["state"], &again["error"], &again["ended_at"]),
        (&json!("queued"), &Value::Null, &Value::Null)
    );
    assert!(again["deadline_at"].is_string(), "{again}");
    fail();
    front.read(&format!("{at}?wait=10")).await;
    // without a body: the deadline that is still to come holds
    let answer = front.request(Method::POST, &format!("{at}/retry")).send().await.unwrap();
    assert_eq!(answer.status(), 202);
    let once_more: Value = answer.json().await.unwrap();
    assert_eq!(once_more["deadline_at"], again["deadline_at"]);
}
