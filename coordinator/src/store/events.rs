//! Stored events of runs, numbered from 1 without gaps.

use chrono::{DateTime, Utc};
use common::ids::RunId;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Store;
use super::error::Result;
use super::text::raw_json;

/// An event as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EventRow {
    /// Its number in the run.
    pub seq: i64,
    /// When it was committed.
    pub at: DateTime<Utc>,
    /// What happened: `state` (the body names the new state), `stage_opened`, `stage_closed`, `shard_failed`, or a kind
    /// that the engine chose.
    pub kind: String,
    /// Details.
    pub body: Box<RawValue>,
}

impl Store {
    /// Events with numbers above `after`, ascending, at most `limit`.
    pub async fn events(&self, run: RunId, after: i64, limit: u32) -> Result<Vec<EventRow>> {
        let client = self.client().await?;
        let select = client
            .prepare_cached(
                "SELECT seq, at, kind, body::text AS body FROM run_events
                  WHERE run_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",
            )
            .await?;
        let rows = client.query(&select, &[&run.0, &after, &i64::from(limit)]).await?;
        let events = rows.iter().map(|row| EventRow {
            seq: row.get("seq"),
            at: row.get("at"),
            kind: row.get("kind"),
            body: raw_json(row, "body").expect("the column is not null"),
        });
        Ok(events.collect())
    }
}
