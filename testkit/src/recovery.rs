//! How long it takes until others go on where one was lost. Tests hold it against the promises, benchmarks write it down.

use std::fmt;
use std::time::Duration;

use anyhow::{Context as _, Result};
use cli::process::Signal;
use common::clock;
use serde_json::json;

use crate::cluster::SOON;
use crate::fleet::Fleet;

/// How a process is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// `kill -9`.
    Killed,
    /// SIGSTOP: it hangs, and its kernel answers for it.
    Frozen,
    /// SIGTERM.
    Terminated,
    /// Its link to the database is cut; nobody is told.
    CutFromDatabase,
    /// Its links to the other side of the cluster port are cut: a leader's to all workers, a worker's to all
    /// coordinators.
    CutFromCluster,
    /// All its links are cut, as when its machine loses power.
    Vanished,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Killed => "kill -9",
            Self::Frozen => "SIGSTOP",
            Self::Terminated => "SIGTERM",
            Self::CutFromDatabase => "cut off from the database",
            Self::CutFromCluster => "cut off from the cluster",
            Self::Vanished => "machine gone",
        })
    }
}

/// How long a take-over took.
#[derive(Clone, Copy, Debug)]
pub struct TakeOver {
    /// Who led before.
    pub lost: usize,
    /// Until another coordinator led.
    pub leads: Duration,
    /// Until it stored results.
    pub stores: Duration,
}

/// Loses the leader and waits until another one stores results of `run`, which must have enough of them left.
pub async fn take_over(fleet: &mut Fleet, run: &str, loss: Loss) -> Result<TakeOver> {
    let client = fleet.database.connect().await?;
    let number = async |query: &str| -> Result<i64> { Ok(client.query_one(query, &[]).await?.get(0)) };
    let epoch = "SELECT epoch::bigint FROM leadership";
    let rows = format!("SELECT count(*) FROM shard_results WHERE run_id = '{run}'");
    let (lost, before) = (fleet.leader().await?, number(epoch).await?);

    let since = clock::now();
    lose_coordinator(fleet, lost, loss)?;
    let leads = async || Ok(number(epoch).await? > before);
    fleet.eventually("another coordinator leads", SOON, leads).await?;
    let leads = clock::now().since(since);
    let stored = number(&rows).await?;
    let stores = async || Ok(number(&rows).await? > stored);
    fleet.eventually("results are stored again", SOON, stores).await?;
    Ok(TakeOver { lost, leads, stores: clock::now().since(since) })
}

fn lose_coordinator(fleet: &mut Fleet, position: usize, loss: Loss) -> Result<()> {
    let node = fleet.coordinators[position].node;
    match loss {
        Loss::Killed => fleet.coordinators[position].kill(),
        Loss::Frozen => fleet.coordinators[position].signal(Signal::STOP),
        Loss::Terminated => fleet.coordinators[position].signal(Signal::TERM),
        Loss::CutFromDatabase => fleet.network.cut(node, fleet.database.node),
        Loss::CutFromCluster => {
            fleet.workers.iter().try_for_each(|worker| fleet.network.cut(node, worker.node))
        }
        Loss::Vanished => fleet.network.isolate(node),
    }
}

/// What became of a lost worker's shard.
#[derive(Debug)]
pub struct Again {
    /// Who had it.
    pub lost: usize,
    /// The run of two shards, one of which began again.
    pub run: String,
    /// Until it began on another worker.
    pub began: Duration,
}

/// Loses a worker in the middle of a shard of some seconds and waits until that begins elsewhere. The fleet has an idle
/// worker and two that are busy.
pub async fn again(fleet: &mut Fleet, loss: Loss) -> Result<Again> {
    let run = fleet.spin(json!({ "shards": 2, "iterations": 1_500_000_000_u64 })).await?;
    let begun = async || Ok(fleet.executions(&run).len() == 2);
    fleet.eventually("both shards have begun", SOON, begun).await?;
    let busy = |position: &usize| fleet.workers[*position].log().contains(&format!("run={run}"));
    let lost = (0..fleet.workers.len()).find(busy).context("a busy worker")?;

    let node = fleet.workers[lost].node;
    let since = clock::now();
    match loss {
        Loss::Killed => fleet.workers[lost].kill()?,
        Loss::Frozen => fleet.workers[lost].signal(Signal::STOP)?,
        Loss::Terminated => fleet.workers[lost].signal(Signal::TERM)?,
        Loss::CutFromCluster => {
            fleet
                .coordinators
                .iter()
                .try_for_each(|coordinator| fleet.network.cut(node, coordinator.node))?;
        }
        Loss::CutFromDatabase => anyhow::bail!("a worker has no link to the database"),
        Loss::Vanished => fleet.network.isolate(node)?,
    }
    let begun = async || Ok(fleet.executions(&run).values().sum::<u32>() > 2);
    fleet.eventually("the shard begins again", SOON, begun).await?;
    Ok(Again { lost, run, began: clock::now().since(since) })
}
