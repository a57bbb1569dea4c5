//! How long the smallest run takes, over a connection that is kept alive, and where the time goes.

use anyhow::Result;
use common::clock;
use serde::Serialize;
use serde_json::json;
use testkit::cluster::Cluster;
use testkit::postgres::Server;

use crate::spent::Clocks;

/// Runs before the measurement.
const WARM_UP: usize = 50;

/// What was found.
#[derive(Debug, Serialize)]
pub struct Latency {
    /// Runs.
    pub runs: usize,
    /// Median of POST, GET `?wait` and GET result, in milliseconds.
    pub p50_ms: f64,
    /// 99th percentile of it.
    pub p99_ms: f64,
    /// Median of the POST alone: the run is durable when it is answered.
    pub post_p50_ms: f64,
    /// Median from there to the answer that the run ended.
    pub wait_p50_ms: f64,
    /// Median of the GET of the result.
    pub result_p50_ms: f64,
    /// Transactions that Postgres committed for each run, statements outside of one counted as one.
    pub transactions_per_run: f64,
    /// CPU time of coordinator, workers and Postgres for each run in milliseconds.
    pub cpu_ms_per_run: f64,
}

/// One run of one shard after the other, `runs` times.
pub async fn measure(cluster: &mut Cluster, server: &Server, runs: usize) -> Result<Latency> {
    for _ in 0..WARM_UP {
        once(cluster).await?;
    }
    let commits = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()";
    let (before, committed) = (Clocks::read(cluster, server)?, cluster.sql(commits).await?);
    let mut times = Vec::with_capacity(runs);
    for _ in 0..runs {
        times.push(once(cluster).await?);
    }
    let spent = Clocks::read(cluster, server)?.since(&before);
    let committed = cluster.sql(commits).await? - committed;
    let percentile = |part: fn(&[f64; 3]) -> f64, share: usize| {
        let mut parts: Vec<f64> = times.iter().map(part).collect();
        parts.sort_by(f64::total_cmp);
        parts[runs * share / 100]
    };
    Ok(Latency {
        runs,
        p50_ms: percentile(|parts| parts.iter().sum(), 50),
        p99_ms: percentile(|parts| parts.iter().sum(), 99),
        post_p50_ms: percentile(|parts| parts[0], 50),
        wait_p50_ms: percentile(|parts| parts[1], 50),
        result_p50_ms: percentile(|parts| parts[2], 50),
        transactions_per_run: committed as f64 / runs as f64,
        cpu_ms_per_run: spent.engine_s() * 1e3 / runs as f64,
    })
}

/// The milliseconds of POST, wait and result.
async fn once(cluster: &Cluster) -> Result<[f64; 3]> {
    let began = clock::now();
    let run = cluster.spin(json!({ "shards": 1 })).await?;
    let posted = clock::now();
    let run = cluster.client.run_after(&run.id, 30).await?;
    anyhow::ensure!(run.state == "succeeded", "the run is {}", run.state);
    let ended = clock::now();
    cluster.client.result(&run.id).await?;
    let ms = |from, to: clock::Timestamp| to.since(from).as_secs_f64() * 1e3;
    Ok([ms(began, posted), ms(posted, ended), ms(ended, clock::now())])
}
