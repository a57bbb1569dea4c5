//! Stages of runs and their states.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use common::ids::{ContentHash, RunId, StageIndex};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Store;
use super::error::Result;

/// A stage of a run, without its state.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StageRow {
    /// Its index, from 0.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// How many shards it has.
    pub shards: u32,
    /// How many are stored: exact, counted in the transaction that stores them.
    pub done: u32,
    /// Hash of the state's bytes.
    pub state_hash: ContentHash,
    /// Size of the state in bytes.
    pub state_bytes: u64,
    /// What the algorithm told people when it opened.
    pub note: Option<Box<RawValue>>,
    /// When it opened.
    pub opened_at: DateTime<Utc>,
    /// When it was merged, or the run ended.
    pub closed_at: Option<DateTime<Utc>>,
}

impl Store {
    /// The stages of a run, in order; empty for an unknown run.
    pub async fn stages(&self, run: RunId) -> Result<Vec<StageRow>> {
        let _ = run;
        todo!()
    }

    /// The exact bytes of a stage's state.
    pub async fn state(&self, run: RunId, stage: StageIndex) -> Result<Bytes> {
        let _ = (run, stage);
        todo!()
    }
}
