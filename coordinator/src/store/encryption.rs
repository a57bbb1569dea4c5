//! TLS of the connections to the database, as asked for by the parameters of its URL that libpq knows, too.
//!
//! | `sslmode` | encrypted | the server is verified |
//! |---|---|---|
//! | none, `disable` | no | no |
//! | `prefer` | if the server can | no |
//! | `require` | yes | no; with `sslrootcert` as by `verify-ca` |
//! | `verify-ca` | yes | its certificate is signed by `sslrootcert` |
//! | `verify-full` | yes | and it is for the host that is dialled |
//!
//! `sslrootcert` is a file or `system`; `sslcert` and `sslkey` are what this process shows. On a Unix socket nothing is
//! encrypted.

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use common::tls::{Built, Fault, Identity, Oldest, Reloading, TlsError, Trust, authorities, client_config};
use percent_encoding::percent_decode_str;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::Socket;
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::ServerName;

/// How much is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// What a URL asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Encryption {
    mode: Mode,
    /// The authorities: a file, or `system`.
    root: Option<PathBuf>,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
}

/// `sslrootcert` for the authorities that this machine trusts.
const SYSTEM: &str = "system";

impl Encryption {
    /// Takes the parameters out of a URL that the driver does not know; yields the rest of it, and them.
    pub(super) fn take(url: &str) -> Result<(String, Self), String> {
        let mut wish = Self::default();
        // a question mark before the host belongs to a password
        let host = url.find('@').unwrap_or(0);
        let Some(query) = url[host..].find('?').map(|at| host + at) else {
            return Ok((url.to_owned(), wish));
        };
        let mut rest = Vec::new();
        for parameter in url[query + 1..].split('&') {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = percent_decode_str(value).decode_utf8_lossy();
            match name {
                "sslmode" => wish.mode = Mode::read(&value)?,
                "sslrootcert" => wish.root = Some(PathBuf::from(value.as_ref())),
                "sslcert" => wish.cert = Some(PathBuf::from(value.as_ref())),
                "sslkey" => wish.key = Some(PathBuf::from(value.as_ref())),
                _ => rest.push(parameter),
            }
        }
        wish.check()?;
        let rest = if rest.is_empty() { String::new() } else { format!("?{}", rest.join("&")) };
        Ok((format!("{}{rest}", &url[..query]), wish))
    }

    fn check(&mut self) -> Result<(), String> {
        if self.mode == Mode::Require && self.root.is_some() {
            // as libpq does
            self.mode = Mode::VerifyCa;
        }
        if matches!(self.mode, Mode::VerifyCa | Mode::VerifyFull) && self.root.is_none() {
            return Err("it verifies the server and does not say by what: add sslrootcert=FILE, the authority of its certificate, or sslrootcert=system".to_owned());
        }
        if self.cert.is_some() != self.key.is_some() {
            return Err("sslcert and sslkey go together".to_owned());
        }
        Ok(())
    }

    /// The driver's part of it.
    pub(super) const fn driver_mode(&self) -> SslMode {
        match self.mode {
            Mode::Disable => SslMode::Disable,
            Mode::Prefer => SslMode::Prefer,
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => SslMode::Require,
        }
    }

    /// Whether somebody between here and the server could read along or answer in its place.
    pub(super) fn is_unverified(&self) -> bool {
        !matches!(self.mode, Mode::VerifyCa | Mode::VerifyFull)
    }

    /// Reads the files, and goes on reading them when they change.
    pub(super) fn start(self) -> Result<DatabaseTls, TlsError> {
        if self.mode == Mode::Disable {
            return Ok(DatabaseTls::none());
        }
        let reloading = Reloading::start(self.files(), move |contents| self.build(contents))?;
        Ok(DatabaseTls(Some(reloading)))
    }

    fn has_root_file(&self) -> bool {
        self.root.as_deref().is_some_and(|root| root != Path::new(SYSTEM))
    }

    fn files(&self) -> Vec<PathBuf> {
        let root = self.root.iter().filter(|_| self.has_root_file());
        root.chain(&self.cert).chain(&self.key).cloned().collect()
    }

    /// A configuration out of contents in the order of [`Self::files`].
    fn build(&self, contents: &[Vec<u8>]) -> Result<Built<TlsConnector>, TlsError> {
        let mut contents = contents.iter();
        let mut next = || contents.next().map(Vec::as_slice).unwrap_or_default();
        let roots = match &self.root {
            Some(file) if self.has_root_file() => Some(authorities(file, next())?),
            Some(_) => Some(system_authorities()),
            None => None,
        };
        let trust = match (self.mode, roots) {
            (Mode::VerifyFull, Some(roots)) => Trust::Named(roots),
            (Mode::VerifyCa, Some(roots)) => Trust::Signed(roots),
            _ => Trust::Anyone,
        };
        let identity = match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => Some(Identity::read((cert, next()), (key, next()))?),
            _ => None,
        };
        let certificate = self.cert.as_deref().zip(identity.as_ref());
        let certificate = certificate.and_then(|(file, identity)| identity.lifetime(file));
        let config = client_config(trust, identity, Oldest::V1_2).map_err(|error| self.blame(&error))?;
        Ok(Built { value: TlsConnector::from(Arc::new(config)), certificate })
    }

    fn blame(&self, error: &tokio_rustls::rustls::Error) -> TlsError {
        let file = self.key.as_ref().or(self.root.as_ref()).cloned().unwrap_or_default();
        TlsError::Unusable { file, reason: error.to_string() }
    }
}

impl Mode {
    fn read(text: &str) -> Result<Self, String> {
        Ok(match text {
            "disable" => Self::Disable,
            "allow" | "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            other => {
                return Err(format!(
                    "sslmode={other} is none of disable, prefer, require, verify-ca, verify-full"
                ));
            }
        })
    }
}

fn system_authorities() -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in found.errors {
        tracing::warn!(%error, "authorities of this machine cannot be read");
    }
    roots.add_parsable_certificates(found.certs);
    Arc::new(roots)
}

/// Encrypts connections to the database, or is not there.
#[derive(Clone, Debug)]
pub(super) struct DatabaseTls(Option<Arc<Reloading<TlsConnector>>>);

impl DatabaseTls {
    /// For connections that are not encrypted.
    pub(super) const fn none() -> Self {
        Self(None)
    }
}

impl MakeTlsConnect<Socket> for DatabaseTls {
    type Stream = DatabaseStream;
    type TlsConnect = Handshake;
    type Error = io::Error;

    fn make_tls_connect(&mut self, host: &str) -> io::Result<Handshake> {
        // without TLS the driver asks and then makes no use of it
        let Some(reloading) = &self.0 else { return Ok(Handshake(None)) };
        // on a Unix socket there is no host, and none is needed
        let name = ServerName::try_from(host.to_owned()).ok();
        Ok(Handshake(name.map(|name| ((*reloading.current()).clone(), name))))
    }
}

/// The handshake of one connection.
pub(super) struct Handshake(Option<(TlsConnector, ServerName<'static>)>);

impl TlsConnect<Socket> for Handshake {
    type Stream = DatabaseStream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<DatabaseStream>> + Send>>;

    fn connect(self, socket: Socket) -> Self::Future {
        Box::pin(async move {
            let (connector, name) =
                self.0.ok_or_else(|| io::Error::other("the host's name can stand in no certificate"))?;
            let stream = connector.connect(name, socket).await;
            stream.map(DatabaseStream).map_err(|error| explain(&error))
        })
    }
}

/// What went wrong with the database's server, with what to do about it.
fn explain(error: &io::Error) -> io::Error {
    let text = match Fault::of_handshake(error) {
        Fault::UnknownAuthority => {
            "TLS: the database's certificate is signed by none of the authorities in sslrootcert".to_owned()
        }
        Fault::NotNow(when) => format!("TLS: the database's certificate is not valid now ({when})"),
        Fault::OtherName { expected, presented } => format!(
            "TLS: the database's certificate is for {presented}, not for {expected}: dial it by that name, or ask for sslmode=verify-ca"
        ),
        Fault::BadCertificate(why) => format!("TLS: the database's certificate is refused: {why}"),
        Fault::RefusedNone => "TLS: the database asks for a certificate: add sslcert and sslkey".to_owned(),
        Fault::RefusedAuthority | Fault::RefusedTime | Fault::RefusedCertificate(_) => {
            "TLS: the database refuses the certificate in sslcert".to_owned()
        }
        Fault::Network(_) => return io::Error::new(error.kind(), error.to_string()),
        _ => format!("TLS with the database fails: {error}"),
    };
    io::Error::other(text)
}

/// An encrypted connection.
pub(super) struct DatabaseStream(TlsStream<Socket>);

impl tokio_postgres::tls::TlsStream for DatabaseStream {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for DatabaseStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for DatabaseStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_of_tls_leave_the_url_and_the_others_stay() {
        let (rest, wish) = Encryption::take(
            "postgres://me:pass?word@db:5432/plans?sslmode=verify-full&connect_timeout=2&sslrootcert=%2Fetc%2Fca.pem",
        )
        .unwrap();
        assert_eq!(rest, "postgres://me:pass?word@db:5432/plans?connect_timeout=2");
        assert_eq!((wish.mode, wish.driver_mode()), (Mode::VerifyFull, SslMode::Require));
        assert_eq!(wish.files(), [PathBuf::from("/etc/ca.pem")]);
        let (rest, wish) = Encryption::take("postgres://db/plans?sslmode=disable").unwrap();
        assert_eq!((rest.as_str(), wish.driver_mode()), ("postgres://db/plans", SslMode::Disable));
        assert_eq!(Encryption::take("host=/run dbname=x").unwrap().1, Encryption::default());
    }

    #[test]
    fn modes_mean_what_they_mean_to_libpq() {
        let mode =
            |query: &str| Encryption::take(&format!("postgres://db/x?{query}")).map(|(_, wish)| wish.mode);
        assert_eq!(mode("sslmode=require"), Ok(Mode::Require));
        assert_eq!(mode("sslmode=require&sslrootcert=ca"), Ok(Mode::VerifyCa));
        assert_eq!(mode("sslmode=verify-full&sslrootcert=system"), Ok(Mode::VerifyFull));
        assert!(mode("sslmode=verify-full").unwrap_err().contains("sslrootcert"));
        assert!(mode("sslmode=never").unwrap_err().contains("verify-full"));
        assert!(mode("sslmode=require&sslcert=mine").unwrap_err().contains("sslkey"));
        let system = Encryption::take("postgres://db/x?sslmode=verify-full&sslrootcert=system").unwrap().1;
        assert!(system.files().is_empty());
    }
}
