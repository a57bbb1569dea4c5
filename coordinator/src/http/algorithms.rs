//! `/algorithms`: what workers announced. The coordinator knows algorithms from nowhere else.

use std::collections::BTreeMap;

use common::algorithm::AlgorithmDescriptor;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::answer::Answer;
use super::call::Call;
use super::error::{ApiError, Code};
use super::router::Outcome;
use crate::store::algorithms::AlgorithmRow;

/// An algorithm in the list.
#[derive(Serialize, ToSchema)]
pub struct AlgorithmSummary {
    /// Its name: what a run says in `algorithm`.
    pub name: String,
    /// Its newest version.
    pub version: u32,
    /// Every version that was ever announced, newest first.
    pub versions: Vec<u32>,
    /// One sentence.
    pub summary: String,
    /// The documents it takes.
    pub inputs: Vec<RoleView>,
    /// What a worker must be labelled with to get its tasks.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Whether a worker that is connected offers this version; absent where the leader is not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offered: Option<bool>,
}

/// An algorithm with everything a client needs to run it.
#[derive(Serialize, ToSchema)]
pub struct AlgorithmView {
    /// What the list shows too.
    #[serde(flatten)]
    pub summary: AlgorithmSummary,
    /// JSON Schema (draft 2020-12) of the parameters, with defaults.
    #[schema(value_type = Object)]
    pub params_schema: Value,
    /// JSON Schema of the report.
    #[schema(value_type = Object)]
    pub report_schema: Value,
    /// Its stages in the order in which they usually open.
    pub stages: Vec<StageDoes>,
    /// When a worker announced this version first.
    pub announced_at: chrono::DateTime<chrono::Utc>,
}

/// A document that an algorithm takes.
#[derive(Serialize, ToSchema)]
pub struct RoleView {
    /// `topology`, `traffic`, …
    pub role: String,
    /// Whether a run without it is refused.
    pub required: bool,
}

/// What a stage does.
#[derive(Serialize, ToSchema)]
pub struct StageDoes {
    /// Its name.
    pub name: String,
    /// What its shards do.
    pub does: String,
}

/// The catalogue.
#[derive(Serialize, ToSchema)]
pub struct AlgorithmList {
    /// By name.
    pub items: Vec<AlgorithmSummary>,
    /// Always null: the catalogue has one page.
    pub next_cursor: Option<String>,
}

/// Which version.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct VersionQuery {
    /// The newest if absent.
    pub version: Option<u32>,
}

fn summary(call: &Call, descriptor: &AlgorithmDescriptor, versions: Vec<u32>) -> AlgorithmSummary {
    let AlgorithmDescriptor { name, version, summary, inputs, labels, .. } = descriptor;
    let offers = |worker: &crate::status::WorkerStatus| {
        worker.algorithms.iter().any(|(own, number)| own == name && number == version)
    };
    let offered = call.context.led_here().map(|status| status.workers.iter().any(offers));
    let role =
        |role: &common::algorithm::InputRole| RoleView { role: role.role.clone(), required: role.required };
    AlgorithmSummary {
        name: name.clone(),
        version: *version,
        versions,
        summary: summary.clone(),
        inputs: inputs.iter().map(role).collect(),
        labels: labels.clone(),
        offered,
    }
}

/// Lists the algorithms that workers ever announced.
#[utoipa::path(get, path = "/api/v1/algorithms", tag = "algorithms",
    responses((status = 200, description = "The catalogue", body = AlgorithmList)))]
pub async fn list(call: Call) -> Outcome {
    let mut versions: BTreeMap<String, Vec<AlgorithmRow>> = BTreeMap::new();
    for row in call.context.store.algorithms().await? {
        versions.entry(row.descriptor.name.clone()).or_default().push(row);
    }
    let items = versions
        .values_mut()
        .filter_map(|rows| {
            rows.sort_by_key(|row| std::cmp::Reverse(row.descriptor.version));
            let numbers = rows.iter().map(|row| row.descriptor.version).collect();
            rows.first().map(|newest| summary(&call, &newest.descriptor, numbers))
        })
        .collect();
    Answer::json(&AlgorithmList { items, next_cursor: None })
}

/// One algorithm with the schema of its parameters and what each stage does.
#[utoipa::path(get, path = "/api/v1/algorithms/{name}", tag = "algorithms",
    params(("name" = String, Path, description = "Its name"), VersionQuery),
    responses((status = 200, description = "The algorithm", body = AlgorithmView)))]
pub async fn get(call: Call) -> Outcome {
    let name: String = call.param(0, Code::AlgorithmNotFound)?;
    let VersionQuery { version } = call.query()?;
    let rows: Vec<AlgorithmRow> = call
        .context
        .store
        .algorithms()
        .await?
        .into_iter()
        .filter(|row| row.descriptor.name == name)
        .collect();
    let mut numbers: Vec<u32> = rows.iter().map(|row| row.descriptor.version).collect();
    numbers.sort_unstable_by_key(|&number| std::cmp::Reverse(number));
    let wanted = version.or(numbers.first().copied());
    let row = rows.into_iter().find(|row| Some(row.descriptor.version) == wanted).ok_or_else(|| {
        let of = version.map_or_else(String::new, |version| format!(" in version {version}"));
        ApiError::new(Code::AlgorithmNotFound, format!("no worker ever announced {name:?}{of}"))
    })?;
    let summary = summary(&call, &row.descriptor, numbers);
    let AlgorithmDescriptor { params_schema, report_schema, stages, .. } = row.descriptor;
    let stages = stages.into_iter().map(|stage| StageDoes { name: stage.name, does: stage.does }).collect();
    Answer::json(&AlgorithmView {
        summary,
        params_schema,
        report_schema,
        stages,
        announced_at: row.announced_at,
    })
}
