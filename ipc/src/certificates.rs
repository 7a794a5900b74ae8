//! Makes the certificates of a pair: an authority, and one key and certificate a node.
//!
//! ```text
//! DIRECTORY/ca.crt      0644   what both nodes judge by
//! DIRECTORY/ca.key      0600   makes further certificates; no node needs it: keep it elsewhere
//! DIRECTORY/NODE.crt    0644   one a node
//! DIRECTORY/NODE.key    0600   on that node alone
//! DIRECTORY/MEMBER.crt  0644   one a member of etcd, by the same authority
//! DIRECTORY/MEMBER.key  0600   on that member alone
//! ```

use core::fmt;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use zeroize::Zeroizing;

use crate::transport::tls::{CredentialFiles, Credentials, Moment, PairName};

mod member;

pub use member::{EtcdMember, NotAMember};

/// Certificates are valid for so long, unless told otherwise.
pub const DAYS: u64 = 3650;
/// And from so long before they are made: clocks differ.
const DAYS_BEFORE: u64 = 2;
/// Names of files are not longer, in octets.
const NODE_OCTETS_MAX: usize = 63;
const AUTHORITY: &str = "ca";
/// Certificates are not valid for longer, in days.
const DAYS_MAX: u64 = 36_500;

/// What is to be made.
#[derive(Clone, Debug)]
pub struct Order {
    /// The pair.
    pub pair: PairName,
    /// Where the files go; made if it is not there.
    pub directory: PathBuf,
    /// Where `ca.crt` and `ca.key` are; where there are none, they are made there.
    pub authority: PathBuf,
    /// The nodes, for the names of files and for people; each once.
    pub nodes: Vec<String>,
    /// Members of etcd that the nodes' register is in, where they get certificates as well.
    pub members: Vec<EtcdMember>,
    /// How long the certificates are valid, in days: 1 to 36,500.
    pub days: u64,
}

impl Order {
    /// For two nodes `a` and `b`, everything in one directory, [`DAYS`] long.
    #[must_use]
    pub fn new(pair: PairName, directory: &Path) -> Self {
        Self {
            pair,
            directory: directory.to_owned(),
            authority: directory.to_owned(),
            nodes: vec!["a".to_owned(), "b".to_owned()],
            members: Vec::new(),
            days: DAYS,
        }
    }

    /// Names of all that get a certificate.
    fn names(&self) -> Vec<&str> {
        let nodes = self.nodes.iter().map(String::as_str);
        nodes
            .chain(self.members.iter().map(EtcdMember::name))
            .collect()
    }

    /// Where the files of a node, or of a member of etcd, are, or will be.
    #[must_use]
    pub fn files(&self, node: &str) -> CredentialFiles {
        CredentialFiles {
            certificate: self.directory.join(format!("{node}.crt")),
            key: self.directory.join(format!("{node}.key")),
            authority: self.authority.join(format!("{AUTHORITY}.crt")),
        }
    }
}

/// What was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The files, in the order of their making.
    pub files: Vec<PathBuf>,
    /// When the certificates end.
    pub expires: Moment,
}

/// Why nothing, or not everything, was made: one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificatesError(String);

impl fmt::Display for CertificatesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for CertificatesError {}

fn told<E: fmt::Display>(path: &Path) -> impl Fn(E) -> CertificatesError {
    move |error| CertificatesError(format!("{}: {error}", path.display()))
}

/// Makes what is ordered. No file is ever written over: where one of a node's is there, nothing is made at all.
///
/// # Errors
/// [`CertificatesError`]: a name that is none, a file that is there, an authority that is not whole or of another pair, or the
/// system's.
pub fn make(order: &Order) -> Result<Made, CertificatesError> {
    check_names(&order.names())?;
    if !(1..=DAYS_MAX).contains(&order.days) {
        let what = format!("{} days: give 1 to {DAYS_MAX}", order.days);
        return Err(CertificatesError(what));
    }
    for directory in [&order.directory, &order.authority] {
        fs::create_dir_all(directory).map_err(told(directory))?;
    }
    for name in order.names() {
        let files = order.files(name);
        for path in [files.certificate, files.key] {
            if fs::symlink_metadata(&path).is_ok() {
                return Err(told(&path)(
                    "is there already: choose another directory, or move it away",
                ));
            }
        }
    }
    let mut files = Vec::new();
    let issuer = authority(order, &mut files)?;
    let mut expires = None;
    let uri = order.pair.uri();
    for node in &order.nodes {
        let uri = uri.as_str().try_into().map_err(told(&order.directory))?;
        let names = vec![SanType::URI(uri)];
        issue(order, node, names, &issuer, &mut files)?;
        // Read back as a node will, so that what cannot be used is noticed here: another pair's authority, for instance.
        let credentials = Credentials::load(&order.files(node), &order.pair)
            .map_err(|error| CertificatesError(error.to_string()))?;
        expires = Some(credentials.expires());
    }
    for member in &order.members {
        let name = member.name();
        let names = member.alternative_names(&order.files(name).certificate)?;
        issue(order, name, names, &issuer, &mut files)?;
        expires = Some(member.read_back(&order.files(name))?);
    }
    let expires = expires.expect("an order has a node or a member");
    Ok(Made { files, expires })
}

fn check_names(nodes: &[&str]) -> Result<(), CertificatesError> {
    let error = |what: String| Err(CertificatesError(what));
    if nodes.is_empty() {
        return error("no node is named".to_owned());
    }
    for (at, node) in nodes.iter().enumerate() {
        let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let fits = !node.is_empty() && node.len() <= NODE_OCTETS_MAX && !node.starts_with('.');
        if !fits || !node.chars().all(known) || *node == AUTHORITY {
            return error(format!(
                "{node:?} names no node: 1 to {NODE_OCTETS_MAX} letters, digits, '.', '-', '_', and not {AUTHORITY:?}"
            ));
        }
        if nodes[..at].contains(node) {
            return error(format!("{node:?} is named twice"));
        }
    }
    Ok(())
}

/// The authority that is there, or a new one.
fn authority(
    order: &Order,
    files: &mut Vec<PathBuf>,
) -> Result<Issuer<'static, KeyPair>, CertificatesError> {
    let certificate = order.authority.join(format!("{AUTHORITY}.crt"));
    let key = order.authority.join(format!("{AUTHORITY}.key"));
    let params = authority_params(order);
    match (certificate.exists(), key.exists()) {
        (true, true) => {
            let text = fs::read_to_string(&key)
                .map(Zeroizing::new)
                .map_err(told(&key))?;
            // The parser's own words might quote what it read.
            let pair = KeyPair::from_pem(&text)
                .map_err(|_| told(&key)("no private key in it (PEM is read)"))?;
            Ok(Issuer::new(params, pair))
        }
        (false, false) => {
            let pair = KeyPair::generate().map_err(told(&key))?;
            let made = params.self_signed(&pair).map_err(told(&certificate))?;
            write_new(
                &key,
                Zeroizing::new(pair.serialize_pem()).as_bytes(),
                0o600,
                files,
            )?;
            write_new(&certificate, made.pem().as_bytes(), 0o644, files)?;
            Ok(Issuer::new(params, pair))
        }
        (true, false) => Err(told(&key)(
            "missing, and the authority's certificate is there",
        )),
        (false, true) => Err(told(&certificate)(
            "missing, and the authority's key is there",
        )),
    }
}

fn authority_params(order: &Order) -> CertificateParams {
    let mut params = CertificateParams::default();
    let common = format!("authority of {}", order.pair);
    params.distinguished_name = name(DnType::CommonName, &common);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    valid(&mut params, order.days);
    params
}

fn issue(
    order: &Order,
    node: &str,
    names: Vec<SanType>,
    issuer: &Issuer<'_, KeyPair>,
    files: &mut Vec<PathBuf>,
) -> Result<(), CertificatesError> {
    let paths = order.files(node);
    let mut params = CertificateParams::default();
    // No common name: etcd takes it for a user, and then refuses whatever comes through its JSON gateway.
    params.distinguished_name = name(
        DnType::OrganizationalUnitName,
        &format!("{node} of {}", order.pair),
    );
    params.subject_alt_names = names;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    params.use_authority_key_identifier_extension = true;
    valid(&mut params, order.days);
    let pair = KeyPair::generate().map_err(told(&paths.key))?;
    let made = params
        .signed_by(&pair, issuer)
        .map_err(told(&paths.certificate))?;
    write_new(
        &paths.key,
        Zeroizing::new(pair.serialize_pem()).as_bytes(),
        0o600,
        files,
    )?;
    write_new(&paths.certificate, made.pem().as_bytes(), 0o644, files)
}

fn name(kind: DnType, value: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(kind, value);
    name
}

fn valid(params: &mut CertificateParams, days: u64) {
    let now = Moment::now();
    let day = |moment: Moment| {
        let (year, month, day) = moment.date();
        rcgen::date_time_ymd(year, month, day)
    };
    params.not_before = day(now.minus_days(DAYS_BEFORE));
    params.not_after = day(now.plus_days(days));
}

/// Writes a file that is not there yet.
fn write_new(
    path: &Path,
    octets: &[u8],
    mode: u32,
    files: &mut Vec<PathBuf>,
) -> Result<(), CertificatesError> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .map_err(told(path))?;
    file.write_all(octets)
        .and_then(|()| file.sync_all())
        .map_err(told(path))?;
    files.push(path.to_owned());
    Ok(())
}

#[cfg(test)]
mod tests;
