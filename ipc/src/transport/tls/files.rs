//! Files of certificates and keys: read, and checked one by one.

use core::fmt;
use core::time::Duration;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, TrustAnchor, UnixTime};
use rustls::sign::CertifiedKey;
use zeroize::{Zeroize, Zeroizing};

/// No file of these is longer, in octets.
const FILE_OCTETS_MAX: u64 = 64 << 10;
/// Bits of a mode that let others read or change a file.
const MODE_OF_OTHERS: u32 = 0o027;
/// The last moment that X.509 can write.
const END_OF_TIME_SECONDS: u64 = 253_402_300_799;

/// Which setting an error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The certificate's file.
    Certificate,
    /// The key's file.
    Key,
    /// The authority's file.
    Authority,
    /// The pair's name.
    Pair,
}

/// Why credentials cannot be used: one line that names the file and says what to do. No key is quoted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialError {
    /// Which setting is to blame.
    pub about: About,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for CredentialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl core::error::Error for CredentialError {}

/// A moment after the end of every certificate.
pub(crate) fn end_of_time() -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(END_OF_TIME_SECONDS))
}

/// A key that fits its certificate; no other copy of it is left.
pub(crate) fn certify(
    chain: &[CertificateDer<'static>],
    mut key: PrivateKeyDer<'static>,
    certificate: &Path,
    path: &Path,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, CredentialError> {
    let told = |what: &str| CredentialError {
        about: About::Key,
        what: format!("{}: {what}", path.display()),
    };
    let signing = provider.key_provider.load_private_key(key.clone_key());
    key.zeroize();
    let signing =
        signing.map_err(|_| told("not a key that can sign: give ECDSA, Ed25519 or RSA"))?;
    let certified = CertifiedKey::new(chain.to_vec(), signing);
    match certified.keys_match() {
        Ok(()) => Ok(certified),
        Err(_) => Err(told(&format!(
            "not the key of the certificate {}",
            certificate.display()
        ))),
    }
}

/// What chains of certificates are judged by.
pub(crate) fn anchors(path: &Path) -> Result<Vec<TrustAnchor<'static>>, CredentialError> {
    let told = |what: String| CredentialError {
        about: About::Authority,
        what: format!("{}: {what}", path.display()),
    };
    read_chain(About::Authority, path)?
        .iter()
        .map(|certificate| {
            webpki::anchor_from_trusted_cert(certificate)
                .map(|anchor| anchor.to_owned())
                .map_err(|error| told(format!("not the certificate of an authority: {error}")))
        })
        .collect()
}

/// The certificates of a file, in their order; at least one.
pub(crate) fn read_chain(
    about: About,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, CredentialError> {
    let told = |what: &str| CredentialError {
        about,
        what: format!("{}: {what}", path.display()),
    };
    let octets = read(about, path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&octets).collect();
    match chain {
        Ok(chain) if chain.is_empty() => Err(told("no certificate in it (PEM is read)")),
        Ok(chain) => Ok(chain),
        Err(_) => Err(told("not PEM")),
    }
}

/// The key of a file that others may not read.
pub(crate) fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, CredentialError> {
    let told = |what: String| CredentialError {
        about: About::Key,
        what: format!("{}: {what}", path.display()),
    };
    let mode = fs::metadata(path).map_or(0, |meta| meta.mode());
    if mode & MODE_OF_OTHERS != 0 {
        let mode = mode & 0o777;
        return Err(told(format!(
            "mode {mode:04o} lets others at the key: chmod 600"
        )));
    }
    let octets = read(About::Key, path)?;
    // The parser's own words might quote what it read.
    PrivateKeyDer::from_pem_slice(&octets)
        .map_err(|_| told("no private key in it (PEM is read)".to_owned()))
}

/// The octets of a file, wiped when they are dropped.
fn read(about: About, path: &Path) -> Result<Zeroizing<Vec<u8>>, CredentialError> {
    let told = |what: String| CredentialError {
        about,
        what: format!("{}: {what}", path.display()),
    };
    // Room for the longest at once: a vector that grows leaves copies behind.
    let mut octets = Zeroizing::new(Vec::with_capacity(FILE_OCTETS_MAX as usize + 1));
    File::open(path)
        .and_then(|file| file.take(FILE_OCTETS_MAX + 1).read_to_end(&mut octets))
        .map_err(|error| told(format!("cannot read it: {error}")))?;
    if octets.len() as u64 > FILE_OCTETS_MAX {
        return Err(told(format!("more than {FILE_OCTETS_MAX} octets")));
    }
    Ok(octets)
}
