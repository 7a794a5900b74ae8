//! From a master key to the traffic keys of one connection (RFC 5926 3.1).

use super::mac::TrafficKey;
use crate::auth::secret::Secret;
use crate::seq::SeqNum;
use aes::Aes128;
use cmac::{Cmac, KeyInit, Mac};
use hmac::Hmac;
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use std::net::{IpAddr, SocketAddr};
use zeroize::Zeroizing;

const LABEL: &[u8] = b"TCP-AO";
/// The counter of the key derivation: one block is always enough.
const COUNTER: u8 = 1;

/// Key derivation and MAC of a master key; each pair of RFC 5926 goes together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// KDF_HMAC_SHA1 and HMAC-SHA-1-96.
    #[default]
    HmacSha1,
    /// KDF_AES_128_CMAC and AES-128-CMAC-96.
    AesCmac,
}

impl Algorithm {
    /// Name as it stands in configurations.
    pub fn as_str(self) -> &'static str {
        match self {
            Algorithm::HmacSha1 => "hmac-sha-1-96",
            Algorithm::AesCmac => "aes-128-cmac-96",
        }
    }
}

/// The connection block and ISNs that a traffic key belongs to (RFC 5925 5.2), as the sender
/// of the segments sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// Socket of the sender.
    pub src: SocketAddr,
    /// Socket of the receiver.
    pub dst: SocketAddr,
    /// ISN of the sender.
    pub src_isn: SeqNum,
    /// ISN of the receiver; 0 for a SYN without ACK.
    pub dst_isn: SeqNum,
}

impl Context {
    /// Appends source and destination address, ports and ISNs.
    fn write<'a>(&self, out: &'a mut [u8; 44]) -> &'a [u8] {
        let mut len = 0;
        let mut put = |octets: &[u8]| {
            out[len..len + octets.len()].copy_from_slice(octets);
            len += octets.len();
        };
        for socket in [self.src, self.dst] {
            match socket.ip() {
                IpAddr::V4(ip) => put(&ip.octets()),
                IpAddr::V6(ip) => put(&ip.octets()),
            }
        }
        put(&self.src.port().to_be_bytes());
        put(&self.dst.port().to_be_bytes());
        put(&self.src_isn.0.to_be_bytes());
        put(&self.dst_isn.0.to_be_bytes());
        &out[..len]
    }
}

/// The traffic key of `context` under a master key.
pub fn traffic_key(algorithm: Algorithm, master: &Secret, context: &Context) -> TrafficKey {
    let octets = traffic_key_octets(algorithm, master, context);
    match algorithm {
        Algorithm::HmacSha1 => TrafficKey::hmac_sha1(&octets),
        Algorithm::AesCmac => TrafficKey::aes_cmac(&octets),
    }
}

pub(super) fn traffic_key_octets(
    algorithm: Algorithm,
    master: &Secret,
    context: &Context,
) -> Zeroizing<Vec<u8>> {
    let mut octets = [0; 44];
    let context = context.write(&mut octets);
    match algorithm {
        Algorithm::HmacSha1 => derive(keyed::<Hmac<Sha1>>(master.expose()), context, 160),
        Algorithm::AesCmac => {
            // RFC 5926 3.1.1.2: a master key of another length is first made one of 16 octets.
            let master: Zeroizing<[u8; 16]> = Zeroizing::new(match master.expose().try_into() {
                Ok(key) => key,
                Err(_) => keyed::<Cmac<Aes128>>(&[0; 16])
                    .chain_update(master.expose())
                    .finalize()
                    .into_bytes()
                    .into(),
            });
            derive(keyed::<Cmac<Aes128>>(master.as_slice()), context, 128)
        }
    }
}

fn keyed<M: KeyInit>(key: &[u8]) -> M {
    M::new_from_slice(key).expect("HMAC takes keys of any length, CMAC gets 16 octets")
}

/// PRF(key, counter || label || context || output length in bits).
fn derive(mut mac: impl Mac, context: &[u8], bits: u16) -> Zeroizing<Vec<u8>> {
    mac.update(&[COUNTER]);
    mac.update(LABEL);
    mac.update(context);
    mac.update(&bits.to_be_bytes());
    Zeroizing::new(mac.finalize().into_bytes().to_vec())
}
