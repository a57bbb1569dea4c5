//! `/admin`: the cluster as its leader sees it, and the wishes of operators.
//!
//! Wishes are rows that the leader reads. What only the leader knows is asked of it: other replicas pass the request on.

use std::sync::Arc;

use common::ids::WorkerId;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::Answer;
use super::call::Call;
use super::error::{ApiError, Code};
use super::proxy;
use super::router::Outcome;
use crate::status::{ClusterStatus, WorkerStatus};
use crate::store::retention::UpkeepStatus;

/// What an autoscaler asks for.
#[derive(Serialize, ToSchema)]
pub struct Scaling {
    /// Shards and advances that a free lane could take now.
    pub runnable_shards: u64,
    /// Lanes of workers that are not draining.
    pub lanes: u32,
    /// Lanes that would finish what is runnable in 30 s, at least those that are busy.
    pub desired_lanes: u32,
}

/// The cluster as its leader sees it, and what the leader's janitor did.
#[derive(Serialize, ToSchema)]
pub struct AdminStatus {
    /// The cluster.
    #[serde(flatten)]
    pub cluster: ClusterStatus,
    /// What is past its time, and goes.
    pub upkeep: UpkeepStatus,
}

/// Every connected worker.
#[derive(Serialize, ToSchema)]
pub struct WorkerList {
    /// In no particular order.
    pub items: Vec<WorkerStatus>,
    /// Always null: workers have one page.
    pub next_cursor: Option<String>,
}

/// What was asked of a worker.
#[derive(Serialize, ToSchema)]
pub struct DrainAnswer {
    /// The worker.
    pub worker: uuid::Uuid,
    /// Whether it shall take no more work.
    pub drain: bool,
}

/// Whether work is handed out.
#[derive(Serialize, ToSchema)]
pub struct QueueAnswer {
    /// Whether handing out is stopped.
    pub paused: bool,
}

/// Runs `answer` with the leader's snapshot here, or passes the request on to where the leader is.
async fn led<F>(call: Call, answer: F) -> Outcome
where
    F: AsyncFnOnce(&Call, Arc<ClusterStatus>) -> Outcome,
{
    match call.context.led_here() {
        Some(status) => answer(&call, status).await,
        None => proxy::to_leader(&call).await,
    }
}

/// Leader, queue, lanes, writer, workers, recent failures and upkeep.
#[utoipa::path(get, path = "/api/v1/admin/status", tag = "admin", responses((status = 200, description = "The cluster", body = AdminStatus)))]
pub async fn status(call: Call) -> Outcome {
    led(call, async |call, status| {
        Answer::json(&AdminStatus { cluster: (*status).clone(), upkeep: call.context.store.upkeep() })
    })
    .await
}

/// The same without the prefix.
#[utoipa::path(get, path = "/admin/status", tag = "admin", operation_id = "status_without_prefix",
    responses((status = 200, description = "The cluster", body = AdminStatus)))]
pub async fn bare_status(call: Call) -> Outcome {
    status(call).await
}

/// What an autoscaler needs.
#[utoipa::path(get, path = "/api/v1/admin/scaling", tag = "admin", responses((status = 200, description = "Wanted lanes", body = Scaling)))]
pub async fn scaling(call: Call) -> Outcome {
    led(call, async |_, status| {
        let lanes = status.lanes.total.saturating_sub(status.lanes.draining);
        let desired_lanes = status.queue.desired_lanes.max(status.lanes.busy);
        Answer::json(&Scaling { runnable_shards: status.queue.runnable_tasks, lanes, desired_lanes })
    })
    .await
}

/// Every connected worker.
#[utoipa::path(get, path = "/api/v1/admin/workers", tag = "admin", responses((status = 200, description = "Workers", body = WorkerList)))]
pub async fn workers(call: Call) -> Outcome {
    led(call, async |_, status| {
        Answer::json(&WorkerList { items: status.workers.clone(), next_cursor: None })
    })
    .await
}

/// One worker.
#[utoipa::path(get, path = "/api/v1/admin/workers/{id}", tag = "admin", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The worker", body = WorkerStatus)))]
pub async fn worker(call: Call) -> Outcome {
    led(call, async |call, status| Answer::json(connected(call, &status)?)).await
}

/// Lets a worker finish what it runs and take nothing more.
#[utoipa::path(post, path = "/api/v1/admin/workers/{id}/drain", tag = "admin", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The wish is stored", body = DrainAnswer)))]
pub async fn drain(call: Call) -> Outcome {
    led(call, async |call, status| set_drain(call, &status, true).await).await
}

/// Lets a draining worker take work again.
#[utoipa::path(post, path = "/api/v1/admin/workers/{id}/undrain", tag = "admin", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The wish is stored", body = DrainAnswer)))]
pub async fn undrain(call: Call) -> Outcome {
    led(call, async |call, status| set_drain(call, &status, false).await).await
}

async fn set_drain(call: &Call, status: &ClusterStatus, drain: bool) -> Outcome {
    let worker = connected(call, status)?.id;
    call.context.store.request_drain(WorkerId(worker), drain).await?;
    Answer::json(&DrainAnswer { worker, drain })
}

fn connected<'a>(call: &Call, status: &'a ClusterStatus) -> Result<&'a WorkerStatus, ApiError> {
    let id: WorkerId = call.param(0, Code::WorkerNotFound)?;
    status
        .workers
        .iter()
        .find(|worker| worker.id == id.0)
        .ok_or_else(|| ApiError::new(Code::WorkerNotFound, format!("no worker {id} is connected")))
}

/// Stops handing out work; what runs goes on.
#[utoipa::path(post, path = "/api/v1/admin/queue/pause", tag = "admin", responses((status = 200, description = "The wish is stored", body = QueueAnswer)))]
pub async fn pause(call: Call) -> Outcome {
    call.context.store.set_paused(true).await?;
    Answer::json(&QueueAnswer { paused: true })
}

/// Hands out work again.
#[utoipa::path(post, path = "/api/v1/admin/queue/resume", tag = "admin", responses((status = 200, description = "The wish is stored", body = QueueAnswer)))]
pub async fn resume(call: Call) -> Outcome {
    call.context.store.set_paused(false).await?;
    Answer::json(&QueueAnswer { paused: false })
}
