//! Accepting a run: run, documents and idempotency key in one transaction, durable before the answer.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use common::ids::{ContentHash, RunId};
use common::run::RunSpec;
use deadpool_postgres::{GenericClient, Transaction};
use serde_json::Value;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::Store;
use super::documents::{self, NewDocument};
use super::error::{Result, StoreError};
use super::idempotency::{self, Idempotency};
use super::runs::{INSERTED_RUN, OPEN, RUN, RunInput, RunRow, Until, read};
use super::text::storable;

/// A run to be accepted.
#[derive(Clone, Debug)]
pub struct NewRun {
    /// Name of the algorithm.
    pub algorithm: String,
    /// Its version.
    pub version: u32,
    /// Parameters, valid against the schema.
    pub params: Box<RawValue>,
    /// The inputs; each document is stored already or stands in `documents`.
    pub inputs: Vec<RunInput>,
    /// Documents that came with the request.
    pub documents: Vec<NewDocument>,
    /// Root of all randomness.
    pub seed: u64,
    /// Free text for people.
    pub label: Option<String>,
    /// Higher goes first within one submitter.
    pub priority: i16,
    /// When the result is of no more use.
    pub deadline_at: Option<DateTime<Utc>>,
    /// How far to go.
    pub until: Until,
    /// Who submits.
    pub submitter: String,
    /// What a worker must be labelled with to get its tasks.
    pub worker_labels: BTreeMap<String, String>,
    /// Memory that a task of it may take, in MiB; 0 if it does not say.
    pub memory_mib: u32,
    /// Answer with an equal run that succeeded, if there is one.
    pub reuse: bool,
    /// Open runs that the submitter may have with it; 0 for any number.
    pub most_open: u32,
}

/// What became of a submission.
#[derive(Clone, Debug)]
pub struct Submitted {
    /// The run; for a replay as it was answered the first time.
    pub run: RunRow,
    /// Whether the answer is that of an earlier request with the same key.
    pub replayed: bool,
    /// Whether the run is an older, equal one that succeeded.
    pub reused: bool,
}

impl NewRun {
    /// What workers compute by.
    fn spec(&self) -> RunSpec {
        RunSpec {
            algorithm: self.algorithm.clone(),
            version: self.version,
            params: self.params.clone(),
            inputs: self.inputs.iter().map(|input| (input.role.clone(), input.hash)).collect(),
            seed: self.seed,
        }
    }

    /// Hash over algorithm, version, parameters, input hashes and seed; spaces and the order of keys do not matter.
    ///
    /// # Errors
    /// `Refused` if the parameters are no JSON that this process can read.
    pub fn fingerprint(&self) -> Result<ContentHash> {
        let mut params: Value = serde_json::from_str(self.params.get()).map_err(|error| {
            StoreError::Refused { code: "bad_document", detail: format!("params: {error}") }
        })?;
        params.sort_all_objects();
        let inputs: BTreeMap<&str, ContentHash> =
            self.inputs.iter().map(|input| (input.role.as_str(), input.hash)).collect();
        let parts = (&self.algorithm, self.version, params, inputs, self.seed);
        Ok(ContentHash::of(&serde_json::to_vec(&parts).expect("plain data")))
    }
}

impl Store {
    /// Accepts a run: run, documents and idempotency key in one transaction, durable when this returns.
    ///
    /// # Errors
    /// `KeyReused` for a known key with another body; `Quota` if the submitter has as many open runs as one may have;
    /// `NotFound` if a document of an input is missing; `Refused` for parameters that Postgres does not take.
    pub async fn submit(&self, run: NewRun, idempotency: Option<Idempotency>) -> Result<Submitted> {
        let fingerprint = run.fingerprint()?;
        let mut client = self.client().await?;
        if idempotency.is_none() && !run.reuse && run.inputs.is_empty() && run.documents.is_empty() {
            has_room(&client, self.bounds.open_runs).await?;
            if let Some(below) = far_below(run.most_open)
                // a single statement is a transaction by itself: one round trip instead of three
                && let Some(run) = insert(&client, &run, fingerprint, below).await?
            {
                self.hint_submitted(run.id);
                return Ok(Submitted { run, replayed: false, reused: false });
            }
        }
        let transaction = client.transaction().await?;
        if let Some(run) = idempotency::claim(&transaction, idempotency.as_ref(), self.retention.keys).await?
        {
            transaction.commit().await?;
            return Ok(Submitted { run, replayed: true, reused: false });
        }
        let equal = if run.reuse { find_equal(&transaction, fingerprint).await? } else { None };
        let reused = equal.is_some();
        let answer = if let Some(equal) = equal {
            equal
        } else {
            has_room(&transaction, self.bounds.open_runs).await?;
            put_documents(&transaction, &run).await?;
            insert_within_quota(&transaction, &run, fingerprint).await?
        };
        idempotency::keep(&transaction, idempotency.as_ref(), &answer).await?;
        transaction.commit().await?;
        self.hint_submitted(answer.id);
        Ok(Submitted { run: answer, replayed: false, reused })
    }
}

/// Refuses another run where as many are open as may be. Submissions at the same moment do not see each other: there may
/// be as many more as there are connections.
async fn has_room(client: &impl GenericClient, most: u32) -> Result<()> {
    let count = client
        .prepare_cached(&format!("SELECT count(*) FROM (SELECT FROM runs r WHERE {OPEN} LIMIT $1) r"))
        .await?;
    let open: i64 = client.query_one(&count, &[&i64::from(most)]).await?.get(0);
    if open < i64::from(most) { Ok(()) } else { Err(StoreError::QueueFull { most }) }
}

async fn find_equal(transaction: &Transaction<'_>, fingerprint: ContentHash) -> Result<Option<RunRow>> {
    let select = transaction
        .prepare_cached(&format!(
            "{RUN} WHERE r.state = 'succeeded' AND r.report IS NOT NULL AND r.fingerprint = $1 ORDER BY r.id DESC LIMIT 1"
        ))
        .await?;
    Ok(transaction.query_opt(&select, &[&fingerprint.0.as_slice()]).await?.as_ref().map(read))
}

/// Submissions of one submitter that may be under way at the same time: with so few places left they are counted one after
/// the other.
const NEAR_QUOTA: u32 = 1_000;

/// How many open runs of a submitter are so far below the quota that nobody need be waited for, 0 for any number; none if
/// the quota is so low that every submission has to be counted exactly.
fn far_below(most: u32) -> Option<i64> {
    if most == 0 { Some(0) } else { most.checked_sub(NEAR_QUOTA).filter(|left| *left > 0).map(i64::from) }
}

/// Inserts a run unless its submitter has as many open runs as one may have.
async fn insert_within_quota(
    transaction: &Transaction<'_>,
    run: &NewRun,
    fingerprint: ContentHash,
) -> Result<RunRow> {
    if let Some(below) = far_below(run.most_open)
        && let Some(row) = insert(transaction, run, fingerprint, below).await?
    {
        return Ok(row);
    }
    take_turn(transaction, &run.submitter).await?;
    let row = insert(transaction, run, fingerprint, i64::from(run.most_open)).await?;
    row.ok_or(StoreError::Quota { most: run.most_open })
}

/// Waits until no other transaction of the submitter is between counting and committing: no two take the last place.
async fn take_turn(transaction: &Transaction<'_>, submitter: &str) -> Result<()> {
    let lock = transaction
        .prepare_cached("SELECT pg_advisory_xact_lock(hashtextextended('quota ' || $1, 0))")
        .await?;
    transaction.execute(&lock, &[&&*storable(submitter)]).await?;
    Ok(())
}

/// Refuses what this transaction made if with it the submitter has more open runs than `most`; 0 is any number.
pub(super) async fn check_quota(transaction: &Transaction<'_>, submitter: &str, most: u32) -> Result<()> {
    if most == 0 {
        return Ok(());
    }
    take_turn(transaction, submitter).await?;
    let count = transaction
        .prepare_cached(
            "SELECT count(*) FROM (SELECT FROM runs WHERE submitter = $1 AND state IN ('queued', 'running')
                                    LIMIT $2::int8 + 1) AS o",
        )
        .await?;
    let open: i64 = transaction.query_one(&count, &[&&*storable(submitter), &i64::from(most)]).await?.get(0);
    if open > i64::from(most) { Err(StoreError::Quota { most }) } else { Ok(()) }
}

/// Makes the documents that came with the request durable, and checks that the others are.
async fn put_documents(transaction: &Transaction<'_>, run: &NewRun) -> Result<()> {
    documents::put(transaction, &run.documents).await?;
    let hashes: Vec<ContentHash> = run.inputs.iter().map(|input| input.hash).collect();
    if documents::lock(transaction, &hashes).await? { Ok(()) } else { Err(StoreError::NotFound("document")) }
}

/// Inserts a run, unless its submitter has `below` open runs or more; 0 is any number.
async fn insert(
    client: &impl GenericClient,
    run: &NewRun,
    fingerprint: ContentHash,
    below: i64,
) -> Result<Option<RunRow>> {
    let mut refers: Vec<&[u8]> = run.inputs.iter().map(|input| input.hash.0.as_slice()).collect();
    refers.sort_unstable();
    refers.dedup();
    let id = RunId(Uuid::now_v7());
    let spec = serde_json::to_vec(&run.spec()).expect("a spec is plain data");
    let inputs = serde_json::to_string(&run.inputs).expect("inputs are plain data");
    let until = match run.until {
        Until::Done => "done",
        Until::Planned => "planned",
    };
    let labels = serde_json::to_string(&run.worker_labels).expect("labels are plain data");
    let label = run.label.as_deref().map(storable);
    let statement = client
        .prepare_cached(&format!(
            "WITH run AS (
                 INSERT INTO runs (id, algorithm, version, params, spec, inputs, seed, fingerprint, label, priority,
                                   deadline_at, until, submitter, last_event, worker_labels, memory_mib)
                 SELECT $1::uuid, $2::text, $3::int4, $4::text::jsonb, $5::bytea, $6::text::jsonb, $7::int8, $8::bytea,
                        $9::text, $10::int2, $11::timestamptz, $12::text, $13::text, 1, $14::text::jsonb, $15::int4
                  WHERE $16::int8 = 0
                     OR $16::int8 > (SELECT count(*) FROM (SELECT FROM runs WHERE submitter = $13::text
                                         AND state IN ('queued', 'running') LIMIT $16::int8) AS o)
                 RETURNING *),
             event AS (
                 INSERT INTO run_events (run_id, seq, kind, body)
                 SELECT id, 1, 'state', '{{\"state\": \"queued\"}}' FROM run),
             takes AS (
                 INSERT INTO run_documents (run_id, hash) SELECT id, unnest($17::bytea[]) FROM run)
             {INSERTED_RUN}"
        ))
        .await?;
    let row = client
        .query_opt(
            &statement,
            &[
                &id.0,
                &run.algorithm,
                &run.version.cast_signed(),
                &run.params.get(),
                &spec,
                &inputs,
                &run.seed.cast_signed(),
                &fingerprint.0.as_slice(),
                &label.as_deref(),
                &run.priority,
                &run.deadline_at,
                &until,
                &&*storable(&run.submitter),
                &labels,
                &i32::try_from(run.memory_mib).unwrap_or(i32::MAX),
                &below,
                &refers,
            ],
        )
        .await?;
    Ok(row.as_ref().map(read))
}
