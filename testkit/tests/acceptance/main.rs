//! The main job on real networks, through HTTP, with two worker processes.
//!
//! The networks are no part of the project: their folder is `NETPLANNER_TEST_DATA`, else `../shared/data` beside the
//! workspace. `make acceptance` runs these tests where it is there.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // tests: what fails here fails the test
#![allow(clippy::print_stdout)] // the table of what was reached is worth reading

mod kerman;
#[path = "../../../algorithms/tests/published/mod.rs"]
mod published;
mod wavelengths;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cli::client::{Client, ClientError, InputKind};
use cli::views::{Input, InputRef, NewRun, Problem, Run};
use optics::report::PlanReport;
use serde_json::Value;
use testkit::cluster::Cluster;

/// A file of the reference data.
fn data(path: &str) -> Bytes {
    let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data"));
    let path = std::env::var_os("NETPLANNER_TEST_DATA").map_or_else(beside, PathBuf::from).join(path);
    Bytes::from(std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// Imports a file that is in order.
async fn import(client: &Client, kind: InputKind, format: &str, path: &str) -> Input {
    client.import(kind, format, path, data(path)).await.unwrap()
}

/// Imports a file that must be refused.
async fn refusal(client: &Client, kind: InputKind, format: &str, path: &str) -> Problem {
    match client.import(kind, format, path, data(path)).await {
        Err(ClientError::Refused(problem)) => *problem,
        other => panic!("{path} must be refused: {other:?}"),
    }
}

fn stored(input: &Input) -> InputRef {
    InputRef::Stored { id: input.id.clone(), version: Some(input.version) }
}

fn inline(document: &impl serde::Serialize) -> InputRef {
    InputRef::Inline { document: serde_json::value::to_raw_value(document).unwrap() }
}

fn order<const N: usize>(algorithm: &str, params: Value, inputs: [(&str, InputRef); N]) -> NewRun {
    let inputs = inputs.map(|(role, input)| (role.to_owned(), input)).into();
    NewRun { algorithm: algorithm.to_owned(), params, inputs, seed: Some(1), ..NewRun::default() }
}

/// Runs an order from submit to result; yields the report and how long it took.
async fn execute(cluster: &Cluster, order: &NewRun) -> (Run, Value, Duration) {
    let began = Instant::now();
    let run = cluster.client.submit(order, None).await.unwrap();
    let run = cluster.success(&run.id, Duration::from_mins(3)).await.unwrap();
    let report = cluster.client.result(&run.id).await.unwrap();
    let took = began.elapsed();
    cluster.assert_complete(&run.id).await.unwrap();
    (run, report, took)
}

/// The plan's part of a report.
fn plan(report: &Value) -> PlanReport {
    let whole = report.get("plan_report").unwrap_or(report);
    serde_json::from_value(whole.clone()).unwrap()
}

/// The best proven bound on wavelengths.
fn bound(report: &PlanReport) -> f64 {
    let bounds = report.summary.bounds.iter().filter(|bound| bound.metric == "wavelengths");
    bounds.map(|bound| bound.value).fold(0.0, f64::max)
}
