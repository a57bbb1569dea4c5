//! A front on a port of its own over a database of its own, and the leader's side of it where a story needs one.

use std::sync::Arc;
use std::time::Duration;

use common::algorithm::{AlgorithmDescriptor, InputRole, StageDescriptor};
use common::ids::{RunId, StageIndex};
use coordinator::http::{HttpContext, HttpSettings, serve};
use coordinator::status::{ClusterStatus, LeaderStatus, WorkerStatus};
use coordinator::store::leadership::{LeaderInfo, Leadership};
use coordinator::store::writer::{Fact, RunEnd, ShardRow, Writer};
use coordinator::store::{DatabaseSettings, Store};
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// A running front.
pub struct Front {
    pub address: std::net::SocketAddr,
    pub client: Client,
    pub store: Store,
    pub status: watch::Sender<Arc<ClusterStatus>>,
    pub shutdown: CancellationToken,
    pub served: tokio::task::JoinHandle<std::io::Result<()>>,
}

/// Bounds small enough to be met in a test.
pub fn settings() -> HttpSettings {
    HttpSettings {
        body_bytes: 64 << 10,
        document_bytes: 1 << 20,
        read_timeout: Duration::from_millis(400),
        drain: Duration::from_secs(2),
        stream_keep_alive: Duration::from_millis(300),
        stream_pace: Duration::from_millis(100),
        ..HttpSettings::default()
    }
}

impl Front {
    /// A front over an empty database.
    pub async fn start() -> Self {
        let url = testkit::postgres::database();
        let store = Store::connect(&DatabaseSettings::new(url)).await.unwrap();
        store.migrate().await.unwrap();
        Self::over(store, settings()).await
    }

    /// A front that knows the algorithm `spin` and one that takes a network.
    pub async fn with_algorithms() -> Self {
        let front = Self::start().await;
        front.store.announce_algorithms(&[spin(), planner()]).await.unwrap();
        front
    }

    /// A front over a store.
    pub async fn over(store: Store, settings: HttpSettings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (status, seen) = watch::channel(Arc::new(ClusterStatus::default()));
        let shutdown = CancellationToken::new();
        let context = HttpContext::new(store.clone(), seen, settings, shutdown.clone());
        let served = tokio::spawn(serve(listener, context));
        let client =
            Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { address, client, store, status, shutdown, served }
    }

    /// A request to be completed.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    pub async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    pub async fn post(&self, path: &str, body: &Value) -> Response {
        self.request(Method::POST, path).json(body).send().await.unwrap()
    }

    /// The JSON of a GET that must succeed.
    pub async fn read(&self, path: &str) -> Value {
        let response = self.get(path).await;
        assert_eq!(response.status(), 200, "{path}");
        response.json().await.unwrap()
    }

    /// Submits a run of `spin` and gives its id.
    pub async fn submit(&self) -> RunId {
        let response =
            self.post("/api/v1/runs", &json!({ "algorithm": "spin", "params": { "shards": 3 } })).await;
        assert_eq!(response.status(), 202);
        let run: Value = response.json().await.unwrap();
        run["id"].as_str().unwrap().parse().unwrap()
    }

    /// Pretends that this process leads, with one worker.
    pub fn lead(&self) {
        self.status.send_replace(Arc::new(status()));
    }
}

/// What went wrong, after checking that it is told the way all problems are.
pub async fn problem(response: Response, status: u16, code: &str) -> Value {
    assert_eq!(response.status().as_u16(), status, "{code}");
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["code"], code, "{problem}");
    assert_eq!(problem["status"], status);
    assert_eq!(problem["request_id"], id);
    assert_eq!(problem["type"], format!("/docs/errors#{code}"));
    assert!(problem["title"].is_string() && problem["detail"].is_string(), "{problem}");
    problem
}

/// The pointers of a problem's findings.
pub fn pointers(problem: &Value) -> Vec<&str> {
    problem["errors"].as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap()).collect()
}

/// An algorithm without inputs.
pub fn spin() -> AlgorithmDescriptor {
    AlgorithmDescriptor {
        name: "spin".into(),
        version: 1,
        summary: "Spins.".into(),
        inputs: vec![],
        params_schema: json!({
            "type": "object", "additionalProperties": false, "required": ["shards"],
            "properties": {
                "shards": { "type": "integer", "minimum": 1, "maximum": 10_000_000 },
                "iterations": { "type": "integer", "minimum": 0, "default": 0 },
            },
        }),
        report_schema: json!({ "type": "object" }),
        labels: std::collections::BTreeMap::new(),
        stages: vec![StageDescriptor { name: "spin".into(), does: "spins".into() }],
    }
}

/// An algorithm that takes a network and its demands.
pub fn planner() -> AlgorithmDescriptor {
    AlgorithmDescriptor {
        name: "planner".into(),
        version: 2,
        summary: "Plans.".into(),
        inputs: vec![
            InputRole { role: "topology".into(), required: true },
            InputRole { role: "traffic".into(), required: true },
            InputRole { role: "grooming".into(), required: false },
        ],
        params_schema: json!({ "type": "object", "additionalProperties": false }),
        ..spin()
    }
}

/// Three sites in a ring.
pub fn triangle() -> Value {
    json!({
        "name": "triangle",
        "nodes": [{ "id": "a" }, { "id": "b" }, { "id": "c" }],
        "links": [
            { "id": "ab", "a": "a", "b": "b", "length_km": 100.0 },
            { "id": "bc", "a": "b", "b": "c", "length_km": 80.5 },
            { "id": "ca", "a": "c", "b": "a", "length_km": 60.0 },
        ],
    })
}

/// One demand in the ring.
pub fn demand() -> Value {
    json!({ "name": "one", "demands": [{ "id": "d", "a": "a", "b": "b", "rate_ab_gbps": 100.0 }] })
}

/// What a leader with one worker shows.
pub fn status() -> ClusterStatus {
    let now = common::clock::wall();
    let leader =
        LeaderStatus { address: "127.0.0.1:5020".into(), epoch: 1, since: now, build: "test".into() };
    let worker = WorkerStatus {
        id: uuid::Uuid::now_v7(),
        host: "here".into(),
        build: "test".into(),
        state: "ready".into(),
        lanes: 2,
        busy_lanes: 1,
        leases: 1,
        shards_done: 0,
        failures: 0,
        cpu_s: 0.0,
        memory_bytes: 1,
        memory_limit_bytes: 2,
        labels: vec![],
        algorithms: vec![("spin".into(), 1)],
        connected_at: now,
        heard_s_ago: 0.1,
    };
    ClusterStatus { leader: Some(leader), workers: vec![worker], ..ClusterStatus::default() }
}

/// The writing side of a leader.
pub struct Leader {
    _leadership: Leadership,
    pub writer: Writer,
}

impl Leader {
    /// Leads the cluster of this front's database.
    pub async fn of(front: &Front) -> Self {
        let me = LeaderInfo { address: "127.0.0.1:5020".into(), build: "test".into() };
        let leadership = front.store.lead(me).await.unwrap();
        let writer = front.store.writer(&leadership);
        Self { _leadership: leadership, writer }
    }

    /// Opens a stage.
    pub fn open(&self, run: RunId, stage: u32, shards: u32) {
        self.writer.handle.submit(Fact::StageOpened {
            run,
            stage: StageIndex(stage),
            name: format!("stage {stage}"),
            state: b"{ \"exact\":  1.0 }".to_vec(),
            shards,
            note: None,
        });
    }

    /// Stores a shard.
    pub fn finish(&self, run: RunId, stage: u32, shard: u32) {
        self.writer.handle.submit(Fact::Shard(ShardRow {
            run,
            stage: StageIndex(stage),
            shard,
            json: format!("{{\"square\": {}}}", shard * shard).into_bytes(),
            worker: uuid::Uuid::now_v7(),
            started_us: 1_700_000_000_000_000,
            cpu_us: 10,
            wall_us: 20,
        }));
    }

    /// Ends a run with a report.
    pub fn end(&self, run: RunId, report: Vec<u8>) {
        self.writer.handle.submit(Fact::RunEnded { run, end: RunEnd::Succeeded { report } });
    }

    /// Ends a run well.
    pub fn succeed(&self, run: RunId) {
        self.end(run, br#"{"best": 7, "paths": [{"id": "p1"}, {"id": "p2"}]}"#.to_vec());
    }

    /// A whole run of three shards.
    pub fn run_through(&self, run: RunId) {
        self.open(run, 0, 3);
        (0..3).for_each(|shard| self.finish(run, 0, shard));
        self.succeed(run);
    }
}
