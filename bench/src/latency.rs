//! How long the smallest run takes, over a connection that is kept alive.

use anyhow::Result;
use common::clock;
use serde_json::json;
use testkit::cluster::Cluster;

/// Runs before the measurement.
const WARM_UP: usize = 20;

/// What was found.
pub struct Latency {
    /// Median in milliseconds.
    pub p50_ms: f64,
    /// 99th percentile in milliseconds.
    pub p99_ms: f64,
}

/// POST, GET `?wait`, GET result, one after the other, `count` times.
pub async fn measure(cluster: &Cluster, count: usize) -> Result<Latency> {
    let mut times = Vec::with_capacity(count);
    for i in 0..WARM_UP + count {
        let began = clock::now();
        let run = cluster.spin(json!({ "shards": 1 })).await?;
        let run = cluster.client.run_after(&run.id, 30).await?;
        anyhow::ensure!(run.state == "succeeded", "the run is {}", run.state);
        cluster.client.result(&run.id).await?;
        if i >= WARM_UP {
            times.push(clock::now().since(began).as_secs_f64() * 1e3);
        }
    }
    times.sort_by(f64::total_cmp);
    Ok(Latency { p50_ms: times[count / 2], p99_ms: times[count * 99 / 100] })
}
