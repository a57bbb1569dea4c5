//! What a connection has to show before it becomes a session: with TLS a certificate, without it that it does not try.

use std::time::Duration;

use common::tls::{Fault, ServerTls};
use common::transport::{self, Connection};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;

/// How long a refused peer is given to read why.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Makes a connection of what was accepted.
pub(super) async fn admit(
    tcp: TcpStream,
    tls: Option<&ServerTls>,
    within: Duration,
) -> Result<Connection, Fault> {
    transport::prepare(&tcp).map_err(|error| Fault::Network(error.to_string()))?;
    match tls {
        Some(tls) => encrypted(tcp, tls, within).await,
        None => plain(tcp, within).await,
    }
}

async fn encrypted(tcp: TcpStream, tls: &ServerTls, within: Duration) -> Result<Connection, Fault> {
    let accepting = tls.acceptor().accept(tcp).into_fallible();
    match tokio::time::timeout(within, accepting).await {
        Ok(Ok(stream)) => Ok(Connection::Encrypted(Box::new(TlsStream::Server(stream)))),
        Ok(Err((error, tcp))) => {
            let fault = Fault::of_handshake(&error);
            // Closing with unread bytes resets the connection, and the peer would not hear why it is refused.
            let _ = tokio::time::timeout(LAST_WORDS, drain(tcp)).await;
            Err(fault)
        }
        Err(_) => Err(Fault::Silent),
    }
}

async fn drain(mut tcp: TcpStream) {
    let _ = tcp.shutdown().await;
    let mut bytes = [0; 1024];
    while matches!(tcp.read(&mut bytes).await, Ok(1..)) {}
}

/// Whoever dials speaks first, so that its first byte tells what it speaks.
async fn plain(tcp: TcpStream, within: Duration) -> Result<Connection, Fault> {
    let mut first = [0];
    match tokio::time::timeout(within, tcp.peek(&mut first)).await {
        Ok(Ok(1..)) if transport::begins_tls(first[0]) => Err(Fault::OnlyTls),
        Ok(Ok(1..)) => Ok(tcp.into()),
        Ok(Ok(0)) => Err(Fault::Network("it was closed before anything was said".to_owned())),
        Ok(Err(error)) => Err(Fault::of(&error)),
        Err(_) => Err(Fault::Silent),
    }
}
