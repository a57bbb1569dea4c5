//! What the accept loop bounds: slow clients, large bodies, the end; and the cluster's face.

use std::time::{Duration, Instant};

use coordinator::http::HttpSettings;
use coordinator::store::{DatabaseSettings, Store};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::front::{Front, problem, settings};

/// What the server sends until it closes the connection.
async fn until_closed(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut text)).await;
    assert!(read.is_ok(), "still open after {:?}", String::from_utf8_lossy(&text));
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test]
async fn a_client_that_sends_its_headers_slowly_is_closed() {
    let front = Front::start().await;
    let mut stream = TcpStream::connect(front.address).await.unwrap();
    stream.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n").await.unwrap();
    let began = Instant::now();
    until_closed(&mut stream).await;
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(front.get("/livez").await.status(), 200);
}

#[tokio::test]
async fn a_client_that_sends_its_body_slowly_gets_408() {
    let front = Front::start().await;
    let mut stream = TcpStream::connect(front.address).await.unwrap();
    let head = "POST /api/v1/runs HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 50\r\nconnection: close\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = until_closed(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("request_timeout"), "{answer}");
}

#[tokio::test]
async fn a_body_above_the_limit_is_refused_announced_or_not() {
    let front = Front::start().await;
    let limit = settings().body_bytes;
    let long = "x".repeat(limit + 1);
    let told = front.request(Method::PATCH, "/api/v1/topologies/x").body(long.clone()).send().await.unwrap();
    let told = problem(told, 413, "payload_too_large").await;
    assert!(told["detail"].as_str().unwrap().contains(&limit.to_string()), "{told}");

    // chunked: counted while it arrives, and taken as long as it fits
    let chunked = async |body: &str| {
        let mut stream = TcpStream::connect(front.address).await.unwrap();
        let head = "POST /api/v1/topologies/validate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        for piece in body.as_bytes().chunks(60_000) {
            let sent = async {
                stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await?;
                stream.write_all(piece).await?;
                stream.write_all(b"\r\n").await
            };
            if sent.await.is_err() {
                break; // refused before the end
            }
        }
        let _ = stream.write_all(b"0\r\n\r\n").await;
        until_closed(&mut stream).await
    };
    let fits = json!({ "document": super::front::triangle() }).to_string();
    let answer = chunked(&fits).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let answer = chunked(&" ".repeat(settings().document_bytes + 1)).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[tokio::test]
async fn shutting_down_lets_requests_end() {
    let front = Front::with_algorithms().await;
    let run = front.submit().await;
    let waiting = tokio::spawn(front.request(Method::GET, &format!("/api/v1/runs/{run}?wait=30")).send());
    tokio::time::sleep(Duration::from_millis(200)).await;
    front.shutdown.cancel();
    let answer = waiting.await.unwrap().unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.json::<Value>().await.unwrap()["state"], "queued");
    tokio::time::timeout(Duration::from_secs(1), front.served).await.unwrap().unwrap().unwrap();
    assert!(TcpStream::connect(front.address).await.is_err());
}

#[tokio::test]
async fn a_database_that_is_away_is_said_to_be_and_the_process_stays() {
    let settings = DatabaseSettings {
        connect_timeout: Duration::from_millis(300),
        ..DatabaseSettings::new("postgresql://nobody@127.0.0.1:1/nothing")
    };
    let front = Front::over(Store::connect(&settings).await.unwrap(), HttpSettings::default()).await;
    let response = front.get("/readyz").await;
    assert!(response.headers().contains_key("retry-after"));
    problem(response, 503, "database_unavailable").await;
    problem(front.get("/api/v1/runs").await, 503, "database_unavailable").await;
    let submitted = front.post("/api/v1/runs", &json!({ "algorithm": "spin" })).await;
    problem(submitted, 503, "database_unavailable").await;
    assert_eq!(front.get("/livez").await.status(), 200);
    assert_eq!(front.get("/metrics").await.status(), 200);
}

#[tokio::test]
async fn before_its_tables_are_set_up_the_database_counts_as_away() {
    let empty = Store::connect(&DatabaseSettings::new(testkit::postgres::database())).await.unwrap();
    let front = Front::over(empty, HttpSettings::default()).await;
    problem(front.get("/api/v1/runs").await, 503, "database_unavailable").await;
    let submitted = front.post("/api/v1/runs", &json!({ "algorithm": "spin" })).await;
    assert!(submitted.headers().contains_key("retry-after"));
    problem(submitted, 503, "database_unavailable").await;
}

#[tokio::test]
async fn the_leader_shows_the_cluster_and_takes_wishes() {
    let front = Front::start().await;
    let response = front.get("/admin/status").await;
    assert!(response.headers().contains_key("retry-after"));
    problem(response, 503, "no_leader").await;

    front.lead();
    let status = front.read("/admin/status").await;
    assert_eq!(front.read("/api/v1/admin/status").await, status);
    let worker = status["workers"][0]["id"].as_str().unwrap();
    assert_eq!(front.read("/api/v1/admin/workers").await["items"][0]["id"], worker);
    assert_eq!(front.read(&format!("/api/v1/admin/workers/{worker}")).await["lanes"], 2);
    let scaling = front.read("/api/v1/admin/scaling").await;
    assert_eq!((&scaling["runnable_shards"], scaling["desired_lanes"].is_u64()), (&json!(0), true));

    let drain = front.post(&format!("/api/v1/admin/workers/{worker}/drain"), &json!({})).await;
    assert_eq!(drain.status(), 200);
    assert_eq!(front.store.drain_requests().await.unwrap().len(), 1);
    front.post(&format!("/api/v1/admin/workers/{worker}/undrain"), &json!({})).await;
    assert!(front.store.drain_requests().await.unwrap().is_empty());
    let nobody = uuid::Uuid::now_v7();
    problem(front.get(&format!("/api/v1/admin/workers/{nobody}")).await, 404, "worker_not_found").await;
    problem(
        front.post(&format!("/api/v1/admin/workers/{nobody}/drain"), &json!({})).await,
        404,
        "worker_not_found",
    )
    .await;

    front.post("/api/v1/admin/queue/pause", &json!({})).await;
    assert!(front.store.paused().await.unwrap());
    front.post("/api/v1/admin/queue/resume", &json!({})).await;
    assert!(!front.store.paused().await.unwrap());
    let metrics = front.get("/metrics").await.text().await.unwrap();
    assert!(metrics.contains("netplanner_leader 1") && metrics.contains("netplanner_workers 1"), "{metrics}");
    assert!(metrics.contains(r#"route="/api/v1/admin/workers/{id}""#), "{metrics}");
}

#[tokio::test]
async fn a_follower_passes_questions_on_to_the_leader() {
    let leader = Front::start().await;
    leader.lead();
    let me = coordinator::store::leadership::LeaderInfo {
        address: leader.address.to_string(),
        build: "test".into(),
    };
    let _leadership = leader.store.lead(me).await.unwrap();
    let follower = Front::over(leader.store.clone(), settings()).await;
    let status = follower.read("/api/v1/admin/status").await;
    assert_eq!(status["workers"].as_array().unwrap().len(), 1);
    let worker = status["workers"][0]["id"].as_str().unwrap();
    let drained = follower.post(&format!("/api/v1/admin/workers/{worker}/drain"), &json!({})).await;
    assert_eq!(drained.status(), 200);
    let nobody = uuid::Uuid::now_v7();
    problem(follower.get(&format!("/api/v1/admin/workers/{nobody}")).await, 404, "worker_not_found").await;

    leader.shutdown.cancel();
    leader.served.await.unwrap().unwrap();
    problem(follower.get("/api/v1/admin/status").await, 503, "no_leader").await;
}
