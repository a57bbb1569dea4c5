//! `/runs/{id}/query`: an SQL/JSON path over the report or the partial results, evaluated by Postgres.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::answer::Answer;
use super::call::Call;
use super::error::{ApiError, Code};
use super::router::Outcome;
use super::runs::run_id;
use crate::store::StoreError;
use crate::store::query::{QueryLimits, QueryOver};

/// Longest path in bytes.
const PATH_BYTES: usize = 4096;

/// What to look for.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PathQuery {
    /// An SQL/JSON path, as `$.plan.lightpaths[*].id`.
    pub path: String,
    /// `report` (the default) or `shards`.
    pub over: Option<String>,
    /// Only partial results of this stage.
    pub stage: Option<u32>,
    /// Most values, 1 to 10000; 1000 if absent.
    pub limit: Option<u32>,
}

/// What was found.
#[derive(Serialize, ToSchema)]
pub struct Found {
    /// In document and shard order.
    pub items: Vec<FoundValue>,
    /// Whether a limit cut the list short.
    pub truncated: bool,
}

/// A value.
#[derive(Serialize, ToSchema)]
pub struct FoundValue {
    /// Its stage, over partial results.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<u32>,
    /// Its shard, over partial results.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shard: Option<u32>,
    /// The value.
    #[schema(value_type = Object)]
    pub value: Box<RawValue>,
}

/// Values of the report or of partial results, by an SQL/JSON path.
#[utoipa::path(get, path = "/api/v1/runs/{id}/query", tag = "runs", params(("id" = String, Path, description = "Its id"), PathQuery),
    responses((status = 200, description = "What the path found", body = Found), (status = 422, description = "Not a path", body = super::error::Problem),
        (status = 410, description = "What it would look at is no longer kept", body = super::error::Problem)))]
pub async fn query(call: Call) -> Outcome {
    let id = run_id(&call)?;
    let PathQuery { path, over, stage, limit } = call.query()?;
    let wrong =
        |name: &str, detail: String| Err(ApiError::at(Code::InvalidQuery, format!("<query {name}>"), detail));
    let over = match over.as_deref() {
        None | Some("report") => QueryOver::Report,
        Some("shards") => QueryOver::Shards { stage },
        Some(other) => return wrong("over", format!("{other:?} is neither report nor shards")),
    };
    if path.len() > PATH_BYTES {
        return wrong("path", format!("a path has at most {PATH_BYTES} bytes"));
    }
    if path.contains('\0') {
        return wrong("path", "a path contains no U+0000".to_owned());
    }
    let defaults = QueryLimits::default();
    let rows = limit.unwrap_or(defaults.rows);
    if !(1..=10_000).contains(&rows) {
        return wrong("limit", format!("limit is {rows}; it must be 1 to 10000"));
    }
    let found = call.context.store.query(id, &path, over, QueryLimits { rows, ..defaults }).await;
    let found = found.map_err(|error| match error {
        StoreError::Timeout => {
            let limit = defaults.time.as_secs();
            ApiError::new(Code::QueryTooExpensive, format!("the path was not evaluated within {limit} s"))
        }
        other => other.into(),
    })?;
    let items = found
        .values
        .into_iter()
        .map(|value| FoundValue { stage: value.stage, shard: value.shard, value: value.value })
        .collect();
    Answer::json(&Found { items, truncated: found.truncated })
}
