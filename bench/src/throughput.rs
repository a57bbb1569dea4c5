//! How many results per second come through, and what each costs.

use std::time::Duration;

use anyhow::Result;
use common::clock;
use serde_json::json;
use testkit::cluster::Cluster;
use testkit::postgres::Server;

/// Most time for one run.
const LIMIT: Duration = Duration::from_mins(5);

/// Text of a result; the document around it makes 100 bytes.
const TEXT_BYTES: u32 = 60;

/// What was found.
pub struct Throughput {
    /// Results stored per second, the median of the repetitions.
    pub per_second: f64,
    /// CPU time of all processes for each result in microseconds, the median.
    pub cpu_us_per_shard: f64,
}

/// Runs `shards` shards without work, `times` times.
pub async fn measure(
    cluster: &mut Cluster,
    server: &Server,
    shards: u32,
    times: usize,
) -> Result<Throughput> {
    let (mut rates, mut costs) = (Vec::new(), Vec::new());
    for _ in 0..times {
        let cpu = cluster.cpu_time()? + server.cpu_time()?;
        let began = clock::now();
        let run = cluster.spin(json!({ "shards": shards, "result_bytes": TEXT_BYTES })).await?;
        let run = cluster.success(&run.id, LIMIT).await?;
        let wall = clock::now().since(began);
        let cpu = (cluster.cpu_time()? + server.cpu_time()?).saturating_sub(cpu);
        cluster.assert_complete(&run.id).await?;
        rates.push(f64::from(shards) / wall.as_secs_f64());
        costs.push(cpu.as_secs_f64() * 1e6 / f64::from(shards));
    }
    Ok(Throughput { per_second: median(&mut rates), cpu_us_per_shard: median(&mut costs) })
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
