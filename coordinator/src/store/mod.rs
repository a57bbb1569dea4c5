//! What is durable, and why: the only place with SQL.
//!
//! Facts alone are stored: inputs, accepted runs, each stage when it opens, each finished shard's partial result, the
//! report, what happened to a run. Leases, queue order and workers are never stored: whoever leads rebuilds them.

pub mod algorithms;
pub mod cluster;
mod connection;
pub mod documents;
mod encryption;
pub mod error;
pub mod events;
pub mod idempotency;
pub mod inputs;
pub mod janitor;
pub mod leadership;
mod migrations;
pub mod notifications;
pub mod page;
mod partitions;
pub mod query;
pub mod retention;
pub mod runs;
pub mod shards;
pub mod stages;
pub mod submit;
mod text;
pub mod writer;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use deadpool_postgres::{Object, Pool};
use tokio::sync::broadcast;
use tokio_util::sync::{CancellationToken, DropGuard};

use notifications::Notice;
use retention::{Retention, UpkeepStatus};

pub use error::{Result, StoreError};

/// Longest wait for a sign of life: whoever asks for readiness gives up after two seconds.
const PING: Duration = Duration::from_millis(1_500);

/// How to reach the database.
#[derive(Clone, Debug)]
pub struct DatabaseSettings {
    /// `postgresql://user:password@host:port/database`, or with a Unix socket `postgresql://user@%2Fdir/database`.
    pub url: String,
    /// Connections of the pool (default 16: a replica's handlers rarely hold one for more than milliseconds).
    pub pool_size: usize,
    /// Longest statement (default 10 s: above it something is wrong, and a dropped request must not hold a connection).
    pub statement_timeout: Duration,
    /// Longest wait for a connection of the pool, or for a new one (default 5 s: a client then gets 503, not a hang).
    pub connect_timeout: Duration,
    /// For how long what is kept.
    pub retention: Retention,
    /// How much is taken on.
    pub bounds: Bounds,
}

/// How much is taken on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Runs that may be open at a time (20,000: the leader holds some kilobytes of each).
    pub open_runs: u32,
    /// Calls that may wait for a connection of the pool at a time (256: above it the last would wait for seconds).
    pub waiting: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { open_runs: 20_000, waiting: 256 }
    }
}

impl DatabaseSettings {
    /// The defaults for `url`.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            pool_size: 16,
            statement_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
            retention: Retention::default(),
            bounds: Bounds::default(),
        }
    }
}

/// The database. Clones share one pool and one connection that listens for notices.
#[derive(Clone)]
pub struct Store {
    pool: Pool,
    /// Connections that requests cannot take from the leader.
    leaders_pool: Pool,
    bounds: Bounds,
    address: connection::Address,
    notices: broadcast::Sender<Notice>,
    /// Longest wait for a connection of the pool.
    patience: Duration,
    retention: Retention,
    upkeep: Arc<Mutex<UpkeepStatus>>,
    /// Ends the listener with the last clone.
    _listener: Arc<DropGuard>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("pool", &self.pool.status()).finish_non_exhaustive()
    }
}

impl Store {
    /// Prepares the pool and starts listening for notices. Does not wait for the database.
    ///
    /// # Errors
    /// `Settings` for a URL that is none.
    #[allow(clippy::unused_async)] // spawns the listener: has to run on a runtime
    pub async fn connect(settings: &DatabaseSettings) -> Result<Self> {
        let address = connection::address(settings)?;
        // a third for the leader: whatever clients do, workers get their documents
        let leaders = (settings.pool_size / 3).max(2);
        let pool = connection::pool(&address, settings, settings.pool_size.saturating_sub(leaders))?;
        let leaders_pool = connection::pool(&address, settings, leaders)?;
        let (notices, _) = broadcast::channel(notifications::BACKLOG);
        let ended = CancellationToken::new();
        tokio::spawn(notifications::listen(address.clone(), notices.clone(), ended.clone()));
        if let Some(contradiction) = settings.retention.contradiction() {
            return Err(StoreError::Settings(contradiction));
        }
        Ok(Self {
            pool,
            leaders_pool,
            bounds: settings.bounds,
            address,
            notices,
            patience: settings.connect_timeout,
            retention: settings.retention,
            upkeep: Arc::default(),
            _listener: Arc::new(ended.drop_guard()),
        })
    }

    /// The same store for the leader of this process: what it reads does not wait behind clients.
    #[must_use]
    pub fn for_leader(&self) -> Self {
        Self { pool: self.leaders_pool.clone(), ..self.clone() }
    }

    /// Applies migrations, one process at a time, and makes the partitions of the next weeks.
    ///
    /// # Errors
    /// `Settings` if the database was migrated by a newer or a changed release.
    pub async fn migrate(&self) -> Result<()> {
        migrations::apply(&self.address).await?;
        partitions::make_ahead(&**self.client().await?).await
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<()> {
        let asked = async {
            self.client().await?.simple_query("").await?;
            Ok::<(), StoreError>(())
        };
        tokio::time::timeout(PING, asked).await.unwrap_or_else(|_| {
            Err(StoreError::Unavailable(format!("no answer within {} ms", PING.as_millis())))
        })
    }

    /// A connection of the pool. Behind a cut link each of the pool's connections is found dead in its own time: the
    /// wait for a living one is bounded over all of them.
    async fn client(&self) -> Result<Object> {
        if self.pool.status().waiting >= self.bounds.waiting {
            return Err(StoreError::Overloaded);
        }
        let late = |_| StoreError::Unavailable("no database connection became free in time".to_owned());
        Ok(tokio::time::timeout(self.patience, self.pool.get()).await.map_err(late)??)
    }
}
