//! The MAC of one segment (RFC 5925 5.1, RFC 5926 3.2).

use crate::auth::pseudo_header::PseudoHeader;
use crate::options::{KIND_AO, find_option};
use crate::segment::{HEADER_LEN, Segment};
use aes::Aes128;
use cmac::{Cmac, KeyInit, Mac};
use core::fmt;
use hmac::Hmac;
use sha1::Sha1;
use std::net::IpAddr;

/// Octets of a MAC.
const MAC_LEN: usize = 12;
/// Octets of the option before its MAC: kind, length, KeyID, RNextKeyID.
const OPTION_HEAD_LEN: usize = 4;
/// The longest TCP header.
const MAX_HEADER_LEN: usize = 60;

/// A traffic key, ready for use: what depends on the key alone has been computed. It wipes
/// itself, and `Debug` shows nothing of it.
#[derive(Clone)]
pub struct TrafficKey(Keyed);

// One of them is a few hundred octets and lives in a vector built once per connection.
#[allow(clippy::large_enum_variant)]
#[derive(Clone)]
enum Keyed {
    HmacSha1(Hmac<Sha1>),
    AesCmac(Cmac<Aes128>),
}

impl TrafficKey {
    pub(super) fn hmac_sha1(key: &[u8]) -> TrafficKey {
        let keyed = Hmac::new_from_slice(key).expect("HMAC takes keys of any length");
        TrafficKey(Keyed::HmacSha1(keyed))
    }

    pub(super) fn aes_cmac(key: &[u8]) -> TrafficKey {
        let keyed = Cmac::new_from_slice(key).expect("the derived key has 16 octets");
        TrafficKey(Keyed::AesCmac(keyed))
    }

    /// The MAC that `segment` must carry on the way from `src` to `dst`, where `extension` is
    /// the sequence number extension of SEG.SEQ. What its option and checksum say does not
    /// matter, but the option must be there. Without `covers_options` only the TCP-AO option
    /// itself is signed.
    ///
    /// `None` for what is no segment or has no TCP-AO option, or where the families of the
    /// addresses differ.
    pub fn mac(
        &self,
        src: IpAddr,
        dst: IpAddr,
        segment: &[u8],
        extension: u32,
        covers_options: bool,
    ) -> Option<[u8; MAC_LEN]> {
        let payload = Segment::parse(segment)?.payload;
        let pseudo = PseudoHeader::new(src, dst, segment.len())?;
        let header_len = segment.len() - payload.len();
        let option = find_option(&segment[HEADER_LEN..header_len], KIND_AO)?;
        let option = HEADER_LEN + option.start..HEADER_LEN + option.end;
        let mut header = [0; MAX_HEADER_LEN];
        header[..header_len].copy_from_slice(&segment[..header_len]);
        header[16..18].fill(0);
        header
            .get_mut(option.start + OPTION_HEAD_LEN..option.end)?
            .fill(0);
        let parts: [&[u8]; 5] = [
            &extension.to_be_bytes(),
            pseudo.as_slice(),
            &header[..HEADER_LEN],
            if covers_options {
                &header[HEADER_LEN..header_len]
            } else {
                &header[option]
            },
            payload,
        ];
        Some(match &self.0 {
            Keyed::HmacSha1(keyed) => first_octets(keyed.clone(), &parts),
            Keyed::AesCmac(keyed) => first_octets(keyed.clone(), &parts),
        })
    }
}

fn first_octets<M: Mac>(mut mac: M, parts: &[&[u8]]) -> [u8; MAC_LEN] {
    for part in parts {
        mac.update(part);
    }
    let mut first = [0; MAC_LEN];
    first.copy_from_slice(&mac.finalize().into_bytes()[..MAC_LEN]);
    first
}

impl fmt::Debug for TrafficKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TrafficKey(..)")
    }
}
