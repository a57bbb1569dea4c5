//! What a run is made of, as far as every process needs to know it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::{ContentHash, RunId, StageIndex};

/// The immutable order behind a run: what a worker needs, beside the inputs themselves, to compute any part of it.
///
/// Travels as JSON bytes (key [`crate::protocol::DocumentKey::Run`]).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunSpec {
    /// Name of the algorithm in the catalogue.
    pub algorithm: String,
    /// The version the run is pinned to; only workers that offer it get its tasks.
    pub version: u32,
    /// The parameters, valid against the algorithm's schema.
    pub params: Box<serde_json::value::RawValue>,
    /// The hash of the document in each role (`topology`, `traffic`, …), in the order of the roles' names.
    pub inputs: BTreeMap<String, ContentHash>,
    /// Root of all randomness of the run.
    pub seed: u64,
}

/// Where a run stands. Stored as text in `runs.state`; only [`RunPhase::Queued`] and [`RunPhase::Running`] can change.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunPhase {
    /// Accepted and durable; no stage is open yet.
    Queued,
    /// At least one stage was opened.
    Running,
    /// Submitted with `until: "planned"` and planned; its stages are known, nothing was executed.
    Planned,
    /// Its report is stored.
    Succeeded,
    /// It ended with an error, which is stored.
    Failed,
    /// It was cancelled before its end.
    Cancelled,
}

impl RunPhase {
    /// Whether nothing can follow.
    #[must_use]
    pub const fn is_end(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }

    /// The text in the database and in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Planned => "planned",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Consecutive shards of one stage: `first .. first + count`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct ShardRange {
    /// The first shard.
    pub first: u32,
    /// How many; at least 1.
    pub count: u32,
}

impl ShardRange {
    /// The shards in ascending order.
    pub fn iter(self) -> impl Iterator<Item = u32> {
        self.first..self.end()
    }

    /// One past the last shard.
    #[must_use]
    pub const fn end(self) -> u32 {
        self.first + self.count
    }

    /// Whether `shard` is one of them.
    #[must_use]
    pub const fn contains(self, shard: u32) -> bool {
        shard >= self.first && shard < self.end()
    }
}

/// What a worker gets to do at a time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Task {
    /// The run it belongs to.
    pub run: RunId,
    /// Which part of it.
    pub kind: TaskKind,
}

/// The two kinds of [`Task`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum TaskKind {
    /// Open stage `stage`: plan the run if it is the first, otherwise merge the partial results of the stage before
    /// it. Yields an [`Outcome::Opened`] or an [`Outcome::Done`].
    Advance {
        /// The stage to be opened.
        stage: StageIndex,
    },
    /// Execute shards of an open stage, each yielding a partial result.
    Shards {
        /// The stage.
        stage: StageIndex,
        /// Its shards to execute, in ascending order.
        range: ShardRange,
    },
}

/// What an [`TaskKind::Advance`] found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Outcome {
    /// There is another stage.
    Opened {
        /// Its name, for people (`bound`, `search`, …).
        name: String,
        /// What its shards share: exact JSON bytes.
        #[serde(with = "crate::wire::octets")]
        state: Vec<u8>,
        /// How many shards it has; with 0 it is merged at once.
        shards: u32,
        /// What the algorithm tells people at this point (best value so far, bound), a JSON object or null.
        note: Option<Vec<u8>>,
    },
    /// The run is over: the report, as JSON bytes.
    Done {
        /// The verified report.
        #[serde(with = "crate::wire::octets")]
        report: Vec<u8>,
    },
}

/// Why a task failed, as a worker tells it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TaskError {
    /// What kind of failure; decides whether a repetition makes sense.
    pub kind: TaskErrorKind,
    /// For people: what went wrong, naming the thing.
    pub message: String,
    /// JSON pointer to the offending part of the parameters or of an input, when known (`/inputs/topology/links/3`).
    pub pointer: Option<String>,
}

/// Kinds of [`TaskError`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskErrorKind {
    /// Parameters that the algorithm refuses. Recurs.
    InvalidParams,
    /// An input document that the algorithm refuses. Recurs.
    InvalidInput,
    /// The task has no solution. Recurs.
    Infeasible,
    /// The plan breaks a rule of the independent checker. Recurs.
    Violation,
    /// The result is not a storable document (NaN, too deep, too large, `\u0000`). Recurs.
    Unstorable,
    /// The shard panicked. Charged to the shard, retried elsewhere.
    Panicked,
    /// The shard took longer than allowed. Charged to the shard, retried elsewhere.
    TimedOut,
    /// The worker could not get a document, or another fault outside the algorithm. Retried, charged to the shard.
    Unavailable,
    /// The worker died over it. Never told by a worker; retried elsewhere.
    WorkerLost,
}

impl TaskErrorKind {
    /// Whether a repetition must end the same way, so that none is tried.
    #[must_use]
    pub const fn recurs(self) -> bool {
        matches!(
            self,
            Self::InvalidParams | Self::InvalidInput | Self::Infeasible | Self::Violation | Self::Unstorable
        )
    }

    /// The text in the database and in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidParams => "invalid_params",
            Self::InvalidInput => "invalid_input",
            Self::Infeasible => "infeasible",
            Self::Violation => "violation",
            Self::Unstorable => "unstorable",
            Self::Panicked => "panicked",
            Self::TimedOut => "timed_out",
            Self::Unavailable => "unavailable",
            Self::WorkerLost => "worker_lost",
        }
    }
}
