//! Runs: submit, read, list, cancel, delete.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use common::ids::{ContentHash, RunId};
use common::run::{RunPhase, ShardRange};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::Store;
use super::documents::NewDocument;
use super::error::Result;
use super::idempotency::Idempotency;
use super::page::{Page, Paged};
use super::stages::StageRow;

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

/// A run to be accepted.
#[derive(Clone, Debug)]
pub struct NewRun {
    /// Name of the algorithm.
    pub algorithm: String,
    /// Its version.
    pub version: u32,
    /// Parameters, valid against the schema.
    pub params: Box<RawValue>,
    /// The inputs; each document is stored already or stands in `documents`.
    pub inputs: Vec<RunInput>,
    /// Documents that came with the request.
    pub documents: Vec<NewDocument>,
    /// Root of all randomness.
    pub seed: u64,
    /// Free text for people.
    pub label: Option<String>,
    /// Higher goes first within one submitter.
    pub priority: i16,
    /// When the result is of no more use.
    pub deadline_at: Option<DateTime<Utc>>,
    /// How far to go.
    pub until: Until,
    /// Who submits.
    pub submitter: String,
    /// Answer with an equal run that succeeded, if there is one.
    pub reuse: bool,
}

/// What became of a submission.
#[derive(Clone, Debug)]
pub struct Submitted {
    /// The run; for a replay as it was answered the first time.
    pub run: RunRow,
    /// Whether the answer is that of an earlier request with the same key.
    pub replayed: bool,
    /// Whether the run is an older, equal one that succeeded.
    pub reused: bool,
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

/// Which runs to list.
#[derive(Clone, Debug, Default)]
pub struct RunFilter {
    /// Only in one of these states; all if empty.
    pub states: Vec<RunPhase>,
    /// Only of this algorithm.
    pub algorithm: Option<String>,
    /// Only with exactly this label.
    pub label: Option<String>,
    /// Only of this submitter.
    pub submitter: Option<String>,
}

/// What became of a cancellation.
#[derive(Clone, Debug)]
pub struct Cancelled {
    /// The run as it stands now.
    pub run: RunRow,
    /// Whether this call ended it; otherwise it had ended before, see its state.
    pub changed: bool,
}

/// An unfinished run as a new leader finds it.
#[derive(Clone, Debug)]
pub struct Resumed {
    /// The run.
    pub run: RunRow,
    /// Its stages so far, in order.
    pub stages: Vec<StageRow>,
    /// The stored shards of the last stage, ascending, disjoint and not adjacent.
    pub stored: Vec<ShardRange>,
}

impl Store {
    /// Accepts a run: run, documents and idempotency key in one transaction, durable when this returns.
    ///
    /// # Errors
    /// `KeyReused` for a known key with another body; `NotFound` if a document of an input is missing.
    pub async fn submit(&self, run: NewRun, idempotency: Option<Idempotency>) -> Result<Submitted> {
        let _ = (run, idempotency);
        todo!()
    }

    /// One run.
    pub async fn run(&self, id: RunId) -> Result<RunRow> {
        let _ = id;
        todo!()
    }

    /// Runs, newest first.
    pub async fn runs(&self, filter: &RunFilter, page: &Page) -> Result<Paged<RunRow>> {
        let _ = (filter, page);
        todo!()
    }

    /// Cancels a run unless it ended already; any replica may. Writes the event `cancelled` with it.
    pub async fn cancel(&self, id: RunId) -> Result<Cancelled> {
        let _ = id;
        todo!()
    }

    /// Deletes an ended run with everything it produced.
    ///
    /// # Errors
    /// `Conflict` with code `run_not_ended` while it is not.
    pub async fn delete_run(&self, id: RunId) -> Result<()> {
        let _ = id;
        todo!()
    }

    /// The newest run with this fingerprint that succeeded.
    pub async fn reusable(&self, fingerprint: ContentHash) -> Result<Option<RunRow>> {
        let _ = fingerprint;
        todo!()
    }

    /// All runs that have not ended, oldest first. The leader reads it at take-over, on notices and every second.
    pub async fn open_runs(&self) -> Result<Vec<RunRow>> {
        todo!()
    }

    /// What a leader needs to go on with a run.
    pub async fn resume(&self, id: RunId) -> Result<Resumed> {
        let _ = id;
        todo!()
    }

    /// The exact bytes of the run's [`common::run::RunSpec`].
    pub async fn run_spec(&self, id: RunId) -> Result<Bytes> {
        let _ = id;
        todo!()
    }

    /// The report as JSON text, as Postgres gives it back; none until the run succeeded.
    ///
    /// # Errors
    /// `NotFound` if there is no such run.
    pub async fn report(&self, id: RunId) -> Result<Option<Bytes>> {
        let _ = id;
        todo!()
    }
}
