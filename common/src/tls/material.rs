//! Certificates and keys out of files in PEM form.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{Lifetime, TlsError};

/// A certificate with those of intermediate authorities, and its key.
pub struct Identity {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Reads both, each a path and what is in it.
    ///
    /// # Errors
    /// Where one of them is not there. Whether they fit each other shows when they are put to use.
    pub fn read(cert: (&Path, &[u8]), key: (&Path, &[u8])) -> Result<Self, TlsError> {
        let chain = certificates(cert.0, cert.1)?;
        let key = PrivateKeyDer::from_pem_slice(key.1).map_err(|_| TlsError::NoKey(key.0.to_owned()))?;
        Ok(Self { chain, key })
    }

    /// From when to when the certificate in `file` is valid; none if it does not say so in a form that is understood.
    #[must_use]
    pub fn lifetime(&self, file: &Path) -> Option<(PathBuf, Lifetime)> {
        Some((file.to_owned(), Lifetime::of(self.chain.first()?)?))
    }
}

/// The authorities in a file.
///
/// # Errors
/// [`TlsError::NoCertificate`], or `Unusable` for one that can be no authority.
pub fn authorities(file: &Path, contents: &[u8]) -> Result<Arc<RootCertStore>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file, contents)? {
        roots.add(certificate).map_err(|error| unusable(file, &error))?;
    }
    Ok(Arc::new(roots))
}

fn certificates(file: &Path, contents: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(contents).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(TlsError::NoCertificate(file.to_owned())),
    }
}

/// Which file an error of the library is about.
pub(super) fn blame(error: &rustls::Error, cert: &Path, key: &Path) -> TlsError {
    match error {
        rustls::Error::InconsistentKeys(_) => {
            TlsError::OtherKey { cert: cert.to_owned(), key: key.to_owned() }
        }
        rustls::Error::InvalidCertificate(_) => unusable(cert, error),
        _ => unusable(key, error),
    }
}

fn unusable(file: &Path, error: &rustls::Error) -> TlsError {
    TlsError::Unusable { file: file.to_owned(), reason: error.to_string() }
}
