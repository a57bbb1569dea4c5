//! How much of the lanes' time is spent on shards.

use std::time::Duration;

use anyhow::Result;
use common::clock;
use serde_json::json;
use testkit::cluster::Cluster;

/// Most time for one run.
const LIMIT: Duration = Duration::from_mins(5);

/// Lanes of the measured cluster.
const LANES: f64 = 2.0;

/// Iterations of the calibrating shards: some tens of milliseconds.
const CALIBRATION: u64 = 50_000_000;

/// Iterations of `spin` in a millisecond of CPU time, by what workers measured.
pub async fn calibrate(cluster: &Cluster) -> Result<f64> {
    let run = cluster.spin(json!({ "shards": 20, "iterations": CALIBRATION })).await?;
    let run = cluster.success(&run.id, LIMIT).await?;
    let mean_us = cpu_us(cluster, &run.id).await? as f64 / 20.0;
    Ok(CALIBRATION as f64 / (mean_us / 1e3))
}

/// CPU time of all shards over lanes × wall time from submit to the end of the run.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a count of iterations
pub async fn measure(cluster: &Cluster, shards: u32, milliseconds: u32, per_millisecond: f64) -> Result<f64> {
    let iterations = (f64::from(milliseconds) * per_millisecond) as u64;
    let began = clock::now();
    let run = cluster.spin(json!({ "shards": shards, "iterations": iterations, "result_bytes": 60 })).await?;
    let run = cluster.success(&run.id, LIMIT).await?;
    let wall_us = clock::now().since(began).as_secs_f64() * 1e6;
    Ok(cpu_us(cluster, &run.id).await? as f64 / (LANES * wall_us))
}

/// CPU time of the shards that counted, as their workers measured it.
async fn cpu_us(cluster: &Cluster, run: &str) -> Result<i64> {
    cluster.sql(&format!("SELECT sum(cpu_us)::bigint FROM shard_results WHERE run_id = '{run}'")).await
}
