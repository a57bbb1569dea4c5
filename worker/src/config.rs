//! The worker's settings: flags, each with an environment variable, a unit, a default and a reason. The one file of
//! the worker that reads the environment.

use std::path::PathBuf;

use clap::Parser;
use common::cookie::{Cookie, CookieError};
use common::tls::{ClientTls, TlsFiles};

use crate::agent::core::Memory;
use crate::dial::DialSettings;
use crate::meter;

/// Computes shards for a NetPlanner coordinator.
#[derive(Clone, Debug, Parser)]
#[command(name = "worker", version = BUILD)]
pub struct Config {
    /// Where the coordinator listens for workers: `host:port`, several separated by commas. All are tried in turn, and
    /// so are all addresses of a name.
    #[arg(long, env = "NETPLANNER_COORDINATOR", value_delimiter = ',', default_value = "127.0.0.1:5021")]
    pub coordinator: Vec<String>,

    /// Tasks at a time. Default: one per core, since a task keeps a core busy.
    #[arg(long, env = "NETPLANNER_LANES", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub lanes: Option<u16>,

    /// Threads of the pool in which parallel algorithms compute inside one shard. Default: one per core.
    #[arg(long, env = "NETPLANNER_THREADS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,

    /// What this worker is, `key=value`, repeatable: algorithms and runs may ask for workers with certain labels.
    #[arg(long = "label", env = "NETPLANNER_LABELS", value_delimiter = ',', value_parser = label)]
    pub labels: Vec<(String, String)>,

    /// Memory for inputs and opened runs, in MiB, by a rough estimate. What running tasks use is kept in any case.
    #[arg(long, env = "NETPLANNER_CACHE_MIB", default_value_t = 512, value_parser = clap::value_parser!(u32).range(64..))]
    pub cache_mib: u32,

    /// Memory for results that the coordinator has not stored yet, in MiB; lanes wait when it is used up. The default
    /// bridges a database that is away for some seconds.
    #[arg(long, env = "NETPLANNER_UNSTORED_MIB", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
    pub unstored_mib: u32,

    /// Memory that this process may use, in MiB: tasks that ask for memory are counted against it. Default: what its control
    /// group allows, else the machine's memory; several workers on one machine should be given a share each.
    #[arg(long, env = "NETPLANNER_MEMORY_MIB", value_parser = clap::value_parser!(u32).range(64..))]
    pub memory_mib: Option<u32>,

    /// Percent of that memory from which on nothing is begun beside what is being computed, so that the process is not
    /// killed for it. The default leaves what a task may allocate within the second between two looks.
    #[arg(long, env = "NETPLANNER_MEMORY_HIGH_PERCENT", default_value_t = 90, value_parser = clap::value_parser!(u8).range(10..=100))]
    pub memory_high_percent: u8,

    /// Time from SIGTERM to the end of the process at the latest, in seconds. What does not end by then is handed
    /// back. Must be shorter than the time after which whatever runs workers kills them.
    #[arg(long, env = "NETPLANNER_DRAIN_GRACE_S", default_value_t = 30)]
    pub drain_grace_s: u32,

    /// Authorities, in PEM form, one of which must have signed the certificates of coordinators. With the next two the
    /// link is encrypted and both ends show certificates; needed beyond loopback. The files are looked at again every
    /// two seconds.
    #[arg(long, env = "NETPLANNER_CLUSTER_CA", value_name = "FILE", requires_all = ["cluster_cert", "cluster_key"])]
    pub cluster_ca: Option<PathBuf>,

    /// This worker's certificate, in PEM form; those of intermediate authorities follow it.
    #[arg(long, env = "NETPLANNER_CLUSTER_CERT", value_name = "FILE", requires_all = ["cluster_ca", "cluster_key"])]
    pub cluster_cert: Option<PathBuf>,

    /// The private key of that certificate, in PEM form, without a password.
    #[arg(long, env = "NETPLANNER_CLUSTER_KEY", value_name = "FILE", requires_all = ["cluster_ca", "cluster_cert"])]
    pub cluster_key: Option<PathBuf>,

    /// The name that certificates of coordinators must carry. Default: the host that is dialled.
    #[arg(long, env = "NETPLANNER_CLUSTER_SERVER_NAME", value_name = "NAME")]
    pub cluster_server_name: Option<String>,

    /// Speak plain text with coordinators on other machines: the network has to keep others out, also from listening.
    #[arg(long, env = "NETPLANNER_ALLOW_PLAINTEXT_CLUSTER")]
    pub allow_plaintext_cluster: bool,

    /// The file with the secret that the coordinator must know too, the second check after certificates. Without a file
    /// it is NETPLANNER_COOKIE of the environment; without both everybody's, which is good for loopback only.
    #[arg(long, env = "NETPLANNER_COOKIE_FILE", value_name = "FILE")]
    pub cookie_file: Option<PathBuf>,

    /// What to log: `error`, `warn`, `info`, `debug`, or directives such as `info,worker=debug`.
    #[arg(long, env = "NETPLANNER_LOG", default_value = "info")]
    pub log: String,

    /// How log lines look: `text` or `json`.
    #[arg(long, env = "NETPLANNER_LOG_FORMAT", default_value = "text", value_parser = ["text", "json"])]
    pub log_format: String,
}

/// The build of this worker: version and, where known, commit.
pub const BUILD: &str = env!("NETPLANNER_BUILD");

impl Config {
    /// Lanes, by default one per core.
    pub fn lanes(&self) -> u16 {
        self.lanes.unwrap_or_else(cores)
    }

    /// What this process may use of the memory.
    pub fn memory(&self) -> Memory {
        let limit_bytes = self.memory_mib.map_or_else(meter::memory_limit_bytes, |mib| u64::from(mib) << 20);
        Memory { limit_bytes, high_bytes: limit_bytes / 100 * u64::from(self.memory_high_percent) }
    }

    /// Threads of the rayon pool, by default one per core.
    pub fn threads(&self) -> u16 {
        self.threads.unwrap_or_else(cores)
    }

    /// The secret of the cluster.
    ///
    /// # Errors
    /// Where it is said to be somewhere and is not there.
    pub fn cookie(&self) -> Result<Cookie, CookieError> {
        // no flag: arguments can be read by everyone on the machine
        Cookie::find(self.cookie_file.as_deref(), std::env::var_os("NETPLANNER_COOKIE"))
    }

    /// The certificates of the link, if it has any.
    pub fn cluster_tls(&self) -> Option<TlsFiles> {
        let (ca, cert, key) =
            (self.cluster_ca.clone()?, self.cluster_cert.clone()?, self.cluster_key.clone()?);
        Some(TlsFiles { ca, cert, key })
    }

    /// How coordinators are dialled.
    pub fn dial(&self, cookie: Cookie, tls: Option<ClientTls>) -> DialSettings {
        DialSettings {
            coordinators: self.coordinator.clone(),
            cookie,
            tls,
            server_name: self.cluster_server_name.clone(),
            plaintext_beyond_loopback: self.allow_plaintext_cluster,
        }
    }

    /// The name of this machine, for people.
    pub fn host() -> String {
        rustix::system::uname().nodename().to_string_lossy().into_owned()
    }
}

/// Cores that this process may use; a container's quota counts.
fn cores() -> u16 {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    u16::try_from(cores).unwrap_or(u16::MAX).min(1024)
}

fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(format!("a label is key=value, not {text:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_well_formed_and_have_defaults() {
        let config = Config::try_parse_from(["worker"]).unwrap();
        assert_eq!(config.coordinator, ["127.0.0.1:5021"]);
        assert!(config.lanes() >= 1);
        let memory = config.memory();
        assert!(memory.limit_bytes > 64 << 20 && memory.high_bytes < memory.limit_bytes, "{memory:?}");
        assert!(!Config::host().is_empty());
    }

    #[test]
    fn lists_and_labels_are_read() {
        let arguments = ["worker", "--coordinator", "a:1,b:2", "--label", "zone=north", "--lanes", "3"];
        let config = Config::try_parse_from(arguments).unwrap();
        assert_eq!(config.coordinator, ["a:1", "b:2"]);
        assert_eq!(config.labels, [("zone".to_owned(), "north".to_owned())]);
        assert_eq!(config.lanes(), 3);
        assert!(Config::try_parse_from(["worker", "--label", "north"]).is_err());
        assert!(Config::try_parse_from(["worker", "--lanes", "0"]).is_err());
    }
}
