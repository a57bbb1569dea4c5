//! A thousand workers and a million shards: what the coordinator's memory does.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use common::clock;
use serde::Serialize;
use serde_json::json;
use testkit::cluster::{Cluster, Shape};
use testkit::postgres::Server;
use testkit::process::Process;

use crate::spent::Clocks;

/// Most time for one run.
const LIMIT: Duration = Duration::from_mins(8);

/// Workers that are started at a time.
const AT_ONCE: usize = 50;

/// Between looks at the memory.
const LOOK: Duration = Duration::from_millis(100);

/// After the end of a run, before what is left of it is looked at.
const SETTLE: Duration = Duration::from_secs(3);

/// What was found. Memory is anonymous memory of the coordinator in MiB.
#[derive(Debug, Serialize)]
pub struct Crowd {
    /// Simulated workers, each a process with a connection of its own.
    pub workers: usize,
    /// Shards of the run.
    pub shards: u32,
    /// Before the first worker.
    pub alone_mib: f64,
    /// With all workers connected and nothing to do.
    pub idle_mib: f64,
    /// KiB for each idle worker.
    pub kib_per_worker: f64,
    /// The most during the run.
    pub peak_mib: f64,
    /// A few seconds after it.
    pub after_mib: f64,
    /// What the run took at most, for a million shards.
    pub mib_per_million_shards: f64,
    /// Results stored per second.
    pub per_second: f64,
    /// CPU time of the coordinator for each shard in microseconds.
    pub coordinator_us_per_shard: f64,
    /// Cores that the coordinator uses for the idle workers' heartbeats.
    pub coordinator_idle_cores: f64,
}

/// One run of `shards` shards on `count` workers.
pub async fn measure(server: &Server, database: &str, count: usize, shards: u32) -> Result<Crowd> {
    let mut cluster = Cluster::prepare(Shape::workers(0).database(database)).await?;
    cluster.start_coordinator()?;
    cluster.until_ready().await?;
    tokio::time::sleep(SETTLE).await;
    let pid = cluster.coordinator()?.pid();
    let alone_mib = anonymous_mib(pid)?;

    let folder = tempfile::tempdir()?;
    let mut workers = Vec::with_capacity(count);
    while workers.len() < count {
        for _ in 0..AT_ONCE.min(count - workers.len()) {
            workers.push(start(&cluster, folder.path(), workers.len(), shards)?);
        }
        cluster.until_workers(workers.len()).await?;
    }
    tokio::time::sleep(SETTLE).await;
    let idle_mib = anonymous_mib(pid)?;
    let before = Clocks::read(&mut cluster, server)?;
    tokio::time::sleep(SETTLE).await;
    let idle = Clocks::read(&mut cluster, server)?.since(&before);

    let before = Clocks::read(&mut cluster, server)?;
    let began = clock::now();
    let run = cluster.spin(json!({ "shards": shards })).await?;
    let mut peak_mib = idle_mib;
    let mut end = Box::pin(cluster.success(&run.id, LIMIT));
    loop {
        tokio::select! {
            ended = &mut end => {
                ended?;
                break;
            }
            () = tokio::time::sleep(LOOK) => peak_mib = peak_mib.max(anonymous_mib(pid)?),
        }
    }
    drop(end);
    let wall = clock::now().since(began).as_secs_f64();
    let spent = Clocks::read(&mut cluster, server)?.since(&before);
    cluster.assert_complete(&run.id).await?;
    tokio::time::sleep(SETTLE).await;
    Ok(Crowd {
        workers: count,
        shards,
        alone_mib,
        idle_mib,
        kib_per_worker: (idle_mib - alone_mib) * 1024.0 / count as f64,
        peak_mib,
        after_mib: anonymous_mib(pid)?,
        mib_per_million_shards: (peak_mib - idle_mib) * 1e6 / f64::from(shards),
        per_second: f64::from(shards) / wall,
        coordinator_us_per_shard: spent.coordinator_s * 1e6 / f64::from(shards),
        coordinator_idle_cores: idle.coordinator_s / idle.wall_s,
    })
}

fn start(cluster: &Cluster, folder: &Path, number: usize, shards: u32) -> Result<Process> {
    let program = std::env::current_exe()?;
    let (link, shards) = (cluster.link().to_string(), shards.to_string());
    Process::start(&format!("simulated-{number}"), &program, folder, |command| {
        command.args(["simulated-worker", "--coordinator", &link, "--shards", &shards])
    })
}

/// Memory of a process that is no file's, in MiB.
pub fn anonymous_mib(pid: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).context("RssAnon")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib / 1024.0)
}
