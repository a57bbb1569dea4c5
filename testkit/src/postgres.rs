//! Throw-away databases: one private server for a test process, a fresh database for each who asks.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use cli::postgres::{Postgres, RunningPostgres};
use tempfile::TempDir;
use tokio_postgres::NoTls;

use crate::certificates::{Issued, put};
use crate::process::family_cpu_time;

/// A private server in a temporary folder. Everything is gone when it is dropped.
#[derive(Debug)]
pub struct Server {
    running: Option<RunningPostgres>,
    postgres: Postgres,
    home: PathBuf,
    _folder: TempDir,
}

impl Server {
    /// Starts a server.
    ///
    /// It does not wait for the disk: what tests kill is our processes, never the machine.
    pub fn start() -> Result<Self> {
        Self::with(&["fsync=off"])
    }

    /// Starts a server that waits for the disk as a real one does, to be measured.
    pub fn durable() -> Result<Self> {
        Self::with(&[])
    }

    /// Starts a server with more settings, each `name=value`.
    pub fn with(settings: &[&str]) -> Result<Self> {
        Self::made(settings, None)
    }

    fn made(settings: &[&str], certificate: Option<&Issued>) -> Result<Self> {
        sweep();
        let prefix = format!("np-{}-", std::process::id());
        let folder = tempfile::Builder::new().prefix(&prefix).tempdir_in("/tmp")?;
        // the server's user has to get through
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))?;
        let home = folder.path().join("pg");
        copy_template(&home)?;
        let postgres = Postgres::at(&home)?.with("max_connections=200");
        let mut postgres = settings.iter().fold(postgres, |postgres, setting| postgres.with(setting));
        if let Some(Issued { certificate, key }) = certificate {
            let owner = std::fs::metadata(home.join("data"))?;
            for (file, setting, text) in
                [("server.crt", "ssl_cert_file", certificate), ("server.key", "ssl_key_file", key)]
            {
                let file = folder.path().join(file);
                put(&file, text)?;
                // the server insists that the key is its own
                std::os::unix::fs::chown(&file, Some(owner.uid()), Some(owner.gid()))?;
                postgres = postgres.with(&format!("{setting}={}", file.display()));
            }
        }
        let running = Some(postgres.start()?);
        Ok(Self { running, postgres, home, _folder: folder })
    }

    /// Starts a server that shows this certificate to whoever comes to `port` of 127.0.0.1.
    pub fn encrypted(certificate: &Issued, port: u16) -> Result<Self> {
        let port = format!("port={port}");
        Self::made(&["fsync=off", "ssl=on", "listen_addresses=127.0.0.1", &port], Some(certificate))
    }

    /// Creates a database and says how to connect to it.
    pub async fn database(&self, name: &str) -> Result<String> {
        let running = self.running.as_ref().context("the server is stopped")?;
        create(&running.url(), name).await?;
        Ok(running.url_of(name))
    }

    /// Stops the server: its databases are away.
    pub fn stop(&mut self) -> Result<()> {
        self.running.take().map_or(Ok(()), |running| Ok(running.stop()?))
    }

    /// Starts it again with everything that was committed.
    pub fn start_again(&mut self) -> Result<()> {
        if self.running.is_none() {
            self.running = Some(self.postgres.start()?);
        }
        Ok(())
    }

    /// User and system CPU time of the server's processes so far, of those that ended too.
    pub fn cpu_time(&self) -> Result<Duration> {
        let file = std::fs::read_to_string(self.home.join("data/postmaster.pid"))?;
        let postmaster: u32 = file.lines().next().context("a process id")?.trim().parse()?;
        family_cpu_time(postmaster)
    }

    /// What the server logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.home.join("postgres.log")).unwrap_or_default()
    }
}

/// A fresh, empty database on a server that all tests of this process share; yields its URL.
///
/// # Panics
/// If there is no Postgres on this machine.
pub fn database() -> String {
    static SERVER: OnceLock<Server> = OnceLock::new();
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let server = SERVER.get_or_init(|| Server::start().expect("a private Postgres starts"));
    let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    // Tests call this from inside their runtimes, which must not block: so it runs in one of its own.
    let created = std::thread::scope(|scope| {
        let create = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(server.database(&name))
        };
        scope.spawn(create).join()
    });
    created.expect("no panic").expect("a database is created")
}

/// Removes what killed test processes left: their servers are gone, their folders stay.
pub(crate) fn sweep() {
    let folders = std::fs::read_dir("/tmp").into_iter().flatten().flatten();
    for folder in folders {
        let name = folder.file_name();
        let pid =
            name.to_str().and_then(|name| name.strip_prefix("np-")).and_then(|rest| rest.split('-').next());
        if pid.is_some_and(|pid| {
            pid.parse::<u32>().is_ok() && !std::path::Path::new("/proc").join(pid).exists()
        }) {
            let _ = std::fs::remove_dir_all(folder.path());
        }
    }
}

/// Puts a fresh cluster into `home`: a copy of one that is made once per machine, which saves a second per process.
pub(crate) fn copy_template(home: &Path) -> Result<()> {
    let binaries = cli::postgres::find_binaries().context("no Postgres binaries")?;
    let made_by = common::ids::ContentHash::of(binaries.as_os_str().as_encoded_bytes()).to_string();
    let owner = std::fs::metadata("/proc/self")?.uid();
    let template = PathBuf::from(format!("/tmp/netplanner-template-{owner}-{}", &made_by[..12]));
    if !template.exists() {
        let prefix = format!("np-{}-", std::process::id());
        let making = tempfile::Builder::new().prefix(&prefix).tempdir_in("/tmp")?;
        std::fs::set_permissions(making.path(), std::fs::Permissions::from_mode(0o755))?;
        Postgres::at(&making.path().join("pg"))?.with("fsync=off").start()?.stop()?;
        // of several processes that make one at the same time the first is as good as any
        let _ = std::fs::rename(making.path().join("pg"), &template);
    }
    let copied =
        std::process::Command::new("cp").args(["-a", "--reflink=auto"]).arg(&template).arg(home).status()?;
    anyhow::ensure!(copied.success(), "copying {} failed", template.display());
    Ok(())
}

async fn create(url: &str, name: &str) -> Result<()> {
    let (client, connection) =
        tokio_postgres::connect(url, NoTls).await.context("connecting to create a database")?;
    let driver = tokio::spawn(connection);
    client.batch_execute(&format!("CREATE DATABASE {name}")).await?;
    drop(client);
    driver.await??;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(url: &str, query: &str) -> Result<String> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(connection);
        Ok(client.query_one(query, &[]).await?.get(0))
    }

    #[tokio::test]
    async fn databases_are_separate_and_survive_a_restart_of_their_server() {
        let (first, second) = (database(), database());
        assert_ne!(
            ask(&first, "SELECT current_database()::text").await.unwrap(),
            ask(&second, "SELECT current_database()::text").await.unwrap()
        );

        let mut server = Server::start().unwrap();
        let url = server.database("kept").await.unwrap();
        server.stop().unwrap();
        assert!(ask(&url, "SELECT 'there'").await.is_err());
        server.start_again().unwrap();
        assert_eq!(ask(&url, "SELECT 'there'").await.unwrap(), "there");
    }
}
