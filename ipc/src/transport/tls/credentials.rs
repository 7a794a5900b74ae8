//! What a node shows of itself, and by what it judges others: read from files, and checked before a connection needs it.

use core::fmt;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, TrustAnchor, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::TLS13;
use rustls::{CertificateError, ClientConfig, ServerConfig};
use webpki::KeyUsage;
use zeroize::{Zeroize, Zeroizing};

use super::moment::Moment;
use super::pair::PairName;
use super::verifier::PairVerifier;

/// Spoken over TLS; whoever speaks something else is told so in the handshake.
pub(super) const PROTOCOL: &[u8] = b"tcp-ha-ipc";
/// No file of these is longer, in octets.
const FILE_OCTETS_MAX: u64 = 64 << 10;
/// Bits of a mode that let others read or change a file.
const MODE_OF_OTHERS: u32 = 0o027;
/// A moment after the end of every certificate: the last that X.509 can write.
const END_OF_TIME_SECONDS: u64 = 253_402_300_799;

/// Where a node's certificate, key and authority are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialFiles {
    /// The certificate, PEM; certificates between it and the authority may follow.
    pub certificate: PathBuf,
    /// Its key, PEM; nobody but its owner and group may read it.
    pub key: PathBuf,
    /// Certificates of the authority, PEM; several while one takes the other's place.
    pub authority: PathBuf,
}

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

/// A node's certificate and key, and its judgement of others. The key is in no `Debug`.
#[derive(Clone)]
pub struct Credentials {
    pair: PairName,
    expires: Moment,
    pub(super) server: Arc<ServerConfig>,
    pub(super) client: Arc<ClientConfig>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({}, until {})", self.pair, self.expires)
    }
}

impl Credentials {
    /// Reads the files and checks that they fit each other, the pair, and the present.
    ///
    /// # Errors
    /// [`CredentialError`]: the first thing that is wrong.
    pub fn load(files: &CredentialFiles, pair: &PairName) -> Result<Self, CredentialError> {
        Self::load_at(files, pair, Moment::now())
    }

    /// The same, judged at another moment.
    pub(super) fn load_at(
        files: &CredentialFiles,
        pair: &PairName,
        now: Moment,
    ) -> Result<Self, CredentialError> {
        let provider = Arc::new(ring::default_provider());
        let anchors = read_authority(&files.authority)?;
        let chain = read_chain(About::Certificate, &files.certificate)?;
        let key = read_key(&files.key)?;
        let certified = certify(&chain, key, files, &provider)?;
        let algorithms = provider.signature_verification_algorithms;
        let verifier = Arc::new(PairVerifier::new(anchors, pair, algorithms));
        let expires = judge(&verifier, &chain, pair, files, now)?;
        let resolver = Arc::new(SingleCertAndKey::from(certified));
        Ok(Self {
            pair: pair.clone(),
            expires,
            server: Arc::new(server(&provider, &verifier, &resolver)),
            client: Arc::new(client(&provider, verifier, resolver)),
        })
    }

    /// The pair.
    #[must_use]
    pub fn pair(&self) -> &PairName {
        &self.pair
    }

    /// When the certificate ends.
    #[must_use]
    pub fn expires(&self) -> Moment {
        self.expires
    }
}

/// Without tickets, sessions or early data: nothing of one connection can be played back in another.
fn server(
    provider: &Arc<CryptoProvider>,
    verifier: &Arc<PairVerifier>,
    resolver: &Arc<SingleCertAndKey>,
) -> ServerConfig {
    let mut config = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&TLS13])
        .expect("the provider has suites of TLS 1.3")
        .with_client_cert_verifier(Arc::clone(verifier) as _)
        .with_cert_resolver(Arc::clone(resolver) as _);
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.max_early_data_size = 0;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    config
}

/// See [`server`]. The name that a client asks for is not sent: certificates are judged by the pair.
fn client(
    provider: &Arc<CryptoProvider>,
    verifier: Arc<PairVerifier>,
    resolver: Arc<SingleCertAndKey>,
) -> ClientConfig {
    let mut config = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&TLS13])
        .expect("the provider has suites of TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_cert_resolver(resolver);
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    config.enable_sni = false;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    config
}

fn certify(
    chain: &[CertificateDer<'static>],
    mut key: PrivateKeyDer<'static>,
    files: &CredentialFiles,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, CredentialError> {
    let told = |what: &str| CredentialError {
        about: About::Key,
        what: format!("{}: {what}", files.key.display()),
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
            files.certificate.display()
        ))),
    }
}

/// Judges the own certificate as the other node will, in both directions; says when it ends.
fn judge(
    verifier: &PairVerifier,
    chain: &[CertificateDer<'static>],
    pair: &PairName,
    files: &CredentialFiles,
    now: Moment,
) -> Result<Moment, CredentialError> {
    let error = |about, what: String| CredentialError {
        about,
        what: format!("{}: {what}", files.certificate.display()),
    };
    let (own, rest) = chain
        .split_first()
        .expect("a chain that was read is not empty");
    let verdict = |at: UnixTime, usage| verifier.verify(own, rest, at, usage);
    for usage in [KeyUsage::server_auth(), KeyUsage::client_auth()] {
        verdict(now.into(), usage).map_err(|reason| match reason {
            CertificateError::ExpiredContext { not_after, .. } => error(
                About::Certificate,
                format!("expired on {}: make a new one", Moment::from(not_after)),
            ),
            CertificateError::NotValidYetContext { not_before, .. } => error(
                About::Certificate,
                format!(
                    "not valid before {}: is the clock right?",
                    Moment::from(not_before)
                ),
            ),
            CertificateError::UnknownIssuer | CertificateError::BadSignature => error(
                About::Certificate,
                format!(
                    "not issued by the authority of {}",
                    files.authority.display()
                ),
            ),
            CertificateError::ApplicationVerificationFailure => error(
                About::Pair,
                format!(
                    "not of the pair {pair}: it does not carry the URI {}",
                    pair.uri()
                ),
            ),
            _ => error(
                About::Certificate,
                "not for nodes of a pair: it must be usable by server and client".to_owned(),
            ),
        })?;
    }
    // Asked about a moment after its end, the verifier says when that was.
    let end_of_time =
        UnixTime::since_unix_epoch(core::time::Duration::from_secs(END_OF_TIME_SECONDS));
    match verdict(end_of_time, KeyUsage::server_auth()) {
        Err(CertificateError::ExpiredContext { not_after, .. }) => Ok(not_after.into()),
        _ => Ok(end_of_time.into()),
    }
}

fn read_authority(path: &Path) -> Result<Vec<TrustAnchor<'static>>, CredentialError> {
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

fn read_chain(about: About, path: &Path) -> Result<Vec<CertificateDer<'static>>, CredentialError> {
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

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, CredentialError> {
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

#[cfg(test)]
mod tests;
