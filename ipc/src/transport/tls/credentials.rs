//! What a node shows of itself, and by what it judges others: read from files, and checked before a connection needs it.

use core::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::sign::SingleCertAndKey;
use rustls::version::TLS13;
use rustls::{CertificateError, ClientConfig, ServerConfig};
use webpki::KeyUsage;

use super::files::{About, CredentialError, anchors, certify, end_of_time, read_chain, read_key};
use super::moment::Moment;
use super::pair::PairName;
use super::verifier::PairVerifier;

/// Spoken over TLS; whoever speaks something else is told so in the handshake.
pub(super) const PROTOCOL: &[u8] = b"tcp-ha-ipc";

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
        let anchors = anchors(&files.authority)?;
        let chain = read_chain(About::Certificate, &files.certificate)?;
        let key = read_key(&files.key)?;
        let certified = certify(&chain, key, &files.certificate, &files.key, &provider)?;
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
    let end_of_time = end_of_time();
    match verdict(end_of_time, KeyUsage::server_auth()) {
        Err(CertificateError::ExpiredContext { not_after, .. }) => Ok(not_after.into()),
        _ => Ok(end_of_time.into()),
    }
}

#[cfg(test)]
mod tests;
