//! `POST /runs`: a run is checked as far as it can be without computing, made durable, and only then accepted.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use common::algorithm::AlgorithmDescriptor;
use common::clock;
use common::ids::{ContentHash, RunId};
use common::run::RunPhase;
use http::StatusCode;
use optics::equipment::Equipment;
use optics::finding::Finding;
use optics::topology::Topology;
use optics::traffic::TrafficMatrix;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

use super::answer::Answer;
use super::call::Call;
use super::error::{ApiError, Code, Problem};
use super::inputs::checked;
use super::json;
use super::router::Outcome;
use super::run_views::RunView;
use super::runs::{run_id, with_stages};
use crate::store::StoreError;
use crate::store::documents::NewDocument;
use crate::store::inputs::InputKind;
use crate::store::runs::{InputSource, RunInput, Until};
use crate::store::submit::NewRun;

/// Longest label in characters.
const LABEL_CHARS: usize = 200;

/// Largest and smallest priority.
const PRIORITIES: std::ops::RangeInclusive<i16> = -100..=100;

/// Longest deadline in seconds (a year: beyond it a deadline means nothing).
const DEADLINE_S: std::ops::RangeInclusive<u64> = 1..=31_536_000;

/// Largest memory of a task in MiB (16 TiB: more than any machine has).
const MEMORY_MIB: std::ops::RangeInclusive<u32> = 1..=16 << 20;

/// Most labels that a run may ask for.
const WORKER_LABELS: usize = 16;

/// A run to be started.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRunBody {
    /// Name of an algorithm (`GET /algorithms`).
    pub algorithm: String,
    /// Its version; the newest if absent.
    #[serde(default)]
    pub version: Option<u32>,
    /// Parameters by the algorithm's schema; the defaults if absent.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub params: Option<Box<RawValue>>,
    /// A document for each role that the algorithm takes.
    #[serde(default)]
    pub inputs: BTreeMap<String, InputRef>,
    /// Higher goes first among the submitter's own runs, −100 to 100.
    #[serde(default)]
    pub priority: i16,
    /// Seconds from now after which the result is of no use.
    #[serde(default)]
    pub deadline_s: Option<u64>,
    /// Free text.
    #[serde(default)]
    pub label: Option<String>,
    /// Root of all randomness; the same seed gives the same report.
    #[serde(default)]
    pub seed: u64,
    /// `planned`: end when the first stage is planned, with an estimate.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "done")]
    pub until: Until,
    /// Answer with an equal run that succeeded, if there is one.
    #[serde(default)]
    pub reuse: bool,
    /// Only workers with all of these labels get its tasks, beside those that the algorithm asks for.
    #[serde(default)]
    pub worker_labels: BTreeMap<String, String>,
    /// Memory that a task of it may take, in MiB: no worker gets more tasks at a time than it has memory for.
    #[serde(default)]
    pub memory_mib: Option<u32>,
}

/// Where an input of a run comes from: exactly one of `id`, `document` and `run`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InputRef {
    /// A stored topology or traffic matrix.
    #[serde(default)]
    pub id: Option<Uuid>,
    /// Its version; the newest if absent.
    #[serde(default)]
    pub version: Option<u32>,
    /// The document itself.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub document: Option<Box<RawValue>>,
    /// The report of a run that succeeded.
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    pub run: Option<RunId>,
}

/// Accepts a run. It and its inputs are durable before the answer is sent.
#[utoipa::path(post, path = "/api/v1/runs", tag = "runs", request_body = NewRunBody,
    responses((status = 202, description = "Accepted", body = RunView), (status = 200, description = "An equal run that succeeded answers (`reuse`)", body = RunView),
        (status = 422, description = "Something in it cannot be used", body = Problem),
        (status = 429, description = "The submitter has as many open runs as one may have", body = Problem), (status = 503, description = "No worker announced any algorithm yet", body = Problem)))]
pub async fn submit(call: Call) -> Outcome {
    let body: NewRunBody = call.json()?;
    check_order(&body)?;
    let algorithm = algorithm(&call, &body.algorithm, body.version).await?;
    let params = params(&call, &algorithm, body.params)?;
    let worker_labels = worker_labels(&algorithm, body.worker_labels)?;
    let (inputs, documents) = inputs(&call, &algorithm, body.inputs).await?;
    let run = NewRun {
        algorithm: algorithm.name,
        version: algorithm.version,
        params,
        inputs,
        documents,
        seed: body.seed,
        label: body.label.filter(|label| !label.is_empty()),
        priority: body.priority,
        deadline_at: body.deadline_s.map(|seconds| clock::wall() + Duration::from_secs(seconds)),
        until: body.until,
        submitter: call.principal.name().to_owned(),
        worker_labels,
        memory_mib: body.memory_mib.unwrap_or(0),
        reuse: body.reuse,
        most_open: call.context.settings.user_runs,
    };
    accept(&call, run).await
}

/// Starts a new run of the same algorithm version on the same inputs, parameters and seed.
#[utoipa::path(post, path = "/api/v1/runs/{id}/resubmit", tag = "runs", params(("id" = String, Path, description = "Its id")),
    responses((status = 202, description = "The new run", body = RunView),
        (status = 429, description = "The submitter has as many open runs as one may have", body = Problem)))]
pub async fn resubmit(call: Call) -> Outcome {
    let old = call.context.store.run(run_id(&call)?).await?;
    let run = NewRun {
        algorithm: old.algorithm,
        version: old.version,
        params: old.params,
        inputs: old.inputs,
        documents: Vec::new(),
        seed: old.seed,
        label: old.label,
        priority: old.priority,
        deadline_at: None,
        until: old.until,
        submitter: call.principal.name().to_owned(),
        worker_labels: old.worker_labels,
        memory_mib: old.memory_mib,
        reuse: false,
        most_open: call.context.settings.user_runs,
    };
    accept(&call, run).await
}

async fn accept(call: &Call, run: NewRun) -> Outcome {
    let submitted = call.context.store.submit(run, call.idempotency()?).await?;
    let path = format!("/api/v1/runs/{}", submitted.run.id);
    // a fresh run never has an end: a replayed one that succeeded then was an older one
    let reused = submitted.reused || (submitted.replayed && submitted.run.state.is_end());
    let view = if reused {
        RunView { reused: true, ..with_stages(call, submitted.run).await? }
    } else {
        RunView { stages: Some(Vec::new()), ..submitted.run.into() }
    };
    let status = if reused { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok(Answer::json(&view)?.status(status).location(&path).replayed(submitted.replayed))
}

fn check_order(body: &NewRunBody) -> Result<(), ApiError> {
    let wrong = |pointer: &str, detail: String| Err(ApiError::at(Code::InvalidBody, pointer, detail));
    if !PRIORITIES.contains(&body.priority) {
        return wrong("/priority", format!("{} is not −100 to 100", body.priority));
    }
    check_deadline(body.deadline_s)?;
    if let Some(mib) = body.memory_mib
        && !MEMORY_MIB.contains(&mib)
    {
        return wrong("/memory_mib", format!("{mib} is not 1 to {}", MEMORY_MIB.end()));
    }
    if body.worker_labels.len() > WORKER_LABELS {
        return wrong("/worker_labels", format!("a run asks for at most {WORKER_LABELS} labels"));
    }
    for (key, value) in &body.worker_labels {
        let long = |text: &str| text.chars().count() > LABEL_CHARS || text.chars().any(char::is_control);
        if key.is_empty() || long(key) || long(value) {
            let pointer = format!("/worker_labels/{}", json::escape(key));
            let detail = format!(
                "the name and the value of a label have at most {LABEL_CHARS} characters, no control characters, and the name has one"
            );
            return wrong(&pointer, detail);
        }
    }
    if let Some(label) = &body.label
        && (label.chars().count() > LABEL_CHARS || label.chars().any(char::is_control))
    {
        return wrong(
            "/label",
            format!("a label has at most {LABEL_CHARS} characters and no control characters"),
        );
    }
    Ok(())
}

/// Refuses a deadline that means nothing.
pub fn check_deadline(seconds: Option<u64>) -> Result<(), ApiError> {
    match seconds {
        Some(seconds) if !DEADLINE_S.contains(&seconds) => Err(ApiError::at(
            Code::InvalidBody,
            "/deadline_s",
            format!("{seconds} is not 1 to {}", DEADLINE_S.end()),
        )),
        _ => Ok(()),
    }
}

/// What a worker must be labelled with: what the algorithm asks for, and what the run does.
fn worker_labels(
    algorithm: &AlgorithmDescriptor,
    mut asked: BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, ApiError> {
    for (key, value) in &algorithm.labels {
        if let Some(other) = asked.insert(key.clone(), value.clone()).filter(|other| other != value) {
            let detail = format!("{} needs workers with {key}={value}, not {key}={other}", algorithm.name);
            let pointer = format!("/worker_labels/{}", json::escape(key));
            return Err(ApiError::at(Code::InvalidBody, pointer, detail));
        }
    }
    Ok(asked)
}

async fn algorithm(call: &Call, name: &str, version: Option<u32>) -> Result<AlgorithmDescriptor, ApiError> {
    if let Some(row) = call.context.store.algorithm(name, version).await? {
        return Ok(row.descriptor);
    }
    let known = call.context.store.algorithms().await?;
    if known.is_empty() {
        let detail = "no worker has connected yet, so no algorithm is known";
        return Err(ApiError::new(Code::NoAlgorithms, detail));
    }
    let name: String = name.chars().take(100).collect();
    let versions: Vec<String> = known
        .iter()
        .filter(|row| row.descriptor.name == name)
        .map(|row| row.descriptor.version.to_string())
        .collect();
    let (pointer, detail) = if versions.is_empty() {
        let mut names: Vec<&str> = known.iter().map(|row| row.descriptor.name.as_str()).collect();
        names.dedup();
        ("/algorithm", format!("{name:?} is not one of {}", names.join(", ")))
    } else {
        ("/version", format!("{name} has no such version; there is {}", versions.join(", ")))
    };
    Err(ApiError::at(Code::UnknownAlgorithm, pointer, detail))
}

fn params(
    call: &Call,
    algorithm: &AlgorithmDescriptor,
    params: Option<Box<RawValue>>,
) -> Result<Box<RawValue>, ApiError> {
    let text = params.as_ref().map_or("{}", |params| params.get());
    let value: Value = json::parse_below(text.as_bytes(), "/params")?;
    call.context.schemas.check(algorithm, &value)?;
    match params {
        Some(params) => Ok(params),
        None => RawValue::from_string("{}".to_owned())
            .map_err(|error| ApiError::new(Code::Internal, error.to_string())),
    }
}

/// Resolves every input to a hash, checking what comes inline, and that demands and network belong together.
async fn inputs(
    call: &Call,
    algorithm: &AlgorithmDescriptor,
    refs: BTreeMap<String, InputRef>,
) -> Result<(Vec<RunInput>, Vec<NewDocument>), ApiError> {
    let mut errors = Vec::new();
    for role in refs.keys().filter(|role| !algorithm.inputs.iter().any(|known| known.role == **role)) {
        let known: Vec<&str> = algorithm.inputs.iter().map(|known| known.role.as_str()).collect();
        let takes = if known.is_empty() { "no inputs".to_owned() } else { known.join(", ") };
        let pointer = format!("/inputs/{}", json::escape(role));
        errors.push(Finding::error("UNKNOWN_ROLE", pointer, format!("{} takes {takes}", algorithm.name)));
    }
    for role in algorithm.inputs.iter().filter(|known| known.required && !refs.contains_key(&known.role)) {
        let pointer = format!("/inputs/{}", role.role);
        errors.push(Finding::error(
            "MISSING_INPUT",
            pointer,
            format!("{} needs a {}", algorithm.name, role.role),
        ));
    }
    if !errors.is_empty() {
        let detail = errors.iter().map(|error| error.detail.as_str()).collect::<Vec<_>>().join("; ");
        return Err(ApiError::of(Code::InvalidInputs, detail, errors));
    }
    let (mut inputs, mut documents) = (Vec::new(), Vec::new());
    for (role, wanted) in refs {
        let at = format!("/inputs/{}", json::escape(&role));
        let (input, document) = resolve(call, role, wanted, &at).await?;
        inputs.push(input);
        documents.extend(document);
    }
    check_together(call, &inputs, &documents).await?;
    Ok((inputs, documents))
}

fn refused(pointer: String, detail: String) -> ApiError {
    ApiError::at(Code::InvalidInputs, pointer, detail)
}

async fn resolve(
    call: &Call,
    role: String,
    wanted: InputRef,
    at: &str,
) -> Result<(RunInput, Option<NewDocument>), ApiError> {
    match wanted {
        InputRef { id: Some(id), version, document: None, run: None } => {
            let (hash, source) = stored(call, &role, id, version, at).await?;
            Ok((RunInput { role, hash, source }, None))
        }
        InputRef { id: None, version: None, document: Some(document), run: None } => {
            let bytes = Bytes::copy_from_slice(document.get().as_bytes());
            let below = format!("{at}/document");
            match role.as_str() {
                "topology" => checked::<Topology>(&bytes, &below).map(drop)?,
                "traffic" => checked::<TrafficMatrix>(&bytes, &below).map(drop)?,
                "equipment" => checked::<Equipment>(&bytes, &below).map(drop)?,
                _ => json::parse_below::<serde::de::IgnoredAny>(&bytes, &below).map(drop)?,
            }
            let document = NewDocument::of(bytes);
            Ok((RunInput { role, hash: document.hash, source: InputSource::Inline }, Some(document)))
        }
        InputRef { id: None, version: None, document: None, run: Some(id) } => {
            let document = report(call, id, at).await?;
            Ok((RunInput { role, hash: document.hash, source: InputSource::Run { id } }, Some(document)))
        }
        _ => Err(refused(
            at.to_owned(),
            "give exactly one of id (with or without version), document and run".to_owned(),
        )),
    }
}

async fn stored(
    call: &Call,
    role: &str,
    id: Uuid,
    version: Option<u32>,
    at: &str,
) -> Result<(ContentHash, InputSource), ApiError> {
    let kind = match role {
        "topology" => InputKind::Topology,
        "traffic" => InputKind::TrafficMatrix,
        "equipment" => InputKind::Equipment,
        _ => {
            let detail = format!("a {role} is not stored by id; give a document or a run");
            return Err(refused(format!("{at}/id"), detail));
        }
    };
    let named = kind.as_str().replace('_', " ");
    let head = call.context.store.input(kind, id).await.map_err(|error| match error {
        StoreError::NotFound(_) => refused(format!("{at}/id"), format!("there is no {named} {id}")),
        other => other.into(),
    })?;
    let row = match version {
        Some(number) if number != head.latest.version => {
            call.context.store.input_version(kind, id, number).await.map_err(|error| match error {
                StoreError::NotFound(_) => {
                    let latest = head.latest.version;
                    let detail = format!("{named} {id} has no version {number}; the newest is {latest}");
                    refused(format!("{at}/version"), detail)
                }
                other => other.into(),
            })?
        }
        _ => head.latest,
    };
    Ok((row.hash, InputSource::Version { id, name: head.name, version: row.version }))
}

async fn report(call: &Call, id: RunId, at: &str) -> Result<NewDocument, ApiError> {
    let pointer = format!("{at}/run");
    let run = call.context.store.run(id).await.map_err(|error| match error {
        StoreError::NotFound(_) => refused(pointer.clone(), format!("there is no run {id}")),
        other => other.into(),
    })?;
    if run.state != RunPhase::Succeeded {
        return Err(refused(pointer, format!("run {id} is {}: it has no report", run.state.as_str())));
    }
    let bytes = call.context.store.report(id).await.map_err(|error| match error {
        StoreError::Dropped { .. } => refused(pointer.clone(), format!("run {id}: {error}")),
        other => other.into(),
    })?;
    let bytes = bytes.ok_or_else(|| refused(pointer, format!("run {id} has no report")))?;
    Ok(NewDocument::of(bytes))
}

/// Refuses demands between sites that the network does not have, before a worker has to.
async fn check_together(call: &Call, inputs: &[RunInput], new: &[NewDocument]) -> Result<(), ApiError> {
    let hash = |role: &str| inputs.iter().find(|input| input.role == role).map(|input| input.hash);
    let (Some(topology), Some(traffic)) = (hash("topology"), hash("traffic")) else { return Ok(()) };
    let bytes = async |hash: ContentHash| match new.iter().find(|document| document.hash == hash) {
        Some(document) => Ok(document.bytes.clone()),
        None => call.context.store.document(hash).await,
    };
    let (topology, traffic) = (bytes(topology).await?, bytes(traffic).await?);
    let findings = tokio::task::spawn_blocking(move || {
        let topology: Topology = json::parse_below(&topology, "/inputs/topology")?;
        let traffic: TrafficMatrix = json::parse_below(&traffic, "/inputs/traffic")?;
        Ok::<_, ApiError>(optics::validate::validate_traffic_on(&traffic, &topology))
    })
    .await
    .map_err(|error| ApiError::new(Code::Internal, format!("a check did not end: {error}")))??;
    let errors: Vec<Finding> = findings
        .into_iter()
        .filter(Finding::is_error)
        .map(|finding| finding.below("/inputs/traffic"))
        .collect();
    match errors.first() {
        None => Ok(()),
        Some(first) => {
            let detail = format!("the demands do not fit the topology: {}", first.detail);
            Err(ApiError::of(Code::InvalidInputs, detail, errors))
        }
    }
}
