//! Connections: the pool for short statements, and single ones with a purpose and a name.

use std::fmt::Write as _;
use std::str::FromStr;
use std::time::Duration;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config, Connection, Socket};

use super::DatabaseSettings;
use super::encryption::{DatabaseStream, DatabaseTls, Encryption};
use super::error::{Result, StoreError};

/// How to reach the server, and as whom.
#[derive(Clone, Debug)]
pub(super) struct Address {
    pub(super) config: Config,
    pub(super) tls: DatabaseTls,
}

/// Names of the leader's own connections begin with this and the epoch (`netplanner leader e7 writer`): a successor
/// ends those of older epochs by it.
pub(super) const LEADER_NAME: &str = "netplanner leader e";

/// A connection of the pool that was used so recently is given out without being asked whether it is alive, which would
/// cost every handler a round trip. One that the server closed is noticed all the same; what this leaves out is a server
/// that vanished without a word.
const TRUSTED: Duration = Duration::from_secs(1);

/// Reads the URL and sets what holds for every connection. Files for TLS that it names are looked at from now on.
pub(super) fn address(settings: &DatabaseSettings) -> Result<Address> {
    let wrong = |why: String| StoreError::Settings(format!("the database URL: {why}"));
    let (url, encryption) = Encryption::take(&settings.url).map_err(wrong)?;
    let mut config = Config::from_str(&url).map_err(|error| wrong(error.to_string()))?;
    if config.get_ssl_mode() == SslMode::Require {
        // it was taken out of a URL; what is left of it stands in the other form
        return Err(wrong(
            "sslmode is read in the form postgresql://host/database?sslmode=… only".to_owned(),
        ));
    }
    let away = config.get_hosts().iter().find_map(|host| match host {
        Host::Tcp(host) => Some(host.clone()),
        Host::Unix(_) => None,
    });
    let Some(host) = away.or_else(|| config.get_hostaddrs().first().map(ToString::to_string)) else {
        return Ok(Address {
            config: lasting(config.ssl_mode(SslMode::Disable), settings),
            tls: DatabaseTls::none(),
        });
    };
    let loopback = host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    if encryption.is_unverified() && !loopback {
        tracing::warn!(
            host,
            "who is between here and the database can read along, or answer in its place: add sslmode=verify-full and sslrootcert=FILE to its URL"
        );
    }
    config.ssl_mode(encryption.driver_mode());
    let tls = encryption.start().map_err(|error| wrong(error.to_string()))?;
    Ok(Address { config: lasting(&mut config, settings), tls })
}

/// Adds bounds on how long anything may take.
fn lasting(config: &mut Config, settings: &DatabaseSettings) -> Config {
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(settings.connect_timeout);
    }
    config
        .keepalives(true)
        .keepalives_idle(Duration::from_secs(2))
        .keepalives_interval(Duration::from_secs(1))
        .keepalives_retries(3)
        .tcp_user_timeout(VANISHED)
        .clone()
}

/// After how long without a sign of life from the other machine a connection is given up, at both ends: the link was
/// cut, or the machine is gone. A slow database is another matter, its kernel answers.
const VANISHED: Duration = Duration::from_secs(5);

/// The same for the server's end, in milliseconds and seconds: what a vanished coordinator has open ends within
/// seconds. On a Unix socket they mean nothing and do no harm.
const SERVER_SIDE: &str = " -c tcp_user_timeout=5000 -c tcp_keepalives_idle=2 -c tcp_keepalives_interval=1 \
                           -c tcp_keepalives_count=3 -c client_connection_check_interval=2000";

/// Longest time between two statements of a transaction. Handlers send them one after the other, so more than that is
/// a process that is frozen or gone, and its row locks hold up others.
const IDLE_IN_TRANSACTION: Duration = Duration::from_secs(3);

/// Adds a name and session settings, in milliseconds where they are times.
pub(super) fn named(base: &Address, name: &str, session: &[(&str, u128)]) -> Address {
    let Address { mut config, tls } = base.clone();
    let mut options = config.get_options().unwrap_or_default().to_owned();
    // plans of ours are small: compiling them costs more than running them
    options.push_str(" -c jit=off -c timezone=UTC");
    options.push_str(SERVER_SIDE);
    for (setting, value) in session {
        let _ = write!(options, " -c {setting}={value}");
    }
    config.options(options.trim_start()).application_name(name);
    Address { config, tls }
}

/// The pool. Nothing is connected yet.
pub(super) fn pool(base: &Address, settings: &DatabaseSettings, connections: usize) -> Result<Pool> {
    let timeout = settings.statement_timeout.as_millis();
    let Address { config, tls } = named(
        base,
        "netplanner",
        &[
            ("statement_timeout", timeout),
            ("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION.as_millis()),
            ("lock_timeout", timeout / 2),
        ],
    );
    let manager =
        Manager::from_config(config, tls, ManagerConfig { recycling_method: RecyclingMethod::Fast });
    Pool::builder(manager)
        .pre_recycle(Hook::async_fn(|client, metrics| {
            Box::pin(async move {
                if metrics.last_used() < TRUSTED {
                    return Ok(());
                }
                client.simple_query("").await.map(|_| ()).map_err(HookError::Backend)
            })
        }))
        .max_size(connections.max(2))
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(settings.connect_timeout))
        .create_timeout(Some(settings.connect_timeout))
        .recycle_timeout(Some(settings.connect_timeout))
        .build()
        .map_err(|error| StoreError::Settings(error.to_string()))
}

/// A connection outside the pool whose messages the caller reads.
pub(super) async fn open(address: &Address) -> Result<(Client, Connection<Socket, DatabaseStream>)> {
    let Address { config, tls } = address;
    // the driver's own limit ends with the handshake of TCP, which a frozen server's kernel does for it
    let patience = config.get_connect_timeout().copied().unwrap_or(VANISHED);
    let connected = tokio::time::timeout(patience, config.connect(tls.clone())).await;
    let connected = connected.map_err(|_| StoreError::Unavailable("it does not answer".to_owned()))?;
    connected.map_err(|error| match StoreError::from(error) {
        StoreError::Internal(detail) => StoreError::Unavailable(detail),
        other => other,
    })
}

/// A connection outside the pool that is driven until its client is dropped.
pub(super) async fn dedicated(address: &Address) -> Result<Client> {
    let (client, connection) = open(address).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a database connection ended");
        }
    });
    Ok(client)
}
