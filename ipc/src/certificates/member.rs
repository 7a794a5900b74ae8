//! Certificates of etcd's members: for the names by which nodes, and each other, call them.

use core::fmt;
use core::str::FromStr;
use std::net::IpAddr;
use std::path::Path;

use rcgen::SanType;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use webpki::{EndEntityCert, KeyUsage};

use super::{CertificatesError, told};
use crate::transport::tls::files::{anchors, end_of_time, read_chain};
use crate::transport::tls::{About, CredentialFiles, Moment};

/// No member is known under more names.
const HOSTS_MAX: usize = 16;

/// A member of etcd: the name of its files, and the hosts under which it is called, addresses or names.
///
/// Its certificate serves TLS servers and clients alike, since members call each other, and etcd's own JSON gateway calls etcd.
/// It does not carry the pair's name, so it opens no channel between nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EtcdMember {
    name: String,
    hosts: Vec<ServerName<'static>>,
}

/// Why a text is no [`EtcdMember`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAMember(String);

impl fmt::Display for NotAMember {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for NotAMember {}

impl FromStr for EtcdMember {
    type Err = NotAMember;

    /// `NAME=HOST[,HOST...]`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('=');
        let (name, hosts) = parts
            .ok_or_else(|| NotAMember(format!("{text:?}: write NAME=HOST, or NAME=HOST,HOST")))?;
        let hosts: Vec<_> = hosts.split(',').collect();
        if hosts.len() > HOSTS_MAX {
            return Err(NotAMember(format!("{name}: more than {HOSTS_MAX} hosts")));
        }
        let host = |host: &str| {
            ServerName::try_from(host.to_owned()).map_err(|_| {
                NotAMember(format!("{host:?} is neither an address nor a host's name"))
            })
        };
        let hosts = hosts.into_iter().map(host).collect::<Result<_, _>>()?;
        let name = name.to_owned();
        Ok(Self { name, hosts })
    }
}

impl EtcdMember {
    /// The name of its files.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn alternative_names(&self, path: &Path) -> Result<Vec<SanType>, CertificatesError> {
        let name = |host: &ServerName<'static>| match host {
            ServerName::IpAddress(address) => Ok(SanType::IpAddress(IpAddr::from(*address))),
            other => {
                let name = other.to_str().as_ref().try_into();
                name.map(SanType::DnsName).map_err(told(path))
            }
        };
        self.hosts.iter().map(name).collect()
    }

    /// Reads the certificate as a node will; says when it ends.
    pub(super) fn read_back(&self, files: &CredentialFiles) -> Result<Moment, CertificatesError> {
        let path = &files.certificate;
        let anchors = anchors(&files.authority).map_err(told(path))?;
        let chain = read_chain(About::Certificate, path).map_err(told(path))?;
        let certificate = EndEntityCert::try_from(&chain[0]).map_err(told(path))?;
        let algorithms = ring::default_provider().signature_verification_algorithms;
        let verdict = |at: Moment| {
            let usage = KeyUsage::server_auth();
            certificate
                .verify_for_usage(algorithms.all, &anchors, &[], at.into(), usage, None, None)
                .err()
        };
        match verdict(Moment::now()) {
            None => {}
            Some(webpki::Error::UnknownIssuer) => {
                let what = format!(
                    "not issued by the authority of {}",
                    files.authority.display()
                );
                return Err(told(path)(what));
            }
            Some(error) => return Err(told(path)(error)),
        }
        for host in &self.hosts {
            let fits = certificate.verify_is_valid_for_subject_name(host);
            fits.map_err(told(path))?;
        }
        match verdict(end_of_time().into()) {
            Some(webpki::Error::CertExpired { not_after, .. }) => Ok(not_after.into()),
            _ => Ok(end_of_time().into()),
        }
    }
}
