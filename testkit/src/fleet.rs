//! Coordinators, workers and a Postgres, each on a machine of its own as far as the network can tell.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use cli::client::{Client, ClientError};
use cli::process::Signal;
use cli::views::{NewRun, Run, Status};
use common::clock;
use common::cookie::Cookie;
use common::tls::ClientTls;
use common::transport::Connection;
use serde_json::Value;
use tempfile::TempDir;
use worker::dial::{DialSettings, Target};

use crate::binaries;
use crate::certificates::{Authority, NodeFiles, Use};
use crate::cluster::{SOON, TURN};
use crate::network::{Database, Network, Node};
use crate::process::Process;

/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(20);

/// How long one coordinator may take for an answer before the next is asked.
const ANSWER: Duration = Duration::from_secs(4);

/// The secret of a fleet: beyond loopback there has to be one.
const COOKIE: &str = "of this fleet";

/// The name that stands for all coordinators where workers know one.
const NAME: &str = "coordinators";

/// The port of the HTTP front, and of the cluster.
const PORTS: (u16, u16) = (5020, 5021);

/// What a fleet is made of.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Coordinators.
    pub coordinators: usize,
    /// Workers.
    pub workers: usize,
    /// Lanes of each worker.
    pub lanes: u32,
    /// Size of the database's disk.
    pub disk_mib: u32,
    /// More flags of every coordinator.
    pub coordinator: Vec<String>,
    /// More flags of every worker.
    pub worker: Vec<String>,
    /// Whether workers know the coordinators by one name that resolves to all, instead of by a list.
    pub by_name: bool,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            coordinators: 2,
            workers: 2,
            lanes: 1,
            disk_mib: 512,
            coordinator: Vec::new(),
            worker: Vec::new(),
            by_name: false,
        }
    }
}

/// A process and its machine.
#[derive(Debug)]
pub struct Member {
    /// The machine.
    pub node: Node,
    /// The process; none while it is down.
    pub process: Option<Process>,
    /// What it logged under earlier processes.
    earlier: Vec<String>,
}

impl Member {
    /// Sends a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.process.as_ref().context("it is down")?.signal(signal)
    }

    /// `kill -9`.
    pub fn kill(&mut self) -> Result<()> {
        let mut process = self.process.take().context("it is down")?;
        process.kill()?;
        self.earlier.push(process.log());
        Ok(())
    }

    /// Everything it logged.
    pub fn log(&self) -> String {
        let now = self.process.as_ref().map(Process::log);
        // a process that starts again writes on in the same file
        now.or_else(|| self.earlier.last().cloned()).unwrap_or_default()
    }
}

/// What the members show each other: one certificate for all coordinators, one for all workers.
struct Certificates {
    coordinator: NodeFiles,
    worker: NodeFiles,
}

impl Certificates {
    /// For coordinators that are dialled by these names and addresses.
    fn new(folder: &Path, names: &[String]) -> Result<Self> {
        let authority = Authority::new()?;
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let (server, client) =
            (authority.issue(Use::Server, &names)?, authority.issue(Use::Client, &["worker"])?);
        Ok(Self {
            coordinator: NodeFiles::write(folder, "coordinator", &authority, &server)?,
            worker: NodeFiles::write(folder, "worker", &authority, &client)?,
        })
    }
}

/// A running fleet. Everything ends when it is dropped, or with the thread that started it.
pub struct Fleet {
    /// The coordinators, then the workers: dropped before their network.
    pub coordinators: Vec<Member>,
    /// The workers.
    pub workers: Vec<Member>,
    /// The database.
    pub database: Database,
    /// What is between them.
    pub network: Network,
    /// What coordinators and workers show each other.
    certificates: Certificates,
    clients: Vec<Client>,
    shape: Shape,
    folder: TempDir,
    _turn: tokio::sync::SemaphorePermit<'static>,
}

impl Fleet {
    /// Starts a fleet and waits until one coordinator leads and every worker is known.
    pub async fn start(shape: Shape) -> Result<Self> {
        let turn = TURN.acquire().await?;
        let mut network = Network::new()?;
        let database = Database::start(&mut network, shape.disk_mib).await?;
        let folder = tempfile::Builder::new().prefix("netplanner-test-").tempdir()?;
        let mut members = |count: usize| -> Result<Vec<Member>> {
            let member = |_| Ok(Member { node: network.add()?, process: None, earlier: Vec::new() });
            (0..count).map(member).collect()
        };
        let (coordinators, workers) = (members(shape.coordinators)?, members(shape.workers)?);
        let client = |member: &Member| Client::new(&format!("{}:{}", network.ip(member.node), PORTS.0));
        let clients = coordinators.iter().map(client).collect::<Result<_, ClientError>>()?;
        let ips = coordinators.iter().map(|member| network.ip(member.node).to_string());
        let names: Vec<String> = ips.chain([NAME.to_owned()]).collect();
        let certificates = Certificates::new(folder.path(), &names)?;
        let mut fleet = Self {
            coordinators,
            workers,
            database,
            network,
            certificates,
            clients,
            shape,
            folder,
            _turn: turn,
        };
        for coordinator in 0..fleet.coordinators.len() {
            fleet.start_coordinator(coordinator)?;
        }
        for worker in 0..fleet.workers.len() {
            fleet.start_worker(worker)?;
        }
        fleet.until_ready().await?;
        Ok(fleet)
    }

    /// Starts a coordinator, again if it was killed.
    pub fn start_coordinator(&mut self, position: usize) -> Result<()> {
        let ip = self.network.ip(self.coordinators[position].node);
        let mut arguments = vec!["--database-url".to_owned(), self.database.url()];
        arguments.extend(["--http-listen".to_owned(), format!("{ip}:{}", PORTS.0)]);
        arguments.extend(["--cluster-listen".to_owned(), format!("{ip}:{}", PORTS.1)]);
        arguments.push("--allow-remote".to_owned());
        arguments.extend(self.certificates.coordinator.flags());
        arguments.extend(self.shape.coordinator.clone());
        let name = format!("coordinator-{position}");
        let process = self.run_on(self.coordinators[position].node, &name, "coordinator", &arguments)?;
        self.coordinators[position].process = Some(process);
        Ok(())
    }

    /// Starts a worker, again if it was killed.
    pub fn start_worker(&mut self, position: usize) -> Result<()> {
        let node = self.workers[position].node;
        let ips = self.coordinators.iter().map(|member| self.network.ip(member.node));
        let addresses = if self.shape.by_name {
            let hosts: Vec<String> = ips.map(|ip| format!("{ip} {NAME}")).collect();
            let file = self.folder.path().join("hosts");
            std::fs::write(&file, hosts.join("\n") + "\n")?;
            self.network.namespace(node).run(&format!("mount --bind {} /etc/hosts", file.display()))?;
            format!("{NAME}:{}", PORTS.1)
        } else {
            ips.map(|ip| format!("{ip}:{}", PORTS.1)).collect::<Vec<_>>().join(",")
        };
        let mut arguments = vec!["--coordinator".to_owned(), addresses];
        arguments.extend(["--lanes".to_owned(), self.shape.lanes.to_string()]);
        // every execution of a shard leaves a line
        arguments.extend(["--log".to_owned(), "info,worker::lane=trace".to_owned()]);
        arguments.extend(self.certificates.worker.flags());
        arguments.extend(self.shape.worker.clone());
        let process = self.run_on(node, &format!("worker-{position}"), "worker", &arguments)?;
        self.workers[position].process = Some(process);
        Ok(())
    }

    fn run_on(&self, node: Node, name: &str, program: &str, arguments: &[String]) -> Result<Process> {
        let flags = self.network.namespace(node).flags();
        Process::start(name, Path::new("nsenter"), self.folder.path(), |command| {
            command.env("NETPLANNER_COOKIE", COOKIE);
            command.args(flags).arg("--").arg(binaries::path(program)).args(arguments)
        })
    }

    /// Waits until the cluster can take and do work with all that runs.
    pub async fn until_ready(&self) -> Result<()> {
        let workers = self.workers.iter().filter(|member| member.process.is_some()).count();
        self.until_workers(workers).await
    }

    /// Waits until one coordinator leads with so many workers.
    pub async fn until_workers(&self, count: usize) -> Result<()> {
        self.eventually(&format!("{count} workers are ready"), SOON, async || {
            let Ok(status) = self.status().await else { return Ok(false) };
            Ok(status.workers.iter().filter(|worker| worker.state == "ready").count() == count)
        })
        .await
    }

    /// The coordinator that the database knows as the leader.
    pub async fn leader(&self) -> Result<usize> {
        let client = self.database.connect().await?;
        let address: String = client.query_one("SELECT address FROM leadership", &[]).await?.get(0);
        let of = |member: &Member| format!("{}:{}", self.network.ip(member.node), PORTS.0) == address;
        self.coordinators.iter().position(of).with_context(|| format!("nobody is at {address}"))
    }

    /// A coordinator that does not lead.
    pub async fn follower(&self) -> Result<usize> {
        let leader = self.leader().await?;
        (0..self.coordinators.len()).find(|position| *position != leader).context("there is only one")
    }

    /// The number of the leadership.
    pub async fn epoch(&self) -> Result<i64> {
        self.sql("SELECT epoch::bigint FROM leadership").await
    }

    /// A connection to a coordinator's cluster port, as a worker makes it.
    pub async fn dial(&self, position: usize) -> Result<(Connection, Cookie)> {
        let ip = self.network.ip(self.coordinators[position].node);
        let cookie = Cookie::from(COOKIE);
        let tls = ClientTls::start(self.certificates.worker.files.clone())?;
        let settings =
            DialSettings { tls: Some(tls), ..DialSettings::on_loopback(Vec::new(), cookie.clone()) };
        let target = Target { address: (ip, PORTS.1).into(), name: ip.to_string() };
        Ok((settings.dial(&target).await?, cookie))
    }

    /// The client of one coordinator.
    pub fn client(&self, position: usize) -> &Client {
        &self.clients[position]
    }

    /// Asks one coordinator after the other until one answers; what cannot be cured by waiting is an error.
    pub async fn ask<T>(&self, question: impl AsyncFn(&Client) -> Result<T, ClientError>) -> Result<T> {
        let begin = clock::now();
        loop {
            for (member, client) in self.coordinators.iter().zip(&self.clients) {
                if member.process.is_none() {
                    continue;
                }
                match tokio::time::timeout(ANSWER, question(client)).await {
                    Ok(Ok(answer)) => return Ok(answer),
                    Ok(Err(error)) if error.is_temporary() => {}
                    Ok(Err(error)) => return Err(error.into()),
                    Err(_) => {}
                }
            }
            if clock::now().since(begin) > 2 * SOON {
                bail!("no coordinator answers");
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// The cluster as its leader sees it.
    pub async fn status(&self) -> Result<Status> {
        self.ask(async |client| client.status().await).await
    }

    /// Submits a run, once.
    pub async fn submit(&self, order: &NewRun) -> Result<String> {
        // an answer that got lost is asked for again
        let key = uuid::Uuid::new_v4().to_string();
        Ok(self.ask(async |client| client.submit(order, Some(&key)).await).await?.id)
    }

    /// Submits a run of `spin`.
    pub async fn spin(&self, params: Value) -> Result<String> {
        let order = NewRun { algorithm: "spin".into(), params, seed: Some(1), ..NewRun::default() };
        self.submit(&order).await
    }

    /// Waits for a run that must succeed; yields its report.
    pub async fn success(&self, id: &str, within: Duration) -> Result<String> {
        let begin = clock::now();
        let run: Run = loop {
            let run = self.ask(async |client| client.run_after(id, 1).await).await?;
            if run.has_ended() {
                break run;
            }
            if clock::now().since(begin) > within {
                bail!("after {within:?} the run has not ended: {run:?}");
            }
        };
        if run.state != "succeeded" {
            bail!("the run is {}: {:?}", run.state, run.error);
        }
        self.assert_complete(id).await?;
        let (bytes, _) = self.ask(async |client| client.result_as(id, "application/json").await).await?;
        Ok(String::from_utf8(bytes.to_vec())?)
    }

    /// Exactly one row for each shard of each stage, and no others.
    async fn assert_complete(&self, id: &str) -> Result<()> {
        let wrong = format!(
            "SELECT (SELECT count(*) FROM stages s WHERE s.run_id = '{id}' AND s.shards <> (SELECT count(*) \
             FROM shard_results r WHERE r.run_id = s.run_id AND r.stage = s.stage AND r.shard < s.shards)) \
             + (SELECT count(*) FROM shard_results r WHERE r.run_id = '{id}' AND NOT EXISTS \
             (SELECT 1 FROM stages s WHERE s.run_id = r.run_id AND s.stage = r.stage))"
        );
        match self.sql(&wrong).await? {
            0 => Ok(()),
            wrong => bail!("{wrong} stages or rows of run {id} do not fit each other"),
        }
    }

    /// Rows that a run has.
    pub async fn stored(&self, id: &str) -> Result<i64> {
        self.sql(&format!("SELECT count(*) FROM shard_results WHERE run_id = '{id}'")).await
    }

    /// Waits until so many shards of a run are stored.
    pub async fn until_stored(&self, id: &str, count: i64) -> Result<()> {
        self.eventually(&format!("{count} shards are stored"), SOON, async || {
            Ok(self.stored(id).await.is_ok_and(|stored| stored >= count))
        })
        .await
    }

    /// How often each (stage, shard) of a run was begun by a lane of any worker, by the workers' own logs.
    pub fn executions(&self, id: &str) -> std::collections::BTreeMap<(u32, u32), u32> {
        let mut counts = std::collections::BTreeMap::new();
        let run = format!("run={id}");
        for log in self.workers.iter().map(Member::log) {
            for line in log.lines().filter(|line| line.contains("a shard begins") && line.contains(&run)) {
                let field = |name: &str| {
                    let value = line.split_whitespace().find_map(|word| word.strip_prefix(name));
                    value.and_then(|value| value.parse::<u32>().ok())
                };
                if let (Some(stage), Some(shard)) = (field("stage="), field("shard=")) {
                    *counts.entry((stage, shard)).or_default() += 1;
                }
            }
        }
        counts
    }

    /// Asks the database for a number.
    pub async fn sql(&self, query: &str) -> Result<i64> {
        Ok(self.database.connect().await?.query_one(query, &[]).await?.get(0))
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
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for process in
            self.coordinators.iter().chain(&self.workers).filter_map(|member| member.process.as_ref())
        {
            let _ = process.signal(Signal::CONT);
            if std::thread::panicking() {
                process.show_log();
            }
        }
        if let (true, Some(server)) = (std::thread::panicking(), &self.database.server) {
            server.show_log();
        }
    }
}
