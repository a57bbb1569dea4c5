//! Verifiers that accept more than the library's: for servers of others whose users asked for less, as
//! `sslmode=require` of a database does. Never between our own processes.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

/// Holds that the server has the key of the certificate that it shows, and of the certificate what it is told to.
#[derive(Debug)]
pub(super) enum Lenient {
    /// Signed by an authority, under any name.
    AnyName(Arc<WebPkiServerVerifier>),
    /// Anything.
    Anyone(Arc<CryptoProvider>),
}

impl Lenient {
    pub(super) const fn any_name(verifier: Arc<WebPkiServerVerifier>) -> Self {
        Self::AnyName(verifier)
    }

    pub(super) const fn anyone(provider: Arc<CryptoProvider>) -> Self {
        Self::Anyone(provider)
    }
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Self::AnyName(verifier) = self else { return Ok(ServerCertVerified::assertion()) };
        match verifier.verify_server_cert(end_entity, intermediates, name, ocsp, now) {
            // the name is looked at last, when everything else was found right
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self {
            Self::AnyName(verifier) => verifier.verify_tls12_signature(message, cert, signed),
            Self::Anyone(provider) => {
                verify_tls12_signature(message, cert, signed, &provider.signature_verification_algorithms)
            }
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self {
            Self::AnyName(verifier) => verifier.verify_tls13_signature(message, cert, signed),
            Self::Anyone(provider) => {
                verify_tls13_signature(message, cert, signed, &provider.signature_verification_algorithms)
            }
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        match self {
            Self::AnyName(verifier) => verifier.supported_verify_schemes(),
            Self::Anyone(provider) => provider.signature_verification_algorithms.supported_schemes(),
        }
    }
}
