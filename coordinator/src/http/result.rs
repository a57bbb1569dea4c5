//! `/runs/{id}/result`: the report, as it is stored or in the form that `Accept` (or `?format=`) asks for.

use std::sync::Arc;

use bytes::Bytes;
use common::ids::RunId;
use common::run::RunPhase;
use futures_util::{StreamExt, stream};
use http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, VARY};
use optics::export::{
    ExportError, ResultFormat, bill_in, export, export_bill, export_grooming, export_quality,
    grooming_report_in, plan_report_in, quality_report_in,
};
use optics::topology::Topology;
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;

use super::answer::Answer;
use super::call::Call;
use super::error::{ApiError, Code, Problem};
use super::negotiate::choose;
use super::router::Outcome;
use super::runs::run_id;
use crate::store::documents::Block;
use crate::store::runs::RunRow;

/// In which form.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ResultQuery {
    /// `json`, `csv`, `xlsx`, `geojson`, `svg` or `html`; goes before `Accept`, for links in browsers.
    pub format: Option<String>,
}

/// The report of a run that succeeded: JSON, its plan as a table, a workbook, a map or a page, or its signal quality as a
/// table or a workbook.
#[utoipa::path(get, path = "/api/v1/runs/{id}/result", tag = "runs", params(("id" = String, Path, description = "Its id"), ResultQuery),
    responses((status = 200, description = "The report by the algorithm's `report_schema`, or its plan in another form",
            content((Object = "application/json"), (String = "text/csv"), (String = "text/html"), (String = "image/svg+xml"), (Object = "application/geo+json"),
                (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"))),
        (status = 409, description = "There is none, or not yet", body = Problem),
        (status = 410, description = "It is no longer kept", body = Problem)))]
pub async fn result(call: Call) -> Outcome {
    let id = run_id(&call)?;
    let ResultQuery { format } = call.query()?;
    let format = wanted(&call, format.as_deref())?;
    let Some(format) = format else {
        let Some(first) = call.context.store.report_block(id, 0).await? else {
            return Err(missing(&call).await?);
        };
        return Ok(stored(&call, id, first).etag(&id.to_string()).header(VARY, "accept"));
    };
    let Some(report) = call.context.store.report(id).await? else { return Err(missing(&call).await?) };
    let run = call.context.store.run(id).await?;
    let shown = shown(&call, &run, format, report).await?;
    let (kind, extension) = (format.media_type(), format.extension());
    let shows_inline = matches!(format, ResultFormat::Html | ResultFormat::Svg);
    let disposition = if shows_inline { "inline" } else { "attachment" };
    Ok(Answer::bytes("application/octet-stream", shown)
        .header(CONTENT_TYPE, kind)
        .header(
            CONTENT_DISPOSITION,
            &format!("{disposition}; filename=\"{}-{id}.{extension}\"", run.algorithm),
        )
        // names in documents come from users: whatever they contain must not run in a reader's browser
        .header(CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; img-src data:")
        .header(VARY, "accept")
        .etag(&format!("{id}-{extension}")))
}

/// The report as it is stored; a large one block by block, so that no more of it is in memory.
fn stored(call: &Call, id: RunId, first: Block) -> Answer {
    let total = first.total;
    let read = first.bytes.len() as u64;
    if read >= total {
        return Answer::json_text(first.bytes);
    }
    let store = call.context.store.clone();
    let rest = stream::try_unfold(read, move |from| {
        let store = store.clone();
        async move {
            if from >= total {
                return Ok(None);
            }
            let gone = || ApiError::new(Code::RunNotFound, "the run was deleted meanwhile");
            let block = store.report_block(id, from).await?.ok_or_else(gone)?;
            let next = from + block.bytes.len() as u64;
            if next == from { Err(gone()) } else { Ok(Some((block.bytes, next))) }
        }
    });
    Answer::blocks("application/json", total, stream::iter([Ok(first.bytes)]).chain(rest))
}

/// The wanted form; none for the stored JSON.
fn wanted(call: &Call, format: Option<&str>) -> Result<Option<ResultFormat>, ApiError> {
    match format {
        Some("json") => Ok(None),
        Some(name) => ResultFormat::from_extension(name).map(Some).ok_or_else(|| {
            let known = ResultFormat::ALL.map(ResultFormat::extension).join(", ");
            let detail = format!("{name:?} is not one of json, {known}");
            ApiError::at(Code::InvalidQuery, "<query format>", detail)
        }),
        None => {
            let offers: Vec<&str> = std::iter::once("application/json")
                .chain(ResultFormat::ALL.map(ResultFormat::media_type))
                .collect();
            let chosen = choose(&call.headers, &offers)?;
            Ok(chosen.checked_sub(1).and_then(|index| ResultFormat::ALL.get(index).copied()))
        }
    }
}

/// The plan, signal quality, bill of materials or grooming of a report in another form. Drawing takes up to a second and
/// does not hold up other requests.
async fn shown(call: &Call, run: &RunRow, format: ResultFormat, report: Bytes) -> Result<Vec<u8>, ApiError> {
    let nothing = |why: &str| ApiError::new(Code::NotAPlan, format!("{why}; ask for application/json"));
    let topology = run.inputs.iter().find(|input| input.role == "topology");
    let Some(topology) = topology else {
        return Err(nothing("the run took no topology, so there is no plan to show"));
    };
    let topology = call.context.store.document(topology.hash).await?;
    let algorithm: Arc<str> = run.algorithm.as_str().into();
    tokio::task::spawn_blocking(move || {
        let damaged = |error| ApiError::new(Code::Internal, format!("a stored document is damaged: {error}"));
        let report: Value = serde_json::from_slice(&report).map_err(damaged)?;
        let shown = if let Some(plan) = plan_report_in(&report) {
            let topology: Topology = serde_json::from_slice(&topology).map_err(damaged)?;
            export(format, &plan, &topology)
        } else if let Some(quality) = quality_report_in(&report) {
            export_quality(format, &quality)
        } else if let Some(bill) = bill_in(&report) {
            export_bill(format, &bill)
        } else if let Some(grooming) = grooming_report_in(&report) {
            export_grooming(format, &grooming)
        } else {
            return Err(nothing(&format!(
                "the report of {algorithm} contains nothing that this version can show"
            )));
        };
        shown.map_err(|error| match error {
            ExportError::OnlyTables(_) => nothing(&error.to_string()),
            other => ApiError::new(Code::Internal, format!("the report cannot be shown: {other}")),
        })
    })
    .await
    .map_err(|error| ApiError::new(Code::Internal, format!("the report was not drawn: {error}")))?
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
