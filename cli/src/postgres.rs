//! A private Postgres: the machine's binaries, a folder of ours, a Unix socket, no set-up.
//!
//! Postgres refuses to run as root, so root's children become an unprivileged user. The server shuts down when this
//! process ends, also by `kill -9`: the kernel tells it.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::clock;

use crate::process::{self, Signal};

/// The role and the database that a private server has.
const NAME: &str = "netplanner";

/// How long a start may take: recovery after a crash on a slow machine.
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// How long an orphaned server is waited for.
const PREDECESSOR_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a fast shutdown may take.
const STOP_GRACE: Duration = Duration::from_secs(30);

/// How often the server's state is looked at while it starts.
const POLL: Duration = Duration::from_millis(20);

/// Unprivileged users that root's server may run as, in order of preference.
const USERS: [&str; 2] = ["postgres", "nobody"];

/// Why there is no private Postgres.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// The machine has none.
    #[error(
        "there is no database: set DATABASE_URL, or install PostgreSQL (`make setup` does), or name the folder of its binaries in NETPLANNER_PG_BIN"
    )]
    NotInstalled,
    /// The data were written by a version that is not there.
    #[error("{} was written by PostgreSQL {version}, which is not installed; move it away to begin anew", home.display())]
    OtherVersion {
        /// The data folder.
        home: PathBuf,
        /// Major version that wrote it.
        version: String,
    },
    /// This user is root and there is nobody to become.
    #[error("Postgres does not run as root, and there is no user {}", USERS.join(" or "))]
    NoUser,
    /// Something on disk or a program failed.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system says.
        source: io::Error,
    },
    /// Postgres said no.
    #[error("{what} failed: {said}")]
    Failed {
        /// Which of its programs.
        what: &'static str,
        /// The end of what it printed.
        said: String,
    },
}

/// An unprivileged user.
#[derive(Clone, Debug)]
struct User {
    uid: u32,
    gid: u32,
}

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
}

impl Postgres {
    /// A server that keeps everything under `home` (created if absent).
    pub fn at(home: &Path) -> Result<Self, PostgresError> {
        let home = prepare(home)?;
        let version = fs::read_to_string(home.join("data/PG_VERSION")).ok();
        let binaries = find_binaries(version.as_deref().map(str::trim)).ok_or_else(|| match version {
            Some(version) => {
                PostgresError::OtherVersion { home: home.clone(), version: version.trim().to_owned() }
            }
            None => PostgresError::NotInstalled,
        })?;
        // The owner of what we create is who we are.
        let root = fs::metadata(&home).map_err(io_error("looking at the data folder"))?.uid() == 0;
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
            self.own(folder)?;
        }
        if !data.join("PG_VERSION").exists() {
            self.create(&data)?;
        }
        wait_for_predecessor(&data)?;
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
        let mut child = spawn_for_life(command).map_err(io_error("starting setpriv (package util-linux)"))?;
        let begin = clock::now();
        loop {
            if is_ready(&data, child.id()) {
                return Ok(RunningPostgres { child, socket: run });
            }
            let ended = child.try_wait().map_err(io_error("waiting for postgres"))?;
            if ended.is_some() || clock::now().since(begin) > START_TIMEOUT {
                let _ = process::stop(&mut child, Signal::INT, STOP_GRACE);
                return Err(PostgresError::Failed { what: "postgres", said: said() });
            }
            std::thread::sleep(POLL);
        }
    }

    /// `initdb`, and the one database. Half of it, left by a kill, is thrown away by the next attempt.
    fn create(&self, data: &Path) -> Result<(), PostgresError> {
        let whole = data;
        let data = &data.with_extension("new");
        if data.exists() {
            fs::remove_dir_all(data).map_err(io_error("removing a half-made data folder"))?;
        }
        let mut initdb = self.command("initdb");
        initdb.arg("-D").arg(data).args(["-A", "trust", "-U", NAME, "-E", "UTF8", "--locale=C.UTF-8"]);
        finish("initdb", initdb, "")?;
        let mut single = self.command("postgres");
        single.arg("--single").arg("-D").arg(data).arg("postgres");
        finish("postgres --single", single, &format!("CREATE DATABASE {NAME};\n"))?;
        fs::rename(data, whole).map_err(io_error("naming the data folder"))
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

    /// Creates a folder that only the server's user can enter.
    fn own(&self, folder: &Path) -> Result<(), PostgresError> {
        let what = format!("preparing {}", folder.display());
        fs::create_dir_all(folder).map_err(io_error(&what))?;
        if let Some(user) = &self.user {
            std::os::unix::fs::chown(folder, Some(user.uid), Some(user.gid)).map_err(io_error(&what))?;
        }
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(io_error(&what))
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

/// Spawns from a thread that lives as long as the process, because the kernel's word of our end is tied to the thread.
fn spawn_for_life(mut command: Command) -> io::Result<Child> {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::Builder::new().name("postgres".to_owned()).spawn(move || {
        let child = command.spawn();
        if child.is_err() {
            let _ = sender.send(child);
            return;
        }
        let _ = sender.send(child);
        loop {
            std::thread::park();
        }
    })?;
    receiver.recv().map_err(|_| io::Error::other("the thread that starts postgres died"))?
}

/// An orphan of a killed process is shutting down: a few seconds are granted. A pid file whose number belongs to
/// another program by now (a container that was started again) is removed.
fn wait_for_predecessor(data: &Path) -> Result<(), PostgresError> {
    let file = data.join("postmaster.pid");
    let begin = clock::now();
    while let Ok(text) = fs::read_to_string(&file) {
        let pid = text.lines().next().unwrap_or_default();
        let program = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        if !program.trim().starts_with("postgres") {
            return fs::remove_file(&file).map_err(io_error("removing a stale postmaster.pid"));
        }
        if clock::now().since(begin) > PREDECESSOR_TIMEOUT {
            break; // it means to stay: postgres itself says so best
        }
        std::thread::sleep(POLL);
    }
    Ok(())
}

/// The folder of the newest server binaries, of a major version if one is named: the setting, the path, where
/// distributions put them.
pub fn find_binaries(major: Option<&str>) -> Option<PathBuf> {
    let is_server = |folder: &PathBuf| {
        folder.join("postgres").is_file()
            && folder.join("initdb").is_file()
            && major.is_none_or(|major| version_of(folder).is_some_and(|found| found == major))
    };
    let named = std::env::var_os("NETPLANNER_PG_BIN").map(PathBuf::from);
    let on_path = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let mut installed: Vec<(u32, PathBuf)> = ["/usr/lib/postgresql", "/usr"]
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            let version = name.strip_prefix("pgsql-").unwrap_or(&name).parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    installed.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    let installed = installed.into_iter().map(|(_, folder)| folder);
    named.into_iter().chain(on_path.into_iter().flatten()).chain(installed).find(is_server)
}

/// Major version of the binaries in a folder.
fn version_of(folder: &Path) -> Option<String> {
    let output = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let number = text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    Some(number.split('.').next().unwrap_or(number).to_owned())
}

/// The data folder, made absolute; below a folder that others cannot enter, root's server lives in `/var/tmp` instead.
fn prepare(home: &Path) -> Result<PathBuf, PostgresError> {
    fs::create_dir_all(home).map_err(io_error(&format!("creating {}", home.display())))?;
    let home = home.canonicalize().map_err(io_error("resolving the data folder"))?;
    let metadata = fs::metadata(&home).map_err(io_error("looking at the data folder"))?;
    let closed = home
        .ancestors()
        .skip(1)
        .any(|folder| fs::metadata(folder).is_ok_and(|metadata| metadata.permissions().mode() & 0o001 == 0));
    if metadata.uid() != 0 || !closed {
        return Ok(home);
    }
    let moved = PathBuf::from(format!("/var/tmp/netplanner-{}", short_name(&home)));
    fs::create_dir_all(&moved).map_err(io_error("creating a data folder in /var/tmp"))?;
    tracing::info!(folder = %moved.display(), "the database lives here: its user cannot enter {}", home.display());
    Ok(moved)
}

/// A short folder for the socket, whose path may have 107 bytes at most.
fn socket_folder(home: &Path) -> PathBuf {
    let inside = home.join("run");
    if inside.as_os_str().len() < 80 {
        inside
    } else {
        PathBuf::from(format!("/tmp/netplanner-{}", short_name(home)))
    }
}

fn short_name(path: &Path) -> String {
    let hash = common::ids::ContentHash::of(path.as_os_str().as_encoded_bytes()).to_string();
    hash[..12].to_owned()
}

fn unprivileged() -> Option<User> {
    let accounts = fs::read_to_string("/etc/passwd").ok()?;
    USERS.iter().find_map(|name| {
        let line = accounts.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some(User { uid: fields.next()?.parse().ok()?, gid: fields.next()?.parse().ok()? })
    })
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

fn io_error(what: &str) -> impl Fn(io::Error) -> PostgresError + use<> {
    let what = what.to_owned();
    move |source| PostgresError::Io { what: what.clone(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_is_created_started_and_stopped_and_keeps_its_data() {
        let folder = std::env::temp_dir().join(format!("netplanner-pg-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        let postgres = Postgres::at(&folder.join("pg")).unwrap();

        let mut first = postgres.start().unwrap();
        assert!(first.is_running());
        assert!(first.url().starts_with("postgres://netplanner@%2F"));
        let error = postgres.start().unwrap_err();
        assert!(error.to_string().contains("postmaster.pid"), "two servers on one folder: {error}");
        assert!(first.is_running(), "the second did not disturb the first");
        first.stop().unwrap();

        let created = fs::metadata(postgres.home.join("data/PG_VERSION")).unwrap().modified().unwrap();
        postgres.start().unwrap().stop().unwrap();
        assert_eq!(fs::metadata(postgres.home.join("data/PG_VERSION")).unwrap().modified().unwrap(), created);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_socket_path_is_never_too_long() {
        assert_eq!(socket_folder(Path::new("/srv/data/pg")), Path::new("/srv/data/pg/run"));
        let deep = PathBuf::from(format!("/{}", "x".repeat(120)));
        assert!(socket_folder(&deep).as_os_str().len() < 60);
    }
}
