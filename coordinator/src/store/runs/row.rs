//! A run as it is stored, and how it is read.

use std::collections::BTreeMap;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use common::ids::{ContentHash, RunId};
use common::run::RunPhase;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::store::documents::hash_of;
use crate::store::text::raw_json;

/// How far a run goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// To its report.
    #[default]
    Done,
    /// Until its first stage is planned.
    Planned,
}

/// An input of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunInput {
    /// `topology`, `traffic`, …
    pub role: String,
    /// The document.
    pub hash: ContentHash,
    /// Where it came from.
    pub source: InputSource,
}

/// Where an input of a run came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum InputSource {
    /// It stood in the request.
    Inline,
    /// A version of a stored input.
    Version {
        /// The input.
        id: Uuid,
        /// Its name when the run was submitted.
        name: String,
        /// The version.
        version: u32,
    },
    /// The report of an earlier run.
    Run {
        /// The run.
        id: RunId,
    },
}

/// A run as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunRow {
    /// Its id.
    pub id: RunId,
    /// Where it stands.
    pub state: RunPhase,
    /// Name of the algorithm.
    pub algorithm: String,
    /// Version of the algorithm it is pinned to.
    pub version: u32,
    /// Parameters.
    pub params: Box<RawValue>,
    /// Inputs with versions and hashes.
    pub inputs: Vec<RunInput>,
    /// Root of all randomness.
    pub seed: u64,
    /// Hash over algorithm, version, parameters, input hashes and seed: equal runs have equal fingerprints.
    pub fingerprint: ContentHash,
    /// Free text.
    pub label: Option<String>,
    /// Higher goes first within one submitter.
    pub priority: i16,
    /// When the result is of no more use.
    pub deadline_at: Option<DateTime<Utc>>,
    /// What a worker must be labelled with to get its tasks, by the algorithm and by whoever submitted it.
    #[serde(default)]
    pub worker_labels: BTreeMap<String, String>,
    /// Memory that a task of it may take, in MiB; 0 if nobody said.
    #[serde(default)]
    pub memory_mib: u32,
    /// Whether nothing of it is handed out until it is resumed.
    #[serde(default)]
    pub paused: bool,
    /// How far it goes.
    pub until: Until,
    /// Who submitted it.
    pub submitter: String,
    /// When it was accepted.
    pub created_at: DateTime<Utc>,
    /// When its first stage opened.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// What it waits for while nothing of it is executed.
    pub waiting_reason: Option<String>,
    /// Why it failed.
    pub error: Option<RunError>,
    /// What planning it found, for `until: planned`.
    pub estimate: Option<Box<RawValue>>,
    /// The number of its newest stored event; 0 before the first.
    pub last_event: i64,
    /// Failed attempts of its shards and advances so far.
    pub failures: u32,
    /// The stage that opened last.
    pub stage: Option<StageProgress>,
    /// The exact bytes of its order, while no stage is open and if they are few.
    #[serde(skip)]
    pub short_spec: Option<Bytes>,
    /// When its shard results were dropped.
    #[serde(default)]
    pub results_dropped_at: Option<DateTime<Utc>>,
    /// When its report was dropped.
    #[serde(default)]
    pub report_dropped_at: Option<DateTime<Utc>>,
    /// When its events and failures were dropped.
    #[serde(default)]
    pub history_dropped_at: Option<DateTime<Utc>>,
}

/// How far the newest stage of a run is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageProgress {
    /// Its index, from 0.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// How many shards it has.
    pub shards: u32,
    /// How many are stored.
    pub done: u32,
}

/// Why a run failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunError {
    /// [`common::run::TaskErrorKind::as_str`], or a kind of the coordinator's own (`nondeterministic`, `deadline`).
    pub kind: String,
    /// For people.
    pub message: String,
    /// JSON pointer to the offending part of the request, when known.
    pub pointer: Option<String>,
    /// The stage, if one is to blame.
    pub stage: Option<u32>,
    /// The shard, if one is to blame.
    pub shard: Option<u32>,
    /// The worker that met it last.
    pub worker: Option<Uuid>,
    /// How often it was tried.
    pub attempts: Option<u32>,
}

/// Selects runs with their newest stage out of a table or a `WITH` query, and what is named beside them.
macro_rules! select_runs {
    ($from:literal, $beside:literal) => {
        concat!(
            "SELECT r.id, r.state, r.algorithm, r.version, r.params::text AS params, r.inputs::text AS inputs,
                    r.seed, r.fingerprint, r.label, r.priority, r.deadline_at, r.until, r.submitter, r.created_at,
                    r.started_at, r.ended_at, r.waiting_reason, r.worker_labels::text AS worker_labels, r.memory_mib, r.paused,
                    r.error::text AS error, r.estimate::text AS estimate,
                    r.last_event, r.failures, r.results_dropped_at, r.report_dropped_at, r.history_dropped_at,
                    CASE WHEN r.state = 'queued' AND octet_length(r.spec) <= 4096 THEN r.spec END AS short_spec, s.stage, s.name AS stage_name, s.shards, s.done",
            $beside,
            " FROM ",
            $from,
            " r LEFT JOIN LATERAL
                    (SELECT stage, name, shards, done FROM stages WHERE run_id = r.id ORDER BY stage DESC LIMIT 1) s ON true"
        )
    };
}

/// A run with its newest stage; conditions follow.
pub(in crate::store) const RUN: &str = select_runs!("runs", "");

/// A run that a `WITH` query named `run` inserts; whoever listens is told when it is committed.
pub(in crate::store) const INSERTED_RUN: &str =
    select_runs!("run", ", pg_notify('netplanner', r.id::text) AS told");

/// Reads `runs.state`.
pub(in crate::store) fn phase(text: &str) -> RunPhase {
    match text {
        "queued" => RunPhase::Queued,
        "running" => RunPhase::Running,
        "planned" => RunPhase::Planned,
        "succeeded" => RunPhase::Succeeded,
        "failed" => RunPhase::Failed,
        _ => RunPhase::Cancelled,
    }
}

/// Reads a row of [`RUN`].
pub(in crate::store) fn read(row: &Row) -> RunRow {
    let unsigned = |column: &str| row.get::<_, i32>(column).cast_unsigned();
    RunRow {
        id: RunId(row.get("id")),
        state: phase(row.get("state")),
        algorithm: row.get("algorithm"),
        version: unsigned("version"),
        params: raw_json(row, "params").expect("the column is not null"),
        inputs: serde_json::from_str(row.get("inputs")).unwrap_or_default(),
        seed: row.get::<_, i64>("seed").cast_unsigned(),
        fingerprint: hash_of(row.get("fingerprint")),
        label: row.get("label"),
        priority: row.get("priority"),
        deadline_at: row.get("deadline_at"),
        worker_labels: serde_json::from_str(row.get("worker_labels")).unwrap_or_default(),
        memory_mib: unsigned("memory_mib"),
        paused: row.get("paused"),
        until: if row.get::<_, &str>("until") == "planned" { Until::Planned } else { Until::Done },
        submitter: row.get("submitter"),
        created_at: row.get("created_at"),
        started_at: row.get("started_at"),
        ended_at: row.get("ended_at"),
        waiting_reason: row.get("waiting_reason"),
        error: row.get::<_, Option<&str>>("error").and_then(|text| serde_json::from_str(text).ok()),
        estimate: raw_json(row, "estimate"),
        last_event: row.get("last_event"),
        failures: unsigned("failures"),
        short_spec: row.get::<_, Option<Vec<u8>>>("short_spec").map(Bytes::from),
        stage: row.get::<_, Option<i32>>("stage").map(|index| StageProgress {
            index: index.cast_unsigned(),
            name: row.get("stage_name"),
            shards: unsigned("shards"),
            done: unsigned("done"),
        }),
        results_dropped_at: row.get("results_dropped_at"),
        report_dropped_at: row.get("report_dropped_at"),
        history_dropped_at: row.get("history_dropped_at"),
    }
}
