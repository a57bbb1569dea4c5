//! What the engine costs: one table, and the same figures as JSON.
//!
//! One file per question. All processes are real, on loopback, with a private Postgres that waits for its disk.
#![allow(clippy::print_stdout)] // a table is what this program is for

mod efficiency;
mod latency;
mod machine;
mod throughput;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Parser;
use serde::Serialize;
use testkit::cluster::{Cluster, Shape};
use testkit::postgres::Server;

/// Measures the engine with two workers of one lane each.
#[derive(Parser)]
struct Args {
    /// Where the figures go, as JSON.
    #[arg(long, default_value = "target/bench/engine.json")]
    output: PathBuf,
}

/// The figures that are compared over time.
#[derive(Debug, Serialize)]
struct Figures {
    /// Results stored per second, from submit to the end of the run: 100,000 shards without work, 100-byte results.
    shards_per_second_stored: f64,
    /// The same with 10,000 shards.
    shards_per_second_stored_10k: f64,
    /// CPU time of the coordinator, the workers and Postgres together for each of 100,000 such shards, microseconds.
    cpu_us_per_shard: f64,
    /// Median of POST, GET `?wait` and GET result of a run of one shard, milliseconds.
    one_shard_p50_ms: f64,
    /// 99th percentile of it.
    one_shard_p99_ms: f64,
    /// CPU time of all shards over lanes × wall time, with shards of 100 ms.
    efficiency_100ms: f64,
    /// The same with shards of 10 ms.
    efficiency_10ms: f64,
    /// Whether the machine had little else to do.
    quiet: bool,
    /// Share of the machine that others used before the measurement, 0 to 1.
    busy_before: f64,
    /// Cores.
    cores: usize,
}

// Everything is started from this one thread, whose end ends the processes.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let args = Args::parse();
    let busy_before = machine::busy_share().await?;
    let server = Server::durable()?;
    let url = server.database("bench").await?;
    let mut cluster = Cluster::start(Shape::workers(2).database(&url)).await?;
    warm_up(&cluster).await?;

    let small = throughput::measure(&mut cluster, &server, 10_000, 3).await?;
    let large = throughput::measure(&mut cluster, &server, 100_000, 3).await?;
    let latency = latency::measure(&cluster, 300).await?;
    let per_millisecond = efficiency::calibrate(&cluster).await?;
    let efficiency_100ms = efficiency::measure(&cluster, 100, 100, per_millisecond).await?;
    let efficiency_10ms = efficiency::measure(&cluster, 1_000, 10, per_millisecond).await?;

    let figures = Figures {
        shards_per_second_stored: large.per_second,
        shards_per_second_stored_10k: small.per_second,
        cpu_us_per_shard: large.cpu_us_per_shard,
        one_shard_p50_ms: latency.p50_ms,
        one_shard_p99_ms: latency.p99_ms,
        efficiency_100ms,
        efficiency_10ms,
        quiet: machine::is_quiet(busy_before),
        busy_before,
        cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
    };
    print(&figures);
    let folder = args.output.parent().context("a file in a folder")?;
    std::fs::create_dir_all(folder)?;
    std::fs::write(&args.output, serde_json::to_string_pretty(&figures)? + "\n")?;
    println!("written to {}", args.output.display());
    Ok(())
}

/// Connections, caches, the first partition: what a fresh cluster pays once.
async fn warm_up(cluster: &Cluster) -> Result<()> {
    let run = cluster.spin(serde_json::json!({ "shards": 2_000, "result_bytes": 60 })).await?;
    cluster.success(&run.id, testkit::cluster::SOON).await?;
    Ok(())
}

fn print(figures: &Figures) {
    let rows = [
        ("shards stored per second, 10,000 shards", figures.shards_per_second_stored_10k, "1/s"),
        ("shards stored per second, 100,000 shards", figures.shards_per_second_stored, "1/s"),
        ("CPU per shard, all processes", figures.cpu_us_per_shard, "us"),
        ("run of one shard, median", figures.one_shard_p50_ms, "ms"),
        ("run of one shard, 99th percentile", figures.one_shard_p99_ms, "ms"),
        ("parallel efficiency, shards of 100 ms", figures.efficiency_100ms, ""),
        ("parallel efficiency, shards of 10 ms", figures.efficiency_10ms, ""),
    ];
    println!("two workers of one lane, {} cores, Postgres with fsync", figures.cores);
    for (name, value, unit) in rows {
        println!("  {name:<44} {value:>12.3} {unit}");
    }
    let share = figures.busy_before * 100.0;
    if figures.quiet {
        println!("the machine was quiet: others used {share:.0} % of it before the measurement");
    } else {
        println!(
            "THE MACHINE WAS NOT QUIET: others used {share:.0} % of it; rates and times are worse than they could be"
        );
    }
}
