//! Where coordinators are, and how they are dialled: names, addresses, TLS, and what may be dialled without it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use common::cookie::Cookie;
use common::tls::{ClientTls, Fault};
use common::transport::{self, Connection};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tracing::debug;

/// Time for one address to answer, with TLS as much again for the handshake.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is dialled, and how.
#[derive(Clone, Debug)]
pub struct DialSettings {
    /// `host:port`, one or several.
    pub coordinators: Vec<String>,
    /// The secret that both ends must know.
    pub cookie: Cookie,
    /// Certificates; without them the link is plain text.
    pub tls: Option<ClientTls>,
    /// The name in the coordinators' certificates, if it is not the one that is dialled.
    pub server_name: Option<String>,
    /// Whether plain text may be spoken with other machines.
    pub plaintext_beyond_loopback: bool,
}

/// One address of a coordinator, and the name under which it was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// Where it is.
    pub address: SocketAddr,
    /// Whose certificate it has to show.
    pub name: String,
}

/// Why an address did not become a connection.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// Others could listen.
    #[error(
        "{0} is another machine and the cluster link is plain text: give --cluster-ca, --cluster-cert and --cluster-key, or --allow-plaintext-cluster if the network keeps others out"
    )]
    PlainText(IpAddr),
    /// Others know the secret.
    #[error(
        "{0} is another machine and the cookie is the one that everybody knows: give the same secret to coordinators and workers, in NETPLANNER_COOKIE or by --cookie-file"
    )]
    DefaultCookie(IpAddr),
    /// A name that stands in no certificate.
    #[error("{0:?} cannot stand in a certificate: say --cluster-server-name")]
    Name(String),
    /// Nobody answers.
    #[error("{0}")]
    Network(#[from] io::Error),
    /// Who answers is not whom we want, or does not want us.
    #[error("{0}")]
    Peer(Fault),
    /// The node of this process did not start.
    #[error("the cluster node does not start: {0}")]
    Node(#[from] ractor::SpawnErr),
}

impl DialError {
    /// Whether only somebody who changes settings, files or clocks can help.
    #[must_use]
    pub const fn is_lasting(&self) -> bool {
        match self {
            Self::PlainText(_) | Self::DefaultCookie(_) | Self::Name(_) => true,
            Self::Peer(fault) => fault.is_lasting(),
            Self::Network(_) | Self::Node(_) => false,
        }
    }
}

impl DialSettings {
    /// Plain text on loopback.
    #[must_use]
    pub fn on_loopback(coordinators: Vec<String>, cookie: Cookie) -> Self {
        Self { coordinators, cookie, tls: None, server_name: None, plaintext_beyond_loopback: false }
    }

    /// Whether an address may be dialled.
    ///
    /// # Errors
    /// For other machines, without TLS or without a secret.
    pub fn permit(&self, address: IpAddr) -> Result<(), DialError> {
        if address.is_loopback() {
            Ok(())
        } else if self.tls.is_none() && !self.plaintext_beyond_loopback {
            Err(DialError::PlainText(address))
        } else if self.cookie.is_default() {
            Err(DialError::DefaultCookie(address))
        } else {
            Ok(())
        }
    }

    /// Whether all coordinators may be dialled that are given as addresses. Names are looked at when they resolve.
    ///
    /// # Errors
    /// Those of [`Self::permit`].
    pub fn permit_literal(&self) -> Result<(), DialError> {
        let mut literal =
            self.coordinators.iter().filter_map(|coordinator| coordinator.parse::<SocketAddr>().ok());
        literal.try_for_each(|address| self.permit(address.ip()))
    }

    /// The addresses of all names, each once.
    pub async fn resolve(&self) -> Vec<Target> {
        let mut targets = Vec::new();
        for coordinator in &self.coordinators {
            match tokio::net::lookup_host(coordinator).await {
                Ok(found) => {
                    let name = self.server_name.as_deref().unwrap_or_else(|| host(coordinator));
                    targets.extend(found.map(|address| Target { address, name: name.to_owned() }));
                }
                Err(error) => debug!(coordinator, %error, "a coordinator's name does not resolve"),
            }
        }
        each_once(targets, self.tls.is_some())
    }

    /// Connects to one address; with TLS the other end has shown its certificate then, and may still refuse ours.
    ///
    /// # Errors
    /// Where it may not be dialled, does not answer, or is somebody else.
    pub async fn dial(&self, target: &Target) -> Result<Connection, DialError> {
        self.permit(target.address.ip())?;
        let connecting = tokio::time::timeout(PATIENCE, TcpStream::connect(target.address));
        let tcp = connecting.await.map_err(io::Error::from)??;
        transport::prepare(&tcp)?;
        let Some(tls) = &self.tls else { return Ok(tcp.into()) };
        let name =
            ServerName::try_from(target.name.clone()).map_err(|_| DialError::Name(target.name.clone()))?;
        match tokio::time::timeout(PATIENCE, tls.connector().connect(name, tcp)).await {
            Ok(Ok(stream)) => Ok(Connection::Encrypted(Box::new(TlsStream::Client(stream)))),
            Ok(Err(error)) => Err(DialError::Peer(Fault::of_handshake(&error))),
            Err(_) => Err(DialError::Peer(Fault::Silent)),
        }
    }
}

/// The host of `host:port`, an IPv6 address without its brackets.
fn host(coordinator: &str) -> &str {
    let host = coordinator.rsplit_once(':').map_or(coordinator, |(host, _)| host);
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// In one order, since names resolve in changing ones. Where no name is verified, an address under two names is one.
fn each_once(mut targets: Vec<Target>, by_name: bool) -> Vec<Target> {
    targets.sort_unstable();
    targets.dedup_by(|later, earlier| {
        later.address == earlier.address && (!by_name || later.name == earlier.name)
    });
    targets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(coordinators: &[&str], cookie: &str) -> DialSettings {
        let coordinators = coordinators.iter().map(|&coordinator| coordinator.to_owned()).collect();
        DialSettings::on_loopback(coordinators, Cookie::from(cookie))
    }

    #[test]
    fn other_machines_only_with_a_secret_and_when_told() {
        let remote = ["127.0.0.1:5021", "10.0.0.1:5021"];
        let plain = settings(&remote, "secret");
        assert!(matches!(plain.permit_literal(), Err(DialError::PlainText(_))));
        let told = DialSettings { plaintext_beyond_loopback: true, ..plain };
        assert!(told.permit_literal().is_ok());
        let known = DialSettings { cookie: Cookie::default(), ..told };
        assert!(matches!(known.permit_literal(), Err(DialError::DefaultCookie(_))));
        assert!(settings(&["[::1]:5021", "planner:5021"], "secret").permit_literal().is_ok());
    }

    #[test]
    fn the_name_in_the_certificate_is_the_host_that_is_dialled() {
        let hosts = ["planner.example:5021", "10.0.0.1:5021", "[fe80::1]:5021"].map(host);
        assert_eq!(hosts, ["planner.example", "10.0.0.1", "fe80::1"]);
        assert!(hosts.iter().all(|host| ServerName::try_from(*host).is_ok()));
    }

    #[test]
    fn an_address_is_dialled_once_unless_its_names_matter() {
        let target =
            |address: &str, name: &str| Target { address: address.parse().unwrap(), name: name.to_owned() };
        let found = vec![target("10.0.0.2:1", "b"), target("10.0.0.1:1", "a"), target("10.0.0.2:1", "a")];
        assert_eq!(each_once(found.clone(), false), [target("10.0.0.1:1", "a"), target("10.0.0.2:1", "a")]);
        assert_eq!(each_once(found, true).len(), 3);
    }

    #[tokio::test]
    async fn names_resolve_to_addresses_of_loopback() {
        let found = settings(&["localhost:5021", "127.0.0.1:5021"], "x").resolve().await;
        assert!(found.iter().all(|target| target.address.ip().is_loopback()), "{found:?}");
        assert_eq!(found.iter().filter(|target| target.address.is_ipv4()).count(), 1);
    }
}
