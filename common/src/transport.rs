//! The transport under the cluster link, the same at both ends: socket options, buffered frames, plain or in TLS, and
//! the node that carries sessions.
//!
//! `ractor_cluster` carries messages over connections that we open, accept and watch ourselves: its own listener has
//! no limit of any kind, so it is parked on a loopback port and whatever connects there is closed at once.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use ractor::{Actor, ActorRef, SpawnErr};
use ractor_cluster::node::{NodeConnectionMode, NodeServerSessionInformation};
use ractor_cluster::{
    BoxRead, BoxWrite, ClusterBidiStream, NodeEventSubscription, NodeServer, NodeServerMessage,
};
use tokio::io::{AsyncRead, BufReader, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsStream;

use crate::limits::MESSAGE_BYTES;
use crate::tls::Fault;

/// The largest frame accepted: the largest message and what the session wraps around it. A larger one costs the
/// sender its connection before anything is allocated.
const FRAME_BYTES: u64 = MESSAGE_BYTES as u64 + (16 << 10);

/// How long bytes may wait unacknowledged by the peer's kernel before the connection counts as lost. The heartbeats
/// are quicker; this frees the socket of a peer that vanished with its machine.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(8);

/// Quiet time after which the kernel asks whether the peer is there.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(4);

/// Buffer of a connection's reading half: many small frames cost one system call. Larger ones pass it by; a thousand idle
/// workers have a thousand of it.
const READ_BUFFER_BYTES: usize = 8 << 10;

/// What marks a connection as accepted or dialled by us, in its label.
const OURS: &str = "link ";

/// Sets the options of a connection of the cluster link.
///
/// # Errors
/// Those of the operating system, as for a connection that is already gone.
pub fn prepare(tcp: &TcpStream) -> std::io::Result<()> {
    tcp.set_nodelay(true)?;
    let socket = socket2::SockRef::from(tcp);
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(TCP_USER_TIMEOUT))?;
    let keepalive =
        socket2::TcpKeepalive::new().with_time(KEEPALIVE_AFTER).with_interval(Duration::from_secs(2));
    #[cfg(target_os = "linux")]
    let keepalive = keepalive.with_retries(3);
    socket.set_tcp_keepalive(&keepalive)
}

/// The other end of a session.
#[must_use]
pub fn peer(session: &NodeServerSessionInformation) -> Option<SocketAddr> {
    session.peer_addr.strip_prefix(OURS)?.parse().ok()
}

/// What happened to a session of a [`Node`].
#[derive(Debug)]
pub enum SessionEvent {
    /// A connection was taken in; nothing is known of the peer yet.
    Opened(NodeServerSessionInformation),
    /// The peer knows the cookie, and both sides know each other's actors.
    Ready(NodeServerSessionInformation),
    /// It is gone.
    Closed(NodeServerSessionInformation),
}

struct Events(mpsc::UnboundedSender<SessionEvent>);

impl NodeEventSubscription for Events {
    fn node_session_opened(&self, session: NodeServerSessionInformation) {
        // Whoever listens may be gone already, at shutdown.
        let _ = self.0.send(SessionEvent::Opened(session));
    }

    fn node_session_disconnected(&self, session: NodeServerSessionInformation) {
        let _ = self.0.send(SessionEvent::Closed(session));
    }

    fn node_session_authenticated(&self, _: NodeServerSessionInformation) {}

    fn node_session_ready(&self, session: NodeServerSessionInformation) {
        let _ = self.0.send(SessionEvent::Ready(session));
    }
}

/// Carries the sessions of one process under one name. They end when it is dropped.
pub struct Node {
    server: ActorRef<NodeServerMessage>,
    events: mpsc::UnboundedReceiver<SessionEvent>,
}

impl Node {
    /// Starts a node. Of two nodes with one name only one can be connected to a peer, so `name` is unique.
    ///
    /// # Errors
    /// When no loopback port can be had for the parked listener.
    pub async fn start(name: String, cookie: String) -> Result<Self, SpawnErr> {
        let server = NodeServer::new(0, cookie, name.clone(), name, None, Some(NodeConnectionMode::Isolated))
            .with_listen_addr(IpAddr::V4(Ipv4Addr::LOCALHOST))
            .with_max_inbound_frame_size(FRAME_BYTES);
        let (server, _) = Actor::spawn(None, server, ()).await?;
        let (sender, events) = mpsc::unbounded_channel();
        let subscription = Box::new(Events(sender));
        // A node that stopped meanwhile answers no event either; the caller's deadlines see to that.
        let _ = server.cast(NodeServerMessage::SubscribeToEvents { id: "link".to_owned(), subscription });
        Ok(Self { server, events })
    }

    /// Takes a connection in. `guard` is dropped with it. What is yielded tells later what became of it.
    pub fn adopt<G: Send + Unpin + 'static>(
        &self,
        connection: impl Into<Connection>,
        accepted: bool,
        guard: G,
    ) -> Witness {
        let connection = connection.into();
        let peer = connection.tcp().peer_addr().map_or_else(|_| "gone".to_owned(), |peer| peer.to_string());
        let witness = Witness::default();
        let label = format!("{OURS}{peer}");
        let stream = Box::new(Stream { connection, label, guard, witness: witness.clone() });
        let _ = self.server.cast(NodeServerMessage::ConnectionOpenedExternal { stream, is_server: accepted });
        witness
    }

    /// Waits for the next event. Connections that came in by the parked listener are closed here and not reported.
    pub async fn next(&mut self) -> Option<SessionEvent> {
        loop {
            let event = self.events.recv().await?;
            let (SessionEvent::Opened(session)
            | SessionEvent::Ready(session)
            | SessionEvent::Closed(session)) = &event;
            if session.peer_addr.starts_with(OURS) {
                return Some(event);
            }
            if matches!(event, SessionEvent::Opened(_)) {
                session.actor.stop(Some("not by the link".to_owned()));
            }
        }
    }

    /// Ends all sessions and the node.
    pub async fn stop(self) {
        let patience = Some(Duration::from_secs(1));
        if self.server.stop_and_wait(None, patience).await.is_err() {
            self.server.kill();
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.server.stop(None);
    }
}

/// A connection between two nodes, ready for sessions.
#[derive(Debug)]
pub enum Connection {
    /// As it is on the wire.
    Plain(TcpStream),
    /// Both ends have seen each other's certificate, as far as this end knows.
    Encrypted(Box<TlsStream<TcpStream>>),
}

impl Connection {
    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Encrypted(tls) => tls.get_ref().0,
        }
    }
}

impl From<TcpStream> for Connection {
    fn from(tcp: TcpStream) -> Self {
        Self::Plain(tcp)
    }
}

/// What the reading half of a connection met at its end.
///
/// Whoever dials with TLS 1.3 believes the handshake to be over before the other end has looked at its certificate: that
/// it is refused shows in the first read, which is in the hands of a session by then.
#[derive(Clone, Debug, Default)]
pub struct Witness(Arc<OnceLock<Fault>>);

impl Witness {
    /// What went wrong, if anything did.
    #[must_use]
    pub fn saw(&self) -> Option<&Fault> {
        self.0.get()
    }
}

/// Whether bytes that begin so are a record of TLS: a frame of ours begins with the high byte of a small length.
#[must_use]
pub const fn begins_tls(first: u8) -> bool {
    // an alert, or a handshake
    matches!(first, 0x15 | 0x16)
}

struct Stream<G> {
    connection: Connection,
    label: String,
    guard: G,
    witness: Witness,
}

impl<G: Send + Unpin + 'static> ClusterBidiStream for Stream<G> {
    fn split(self: Box<Self>) -> (BoxRead, BoxWrite) {
        let Self { connection, guard, witness, .. } = *self;
        match connection {
            Connection::Plain(tcp) => {
                let (read, write) = tcp.into_split();
                (Box::new(Guarded::new(read, true, guard, witness)), Box::new(write))
            }
            Connection::Encrypted(tls) => {
                let (read, write) = tokio::io::split(*tls);
                (Box::new(Guarded::new(read, false, guard, witness)), Box::new(write))
            }
        }
    }

    fn peer_label(&self) -> Option<String> {
        Some(self.label.clone())
    }
}

/// The reading half.
struct Guarded<R, G> {
    read: BufReader<R>,
    /// Whether the first byte of plain text is still to come.
    first: bool,
    witness: Witness,
    _guard: G,
}

impl<R: AsyncRead, G> Guarded<R, G> {
    fn new(read: R, plain: bool, guard: G, witness: Witness) -> Self {
        let read = BufReader::with_capacity(READ_BUFFER_BYTES, read);
        Self { read, first: plain, witness, _guard: guard }
    }
}

impl<R: AsyncRead + Unpin, G: Unpin> AsyncRead for Guarded<R, G> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buf.filled().len();
        let read = ready!(Pin::new(&mut self.read).poll_read(cx, buf));
        if let Err(error) = &read {
            // the first thing that was seen is the one that explains the others
            let _ = self.witness.0.set(Fault::of(error));
        }
        if let (true, Some(first)) = (self.first, buf.filled().get(before)) {
            if begins_tls(*first) {
                let _ = self.witness.0.set(Fault::OnlyTls);
                return Poll::Ready(Err(std::io::ErrorKind::InvalidData.into()));
            }
            self.first = false;
        }
        Poll::Ready(read)
    }
}
