//! `/runs`: list, read, wait for, cancel and delete runs. Submitting them is in `submit`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use common::clock;
use common::ids::RunId;
use common::run::RunPhase;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::answer::Answer;
use super::call::Call;
use super::error::{ApiError, Code, FieldError};
use super::inputs::page;
use super::router::Outcome;
use crate::store::notifications::Notice;
use crate::store::page::Paged;
use crate::store::runs::{InputSource, RunError, RunFilter, RunInput, RunRow, StageProgress};
use crate::store::stages::StageRow;

/// Longest wait of one request; below what proxies usually allow.
const LONGEST_WAIT_S: u64 = 60;

/// Notices are hints: whoever waits looks this often too.
pub const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// A run.
#[derive(Serialize, ToSchema)]
pub struct RunView {
    /// Its id.
    pub id: Uuid,
    /// `queued`, `running`, `planned`, `succeeded`, `failed` or `cancelled`.
    pub state: &'static str,
    /// Name of the algorithm.
    pub algorithm: String,
    /// Version of the algorithm that it is pinned to.
    pub version: u32,
    /// Parameters.
    #[schema(value_type = Object)]
    pub params: Box<RawValue>,
    /// Inputs, with where they came from and their hashes.
    pub inputs: Vec<RunInputView>,
    /// Root of all randomness.
    pub seed: u64,
    /// Equal runs have equal fingerprints.
    pub fingerprint: String,
    /// Free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Higher goes first within one submitter.
    pub priority: i16,
    /// When the result is of no more use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_at: Option<DateTime<Utc>>,
    /// `done` or `planned`.
    pub until: &'static str,
    /// Who submitted it.
    pub submitter: String,
    /// When it was accepted.
    pub created_at: DateTime<Utc>,
    /// When its first stage opened.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// What it waits for while nothing of it is executed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_reason: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<RunErrorView>,
    /// What planning it found, for `until: planned`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    pub estimate: Option<Box<RawValue>>,
    /// Number of its newest stored event.
    pub last_event: i64,
    /// Failed attempts so far.
    pub failures: u32,
    /// How far its newest stage is.
    pub progress: Option<ProgressView>,
    /// Its stages; only where one run is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stages: Option<Vec<StageView>>,
    /// Whether an older, equal run answers (`reuse`).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reused: bool,
}

/// An input of a run.
#[derive(Serialize, ToSchema)]
pub struct RunInputView {
    /// `topology`, `traffic`, …
    pub role: String,
    /// SHA-256 of the document.
    pub hash: String,
    /// `inline`, `version` or `run`.
    pub source: &'static str,
    /// The stored input or the run it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// Name of the stored input when the run was submitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Version of the stored input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
}

/// Why a run failed.
#[derive(Serialize, ToSchema)]
pub struct RunErrorView {
    /// What kind of failure.
    pub kind: String,
    /// For people.
    pub message: String,
    /// JSON pointer to the offending part of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// The stage, if one is to blame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<u32>,
    /// The shard, if one is to blame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shard: Option<u32>,
    /// The worker that met it last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker: Option<Uuid>,
    /// How often it was tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
}

/// How far the newest stage of a run is.
#[derive(Clone, PartialEq, Serialize, ToSchema)]
pub struct ProgressView {
    /// Index of the stage, from 0.
    pub stage: u32,
    /// Its name.
    pub name: String,
    /// Its shards.
    pub shards: u32,
    /// Those that are stored.
    pub done: u32,
    /// The share of them, 0 to 1.
    pub fraction: f64,
}

/// A stage of a run.
#[derive(Serialize, ToSchema)]
pub struct StageView {
    /// Its index, from 0.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its shards.
    pub shards: u32,
    /// Those that are stored.
    pub done: u32,
    /// SHA-256 of the state its shards share.
    pub state_hash: String,
    /// Size of that state.
    pub state_bytes: u64,
    /// What the algorithm told people when it opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    pub note: Option<Box<RawValue>>,
    /// When it opened.
    pub opened_at: DateTime<Utc>,
    /// When it was merged, or the run ended.
    pub closed_at: Option<DateTime<Utc>>,
}

/// A page of runs.
#[derive(Serialize, ToSchema)]
pub struct RunList {
    /// Newest first.
    pub items: Vec<RunView>,
    /// `cursor` of the next page.
    pub next_cursor: Option<String>,
}

/// The stages of a run.
#[derive(Serialize, ToSchema)]
pub struct StageList {
    /// In the order in which they opened.
    pub items: Vec<StageView>,
    /// Always null: stages have one page.
    pub next_cursor: Option<String>,
}

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

impl From<RunInput> for RunInputView {
    fn from(RunInput { role, hash, source }: RunInput) -> Self {
        let (source, id, name, version) = match source {
            InputSource::Inline => ("inline", None, None, None),
            InputSource::Version { id, name, version } => ("version", Some(id), Some(name), Some(version)),
            InputSource::Run { id } => ("run", Some(id.0), None, None),
        };
        Self { role, hash: hash.to_string(), source, id, name, version }
    }
}

impl From<RunError> for RunErrorView {
    fn from(error: RunError) -> Self {
        let RunError { kind, message, pointer, stage, shard, worker, attempts } = error;
        Self { kind, message, pointer, stage, shard, worker, attempts }
    }
}

impl From<StageProgress> for ProgressView {
    fn from(StageProgress { index, name, shards, done }: StageProgress) -> Self {
        let fraction = if shards == 0 { 1.0 } else { f64::from(done) / f64::from(shards) };
        Self { stage: index, name, shards, done, fraction }
    }
}

impl From<StageRow> for StageView {
    fn from(row: StageRow) -> Self {
        let StageRow { index, name, shards, done, state_hash, state_bytes, note, opened_at, closed_at } = row;
        let state_hash = state_hash.to_string();
        Self { index, name, shards, done, state_hash, state_bytes, note, opened_at, closed_at }
    }
}

impl From<RunRow> for RunView {
    fn from(row: RunRow) -> Self {
        Self {
            id: row.id.0,
            state: row.state.as_str(),
            algorithm: row.algorithm,
            version: row.version,
            params: row.params,
            inputs: row.inputs.into_iter().map(RunInputView::from).collect(),
            seed: row.seed,
            fingerprint: row.fingerprint.to_string(),
            label: row.label,
            priority: row.priority,
            deadline_at: row.deadline_at,
            until: match row.until {
                crate::store::runs::Until::Done => "done",
                crate::store::runs::Until::Planned => "planned",
            },
            submitter: row.submitter,
            created_at: row.created_at,
            started_at: row.started_at,
            ended_at: row.ended_at,
            waiting_reason: row.waiting_reason,
            error: row.error.map(RunErrorView::from),
            estimate: row.estimate,
            last_event: row.last_event,
            failures: row.failures,
            progress: row.stage.map(ProgressView::from),
            stages: None,
            reused: false,
        }
    }
}

/// A run with its stages.
pub async fn with_stages(call: &Call, run: RunRow) -> Result<RunView, ApiError> {
    let stages = call.context.store.stages(run.id).await?;
    Ok(RunView { stages: Some(stages.into_iter().map(StageView::from).collect()), ..run.into() })
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
            Ok(Notice::Cluster) => {}
            Ok(Notice::Run(_) | Notice::Resync) | Err(RecvError::Lagged(_)) => return,
            Err(RecvError::Closed) => return std::future::pending().await,
        }
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
                ApiError::new(Code::InvalidQuery, detail.clone())
                    .with(FieldError::at("<query state>", detail))
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
    let mut looks = 0;
    let run = loop {
        let run = call.context.store.run(id).await?;
        let left = until.since(clock::now());
        if run.state.is_end() || left.is_zero() {
            break run;
        }
        tokio::select! {
            () = changed(&mut notices, id) => {}
            () = tokio::time::sleep(left.min(LOOK_AGAIN)) => {}
            () = call.context.shutdown.cancelled() => break run,
        }
        looks += 1;
        tokio::time::sleep(rest(looks)).await;
    };
    let etag =
        format!("{}-{}-{}", run.state.as_str(), run.last_event, run.stage.as_ref().map_or(0, |s| s.done));
    Ok(Answer::json(&with_stages(&call, run).await?)?.etag(&etag))
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
