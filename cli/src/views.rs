//! What the API sends and takes, as far as this program looks at it. Fields it does not know are no error.

use std::collections::BTreeMap;
use std::fmt;

use optics::finding::Finding;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// A page of a list.
#[derive(Clone, Debug, Deserialize)]
pub struct List<T> {
    /// The page.
    pub items: Vec<T>,
    /// Cursor of the next page.
    #[serde(default)]
    pub next_cursor: Option<String>,
}

/// A run.
#[derive(Clone, Debug, Deserialize)]
pub struct Run {
    /// Its id.
    pub id: String,
    /// `queued`, `running`, `planned`, `succeeded`, `failed` or `cancelled`.
    pub state: String,
    /// Name of the algorithm.
    pub algorithm: String,
    /// Its version.
    pub version: u32,
    /// The parameters.
    #[serde(default)]
    pub params: Value,
    /// The inputs.
    #[serde(default)]
    pub inputs: Vec<RunInput>,
    /// Root of its randomness.
    #[serde(default)]
    pub seed: u64,
    /// Free text.
    #[serde(default)]
    pub label: Option<String>,
    /// Among its submitter's runs, higher goes first.
    #[serde(default)]
    pub priority: i64,
    /// When its result is of no more use.
    #[serde(default)]
    pub deadline_at: Option<String>,
    /// What a worker must be labelled with to get its tasks.
    #[serde(default)]
    pub worker_labels: BTreeMap<String, String>,
    /// Memory that a task of it may take, in MiB.
    #[serde(default)]
    pub memory_mib: Option<u32>,
    /// Whether it is held.
    #[serde(default)]
    pub paused: bool,
    /// When it was accepted, RFC 3339.
    #[serde(default)]
    pub created_at: Option<String>,
    /// When its first stage opened.
    #[serde(default)]
    pub started_at: Option<String>,
    /// When it ended.
    #[serde(default)]
    pub ended_at: Option<String>,
    /// What it waits for.
    #[serde(default)]
    pub waiting_reason: Option<String>,
    /// Why it failed.
    #[serde(default)]
    pub error: Option<RunError>,
    /// What planning found, for `until: planned`.
    #[serde(default)]
    pub estimate: Option<Value>,
    /// How far its newest stage is.
    #[serde(default)]
    pub progress: Option<Progress>,
    /// Its stages.
    #[serde(default)]
    pub stages: Option<Vec<Stage>>,
    /// Failed attempts so far.
    #[serde(default)]
    pub failures: u64,
    /// Whether an older, equal run answers.
    #[serde(default)]
    pub reused: bool,
}

impl Run {
    /// Whether nothing can follow.
    pub fn has_ended(&self) -> bool {
        !matches!(self.state.as_str(), "queued" | "running")
    }
}

/// An input of a run.
#[derive(Clone, Debug, Deserialize)]
pub struct RunInput {
    /// `topology`, `traffic`, …
    pub role: String,
    /// SHA-256 of the document.
    #[serde(default)]
    pub hash: String,
    /// Name of the stored input.
    #[serde(default)]
    pub name: Option<String>,
}

/// Why a run failed.
#[derive(Clone, Debug, Deserialize)]
pub struct RunError {
    /// What kind of failure.
    #[serde(default)]
    pub kind: String,
    /// For people.
    pub message: String,
    /// JSON pointer to the offending part of the request.
    #[serde(default)]
    pub pointer: Option<String>,
    /// The stage, if one is to blame.
    #[serde(default)]
    pub stage: Option<u32>,
    /// The shard, if one is to blame.
    #[serde(default)]
    pub shard: Option<u32>,
    /// How often it was tried.
    #[serde(default)]
    pub attempts: Option<u32>,
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)?;
        if !self.kind.is_empty() {
            write!(f, " [{}]", self.kind)?;
        }
        if let Some(pointer) = self.pointer.as_deref().filter(|pointer| !pointer.is_empty()) {
            write!(f, " at {pointer}")?;
        }
        if let Some(stage) = self.stage {
            write!(f, ", stage {stage}")?;
        }
        if let Some(shard) = self.shard {
            write!(f, ", shard {shard}")?;
        }
        if let Some(attempts) = self.attempts {
            write!(f, ", after {attempts} attempts")?;
        }
        Ok(())
    }
}

/// How far the newest stage of a run is.
#[derive(Clone, Debug, Deserialize)]
pub struct Progress {
    /// Index of the stage.
    pub stage: u32,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Its shards.
    pub shards: u64,
    /// Those that are stored.
    pub done: u64,
}

/// A stage of a run.
#[derive(Clone, Debug, Deserialize)]
pub struct Stage {
    /// Its index.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its shards.
    pub shards: u64,
    /// Those that are stored.
    pub done: u64,
    /// What the algorithm told people when it opened.
    #[serde(default)]
    pub note: Option<Value>,
}

/// A finished shard.
#[derive(Clone, Debug, Deserialize)]
pub struct Shard {
    /// The worker that computed it.
    #[serde(default)]
    pub worker: Option<String>,
    /// Its stored partial result.
    pub partial: Box<RawValue>,
}

/// An order for a run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct NewRun {
    /// Name of the algorithm.
    pub algorithm: String,
    /// Parameters; the schema's defaults hold for what is absent.
    pub params: Value,
    /// Inputs by role.
    pub inputs: BTreeMap<String, InputRef>,
    /// Root of its randomness.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Higher goes first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<i16>,
    /// After how many seconds the result is of no more use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_s: Option<u64>,
    /// `planned` to see the stages without executing them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Whether an equal run that succeeded may answer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reuse: bool,
    /// What a worker must be labelled with to get its tasks.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub worker_labels: BTreeMap<String, String>,
    /// Memory that a task of it may take, in MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u32>,
}

/// Where an input of a run comes from.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case", untagged)]
pub enum InputRef {
    /// A version of a stored input; the newest if no version is named.
    Stored {
        /// Its id.
        id: String,
        /// Its version.
        #[serde(skip_serializing_if = "Option::is_none")]
        version: Option<u32>,
    },
    /// The report of an earlier run.
    Run {
        /// The run.
        run: String,
    },
    /// The document itself.
    Inline {
        /// The document.
        document: Box<RawValue>,
    },
}

/// A stored input.
#[derive(Clone, Debug, Deserialize)]
pub struct Input {
    /// Its id.
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Number of its newest version.
    #[serde(default)]
    pub version: u32,
    /// Its newest version.
    #[serde(default)]
    pub latest: Option<VersionHead>,
    /// What was noticed and does not stand in the way.
    #[serde(default)]
    pub notes: Vec<Finding>,
}

/// A version without its document.
#[derive(Clone, Debug, Deserialize)]
pub struct VersionHead {
    /// SHA-256 of the document.
    pub hash: String,
    /// Key figures.
    #[serde(default)]
    pub summary: BTreeMap<String, Value>,
}

/// A version with its document.
#[derive(Clone, Debug, Deserialize)]
pub struct Version {
    /// The document.
    pub document: Box<RawValue>,
}

/// An algorithm of the catalogue.
#[derive(Clone, Debug, Deserialize)]
pub struct Algorithm {
    /// Its name.
    pub name: String,
    /// Its newest version.
    pub version: u32,
    /// One sentence.
    #[serde(default)]
    pub summary: String,
    /// The documents it takes.
    #[serde(default)]
    pub inputs: Vec<Role>,
    /// JSON Schema of the parameters.
    #[serde(default)]
    pub params_schema: Value,
    /// Its stages.
    #[serde(default)]
    pub stages: Vec<StageDoes>,
}

/// A document that an algorithm takes.
#[derive(Clone, Debug, Deserialize)]
pub struct Role {
    /// `topology`, …
    pub role: String,
    /// Whether a run without it is refused.
    pub required: bool,
}

/// What a stage does.
#[derive(Clone, Debug, Deserialize)]
pub struct StageDoes {
    /// Its name.
    pub name: String,
    /// What its shards do.
    pub does: String,
}

/// The cluster as its leader sees it.
#[derive(Clone, Debug, Deserialize)]
pub struct Status {
    /// The leader.
    #[serde(default)]
    pub leader: Option<Value>,
    /// What waits and what runs.
    #[serde(default)]
    pub queue: BTreeMap<String, Value>,
    /// Capacity.
    #[serde(default)]
    pub lanes: BTreeMap<String, Value>,
    /// Who uses it.
    #[serde(default)]
    pub submitters: Vec<Value>,
    /// Results stored per second.
    #[serde(default)]
    pub shards_per_second: f64,
    /// Every connected worker.
    #[serde(default)]
    pub workers: Vec<Worker>,
    /// The last failures.
    #[serde(default)]
    pub recent_failures: Vec<Value>,
}

/// A connected worker.
#[derive(Clone, Debug, Deserialize)]
pub struct Worker {
    /// Its id.
    pub id: String,
    /// Where it runs.
    #[serde(default)]
    pub host: String,
    /// Its build.
    #[serde(default)]
    pub build: String,
    /// `ready`, `draining`, `short_of_memory` or `silent`.
    #[serde(default)]
    pub state: String,
    /// Tasks it runs at a time.
    #[serde(default)]
    pub lanes: u32,
    /// Lanes with a task.
    #[serde(default)]
    pub busy_lanes: u32,
    /// Leases it holds.
    #[serde(default)]
    pub leases: u32,
    /// Results of its that are stored.
    #[serde(default)]
    pub shards_done: u64,
    /// Shards of its that failed.
    #[serde(default)]
    pub failures: u64,
    /// CPU time in seconds.
    #[serde(default)]
    pub cpu_s: f64,
    /// Resident memory in bytes.
    #[serde(default)]
    pub memory_bytes: u64,
    /// What it may use of it, in bytes; 0 if it does not know.
    #[serde(default)]
    pub memory_limit_bytes: u64,
    /// What it is, as pairs.
    #[serde(default)]
    pub labels: Vec<(String, String)>,
}

/// A problem document (RFC 9457).
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Problem {
    /// HTTP status.
    pub status: u16,
    /// One line, the same for every occurrence.
    #[serde(default)]
    pub title: String,
    /// This occurrence.
    #[serde(default)]
    pub detail: Option<String>,
    /// For programs.
    #[serde(default)]
    pub code: String,
    /// To find the request in the server's log.
    #[serde(default)]
    pub request_id: Option<String>,
    /// Where and what, one by one.
    #[serde(default)]
    pub errors: Vec<Finding>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title = if self.title.is_empty() { "the server refused the request" } else { &self.title };
        write!(f, "{title} ({} {})", self.status, self.code)?;
        if let Some(detail) = self.detail.as_deref().filter(|detail| *detail != self.title) {
            write!(f, "\n  {detail}")?;
        }
        for finding in &self.errors {
            write!(f, "\n  - {finding}")?;
        }
        if let Some(id) = self.request_id.as_deref().filter(|_| self.status >= 500) {
            write!(f, "\n  request {id}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_import_is_shown_with_sheet_row_and_column() {
        let problem: Problem = serde_json::from_str(
            r#"{"type": "/docs/errors#import_refused", "title": "The file was refused; nothing was stored", "status": 422,
                "code": "import_refused", "detail": "2 errors", "request_id": "r1", "errors": [
                {"code": "NAME", "detail": "names no node", "sheet": "Links", "row": 3, "column": "To", "cell": "B3"},
                {"code": "EMPTY_ID", "severity": "error", "pointer": "/nodes/0/id", "detail": "is empty"}]}"#,
        )
        .unwrap();
        assert_eq!(
            problem.to_string(),
            "The file was refused; nothing was stored (422 import_refused)\n  2 errors\n  \
             - NAME at Links!B3: names no node\n  - EMPTY_ID at /nodes/0/id: is empty"
        );
    }

    #[test]
    fn a_failed_run_names_stage_shard_and_attempts() {
        let error: RunError = serde_json::from_str(
            r#"{"kind": "panicked", "message": "boom", "stage": 0, "shard": 7, "attempts": 3}"#,
        )
        .unwrap();
        assert_eq!(error.to_string(), "boom [panicked], stage 0, shard 7, after 3 attempts");
    }
}
