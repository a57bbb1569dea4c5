//! `/runs/{id}/pause`, `/resume` and `/retry`: runs are held, go on, or are tried again. Rows that the leader reads.

use std::time::Duration;

use common::clock;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::answer::Answer;
use super::call::Call;
use super::error::{ApiError, Code, Problem};
use super::router::Outcome;
use super::run_views::RunView;
use super::runs::{run_id, with_stages};
use super::submit::check_deadline;
use crate::store::runs::Again;

/// How a failed run is tried again. An empty body will do.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryBody {
    /// Seconds from now after which the result is of no use. Without it the old deadline holds if it is still to come, and
    /// otherwise none.
    #[serde(default)]
    pub deadline_s: Option<u64>,
}

/// Holds a run: nothing more of it is handed out, what lanes have begun with is finished and kept. Repeated: 200 again.
#[utoipa::path(post, path = "/api/v1/runs/{id}/pause", tag = "runs", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The held run", body = RunView), (status = 409, description = "It has ended", body = Problem)))]
pub async fn pause(call: Call) -> Outcome {
    set_paused(&call, true).await
}

/// Lets a held run go on where it was. Repeated: 200 again.
#[utoipa::path(post, path = "/api/v1/runs/{id}/resume", tag = "runs", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The run", body = RunView), (status = 409, description = "It has ended", body = Problem)))]
pub async fn resume(call: Call) -> Outcome {
    set_paused(&call, false).await
}

async fn set_paused(call: &Call, paused: bool) -> Outcome {
    let run = call.context.store.pause_run(run_id(call)?, paused).await?;
    if run.state.is_end() {
        let detail = format!("the run has ended: it is {}", run.state.as_str());
        return Err(ApiError::new(Code::RunEnded, detail));
    }
    Answer::json(&with_stages(call, run).await?)
}

/// Tries the failed shards of a failed run again: it goes on where it was, with what is stored and with fresh attempts.
#[utoipa::path(post, path = "/api/v1/runs/{id}/retry", tag = "runs", params(("id" = String, Path, description = "Its id")),
    request_body(content = Option<RetryBody>, description = "Optional"),
    responses((status = 202, description = "The run, open again", body = RunView), (status = 409, description = "It has not failed", body = Problem),
        (status = 429, description = "Its submitter has as many open runs as one may have", body = Problem)))]
pub async fn retry(call: Call) -> Outcome {
    let body: RetryBody = if call.body.is_empty() { RetryBody::default() } else { call.json()? };
    check_deadline(body.deadline_s)?;
    let id = run_id(&call)?;
    let again = Again {
        deadline_at: body.deadline_s.map(|seconds| clock::wall() + Duration::from_secs(seconds)),
        most_open: call.context.settings.user_runs,
    };
    let run = call.context.store.try_again(id, again).await?;
    let view = with_stages(&call, run).await?;
    Ok(Answer::json(&view)?.status(StatusCode::ACCEPTED).location(&format!("/api/v1/runs/{id}")))
}
