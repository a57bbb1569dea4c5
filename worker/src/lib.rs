//! NetPlanner's worker: holds leases, computes shards.
//!
//! The [`agent`] speaks with the coordinator over the [`link`], which [`dial`]s it, and gives tasks to the [`executor`], whose lanes
//! compute. It has no database and decides nothing: whatever it says can be lost or repeated, and it says it again.

pub mod agent;
pub mod cache;
pub mod compute;
pub mod config;
pub mod desk;
pub mod dial;
pub mod executor;
pub mod lane;
pub mod link;
pub mod meter;

use std::sync::Arc;
use std::time::Duration;

use algorithms::ErasedAlgorithm;
use common::algorithm::{AlgorithmDescriptor, InputRole, StageDescriptor};
use common::cookie::CookieError;
use common::ids::WorkerId;
use common::limits::MESSAGE_BYTES;
use common::tls::{ClientTls, TlsError};
use ractor::Actor;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tracing::info;

use agent::actor::{Agent, AgentInput, AgentSettings};
use agent::core::Identity;
use agent::event::Exit;
use agent::library::Catalogue;
use compute::Compute;
use config::Config;
use dial::DialError;
use link::LinkSettings;

/// Exit code after a lane that does not return: whatever runs workers starts this one again.
pub const EXIT_STUCK: u8 = 3;

/// Why a worker did not start.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The operating system gives no runtime, signals or threads.
    #[error("cannot start: {0}")]
    System(#[from] std::io::Error),
    /// The compute pool.
    #[error("cannot start the compute pool: {0}")]
    Compute(#[from] rayon::ThreadPoolBuildError),
    /// The agent.
    #[error("cannot start the agent: {0}")]
    Agent(#[from] ractor::SpawnErr),
    /// The algorithms say more of themselves than a message holds.
    #[error("the descriptions of the algorithms take {0} bytes, more than a message holds")]
    Catalogue(usize),
    /// A schema that is no JSON.
    #[error("an algorithm's description cannot be written: {0}")]
    Description(#[from] serde_json::Error),
    /// A coordinator may not be dialled so.
    #[error("--coordinator: {0}")]
    Dial(#[from] DialError),
    /// The certificates of the cluster link.
    #[error("the certificates of the cluster link: {0}")]
    Tls(#[from] TlsError),
    /// The secret of the cluster.
    #[error(transparent)]
    Cookie(#[from] CookieError),
}

/// Runs a worker that offers `catalogue` until it is asked to end. Returns the exit code.
///
/// # Errors
/// Only when it cannot start; without a coordinator it waits for one.
pub fn run(config: &Config, catalogue: Vec<Box<dyn ErasedAlgorithm>>) -> Result<u8, WorkerError> {
    // Messages and timers only: what computes has threads of its own.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let exit = runtime.block_on(work(config, catalogue))?;
    // A lane that does not return must not hold up the end of the process.
    runtime.shutdown_timeout(Duration::from_millis(100));
    Ok(match exit {
        Exit::Clean => 0,
        Exit::Stuck => EXIT_STUCK,
    })
}

async fn work(config: &Config, catalogue: Vec<Box<dyn ErasedAlgorithm>>) -> Result<Exit, WorkerError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let tls = config.cluster_tls().map(ClientTls::start).transpose()?;
    let dial = config.dial(config.cookie()?, tls);
    dial.permit_literal()?;
    let catalogue: Catalogue = catalogue.into_iter().map(Arc::from).collect();
    let algorithms = describe(&catalogue)?;
    if algorithms.len() > MESSAGE_BYTES / 2 {
        return Err(WorkerError::Catalogue(algorithms.len()));
    }
    let worker = WorkerId(uuid::Uuid::new_v4());
    let identity = Identity {
        build: config::BUILD.to_owned(),
        host: Config::host(),
        lanes: config.lanes(),
        labels: config.labels.clone(),
        algorithms,
        drain_grace: Duration::from_secs(u64::from(config.drain_grace_s)),
        kept_bytes: mib(config.unstored_mib),
        memory: config.memory(),
    };
    let compute = Arc::new(Compute::start(usize::from(config.threads()))?);
    let (link, commands) = mpsc::unbounded_channel();
    let (exit, mut ended) = oneshot::channel();
    let cache_bytes = mib(config.cache_mib);
    let settings = AgentSettings { worker, identity, catalogue, compute, cache_bytes, link, exit };
    let (agent, _) = Actor::spawn(None, Agent, settings).await?;
    let link = LinkSettings { dial, worker };
    let link = tokio::spawn(link::keep(link, agent.clone(), commands));
    info!(%worker, lanes = config.lanes(), coordinator = ?config.coordinator, build = config::BUILD, "this worker is up");

    let mut asked = false;
    let exit = loop {
        tokio::select! {
            exit = &mut ended => break exit.unwrap_or(Exit::Stuck),
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        if asked {
            // Asked twice: whoever asks does not want to wait.
            break Exit::Clean;
        }
        asked = true;
        info!("draining: takes no more and hands back what does not end in time");
        let _ = agent.cast(AgentInput::Terminate);
    };
    link.abort();
    Ok(exit)
}

fn mib(mib: u32) -> usize {
    (mib as usize) << 20
}

/// What a `Hello` says of the algorithms.
fn describe(catalogue: &Catalogue) -> Result<Vec<u8>, serde_json::Error> {
    let describe = |algorithm: &Arc<dyn ErasedAlgorithm>| AlgorithmDescriptor {
        name: algorithm.name().to_owned(),
        version: algorithm.version(),
        summary: algorithm.summary().to_owned(),
        inputs: algorithm
            .inputs()
            .iter()
            .map(|&(role, required)| InputRole { role: role.to_owned(), required })
            .collect(),
        labels: algorithm.labels().iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect(),
        params_schema: algorithm.params_schema(),
        report_schema: algorithm.report_schema(),
        stages: algorithm
            .stages()
            .iter()
            .map(|stage| StageDescriptor { name: stage.name.to_owned(), does: stage.does.to_owned() })
            .collect(),
    };
    serde_json::to_vec(&catalogue.iter().map(describe).collect::<Vec<_>>())
}
