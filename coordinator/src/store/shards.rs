//! Shards: stored partial results, failed attempts, and both together for people.

use chrono::{DateTime, Utc};
use common::ids::{RunId, StageIndex};
use common::protocol::PartialsPage;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Store;
use super::error::Result;
use super::page::{Page, Paged};

/// What is known of a shard for everyone outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShardState {
    /// Not stored; no attempt has failed.
    Open,
    /// Not stored; at least one attempt failed.
    Failed,
    /// Its partial result is durable.
    Stored,
}

/// Which shards to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct ShardFilter {
    /// Only of this stage.
    pub stage: Option<u32>,
    /// Only in this state.
    pub state: Option<ShardState>,
    /// Only stored by, or last failed on, this worker.
    pub worker: Option<Uuid>,
}

/// One shard.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShardView {
    /// Its stage.
    pub stage: u32,
    /// Its index.
    pub shard: u32,
    /// What is known of it.
    pub state: ShardState,
    /// Failed attempts, plus one if it is stored.
    pub attempts: u32,
    /// Who computed it, or failed last.
    pub worker: Option<Uuid>,
    /// When the computation began.
    pub started_at: Option<DateTime<Utc>>,
    /// CPU time in microseconds.
    pub cpu_us: Option<u64>,
    /// Wall time in microseconds.
    pub wall_us: Option<u64>,
    /// The last failure.
    pub error: Option<ShardError>,
}

/// A failed attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardError {
    /// When it was reported.
    pub at: DateTime<Utc>,
    /// [`common::run::TaskErrorKind::as_str`], or `worker_lost`.
    pub kind: String,
    /// For people.
    pub message: String,
}

impl Store {
    /// The shards of a run by stage and index.
    pub async fn shards(&self, run: RunId, filter: &ShardFilter, page: &Page) -> Result<Paged<ShardView>> {
        let _ = (run, filter, page);
        todo!()
    }

    /// Stored partial results of a stage in ascending order from shard `from` on, at most about `max_bytes` (at least
    /// one). Ends before the first shard that is not stored.
    pub async fn partials_page(
        &self,
        run: RunId,
        stage: StageIndex,
        from: u32,
        max_bytes: usize,
    ) -> Result<PartialsPage> {
        let _ = (run, stage, from, max_bytes);
        todo!()
    }
}
