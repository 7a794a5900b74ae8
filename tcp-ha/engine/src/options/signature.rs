//! The options that sign a segment: TCP MD5 (RFC 2385) and TCP-AO (RFC 5925 2.2).

use core::ops::Range;

/// Option kind of RFC 2385.
pub(crate) const KIND_MD5: u8 = 19;
/// Option kind of RFC 5925.
pub(crate) const KIND_AO: u8 = 29;
/// Octets of an MD5 digest.
const MD5_LEN: usize = 16;
/// Octets of both MACs of RFC 5926.
const AO_MAC_LEN: usize = 12;
/// MD5 option with two octets of padding before it.
const MD5_WIRE_LEN: usize = 20;
/// TCP-AO option with a MAC of 96 bits; it needs no padding.
const AO_WIRE_LEN: usize = 16;

/// What a TCP-AO option says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AoSignature {
    /// KeyID: the key that signed the segment, by the number that its sender sends.
    pub key_id: u8,
    /// RNextKeyID: the key that the sender wants segments to be signed with from now on.
    pub r_next_key_id: u8,
    /// The MAC, 96 bits.
    pub mac: [u8; AO_MAC_LEN],
}

/// The signature of a segment, as its header carries it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signature {
    /// Neither of the two options.
    #[default]
    None,
    /// RFC 2385: the digest.
    Md5([u8; MD5_LEN]),
    /// RFC 5925.
    Ao(AoSignature),
    /// More than one (RFC 5925 2.2), or one of a length that no algorithm here makes.
    Malformed,
}

impl Signature {
    /// Octets in a header, padding included; a multiple of 4.
    pub fn wire_len(&self) -> usize {
        match self {
            Signature::None | Signature::Malformed => 0,
            Signature::Md5(_) => MD5_WIRE_LEN,
            Signature::Ao(_) => AO_WIRE_LEN,
        }
    }

    /// What a header says that has one more option of `kind`.
    pub(super) fn and(self, kind: u8, body: &[u8]) -> Signature {
        if self != Signature::None {
            return Signature::Malformed;
        }
        if kind == KIND_MD5 {
            return body.try_into().map_or(Signature::Malformed, Signature::Md5);
        }
        match body.split_first_chunk::<2>() {
            Some((&[key_id, r_next_key_id], mac)) => match mac.try_into() {
                Ok(mac) => Signature::Ao(AoSignature {
                    key_id,
                    r_next_key_id,
                    mac,
                }),
                Err(_) => Signature::Malformed,
            },
            None => Signature::Malformed,
        }
    }

    /// Appends the option, first of all and padded in front, as Linux does.
    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        match self {
            Signature::None | Signature::Malformed => {}
            Signature::Md5(digest) => {
                out.extend_from_slice(&[super::KIND_NOP, super::KIND_NOP, KIND_MD5, 18]);
                out.extend_from_slice(digest);
            }
            Signature::Ao(ao) => {
                out.extend_from_slice(&[KIND_AO, AO_WIRE_LEN as u8, ao.key_id, ao.r_next_key_id]);
                out.extend_from_slice(&ao.mac);
            }
        }
    }
}

/// Where the first option of `kind` lies in the option octets, its head included.
pub(crate) fn find(octets: &[u8], kind: u8) -> Option<Range<usize>> {
    let mut at = 0;
    while let Some(&here) = octets.get(at) {
        match here {
            super::KIND_END => return None,
            super::KIND_NOP => at += 1,
            _ => {
                let end = at + usize::from(*octets.get(at + 1)?);
                if end < at + 2 || end > octets.len() {
                    return None;
                }
                if here == kind {
                    return Some(at..end);
                }
                at = end;
            }
        }
    }
    None
}
