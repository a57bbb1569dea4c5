//! What the engine costs: one command for each question, each answer a JSON document and a few lines.
//!
//! One file per question. All processes are real, on loopback, with a private Postgres that waits for its disk.
#![allow(clippy::print_stdout)] // figures are what this program is for

mod copy;
mod crowd;
mod efficiency;
mod engine;
mod latency;
mod machine;
mod peers;
mod report;
mod simulated;
mod spent;
mod table;
mod throughput;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};
use serde::Serialize;
use testkit::cluster::{Cluster, Shape};
use testkit::postgres::Server;

use machine::Machine;
use report::Folder;

/// Measures the engine. Every command but `table` wants a quiet machine, and says whether it had one.
#[derive(Parser)]
struct Arguments {
    /// Folder for the answers, one JSON document each.
    #[arg(long, global = true, default_value = "target/bench")]
    output: PathBuf,
    /// Repetitions of which the median counts.
    #[arg(long, global = true, default_value_t = 5)]
    times: usize,
    #[command(subcommand)]
    question: Question,
}

#[derive(Subcommand)]
enum Question {
    /// All of them, one after the other, then `engine`.
    All,
    /// How many results per second are stored, at what cost, beside raw COPY of the same rows.
    Throughput,
    /// The same with 1, 2, 4 and 16 workers.
    Workers,
    /// How long a run of one shard takes from submit to result.
    Latency,
    /// How much of the lanes' time is spent on shards of 1, 10 and 100 ms.
    Efficiency,
    /// What the coordinator's memory does with a thousand workers and a million shards.
    Memory {
        /// Simulated workers.
        #[arg(long, default_value_t = 1_000)]
        workers: usize,
        /// Shards of the run.
        #[arg(long, default_value_t = 1_000_000)]
        shards: u32,
    },
    /// HyperQueue, Dask, Ray and Celery with tasks that do nothing, where they can be installed.
    Peers {
        /// Tasks that each of them runs.
        #[arg(long, default_value_t = 10_000)]
        tasks: u32,
    },
    /// Gathers the answers into `engine.json`.
    Engine,
    /// Prints the README's table out of the answers; with `--check` says whether the README has it.
    Table {
        /// The README.
        #[arg(long, default_value = "README.md")]
        readme: PathBuf,
        /// Compare instead of printing.
        #[arg(long)]
        check: bool,
        /// Put it into the README.
        #[arg(long)]
        write: bool,
    },
    /// A worker that computes nothing, for `memory`.
    #[command(hide = true)]
    SimulatedWorker(simulated::Arguments),
}

// Everything is started from this one thread, whose end ends the processes.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let Arguments { output, times, question } = Arguments::parse();
    let bench = Bench { folder: Folder(output), times };
    match question {
        Question::All => {
            bench.throughput().await?;
            bench.workers().await?;
            bench.latency().await?;
            bench.efficiency().await?;
            bench.memory(1_000, 1_000_000).await?;
            bench.peers(10_000).await?;
            engine::gather(&bench.folder)
        }
        Question::Throughput => bench.throughput().await,
        Question::Workers => bench.workers().await,
        Question::Latency => bench.latency().await,
        Question::Efficiency => bench.efficiency().await,
        Question::Memory { workers, shards } => bench.memory(workers, shards).await,
        Question::Peers { tasks } => bench.peers(tasks).await,
        Question::Engine => engine::gather(&bench.folder),
        Question::Table { readme, check, write } => table::run(&bench.folder, &readme, check, write),
        Question::SimulatedWorker(arguments) => simulated::work(arguments).await,
    }
}

struct Bench {
    folder: Folder,
    times: usize,
}

impl Bench {
    async fn throughput(&self) -> Result<()> {
        let machine = Machine::watch().await?;
        let server = Server::durable()?;
        let database = server.database("bench").await?;
        let mut cluster = Cluster::start(Shape::workers(2).database(&database)).await?;
        warm_up(&cluster).await?;
        let figures = throughput::measure(&mut cluster, &server, &database, self.times).await?;
        self.answer("throughput", &machine, &figures)
    }

    async fn workers(&self) -> Result<()> {
        let machine = Machine::watch().await?;
        let mut found = Vec::new();
        for count in [1, 2, 4, 16] {
            let server = Server::durable()?;
            let database = server.database("bench").await?;
            let mut cluster = Cluster::start(Shape::workers(count).database(&database)).await?;
            warm_up(&cluster).await?;
            let stored =
                throughput::stored(&mut cluster, &server, 50_000, throughput::SMALL_TEXT, self.times).await?;
            found.push(WithWorkers { workers: count, stored });
        }
        self.answer("workers", &machine, &found)
    }

    async fn latency(&self) -> Result<()> {
        let machine = Machine::watch().await?;
        let server = Server::durable()?;
        let database = server.database("bench").await?;
        let mut cluster = Cluster::start(Shape::workers(2).database(&database)).await?;
        warm_up(&cluster).await?;
        let figures = latency::measure(&mut cluster, &server, 1_000).await?;
        self.answer("latency", &machine, &figures)
    }

    async fn efficiency(&self) -> Result<()> {
        let machine = Machine::watch().await?;
        let server = Server::durable()?;
        let database = server.database("bench").await?;
        let mut cluster = Cluster::start(Shape::workers(2).database(&database)).await?;
        warm_up(&cluster).await?;
        let figures = efficiency::measure(&mut cluster, &server, self.times).await?;
        self.answer("efficiency", &machine, &figures)
    }

    async fn memory(&self, workers: usize, shards: u32) -> Result<()> {
        let machine = Machine::watch().await?;
        let mut found = Vec::new();
        // a tenth first: what grows with the size is seen
        for shards in [shards / 10, shards] {
            let server = Server::durable()?;
            let database = server.database("bench").await?;
            found.push(crowd::measure(&server, &database, workers, shards).await?);
        }
        self.answer("memory", &machine, &found)
    }

    async fn peers(&self, tasks: u32) -> Result<()> {
        let machine = Machine::watch().await?;
        let figures = peers::measure(&self.folder, tasks)?;
        self.answer("peers", &machine, &figures)
    }

    fn answer<T: Serialize>(&self, name: &str, machine: &Machine, figures: &T) -> Result<()> {
        self.folder.write(name, machine, figures)?;
        println!("{name}: {}", machine.describe());
        println!("{}", serde_json::to_string_pretty(figures)?);
        println!("written to {}", self.folder.path(name).display());
        Ok(())
    }
}

/// Throughput with so many workers of one lane.
#[derive(Serialize)]
struct WithWorkers {
    workers: usize,
    #[serde(flatten)]
    stored: throughput::Stored,
}

/// Connections, caches, the first partition: what a fresh cluster pays once.
async fn warm_up(cluster: &Cluster) -> Result<()> {
    let run = cluster.spin(serde_json::json!({ "shards": 2_000, "result_bytes": 60 })).await?;
    cluster.success(&run.id, testkit::cluster::SOON).await?;
    Ok(())
}
