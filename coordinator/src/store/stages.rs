//! Stages of runs and their states.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use common::ids::{ContentHash, RunId, StageIndex};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::Store;
use super::documents::{Block, hash_of, place};
use super::error::{Result, StoreError};
use super::runs::{self, RUN, RunRow};
use super::text::raw_json;

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

const STAGES: &str =
    "SELECT stage, name, shards, done, state_hash, octet_length(state) AS state_bytes, note::text AS note,
        opened_at, closed_at
   FROM stages WHERE run_id = $1 ORDER BY stage";

fn read(row: &Row) -> StageRow {
    StageRow {
        index: row.get::<_, i32>("stage").cast_unsigned(),
        name: row.get("name"),
        shards: row.get::<_, i32>("shards").cast_unsigned(),
        done: row.get::<_, i32>("done").cast_unsigned(),
        state_hash: hash_of(row.get("state_hash")),
        state_bytes: u64::from(row.get::<_, i32>("state_bytes").cast_unsigned()),
        note: raw_json(row, "note"),
        opened_at: row.get("opened_at"),
        closed_at: row.get("closed_at"),
    }
}

impl Store {
    /// The stages of a run, in order; empty for an unknown run.
    pub async fn stages(&self, run: RunId) -> Result<Vec<StageRow>> {
        let client = self.client().await?;
        let select = client.prepare_cached(STAGES).await?;
        Ok(client.query(&select, &[&run.0]).await?.iter().map(read).collect())
    }

    /// One run with its stages, in one round trip.
    ///
    /// # Errors
    /// `NotFound` for an unknown run.
    pub async fn run_with_stages(&self, id: RunId) -> Result<(RunRow, Vec<StageRow>)> {
        let client = self.client().await?;
        let run = client.prepare_cached(&format!("{RUN} WHERE r.id = $1")).await?;
        let stages = client.prepare_cached(STAGES).await?;
        let values: &[&(dyn ToSql + Sync)] = &[&id.0];
        // sent in this order: a run that is seen at its end is seen with all its stages
        let (run, stages) =
            tokio::try_join!(biased; client.query_opt(&run, values), client.query(&stages, values))?;
        let run = run.as_ref().map(runs::read).ok_or(StoreError::NotFound("run"))?;
        Ok((run, stages.iter().map(read).collect()))
    }

    /// The exact bytes of a stage's state.
    ///
    /// # Errors
    /// `NotFound` until the stage opened, and after the run was deleted.
    pub async fn state(&self, run: RunId, stage: StageIndex) -> Result<Bytes> {
        let client = self.client().await?;
        let select =
            client.prepare_cached("SELECT state FROM stages WHERE run_id = $1 AND stage = $2").await?;
        let row = client.query_opt(&select, &[&run.0, &stage.0.cast_signed()]).await?;
        row.map(|row| Bytes::from(row.get::<_, Vec<u8>>(0))).ok_or(StoreError::NotFound("stage"))
    }

    /// The block of a stage's state that begins at byte `from`.
    ///
    /// # Errors
    /// As [`Store::state`].
    pub async fn state_block(&self, run: RunId, stage: StageIndex, from: u64) -> Result<Block> {
        let client = self.client().await?;
        let select = client
            .prepare_cached(
                "SELECT octet_length(state), substring(state FROM $3 FOR $4) FROM stages
                  WHERE run_id = $1 AND stage = $2",
            )
            .await?;
        let (first, count, _) = place(from);
        let row = client.query_opt(&select, &[&run.0, &stage.0.cast_signed(), &first, &count]).await?;
        let row = row.ok_or(StoreError::NotFound("stage"))?;
        let total = u64::from(row.get::<_, i32>(0).cast_unsigned());
        Ok(Block { total, bytes: row.get::<_, Vec<u8>>(1).into() })
    }
}
