//! TLS to etcd: the files of it, and what is said when it comes to nothing.
//!
//! Only TLS 1.3 is spoken. etcd is judged by one authority and by its name in the endpoint; which authority it judges this node
//! by is its own affair. Files that were replaced count from the next request on, so that certificates can be renewed under a node.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use rustls::sign::SingleCertAndKey;
use rustls::version::TLS13;
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore};
use webpki::{EndEntityCert, KeyUsage};

use super::http::Failure;
use super::stream::Broken;
use crate::transport::tls::files::{anchors, certify, end_of_time, read_chain, read_key};
use crate::transport::tls::{About, CredentialError, Moment};

/// What `https://` endpoints need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EtcdTls {
    /// Certificates of the authority that has issued etcd's, PEM; several while one takes the other's place.
    pub authority: PathBuf,
    /// What this node shows, where etcd asks for it (`--client-cert-auth`).
    pub own: Option<EtcdCertificate>,
}

/// A certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EtcdCertificate {
    /// The certificate, PEM; certificates between it and its authority may follow.
    pub certificate: PathBuf,
    /// Its key, PEM; nobody but its owner and group may read it.
    pub key: PathBuf,
}

/// What a file was when it was read: it is read anew when any of this is different.
type Stamp = (u64, u64, i64, i64);
/// Of all files; `None` for one that is not there.
pub(super) type Stamps = [Option<Stamp>; 3];

/// The files of [`EtcdTls`] in use.
#[derive(Clone)]
pub(super) struct Loaded {
    pub(super) config: Arc<ClientConfig>,
    /// When the own certificate ends.
    pub(super) expires: Option<Moment>,
}

impl EtcdTls {
    /// Reads the files, and checks that they fit each other and the present.
    ///
    /// # Errors
    /// [`CredentialError`]: the first thing that is wrong.
    pub fn check(&self) -> Result<(), CredentialError> {
        self.load_at(Moment::now()).map(drop)
    }

    pub(super) fn load_at(&self, now: Moment) -> Result<Loaded, CredentialError> {
        let provider = Arc::new(ring::default_provider());
        let anchors = anchors(&self.authority)?;
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13])
            .expect("the provider has suites of TLS 1.3")
            .with_root_certificates(RootCertStore {
                roots: anchors.clone(),
            });
        let Some(own) = &self.own else {
            return Ok(Loaded {
                config: Arc::new(builder.with_no_client_auth()),
                expires: None,
            });
        };
        let chain = read_chain(About::Certificate, &own.certificate)?;
        let key = read_key(&own.key)?;
        let certified = certify(&chain, key, &own.certificate, &own.key, &provider)?;
        let expires = judge(&own.certificate, &chain, &anchors, &provider, now)?;
        let resolver = SingleCertAndKey::from(certified);
        Ok(Loaded {
            config: Arc::new(builder.with_client_cert_resolver(Arc::new(resolver))),
            expires: Some(expires),
        })
    }

    /// What the files are at present.
    pub(super) fn stamps(&self) -> Stamps {
        let stamp = |path: &Path| {
            let meta = fs::metadata(path).ok()?;
            Some((meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec()))
        };
        let own = self.own.as_ref();
        [
            stamp(&self.authority),
            own.and_then(|own| stamp(&own.certificate)),
            own.and_then(|own| stamp(&own.key)),
        ]
    }

    /// What came between this node and an endpoint.
    pub(super) fn failure(&self, broken: &Broken) -> Failure {
        let error = match broken {
            Broken::Tls(error) => error,
            Broken::Left => {
                return Failure::certain("it ended the connection at once: does it speak TLS 1.3?");
            }
        };
        match error {
            rustls::Error::InvalidCertificate(error) => Failure::certain(self.judged(error)),
            rustls::Error::AlertReceived(alert) if is_of_certificate(*alert) => {
                Failure::certain(match &self.own {
                    Some(own) => format!(
                        "it refuses the certificate {}: it must be valid, and issued by the authority that etcd trusts",
                        own.certificate.display()
                    ),
                    None => {
                        "it wants a certificate of this node: give certificate and key".to_owned()
                    }
                })
            }
            rustls::Error::AlertReceived(AlertDescription::ProtocolVersion)
            | rustls::Error::PeerIncompatible(_) => {
                Failure::certain("it does not speak TLS 1.3, which is needed")
            }
            rustls::Error::InvalidMessage(_) => {
                Failure::doubtful("it does not speak TLS: is it http://?")
            }
            other => Failure::doubtful(format!("TLS: {other}")),
        }
    }

    fn judged(&self, error: &CertificateError) -> String {
        match error {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => format!(
                "its certificate is not issued by the authority of {}",
                self.authority.display()
            ),
            CertificateError::NotValidForNameContext {
                expected,
                presented,
            } => {
                let for_whom = match presented.is_empty() {
                    true => "any host".to_owned(),
                    false => presented.join(", "),
                };
                format!(
                    "its certificate is not for {}: it is for {for_whom}",
                    expected.to_str()
                )
            }
            CertificateError::ExpiredContext { not_after, .. } => {
                format!("its certificate expired on {}", Moment::from(*not_after))
            }
            CertificateError::NotValidYetContext { not_before, .. } => format!(
                "its certificate is not valid before {}: is the clock right?",
                Moment::from(*not_before)
            ),
            other => format!("its certificate cannot be used: {other}"),
        }
    }
}

/// Alerts by which a server turns a client away for its certificate, before it reads what the client asks.
fn is_of_certificate(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateRequired
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
    )
}

/// Whether the own certificate is of use to a client at present; says when it ends. Its issuer is not asked for.
fn judge(
    path: &Path,
    chain: &[CertificateDer<'static>],
    anchors: &[TrustAnchor<'static>],
    provider: &CryptoProvider,
    now: Moment,
) -> Result<Moment, CredentialError> {
    let told = |what: String| CredentialError {
        about: About::Certificate,
        what: format!("{}: {what}", path.display()),
    };
    let (own, rest) = chain
        .split_first()
        .expect("a chain that was read is not empty");
    let own = EndEntityCert::try_from(own).map_err(|_| told("not a certificate".to_owned()))?;
    // Dates and uses are judged before the issuer is looked for.
    let verdict = |at: UnixTime| {
        let algorithms = provider.signature_verification_algorithms.all;
        own.verify_for_usage(
            algorithms,
            anchors,
            rest,
            at,
            KeyUsage::client_auth(),
            None,
            None,
        )
        .err()
    };
    match verdict(now.into()) {
        Some(webpki::Error::CertExpired { not_after, .. }) => {
            let ended = Moment::from(not_after);
            return Err(told(format!("expired on {ended}: make a new one")));
        }
        Some(webpki::Error::CertNotValidYet { not_before, .. }) => {
            let begins = Moment::from(not_before);
            return Err(told(format!(
                "not valid before {begins}: is the clock right?"
            )));
        }
        Some(webpki::Error::RequiredEkuNotFoundContext(_)) => {
            return Err(told("not for clients".to_owned()));
        }
        _ => {}
    }
    match verdict(end_of_time()) {
        Some(webpki::Error::CertExpired { not_after, .. }) => Ok(not_after.into()),
        _ => Ok(end_of_time().into()),
    }
}

#[cfg(test)]
mod tests;
