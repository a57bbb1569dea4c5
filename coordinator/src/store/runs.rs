//! Runs: read, list, cancel, delete.

use std::fmt::Write as _;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use common::ids::{ContentHash, RunId};
use common::run::{RunPhase, ShardRange};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::Store;
use super::documents::hash_of;
use super::error::{Result, StoreError};
use super::page::{Page, Paged};
use super::stages::StageRow;
use super::text::{raw_json, storable};

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

/// A run with its newest stage; conditions follow.
pub(super) const RUN: &str = "SELECT r.id, r.state, r.algorithm, r.version, r.params::text AS params, r.inputs::text AS inputs,
        r.seed, r.fingerprint, r.label, r.priority, r.deadline_at, r.until, r.submitter, r.created_at, r.started_at,
        r.ended_at, r.waiting_reason, r.error::text AS error, r.estimate::text AS estimate, r.last_event, r.failures,
        s.stage, s.name AS stage_name, s.shards, s.done
   FROM runs r LEFT JOIN LATERAL
        (SELECT stage, name, shards, done FROM stages WHERE run_id = r.id ORDER BY stage DESC LIMIT 1) s ON true";

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
                "{RUN} WHERE r.state = 'succeeded' AND r.fingerprint = $1 ORDER BY r.id DESC LIMIT 1"
            ))
            .await?;
        Ok(client.query_opt(&select, &[&fingerprint.0.as_slice()]).await?.as_ref().map(read))
    }

    /// All runs that have not ended, oldest first. The leader reads it at take-over, on notices and every second.
    pub async fn open_runs(&self) -> Result<Vec<RunRow>> {
        let client = self.client().await?;
        let select = client
            .prepare_cached(&format!(
                "{RUN} WHERE r.partition = 0 AND r.state IN ('queued', 'running') ORDER BY r.id"
            ))
            .await?;
        Ok(client.query(&select, &[]).await?.iter().map(read).collect())
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
    /// `NotFound` if there is no such run.
    pub async fn report(&self, id: RunId) -> Result<Option<Bytes>> {
        let client = self.client().await?;
        let select = client.prepare_cached("SELECT report::text FROM runs WHERE id = $1").await?;
        let row = client.query_opt(&select, &[&id.0]).await?.ok_or(StoreError::NotFound("run"))?;
        Ok(row.get::<_, Option<String>>(0).map(Bytes::from))
    }
}

/// Reads `runs.state`.
pub(super) fn phase(text: &str) -> RunPhase {
    match text {
        "queued" => RunPhase::Queued,
        "running" => RunPhase::Running,
        "planned" => RunPhase::Planned,
        "succeeded" => RunPhase::Succeeded,
        "failed" => RunPhase::Failed,
        _ => RunPhase::Cancelled,
    }
}

/// Reads a row of [`RUN`].
pub(super) fn read(row: &Row) -> RunRow {
    let unsigned = |column: &str| row.get::<_, i32>(column).cast_unsigned();
    RunRow {
        id: RunId(row.get("id")),
        state: phase(row.get("state")),
        algorithm: row.get("algorithm"),
        version: unsigned("version"),
        params: raw_json(row, "params").expect("the column is not null"),
        inputs: serde_json::from_str(row.get("inputs")).unwrap_or_default(),
        seed: row.get::<_, i64>("seed").cast_unsigned(),
        fingerprint: hash_of(row.get("fingerprint")),
        label: row.get("label"),
        priority: row.get("priority"),
        deadline_at: row.get("deadline_at"),
        until: if row.get::<_, &str>("until") == "planned" { Until::Planned } else { Until::Done },
        submitter: row.get("submitter"),
        created_at: row.get("created_at"),
        started_at: row.get("started_at"),
        ended_at: row.get("ended_at"),
        waiting_reason: row.get("waiting_reason"),
        error: row.get::<_, Option<&str>>("error").and_then(|text| serde_json::from_str(text).ok()),
        estimate: raw_json(row, "estimate"),
        last_event: row.get("last_event"),
        failures: unsigned("failures"),
        stage: row.get::<_, Option<i32>>("stage").map(|index| StageProgress {
            index: index.cast_unsigned(),
            name: row.get("stage_name"),
            shards: unsigned("shards"),
            done: unsigned("done"),
        }),
    }
}
