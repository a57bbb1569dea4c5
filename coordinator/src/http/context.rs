//! What all handlers share: the store, the leader's last snapshot, the bounds of the front.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::metrics::Metrics;
use super::rate::{Limiter, Rate};
use super::schemas::Schemas;
use crate::status::ClusterStatus;
use crate::store::Store;

/// Shared by all requests.
pub struct HttpContext {
    /// Everything durable.
    pub store: Store,
    /// What the leader of this process last showed; without a leader in it while another process leads.
    pub status: watch::Receiver<Arc<ClusterStatus>>,
    /// Bounds.
    pub settings: HttpSettings,
    /// Ends the front: open streams end, connections are drained.
    pub shutdown: CancellationToken,
    /// Counters of requests.
    pub metrics: Metrics,
    /// Compiled schemas of the algorithms' parameters.
    pub schemas: Schemas,
    /// Who asked how often.
    pub limiter: Mutex<Limiter>,
    /// Room for request bodies, in units of [`BODY_UNIT`].
    pub bodies: Arc<Semaphore>,
    /// Room for event streams.
    pub streams: Arc<Semaphore>,
}

/// Bytes that one permit of [`HttpContext::bodies`] stands for.
pub const BODY_UNIT: usize = 1 << 10;

impl HttpContext {
    /// The front's view of the rest of the process.
    pub fn new(
        store: Store,
        status: watch::Receiver<Arc<ClusterStatus>>,
        settings: HttpSettings,
        shutdown: CancellationToken,
    ) -> Self {
        Self {
            store,
            status,
            shutdown,
            metrics: Metrics::default(),
            schemas: Schemas::default(),
            limiter: Mutex::new(Limiter::new(settings.rate)),
            bodies: Arc::new(Semaphore::new((settings.bodies_bytes / BODY_UNIT).min(Semaphore::MAX_PERMITS))),
            streams: Arc::new(Semaphore::new(settings.streams)),
            settings,
        }
    }

    /// The leader's snapshot, if this process leads.
    pub fn led_here(&self) -> Option<Arc<ClusterStatus>> {
        let status = self.status.borrow().clone();
        status.leader.is_some().then_some(status)
    }
}

/// Bounds of the HTTP front.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// The address other replicas and workers know this front by; a leader at this address is this process.
    pub advertise: String,
    /// Largest ordinary body in bytes (1 MiB: parameters, names).
    pub body_bytes: usize,
    /// Largest body with documents in bytes (64 MiB: the largest known networks have a few).
    pub document_bytes: usize,
    /// How long a client may take for the headers of a request, and between two pieces of its body (15 s: slower is
    /// an attack or a dead link).
    pub read_timeout: Duration,
    /// Connections at a time (2,048: a file descriptor and some 20 kB each).
    pub connections: usize,
    /// Bytes of request bodies in memory at a time (256 MiB: a few of the largest, thousands of ordinary ones). What does
    /// not fit is told to come back.
    pub bodies_bytes: usize,
    /// Event streams at a time (1,000: each looks at the database a few times a second).
    pub streams: usize,
    /// How long a client may take for a piece of its stream before it is cut (30 s): it comes back with the last event it
    /// has seen, and nothing is kept for it meanwhile.
    pub stream_stall: Duration,
    /// Requests of one client (1,000/s, 2,000 at once: far above people and scripts, below what a loop gone wild makes).
    pub rate: Rate,
    /// How long requests may go on after shutdown began (5 s: the grace time of Kubernetes is 30 s).
    pub drain: Duration,
    /// Silence after which a stream gets a comment (15 s: proxies cut at 30 s or 60 s).
    pub stream_keep_alive: Duration,
    /// Runs that one submitter may have open at a time; 0 for any number (10,000: a bound on a script gone wild, not on work).
    pub user_runs: u32,
    /// Least time between two live frames of a stream (500 ms: faster is not seen).
    pub stream_pace: Duration,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            advertise: "127.0.0.1:5020".to_owned(),
            body_bytes: 1 << 20,
            document_bytes: 64 << 20,
            read_timeout: Duration::from_secs(15),
            connections: 2048,
            bodies_bytes: 256 << 20,
            streams: 1_000,
            stream_stall: Duration::from_secs(30),
            rate: Rate { per_second: 1_000, burst: 2_000 },
            drain: Duration::from_secs(5),
            stream_keep_alive: Duration::from_secs(15),
            user_runs: 10_000,
            stream_pace: Duration::from_millis(500),
        }
    }
}
