//! A private cluster on this machine: Postgres, a coordinator, workers, kept up and stopped in order.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use common::clock;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::args::DevArgs;
use crate::error::{CliError, io};
use crate::postgres::{Postgres, RunningPostgres};
use crate::print;
use crate::process::{self, Signal};

/// First pause before a process is started again; doubles with each quick end.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// Longest pause before a process is started again.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// A process that ran this long is started again without a pause.
const STABLE: Duration = Duration::from_secs(10);

/// How long a process may take to end after SIGTERM; above the worker's own grace.
const STOP_GRACE: Duration = Duration::from_secs(40);

/// Where the processes' log lines go.
#[derive(Clone, Debug)]
pub enum Logs {
    /// To our own standard error.
    Terminal,
    /// To a file per process in this folder.
    Folder(PathBuf),
}

/// The running processes.
pub struct Stack {
    workers: Vec<Kept>,
    coordinator: Option<Kept>,
    postgres: Option<RunningPostgres>,
    /// Where the HTTP front listens.
    pub http: SocketAddr,
    /// How many workers were started.
    pub worker_count: usize,
}

impl Stack {
    /// Starts everything. Does not wait until it is ready.
    pub fn start(args: &DevArgs, logs: &Logs) -> Result<Self, CliError> {
        let (coordinator, worker) = (find("coordinator")?, find("worker")?);
        let (database, postgres) = database(args)?;
        let (http, link) = (args.http.to_string(), args.link.to_string());
        let coordinator = Program {
            name: "coordinator".to_owned(),
            path: coordinator,
            arguments: ["--http-listen", &http, "--cluster-listen", &link, "--log", &args.log]
                .map(str::to_owned)
                .to_vec(),
            database: Some(database),
            logs: logs.clone(),
        };
        let lanes = args.lanes.unwrap_or_else(|| lanes_each(args.workers)).to_string();
        let memory = memory_mib_each(args.workers);
        let programs = (1..=args.workers).map(|number| Program {
            name: format!("worker-{number}"),
            path: worker.clone(),
            arguments: ["--coordinator", &link, "--lanes", &lanes, "--log", &args.log]
                .map(str::to_owned)
                .into_iter()
                .chain(memory.map(|mib| format!("--memory-mib={mib}")))
                .collect(),
            database: None,
            logs: logs.clone(),
        });
        Ok(Self {
            worker_count: usize::from(args.workers),
            workers: programs.map(Kept::start).collect(),
            coordinator: Some(Kept::start(coordinator)),
            postgres,
            http: args.http,
        })
    }

    /// Stops workers, then the coordinator, then the database: each can still tell the next what it must.
    pub async fn stop(mut self) -> Result<(), CliError> {
        let workers: Vec<_> = self.workers.drain(..).map(Kept::stop).collect();
        for worker in workers {
            worker.await;
        }
        if let Some(coordinator) = self.coordinator.take() {
            coordinator.stop().await;
        }
        match self.postgres.take() {
            Some(postgres) => Ok(postgres.stop()?),
            None => Ok(()),
        }
    }
}

fn find(name: &str) -> Result<PathBuf, CliError> {
    process::sibling(name).map_err(io(format!("looking for the {name} binary")))
}

/// The given database, or a private one.
fn database(args: &DevArgs) -> Result<(String, Option<RunningPostgres>), CliError> {
    if let Some(url) = &args.database_url {
        return Ok((url.clone(), None));
    }
    let running = Postgres::at(&args.data.join("pg"))?.start()?;
    Ok((running.url(), Some(running)))
}

/// The machine's cores, shared among the workers.
fn lanes_each(workers: u16) -> u16 {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    (u16::try_from(cores).unwrap_or(u16::MAX) / workers.max(1)).max(1)
}

/// The machine's memory in MiB, shared among the workers; none where nothing says how much there is.
fn memory_mib_each(workers: u16) -> Option<u64> {
    let lines = std::fs::read_to_string("/proc/meminfo").ok()?;
    let total = lines.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = total.split_whitespace().next()?.parse().ok()?;
    // the least that a worker takes
    Some((kib / 1024 / u64::from(workers.max(1))).max(64))
}

/// Addresses on which nobody listens yet: the wanted ones, or others.
pub fn free(wanted: SocketAddr) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(wanted).or_else(|_| TcpListener::bind((wanted.ip(), 0)))?;
    listener.local_addr()
}

/// What is to be run.
struct Program {
    name: String,
    path: PathBuf,
    arguments: Vec<String>,
    database: Option<String>,
    logs: Logs,
}

impl Program {
    fn spawn(&self) -> std::io::Result<Child> {
        let mut command = process::dying_with_us(&self.path, "TERM");
        command.args(&self.arguments).stdin(Stdio::null()).env_remove("DATABASE_URL");
        if let Some(database) = &self.database {
            command.env("DATABASE_URL", database); // not an argument: those can be read by everyone
        }
        if let Logs::Folder(folder) = &self.logs {
            let log = log_file(folder, &self.name)?;
            command.stdout(log.try_clone()?).stderr(log);
        }
        Command::from(command).spawn()
    }
}

fn log_file(folder: &Path, name: &str) -> std::io::Result<File> {
    std::fs::create_dir_all(folder)?;
    File::options().create(true).append(true).open(folder.join(format!("{name}.log")))
}

/// A process that is started again when it ends unasked.
struct Kept {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Kept {
    fn start(program: Program) -> Self {
        let (stop, stopping) = watch::channel(false);
        Self { stop, task: tokio::spawn(keep(program, stopping)) }
    }

    /// Asks the process to end; waits for it in the returned future.
    fn stop(self) -> impl Future<Output = ()> {
        let _ = self.stop.send(true);
        async move {
            let _ = self.task.await;
        }
    }
}

async fn keep(program: Program, mut stopping: watch::Receiver<bool>) {
    let mut pause = FIRST_PAUSE;
    loop {
        let began = clock::now();
        match program.spawn() {
            Ok(mut child) => tokio::select! {
                ended = child.wait() => {
                    let how = ended.map_or_else(|error| error.to_string(), |status| status.to_string());
                    print::note(format_args!("{} ended ({how}); it is started again", program.name));
                }
                _ = stopping.changed() => return end(&program.name, child).await,
            },
            Err(error) => print::note(format_args!("{} cannot be started: {error}", program.name)),
        }
        pause =
            if clock::now().since(began) >= STABLE { FIRST_PAUSE } else { (pause * 2).min(LONGEST_PAUSE) };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stopping.changed() => return,
        }
    }
}

/// SIGTERM, and SIGKILL if that is not enough.
async fn end(name: &str, mut child: Child) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        let _ = rustix::process::kill_process(pid, Signal::TERM);
    }
    if tokio::time::timeout(STOP_GRACE, child.wait()).await.is_err() {
        print::note(format_args!("{name} did not end within {} s and is killed", STOP_GRACE.as_secs()));
        let _ = child.kill().await;
    }
}
