//! The HTTP API of a coordinator as functions: the one place of this program that knows its paths.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::events::EventStream;
use crate::views::{Algorithm, Input, List, NewRun, Problem, Run, Shard, Status, Version};

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an answer may take to begin, beyond what the request itself asks to wait.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);

/// Which kind of input a path is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InputKind {
    /// Sites and fibre.
    Topology,
    /// Demands between sites.
    TrafficMatrix,
    /// Types of fibre, amplifiers, ROADMs and transceivers.
    Equipment,
}

impl InputKind {
    const fn path(self) -> &'static str {
        match self {
            Self::Topology => "/api/v1/topologies",
            Self::TrafficMatrix => "/api/v1/traffic-matrices",
            Self::Equipment => "/api/v1/equipment",
        }
    }

    /// The role that an input of this kind has in a run.
    pub const fn role(self) -> &'static str {
        match self {
            Self::Topology => "topology",
            Self::TrafficMatrix => "traffic",
            Self::Equipment => "equipment",
        }
    }
}

/// Why a request did not do what it was for.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody answers there.
    #[error("no coordinator answers at {server}: {reason}")]
    Unreachable {
        /// The address that was tried.
        server: String,
        /// What the network says.
        reason: String,
    },
    /// The server answered with a problem document.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// The server answered something that this version does not understand.
    #[error("the server's answer to {what} is not understood: {reason}")]
    Unexpected {
        /// Method and path.
        what: String,
        /// What is strange.
        reason: String,
    },
}

impl ClientError {
    /// Whether the same request may succeed a little later: nobody answers, or the server says so itself.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused(problem) => [StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS]
                .iter()
                .any(|status| *status == problem.status),
            Self::Unexpected { .. } => false,
        }
    }
}

/// Speaks with one coordinator. Cheap to clone; connections are kept alive.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    server: String,
}

impl Client {
    /// A client of the coordinator at `server` (`http://host:port`, or just `host:port`).
    pub fn new(server: &str) -> Result<Self, ClientError> {
        let server = server.trim_end_matches('/');
        let server = if server.contains("://") { server.to_owned() } else { format!("http://{server}") };
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(concat!("netplanner/", env!("CARGO_PKG_VERSION")))
            .tcp_nodelay(true)
            .build()
            .map_err(|error| ClientError::Unreachable { server: server.clone(), reason: chain(&error) })?;
        Ok(Self { http, server })
    }

    /// Where the coordinator is, as given.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The address of `path` for people.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, self.url(path))
    }

    /// Sends a request; an answer that is not a success becomes an error.
    async fn send(&self, request: RequestBuilder, timeout: Duration) -> Result<Response, ClientError> {
        let request = request.build().map_err(|error| self.unreachable(&error))?;
        let what = format!("{} {}", request.method(), request.url().path());
        let response = tokio::time::timeout(timeout, self.http.execute(request))
            .await
            .map_err(|_| ClientError::Unreachable {
                server: self.server.clone(),
                reason: format!("{what} was not answered within {} s", timeout.as_secs()),
            })?
            .map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let body = response.bytes().await.map_err(|error| self.unreachable(&error))?;
        match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) => Err(ClientError::Refused(Box::new(problem))),
            Err(_) => Err(ClientError::Unexpected {
                what,
                reason: format!("{status}: {}", String::from_utf8_lossy(&body[..body.len().min(200)])),
            }),
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> ClientError {
        ClientError::Unreachable { server: self.server.clone(), reason: chain(error) }
    }

    async fn json<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
        timeout: Duration,
    ) -> Result<T, ClientError> {
        let response = self.send(request.header(ACCEPT, "application/json"), timeout).await?;
        let what = response.url().path().to_owned();
        let body = response.bytes().await.map_err(|error| self.unreachable(&error))?;
        serde_json::from_slice(&body)
            .map_err(|error| ClientError::Unexpected { what, reason: error.to_string() })
    }

    /// GET of JSON.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.json(self.request(Method::GET, path), ANSWER_TIMEOUT).await
    }

    /// GET of the bytes of a representation, with their media type.
    pub async fn get_as(&self, path: &str, accept: &str) -> Result<(Bytes, String), ClientError> {
        let response =
            self.send(self.request(Method::GET, path).header(ACCEPT, accept), ANSWER_TIMEOUT).await?;
        let kind =
            response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.to_owned();
        Ok((response.bytes().await.map_err(|error| self.unreachable(&error))?, kind))
    }

    /// POST of JSON, answered with JSON.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<T, ClientError> {
        self.json(self.request(Method::POST, path).json(body), ANSWER_TIMEOUT).await
    }

    /// Imports a file of a known format; a refused file stores nothing.
    pub async fn import(
        &self,
        kind: InputKind,
        format: &str,
        name: &str,
        file: Bytes,
    ) -> Result<Input, ClientError> {
        let request = self
            .request(Method::POST, &format!("{}/import", kind.path()))
            .query(&[("format", format), ("name", name)])
            .header(CONTENT_TYPE, "application/octet-stream")
            .body(file);
        self.json(request, ANSWER_TIMEOUT).await
    }

    /// Stores a document of our own form.
    pub async fn create_input(
        &self,
        kind: InputKind,
        name: &str,
        document: &serde_json::value::RawValue,
    ) -> Result<Input, ClientError> {
        #[derive(Serialize)]
        struct Body<'a> {
            name: &'a str,
            comment: &'a str,
            document: &'a serde_json::value::RawValue,
        }
        self.post(kind.path(), &Body { name, comment: "imported", document }).await
    }

    /// One version of a stored input, with its document.
    pub async fn version(&self, kind: InputKind, id: &str, version: u32) -> Result<Version, ClientError> {
        self.get(&format!("{}/{id}/versions/{version}", kind.path())).await
    }

    /// Submits a run. `key` makes a repetition of the request harmless.
    pub async fn submit(&self, run: &NewRun, key: Option<&str>) -> Result<Run, ClientError> {
        let mut request = self.request(Method::POST, "/api/v1/runs").json(run);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        self.json(request, ANSWER_TIMEOUT).await
    }

    /// A run with its stages.
    pub async fn run(&self, id: &str) -> Result<Run, ClientError> {
        self.get(&format!("/api/v1/runs/{id}")).await
    }

    /// A run, answered when it ends or after `wait_s` seconds.
    pub async fn run_after(&self, id: &str, wait_s: u64) -> Result<Run, ClientError> {
        let request = self.request(Method::GET, &format!("/api/v1/runs/{id}")).query(&[("wait", wait_s)]);
        self.json(request, ANSWER_TIMEOUT + Duration::from_secs(wait_s)).await
    }

    /// A page of runs.
    pub async fn runs(&self, filter: &[(&str, String)]) -> Result<List<Run>, ClientError> {
        self.json(self.request(Method::GET, "/api/v1/runs").query(filter), ANSWER_TIMEOUT).await
    }

    /// Cancels a run.
    pub async fn cancel(&self, id: &str) -> Result<Run, ClientError> {
        self.json(self.request(Method::POST, &format!("/api/v1/runs/{id}/cancel")), ANSWER_TIMEOUT).await
    }

    /// Holds a run, or lets it go on.
    pub async fn pause(&self, id: &str, paused: bool) -> Result<Run, ClientError> {
        let verb = if paused { "pause" } else { "resume" };
        self.json(self.request(Method::POST, &format!("/api/v1/runs/{id}/{verb}")), ANSWER_TIMEOUT).await
    }

    /// Tries the failed shards of a failed run again.
    pub async fn retry(&self, id: &str, deadline_s: Option<u64>) -> Result<Run, ClientError> {
        let body = deadline_s.map_or_else(|| json!({}), |seconds| json!({ "deadline_s": seconds }));
        self.post(&format!("/api/v1/runs/{id}/retry"), &body).await
    }

    /// Starts a new run of the same.
    pub async fn resubmit(&self, id: &str) -> Result<Run, ClientError> {
        self.json(self.request(Method::POST, &format!("/api/v1/runs/{id}/resubmit")), ANSWER_TIMEOUT).await
    }

    /// Stops handing out work, or starts again.
    pub async fn pause_queue(&self, paused: bool) -> Result<Value, ClientError> {
        let verb = if paused { "pause" } else { "resume" };
        self.json(self.request(Method::POST, &format!("/api/v1/admin/queue/{verb}")), ANSWER_TIMEOUT).await
    }

    /// The report of a run in a media type.
    pub async fn result_as(&self, id: &str, accept: &str) -> Result<(Bytes, String), ClientError> {
        self.get_as(&format!("/api/v1/runs/{id}/result"), accept).await
    }

    /// The report of a run.
    pub async fn result(&self, id: &str) -> Result<Value, ClientError> {
        self.get(&format!("/api/v1/runs/{id}/result")).await
    }

    /// What an SQL/JSON path finds in the report (`over` = `report`) or the shard results (`shards`).
    pub async fn query(&self, id: &str, path: &str, over: &str) -> Result<Value, ClientError> {
        let request = self
            .request(Method::GET, &format!("/api/v1/runs/{id}/query"))
            .query(&[("path", path), ("over", over)]);
        self.json(request, ANSWER_TIMEOUT).await
    }

    /// The events of a run as they happen, after the stored event `after`.
    pub async fn events(&self, id: &str, after: Option<i64>) -> Result<EventStream, ClientError> {
        let mut request = self
            .request(Method::GET, &format!("/api/v1/runs/{id}/events"))
            .header(ACCEPT, "text/event-stream");
        if let Some(after) = after {
            request = request.header("last-event-id", after.to_string());
        }
        Ok(EventStream::new(self.send(request, ANSWER_TIMEOUT).await?))
    }

    /// The exact bytes of a run's input in a role.
    pub async fn run_input(&self, id: &str, role: &str) -> Result<Bytes, ClientError> {
        Ok(self.get_as(&format!("/api/v1/runs/{id}/inputs/{role}"), "application/json").await?.0)
    }

    /// The exact bytes of a stage's state.
    pub async fn state(&self, id: &str, stage: u32) -> Result<Bytes, ClientError> {
        Ok(self.get_as(&format!("/api/v1/runs/{id}/stages/{stage}/state"), "application/json").await?.0)
    }

    /// One finished shard with its stored partial result.
    pub async fn shard(&self, id: &str, stage: u32, shard: u32) -> Result<Shard, ClientError> {
        self.get(&format!("/api/v1/runs/{id}/stages/{stage}/shards/{shard}")).await
    }

    /// The cluster as its leader sees it.
    pub async fn status(&self) -> Result<Status, ClientError> {
        self.get("/api/v1/admin/status").await
    }

    /// Asks a worker to take no more (`drain`) or to take work again.
    pub async fn drain(&self, worker: &str, drain: bool) -> Result<Value, ClientError> {
        let verb = if drain { "drain" } else { "undrain" };
        let path = format!("/api/v1/admin/workers/{worker}/{verb}");
        self.json(self.request(Method::POST, &path), ANSWER_TIMEOUT).await
    }

    /// The catalogue.
    pub async fn algorithms(&self) -> Result<List<Algorithm>, ClientError> {
        self.get("/api/v1/algorithms").await
    }

    /// One algorithm with its schemas.
    pub async fn algorithm(&self, name: &str) -> Result<Algorithm, ClientError> {
        self.get(&format!("/api/v1/algorithms/{name}")).await
    }

    /// Whether the coordinator is ready for traffic.
    pub async fn ready(&self) -> Result<(), ClientError> {
        self.send(self.request(Method::GET, "/readyz"), CONNECT_TIMEOUT).await.map(|_| ())
    }
}

/// An error with what caused it: reqwest's own text hides the interesting part.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
