//! How many results per second are stored, what each costs, and how far from the limit of the database that is.

use std::time::Duration;

use anyhow::Result;
use common::clock;
use serde::Serialize;
use serde_json::json;
use testkit::cluster::Cluster;
use testkit::postgres::Server;

use crate::copy;
use crate::report::median;
use crate::spent::{Clocks, Spent};

/// Most time for one run.
const LIMIT: Duration = Duration::from_mins(5);

/// Text of a small result; the document around it makes 100 bytes.
pub const SMALL_TEXT: u32 = 60;

/// Text of a large result: with the document around it 64 KiB.
const LARGE_TEXT: u32 = (64 << 10) - 50;

/// What was found for results of one size.
#[derive(Clone, Debug, Serialize)]
pub struct Stored {
    /// Shards of each run.
    pub shards: u32,
    /// Runs.
    pub runs: usize,
    /// Results stored per second, from submit to the end of the run: the median.
    pub per_second: f64,
    /// CPU time of coordinator, workers and Postgres together for each result in microseconds: the median.
    pub cpu_us_per_shard: f64,
    /// Of it, the coordinator's.
    pub coordinator_us_per_shard: f64,
    /// Of it, the workers'.
    pub workers_us_per_shard: f64,
    /// Of it, Postgres'.
    pub postgres_us_per_shard: f64,
    /// The last run, whose rows were copied for comparison.
    #[serde(skip)]
    pub last: String,
}

/// What was found with two workers of one lane.
#[derive(Debug, Serialize)]
pub struct Throughput {
    /// 100-byte results, runs of 100,000 shards.
    pub small: Stored,
    /// The same in runs of 10,000 shards.
    pub small_10k: Stored,
    /// 64 KiB results, runs of 2,000 shards.
    pub large: Stored,
    /// COPY of the rows of `small`, fence included, 1,000 in a transaction over one connection: rows per second, the median.
    pub copy_rows_per_second: f64,
    /// The same of the rows of `large`.
    pub copy_large_rows_per_second: f64,
    /// Rate of `small` over that of COPY.
    pub share_of_copy: f64,
    /// Rate of `large` over that of COPY.
    pub share_of_copy_large: f64,
}

/// Asks with two workers of one lane.
pub async fn measure(
    cluster: &mut Cluster,
    server: &Server,
    database: &str,
    times: usize,
) -> Result<Throughput> {
    let small_10k = stored(cluster, server, 10_000, SMALL_TEXT, times).await?;
    let small = stored(cluster, server, 100_000, SMALL_TEXT, times).await?;
    let copy_rows_per_second = median(copy::measure(database, &small.last, times).await?);
    let large = stored(cluster, server, 2_000, LARGE_TEXT, times).await?;
    let copy_large_rows_per_second = median(copy::measure(database, &large.last, times).await?);
    Ok(Throughput {
        share_of_copy: small.per_second / copy_rows_per_second,
        share_of_copy_large: large.per_second / copy_large_rows_per_second,
        small,
        small_10k,
        large,
        copy_rows_per_second,
        copy_large_rows_per_second,
    })
}

/// Runs `shards` shards without work, `times` times.
pub async fn stored(
    cluster: &mut Cluster,
    server: &Server,
    shards: u32,
    result_bytes: u32,
    times: usize,
) -> Result<Stored> {
    let (mut rates, mut spent, mut last) = (Vec::new(), Vec::<Spent>::new(), String::new());
    for _ in 0..times {
        let before = Clocks::read(cluster, server)?;
        let began = clock::now();
        let run = cluster.spin(json!({ "shards": shards, "result_bytes": result_bytes })).await?;
        let run = cluster.success(&run.id, LIMIT).await?;
        rates.push(f64::from(shards) / clock::now().since(began).as_secs_f64());
        spent.push(Clocks::read(cluster, server)?.since(&before));
        cluster.assert_complete(&run.id).await?;
        last = run.id;
    }
    let each = |of: fn(&Spent) -> f64| median(spent.iter().map(of)) * 1e6 / f64::from(shards);
    Ok(Stored {
        shards,
        runs: times,
        per_second: median(rates),
        cpu_us_per_shard: each(Spent::engine_s),
        coordinator_us_per_shard: each(|spent| spent.coordinator_s),
        workers_us_per_shard: each(|spent| spent.workers_s),
        postgres_us_per_shard: each(|spent| spent.postgres_s),
        last,
    })
}
