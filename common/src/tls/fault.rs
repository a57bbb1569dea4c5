//! What can be wrong between two ends of a connection, in words that name the remedy.

use std::io;

use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, Error};

/// Why a connection between two nodes came to nothing. *It* is the peer; *here* is the process that says so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The peer's certificate comes from nowhere.
    #[error(
        "its certificate is signed by no authority that is known here: issue it by one in this process's --cluster-ca, or add its authority to that file"
    )]
    UnknownAuthority,
    /// The peer's certificate is too old, or too young.
    #[error("its certificate is not valid now ({0}): renew it, or set the clocks")]
    NotNow(String),
    /// The peer showed no certificate.
    #[error("it shows no certificate: give it --cluster-cert and --cluster-key")]
    NoCertificate,
    /// The peer's certificate is somebody else's.
    #[error(
        "its certificate is not for {expected} but for {presented}: dial it by a name or an address that is in its subjectAltName, or say --cluster-server-name"
    )]
    OtherName {
        /// What was dialled.
        expected: String,
        /// What the certificate carries.
        presented: String,
    },
    /// The peer's certificate may not be used so.
    #[error(
        "its certificate is not made for this end: extendedKeyUsage has to hold serverAuth for a coordinator and clientAuth for a worker"
    )]
    OtherUse,
    /// The peer's certificate is wrong in another way.
    #[error("its certificate is refused here: {0}")]
    BadCertificate(String),
    /// The peer does not know who signed the certificate of this process.
    #[error(
        "it refuses this process's certificate, whose authority it does not know: its --cluster-ca must hold the one that signed --cluster-cert here"
    )]
    RefusedAuthority,
    /// The peer finds the certificate of this process outside its time.
    #[error(
        "it refuses this process's certificate as not valid now: renew --cluster-cert, or set the clocks"
    )]
    RefusedTime,
    /// The peer wants to see a certificate.
    #[error("it asks for a certificate and got none: give this process --cluster-cert and --cluster-key")]
    RefusedNone,
    /// The peer finds that the certificate of this process is not for that name, or not for that use.
    #[error(
        "it refuses this process's certificate ({0}): a coordinator's needs serverAuth and the name that workers dial, a worker's needs clientAuth"
    )]
    RefusedCertificate(&'static str),
    /// The peer does not know how.
    #[error(
        "it does not speak TLS: give it --cluster-ca, --cluster-cert and --cluster-key, as this process has them"
    )]
    NoTls,
    /// The peer ended it before both knew each other.
    #[error(
        "it ended the connection at the TLS handshake: is it a coordinator with --cluster-cert, --cluster-key and --cluster-ca?"
    )]
    Ended,
    /// The peer speaks TLS and nobody else does.
    #[error(
        "it speaks TLS and this process does not: give this one --cluster-ca, --cluster-cert and --cluster-key, too"
    )]
    OnlyTls,
    /// Too old or too new.
    #[error("it knows no version of TLS that is spoken here, 1.3")]
    Version,
    /// All else is well, and yet it is no session.
    #[error(
        "it ended the connection before both knew each other: if it goes on, the cookies differ (NETPLANNER_COOKIE or --cookie-file must be the same at coordinators and workers), or it is no node"
    )]
    Cookie,
    /// It said nothing, or not enough.
    #[error("it did not say who it is in time")]
    Silent,
    /// Something else in TLS.
    #[error("TLS fails: {0}")]
    Tls(String),
    /// The network's.
    #[error("{0}")]
    Network(String),
}

impl Fault {
    /// What an error of a connection, or of its handshake, means.
    #[must_use]
    pub fn of(error: &io::Error) -> Self {
        let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
        match tls {
            Some(error) => Self::of_tls(error),
            None => Self::Network(error.to_string()),
        }
    }

    /// The same of an error in a handshake, where an end without a word means more.
    #[must_use]
    pub fn of_handshake(error: &io::Error) -> Self {
        match Self::of(error) {
            Self::Network(_) if error.kind() == io::ErrorKind::UnexpectedEof => Self::Ended,
            Self::Network(_) if error.kind() == io::ErrorKind::ConnectionReset => Self::Ended,
            fault => fault,
        }
    }

    fn of_tls(error: &Error) -> Self {
        match error {
            Error::InvalidCertificate(error) => Self::of_certificate(error),
            Error::NoCertificatesPresented => Self::NoCertificate,
            Error::AlertReceived(alert) => Self::told(*alert),
            // bytes that are no record at all
            Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType) => Self::NoTls,
            Error::PeerIncompatible(_) => Self::Version,
            other => Self::Tls(other.to_string()),
        }
    }

    fn of_certificate(error: &CertificateError) -> Self {
        use CertificateError as Of;
        match error {
            // another authority of the same name signed it
            Of::UnknownIssuer | Of::BadSignature => Self::UnknownAuthority,
            Of::Expired | Of::NotValidYet => Self::NotNow(error.to_string()),
            Of::ExpiredContext { not_after, .. } => {
                Self::NotNow(format!("it ended at {}", moment(*not_after)))
            }
            Of::NotValidYetContext { not_before, .. } => {
                Self::NotNow(format!("it begins at {}", moment(*not_before)))
            }
            Of::NotValidForNameContext { expected, presented } => Self::OtherName {
                expected: name(expected),
                presented: if presented.is_empty() { "no name".to_owned() } else { presented.join(", ") },
            },
            Of::InvalidPurpose | Of::InvalidPurposeContext { .. } => Self::OtherUse,
            other => Self::BadCertificate(other.to_string()),
        }
    }

    /// What the peer's last word means.
    fn told(alert: AlertDescription) -> Self {
        use AlertDescription as Alert;
        match alert {
            Alert::UnknownCA | Alert::DecryptError => Self::RefusedAuthority,
            Alert::CertificateExpired => Self::RefusedTime,
            Alert::CertificateRequired | Alert::NoCertificate => Self::RefusedNone,
            Alert::BadCertificate => Self::RefusedCertificate("bad certificate"),
            Alert::UnsupportedCertificate => Self::RefusedCertificate("unsupported certificate"),
            Alert::CertificateUnknown => Self::RefusedCertificate("certificate unknown"),
            Alert::CertificateRevoked => Self::RefusedCertificate("certificate revoked"),
            Alert::AccessDenied => Self::RefusedCertificate("access denied"),
            Alert::ProtocolVersion => Self::Version,
            other => Self::Tls(format!("the peer says {other:?}")),
        }
    }

    /// Whether only somebody who changes settings, files or clocks can help: not a peer that is away.
    #[must_use]
    pub const fn is_lasting(&self) -> bool {
        !matches!(self, Self::Network(_) | Self::Silent | Self::Ended | Self::Cookie)
    }
}

fn moment(time: rustls::pki_types::UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    let time = chrono::DateTime::from_timestamp(seconds, 0);
    time.map_or_else(|| "an unknown time".to_owned(), |time| time.format("%Y-%m-%d %H:%M:%S UTC").to_string())
}

fn name(name: &ServerName<'_>) -> String {
    name.to_str().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_library_are_told_by_their_remedy() {
        let said = |error: Error| Fault::of(&io::Error::new(io::ErrorKind::InvalidData, error));
        let refused = said(Error::AlertReceived(AlertDescription::UnknownCA));
        assert_eq!(refused, Fault::RefusedAuthority);
        assert!(refused.to_string().contains("--cluster-ca"));
        let unknown = said(Error::InvalidCertificate(CertificateError::UnknownIssuer));
        assert_eq!(unknown, Fault::UnknownAuthority);
        let plain = said(Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType));
        assert_eq!(plain, Fault::NoTls);
        assert!(plain.is_lasting());
    }

    #[test]
    fn an_end_in_the_handshake_is_more_than_an_end() {
        let end = io::Error::from(io::ErrorKind::UnexpectedEof);
        assert_eq!(Fault::of_handshake(&end), Fault::Ended);
        assert!(matches!(Fault::of(&end), Fault::Network(_)));
    }
}
