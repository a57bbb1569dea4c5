//! NetPlanner's coordinator: decides, and never computes a shard.
//!
//! ```text
//! every replica:    http ──▶ store ◀── Postgres
//! the leader also:  leader ─┬─ run       a state machine and an actor for each open run
//!                           ├─ dispatch  which worker gets what; speaks to workers over the link
//!                           └─ store::writer, the one way of their facts into the database
//! ```
//!
//! HTTP and the leader meet in the database alone: a handler writes a row, the leader reads it.

pub mod config;
pub mod desertion;
pub mod dispatch;
pub mod http;
pub mod leader;
pub mod link;
pub mod run;
pub mod status;
pub mod store;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use common::cookie::CookieError;
use common::tls::{ServerTls, TlsError};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use config::Config;
use http::HttpContext;
use leader::LeaderSettings;
use link::{LinkError, LinkSettings};
use status::ClusterStatus;
use store::{Store, StoreError};

/// Why the coordinator cannot be started. Everything else is waited out.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Without accounts HTTP stays on this machine.
    #[error(
        "--http-listen {0} can be reached from other machines, and there are no accounts: pass --allow-remote if the network keeps others out"
    )]
    NotLoopback(SocketAddr),
    /// The cluster link may not be so.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The certificates of the cluster link.
    #[error("the certificates of the cluster link: {0}")]
    Tls(#[from] TlsError),
    /// The secret of the cluster.
    #[error(transparent)]
    Cookie(#[from] CookieError),
    /// The HTTP port cannot be had, or was lost.
    #[error("cannot serve HTTP on {address}: {source}")]
    Http {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// A wrong setting, or a database of another release.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Signals cannot be caught.
    #[error("signals cannot be caught: {0}")]
    Signals(std::io::Error),
}

/// Serves until SIGTERM or SIGINT: HTTP at once, the cluster whenever this process leads.
///
/// # Errors
/// What waiting cannot cure. A database that is away is waited for, while HTTP says so.
pub async fn serve(config: Config) -> Result<(), ServeError> {
    let store = Store::connect(&config.database()).await?;
    if config.migrate_only {
        return migrate(&store).await;
    }
    if !config.http_listen.ip().is_loopback() && !config.allow_remote {
        return Err(ServeError::NotLoopback(config.http_listen));
    }
    let tls = config.cluster_tls().map(ServerTls::start).transpose()?;
    let link = config.link(config.cookie()?, tls);
    link.permit(config.cluster_listen)?;
    if config.advertise_http.is_none() && config.http_listen.ip().is_unspecified() {
        tracing::warn!(
            listen = %config.http_listen,
            "--advertise-http is not set: other coordinators cannot pass requests on to this one while it leads"
        );
    }
    let address = config.http_listen;
    let http_error = |source| ServeError::Http { address, source };
    let listener = TcpListener::bind(address).await.map_err(http_error)?;
    let shutdown = CancellationToken::new();
    end_on_signal(&shutdown).map_err(ServeError::Signals)?;

    let (status_sender, status) = watch::channel(Arc::<ClusterStatus>::default());
    let context = HttpContext::new(store.clone(), status, config.http(), shutdown.clone());
    let front = tokio::spawn(http::serve(listener, context));
    announce(&config);

    let led = lead_when_migrated(store, &config, link, status_sender, &shutdown).await;
    shutdown.cancel();
    let served = front.await.unwrap_or_else(|panicked| Err(std::io::Error::other(panicked)));
    led?;
    served.map_err(http_error)
}

async fn lead_when_migrated(
    store: Store,
    config: &Config,
    link: LinkSettings,
    status: watch::Sender<Arc<ClusterStatus>>,
    shutdown: &CancellationToken,
) -> Result<(), ServeError> {
    tokio::select! {
        () = shutdown.cancelled() => return Ok(()),
        migrated = migrate(&store) => migrated?,
    }
    let settings = LeaderSettings {
        address: config.advertise(),
        build: config::BUILD.to_owned(),
        cluster_listen: config.cluster_listen,
        link,
        dispatch: config.dispatch(),
        document_cache_bytes: config.document_cache_bytes(),
    };
    leader::run(store.for_leader(), settings, status, shutdown.clone()).await;
    Ok(())
}

/// Applies migrations as soon as the database is there.
async fn migrate(store: &Store) -> Result<(), ServeError> {
    let mut told = false;
    loop {
        match store.migrate().await {
            Ok(()) => return Ok(()),
            Err(error) if error.is_transient() => {
                if !told {
                    tracing::warn!(%error, "waiting for the database");
                }
                told = true;
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn end_on_signal(shutdown: &CancellationToken) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let shutdown = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("ending");
        shutdown.cancel();
    });
    Ok(())
}

/// The one line that says where it can be reached.
#[allow(clippy::print_stderr)] // meant for whoever started the process, whatever is logged
fn announce(config: &Config) {
    let loopback = |address: SocketAddr| address.ip().is_loopback();
    let clients = if loopback(config.http_listen) {
        "loopback only"
    } else {
        "reachable from other machines, without accounts"
    };
    let workers = match (config.cluster_tls().is_some(), loopback(config.cluster_listen)) {
        (true, _) => "TLS",
        (false, true) => "plain text, loopback only",
        (false, false) => "plain text, reachable from other machines",
    };
    eprintln!(
        "coordinator ready: http://{} for clients ({clients}), {} for workers ({workers})",
        config.http_listen, config.cluster_listen
    );
}
