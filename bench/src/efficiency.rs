//! How much of the lanes' time is spent on shards, and who uses the rest.

use std::time::Duration;

use anyhow::Result;
use common::clock;
use serde::Serialize;
use serde_json::json;
use testkit::cluster::Cluster;
use testkit::postgres::Server;

use crate::report::median;
use crate::spent::{Clocks, Spent};

/// Most time for one run.
const LIMIT: Duration = Duration::from_mins(5);

/// Lanes of the measured cluster.
const LANES: f64 = 2.0;

/// Iterations of the calibrating shards: some tens of milliseconds.
const CALIBRATION: u64 = 50_000_000;

/// What was found for shards of one length.
#[derive(Debug, Serialize)]
#[allow(clippy::struct_field_names)] // keys of the document
pub struct Efficiency {
    /// Milliseconds of work in a shard.
    pub shard_ms: u32,
    /// Shards of each run.
    pub shards: u32,
    /// Runs.
    pub runs: usize,
    /// CPU time of all shards over lanes × wall time from submit to the end of the run: the median.
    pub efficiency: f64,
    /// CPU time of coordinator, workers and Postgres beside the shards over lanes × wall time: the median.
    pub engine_share: f64,
    /// The coordinator's part of it.
    pub coordinator_share: f64,
    /// The workers' part of it.
    pub workers_share: f64,
    /// The part of Postgres.
    pub postgres_share: f64,
    /// What other processes used, over lanes × wall time: the median.
    pub others_share: f64,
    /// What the machine's host gave to others.
    pub stolen_share: f64,
    /// Transactions that Postgres committed in a second.
    pub transactions_per_second: f64,
}

/// Asks for shards of 1, 10 and 100 ms with two workers of one lane.
pub async fn measure(cluster: &mut Cluster, server: &Server, times: usize) -> Result<Vec<Efficiency>> {
    let per_millisecond = calibrate(cluster).await?;
    let mut found = Vec::new();
    for (shards, milliseconds) in [(5_000, 1), (600, 10), (60, 100)] {
        found.push(of(cluster, server, shards, milliseconds, per_millisecond, times).await?);
    }
    Ok(found)
}

/// Iterations of `spin` in a millisecond of CPU time, by what workers measured.
async fn calibrate(cluster: &Cluster) -> Result<f64> {
    let run = cluster.spin(json!({ "shards": 20, "iterations": CALIBRATION })).await?;
    let run = cluster.success(&run.id, LIMIT).await?;
    let mean_us = cpu_us(cluster, &run.id).await? as f64 / 20.0;
    Ok(CALIBRATION as f64 / (mean_us / 1e3))
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a count of iterations
async fn of(
    cluster: &mut Cluster,
    server: &Server,
    shards: u32,
    milliseconds: u32,
    per_millisecond: f64,
    times: usize,
) -> Result<Efficiency> {
    let iterations = (f64::from(milliseconds) * per_millisecond) as u64;
    let commits = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()";
    let mut found: Vec<(f64, Spent, f64)> = Vec::new();
    for _ in 0..times {
        let (before, committed) = (Clocks::read(cluster, server)?, cluster.sql(commits).await?);
        let began = clock::now();
        let run =
            cluster.spin(json!({ "shards": shards, "iterations": iterations, "result_bytes": 60 })).await?;
        let run = cluster.success(&run.id, LIMIT).await?;
        let wall = clock::now().since(began).as_secs_f64();
        let mut spent = Clocks::read(cluster, server)?.since(&before);
        let committed = cluster.sql(commits).await? - committed;
        let shards_s = cpu_us(cluster, &run.id).await? as f64 / 1e6;
        spent.workers_s -= shards_s;
        found.push((shards_s / (LANES * wall), spent, committed as f64));
    }
    let share = |of: fn(&Spent) -> f64| median(found.iter().map(|(_, s, _)| of(s) / (LANES * s.wall_s)));
    Ok(Efficiency {
        shard_ms: milliseconds,
        shards,
        runs: times,
        efficiency: median(found.iter().map(|(efficiency, ..)| *efficiency)),
        engine_share: share(Spent::engine_s),
        coordinator_share: share(|spent| spent.coordinator_s),
        workers_share: share(|spent| spent.workers_s),
        postgres_share: share(|spent| spent.postgres_s),
        others_share: share(|spent| spent.others_s),
        stolen_share: share(|spent| spent.stolen_s),
        transactions_per_second: median(found.iter().map(|(_, spent, committed)| committed / spent.wall_s)),
    })
}

/// CPU time of the shards that counted, as their workers measured it.
async fn cpu_us(cluster: &Cluster, run: &str) -> Result<i64> {
    cluster.sql(&format!("SELECT sum(cpu_us)::bigint FROM shard_results WHERE run_id = '{run}'")).await
}
