//! A private Postgres: the machine's binaries, a folder of ours, a Unix socket, no set-up.
//!
//! Postgres refuses to run as root, so root's children become an unprivileged user. The server is a child of a thread
//! of its own and shuts down when that thread ends, also by `kill -9` of the process.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use common::clock;

use crate::process::{self, Signal};

/// The role and the database that a private server has.
const NAME: &str = "netplanner";

/// How long a start may take: recovery after a crash on a slow machine.
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// How long a fast shutdown may take.
const STOP_GRACE: Duration = Duration::from_secs(30);

/// How often the server's state is looked at while it starts.
const POLL: Duration = Duration::from_millis(20);

/// The oldest release that has what we need (`idle_session_timeout`, `lz4`).
const OLDEST: u32 = 14;

/// Where the data of root's server lives if its user cannot enter the folder that was asked for.
const ROOTS_DATA: &str = "/var/lib/netplanner";

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
    /// What the machine has is too old.
    #[error(
        "the PostgreSQL found here is release {found}: NetPlanner needs {OLDEST} or later, or a DATABASE_URL"
    )]
    TooOld {
        /// The newest that was found.
        found: u32,
    },
    /// The data was made by a release that is not installed.
    #[error(
        "the data in {} was made by PostgreSQL {made_by}, which is not installed: install it, or move the folder away",
        folder.display()
    )]
    OtherRelease {
        /// Where the data is.
        folder: PathBuf,
        /// The release.
        made_by: u32,
    },
    /// Another server works on the same folder.
    #[error("a server with process id {pid} runs on {}: is `netplanner dev` running already?", folder.display())]
    InUse {
        /// Where the data is.
        folder: PathBuf,
        /// The server.
        pid: u32,
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
    /// Keeps the thread that the kernel counts as the server's parent.
    _parent: mpsc::Sender<()>,
}

impl Postgres {
    /// A server that keeps everything under `home` (created if absent).
    pub fn at(home: &Path) -> Result<Self, PostgresError> {
        let root = rustix::process::geteuid().is_root();
        let home = prepare(home, root)?;
        let binaries = binaries_for(&home.join("data"))?;
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

    /// Creates a folder that only the server's user can enter.
    fn own(&self, folder: &Path) -> Result<(), PostgresError> {
        let what = format!("preparing {}", folder.display());
        fs::create_dir_all(folder).map_err(io_error(&what))?;
        // in /tmp someone else may have been there first
        let found = fs::symlink_metadata(folder).map_err(io_error(&what))?;
        let ours = [Some(rustix::process::geteuid().as_raw()), self.user.as_ref().map(|user| user.uid)];
        if !found.is_dir() || !ours.contains(&Some(found.uid())) {
            return Err(io_error(&what)(io::Error::other("it belongs to someone else")));
        }
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

/// The folder of the newest server binaries: the setting, the path, where distributions put them.
pub fn find_binaries() -> Option<PathBuf> {
    candidates().into_iter().next().map(|(_, folder)| folder)
}

/// Binaries that can work on `data`: those of the release that made it, else the preferred ones.
fn binaries_for(data: &Path) -> Result<PathBuf, PostgresError> {
    let candidates = candidates();
    let newest = candidates.iter().map(|(release, _)| *release).max().ok_or(PostgresError::NotInstalled)?;
    let made_by = fs::read_to_string(data.join("PG_VERSION")).ok().and_then(|text| text.trim().parse().ok());
    let fits = |release: u32| release >= OLDEST && made_by.is_none_or(|made_by| release == made_by);
    match (candidates.into_iter().find(|(release, _)| fits(*release)), made_by) {
        (Some((_, folder)), _) => Ok(folder),
        (None, Some(made_by)) => Err(PostgresError::OtherRelease { folder: data.to_owned(), made_by }),
        (None, None) => Err(PostgresError::TooOld { found: newest }),
    }
}

/// Folders with server binaries and their releases, the preferred first.
fn candidates() -> Vec<(u32, PathBuf)> {
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
    let folders = named.into_iter().chain(on_path.into_iter().flatten()).chain(installed);
    folders.filter_map(|folder| Some((release(&folder)?, folder))).collect()
}

/// The release of the server in `folder`, from `postgres (PostgreSQL) 15.18 (…)`.
fn release(folder: &Path) -> Option<u32> {
    if !folder.join("initdb").is_file() || !folder.join("postgres").is_file() {
        return None;
    }
    let said = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let number = said.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    number.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok()
}

/// The data folder, made absolute. Below a folder that others cannot enter, root's server lives in [`ROOTS_DATA`].
fn prepare(home: &Path, root: bool) -> Result<PathBuf, PostgresError> {
    fs::create_dir_all(home).map_err(io_error(&format!("creating {}", home.display())))?;
    let home = home.canonicalize().map_err(io_error("resolving the data folder"))?;
    let closed = home
        .ancestors()
        .skip(1)
        .any(|folder| fs::metadata(folder).is_ok_and(|metadata| metadata.permissions().mode() & 0o001 == 0));
    if !root || !closed {
        return Ok(home);
    }
    let moved = Path::new(ROOTS_DATA).join(short_name(&home));
    fs::create_dir_all(&moved).map_err(io_error(&format!("creating {}", moved.display())))?;
    tracing::info!(folder = %moved.display(), "the database lives here: its user cannot enter {}", home.display());
    Ok(moved)
}

/// Waits for a server that is shutting down on `data`, and removes the traces of one that is gone.
fn make_way(data: &Path) -> Result<(), PostgresError> {
    let file = data.join("postmaster.pid");
    let begin = clock::now();
    while let Ok(text) = fs::read_to_string(&file) {
        let lines: Vec<&str> = text.lines().collect();
        let Some(pid) = lines.first().and_then(|line| line.trim().parse::<u32>().ok()) else { return Ok(()) };
        // a server's working folder is its data; after a restart of a container its id may be anybody's
        if fs::read_link(format!("/proc/{pid}/cwd")).ok().as_deref() != Some(data) {
            return fs::remove_file(&file)
                .map_err(io_error("removing the pid file of a server that is gone"));
        }
        // one whose parent was killed a moment ago may not have noticed yet
        let stopping = lines.get(7).is_some_and(|state| state.trim() == "stopping");
        let patience = if stopping { STOP_GRACE } else { Duration::from_millis(500) };
        if clock::now().since(begin) > patience {
            return Err(PostgresError::InUse { folder: data.to_owned(), pid });
        }
        std::thread::sleep(POLL);
    }
    Ok(())
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
        assert!(matches!(error, PostgresError::InUse { .. }), "two servers on one folder: {error}");
        assert!(first.is_running(), "the second did not disturb the first");
        first.stop().unwrap();

        let created = fs::metadata(postgres.home.join("data/PG_VERSION")).unwrap().modified().unwrap();
        // as another process would: the folder belongs to the server's user by now
        let again = Postgres::at(&folder.join("pg")).unwrap();
        again.start().unwrap().stop().unwrap();
        assert_eq!(fs::metadata(postgres.home.join("data/PG_VERSION")).unwrap().modified().unwrap(), created);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_crash_leaves_nothing_in_the_way_of_the_next_start() {
        let folder = std::env::temp_dir().join(format!("netplanner-pg-crash-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        let postgres = Postgres::at(&folder.join("pg")).unwrap();
        // a kill in the middle of initdb
        let half = postgres.home.join("data.new");
        fs::create_dir_all(half.join("base")).unwrap();
        fs::write(half.join("PG_VERSION"), "15").unwrap();
        let mut first = postgres.start().unwrap();
        assert!(!half.exists());

        // a kill of the server, whose process id is somebody else's by the next start
        process::signal(&first.child, Signal::KILL).unwrap();
        first.child.wait().unwrap();
        let file = postgres.home.join("data/postmaster.pid");
        let text = fs::read_to_string(&file).unwrap();
        let (_, rest) = text.split_once('\n').unwrap();
        fs::write(&file, format!("{}\n{rest}", std::process::id())).unwrap();
        postgres.start().unwrap().stop().unwrap();

        // data of a release that is not there
        fs::write(postgres.home.join("data/PG_VERSION"), "97\n").unwrap();
        let error = Postgres::at(&folder.join("pg")).unwrap_err();
        assert!(matches!(error, PostgresError::OtherRelease { made_by: 97, .. }), "{error}");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn the_server_outlives_the_thread_that_started_it_and_not_its_handle() {
        let folder = std::env::temp_dir().join(format!("netplanner-pg-thread-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        let postgres = Postgres::at(&folder.join("pg")).unwrap();
        let starter = postgres.clone();
        let mut running = std::thread::spawn(move || starter.start().unwrap()).join().unwrap();
        std::thread::sleep(Duration::from_millis(300));
        assert!(running.is_running());
        drop(running);
        assert!(!postgres.home.join("data/postmaster.pid").exists());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_socket_path_is_never_too_long() {
        assert_eq!(socket_folder(Path::new("/srv/data/pg")), Path::new("/srv/data/pg/run"));
        let deep = PathBuf::from(format!("/{}", "x".repeat(120)));
        assert!(socket_folder(&deep).as_os_str().len() < 60);
    }
}
