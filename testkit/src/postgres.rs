//! Throw-away databases: one private server for a test process, a fresh database for each who asks.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result};
use cli::postgres::{Postgres, RunningPostgres};
use tempfile::TempDir;
use tokio_postgres::NoTls;

/// A private server in a temporary folder. Everything is gone when it is dropped.
#[derive(Debug)]
pub struct Server {
    running: Option<RunningPostgres>,
    postgres: Postgres,
    home: PathBuf,
    _folder: TempDir,
}

impl Server {
    /// Starts a server. The calling thread must outlive it.
    ///
    /// It does not wait for the disk: what tests kill is our processes, never the machine.
    pub fn start() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("np-").tempdir_in("/tmp")?;
        // the server's user has to get through
        std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        let home = folder.path().join("pg");
        let postgres = Postgres::at(&home)?.with("fsync=off").with("max_connections=200");
        let running = Some(postgres.start()?);
        Ok(Self { running, postgres, home, _folder: folder })
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

    /// What the server logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.home.join("postgres.log")).unwrap_or_default()
    }
}

/// A fresh, empty database on a server that all tests of this process share; yields its URL.
pub async fn database() -> Result<String> {
    static SERVER: OnceLock<Result<String, String>> = OnceLock::new();
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let server = SERVER.get_or_init(|| start_on_own_thread().map_err(|error| format!("{error:#}")));
    let url = server.as_ref().map_err(|error| anyhow::anyhow!("no database for tests: {error}"))?;
    let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    create(url, &name).await?;
    let (base, _) = url.rsplit_once('/').context("a URL with a database")?;
    Ok(format!("{base}/{name}"))
}

/// The server ends with the thread that started it, and a test's thread ends with the test: so it gets one of its own,
/// which ends with the process.
fn start_on_own_thread() -> Result<String> {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::Builder::new().name("postgres".into()).spawn(move || {
        let server = Server::start();
        let url = server.as_ref().map(|server| server.running.as_ref().map(RunningPostgres::url));
        let _ = sender.send(url.map_err(|error| format!("{error:#}")));
        while server.is_ok() {
            std::thread::park();
        }
    })?;
    let url = receiver.recv()?.map_err(anyhow::Error::msg)?;
    url.context("the server runs")
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
        let (first, second) = (database().await.unwrap(), database().await.unwrap());
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
