//! Runs: read, list, cancel, delete; which are open, and what a leader needs to go on with one.

mod again;
mod row;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use common::ids::{ContentHash, RunId};
use common::run::{RunPhase, ShardRange};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::Store;
use super::documents::Block;
use super::error::{Result, StoreError};
use super::page::{Page, Paged};
use super::stages::StageRow;
use super::text::storable;
pub use again::Again;
pub(super) use row::{INSERTED_RUN, RUN, phase, read};
pub use row::{InputSource, RunError, RunInput, RunRow, StageProgress, Until};

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

/// Size of a block in which large reports are read. Each costs the database the text of the whole report, so blocks are
/// larger than those of documents.
pub const REPORT_BLOCK_BYTES: i32 = 4 << 20;

/// Holds of the runs that a leader has to do with; an index has just these.
pub(super) const OPEN: &str = "r.partition = 0 AND r.state IN ('queued', 'running')";

impl Store {
    /// One run.
    pub async fn run(&self, id: RunId) -> Result<RunRow> {
        let client = self.client().await?;
        let select = client.prepare_cached(&format!("{RUN} WHERE r.id = $1")).await?;
        client.query_opt(&select, &[&id.0]).await?.as_ref().map(read).ok_or(StoreError::NotFound("run"))
    }

    /// Runs, newest first.
    pub async fn runs(&self, filter: &RunFilter, page: &Page) -> Result<Paged<RunRow>> {
        let after: Option<Uuid> = page.after()?;
        let states: Vec<&str> = filter.states.iter().map(|state| state.as_str()).collect();
        let [algorithm, label, submitter] =
            [&filter.algorithm, &filter.label, &filter.submitter].map(|text| text.as_deref().map(storable));
        // only the conditions that are asked for: each finds its own index
        let mut conditions = "true".to_owned();
        let mut values: Vec<&(dyn ToSql + Sync)> = Vec::new();
        let mut add = |condition: &str, value| {
            values.push(value);
            let _ = write!(conditions, " AND {}", condition.replace('$', &format!("${}", values.len())));
        };
        if let Some(after) = &after {
            add("r.id < $", after);
        }
        let states = (!states.is_empty()).then_some(states);
        if let Some(states) = &states {
            add("r.state = ANY ($::text[])", states);
        }
        if let Some(algorithm) = &algorithm {
            add("r.algorithm = $", algorithm);
        }
        if let Some(label) = &label {
            add("r.label = $", label);
        }
        if let Some(submitter) = &submitter {
            add("r.submitter = $", submitter);
        }
        let rows = page.rows();
        values.push(&rows);
        let text = format!("{RUN} WHERE {conditions} ORDER BY r.id DESC LIMIT ${}", values.len());
        let client = self.client().await?;
        let select = client.prepare_cached(&text).await?;
        let rows = client.query(&select, &values).await?;
        Ok(Paged::cut(page, rows.iter().map(read).collect(), |run| run.id))
    }

    /// Cancels a run unless it ended already; any replica may. Writes the event with it.
    ///
    /// # Errors
    /// `NotFound` for an unknown run.
    pub async fn cancel(&self, id: RunId) -> Result<Cancelled> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await?;
        let update = transaction
            .prepare_cached(
                "WITH ended AS (
                     UPDATE runs SET state = 'cancelled', ended_at = now(), waiting_reason = NULL,
                            last_event = last_event + 1
                      WHERE id = $1 AND state IN ('queued', 'running') RETURNING last_event),
                 closed AS (
                     UPDATE stages SET closed_at = now()
                      WHERE run_id = $1 AND closed_at IS NULL AND EXISTS (SELECT FROM ended)),
                 event AS (
                     INSERT INTO run_events (run_id, seq, kind, body)
                     SELECT $1, last_event, 'state', '{\"state\": \"cancelled\"}' FROM ended)
                 SELECT pg_notify('netplanner', $1::text) FROM ended",
            )
            .await?;
        let changed = transaction.query_opt(&update, &[&id.0]).await?.is_some();
        let select = transaction.prepare_cached(&format!("{RUN} WHERE r.id = $1")).await?;
        let run = transaction.query_opt(&select, &[&id.0]).await?.as_ref().map(read);
        transaction.commit().await?;
        run.map(|run| Cancelled { run, changed }).ok_or(StoreError::NotFound("run"))
    }

    /// Deletes an ended run with everything it produced.
    ///
    /// # Errors
    /// `Conflict` with code `run_not_ended` while it is not; `NotFound` for an unknown run.
    pub async fn delete_run(&self, id: RunId) -> Result<()> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await?;
        // a run may have millions of rows
        transaction.batch_execute("SET LOCAL statement_timeout = '5min'").await?;
        let row = transaction.query_opt("SELECT state FROM runs WHERE id = $1 FOR UPDATE", &[&id.0]).await?;
        let state = row.as_ref().map(|row| phase(row.get(0))).ok_or(StoreError::NotFound("run"))?;
        if !state.is_end() {
            return Err(StoreError::Conflict {
                code: "run_not_ended",
                detail: format!("the run is {}: cancel it first", state.as_str()),
            });
        }
        // the writer takes a lock on the run's row before it stores results: none can come in between
        transaction.execute("DELETE FROM shard_results WHERE run_id = $1", &[&id.0]).await?;
        transaction.execute("DELETE FROM runs WHERE id = $1", &[&id.0]).await?;
        transaction.execute("SELECT pg_notify('netplanner', $1::uuid::text)", &[&id.0]).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The newest run with this fingerprint that succeeded.
    pub async fn reusable(&self, fingerprint: ContentHash) -> Result<Option<RunRow>> {
        let client = self.client().await?;
        let select = client
            .prepare_cached(&format!(
                "{RUN} WHERE r.state = 'succeeded' AND r.report IS NOT NULL AND r.fingerprint = $1 ORDER BY r.id DESC LIMIT 1"
            ))
            .await?;
        Ok(client.query_opt(&select, &[&fingerprint.0.as_slice()]).await?.as_ref().map(read))
    }

    /// All runs that have not ended, oldest first. The leader reads it at take-over.
    pub async fn open_runs(&self) -> Result<Vec<RunRow>> {
        let client = self.client().await?;
        let select = client.prepare_cached(&format!("{RUN} WHERE {OPEN} ORDER BY r.id")).await?;
        Ok(client.query(&select, &[]).await?.iter().map(read).collect())
    }

    /// The ids of all runs that have not ended, oldest first. The leader reads it every second.
    pub async fn open_run_ids(&self) -> Result<Vec<RunId>> {
        let client = self.client().await?;
        let select =
            client.prepare_cached(&format!("SELECT r.id FROM runs r WHERE {OPEN} ORDER BY r.id")).await?;
        Ok(client.query(&select, &[]).await?.iter().map(|row| RunId(row.get(0))).collect())
    }

    /// Those of `ids` that have not ended, oldest first.
    pub async fn open_runs_of(&self, ids: &[RunId]) -> Result<Vec<RunRow>> {
        let client = self.client().await?;
        let text = format!("{RUN} WHERE r.id = ANY ($1::uuid[]) AND {OPEN} ORDER BY r.id");
        let select = client.prepare_cached(&text).await?;
        Ok(client.query(&select, &[&uuids(ids)]).await?.iter().map(read).collect())
    }

    /// Where each of `ids` stands; those that are deleted are not in it.
    pub async fn phases(&self, ids: &[RunId]) -> Result<BTreeMap<RunId, RunPhase>> {
        let client = self.client().await?;
        let select = client.prepare_cached("SELECT id, state FROM runs WHERE id = ANY ($1::uuid[])").await?;
        let rows = client.query(&select, &[&uuids(ids)]).await?;
        Ok(rows.iter().map(|row| (RunId(row.get(0)), phase(row.get(1)))).collect())
    }

    /// What a leader needs to go on with a run.
    ///
    /// # Errors
    /// `NotFound` for an unknown run.
    pub async fn resume(&self, id: RunId) -> Result<Resumed> {
        let run = self.run(id).await?;
        let stages = self.stages(id).await?;
        let mut stored = Vec::new();
        if let Some(last) = stages.last() {
            let client = self.client().await?;
            // shards minus their rank are equal within a gapless range
            let select = client
                .prepare_cached(
                    "SELECT min(shard), count(*)::int4
                       FROM (SELECT shard, shard - row_number() OVER (ORDER BY shard) AS island
                               FROM shard_results WHERE run_id = $1 AND stage = $2) s
                      GROUP BY island ORDER BY 1",
                )
                .await?;
            let rows = client.query(&select, &[&id.0, &last.index.cast_signed()]).await?;
            stored.extend(rows.iter().map(|row| ShardRange {
                first: row.get::<_, i32>(0).cast_unsigned(),
                count: row.get::<_, i32>(1).cast_unsigned(),
            }));
        }
        Ok(Resumed { run, stages, stored })
    }

    /// The exact bytes of the run's [`common::run::RunSpec`].
    pub async fn run_spec(&self, id: RunId) -> Result<Bytes> {
        let client = self.client().await?;
        let select = client.prepare_cached("SELECT spec FROM runs WHERE id = $1").await?;
        let row = client.query_opt(&select, &[&id.0]).await?;
        row.map(|row| Bytes::from(row.get::<_, Vec<u8>>(0))).ok_or(StoreError::NotFound("run"))
    }

    /// The report as JSON text, as Postgres gives it back; none until the run succeeded.
    ///
    /// # Errors
    /// `NotFound` if there is no such run, `Dropped` if the report is too old.
    pub async fn report(&self, id: RunId) -> Result<Option<Bytes>> {
        let client = self.client().await?;
        let select =
            client.prepare_cached("SELECT report::text, report_dropped_at FROM runs WHERE id = $1").await?;
        let row = client.query_opt(&select, &[&id.0]).await?.ok_or(StoreError::NotFound("run"))?;
        report_is_kept(row.get(1))?;
        Ok(row.get::<_, Option<String>>(0).map(Bytes::from))
    }

    /// The block of a report that begins at byte `from` and has [`REPORT_BLOCK_BYTES`]; none until the run succeeded.
    ///
    /// # Errors
    /// As [`Store::report`].
    pub async fn report_block(&self, id: RunId, from: u64) -> Result<Option<Block>> {
        let client = self.client().await?;
        // the text is made once a block: OFFSET keeps it from being made for each column
        let select = client
            .prepare_cached(
                "SELECT octet_length(t.bytes), substring(t.bytes FROM $2 FOR $3), r.report_dropped_at
                   FROM runs r, LATERAL (SELECT convert_to(r.report::text, 'UTF8') AS bytes OFFSET 0) t
                  WHERE r.id = $1",
            )
            .await?;
        let first = i32::try_from(from + 1).unwrap_or(i32::MAX);
        let row = client.query_opt(&select, &[&id.0, &first, &REPORT_BLOCK_BYTES]).await?;
        let row = row.ok_or(StoreError::NotFound("run"))?;
        report_is_kept(row.get(2))?;
        let Some(total) = row.get::<_, Option<i32>>(0) else { return Ok(None) };
        Ok(Some(Block { total: u64::from(total.cast_unsigned()), bytes: row.get::<_, Vec<u8>>(1).into() }))
    }
}

/// Refuses a report that was dropped.
fn report_is_kept(dropped_at: Option<DateTime<Utc>>) -> Result<()> {
    dropped_at.map_or(Ok(()), |at| Err(StoreError::Dropped { what: "report", at }))
}

fn uuids(ids: &[RunId]) -> Vec<Uuid> {
    ids.iter().map(|id| id.0).collect()
}
