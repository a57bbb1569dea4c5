//! SQL/JSON paths over reports and partial results, evaluated by Postgres.

use std::time::Duration;

use chrono::{DateTime, Utc};
use common::ids::RunId;
use deadpool_postgres::{Object, Transaction};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;

use super::Store;
use super::error::{Result, StoreError};

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

const OVER_REPORT: &str = "SELECT NULL::int4, NULL::int4, v::text
   FROM runs, jsonb_path_query(report, $2::text::jsonpath) v
  WHERE id = $1 LIMIT $3";

const OVER_SHARDS: &str = "SELECT r.stage, r.shard, v::text
   FROM (SELECT stage, shard, partial FROM shard_results
          WHERE run_id = $1 AND ($4::int4 IS NULL OR stage = $4) ORDER BY stage, shard) r,
        jsonb_path_query(r.partial, $2::text::jsonpath) v
  LIMIT $3";

/// Rows asked for at a time.
const PORTION: i32 = 64;

impl Store {
    /// Evaluates `path` read-only.
    ///
    /// # Errors
    /// `Refused` with code `bad_path` and Postgres' message; `Timeout`; `NotFound` for an unknown run;
    /// `Dropped` where it would look at what is too old.
    pub async fn query(
        &self,
        run: RunId,
        path: &str,
        over: QueryOver,
        limits: QueryLimits,
    ) -> Result<QueryAnswer> {
        if path.contains('\0') {
            return Err(StoreError::Refused {
                code: "bad_path",
                detail: "the path contains U+0000".to_owned(),
            });
        }
        let mut client = self.client().await?;
        let tls = self.address.tls.clone();
        let path = path.to_owned();
        // on a task of its own: where the caller stops waiting, the server shall stop as well
        let abandoned = CancellationToken::new();
        let _guard = abandoned.clone().drop_guard();
        let task = tokio::spawn(async move {
            let cancel = client.cancel_token();
            tokio::select! {
                answer = evaluate(&mut client, run, &path, over, limits) => answer,
                () = abandoned.cancelled() => {
                    // not back into the pool: the cancellation may arrive when the next statement runs
                    drop(Object::take(client));
                    cancel.cancel_query(tls).await?;
                    Err(StoreError::Timeout)
                }
            }
        });
        task.await.map_err(|error| StoreError::Internal(error.to_string()))?
    }
}

async fn evaluate(
    client: &mut Object,
    run: RunId,
    path: &str,
    over: QueryOver,
    limits: QueryLimits,
) -> Result<QueryAnswer> {
    let transaction = client.build_transaction().read_only(true).start().await?;
    let time = limits.time.as_millis().max(1);
    transaction.batch_execute(&format!("SET LOCAL statement_timeout = {time}")).await?;
    let known = transaction
        .prepare_cached("SELECT results_dropped_at, report_dropped_at FROM runs WHERE id = $1")
        .await?;
    let row = transaction.query_opt(&known, &[&run.0]).await?.ok_or(StoreError::NotFound("run"))?;
    let (what, column) = match over {
        QueryOver::Shards { .. } => ("shard results", 0),
        QueryOver::Report => ("report", 1),
    };
    if let Some(at) = row.get::<_, Option<DateTime<Utc>>>(column) {
        return Err(StoreError::Dropped { what, at });
    }
    read(&transaction, run, path, over, limits).await.map_err(|error| match error.as_db_error() {
        // a path that cannot be read, or that fails on this document
        Some(db) if matches!(db.code().code().get(..2), Some("22" | "42" | "54" | "0A")) => {
            StoreError::Refused { code: "bad_path", detail: db.message().to_owned() }
        }
        _ => error.into(),
    })
}

async fn read(
    transaction: &Transaction<'_>,
    run: RunId,
    path: &str,
    over: QueryOver,
    limits: QueryLimits,
) -> Result<QueryAnswer, tokio_postgres::Error> {
    let rows = i64::from(limits.rows) + 1;
    // a portal hands out rows in portions: what lies beyond the byte limit is never computed
    let portal = match over {
        QueryOver::Report => transaction.bind(OVER_REPORT, &[&run.0, &path, &rows]).await?,
        QueryOver::Shards { stage } => {
            let stage = stage.map(u32::cast_signed);
            transaction.bind(OVER_SHARDS, &[&run.0, &path, &rows, &stage]).await?
        }
    };
    let mut values = Vec::new();
    let mut bytes = 0;
    loop {
        let portion = transaction.query_portal(&portal, PORTION).await?;
        let last = portion.len() < PORTION.unsigned_abs() as usize;
        for row in portion {
            let text: String = row.get(2);
            bytes += text.len();
            if values.len() == limits.rows as usize || (bytes > limits.bytes && !values.is_empty()) {
                return Ok(QueryAnswer { values, truncated: true });
            }
            values.push(QueryValue {
                stage: row.get::<_, Option<i32>>(0).map(i32::cast_unsigned),
                shard: row.get::<_, Option<i32>>(1).map(i32::cast_unsigned),
                value: RawValue::from_string(text).expect("Postgres writes valid JSON"),
            });
        }
        if last {
            return Ok(QueryAnswer { values, truncated: false });
        }
    }
}
