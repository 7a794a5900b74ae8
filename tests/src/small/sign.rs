//! Signatures of segments (RFC 2385, RFC 5925 with RFC 5926), in as few lines as they take.

use super::Ends;
use super::segment::{ACK, HEADER, Options, SYN, Segment, pseudo_header};
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use sha1::Sha1;

/// How a connection signs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Keys {
    /// Not at all.
    #[default]
    None,
    /// RFC 2385, with this key.
    Md5(Vec<u8>),
    /// RFC 5925 with HMAC-SHA-1-96 over all options.
    Ao {
        /// Ids and keys; an id is both SendID and RecvID.
        chain: Vec<(u8, Vec<u8>)>,
        /// The key that signs what we send.
        current: u8,
        /// The key that we ask for.
        next: u8,
    },
}

/// What signs one segment.
pub(super) enum Signing {
    None,
    Md5 {
        key: Vec<u8>,
        ends: Ends,
    },
    Ao {
        key: [u8; 20],
        extension: u32,
        ends: Ends,
    },
}

impl Signing {
    pub(super) fn sign(&self, octets: &mut [u8], slot: usize) {
        match self {
            Signing::None => {}
            Signing::Md5 { key, ends } => {
                let digest = md5_of(key, ends, octets);
                octets[slot..slot + 16].copy_from_slice(&digest);
            }
            Signing::Ao {
                key,
                extension,
                ends,
            } => {
                let mac = ao_of(key, *extension, ends, octets);
                octets[slot..slot + 12].copy_from_slice(&mac);
            }
        }
    }
}

impl Keys {
    pub(super) fn is_md5(&self) -> bool {
        matches!(self, Keys::Md5(_))
    }

    /// Makes room for the signature among the options.
    pub(super) fn reserve(&self, options: &mut Options) {
        match self {
            Keys::None => {}
            Keys::Md5(_) => options.md5 = Some([0; 16]),
            Keys::Ao { current, next, .. } => options.ao = Some((*current, *next, [0; 12])),
        }
    }

    /// What signs our segment at position `at`; `irs` is 0 before the other side has said anything.
    pub(super) fn signing(&self, ends: &Ends, iss: u32, irs: u32, at: u64) -> Signing {
        match self {
            Keys::None => Signing::None,
            Keys::Md5(key) => Signing::Md5 {
                key: key.clone(),
                ends: *ends,
            },
            Keys::Ao { chain, current, .. } => {
                let key = chain.iter().find(|(id, _)| id == current);
                let master = key.map_or(&[][..], |(_, key)| key);
                Signing::Ao {
                    key: traffic_key(master, ends, iss, irs),
                    extension: extension(iss, at as i64),
                    ends: *ends,
                }
            }
        }
    }

    /// Whether a segment of the other side, at position `at` of its stream, is signed by one of the keys; `isns` are ours and theirs.
    /// `None` where it is signed by a key that is not here.
    pub(super) fn verify(
        &self,
        ends: &Ends,
        isns: (u32, u32),
        at: i64,
        segment: &Segment<'_>,
        octets: &[u8],
    ) -> Option<bool> {
        let theirs = Ends {
            local: ends.remote,
            remote: ends.local,
        };
        let options = &segment.options;
        match self {
            Keys::None => Some(options.md5.is_none() && options.ao.is_none()),
            Keys::Md5(key) => Some(options.md5 == Some(md5_of(key, &theirs, octets))),
            Keys::Ao { chain, .. } => {
                let Some((id, _, mac)) = options.ao else {
                    return Some(false);
                };
                let (_, master) = chain.iter().find(|(key, _)| *key == id)?;
                let first = segment.has(SYN) && !segment.has(ACK);
                let (iss, irs) = if first { (0, segment.seq) } else { isns };
                let key = traffic_key(master, &theirs, irs, iss);
                Some(mac == ao_of(&key, extension(irs, at), &theirs, octets))
            }
        }
    }

    /// RFC 5925 7.5: the other side asks for a key.
    pub(super) fn follow(&mut self, segment: &Segment<'_>) {
        if let (Keys::Ao { chain, current, .. }, Some((_, wanted, _))) = (self, segment.options.ao)
            && chain.iter().any(|(id, _)| *id == wanted)
        {
            *current = wanted;
        }
    }
}

/// How often the sequence numbers have gone round by position `at` (RFC 5925 6.2).
fn extension(isn: u32, at: i64) -> u32 {
    ((i64::from(isn) + at.max(0)) >> 32) as u32
}

/// KDF_HMAC_SHA1 of RFC 5926 3.1.1.1.
fn traffic_key(master: &[u8], ends: &Ends, src_isn: u32, dst_isn: u32) -> [u8; 20] {
    let mut input = vec![1];
    input.extend(b"TCP-AO");
    let pseudo = pseudo_header(ends.local.ip(), ends.remote.ip(), 0);
    let addresses = if ends.local.is_ipv4() { 8 } else { 32 };
    input.extend(&pseudo[..addresses]);
    input.extend(ends.local.port().to_be_bytes());
    input.extend(ends.remote.port().to_be_bytes());
    input.extend(src_isn.to_be_bytes());
    input.extend(dst_isn.to_be_bytes());
    input.extend(160u16.to_be_bytes());
    hmac(master, &[&input])
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 20] {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("keys of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

/// RFC 5925 5.1 and RFC 5926 3.2: with the options, the MAC being zeros.
fn ao_of(key: &[u8; 20], extension: u32, ends: &Ends, octets: &[u8]) -> [u8; 12] {
    let pseudo = pseudo_header(ends.local.ip(), ends.remote.ip(), octets.len());
    let mut signed = octets.to_vec();
    signed[16..18].fill(0);
    let data = usize::from(signed[12] >> 4) * 4;
    let mut at = HEADER;
    while at < data {
        match signed[at] {
            0 => break,
            1 => at += 1,
            29 => {
                signed[at + 4..at + 16].fill(0);
                break;
            }
            _ => at += usize::from(signed[at + 1]).max(2),
        }
    }
    let mac = hmac(key, &[&extension.to_be_bytes(), &pseudo, &signed]);
    mac[..12].try_into().expect("twelve octets of twenty")
}

/// RFC 2385 2: pseudo header, header without options and with a checksum of zero, text, key.
fn md5_of(key: &[u8], ends: &Ends, octets: &[u8]) -> [u8; 16] {
    let data = usize::from(octets[12] >> 4) * 4;
    let mut header = octets[..HEADER].to_vec();
    header[16..18].fill(0);
    let mut digest = Md5::new();
    digest.update(pseudo_header(
        ends.local.ip(),
        ends.remote.ip(),
        octets.len(),
    ));
    digest.update(&header);
    digest.update(&octets[data..]);
    digest.update(key);
    digest.finalize().into()
}
