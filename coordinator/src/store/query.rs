//! SQL/JSON paths over reports and partial results, evaluated by Postgres.

use std::time::Duration;

use common::ids::RunId;
use serde::Serialize;
use serde_json::value::RawValue;

use super::Store;
use super::error::Result;

/// What a path is evaluated over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum QueryOver {
    /// The report.
    Report,
    /// Every stored partial result of a stage, or of all stages, in order.
    Shards {
        /// Only this stage.
        stage: Option<u32>,
    },
}

/// Bounds of an evaluation.
#[derive(Clone, Copy, Debug)]
pub struct QueryLimits {
    /// At most this many values.
    pub rows: u32,
    /// At most about this many bytes of values.
    pub bytes: usize,
    /// At most this long.
    pub time: Duration,
}

impl Default for QueryLimits {
    fn default() -> Self {
        Self { rows: 1_000, bytes: 4 << 20, time: Duration::from_secs(5) }
    }
}

/// What a path found.
#[derive(Clone, Debug, Serialize)]
pub struct QueryAnswer {
    /// The values, in document and shard order.
    pub values: Vec<QueryValue>,
    /// Whether a bound cut the answer short.
    pub truncated: bool,
}

/// One value.
#[derive(Clone, Debug, Serialize)]
pub struct QueryValue {
    /// The stage, over partial results.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<u32>,
    /// The shard, over partial results.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shard: Option<u32>,
    /// The value.
    pub value: Box<RawValue>,
}

impl Store {
    /// Evaluates `path` read-only.
    ///
    /// # Errors
    /// `Refused` with code `bad_path` and Postgres' message; `Timeout`; `NotFound` for an unknown run.
    pub async fn query(&self, run: RunId, path: &str, over: QueryOver, limits: QueryLimits) -> Result<QueryAnswer> {
        let _ = (run, path, over, limits);
        todo!()
    }
}
