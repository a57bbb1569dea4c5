//! How soon others go on after a loss: take-over of the leadership, and shards of lost workers.
//!
//! Every process runs on a machine of its own as far as the network can tell, so it needs root. Medians of five.
#![allow(clippy::print_stdout)] // a table is what this program is for

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Parser;
use serde::Serialize;
use serde_json::json;
use testkit::fleet::{Fleet, Shape};
use testkit::recovery::{Loss, again, take_over};

/// Measures how soon others go on after a loss.
#[derive(Parser)]
struct Args {
    /// Where the figures go, as JSON.
    #[arg(long, default_value = "target/bench/recovery.json")]
    output: PathBuf,
    /// How often each loss is tried; the median counts.
    #[arg(long, default_value_t = 5)]
    repeat: usize,
}

/// The figures, in seconds.
#[derive(Debug, Default, Serialize)]
struct Figures {
    /// From the loss of the leader until another stores results of a run, by kind of loss: the worst of them.
    takeover_seconds: f64,
    /// The same by kind of loss.
    takeover_seconds_by_loss: BTreeMap<String, f64>,
    /// From the loss of the leader until another leads, by kind of loss.
    leads_seconds_by_loss: BTreeMap<String, f64>,
    /// From SIGSTOP of a worker until the shard it was at begins on another.
    hung_worker_seconds: f64,
    /// From the cut of a worker's link until the shard it was at begins on another.
    cut_worker_seconds: f64,
    /// From `kill -9` of a worker until the shard it was at begins on another.
    killed_worker_seconds: f64,
}

// Everything is started from this one thread, whose end ends the processes.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let args = Args::parse();
    let mut figures = Figures::default();
    for loss in [
        Loss::Killed,
        Loss::Frozen,
        Loss::CutFromDatabase,
        Loss::CutFromCluster,
        Loss::Vanished,
        Loss::Terminated,
    ] {
        let (mut leads, mut stores) = (Vec::new(), Vec::new());
        for _ in 0..args.repeat {
            let mut fleet = Fleet::start(Shape::default()).await?;
            let params = json!({ "shards": 5_000, "iterations": 10_000_000, "result_bytes": 100 });
            let run = fleet.spin(params).await?;
            fleet.until_stored(&run, 20).await?;
            let took = take_over(&mut fleet, &run, loss).await?;
            leads.push(took.leads);
            stores.push(took.stores);
        }
        let (leads, stores) = (median(leads), median(stores));
        println!(
            "{:<40} led after {leads:.2} s, results stored after {stores:.2} s",
            format!("leader: {loss}")
        );
        figures.leads_seconds_by_loss.insert(loss.to_string(), leads);
        figures.takeover_seconds_by_loss.insert(loss.to_string(), stores);
        figures.takeover_seconds = figures.takeover_seconds.max(stores);
    }
    for (loss, figure) in [
        (Loss::Killed, &mut figures.killed_worker_seconds),
        (Loss::Frozen, &mut figures.hung_worker_seconds),
        (Loss::CutFromCluster, &mut figures.cut_worker_seconds),
    ] {
        let mut began = Vec::new();
        for _ in 0..args.repeat {
            let mut fleet = Fleet::start(Shape { coordinators: 1, workers: 3, ..Shape::default() }).await?;
            began.push(again(&mut fleet, loss).await?.began);
        }
        *figure = median(began);
        println!("{:<40} its shard began again after {figure:.2} s", format!("worker: {loss}"));
    }
    let folder = args.output.parent().context("a file in a folder")?;
    std::fs::create_dir_all(folder)?;
    std::fs::write(&args.output, serde_json::to_string_pretty(&figures)? + "\n")?;
    println!("written to {}", args.output.display());
    Ok(())
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times.get(times.len() / 2).map_or(0.0, Duration::as_secs_f64)
}
