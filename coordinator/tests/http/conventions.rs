//! What holds for every route: problems, validators, keys, negotiation, limits.

use reqwest::Method;
use serde_json::{Value, json};

use super::front::{Front, pointers, problem, triangle};

#[tokio::test]
async fn every_error_is_a_problem_whoever_makes_it() {
    let front = Front::with_algorithms().await;
    problem(front.get("/nowhere").await, 404, "not_found").await;
    problem(front.get("/api/v1/runs/").await, 404, "not_found").await;

    let response = front.request(Method::PUT, "/api/v1/runs").send().await.unwrap();
    assert_eq!(response.headers()["allow"], "POST, GET, HEAD");
    problem(response, 405, "method_not_allowed").await;
    let options = front.request(Method::OPTIONS, "/api/v1/runs").send().await.unwrap();
    assert_eq!(
        (options.status().as_u16(), &options.headers()["allow"]),
        (204, &"POST, GET, HEAD".parse().unwrap())
    );

    let send = |kind: &'static str, body: &'static str| {
        front.request(Method::POST, "/api/v1/runs").header("content-type", kind).body(body).send()
    };
    problem(send("text/plain", "{}").await.unwrap(), 415, "unsupported_media_type").await;
    let told =
        problem(send("application/json", "{\n \"algorithm\": NaN}").await.unwrap(), 400, "malformed_json")
            .await;
    assert_eq!(told["errors"][0]["row"], 2);
    let told =
        problem(send("application/json", r#"{"algorithm": 3}"#).await.unwrap(), 422, "invalid_body").await;
    assert_eq!(pointers(&told), ["/algorithm"]);
    let told = problem(
        send("application/json", r#"{"algorithm": "spin", "sead": 1}"#).await.unwrap(),
        422,
        "invalid_body",
    )
    .await;
    assert!(told["detail"].as_str().unwrap().contains("sead"), "{told}");

    let told = problem(front.get("/api/v1/runs?stat=queued").await, 400, "invalid_query").await;
    assert!(told["detail"].as_str().unwrap().contains("stat"), "{told}");
    let told = problem(front.get("/api/v1/runs?limit=many").await, 400, "invalid_query").await;
    assert_eq!(pointers(&told), ["<query limit>"]);
    problem(front.get("/api/v1/runs?limit=0").await, 400, "invalid_query").await;
    problem(front.get("/api/v1/runs?cursor=made-up").await, 400, "invalid_query").await;
}

#[tokio::test]
async fn an_id_that_names_nothing_is_a_clear_404() {
    let front = Front::start().await;
    let nobody = uuid::Uuid::now_v7();
    for id in [nobody.to_string(), "seventeen".to_owned(), "%00".to_owned()] {
        problem(front.get(&format!("/api/v1/runs/{id}")).await, 404, "run_not_found").await;
        problem(front.get(&format!("/api/v1/runs/{id}/events")).await, 404, "run_not_found").await;
        problem(front.get(&format!("/api/v1/runs/{id}/result")).await, 404, "run_not_found").await;
        problem(front.get(&format!("/api/v1/runs/{id}/shards")).await, 404, "run_not_found").await;
        problem(front.get(&format!("/api/v1/runs/{id}/query?path=$")).await, 404, "run_not_found").await;
        problem(front.post(&format!("/api/v1/runs/{id}/cancel"), &json!({})).await, 404, "run_not_found")
            .await;
        problem(front.get(&format!("/api/v1/topologies/{id}")).await, 404, "topology_not_found").await;
        problem(front.get(&format!("/api/v1/topologies/{id}/versions")).await, 404, "topology_not_found")
            .await;
        let matrix = front.get(&format!("/api/v1/traffic-matrices/{id}")).await;
        problem(matrix, 404, "traffic_matrix_not_found").await;
    }
    problem(front.get("/api/v1/algorithms/alchemy").await, 404, "algorithm_not_found").await;
}

#[tokio::test]
async fn a_key_makes_a_request_happen_once() {
    let front = Front::with_algorithms().await;
    let submit = |key: &'static str, seed: u32| {
        let body = json!({ "algorithm": "spin", "params": { "shards": 1 }, "seed": seed });
        front.request(Method::POST, "/api/v1/runs").header("idempotency-key", key).json(&body).send()
    };
    let first = submit("k1", 1).await.unwrap();
    assert!(first.headers().get("idempotency-replayed").is_none());
    let location = first.headers()["location"].clone();
    let first: Value = first.json().await.unwrap();
    let again = submit("k1", 1).await.unwrap();
    assert_eq!(again.status(), 202);
    assert_eq!(again.headers()["idempotency-replayed"], "true");
    assert_eq!(again.headers()["location"], location);
    assert_eq!(again.json::<Value>().await.unwrap(), first);

    problem(submit("k1", 2).await.unwrap(), 422, "idempotency_key_reused").await;
    assert_eq!(submit("k2", 1).await.unwrap().status(), 202);
    assert_eq!(front.read("/api/v1/runs").await["items"].as_array().unwrap().len(), 2);
    let long: &'static str = "x".repeat(201).leak();
    let told = problem(submit(long, 1).await.unwrap(), 400, "invalid_header").await;
    assert_eq!(pointers(&told), ["<header idempotency-key>"]);

    let create = || {
        let body = json!({ "document": triangle() });
        front.request(Method::POST, "/api/v1/topologies").header("idempotency-key", "t").json(&body).send()
    };
    let (first, again) = (create().await.unwrap(), create().await.unwrap());
    assert_eq!((first.status().as_u16(), again.status().as_u16()), (201, 201));
    assert_eq!(again.headers()["idempotency-replayed"], "true");
    assert_eq!(first.headers()["location"], again.headers()["location"]);
    assert_eq!(front.read("/api/v1/topologies").await["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_same_key_at_the_same_moment_is_one_run() {
    let front = Front::with_algorithms().await;
    let submit = || async {
        let body = json!({ "algorithm": "spin", "params": { "shards": 1 } });
        let request =
            front.request(Method::POST, "/api/v1/runs").header("idempotency-key", "race").json(&body);
        let run: Value = request.send().await.unwrap().json().await.unwrap();
        run["id"].as_str().unwrap().to_owned()
    };
    let (a, b, c) = tokio::join!(submit(), submit(), submit());
    assert_eq!((&a, &a), (&b, &c));
}

#[tokio::test]
async fn long_answers_are_packed_for_those_who_ask() {
    let front = Front::start().await;
    let packed = |coding: &'static str| {
        front.request(Method::GET, "/api/v1/openapi.json").header("accept-encoding", coding).send()
    };
    let plain = packed("identity").await.unwrap();
    assert!(plain.headers().get("content-encoding").is_none());
    assert_eq!(plain.headers()["vary"], "accept-encoding");
    let plain = plain.bytes().await.unwrap();
    for coding in ["gzip", "br"] {
        let response = packed(coding).await.unwrap();
        assert_eq!(response.headers()["content-encoding"], coding);
        let bytes = response.bytes().await.unwrap();
        assert!(bytes.len() * 3 < plain.len(), "{coding}: {} of {}", bytes.len(), plain.len());
    }
    let short =
        front.request(Method::GET, "/version").header("accept-encoding", "gzip").send().await.unwrap();
    assert!(short.headers().get("content-encoding").is_none());
}

#[tokio::test]
async fn the_request_id_of_a_client_comes_back() {
    let front = Front::start().await;
    let response =
        front.request(Method::GET, "/livez").header("x-request-id", "mine-17").send().await.unwrap();
    assert_eq!(response.headers()["x-request-id"], "mine-17");
    let response = front.get("/livez").await;
    assert!(response.headers()["x-request-id"].to_str().unwrap().parse::<uuid::Uuid>().is_ok());
}

#[tokio::test]
async fn a_hostile_body_is_refused_where_it_turns_hostile() {
    let front = Front::with_algorithms().await;
    let send = |body: String| {
        front
            .request(Method::POST, "/api/v1/runs")
            .header("content-type", "application/json")
            .body(body)
            .send()
    };
    let deep = format!(r#"{{"algorithm": "spin", "params": {}{}}}"#, "[".repeat(20_000), "]".repeat(20_000));
    let told = problem(send(deep).await.unwrap(), 400, "malformed_json").await;
    assert!(told["detail"].as_str().unwrap().contains("nested deeper"), "{told}");
    let nul = r#"{"algorithm": "spin", "label": "a\u0000b", "params": {"shards": 1}}"#;
    problem(send(nul.to_owned()).await.unwrap(), 400, "malformed_json").await;
    let huge = r#"{"algorithm": "spin", "params": {"shards": 1e999}}"#;
    problem(send(huge.to_owned()).await.unwrap(), 400, "malformed_json").await;
    let lone = r#"{"algorithm": "spin", "label": "\ud800", "params": {"shards": 1}}"#;
    problem(send(lone.to_owned()).await.unwrap(), 400, "malformed_json").await;
    assert_eq!(
        send(r#"{"algorithm": "spin", "params": {"shards": 1}, "label": "ok"}"#.to_owned())
            .await
            .unwrap()
            .status(),
        202
    );
}
