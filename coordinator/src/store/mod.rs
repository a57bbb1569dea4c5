//! What is durable, and why: the only place with SQL.
//!
//! Facts alone are stored: inputs, accepted runs, each stage when it opens, each finished shard's partial result, the
//! report, what happened to a run. Leases, queue order and workers are never stored: whoever leads rebuilds them.

pub mod algorithms;
pub mod cluster;
pub mod documents;
pub mod error;
pub mod events;
pub mod idempotency;
pub mod inputs;
pub mod leadership;
pub mod notifications;
pub mod page;
pub mod query;
pub mod runs;
pub mod shards;
pub mod stages;
pub mod writer;

use std::time::Duration;

pub use error::{Result, StoreError};

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
}

impl DatabaseSettings {
    /// The defaults for `url`.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            pool_size: 16,
            statement_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
        }
    }
}

/// The database. Clones share one pool.
#[derive(Clone, Debug)]
pub struct Store {}

impl Store {
    /// Prepares the pool and starts listening for notices. Does not wait for the database.
    ///
    /// # Errors
    /// `Settings` for a URL that is none.
    #[allow(clippy::unused_async)]
    pub async fn connect(settings: &DatabaseSettings) -> Result<Self> {
        let _ = settings;
        todo!()
    }

    /// Applies migrations, one process at a time.
    pub async fn migrate(&self) -> Result<()> {
        todo!()
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<()> {
        todo!()
    }
}
