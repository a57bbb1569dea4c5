//! `/runs/{id}/shards`: every shard of a run with its attempts, worker, times and last error.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::answer::Answer;
use super::call::Call;
use super::error::{ApiError, Code};
use super::inputs::page;
use super::router::Outcome;
use super::runs::run_id;
use crate::store::page::Paged;
use crate::store::shards::{ShardFilter, ShardState, ShardView};

/// Which shards.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ShardsQuery {
    /// Items a page, 1 to 1000; 50 if absent.
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Only of this stage.
    pub stage: Option<u32>,
    /// `open`, `failed` or `stored`.
    pub state: Option<String>,
    /// Only stored by, or last failed on, this worker.
    pub worker: Option<Uuid>,
}

/// A shard.
#[derive(Serialize, ToSchema)]
pub struct ShardItem {
    /// Its stage.
    pub stage: u32,
    /// Its index.
    pub shard: u32,
    /// `open`, `failed` (and to be tried again) or `stored`.
    pub state: &'static str,
    /// Failed attempts, plus one if it is stored.
    pub attempts: u32,
    /// Who computed it, or failed last.
    pub worker: Option<Uuid>,
    /// When the computation began.
    pub started_at: Option<chrono::DateTime<chrono::Utc>>,
    /// CPU time in microseconds.
    pub cpu_us: Option<u64>,
    /// Wall time in microseconds.
    pub wall_us: Option<u64>,
    /// The last failure.
    pub error: Option<ShardFailure>,
}

/// A failed attempt.
#[derive(Serialize, ToSchema)]
pub struct ShardFailure {
    /// When it was reported.
    pub at: chrono::DateTime<chrono::Utc>,
    /// What kind.
    pub kind: String,
    /// For people.
    pub message: String,
    /// What the algorithm said while it worked at the shard, its last 4 KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A page of shards.
#[derive(Serialize, ToSchema)]
pub struct ShardList {
    /// By stage and index.
    pub items: Vec<ShardItem>,
    /// `cursor` of the next page.
    pub next_cursor: Option<String>,
}

const fn name(state: ShardState) -> &'static str {
    match state {
        ShardState::Open => "open",
        ShardState::Failed => "failed",
        ShardState::Stored => "stored",
    }
}

impl From<ShardView> for ShardItem {
    fn from(row: ShardView) -> Self {
        let ShardView { stage, shard, state, attempts, worker, started_at, cpu_us, wall_us, error } = row;
        let error = error.map(|error| ShardFailure {
            at: error.at,
            kind: error.kind,
            message: error.message,
            note: error.note,
        });
        Self { stage, shard, state: name(state), attempts, worker, started_at, cpu_us, wall_us, error }
    }
}

/// The shards of a run.
#[utoipa::path(get, path = "/api/v1/runs/{id}/shards", tag = "runs", params(("id" = String, Path, description = "Its id"), ShardsQuery),
    responses((status = 200, description = "A page of shards", body = ShardList), (status = 410, description = "They are no longer kept", body = super::error::Problem)))]
pub async fn shards(call: Call) -> Outcome {
    let id = run_id(&call)?;
    let ShardsQuery { limit, cursor, stage, state, worker } = call.query()?;
    let state = state.as_deref().map(state_of).transpose()?;
    let page = page(limit, cursor)?;
    call.context.store.run(id).await?;
    let Paged { items, next_cursor } =
        call.context.store.shards(id, &ShardFilter { stage, state, worker }, &page).await?;
    Answer::json(&ShardList { items: items.into_iter().map(ShardItem::from).collect(), next_cursor })
}

fn state_of(text: &str) -> Result<ShardState, ApiError> {
    let all = [ShardState::Open, ShardState::Failed, ShardState::Stored];
    all.into_iter().find(|&state| name(state) == text).ok_or_else(|| {
        let detail = format!("{text:?} is not open, failed or stored");
        ApiError::at(Code::InvalidQuery, "<query state>", detail)
    })
}
