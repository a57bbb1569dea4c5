//! The coordinator's settings: flags, each with an environment variable, a unit, a default and a reason. The one file of
//! the coordinator that reads the environment.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use common::cookie::{Cookie, CookieError};
use common::tls::{ServerTls, TlsFiles};

use crate::dispatch::event::{AheadSettings, DispatchSettings};
use crate::http::HttpSettings;
use crate::http::rate::Rate;
use crate::link::LinkSettings;
use crate::store::retention::{DAY, Retention};
use crate::store::{Bounds, DatabaseSettings};

/// Decides what NetPlanner's workers compute, and keeps what they found in Postgres.
#[derive(Clone, Debug, Parser)]
#[command(name = "coordinator", version = BUILD)]
pub struct Config {
    /// The database: `postgresql://user:password@host:port/database`. `netplanner dev` starts a private one. With
    /// `?sslmode=verify-full&sslrootcert=FILE` the connections are encrypted and the server is verified.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: String,

    /// Connections to the database, a third of them for the leader alone. A handler holds one for milliseconds.
    #[arg(long, env = "NETPLANNER_DATABASE_CONNECTIONS", default_value_t = 16, value_parser = clap::value_parser!(u16).range(4..=256))]
    pub database_connections: u16,

    /// Where HTTP is served.
    #[arg(long, env = "NETPLANNER_HTTP_LISTEN", default_value = "127.0.0.1:5020")]
    pub http_listen: SocketAddr,

    /// Where the leader listens for workers.
    #[arg(long, env = "NETPLANNER_CLUSTER_LISTEN", default_value = "127.0.0.1:5021")]
    pub cluster_listen: SocketAddr,

    /// The HTTP address by which other replicas reach this one, `host:port`. Default: where it listens.
    #[arg(long, env = "NETPLANNER_ADVERTISE_HTTP")]
    pub advertise_http: Option<String>,

    /// Serve HTTP beyond loopback, although there are no accounts: the network has to keep others out.
    #[arg(long, env = "NETPLANNER_ALLOW_REMOTE")]
    pub allow_remote: bool,

    /// Authorities, in PEM form, one of which must have signed the certificate of every worker. With the next two the
    /// cluster link is encrypted and both ends show certificates; needed beyond loopback. The files are looked at again
    /// every two seconds.
    #[arg(long, env = "NETPLANNER_CLUSTER_CA", value_name = "FILE", requires_all = ["cluster_cert", "cluster_key"])]
    pub cluster_ca: Option<PathBuf>,

    /// This coordinator's certificate, in PEM form, for the name or address that workers dial; those of intermediate
    /// authorities follow it.
    #[arg(long, env = "NETPLANNER_CLUSTER_CERT", value_name = "FILE", requires_all = ["cluster_ca", "cluster_key"])]
    pub cluster_cert: Option<PathBuf>,

    /// The private key of that certificate, in PEM form, without a password.
    #[arg(long, env = "NETPLANNER_CLUSTER_KEY", value_name = "FILE", requires_all = ["cluster_ca", "cluster_cert"])]
    pub cluster_key: Option<PathBuf>,

    /// Speak plain text with workers on other machines: the network has to keep others out, also from listening.
    #[arg(long, env = "NETPLANNER_ALLOW_PLAINTEXT_CLUSTER")]
    pub allow_plaintext_cluster: bool,

    /// The file with the secret that workers must know too, the second check after certificates. Without a file it is
    /// NETPLANNER_COOKIE of the environment; without both everybody's, which is good for loopback only.
    #[arg(long, env = "NETPLANNER_COOKIE_FILE", value_name = "FILE")]
    pub cookie_file: Option<PathBuf>,

    /// Connections of workers at a time: each costs a session and three tasks.
    #[arg(long, env = "NETPLANNER_MAX_WORKERS", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_workers: u32,

    /// Milliseconds between heartbeats, both ways. What got lost is noticed within two.
    #[arg(long, env = "NETPLANNER_HEARTBEAT_MS", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(100..=60_000))]
    pub heartbeat_ms: u32,

    /// Milliseconds of silence after which a worker counts as dead and its shards go to others; after two fifths of it
    /// they are copied. Five heartbeats: a busy machine may miss two or three.
    #[arg(long, env = "NETPLANNER_WORKER_SILENCE_MS", default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(500..))]
    pub worker_silence_ms: u32,

    /// Milliseconds of a leader's silence after which its workers look for another. Three heartbeats: as long as the
    /// database keeps the leadership of a coordinator that it does not hear.
    #[arg(long, env = "NETPLANNER_LEADER_SILENCE_MS", default_value_t = 3_000, value_parser = clap::value_parser!(u32).range(500..))]
    pub leader_silence_ms: u32,

    /// Milliseconds that a worker without a connection has to come back before its shards go to others. A worker whose
    /// connection broke is back in a fifth of a second; one that was killed is not waited for longer than that.
    #[arg(long, env = "NETPLANNER_RECONNECT_MS", default_value_t = 300)]
    pub reconnect_ms: u32,

    /// Seconds after which a single shard counts as hung; 0 for never, because only the algorithm knows.
    #[arg(long, env = "NETPLANNER_SHARD_TIMEOUT_S", default_value_t = 0)]
    pub shard_timeout_s: u32,

    /// Failed attempts at a shard that fail its run. Three: one may be chance, two a bad machine.
    #[arg(long, env = "NETPLANNER_SHARD_ATTEMPTS", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub shard_attempts: u32,

    /// Workers that a lone shard may take down before its run fails.
    #[arg(long, env = "NETPLANNER_SHARD_DEATHS", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub shard_deaths: u32,

    /// Milliseconds that a shard rests after its first failed attempt, twice as long after each further one: what is missing
    /// for a moment (a document, memory) is given time, and other shards go on meanwhile. 0: none.
    #[arg(long, env = "NETPLANNER_RETRY_BACKOFF_MS", default_value_t = 100, value_parser = clap::value_parser!(u32).range(..=3_600_000))]
    pub retry_backoff_ms: u32,

    /// The longest rest of a shard, in milliseconds.
    #[arg(long, env = "NETPLANNER_RETRY_BACKOFF_MOST_MS", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(..=3_600_000))]
    pub retry_backoff_most_ms: u32,

    /// Runs that one submitter may have open at a time; more are refused with 429. 0: any number. The default bounds what a
    /// script gone wild does to the others.
    #[arg(long, env = "NETPLANNER_USER_RUNS", default_value_t = 10_000)]
    pub user_runs: u32,

    /// Lanes that the runs of one submitter may use at a time; what exceeds it waits. 0: any number, since lanes are shared
    /// fairly anyway.
    #[arg(long, env = "NETPLANNER_USER_LANES", default_value_t = 0)]
    pub user_lanes: u32,

    /// Mebibytes of results that may be on their way from all workers at a time: the coordinator's memory is bounded
    /// by it.
    #[arg(long, env = "NETPLANNER_RESULT_POOL_MIB", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    pub result_pool_mib: u32,

    /// Mebibytes of results that may be on their way from one worker at a time, a larger result alone: half of all, so that
    /// one that has much to deliver leaves room for the others.
    #[arg(long, env = "NETPLANNER_WORKER_RESULTS_MIB", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..))]
    pub worker_results_mib: u32,

    /// Shards that the open stages of all runs may have together; above it no further stage is opened for whoever has one
    /// open, and its run waits. A million of them take the leader half a mebibyte.
    #[arg(long, env = "NETPLANNER_MAX_PLANNED_SHARDS", default_value_t = 100_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub max_planned_shards: u64,

    /// Most shards of a stage that is merged from memory, before its results are durable; 0: every stage is stored first. A
    /// larger one takes longer to compute than to store.
    #[arg(long, env = "NETPLANNER_AHEAD_SHARDS", default_value_t = 64, value_parser = clap::value_parser!(u32).range(..=100_000))]
    pub ahead_shards: u32,

    /// Kibibytes of results of such a stage at most: they go to the merging worker at once, with the task.
    #[arg(long, env = "NETPLANNER_AHEAD_KIB", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=512))]
    pub ahead_kib: u32,

    /// Mebibytes of results kept for merging from memory, of all runs together; above it stages are stored first.
    #[arg(long, env = "NETPLANNER_AHEAD_ALL_MIB", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=4_096))]
    pub ahead_all_mib: u32,

    /// Kibibytes of the largest state of a stage whose shards are handed out before it is durable: it is in memory until
    /// then.
    #[arg(long, env = "NETPLANNER_AHEAD_STATE_KIB", default_value_t = 256, value_parser = clap::value_parser!(u32).range(..=16_384))]
    pub ahead_state_kib: u32,

    /// Mebibytes of results waiting for the database above which no more work is handed out.
    #[arg(long, env = "NETPLANNER_WRITER_BACKLOG_MIB", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..))]
    pub writer_backlog_mib: u32,

    /// Mebibytes of parts of documents kept in memory to be served to workers. They are read again where they do not fit:
    /// enough for what the workers that begin a run together ask for at about the same time.
    #[arg(long, env = "NETPLANNER_DOCUMENT_CACHE_MIB", default_value_t = 32, value_parser = clap::value_parser!(u32).range(4..))]
    pub document_cache_mib: u32,

    /// Leases a worker may hold beyond its lanes, at most one for each lane: enough that no lane idles for a round trip.
    #[arg(long, env = "NETPLANNER_PREFETCH", default_value_t = 8)]
    pub prefetch: u16,

    /// Runs that may be open at a time, queued or running; above it submissions are told to come back (503). The leader
    /// holds some kilobytes of each.
    #[arg(long, env = "NETPLANNER_MAX_OPEN_RUNS", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub max_open_runs: u32,

    /// Requests that may wait for a connection to the database at a time; above it they are told to come back (503),
    /// because the last would wait for seconds.
    #[arg(long, env = "NETPLANNER_DATABASE_WAITERS", default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..))]
    pub database_waiters: u16,

    /// HTTP connections at a time: a file descriptor and some 20 kB each. Who comes then is told to come back (503).
    #[arg(long, env = "NETPLANNER_HTTP_CONNECTIONS", default_value_t = 2_048, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub http_connections: u32,

    /// Mebibytes of request bodies in memory at a time: a few of the largest (64 MiB), thousands of ordinary ones. What
    /// does not fit is told to come back (503).
    #[arg(long, env = "NETPLANNER_HTTP_BODIES_MIB", default_value_t = 256, value_parser = clap::value_parser!(u32).range(64..=65_536))]
    pub http_bodies_mib: u32,

    /// Event streams at a time: each looks at the database a few times a second.
    #[arg(long, env = "NETPLANNER_HTTP_STREAMS", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub http_streams: u32,

    /// Requests per second that one client address may make in the long run; 0 for any number. Far above people and
    /// scripts, below what a loop gone wild makes. Health and metrics are not counted.
    #[arg(long, env = "NETPLANNER_RATE_LIMIT", default_value_t = 1_000)]
    pub rate_limit: u32,

    /// Requests that one client address may make at once after a quiet time.
    #[arg(long, env = "NETPLANNER_RATE_BURST", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub rate_burst: u32,

    /// Days for which the results of shards are kept after their run ended; 0 for ever. They are most of what is stored
    /// and are looked at soon or never. They go by whole weeks of submission, all runs of which must be old enough.
    #[arg(long, env = "NETPLANNER_KEEP_SHARD_RESULTS_DAYS", default_value_t = 30)]
    pub keep_shard_results_days: u32,

    /// Days for which reports are kept after their run ended; 0 for ever. Two years: plans are compared with what became
    /// of them.
    #[arg(long, env = "NETPLANNER_KEEP_REPORTS_DAYS", default_value_t = 730)]
    pub keep_reports_days: u32,

    /// Days for which events and failed attempts are kept after their run ended; 0 for ever. Half a year: long enough to
    /// look for the cause of what shows up late.
    #[arg(long, env = "NETPLANNER_KEEP_HISTORY_DAYS", default_value_t = 180)]
    pub keep_history_days: u32,

    /// Days for which ended runs are kept with all that is left of them; 0 for ever. Not less than what belongs to them.
    #[arg(long, env = "NETPLANNER_KEEP_RUNS_DAYS", default_value_t = 730)]
    pub keep_runs_days: u32,

    /// Days for which a document is kept that no version of an input and no run refers to; 0 for ever.
    #[arg(long, env = "NETPLANNER_KEEP_UNUSED_DOCUMENTS_DAYS", default_value_t = 1)]
    pub keep_unused_documents_days: u32,

    /// Hours for which a repeated request with the same idempotency key is answered as before.
    #[arg(long, env = "NETPLANNER_KEEP_KEYS_HOURS", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..))]
    pub keep_keys_hours: u32,

    /// Seconds between two looks of the leader at what is past its time. An hour: what goes is days old.
    #[arg(long, env = "NETPLANNER_UPKEEP_INTERVAL_S", default_value_t = 3_600, value_parser = clap::value_parser!(u32).range(1..))]
    pub upkeep_interval_s: u32,

    /// Apply the database's migrations and exit.
    #[arg(long, env = "NETPLANNER_MIGRATE_ONLY")]
    pub migrate_only: bool,

    /// What to log: `error`, `warn`, `info`, `debug`, or directives such as `info,coordinator=debug`.
    #[arg(long, env = "NETPLANNER_LOG", default_value = "info")]
    pub log: String,

    /// How log lines look: `text` or `json`.
    #[arg(long, env = "NETPLANNER_LOG_FORMAT", default_value = "text", value_parser = ["text", "json"])]
    pub log_format: String,
}

/// The build of this coordinator.
pub const BUILD: &str = env!("CARGO_PKG_VERSION");

impl Config {
    /// Settings of the store.
    pub fn database(&self) -> DatabaseSettings {
        DatabaseSettings {
            pool_size: usize::from(self.database_connections),
            retention: self.retention(),
            bounds: Bounds { open_runs: self.max_open_runs, waiting: usize::from(self.database_waiters) },
            ..DatabaseSettings::new(&self.database_url)
        }
    }

    /// For how long what is kept.
    pub fn retention(&self) -> Retention {
        let days = |days: u32| (days > 0).then(|| DAY * days);
        Retention {
            shard_results: days(self.keep_shard_results_days),
            reports: days(self.keep_reports_days),
            history: days(self.keep_history_days),
            runs: days(self.keep_runs_days),
            documents: days(self.keep_unused_documents_days),
            keys: Duration::from_secs(3_600 * u64::from(self.keep_keys_hours)),
            every: Duration::from_secs(u64::from(self.upkeep_interval_s)),
        }
    }

    /// Settings of the HTTP front.
    pub fn http(&self) -> HttpSettings {
        HttpSettings {
            advertise: self.advertise(),
            user_runs: self.user_runs,
            connections: self.http_connections as usize,
            bodies_bytes: (self.http_bodies_mib as usize) << 20,
            streams: self.http_streams as usize,
            rate: Rate { per_second: self.rate_limit, burst: self.rate_burst },
            ..HttpSettings::default()
        }
    }

    /// The secret of the cluster.
    ///
    /// # Errors
    /// Where it is said to be somewhere and is not there.
    pub fn cookie(&self) -> Result<Cookie, CookieError> {
        // no flag: arguments can be read by everyone on the machine
        Cookie::find(self.cookie_file.as_deref(), std::env::var_os("NETPLANNER_COOKIE"))
    }

    /// The certificates of the cluster link, if it has any.
    pub fn cluster_tls(&self) -> Option<TlsFiles> {
        let (ca, cert, key) =
            (self.cluster_ca.clone()?, self.cluster_cert.clone()?, self.cluster_key.clone()?);
        Some(TlsFiles { ca, cert, key })
    }

    /// Settings of the cluster link.
    pub fn link(&self, cookie: Cookie, tls: Option<ServerTls>) -> LinkSettings {
        LinkSettings {
            tls,
            plaintext_beyond_loopback: self.allow_plaintext_cluster,
            max_connections: usize::try_from(self.max_workers).unwrap_or(usize::MAX),
            ..LinkSettings::new(cookie)
        }
    }

    /// Settings of dispatch.
    pub fn dispatch(&self) -> DispatchSettings {
        let ms = |ms: u32| Duration::from_millis(u64::from(ms));
        DispatchSettings {
            pool_bytes: u64::from(self.result_pool_mib) << 20,
            worker_bytes: u64::from(self.worker_results_mib) << 20,
            writer_bytes: u64::from(self.writer_backlog_mib) << 20,
            planned_shards: self.max_planned_shards,
            ahead: AheadSettings {
                shards: self.ahead_shards,
                bytes: (self.ahead_kib as usize) << 10,
                all_bytes: (self.ahead_all_mib as usize) << 20,
                state_bytes: (self.ahead_state_kib as usize) << 10,
            },
            prefetch: self.prefetch,
            heartbeat: ms(self.heartbeat_ms),
            suspect: ms(self.worker_silence_ms) * 2 / 5,
            silence: ms(self.worker_silence_ms),
            leader_silence: ms(self.leader_silence_ms),
            reconnect: ms(self.reconnect_ms),
            shard_timeout: Duration::from_secs(u64::from(self.shard_timeout_s)),
            attempts: self.shard_attempts,
            deaths: self.shard_deaths,
            backoff: ms(self.retry_backoff_ms),
            backoff_most: ms(self.retry_backoff_most_ms),
            user_lanes: self.user_lanes,
            ..DispatchSettings::default()
        }
    }

    /// Bytes of the document cache.
    pub fn document_cache_bytes(&self) -> usize {
        (self.document_cache_mib as usize) << 20
    }

    /// The HTTP address by which others reach this process.
    pub fn advertise(&self) -> String {
        self.advertise_http.clone().unwrap_or_else(|| self.http_listen.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_well_formed_and_have_defaults() {
        let config = Config::try_parse_from(["coordinator", "--database-url", "postgresql://x"]).unwrap();
        assert_eq!(config.advertise(), "127.0.0.1:5020");
        assert_eq!(config.dispatch().suspect, Duration::from_secs(2));
        assert!(!config.allow_remote);
        assert_eq!(config.retention(), Retention::default());
        let (dispatch, defaults) = (config.dispatch(), DispatchSettings::default());
        assert_eq!(dispatch.ahead, defaults.ahead);
        let bounds = |settings: &DispatchSettings| {
            [settings.pool_bytes, settings.worker_bytes, settings.writer_bytes, settings.planned_shards]
        };
        assert_eq!(bounds(&dispatch), bounds(&defaults));
        assert!(
            Config::try_parse_from(["coordinator", "--database-url", "x", "--shard-attempts", "0"]).is_err()
        );
    }

    #[test]
    fn certificates_come_together_and_the_cookie_is_no_argument() {
        let parse = |flags: &[&str]| {
            Config::try_parse_from([&["coordinator", "--database-url", "x"], flags].concat())
        };
        assert_eq!(parse(&[]).unwrap().cluster_tls(), None);
        let all = ["--cluster-ca=ca", "--cluster-cert=cert", "--cluster-key=key"];
        let files = TlsFiles { ca: "ca".into(), cert: "cert".into(), key: "key".into() };
        assert_eq!(parse(&all).unwrap().cluster_tls(), Some(files));
        for left_out in 0..3 {
            let two: Vec<&str> =
                all.iter().enumerate().filter(|(at, _)| *at != left_out).map(|(_, flag)| *flag).collect();
            assert!(parse(&two).is_err(), "{two:?}");
        }
        assert!(parse(&["--cookie=secret"]).is_err());
    }
}
