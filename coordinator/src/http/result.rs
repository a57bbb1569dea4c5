//! `/runs/{id}/result`: the report, as it is stored or in the form that `Accept` asks for.

use common::run::RunPhase;

use super::answer::Answer;
use super::call::Call;
use super::error::{ApiError, Code, Problem};
use super::router::Outcome;
use super::runs::run_id;

/// The report of a run that succeeded.
#[utoipa::path(get, path = "/api/v1/runs/{id}/result", tag = "runs", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The report, by the algorithm's `report_schema`", body = Object), (status = 409, description = "There is none, or not yet", body = Problem)))]
pub async fn result(call: Call) -> Outcome {
    let id = run_id(&call)?;
    let Some(report) = call.context.store.report(id).await? else { return Err(missing(&call).await?) };
    Ok(Answer::json_text(report).etag(&id.to_string()))
}

/// Why a run has no report.
async fn missing(call: &Call) -> Result<ApiError, ApiError> {
    let run = call.context.store.run(run_id(call)?).await?;
    let state = run.state.as_str();
    Ok(match run.state {
        RunPhase::Queued | RunPhase::Running => {
            ApiError::new(Code::RunNotEnded, format!("the run is {state}; its report comes with its end"))
        }
        RunPhase::Failed => {
            let why = run.error.map_or_else(|| "it failed".to_owned(), |error| error.message);
            ApiError::new(Code::NoReport, format!("the run failed: {why}"))
        }
        _ => ApiError::new(Code::NoReport, format!("the run is {state}")),
    })
}
