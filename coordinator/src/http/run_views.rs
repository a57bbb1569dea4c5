//! How runs and their stages look from outside.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::store::runs::{InputSource, RunError, RunInput, RunRow, StageProgress};
use crate::store::stages::StageRow;

/// A run.
#[derive(Serialize, ToSchema)]
pub struct RunView {
    /// Its id.
    pub id: Uuid,
    /// `queued`, `running`, `planned`, `succeeded`, `failed` or `cancelled`.
    pub state: &'static str,
    /// Name of the algorithm.
    pub algorithm: String,
    /// Version of the algorithm that it is pinned to.
    pub version: u32,
    /// Parameters.
    #[schema(value_type = Object)]
    pub params: Box<RawValue>,
    /// Inputs, with where they came from and their hashes.
    pub inputs: Vec<RunInputView>,
    /// Root of all randomness.
    pub seed: u64,
    /// Equal runs have equal fingerprints.
    pub fingerprint: String,
    /// Free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Higher goes first within one submitter.
    pub priority: i16,
    /// When the result is of no more use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_at: Option<DateTime<Utc>>,
    /// What a worker must be labelled with to get its tasks, by the algorithm and by whoever submitted it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub worker_labels: BTreeMap<String, String>,
    /// Memory that a task of it may take, in MiB; absent if nobody said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u32>,
    /// Whether nothing of it is handed out until it is resumed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
    /// `done` or `planned`.
    pub until: &'static str,
    /// Who submitted it.
    pub submitter: String,
    /// When it was accepted.
    pub created_at: DateTime<Utc>,
    /// When its first stage opened.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// What it waits for while nothing of it is executed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_reason: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<RunErrorView>,
    /// What planning it found, for `until: planned`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    pub estimate: Option<Box<RawValue>>,
    /// When its shard results were dropped because of their age; they answer 410 since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub results_dropped_at: Option<DateTime<Utc>>,
    /// When its report was dropped because of its age.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report_dropped_at: Option<DateTime<Utc>>,
    /// When its events and failures were dropped because of their age.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history_dropped_at: Option<DateTime<Utc>>,
    /// Number of its newest stored event.
    pub last_event: i64,
    /// Failed attempts so far.
    pub failures: u32,
    /// How far its newest stage is.
    pub progress: Option<ProgressView>,
    /// Its stages; only where one run is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stages: Option<Vec<StageView>>,
    /// Whether an older, equal run answers (`reuse`).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reused: bool,
}

/// An input of a run.
#[derive(Serialize, ToSchema)]
pub struct RunInputView {
    /// `topology`, `traffic`, …
    pub role: String,
    /// SHA-256 of the document.
    pub hash: String,
    /// `inline`, `version` or `run`.
    pub source: &'static str,
    /// The stored input or the run it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// Name of the stored input when the run was submitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Version of the stored input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
}

/// Why a run failed.
#[derive(Serialize, ToSchema)]
pub struct RunErrorView {
    /// What kind of failure.
    pub kind: String,
    /// For people.
    pub message: String,
    /// JSON pointer to the offending part of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// The stage, if one is to blame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<u32>,
    /// The shard, if one is to blame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shard: Option<u32>,
    /// The worker that met it last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker: Option<Uuid>,
    /// How often it was tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
}

/// How far the newest stage of a run is.
#[derive(Clone, PartialEq, Serialize, ToSchema)]
pub struct ProgressView {
    /// Index of the stage, from 0.
    pub stage: u32,
    /// Its name.
    pub name: String,
    /// Its shards.
    pub shards: u32,
    /// Those that are stored.
    pub done: u32,
    /// The share of them, 0 to 1.
    pub fraction: f64,
}

/// A stage of a run.
#[derive(Serialize, ToSchema)]
pub struct StageView {
    /// Its index, from 0.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its shards.
    pub shards: u32,
    /// Those that are stored.
    pub done: u32,
    /// SHA-256 of the state its shards share.
    pub state_hash: String,
    /// Size of that state.
    pub state_bytes: u64,
    /// What the algorithm told people when it opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    pub note: Option<Box<RawValue>>,
    /// When it opened.
    pub opened_at: DateTime<Utc>,
    /// When it was merged, or the run ended.
    pub closed_at: Option<DateTime<Utc>>,
}

/// A page of runs.
#[derive(Serialize, ToSchema)]
pub struct RunList {
    /// Newest first.
    pub items: Vec<RunView>,
    /// `cursor` of the next page.
    pub next_cursor: Option<String>,
}

/// The stages of a run.
#[derive(Serialize, ToSchema)]
pub struct StageList {
    /// In the order in which they opened.
    pub items: Vec<StageView>,
    /// Always null: stages have one page.
    pub next_cursor: Option<String>,
}

impl From<RunInput> for RunInputView {
    fn from(RunInput { role, hash, source }: RunInput) -> Self {
        let (source, id, name, version) = match source {
            InputSource::Inline => ("inline", None, None, None),
            InputSource::Version { id, name, version } => ("version", Some(id), Some(name), Some(version)),
            InputSource::Run { id } => ("run", Some(id.0), None, None),
        };
        Self { role, hash: hash.to_string(), source, id, name, version }
    }
}

impl From<RunError> for RunErrorView {
    fn from(error: RunError) -> Self {
        let RunError { kind, message, pointer, stage, shard, worker, attempts } = error;
        Self { kind, message, pointer, stage, shard, worker, attempts }
    }
}

impl From<StageProgress> for ProgressView {
    fn from(StageProgress { index, name, shards, done }: StageProgress) -> Self {
        let fraction = if shards == 0 { 1.0 } else { f64::from(done) / f64::from(shards) };
        Self { stage: index, name, shards, done, fraction }
    }
}

impl From<StageRow> for StageView {
    fn from(row: StageRow) -> Self {
        let StageRow { index, name, shards, done, state_hash, state_bytes, note, opened_at, closed_at } = row;
        let state_hash = state_hash.to_string();
        Self { index, name, shards, done, state_hash, state_bytes, note, opened_at, closed_at }
    }
}

impl From<RunRow> for RunView {
    fn from(row: RunRow) -> Self {
        Self {
            id: row.id.0,
            state: row.state.as_str(),
            algorithm: row.algorithm,
            version: row.version,
            params: row.params,
            inputs: row.inputs.into_iter().map(RunInputView::from).collect(),
            seed: row.seed,
            fingerprint: row.fingerprint.to_string(),
            label: row.label,
            priority: row.priority,
            deadline_at: row.deadline_at,
            worker_labels: row.worker_labels,
            memory_mib: Some(row.memory_mib).filter(|mib| *mib > 0),
            paused: row.paused && !row.state.is_end(),
            until: match row.until {
                crate::store::runs::Until::Done => "done",
                crate::store::runs::Until::Planned => "planned",
            },
            submitter: row.submitter,
            created_at: row.created_at,
            started_at: row.started_at,
            ended_at: row.ended_at,
            waiting_reason: row.waiting_reason,
            error: row.error.map(RunErrorView::from),
            estimate: row.estimate,
            results_dropped_at: row.results_dropped_at,
            report_dropped_at: row.report_dropped_at,
            history_dropped_at: row.history_dropped_at,
            last_event: row.last_event,
            failures: row.failures,
            progress: row.stage.map(ProgressView::from),
            stages: None,
            reused: false,
        }
    }
}
