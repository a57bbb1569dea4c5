//! Shards: stored partial results, failed attempts, and both together for people.

use chrono::{DateTime, Utc};
use common::ids::{RunId, StageIndex};
use common::protocol::PartialsPage;
use deadpool_postgres::Object;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio_postgres::Row;
use uuid::Uuid;

use super::Store;
use super::error::{Result, StoreError};
use super::page::{Page, Paged, cursor};
use super::text::raw_json;

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
    /// [`common::run::TaskErrorKind::as_str`].
    pub kind: String,
    /// For people.
    pub message: String,
    /// What the algorithm said while it worked at the shard.
    pub note: Option<String>,
}

/// Shards looked at in one statement, at most.
const WINDOW: i32 = 5_000;
/// Statements for one page, at most: what a page does not reach the next one does.
const WINDOWS: usize = 20;

/// Shards `$3 .. $4` of stage `$2`, with what is stored and what failed.
const SHARDS: &str = "SELECT n.shard, r.run_id IS NOT NULL AS stored, r.started_at, r.cpu_us, r.wall_us,
        coalesce(r.worker, f.worker) AS worker, coalesce(f.attempts, 0) AS attempts, f.at, f.kind, f.message, f.note
   FROM generate_series($3::int4, $4::int4 - 1) AS n (shard)
   LEFT JOIN shard_results r ON r.run_id = $1 AND r.stage = $2 AND r.shard = n.shard
   LEFT JOIN (SELECT shard, count(*) OVER (PARTITION BY shard) AS attempts, worker, at, kind, message, note,
                     row_number() OVER (PARTITION BY shard ORDER BY seq DESC) AS newest
                FROM shard_failures WHERE run_id = $1 AND stage = $2 AND shard >= $3 AND shard < $4) f
     ON f.shard = n.shard AND f.newest = 1
  WHERE ($5::text IS NULL OR $5 = CASE WHEN r.run_id IS NOT NULL THEN 'stored'
                                       WHEN f.shard IS NOT NULL THEN 'failed' ELSE 'open' END)
    AND ($6::uuid IS NULL OR $6 = coalesce(r.worker, f.worker))
  ORDER BY n.shard LIMIT $7";

impl ShardState {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Failed => "failed",
            Self::Stored => "stored",
        }
    }
}

/// A stored partial result with what is known of its computation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShardPartial {
    /// Who computed it.
    pub worker: Uuid,
    /// When the computation began.
    pub started_at: DateTime<Utc>,
    /// CPU time in microseconds.
    pub cpu_us: u64,
    /// Wall time in microseconds.
    pub wall_us: u64,
    /// The partial result, as Postgres gives it back.
    pub partial: Box<RawValue>,
}

impl Store {
    /// The partial result of one shard.
    ///
    /// # Errors
    /// `NotFound` until it is stored, `Dropped` when it is too old.
    pub async fn partial(&self, run: RunId, stage: StageIndex, shard: u32) -> Result<ShardPartial> {
        let client = self.client().await?;
        let select = client
            .prepare_cached(
                "SELECT worker, started_at, cpu_us, wall_us, partial::text AS partial FROM shard_results
                  WHERE run_id = $1 AND stage = $2 AND shard = $3",
            )
            .await?;
        let found =
            client.query_opt(&select, &[&run.0, &stage.0.cast_signed(), &shard.cast_signed()]).await?;
        let Some(row) = found else {
            results_are_kept(&client, run).await?;
            return Err(StoreError::NotFound("partial result"));
        };
        Ok(ShardPartial {
            worker: row.get("worker"),
            started_at: row.get("started_at"),
            cpu_us: row.get::<_, i64>("cpu_us").cast_unsigned(),
            wall_us: row.get::<_, i64>("wall_us").cast_unsigned(),
            partial: raw_json(&row, "partial").expect("the column is not null"),
        })
    }

    /// The shards of a run by stage and index. A page looks at 100,000 shards at most and may therefore be short, even
    /// empty, although another follows.
    ///
    /// # Errors
    /// `NotFound` for an unknown run, `Dropped` for one whose results are too old.
    pub async fn shards(&self, run: RunId, filter: &ShardFilter, page: &Page) -> Result<Paged<ShardView>> {
        let (mut stage, mut from): (i32, i32) = page.after()?.unwrap_or((0, 0));
        let client = self.client().await?;
        results_are_kept(&client, run).await?;
        let following = client
            .prepare_cached(
                "SELECT stage, shards FROM stages
                  WHERE run_id = $1 AND stage >= $2 AND ($3::int4 IS NULL OR stage = $3) ORDER BY stage LIMIT 1",
            )
            .await?;
        let select = client.prepare_cached(SHARDS).await?;
        let limit = page.rows() - 1;
        let only = filter.stage.map(u32::cast_signed);
        let mut items = Vec::new();
        for _ in 0..WINDOWS {
            let Some(row) = client.query_opt(&following, &[&run.0, &stage, &only]).await? else {
                return Ok(Paged { items, next_cursor: None });
            };
            let (found, shards): (i32, i32) = (row.get(0), row.get(1));
            if found > stage {
                (stage, from) = (found, 0);
            }
            let to = shards.min(from.saturating_add(WINDOW));
            let room = limit - i64::try_from(items.len()).unwrap_or(limit);
            let state = filter.state.map(ShardState::as_str);
            let rows =
                client.query(&select, &[&run.0, &stage, &from, &to, &state, &filter.worker, &room]).await?;
            items.extend(rows.iter().map(|row| view(stage, row)));
            if i64::try_from(items.len()).is_ok_and(|count| count >= limit) {
                let last = items.last().map_or(from, |shard: &ShardView| shard.shard.cast_signed());
                return Ok(Paged { items, next_cursor: Some(cursor(&(stage, last + 1))) });
            }
            (stage, from) = if to >= shards { (stage + 1, 0) } else { (stage, to) };
        }
        Ok(Paged { items, next_cursor: Some(cursor(&(stage, from))) })
    }

    /// Stored partial results of a stage in ascending order from shard `from` on, at most about `max_bytes` (at least
    /// one). Ends before the first shard that is not stored.
    ///
    /// # Errors
    /// `NotFound` if the stage is not there, or if shard `from` of it is not stored.
    pub async fn partials_page(
        &self,
        run: RunId,
        stage: StageIndex,
        from: u32,
        max_bytes: usize,
    ) -> Result<PartialsPage> {
        let mut client = self.client().await?;
        let transaction = client.build_transaction().read_only(true).start().await?;
        let count =
            transaction.prepare_cached("SELECT shards FROM stages WHERE run_id = $1 AND stage = $2").await?;
        let select = transaction
            .prepare_cached(
                "SELECT shard, partial::text FROM shard_results
                  WHERE run_id = $1 AND stage = $2 AND shard >= $3 ORDER BY shard",
            )
            .await?;
        let index = stage.0.cast_signed();
        let row =
            transaction.query_opt(&count, &[&run.0, &index]).await?.ok_or(StoreError::NotFound("stage"))?;
        let shards = row.get::<_, i32>(0).cast_unsigned();
        let mut page = PartialsPage { partials: Vec::new(), next: None, normalised: true };
        if from >= shards {
            return Ok(page);
        }
        let portal = transaction.bind(&select, &[&run.0, &index, &from.cast_signed()]).await?;
        let mut bytes = 0;
        let mut expected = from;
        let mut portion = 16;
        'pages: while bytes < max_bytes {
            let rows = transaction.query_portal(&portal, portion).await?;
            let last = rows.len() < portion.unsigned_abs() as usize;
            for row in rows {
                let shard = row.get::<_, i32>(0).cast_unsigned();
                let json = row.get::<_, &str>(1).as_bytes().to_vec();
                if shard != expected || (bytes + json.len() > max_bytes && !page.partials.is_empty()) {
                    break 'pages;
                }
                bytes += json.len();
                expected += 1;
                page.partials.push((shard, json));
            }
            if last {
                break;
            }
            // as many as fit, going by those seen
            let average = (bytes / page.partials.len().max(1)).max(1);
            portion =
                i32::try_from((max_bytes.saturating_sub(bytes) / average).clamp(16, 4_096)).unwrap_or(16);
        }
        if page.partials.is_empty() {
            return Err(StoreError::NotFound("partial result"));
        }
        page.next = Some(expected).filter(|next| *next < shards);
        Ok(page)
    }
}

/// Refuses what is about shards of a run that is not there, or whose results are no longer kept.
async fn results_are_kept(client: &Object, run: RunId) -> Result<()> {
    let select = client.prepare_cached("SELECT results_dropped_at FROM runs WHERE id = $1").await?;
    let row = client.query_opt(&select, &[&run.0]).await?.ok_or(StoreError::NotFound("run"))?;
    row.get::<_, Option<DateTime<Utc>>>(0)
        .map_or(Ok(()), |at| Err(StoreError::Dropped { what: "shard results", at }))
}

fn view(stage: i32, row: &Row) -> ShardView {
    let stored: bool = row.get("stored");
    let failed = u32::try_from(row.get::<_, i64>("attempts")).unwrap_or(u32::MAX);
    let unsigned = |column: &str| row.get::<_, Option<i64>>(column).map(i64::cast_unsigned);
    ShardView {
        stage: stage.cast_unsigned(),
        shard: row.get::<_, i32>("shard").cast_unsigned(),
        state: match (stored, failed) {
            (true, _) => ShardState::Stored,
            (false, 0) => ShardState::Open,
            (false, _) => ShardState::Failed,
        },
        attempts: failed + u32::from(stored),
        worker: row.get("worker"),
        started_at: row.get("started_at"),
        cpu_us: unsigned("cpu_us"),
        wall_us: unsigned("wall_us"),
        error: row.get::<_, Option<DateTime<Utc>>>("at").map(|at| ShardError {
            at,
            kind: row.get("kind"),
            message: row.get("message"),
            note: row.get("note"),
        }),
    }
}
