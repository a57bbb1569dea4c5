//! A whole cluster of real processes on loopback: a coordinator, workers, a database of its own.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use cli::client::Client;
use cli::process::Signal;
use cli::views::{NewRun, Run, Status};
use common::clock;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_postgres::NoTls;

use crate::binaries;
use crate::process::Process;

/// How long anything that should happen at once may take on a loaded machine.
pub const SOON: Duration = Duration::from_secs(30);

/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(25);

/// Clusters share the machine's cores, and tests measure times: one at a time in a test process.
pub(crate) static TURN: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(1);

/// What a cluster is made of.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Worker processes.
    pub workers: usize,
    /// Lanes of each.
    pub lanes: u32,
    /// More flags of the coordinator.
    pub coordinator: Vec<String>,
    /// More flags of every worker.
    pub worker: Vec<String>,
    /// The database; a fresh one of the shared server if absent.
    pub database: Option<String>,
    /// The secret that the coordinator and every worker are given; none if absent.
    pub cookie: Option<String>,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            workers: 2,
            lanes: 1,
            coordinator: Vec::new(),
            worker: Vec::new(),
            database: None,
            cookie: None,
        }
    }
}

impl Shape {
    /// This many workers of one lane.
    pub fn workers(workers: usize) -> Self {
        Self { workers, ..Self::default() }
    }

    /// Adds a flag of the coordinator.
    #[must_use]
    pub fn coordinator(mut self, flag: &str) -> Self {
        self.coordinator.push(flag.to_owned());
        self
    }

    /// Adds a flag of every worker.
    #[must_use]
    pub fn worker(mut self, flag: &str) -> Self {
        self.worker.push(flag.to_owned());
        self
    }

    /// Gives the coordinator and every worker this secret.
    #[must_use]
    pub fn cookie(mut self, cookie: &str) -> Self {
        self.cookie = Some(cookie.to_owned());
        self
    }

    /// Uses this database.
    #[must_use]
    pub fn database(mut self, url: &str) -> Self {
        self.database = Some(url.to_owned());
        self
    }
}

/// A running cluster; everything ends when it is dropped, or when the thread that started it does.
pub struct Cluster {
    /// The coordinator; none while it is down.
    pub coordinator: Option<Process>,
    /// The workers, in the order in which they were started; none where one was killed.
    pub workers: Vec<Option<Process>>,
    /// Speaks with the coordinator.
    pub client: Client,
    shape: Shape,
    database: String,
    http: SocketAddr,
    link: SocketAddr,
    folder: TempDir,
    _turn: tokio::sync::SemaphorePermit<'static>,
}

impl Cluster {
    /// Starts a cluster and waits until every worker is known.
    pub async fn start(shape: Shape) -> Result<Self> {
        let mut cluster = Self::prepare(shape).await?;
        cluster.start_coordinator()?;
        for _ in 0..cluster.shape.workers {
            cluster.add_worker()?;
        }
        let workers = cluster.shape.workers;
        cluster.until_ready().await?;
        cluster.until_workers(workers).await?;
        Ok(cluster)
    }

    /// Everything but the processes.
    pub async fn prepare(shape: Shape) -> Result<Self> {
        let turn = TURN.acquire().await?;
        let database = shape.database.clone().unwrap_or_else(crate::postgres::database);
        let (http, link) = (free_address()?, free_address()?);
        let folder = tempfile::Builder::new().prefix("netplanner-test-").tempdir()?;
        let client = Client::new(&http.to_string())?;
        let (coordinator, workers) = (None, Vec::new());
        Ok(Self { coordinator, workers, client, shape, database, http, link, folder, _turn: turn })
    }

    /// Starts the coordinator, again on the same addresses if there was one.
    pub fn start_coordinator(&mut self) -> Result<()> {
        let (http, link) = (self.http.to_string(), self.link.to_string());
        let process =
            Process::start("coordinator", &binaries::path("coordinator"), self.folder.path(), |command| {
                command
                    .envs(self.shape.cookie.iter().map(|cookie| ("NETPLANNER_COOKIE", cookie)))
                    .args([
                        "--database-url",
                        &self.database,
                        "--http-listen",
                        &http,
                        "--cluster-listen",
                        &link,
                    ])
                    .args(&self.shape.coordinator)
            })?;
        self.coordinator = Some(process);
        Ok(())
    }

    /// Starts one more worker; yields its position.
    pub fn add_worker(&mut self) -> Result<usize> {
        let extra = self.shape.worker.clone();
        self.add_worker_with(&extra)
    }

    /// Starts one more worker with these flags beside the address and the lanes.
    pub fn add_worker_with(&mut self, flags: &[String]) -> Result<usize> {
        let (link, lanes) = (self.link.to_string(), self.shape.lanes.to_string());
        let name = format!("worker-{}", self.workers.len());
        let process = Process::start(&name, &binaries::path("worker"), self.folder.path(), |command| {
            command
                .envs(self.shape.cookie.iter().map(|cookie| ("NETPLANNER_COOKIE", cookie)))
                .args(["--coordinator", &link, "--lanes", &lanes])
                .args(flags)
        })?;
        self.workers.push(Some(process));
        Ok(self.workers.len() - 1)
    }

    /// The address on which the coordinator listens for workers.
    pub fn link(&self) -> SocketAddr {
        self.link
    }

    /// The running coordinator.
    pub fn coordinator(&mut self) -> Result<&mut Process> {
        self.coordinator.as_mut().context("the coordinator is down")
    }

    /// A worker that was not killed.
    pub fn worker(&mut self, position: usize) -> Result<&mut Process> {
        self.workers.get_mut(position).and_then(Option::as_mut).context("that worker is gone")
    }

    /// `kill -9` of the coordinator.
    pub fn kill_coordinator(&mut self) -> Result<()> {
        self.coordinator.take().context("the coordinator is down")?.kill()
    }

    /// `kill -9` of a worker.
    pub fn kill_worker(&mut self, position: usize) -> Result<()> {
        self.worker(position)?.kill()
    }

    /// Starts a worker for each that ended by itself; yields how many there were.
    pub fn restart_ended_workers(&mut self) -> Result<usize> {
        let mut ended = 0;
        for position in 0..self.workers.len() {
            let Some(worker) = &mut self.workers[position] else { continue };
            if worker.ended()?.is_some() {
                self.workers[position] = None;
                self.add_worker()?;
                ended += 1;
            }
        }
        Ok(ended)
    }

    /// Stops a process from running, as a hung machine would (`SIGSTOP`), or lets it go on.
    pub fn freeze_worker(&mut self, position: usize, frozen: bool) -> Result<()> {
        self.worker(position)?.signal(if frozen { Signal::STOP } else { Signal::CONT })
    }

    /// Waits until the coordinator is ready for traffic.
    pub async fn until_ready(&self) -> Result<()> {
        self.eventually("the coordinator is ready", SOON, async || Ok(self.client.ready().await.is_ok()))
            .await
    }

    /// Waits until this many workers are connected and take work.
    pub async fn until_workers(&self, count: usize) -> Result<()> {
        let what = format!("{count} workers are ready");
        self.eventually(&what, SOON, async || {
            let Ok(status) = self.client.status().await else { return Ok(false) };
            Ok(status.workers.iter().filter(|worker| worker.state == "ready").count() == count)
        })
        .await
    }

    /// User and system CPU time so far of the coordinator and the workers that are running.
    pub fn cpu_time(&self) -> Result<Duration> {
        let running = self.coordinator.iter().chain(self.workers.iter().flatten());
        running.map(Process::cpu_time).sum()
    }

    /// The cluster as the leader sees it.
    pub async fn status(&self) -> Result<Status> {
        Ok(self.client.status().await?)
    }

    /// Looks at a condition until it holds; fails after `within`.
    pub async fn eventually(
        &self,
        what: &str,
        within: Duration,
        condition: impl AsyncFn() -> Result<bool>,
    ) -> Result<()> {
        let begin = clock::now();
        while !condition().await? {
            if clock::now().since(begin) > within {
                bail!("after {within:?} it does not hold that {what}");
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Submits a run of `spin`.
    pub async fn spin(&self, params: Value) -> Result<Run> {
        let run = NewRun { algorithm: "spin".into(), params, seed: Some(1), ..NewRun::default() };
        Ok(self.client.submit(&run, None).await?)
    }

    /// Waits for the end of a run, whatever it is. The coordinator may go and come back meanwhile.
    pub async fn end(&self, id: &str, within: Duration) -> Result<Run> {
        let begin = clock::now();
        loop {
            match self.client.run_after(id, 2).await {
                Ok(run) if run.has_ended() => return Ok(run),
                Ok(run) if clock::now().since(begin) > within => {
                    bail!("after {within:?} the run has not ended: {run:?}")
                }
                Ok(_) => {}
                Err(error) if clock::now().since(begin) > within => return Err(error.into()),
                Err(error) if error.is_temporary() => tokio::time::sleep(POLL).await,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Waits for a run that must succeed.
    pub async fn success(&self, id: &str, within: Duration) -> Result<Run> {
        let run = self.end(id, within).await?;
        match run.state.as_str() {
            "succeeded" => Ok(run),
            _ => Err(anyhow!("the run is {}: {:?}", run.state, run.error)),
        }
    }

    /// The exact text of a run's report, as it is stored.
    pub async fn report(&self, id: &str) -> Result<String> {
        let (bytes, _) = self.client.result_as(id, "application/json").await?;
        Ok(String::from_utf8(bytes.to_vec())?)
    }

    /// Waits until at least `count` shards of a run are stored.
    pub async fn until_stored(&self, id: &str, count: u64) -> Result<()> {
        let what = format!("{count} shards of the run are stored");
        self.eventually(&what, SOON, async || {
            let stages = self.client.run(id).await?.stages.unwrap_or_default();
            Ok(stages.iter().map(|stage| stage.done).sum::<u64>() >= count)
        })
        .await
    }

    /// The invariant of every succeeded run: exactly one row for each shard of each stage.
    pub async fn assert_complete(&self, id: &str) -> Result<()> {
        let wrong = self
            .sql(&format!(
                "SELECT count(*) FROM stages s WHERE s.run_id = '{id}' AND s.shards <> (SELECT count(*) \
                 FROM shard_results r WHERE r.run_id = s.run_id AND r.stage = s.stage AND r.shard < s.shards)"
            ))
            .await?;
        let strays = self
            .sql(&format!(
                "SELECT count(*) FROM shard_results r WHERE r.run_id = '{id}' AND NOT EXISTS \
                 (SELECT 1 FROM stages s WHERE s.run_id = r.run_id AND s.stage = r.stage)"
            ))
            .await?;
        if (wrong, strays) != (0, 0) {
            bail!("{wrong} stages have not one row per shard, {strays} rows belong to no stage");
        }
        Ok(())
    }

    /// Asks the database for a number.
    pub async fn sql(&self, query: &str) -> Result<i64> {
        let (client, connection) = tokio_postgres::connect(&self.database, NoTls).await?;
        tokio::spawn(connection);
        Ok(client.query_one(query, &[]).await?.get(0))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for process in self.coordinator.iter().chain(self.workers.iter().flatten()) {
                process.show_log();
            }
        }
    }
}

/// A run of `spin`: `shards` of about `milliseconds` each on an ordinary core.
pub fn spin_params(shards: u32, milliseconds: u64) -> Value {
    json!({ "shards": shards, "iterations": milliseconds * 1_000_000, "result_bytes": 100 })
}

/// An address on loopback that nobody uses at the moment.
fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
