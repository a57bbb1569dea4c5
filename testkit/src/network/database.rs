//! A Postgres on a node of its own, reached over the network, on a disk that can be filled.

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use cli::process::Signal;
use common::clock;
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

use super::{Network, Node};
use crate::postgres::{copy_template, sweep};
use crate::process::Process;

/// How long a stop in order may take before it is not waited for.
const STOP: Duration = Duration::from_secs(10);

/// A server on a node. Its data live on a disk in memory that is as large as asked for and gone with the node.
#[derive(Debug)]
pub struct Database {
    /// Where it runs.
    pub node: Node,
    /// The server; none while it is down.
    pub server: Option<Process>,
    ip: Ipv4Addr,
    owner: (u32, u32),
    disk: PathBuf,
    ballast: PathBuf,
    folder: TempDir,
}

impl Database {
    /// Starts a server on a new node of `network`.
    pub async fn start(network: &mut Network, disk_mib: u32) -> Result<Self> {
        sweep();
        let node = network.add()?;
        let prefix = format!("np-{}-", std::process::id());
        let folder = tempfile::Builder::new().prefix(&prefix).tempdir_in("/tmp")?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        let (fresh, disk) = (folder.path().join("pg"), folder.path().join("disk"));
        copy_template(&fresh)?;
        fs::create_dir(&disk)?;
        let owner = fs::metadata(fresh.join("data"))?;
        let owner = (owner.uid(), owner.gid());
        // as it was made: nobody asks for a password
        fs::write(folder.path().join("hba"), "host all all 0.0.0.0/0 trust\n")?;
        let namespace = network.namespace(node);
        namespace.run(&format!(
            "mount -t tmpfs -o size={disk_mib}m,mode=755 none {disk}
             cp -a {fresh}/data {disk}/data",
            disk = disk.display(),
            fresh = fresh.display()
        ))?;
        fs::remove_dir_all(&fresh)?;
        let ballast = namespace.file(&disk.join("ballast"));
        let mut database = Self { node, server: None, ip: network.ip(node), owner, disk, ballast, folder };
        database.start_again(network).await?;
        Ok(database)
    }

    /// Starts the server with everything that is on its disk, and waits until it takes connections.
    pub async fn start_again(&mut self, network: &Network) -> Result<()> {
        let binaries = cli::postgres::find_binaries().context("there is no Postgres")?;
        let flags = network.namespace(self.node).flags();
        let (data, hba) = (self.disk.join("data"), self.folder.path().join("hba"));
        let settings = [
            "listen_addresses=*".to_owned(),
            "unix_socket_directories=".to_owned(),
            format!("hba_file={}", hba.display()),
            // what is killed is the server, never the machine
            "fsync=off".to_owned(),
            "max_connections=200".to_owned(),
            "max_wal_size=64MB".to_owned(),
            "min_wal_size=32MB".to_owned(),
        ];
        let begin = clock::now();
        loop {
            let mut server =
                Process::start("postgres", Path::new("nsenter"), self.folder.path(), |command| {
                    command.current_dir("/").args(flags.clone()).args(["--", "setpriv"]);
                    let (uid, gid) = self.owner;
                    command.args([format!("--reuid={uid}"), format!("--regid={gid}")]);
                    command.args(["--clear-groups", "--pdeathsig", "QUIT", "--"]);
                    command.arg(binaries.join("postgres")).arg("-D").arg(&data);
                    settings.iter().fold(command, |command, setting| command.args(["-c", setting.as_str()]))
                })?;
            while server.ended()?.is_none() {
                if self.connect().await.is_ok() {
                    self.server = Some(server);
                    return Ok(());
                }
                if clock::now().since(begin) > crate::cluster::SOON {
                    bail!("Postgres does not start: {}", server.log());
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            // a server that was killed leaves children that hold its memory for a moment
            if clock::now().since(begin) > crate::cluster::SOON {
                bail!("Postgres ends: {}", server.log());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// How to connect, from every node.
    pub fn url(&self) -> String {
        format!("postgres://netplanner@{}:5432/netplanner?connect_timeout=2", self.ip)
    }

    /// A connection of this process's own.
    pub async fn connect(&self) -> Result<Client> {
        let (client, connection) = tokio_postgres::connect(&self.url(), NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// `kill -9` of the server; its children end themselves.
    pub fn kill(&mut self) -> Result<()> {
        self.server.take().context("the database is down")?.kill()
    }

    /// Sends a signal to one of the server's children, as the kernel does that runs out of memory: all of them start
    /// anew, after recovery.
    pub async fn crash(&self) -> Result<()> {
        let client = self.connect().await?;
        let pid: i32 = client.query_one("SELECT pg_backend_pid()", &[]).await?.get(0);
        // its number is the same in all namespaces: only network and mounts are its own
        let pid = rustix::process::Pid::from_raw(pid).context("a backend's number")?;
        rustix::process::kill_process(pid, Signal::KILL)?;
        Ok(())
    }

    /// A fast shutdown, as for a restart.
    pub fn stop(&mut self) -> Result<()> {
        self.server.take().context("the database is down")?.end(Signal::INT, STOP)
    }

    /// Stops the server with all its children from running, or lets them go on.
    pub fn freeze(&self, frozen: bool) -> Result<()> {
        let signal = if frozen { Signal::STOP } else { Signal::CONT };
        self.server.as_ref().context("the database is down")?.signal_family(signal)
    }

    /// Fills the disk to the last byte.
    pub fn fill(&self) -> Result<()> {
        let mut ballast = File::create(&self.ballast)?;
        let mut zeros = std::io::repeat(0);
        match std::io::copy(&mut zeros, &mut ballast) {
            Err(full) if full.kind() == std::io::ErrorKind::StorageFull => Ok(()),
            Err(other) => Err(other.into()),
            Ok(_) => bail!("the disk has no end"),
        }
    }

    /// Takes away what filled it.
    pub fn free(&self) -> Result<()> {
        Ok(fs::remove_file(&self.ballast)?)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            let _ = server.signal_family(Signal::CONT);
            // at once, but in order: its shared memory goes with it
            let _ = server.end(Signal::QUIT, STOP);
        }
    }
}
