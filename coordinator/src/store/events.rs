//! Stored events of runs, numbered from 1 without gaps.

use chrono::{DateTime, Utc};
use common::ids::RunId;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Store;
use super::error::Result;

/// An event as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EventRow {
    /// Its number in the run.
    pub seq: i64,
    /// When it was committed.
    pub at: DateTime<Utc>,
    /// What happened: `submitted, stage_opened, stage_closed, shard_failed, succeeded, planned, failed, cancelled`, or
    /// a kind that the engine chose.
    pub kind: String,
    /// Details.
    pub body: Box<RawValue>,
}

impl Store {
    /// Events with numbers above `after`, ascending, at most `limit`.
    pub async fn events(&self, run: RunId, after: i64, limit: u32) -> Result<Vec<EventRow>> {
        let _ = (run, after, limit);
        todo!()
    }
}
