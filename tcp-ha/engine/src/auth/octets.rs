//! The table as octets, for the record that brings it to the other node. It is the only form
//! in which keys leave an engine.

use super::ao::{Algorithm, AoChain, AoKey};
use super::prefix::PeerPrefix;
use super::secret::Secret;
use super::table::{PeerKeys, PeerSecurity, SecurityTable};
use std::net::IpAddr;
use std::sync::Arc;
use zeroize::Zeroizing;

const NO_KEYS: u8 = 0;
const MD5: u8 = 1;
const AO: u8 = 2;
const HMAC_SHA1: u8 = 0;
const AES_CMAC: u8 = 1;

impl SecurityTable {
    /// The octet form, keys included; it is wiped when dropped.
    pub fn to_octets(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::new());
        for (prefix, security) in self.entries() {
            match prefix.address() {
                IpAddr::V4(ip) => {
                    out.push(4);
                    out.extend_from_slice(&ip.octets());
                }
                IpAddr::V6(ip) => {
                    out.push(6);
                    out.extend_from_slice(&ip.octets());
                }
            }
            out.push(prefix.length());
            out.push(security.ttl_security.unwrap_or(0));
            write_keys(&security.keys, &mut out);
        }
        out
    }

    /// Reads the octet form; `None` for what is not of it.
    pub fn from_octets(octets: &[u8]) -> Option<SecurityTable> {
        let mut reader = Reader(octets);
        let mut table = SecurityTable::default();
        while !reader.0.is_empty() {
            let address = match reader.octet()? {
                4 => IpAddr::from(<[u8; 4]>::try_from(reader.take(4)?).ok()?),
                6 => IpAddr::from(<[u8; 16]>::try_from(reader.take(16)?).ok()?),
                _ => return None,
            };
            let prefix = PeerPrefix::new(address, reader.octet()?)?;
            let ttl_security = Some(reader.octet()?).filter(|&hops| hops > 0);
            let keys = reader.keys()?;
            let security = PeerSecurity { keys, ttl_security };
            table.set(prefix, security).ok()?;
        }
        Some(table)
    }
}

fn write_keys(keys: &PeerKeys, out: &mut Vec<u8>) {
    match keys {
        PeerKeys::None => out.push(NO_KEYS),
        PeerKeys::Md5(key) => {
            out.push(MD5);
            write_secret(key, out);
        }
        PeerKeys::Ao(chain) => {
            let keys = chain.keys();
            // A chain has at most sixteen keys.
            out.extend_from_slice(&[AO, keys.len() as u8, chain.preferred().send_id]);
            for key in keys {
                let algorithm = match key.algorithm {
                    Algorithm::HmacSha1 => HMAC_SHA1,
                    Algorithm::AesCmac => AES_CMAC,
                };
                let covers = u8::from(key.covers_options);
                out.extend_from_slice(&[key.send_id, key.recv_id, algorithm, covers]);
                write_secret(&key.secret, out);
            }
        }
    }
}

fn write_secret(secret: &Secret, out: &mut Vec<u8>) {
    // A key has at most 80 octets.
    out.push(secret.expose().len() as u8);
    out.extend_from_slice(secret.expose());
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(head)
    }

    fn octet(&mut self) -> Option<u8> {
        self.take(1).map(|octet| octet[0])
    }

    fn secret(&mut self) -> Option<Secret> {
        let len = self.octet()?;
        Secret::new(self.take(usize::from(len))?).ok()
    }

    fn keys(&mut self) -> Option<PeerKeys> {
        match self.octet()? {
            NO_KEYS => Some(PeerKeys::None),
            MD5 => Some(PeerKeys::Md5(Arc::new(self.secret()?))),
            AO => {
                let count = self.octet()?;
                let preferred = self.octet()?;
                let mut chain = AoChain::new(self.ao_key()?);
                for _ in 1..count {
                    chain.add(self.ao_key()?).ok()?;
                }
                chain.prefer(preferred).ok()?;
                Some(PeerKeys::Ao(Arc::new(chain)))
            }
            _ => None,
        }
    }

    fn ao_key(&mut self) -> Option<AoKey> {
        Some(AoKey {
            send_id: self.octet()?,
            recv_id: self.octet()?,
            algorithm: match self.octet()? {
                HMAC_SHA1 => Algorithm::HmacSha1,
                AES_CMAC => Algorithm::AesCmac,
                _ => return None,
            },
            covers_options: match self.octet()? {
                0 => false,
                1 => true,
                _ => return None,
            },
            secret: self.secret()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_table_is_read_as_it_was_written() {
        let secret = |text: &str| Secret::new(text.as_bytes()).unwrap();
        let mut chain = AoChain::new(AoKey::new(3, secret("first")));
        let second = AoKey {
            send_id: 61,
            recv_id: 84,
            algorithm: Algorithm::AesCmac,
            covers_options: false,
            secret: secret("second"),
        };
        chain.add(second).unwrap();
        chain.prefer(61).unwrap();
        let mut table = SecurityTable::default();
        for (prefix, keys, ttl_security) in [
            ("10.0.0.1", PeerKeys::Md5(Arc::new(secret("k"))), None),
            ("10.0.0.0/8", PeerKeys::None, Some(2)),
            ("fd99::/64", PeerKeys::Ao(Arc::new(chain)), Some(1)),
        ] {
            let security = PeerSecurity { keys, ttl_security };
            table.set(prefix.parse().unwrap(), security).unwrap();
        }
        let octets = table.to_octets();
        assert_eq!(SecurityTable::from_octets(&octets), Some(table));
        assert_eq!(
            SecurityTable::from_octets(&octets[..octets.len() - 1]),
            None
        );
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_written_back(octets: Vec<u8>) {
            if let Some(table) = SecurityTable::from_octets(&octets) {
                let again = SecurityTable::from_octets(&table.to_octets());
                prop_assert_eq!(again, Some(table));
            }
        }
    }
}
