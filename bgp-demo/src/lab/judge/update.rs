//! Reads BGP UPDATEs from the octets of a stream: what a judge needs, and nothing that it shares with the judged.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

const HEADER_LEN: usize = 19;
const MESSAGE_LEN_MAX: usize = 65_535;
const UPDATE: u8 = 2;
const ATTRIBUTE_AS_PATH: u8 = 2;
const ATTRIBUTE_NEXT_HOP: u8 = 3;
const ATTRIBUTE_MP_REACH: u8 = 14;
const ATTRIBUTE_MP_UNREACH: u8 = 15;
const EXTENDED_LENGTH: u8 = 0x10;
const AS_SEQUENCE: u8 = 2;
const AFI_IPV4: u16 = 1;
const AFI_IPV6: u16 = 2;

/// A stream that cannot be read as BGP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotBgp(pub(crate) &'static str);

/// Cuts a stream into messages.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    pending: Vec<u8>,
}

impl Messages {
    /// Takes the next octets and hands over the body of each UPDATE that they complete.
    ///
    /// # Errors
    /// A message has an impossible length.
    pub(crate) fn take(
        &mut self,
        octets: &[u8],
        mut update: impl FnMut(&[u8]),
    ) -> Result<(), NotBgp> {
        self.pending.extend_from_slice(octets);
        let mut rest = &self.pending[..];
        while rest.len() >= HEADER_LEN {
            let length = usize::from(u16::from_be_bytes([rest[16], rest[17]]));
            if !(HEADER_LEN..=MESSAGE_LEN_MAX).contains(&length) {
                return Err(NotBgp("a message of an impossible length"));
            }
            if rest.len() < length {
                break;
            }
            let (message, after) = rest.split_at(length);
            if message[18] == UPDATE {
                update(&message[HEADER_LEN..]);
            }
            rest = after;
        }
        let done = self.pending.len() - rest.len();
        self.pending.drain(..done);
        Ok(())
    }
}

/// An UPDATE.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Update {
    /// Prefixes that are withdrawn.
    pub(crate) withdrawn: Vec<IpNet>,
    /// Prefixes that are announced.
    pub(crate) announced: Vec<IpNet>,
    /// A digest of the announced prefixes' attributes; the order in which they stand does not matter. Never 0.
    pub(crate) attributes: u64,
    /// AS_PATH, 4-octet, as far as it consists of sequences.
    pub(crate) as_path: Vec<u32>,
}

impl Update {
    /// Reads the body of an UPDATE of a session with 4-octet AS numbers.
    ///
    /// # Errors
    /// Its lengths contradict each other.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, NotBgp> {
        let mut update = Self::default();
        let (withdrawn, rest) = split_u16(body)?;
        let (attributes, nlri) = split_u16(rest)?;
        prefixes_v4(withdrawn, &mut update.withdrawn)?;
        let mut digests = Vec::new();
        let mut rest = attributes;
        while !rest.is_empty() {
            let (code, value, after) = attribute(rest)?;
            update.note(code, value, &mut digests)?;
            rest = after;
        }
        prefixes_v4(nlri, &mut update.announced)?;
        digests.sort_unstable();
        let mut hasher = DefaultHasher::new();
        digests.hash(&mut hasher);
        update.attributes = hasher.finish() | 1;
        Ok(update)
    }

    fn note(&mut self, code: u8, value: &[u8], digests: &mut Vec<u64>) -> Result<(), NotBgp> {
        let mut digest = |code: u8, value: &[u8]| {
            let mut hasher = DefaultHasher::new();
            (code, value).hash(&mut hasher);
            digests.push(hasher.finish());
        };
        match code {
            ATTRIBUTE_MP_REACH => {
                let short = NotBgp("MP_REACH_NLRI is too short");
                let (&[a, b, _safi, length], rest) = value.split_first_chunk().ok_or(short)?;
                let (next_hop, rest) = rest.split_at_checked(usize::from(length)).ok_or(short)?;
                let (_reserved, nlri) = rest.split_first().ok_or(short)?;
                digest(ATTRIBUTE_NEXT_HOP, next_hop);
                prefixes(u16::from_be_bytes([a, b]), nlri, &mut self.announced)
            }
            ATTRIBUTE_MP_UNREACH => {
                let short = NotBgp("MP_UNREACH_NLRI is too short");
                let (&[a, b, _safi], nlri) = value.split_first_chunk().ok_or(short)?;
                prefixes(u16::from_be_bytes([a, b]), nlri, &mut self.withdrawn)
            }
            code => {
                digest(code, value);
                if code == ATTRIBUTE_AS_PATH {
                    self.as_path = as_path(value)?;
                }
                Ok(())
            }
        }
    }
}

fn split_u16(octets: &[u8]) -> Result<(&[u8], &[u8]), NotBgp> {
    let short = NotBgp("an UPDATE is too short for its lengths");
    let (length, rest) = octets.split_first_chunk().ok_or(short)?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
        .ok_or(short)
}

fn attribute(octets: &[u8]) -> Result<(u8, &[u8], &[u8]), NotBgp> {
    let short = NotBgp("a path attribute is too short");
    let (&[flags, code], rest) = octets.split_first_chunk().ok_or(short)?;
    if flags & EXTENDED_LENGTH != 0 {
        let (value, after) = split_u16(rest)?;
        return Ok((code, value, after));
    }
    let (&length, rest) = rest.split_first().ok_or(short)?;
    let (value, after) = rest.split_at_checked(usize::from(length)).ok_or(short)?;
    Ok((code, value, after))
}

fn as_path(mut value: &[u8]) -> Result<Vec<u32>, NotBgp> {
    let short = NotBgp("AS_PATH is too short");
    let mut path = Vec::new();
    while let Some((&[kind, count], rest)) = value.split_first_chunk() {
        let (segment, after) = rest.split_at_checked(usize::from(count) * 4).ok_or(short)?;
        if kind == AS_SEQUENCE {
            let numbers = segment.chunks_exact(4);
            path.extend(numbers.map(|n| u32::from_be_bytes([n[0], n[1], n[2], n[3]])));
        }
        value = after;
    }
    Ok(path)
}

fn prefixes(afi: u16, octets: &[u8], into: &mut Vec<IpNet>) -> Result<(), NotBgp> {
    match afi {
        AFI_IPV4 => prefixes_v4(octets, into),
        AFI_IPV6 => each_prefix::<16>(octets, |address, length| {
            into.push(
                Ipv6Net::new(Ipv6Addr::from(address), length)
                    .ok()?
                    .trunc()
                    .into(),
            );
            Some(())
        }),
        _ => Err(NotBgp("an unknown address family")),
    }
}

fn prefixes_v4(octets: &[u8], into: &mut Vec<IpNet>) -> Result<(), NotBgp> {
    each_prefix::<4>(octets, |address, length| {
        into.push(
            Ipv4Net::new(Ipv4Addr::from(address), length)
                .ok()?
                .trunc()
                .into(),
        );
        Some(())
    })
}

fn each_prefix<const N: usize>(
    mut octets: &[u8],
    mut prefix: impl FnMut([u8; N], u8) -> Option<()>,
) -> Result<(), NotBgp> {
    let short = NotBgp("a prefix is too short");
    while let Some((&length, rest)) = octets.split_first() {
        let (bits, after) = rest
            .split_at_checked(usize::from(length).div_ceil(8))
            .ok_or(short)?;
        let mut address = [0; N];
        address
            .get_mut(..bits.len())
            .ok_or(NotBgp("a prefix is too long"))?
            .copy_from_slice(bits);
        prefix(address, length).ok_or(NotBgp("a prefix is too long"))?;
        octets = after;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
