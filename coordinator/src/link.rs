//! The leader's end of the cluster link: accepts the workers' connections and keeps strangers from costing anything.
//!
//! Every connection has a place in a bounded number of places, socket options that notice a vanished peer, a bound on
//! its frames, and five seconds to show that it knows the cookie. What workers say arrives at the actors of this
//! process that joined a process group; see `docs/protocol.md`.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use common::clock::{self, Timestamp};
use common::transport::{self, Node, SessionEvent};
use ractor::ActorRef;
use ractor_cluster::{NodeId, NodeSessionMessage};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

/// Settings of the link.
#[derive(Clone, Debug)]
pub struct LinkSettings {
    /// The secret that both ends must know. Between machines it only guards against mistakes: the link is plain text.
    pub cookie: String,
    /// Connections at a time, default 1024: each costs a session and three tasks, and a cluster has far fewer workers.
    pub max_connections: usize,
    /// Time for a connection to become ready, default 5 s: an honest worker needs milliseconds.
    pub ready_within: Duration,
}

impl LinkSettings {
    /// The default bounds with this cookie.
    #[must_use]
    pub fn new(cookie: impl Into<String>) -> Self {
        Self { cookie: cookie.into(), max_connections: 1024, ready_within: Duration::from_secs(5) }
    }
}

/// Why there is no link.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The link is plain text, and the address can be reached from elsewhere.
    #[error(
        "{0} can be reached from other machines and the cluster link is plain text: pass --allow-remote if the network keeps others out"
    )]
    NotLoopback(SocketAddr),
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
/// [`LinkError::NotLoopback`] for an address beyond loopback without `allow_remote`; [`LinkError::Listen`].
pub async fn bind(address: SocketAddr, allow_remote: bool) -> Result<TcpListener, LinkError> {
    if !address.ip().is_loopback() && !allow_remote {
        return Err(LinkError::NotLoopback(address));
    }
    TcpListener::bind(address).await.map_err(|source| LinkError::Listen { address, source })
}

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
    let mut node = Node::start(name, settings.cookie.clone()).await?;
    let places = Arc::new(Semaphore::new(settings.max_connections));
    let mut unready = Unready::default();
    let mut second = tokio::time::interval(Duration::from_millis(500));
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((tcp, peer)) => admit(&node, tcp, peer, &places),
                Err(error) => {
                    // Out of file descriptors, mostly: others will be given back, and spinning helps nobody.
                    warn!(%error, "a worker's connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            Some(event) = node.next() => match event {
                SessionEvent::Opened(session) => unready.opened(session.node_id, session.actor, clock::now()),
                SessionEvent::Ready(session) => {
                    unready.settled(session.node_id);
                    debug!(peer = session.peer_addr, "a worker's session is ready");
                }
                SessionEvent::Closed(session) => {
                    unready.settled(session.node_id);
                    debug!(peer = session.peer_addr, "a session closed");
                }
            },
            _ = second.tick() => unready.close_overdue(settings.ready_within, clock::now()),
        }
    }
    node.stop().await;
    info!("the cluster link is closed");
    Ok(())
}

fn admit(node: &Node, tcp: TcpStream, peer: SocketAddr, places: &Arc<Semaphore>) {
    let Ok(place) = Arc::clone(places).try_acquire_owned() else {
        warn!(%peer, "refused a connection: as many as allowed are open");
        return;
    };
    match transport::prepare(&tcp) {
        Ok(()) => node.adopt(tcp, true, place),
        Err(error) => debug!(%peer, %error, "a connection was gone before it began"),
    }
}

/// Sessions that have not shown yet that they know the cookie.
#[derive(Default)]
struct Unready(HashMap<NodeId, (ActorRef<NodeSessionMessage>, Timestamp)>);

impl Unready {
    fn opened(&mut self, session: NodeId, actor: ActorRef<NodeSessionMessage>, now: Timestamp) {
        self.0.insert(session, (actor, now));
    }

    fn settled(&mut self, session: NodeId) {
        self.0.remove(&session);
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
        let listener = bind("127.0.0.1:0".parse().unwrap(), false).await.unwrap();
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
    async fn beyond_loopback_only_when_told() {
        let refused = bind("0.0.0.0:0".parse().unwrap(), false).await;
        assert!(matches!(refused, Err(LinkError::NotLoopback(_))));
        assert!(bind("0.0.0.0:0".parse().unwrap(), true).await.is_ok());
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
