//! `[[security]]`: keys of peers and TTL security, from sections of a file or from flags.

use core::str::FromStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use tcp_ha::engine::auth::ao::{Algorithm, AoChain, AoKey};
use tcp_ha::engine::auth::{PeerKeys, PeerPrefix, PeerSecurity, Secret};
use toml::Spanned;
use zeroize::Zeroizing;

/// A key's file is not longer than this, in octets; the key itself is shorter.
const KEY_FILE_OCTETS_MAX: u64 = 4096;

/// A `[[security]]` section as it is written. It has no `Debug`: it may hold a key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SecuritySection {
    peer: String,
    md5: Option<KeySource>,
    #[serde(default)]
    ao: Vec<AoSection>,
    ttl_security: Option<u8>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AoSection {
    id: u8,
    receive_id: Option<u8>,
    key: KeySource,
    algorithm: Option<String>,
    covers_options: Option<bool>,
    #[serde(default)]
    preferred: bool,
}

/// Where a key or a password comes from. Untagged, so that an error of the parser does not quote it.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum KeySource {
    Inline(String),
    File { file: PathBuf },
    Env { env: String },
}

impl KeySource {
    /// The secret's octets.
    pub(super) fn octets(&self, beside: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
        let octets = match self {
            KeySource::Inline(text) => text.clone().into_bytes(),
            KeySource::File { file } => read_key(&beside.join(file))?,
            KeySource::Env { env } => std::env::var(env)
                .map_err(|_| format!("the environment has no {env}"))?
                .into_bytes(),
        };
        Ok(Zeroizing::new(octets))
    }

    fn read(&self, beside: &Path) -> Result<Secret, String> {
        let octets = self.octets(beside)?;
        Secret::new(&octets).map_err(|error| error.to_string())
    }
}

/// The first line of a file.
fn read_key(path: &Path) -> Result<Vec<u8>, String> {
    let told = |error: std::io::Error| format!("key or password file {}: {error}", path.display());
    let length = std::fs::metadata(path).map_err(told)?.len();
    if length > KEY_FILE_OCTETS_MAX {
        return Err(format!("key or password file {}: too long", path.display()));
    }
    let mut octets = std::fs::read(path).map_err(told)?;
    let end = octets
        .iter()
        .position(|&octet| octet == b'\n' || octet == b'\r');
    octets.truncate(end.unwrap_or(octets.len()));
    Ok(octets)
}

impl SecuritySection {
    /// Reads the keys; files are named from the directory `beside`.
    pub(super) fn resolve(&self, beside: &Path) -> Result<(PeerPrefix, PeerSecurity), String> {
        let prefix: PeerPrefix = self
            .peer
            .parse()
            .map_err(|error| format!("security: {error}"))?;
        let told = |what: String| format!("security of {prefix}: {what}");
        let keys = match (&self.md5, self.ao.as_slice()) {
            (None, []) => PeerKeys::None,
            (Some(key), []) => PeerKeys::Md5(Arc::new(key.read(beside).map_err(told)?)),
            (None, chain) => PeerKeys::Ao(Arc::new(read_chain(chain, beside).map_err(told)?)),
            (Some(_), _) => return Err(told("md5 and ao at once; keep one".to_owned())),
        };
        if self.ttl_security == Some(0) {
            return Err(told(
                "ttl_security is 0 hops; 1 is a peer on the link".to_owned(),
            ));
        }
        let ttl_security = self.ttl_security;
        Ok((prefix, PeerSecurity { keys, ttl_security }))
    }
}

fn read_chain(sections: &[AoSection], beside: &Path) -> Result<AoChain, String> {
    let mut keys = sections.iter().map(|section| {
        Ok::<_, String>(AoKey {
            send_id: section.id,
            recv_id: section.receive_id.unwrap_or(section.id),
            algorithm: algorithm(section.algorithm.as_deref())?,
            covers_options: section.covers_options.unwrap_or(true),
            secret: section.key.read(beside)?,
        })
    });
    let first = keys.next().ok_or("no key")??;
    let mut chain = AoChain::new(first);
    for key in keys {
        chain.add(key?).map_err(|error| error.to_string())?;
    }
    let mut preferred = sections.iter().filter(|section| section.preferred);
    if let Some(section) = preferred.next() {
        chain
            .prefer(section.id)
            .map_err(|error| error.to_string())?;
    }
    match preferred.next() {
        Some(_) => Err("more than one key is preferred".to_owned()),
        None => Ok(chain),
    }
}

fn algorithm(name: Option<&str>) -> Result<Algorithm, String> {
    let known = [Algorithm::HmacSha1, Algorithm::AesCmac];
    let Some(name) = name else {
        return Ok(Algorithm::default());
    };
    known
        .into_iter()
        .find(|algorithm| algorithm.as_str() == name)
        .ok_or_else(|| format!("algorithm {name:?}: write hmac-sha-1-96 or aes-128-cmac-96"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SecurityFile {
    #[serde(default)]
    security: Vec<Spanned<SecuritySection>>,
}

/// Reads a file that has `[[security]]` sections and nothing else.
///
/// # Errors
/// One line that says where and what; no key is quoted.
pub(crate) fn read_security(path: &Path) -> Result<tcp_ha::engine::auth::SecurityTable, String> {
    let told = |what: String| format!("{}: {what}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| told(error.to_string()))?;
    let text = zeroize::Zeroizing::new(text);
    let file: SecurityFile = toml::from_str(&text).map_err(|error| told(quiet(error.message())))?;
    let beside = path.parent().unwrap_or(Path::new("/"));
    let mut table = tcp_ha::engine::auth::SecurityTable::default();
    for section in file.security {
        let (prefix, security) = section.into_inner().resolve(beside).map_err(told)?;
        table
            .set(prefix, security)
            .map_err(|error| told(error.to_string()))?;
    }
    Ok(table)
}

/// A message of the parser up to where it may quote the file.
fn quiet(message: &str) -> String {
    let end = message.find(['"', '\n']).unwrap_or(message.len());
    message[..end].trim_end().to_owned()
}

/// What is asked of peers, as a flag gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityFlag(pub PeerPrefix, pub PeerSecurity);

impl FromStr for SecurityFlag {
    type Err = String;

    /// `PREFIX[,md5=KEY][,ao=ID:KEY]...[,ttl=HOPS]`; the first of several keys is preferred.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split(',');
        let mut section = SecuritySection {
            peer: parts.next().unwrap_or_default().to_owned(),
            md5: None,
            ao: Vec::new(),
            ttl_security: None,
        };
        for part in parts {
            match part.split_once('=') {
                Some(("md5", key)) => section.md5 = Some(KeySource::Inline(key.to_owned())),
                Some(("ao", key)) => section.ao.push(ao_flag(key)?),
                Some(("ttl", hops)) => {
                    let hops = hops.parse().map_err(|_| "ttl: not a number of hops")?;
                    section.ttl_security = Some(hops);
                }
                _ => {
                    return Err(
                        "write PREFIX,md5=KEY or PREFIX,ao=ID:KEY or PREFIX,ttl=HOPS".into(),
                    );
                }
            }
        }
        let (prefix, security) = section.resolve(Path::new("."))?;
        Ok(Self(prefix, security))
    }
}

fn ao_flag(text: &str) -> Result<AoSection, String> {
    let (id, key) = text.split_once(':').ok_or("ao: write ID:KEY")?;
    Ok(AoSection {
        id: id.parse().map_err(|_| "ao: an id is 0 to 255")?,
        receive_id: None,
        key: KeySource::Inline(key.to_owned()),
        algorithm: None,
        covers_options: None,
        preferred: false,
    })
}

#[cfg(test)]
mod tests;
