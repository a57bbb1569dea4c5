//! A private Postgres: the machine's binaries, a folder of ours, a Unix socket, no set-up.
//!
//! Postgres refuses to run as root, so root's children become an unprivileged user. The server is a child of a thread
//! of its own and shuts down when that thread ends, also by `kill -9` of the process.

mod binaries;
mod error;
mod folders;

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use common::clock;

pub use self::binaries::find_binaries;
pub use self::error::PostgresError;
use self::error::io_error;
use self::folders::{User, make_way, own, prepare, socket_folder, unprivileged};
use crate::process::{self, Signal};

/// The role and the database that a private server has.
const NAME: &str = "netplanner";

/// How long a start may take: recovery after a crash on a slow machine.
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// How long a fast shutdown may take.
const STOP_GRACE: Duration = Duration::from_secs(30);

/// How often the server's state is looked at while it starts.
const POLL: Duration = Duration::from_millis(20);

/// Where a private server lives and as whom it runs.
#[derive(Clone, Debug)]
pub struct Postgres {
    binaries: PathBuf,
    user: Option<User>,
    home: PathBuf,
    settings: Vec<String>,
}

/// A running private server; stopped when dropped.
#[derive(Debug)]
pub struct RunningPostgres {
    child: Child,
    socket: PathBuf,
    /// Keeps the thread that the kernel counts as the server's parent.
    _parent: mpsc::Sender<()>,
}

impl Postgres {
    /// A server that keeps everything under `home` (created if absent).
    pub fn at(home: &Path) -> Result<Self, PostgresError> {
        let root = rustix::process::geteuid().is_root();
        let home = prepare(home, root)?;
        let binaries = binaries::fitting(&home.join("data"))?;
        let user = if root { Some(unprivileged().ok_or(PostgresError::NoUser)?) } else { None };
        Ok(Self { binaries, user, home, settings: Vec::new() })
    }

    /// Adds a server setting, `name=value`.
    #[must_use]
    pub fn with(mut self, setting: &str) -> Self {
        self.settings.push(setting.to_owned());
        self
    }

    /// Creates the cluster if there is none yet, starts the server and waits until it takes connections.
    pub fn start(&self) -> Result<RunningPostgres, PostgresError> {
        let (data, run) = (self.home.join("data"), socket_folder(&self.home));
        for folder in [&self.home, &run] {
            own(folder, self.user.as_ref())?;
        }
        if data.join("PG_VERSION").exists() {
            make_way(&data)?;
        } else {
            self.create(&data)?;
        }
        let log_path = self.home.join("postgres.log");
        let log = File::create(&log_path).map_err(io_error("creating the server's log"))?;
        let said = || tail(&log_path);

        let mut command = self.command("postgres");
        command.arg("-D").arg(&data).arg("-k").arg(&run).args(["-c", "listen_addresses="]);
        for setting in &self.settings {
            command.arg("-c").arg(setting);
        }
        let errors = log.try_clone().map_err(io_error("opening the server's log"))?;
        command.stdin(Stdio::null()).stdout(log).stderr(errors);
        let (mut child, parent) = spawn_from_own_thread(command)?;
        let begin = clock::now();
        loop {
            if is_ready(&data, child.id()) {
                return Ok(RunningPostgres { child, socket: run, _parent: parent });
            }
            let ended = child.try_wait().map_err(io_error("waiting for postgres"))?;
            if ended.is_some() || clock::now().since(begin) > START_TIMEOUT {
                let _ = process::stop(&mut child, Signal::INT, STOP_GRACE);
                return Err(PostgresError::Failed { what: "postgres", said: said() });
            }
            std::thread::sleep(POLL);
        }
    }

    /// `initdb`, and the one database, beside its place and then moved there: a kill leaves nothing half-made.
    fn create(&self, data: &Path) -> Result<(), PostgresError> {
        let new = &data.with_extension("new");
        if new.exists() {
            fs::remove_dir_all(new).map_err(io_error("removing a half-made data folder"))?;
        }
        let mut initdb = self.command("initdb");
        initdb.arg("-D").arg(new).args(["-A", "trust", "-U", NAME, "-E", "UTF8", "--locale=C.UTF-8"]);
        finish("initdb", initdb, "")?;
        let mut single = self.command("postgres");
        single.arg("--single").arg("-D").arg(new).arg("postgres");
        finish("postgres --single", single, &format!("CREATE DATABASE {NAME};\n"))?;
        fs::rename(new, data).map_err(io_error("moving the data folder to its place"))
    }

    /// A program of Postgres, as the user it must run as, dying with us.
    fn command(&self, program: &str) -> Command {
        let program = self.binaries.join(program);
        let Some(user) = &self.user else { return process::dying_with_us(&program, "INT") };
        let mut command = Command::new("setpriv");
        command
            .arg(format!("--reuid={}", user.uid))
            .arg(format!("--regid={}", user.gid))
            .args(["--clear-groups", "--pdeathsig", "INT", "--"])
            .arg(program);
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.current_dir("/"); // a folder that the user can enter
        command
    }
}

impl RunningPostgres {
    /// How to connect: a libpq URL that names the socket's folder.
    pub fn url(&self) -> String {
        self.url_of(NAME)
    }

    /// How to connect to another database of the server.
    pub fn url_of(&self, database: &str) -> String {
        let folder = self.socket.display().to_string().replace('%', "%25").replace('/', "%2F");
        format!("postgres://{NAME}@{folder}/{database}")
    }

    /// Stops the server: sessions end, everything committed is on disk.
    pub fn stop(mut self) -> Result<(), PostgresError> {
        self.shut_down()
    }

    /// Whether the server is still there.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    fn shut_down(&mut self) -> Result<(), PostgresError> {
        process::stop(&mut self.child, Signal::INT, STOP_GRACE)
            .map(|_| ())
            .map_err(io_error("stopping postgres"))
    }
}

impl Drop for RunningPostgres {
    fn drop(&mut self) {
        let _ = self.shut_down();
    }
}

/// Spawns from a thread that lives until the returned sender is dropped: the kernel tells a child of the end of the
/// *thread* that spawned it, and threads of runtimes and tests come and go.
fn spawn_from_own_thread(mut command: Command) -> Result<(Child, mpsc::Sender<()>), PostgresError> {
    let failed = "starting setpriv (package util-linux)";
    let (tell, told) = mpsc::channel();
    let (alive, end) = mpsc::channel::<()>();
    std::thread::Builder::new()
        .name("postgres".to_owned())
        .spawn(move || {
            let _ = tell.send(command.spawn());
            let _ = end.recv();
        })
        .map_err(io_error("starting a thread"))?;
    let child = told.recv().map_err(|_| io_error(failed)(io::ErrorKind::Other.into()))?;
    Ok((child.map_err(io_error(failed))?, alive))
}

/// The server writes its state into the eighth line of its pid file.
fn is_ready(data: &Path, pid: u32) -> bool {
    let Ok(text) = fs::read_to_string(data.join("postmaster.pid")) else { return false };
    let mut lines = text.lines();
    lines.next() == Some(pid.to_string().as_str())
        && lines.nth(6).is_some_and(|state| state.trim() == "ready")
}

/// Runs a program of Postgres to its end.
fn finish(what: &'static str, mut command: Command, input: &str) -> Result<(), PostgresError> {
    let failed = io_error(what);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(io_error("starting setpriv (package util-linux)"))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).map_err(io_error(what))?;
    }
    let output = child.wait_with_output().map_err(failed)?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(PostgresError::Failed { what, said: String::from_utf8_lossy(&said).trim().to_owned() })
}

fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(5)..].join("; ")
}

#[cfg(test)]
mod tests;
