//! TLS of NetPlanner's connections: the one place where configurations are built.
//!
//! Between nodes both ends show a certificate and nothing older than TLS 1.3 is spoken ([`ServerTls`], [`ClientTls`]).
//! Files are looked at again and again, so that renewed certificates are taken without a restart ([`Reloading`]); what
//! goes wrong between two peers is told in words with a remedy ([`Fault`]).

mod fault;
mod lenient;
mod lifetime;
mod material;
mod reload;

use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

pub use fault::Fault;
use lenient::Lenient;
pub use lifetime::Lifetime;
pub use material::{Identity, authorities};
pub use reload::{Built, Reloading};

/// What a node shows and whom it trusts, as files in PEM form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The authorities one of which must have signed the peer's certificate.
    pub ca: PathBuf,
    /// The own certificate, followed by those of intermediate authorities.
    pub cert: PathBuf,
    /// Its private key, without a password.
    pub key: PathBuf,
}

/// Why files cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{} cannot be read: {reason}", file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file has no certificate in it.
    #[error("{} holds no certificate in PEM form", .0.display())]
    NoCertificate(PathBuf),
    /// A file has no key in it.
    #[error("{} holds no private key in PEM form without a password", .0.display())]
    NoKey(PathBuf),
    /// Key and certificate are not of one pair.
    #[error(
        "the key in {} does not belong to the certificate in {}: put both in their places together",
        key.display(), cert.display()
    )]
    OtherKey {
        /// The file of the certificate.
        cert: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// A certificate or key of a kind that is not known.
    #[error("{} cannot be used: {reason}", file.display())]
    Unusable {
        /// Which file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// The certificate is not valid now.
    #[error("the certificate in {} is not valid now: {lifetime}", file.display())]
    NotNow {
        /// The file.
        file: PathBuf,
        /// From when to when it is.
        lifetime: Lifetime,
    },
}

/// A node's end that is dialled. It requires a certificate of whoever dials.
#[derive(Clone, Debug)]
pub struct ServerTls(Arc<Reloading<TlsAcceptor>>);

impl ServerTls {
    /// Reads the files and looks at them again every two seconds for as long as this value, or a clone, is there.
    ///
    /// # Errors
    /// Where the files cannot be used. A certificate that has ended is taken, and named in the log: it may be renewed.
    pub fn start(files: TlsFiles) -> Result<Self, TlsError> {
        Ok(Self(Reloading::start(files.list(), move |contents| {
            let (roots, identity) = files.read(contents)?;
            let lifetime = identity.lifetime(&files.cert);
            let config = server_config(roots, identity).map_err(|error| files.blame(&error))?;
            Ok(Built { value: TlsAcceptor::from(Arc::new(config)), certificate: lifetime })
        })?))
    }

    /// For the next connection.
    #[must_use]
    pub fn acceptor(&self) -> TlsAcceptor {
        (*self.0.current()).clone()
    }
}

/// A node's end that dials. It shows a certificate, and verifies the other's with its name.
#[derive(Clone, Debug)]
pub struct ClientTls(Arc<Reloading<TlsConnector>>);

impl ClientTls {
    /// As [`ServerTls::start`].
    ///
    /// # Errors
    /// As [`ServerTls::start`].
    pub fn start(files: TlsFiles) -> Result<Self, TlsError> {
        Ok(Self(Reloading::start(files.list(), move |contents| {
            let (roots, identity) = files.read(contents)?;
            let lifetime = identity.lifetime(&files.cert);
            let trust = Trust::Named(roots);
            let config =
                client_config(trust, Some(identity), OLDEST_OF_NODES).map_err(|error| files.blame(&error))?;
            Ok(Built { value: TlsConnector::from(Arc::new(config)), certificate: lifetime })
        })?))
    }

    /// For the next connection.
    #[must_use]
    pub fn connector(&self) -> TlsConnector {
        (*self.0.current()).clone()
    }
}

impl TlsFiles {
    fn list(&self) -> Vec<PathBuf> {
        vec![self.ca.clone(), self.cert.clone(), self.key.clone()]
    }

    /// Authorities and identity, of contents in the order of [`Self::list`].
    fn read(&self, contents: &[Vec<u8>]) -> Result<(Arc<RootCertStore>, Identity), TlsError> {
        let [ca, cert, key] = contents else { unreachable!("as many contents as files") };
        Ok((authorities(&self.ca, ca)?, Identity::read((&self.cert, cert), (&self.key, key))?))
    }

    /// Which file an error of the library is about.
    fn blame(&self, error: &rustls::Error) -> TlsError {
        material::blame(error, &self.cert, &self.key)
    }
}

/// Whose certificates a dialling end accepts.
#[derive(Clone, Debug)]
pub enum Trust {
    /// Those signed by one of these authorities that carry the name that was dialled.
    Named(Arc<RootCertStore>),
    /// Those signed by one of these authorities, whatever their name.
    Signed(Arc<RootCertStore>),
    /// All. Who listens on the way is kept out, who stands in between is not.
    Anyone,
}

/// The oldest version of TLS that is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oldest {
    /// What servers of others may still need.
    V1_2,
    /// What there is between our own processes.
    V1_3,
}

const OLDEST_OF_NODES: Oldest = Oldest::V1_3;

/// The provider is named in every configuration: the library's own choice panics where another crate brings a second.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn server_config(roots: Arc<RootCertStore>, identity: Identity) -> Result<ServerConfig, rustls::Error> {
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider())
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(identity.chain, identity.key)?;
    // A resumed session would not show its certificate again, and connections last for days anyway.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

/// The configuration of a dialling end.
///
/// # Errors
/// For a key that does not belong to its certificate, or is of an unknown kind.
pub fn client_config(
    trust: Trust,
    identity: Option<Identity>,
    oldest: Oldest,
) -> Result<ClientConfig, rustls::Error> {
    let versions: &[_] = match oldest {
        Oldest::V1_2 => &[&rustls::version::TLS13, &rustls::version::TLS12],
        Oldest::V1_3 => &[&rustls::version::TLS13],
    };
    let signed_by = |roots| {
        WebPkiServerVerifier::builder_with_provider(roots, provider())
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))
    };
    let builder = ClientConfig::builder_with_provider(provider()).with_protocol_versions(versions)?;
    let builder = match trust {
        Trust::Named(roots) => builder.with_webpki_verifier(signed_by(roots)?),
        Trust::Signed(roots) => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Lenient::any_name(signed_by(roots)?))),
        Trust::Anyone => {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Lenient::anyone(provider())))
        }
    };
    let mut config = match identity {
        Some(identity) => builder.with_client_auth_cert(identity.chain, identity.key)?,
        None => builder.with_no_client_auth(),
    };
    config.resumption = Resumption::disabled();
    Ok(config)
}
