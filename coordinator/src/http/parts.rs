//! Exact parts of a run, for whoever wants to compute one of its shards again elsewhere: inputs and stage states byte
//! for byte.

use common::ids::{ContentHash, StageIndex};
use futures_util::TryStreamExt;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

use super::answer::Answer;
use super::call::Call;
use super::error::{ApiError, Code};
use super::router::Outcome;
use super::runs::run_id;
use crate::store::shards::ShardPartial;

/// A stored shard with its partial result.
#[derive(Serialize, ToSchema)]
pub struct StoredShard {
    /// Its stage.
    pub stage: u32,
    /// Its index.
    pub shard: u32,
    /// Who computed it.
    pub worker: Uuid,
    /// When the computation began.
    pub started_at: chrono::DateTime<chrono::Utc>,
    /// CPU time in microseconds.
    pub cpu_us: u64,
    /// Wall time in microseconds.
    pub wall_us: u64,
    /// The partial result, as the database gives it back.
    #[schema(value_type = Object)]
    pub partial: Box<RawValue>,
}

/// The document that a run took in a role, byte for byte.
#[utoipa::path(get, path = "/api/v1/runs/{id}/inputs/{role}", tag = "runs", operation_id = "input",
    params(("id" = String, Path, description = "Its id"), ("role" = String, Path, description = "`topology`, `traffic`, …")),
    responses((status = 200, description = "The document", body = Object)))]
pub async fn input(call: Call) -> Outcome {
    let run = call.context.store.run(run_id(&call)?).await?;
    let role: String = call.param(1, Code::NotFound)?;
    let input = run.inputs.iter().find(|input| input.role == role).ok_or_else(|| {
        let has = run.inputs.iter().map(|input| input.role.as_str()).collect::<Vec<_>>().join(", ");
        let has = if has.is_empty() { "no inputs".to_owned() } else { has };
        ApiError::new(Code::NotFound, format!("the run has no input {role:?}; it has {has}"))
    })?;
    document(&call, input.hash).await
}

/// A document, block by block: whatever its size, no more of it is in memory.
async fn document(call: &Call, hash: ContentHash) -> Outcome {
    let (total, blocks) = call.context.store.document_blocks(hash).await?;
    Ok(Answer::blocks("application/json", total, blocks.map_err(ApiError::from)).etag(&hash.to_string()))
}

/// The state that the shards of a stage share, byte for byte.
#[utoipa::path(get, path = "/api/v1/runs/{id}/stages/{n}/state", tag = "runs", operation_id = "stage_state",
    params(("id" = String, Path, description = "Its id"), ("n" = u32, Path, description = "The stage, from 0")),
    responses((status = 200, description = "The state", body = Object)))]
pub async fn state(call: Call) -> Outcome {
    let run = call.context.store.run(run_id(&call)?).await?;
    let stage = call.param(1, Code::NotFound)?;
    Ok(Answer::json_text(call.context.store.state(run.id, StageIndex(stage)).await?))
}

/// One stored shard with its partial result.
#[utoipa::path(get, path = "/api/v1/runs/{id}/stages/{n}/shards/{shard}", tag = "runs", operation_id = "shard",
    params(("id" = String, Path, description = "Its id"), ("n" = u32, Path, description = "The stage, from 0"),
        ("shard" = u32, Path, description = "The shard, from 0")),
    responses((status = 200, description = "The shard", body = StoredShard),
        (status = 410, description = "It is no longer kept", body = super::error::Problem)))]
pub async fn shard(call: Call) -> Outcome {
    let run = call.context.store.run(run_id(&call)?).await?;
    let (stage, shard) = (call.param(1, Code::NotFound)?, call.param(2, Code::NotFound)?);
    let stored = call.context.store.partial(run.id, StageIndex(stage), shard).await?;
    let ShardPartial { worker, started_at, cpu_us, wall_us, partial } = stored;
    Answer::json(&StoredShard { stage, shard, worker, started_at, cpu_us, wall_us, partial })
}
