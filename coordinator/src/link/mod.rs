//! The leader's end of the cluster link: accepts the workers' connections and keeps strangers from costing anything.
//!
//! Every connection has a place in a bounded number of places, socket options that notice a vanished peer, a bound on
//! its frames, five seconds to show a certificate where certificates are asked for, and five to show that it knows the
//! cookie. What workers say arrives at the actors of this process that joined a process group; see `docs/protocol.md`.

mod admission;
mod refusals;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use common::clock::{self, Timestamp};
use common::cookie::Cookie;
use common::tls::{Fault, ServerTls};
use common::transport::{self, Connection, Node, SessionEvent};
use ractor::ActorRef;
use ractor_cluster::node::NodeServerSessionInformation;
use ractor_cluster::{NodeId, NodeSessionMessage};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use refusals::Refusals;

/// Settings of the link.
#[derive(Clone, Debug)]
pub struct LinkSettings {
    /// The secret that both ends must know: the second check after certificates, and without them the only one.
    pub cookie: Cookie,
    /// Certificates; without them the link is plain text.
    pub tls: Option<ServerTls>,
    /// Whether plain text may be spoken with other machines.
    pub plaintext_beyond_loopback: bool,
    /// Connections at a time, default 1024: each costs a session and three tasks, and a cluster has far fewer workers.
    pub max_connections: usize,
    /// Time for a connection to become ready, default 5 s: an honest worker needs milliseconds. With TLS as much again
    /// for the handshake before it.
    pub ready_within: Duration,
}

impl LinkSettings {
    /// The default bounds with this cookie, in plain text on loopback.
    #[must_use]
    pub fn new(cookie: impl Into<Cookie>) -> Self {
        Self {
            cookie: cookie.into(),
            tls: None,
            plaintext_beyond_loopback: false,
            max_connections: 1024,
            ready_within: Duration::from_secs(5),
        }
    }

    /// Whether workers may be listened for at `address`.
    ///
    /// # Errors
    /// [`LinkError::PlainText`] or [`LinkError::DefaultCookie`] for an address beyond loopback.
    pub fn permit(&self, address: SocketAddr) -> Result<(), LinkError> {
        if address.ip().is_loopback() {
            Ok(())
        } else if self.tls.is_none() && !self.plaintext_beyond_loopback {
            Err(LinkError::PlainText(address))
        } else if self.cookie.is_default() {
            Err(LinkError::DefaultCookie(address))
        } else {
            Ok(())
        }
    }
}

/// Why there is no link.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The link is plain text, and the address can be reached from elsewhere.
    #[error(
        "--cluster-listen {0} can be reached from other machines and the cluster link is plain text: give --cluster-ca, --cluster-cert and --cluster-key, or --allow-plaintext-cluster if the network keeps others out"
    )]
    PlainText(SocketAddr),
    /// Everybody knows the cookie, and the address can be reached from elsewhere.
    #[error(
        "--cluster-listen {0} can be reached from other machines and the cookie is the one that everybody knows: give the same secret to coordinators and workers, in NETPLANNER_COOKIE or by --cookie-file"
    )]
    DefaultCookie(SocketAddr),
    /// The address cannot be had.
    #[error("cannot listen for workers on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The node of the link did not start.
    #[error("the cluster node does not start: {0}")]
    Node(#[from] ractor::SpawnErr),
}

/// Binds the port that workers dial.
///
/// # Errors
/// Those of [`LinkSettings::permit`]; [`LinkError::Listen`].
pub async fn bind(address: SocketAddr, settings: &LinkSettings) -> Result<TcpListener, LinkError> {
    settings.permit(address)?;
    TcpListener::bind(address).await.map_err(|source| LinkError::Listen { address, source })
}

/// A connection on its way to a session: who it is, what came of it, and its place.
type Admission = (SocketAddr, Result<Connection, Fault>, OwnedSemaphorePermit);

/// Accepts workers until `shutdown`, then ends their sessions.
///
/// # Errors
/// [`LinkError::Node`] when it cannot begin; afterwards it goes on whatever happens to single connections.
pub async fn serve(
    listener: TcpListener,
    settings: LinkSettings,
    shutdown: CancellationToken,
) -> Result<(), LinkError> {
    let name = format!("coordinator-{}", uuid::Uuid::new_v4());
    let mut node = Node::start(name, settings.cookie.reveal().to_owned()).await?;
    let places = Arc::new(Semaphore::new(settings.max_connections));
    // Beside the loop: one that is silent in its handshake holds nobody up.
    let mut admissions: JoinSet<Admission> = JoinSet::new();
    let mut unready = Unready::default();
    let mut refusals = Refusals::default();
    let mut second = tokio::time::interval(Duration::from_millis(500));
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((tcp, peer)) => begin(&mut admissions, tcp, peer, &places, &settings),
                Err(error) => {
                    // Out of file descriptors, mostly: others will be given back, and spinning helps nobody.
                    warn!(%error, "a worker's connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            Some(admission) = admissions.join_next() => match admission {
                Ok((_, Ok(connection), place)) => { node.adopt(connection, true, place); }
                Ok((peer, Err(fault), _)) => refuse(&mut refusals, peer, &fault),
                Err(error) => warn!(%error, "a worker's connection was lost in its handshake"),
            },
            Some(event) = node.next() => match event {
                SessionEvent::Opened(session) => unready.opened(session, clock::now()),
                SessionEvent::Ready(session) => {
                    unready.settled(session.node_id);
                    debug!(peer = session.peer_addr, "a worker's session is ready");
                }
                SessionEvent::Closed(session) => {
                    debug!(peer = session.peer_addr, "a session closed");
                    if unready.settled(session.node_id)
                        && let Some(peer) = transport::peer(&session)
                    {
                        refuse(&mut refusals, peer, &Fault::Cookie);
                    }
                }
            },
            _ = second.tick() => unready.close_overdue(settings.ready_within, clock::now()),
        }
    }
    node.stop().await;
    info!("the cluster link is closed");
    Ok(())
}

fn begin(
    admissions: &mut JoinSet<Admission>,
    tcp: TcpStream,
    peer: SocketAddr,
    places: &Arc<Semaphore>,
    settings: &LinkSettings,
) {
    let Ok(place) = Arc::clone(places).try_acquire_owned() else {
        warn!(%peer, "refused a connection: as many as allowed are open");
        return;
    };
    let (tls, within) = (settings.tls.clone(), settings.ready_within);
    admissions.spawn(async move { (peer, admission::admit(tcp, tls.as_ref(), within).await, place) });
}

fn refuse(refusals: &mut Refusals, peer: SocketAddr, fault: &Fault) {
    match refusals.note(peer.ip(), fault, clock::now()) {
        Some(untold) if fault.is_lasting() => {
            warn!(%peer, untold, "refused a connection to the cluster port: {fault}");
        }
        Some(_) => info!(%peer, "a connection to the cluster port came to nothing: {fault}"),
        None => debug!(%peer, "refused a connection to the cluster port: {fault}"),
    }
}

/// Sessions that have not shown yet that they know the cookie.
#[derive(Default)]
struct Unready(HashMap<NodeId, (ActorRef<NodeSessionMessage>, Timestamp)>);

impl Unready {
    fn opened(&mut self, session: NodeServerSessionInformation, now: Timestamp) {
        self.0.insert(session.node_id, (session.actor, now));
    }

    /// Whether it was one of them.
    fn settled(&mut self, session: NodeId) -> bool {
        self.0.remove(&session).is_some()
    }

    fn close_overdue(&mut self, allowed: Duration, now: Timestamp) {
        self.0.retain(|_, (actor, since)| {
            let overdue = now.since(*since) > allowed;
            if overdue {
                info!("closed a connection that never became ready");
                actor.stop(Some("not ready in time".to_owned()));
            }
            !overdue
        });
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    async fn link(settings: LinkSettings) -> (SocketAddr, CancellationToken) {
        let listener = bind("127.0.0.1:0".parse().unwrap(), &settings).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        tokio::spawn(serve(listener, settings, shutdown.clone()));
        (address, shutdown)
    }

    /// Whether the other end closes the connection within `patience`.
    async fn closes(tcp: &mut TcpStream, patience: Duration) -> bool {
        matches!(tokio::time::timeout(patience, tcp.read(&mut [0; 16])).await, Ok(Ok(0) | Err(_)))
    }

    #[tokio::test]
    async fn beyond_loopback_only_with_a_secret_and_when_told() {
        let everywhere = "0.0.0.0:0".parse().unwrap();
        let secret = LinkSettings::new("secret");
        assert!(matches!(bind(everywhere, &secret).await, Err(LinkError::PlainText(_))));
        let told = LinkSettings { plaintext_beyond_loopback: true, ..secret };
        assert!(bind(everywhere, &told).await.is_ok());
        let known = LinkSettings { cookie: Cookie::default(), ..told };
        assert!(matches!(bind(everywhere, &known).await, Err(LinkError::DefaultCookie(_))));
        assert!(known.permit("[::1]:5021".parse().unwrap()).is_ok());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_speaks_tls_where_nobody_does_is_let_go() {
        use tokio::io::AsyncWriteExt;
        let (address, _shutdown) = link(LinkSettings::new("secret")).await;
        let mut peer = TcpStream::connect(address).await.unwrap();
        peer.write_all(&[0x16, 3, 1, 2, 0, 1]).await.unwrap();
        assert!(closes(&mut peer, Duration::from_secs(4)).await);
    }

    /// ```text
    /// two places:  silent, silent | third refused at once ─ 300 ms ─▶ both closed, places free again
    /// ```
    #[tokio::test(flavor = "multi_thread")]
    async fn strangers_take_a_bounded_number_of_places_for_a_bounded_time() {
        let ready_within = Duration::from_millis(300);
        let settings = LinkSettings { max_connections: 2, ready_within, ..LinkSettings::new("secret") };
        let (address, shutdown) = link(settings).await;
        let mut first = TcpStream::connect(address).await.unwrap();
        let mut second = TcpStream::connect(address).await.unwrap();
        let mut third = TcpStream::connect(address).await.unwrap();
        assert!(closes(&mut third, Duration::from_secs(5)).await);
        assert!(closes(&mut first, Duration::from_secs(10)).await);
        assert!(closes(&mut second, Duration::from_secs(10)).await);
        let mut next = TcpStream::connect(address).await.unwrap();
        assert!(!closes(&mut next, Duration::from_millis(100)).await, "there is a place again");
        shutdown.cancel();
        assert!(closes(&mut next, Duration::from_secs(5)).await, "the end of the link ends its sessions");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_frame_above_the_limit_costs_its_sender_the_connection() {
        use tokio::io::AsyncWriteExt;
        let (address, _shutdown) = link(LinkSettings::new("secret")).await;
        let mut hostile = TcpStream::connect(address).await.unwrap();
        hostile.write_all(&(64_u64 << 30).to_be_bytes()).await.unwrap();
        assert!(closes(&mut hostile, Duration::from_secs(4)).await);
    }
}
