//! Certificates for tests, made when they are asked for: authorities, and what they sign.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use common::tls::TlsFiles;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};

/// An authority.
pub struct Authority {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

/// What a certificate may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// By whoever is dialled.
    Server,
    /// By whoever dials.
    Client,
}

/// A certificate and its key, in PEM form.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

impl Authority {
    /// A new one. All have the same name, as one that was made anew after its key was lost.
    pub fn new() -> Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "authority of tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        Ok(Self { certificate: params.self_signed(&key)?, key })
    }

    /// Its own certificate.
    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// Signs a certificate for these names, each a name or an address.
    pub fn issue(&self, purpose: Use, names: &[&str]) -> Result<Issued> {
        self.sign(purpose, names, |_| {})
    }

    /// The same, long out of date.
    pub fn issue_expired(&self, purpose: Use, names: &[&str]) -> Result<Issued> {
        self.sign(purpose, names, |params| {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        })
    }

    fn sign(
        &self,
        purpose: Use,
        names: &[&str],
        adjust: impl FnOnce(&mut CertificateParams),
    ) -> Result<Issued> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, "node of tests");
        params.extended_key_usages = vec![match purpose {
            Use::Server => ExtendedKeyUsagePurpose::ServerAuth,
            Use::Client => ExtendedKeyUsagePurpose::ClientAuth,
        }];
        adjust(&mut params);
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.certificate, &self.key)?.pem();
        Ok(Issued { certificate, key: key.serialize_pem() })
    }
}

/// The files of one node.
#[derive(Clone, Debug)]
pub struct NodeFiles {
    /// Where they are.
    pub files: TlsFiles,
}

impl NodeFiles {
    /// Writes `ca.crt`, `tls.crt` and `tls.key` into a new folder `name` of `parent`.
    pub fn write(parent: &Path, name: &str, trusted: &Authority, own: &Issued) -> Result<Self> {
        let folder = parent.join(name);
        fs::create_dir_all(&folder)?;
        let at = |file: &str| folder.join(file);
        let files = TlsFiles { ca: at("ca.crt"), cert: at("tls.crt"), key: at("tls.key") };
        let written = Self { files };
        written.trust(&trusted.pem())?;
        written.replace(own)?;
        Ok(written)
    }

    /// Puts another certificate in the place, each file at once.
    pub fn replace(&self, own: &Issued) -> Result<()> {
        put(&self.files.cert, &own.certificate)?;
        put(&self.files.key, &own.key)
    }

    /// Trusts these authorities instead, one or several.
    pub fn trust(&self, authorities: &str) -> Result<()> {
        put(&self.files.ca, authorities)
    }

    /// The flags that name them.
    pub fn flags(&self) -> [String; 3] {
        let TlsFiles { ca, cert, key } = &self.files;
        [("ca", ca), ("cert", cert), ("key", key)]
            .map(|(name, file)| format!("--cluster-{name}={}", file.display()))
    }
}

/// Writes a file that only its owner reads, and then moves it to its place.
pub(crate) fn put(file: &Path, contents: &str) -> Result<()> {
    let new: PathBuf = file.with_extension("new");
    fs::write(&new, contents)?;
    fs::set_permissions(&new, fs::Permissions::from_mode(0o600))?;
    Ok(fs::rename(new, file)?)
}
