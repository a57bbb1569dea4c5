//! `/runs`: list, read, wait for, cancel and delete runs. Submitting them is in `submit`.

use std::time::Duration;

use common::clock;
use common::ids::{ContentHash, RunId};
use common::run::RunPhase;
use http::StatusCode;
use serde::Deserialize;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use utoipa::IntoParams;

use super::answer::Answer;
use super::call::Call;
use super::error::{ApiError, Code};
use super::inputs::page;
use super::router::Outcome;
use super::run_views::{RunList, RunView, StageList, StageView};
use crate::store::notifications::Notice;
use crate::store::page::Paged;
use crate::store::runs::{RunFilter, RunRow};
use crate::store::stages::StageRow;

/// Longest wait of one request; below what proxies usually allow.
const LONGEST_WAIT_S: u64 = 60;

/// Notices are hints: whoever waits looks this often too.
pub const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How long a notice that may not be of the end is left alone where the leader is in this process and tells of the end
/// itself.
const PATIENCE: Duration = Duration::from_millis(10);

/// Which runs to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Items a page, 1 to 1000; 50 if absent.
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// One or several states, separated by commas.
    pub state: Option<String>,
    /// Name of an algorithm.
    pub algorithm: Option<String>,
    /// Exactly this label.
    pub label: Option<String>,
    /// Exactly this submitter.
    pub submitter: Option<String>,
}

/// How to read a run.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct GetQuery {
    /// Answer when the run ended, or after this many seconds (at most 60), whichever comes first.
    pub wait: Option<u64>,
}

/// A run with its stages.
pub async fn with_stages(call: &Call, run: RunRow) -> Result<RunView, ApiError> {
    let stages = call.context.store.stages(run.id).await?;
    Ok(view(run, stages))
}

fn view(run: RunRow, stages: Vec<StageRow>) -> RunView {
    RunView { stages: Some(stages.into_iter().map(StageView::from).collect()), ..run.into() }
}

/// The run that a path names.
pub fn run_id(call: &Call) -> Result<RunId, ApiError> {
    call.param(0, Code::RunNotFound)
}

/// How long to wait after the `looks`-th look at a run before the next: short runs are followed at once, but a busy one
/// changes with every commit, and nobody needs to hear of each.
pub const fn rest(looks: u32) -> Duration {
    if looks < 8 { Duration::ZERO } else { Duration::from_millis(25) }
}

/// Waits until something may have changed about `run`.
pub async fn changed(notices: &mut Receiver<Notice>, run: RunId) {
    loop {
        match notices.recv().await {
            Ok(Notice::Run(other)) if other != run => {}
            Ok(Notice::Cluster | Notice::Submitted(_) | Notice::Ended(_)) => {}
            Ok(Notice::Run(_) | Notice::Resync) | Err(RecvError::Lagged(_)) => return,
            Err(RecvError::Closed) => return std::future::pending().await,
        }
    }
}

/// Waits until something may have changed about `run`, or at once if this process says that it ended. Where the leader is
/// in this process, nothing else but an end elsewhere needs a look, and that can wait for `patience`.
async fn ended(notices: &mut Receiver<Notice>, run: RunId, patience: Duration) {
    let end = async |notices: &mut Receiver<Notice>, any: bool| loop {
        match notices.recv().await {
            Ok(Notice::Ended(other)) if other == run => return true,
            Ok(Notice::Run(other)) if any && other == run => return false,
            Ok(Notice::Run(_) | Notice::Submitted(_) | Notice::Ended(_) | Notice::Cluster) => {}
            Ok(Notice::Resync) | Err(RecvError::Lagged(_)) => return true,
            Err(RecvError::Closed) => return std::future::pending().await,
        }
    };
    if !end(notices, true).await && !patience.is_zero() {
        let _ = tokio::time::timeout(patience, end(notices, false)).await;
    }
}

/// Lists runs, newest first.
#[utoipa::path(get, path = "/api/v1/runs", tag = "runs", params(ListQuery),
    responses((status = 200, description = "A page of runs", body = RunList)))]
pub async fn list(call: Call) -> Outcome {
    let ListQuery { limit, cursor, state, algorithm, label, submitter } = call.query()?;
    let states = state.as_deref().map_or_else(|| Ok(Vec::new()), states)?;
    let filter = RunFilter { states, algorithm, label, submitter };
    let Paged { items, next_cursor } = call.context.store.runs(&filter, &page(limit, cursor)?).await?;
    Answer::json(&RunList { items: items.into_iter().map(RunView::from).collect(), next_cursor })
}

fn states(list: &str) -> Result<Vec<RunPhase>, ApiError> {
    let all = [
        RunPhase::Queued,
        RunPhase::Running,
        RunPhase::Planned,
        RunPhase::Succeeded,
        RunPhase::Failed,
        RunPhase::Cancelled,
    ];
    list.split(',')
        .map(|name| {
            all.into_iter().find(|phase| phase.as_str() == name.trim()).ok_or_else(|| {
                let known = all.map(RunPhase::as_str).join(", ");
                let detail = format!("{name:?} is not a state; there are {known}");
                ApiError::at(Code::InvalidQuery, "<query state>", detail)
            })
        })
        .collect()
}

/// One run with its stages; with `wait`, its end is waited for.
#[utoipa::path(get, path = "/api/v1/runs/{id}", tag = "runs", params(("id" = String, Path, description = "Its id"), GetQuery),
    responses((status = 200, description = "The run", body = RunView)))]
pub async fn get(call: Call) -> Outcome {
    let id = run_id(&call)?;
    let GetQuery { wait } = call.query()?;
    // listening begins before the first look, so that no change falls between the two
    let mut notices = call.context.store.subscribe();
    let until = clock::now().after(Duration::from_secs(wait.unwrap_or(0).min(LONGEST_WAIT_S)));
    let patience = if call.context.led_here().is_some() { PATIENCE } else { Duration::ZERO };
    let mut looks = 0;
    let (run, stages) = loop {
        let (run, stages) = call.context.store.run_with_stages(id).await?;
        let left = until.since(clock::now());
        if run.state.is_end() || left.is_zero() {
            break (run, stages);
        }
        tokio::select! {
            () = ended(&mut notices, id, patience) => {}
            () = tokio::time::sleep(left.min(LOOK_AGAIN)) => {}
            () = call.context.shutdown.cancelled() => break (run, stages),
        }
        looks += 1;
        tokio::time::sleep(rest(looks)).await;
    };
    let body = Answer::text_of(&view(run, stages))?;
    let etag = ContentHash::of(&body).to_string();
    Ok(Answer::json_text(body).etag(&etag[..32]))
}

/// Cancels a run. Repeated: 200 again; a run that ended otherwise: 409 with its state.
#[utoipa::path(post, path = "/api/v1/runs/{id}/cancel", tag = "runs", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The cancelled run", body = RunView), (status = 409, description = "It had ended", body = super::error::Problem)))]
pub async fn cancel(call: Call) -> Outcome {
    let cancelled = call.context.store.cancel(run_id(&call)?).await?;
    if cancelled.run.state != RunPhase::Cancelled {
        let detail = format!("the run has ended: it is {}", cancelled.run.state.as_str());
        return Err(ApiError::new(Code::RunEnded, detail));
    }
    Answer::json(&with_stages(&call, cancelled.run).await?)
}

/// Deletes an ended run with everything it produced.
#[utoipa::path(delete, path = "/api/v1/runs/{id}", tag = "runs", params(("id" = String, Path, description = "Its id")),
    responses((status = 204, description = "Deleted"), (status = 409, description = "It has not ended", body = super::error::Problem)))]
pub async fn delete(call: Call) -> Outcome {
    call.context.store.delete_run(run_id(&call)?).await?;
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

/// The stages of a run.
#[utoipa::path(get, path = "/api/v1/runs/{id}/stages", tag = "runs", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "Its stages so far", body = StageList)))]
pub async fn stages(call: Call) -> Outcome {
    let run = call.context.store.run(run_id(&call)?).await?;
    let items = call.context.store.stages(run.id).await?.into_iter().map(StageView::from).collect();
    Answer::json(&StageList { items, next_cursor: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_states_is_read_or_refused() {
        assert_eq!(states("queued, running").unwrap(), [RunPhase::Queued, RunPhase::Running]);
        let error = states("queued,done").unwrap_err();
        assert_eq!(error.code, Code::InvalidQuery);
        assert!(error.detail.contains("succeeded"), "{}", error.detail);
    }
}
