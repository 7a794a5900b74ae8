//! Keyed hashes of four-tuples: initial sequence numbers (RFC 6528), timestamp offsets
//! (RFC 7323 5.4), ephemeral ports (RFC 6056), and the hasher of the demultiplexing table.

use crate::four_tuple::FourTuple;
use crate::seq::SeqNum;
use crate::time::Instant;
use core::hash::{BuildHasher, Hasher};
use siphasher::sip::{SipHasher13, SipHasher24};
use std::net::{IpAddr, SocketAddr};

/// RFC 6528: ISN = M + F(four-tuple, key), where M ticks every 4 microseconds.
pub(crate) fn initial_sequence(key: &[u8; 16], tuple: &FourTuple, now: Instant) -> SeqNum {
    let ticks = (now.as_micros() / 4) as u32;
    SeqNum(ticks.wrapping_add(hash_tuple(key, tuple) as u32))
}

/// What is added to the millisecond clock of this connection.
pub(crate) fn timestamp_offset(key: &[u8; 16], tuple: &FourTuple) -> u32 {
    hash_tuple(key, tuple) as u32
}

/// The hash of a SYN cookie.
pub(crate) fn cookie(
    key: &[u8; 16],
    tuple: &FourTuple,
    irs: SeqNum,
    epoch: u64,
    index: u64,
) -> u64 {
    let mut hasher = SipHasher24::new_with_key(key);
    write_socket(&mut hasher, &tuple.local);
    write_socket(&mut hasher, &tuple.remote);
    hasher.write(&irs.0.to_be_bytes());
    hasher.write(&epoch.to_be_bytes());
    hasher.write(&index.to_be_bytes());
    hasher.finish()
}

/// Where the search for an ephemeral port towards `remote` begins (RFC 6056 algorithm 3).
pub(crate) fn port_offset(key: &[u8; 16], local: IpAddr, remote: SocketAddr) -> u64 {
    let mut hasher = SipHasher24::new_with_key(key);
    write_socket(&mut hasher, &SocketAddr::new(local, 0));
    write_socket(&mut hasher, &remote);
    hasher.finish()
}

fn hash_tuple(key: &[u8; 16], tuple: &FourTuple) -> u64 {
    let mut hasher = SipHasher24::new_with_key(key);
    write_socket(&mut hasher, &tuple.local);
    write_socket(&mut hasher, &tuple.remote);
    hasher.finish()
}

fn write_socket(hasher: &mut impl Hasher, socket: &SocketAddr) {
    match socket.ip() {
        IpAddr::V4(ip) => hasher.write(&ip.octets()),
        IpAddr::V6(ip) => hasher.write(&ip.octets()),
    }
    hasher.write(&socket.port().to_be_bytes());
}

/// Builds keyed hashers, so that no peer can aim at one bucket.
#[derive(Clone, Debug)]
pub(crate) struct KeyedState {
    key: [u8; 16],
}

impl KeyedState {
    pub(crate) fn new(key: [u8; 16]) -> KeyedState {
        KeyedState { key }
    }
}

impl BuildHasher for KeyedState {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_key(&self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tuple(port: u16) -> FourTuple {
        FourTuple {
            local: SocketAddr::from(([10, 0, 0, 1], 179)),
            remote: SocketAddr::from(([10, 0, 0, 2], port)),
        }
    }

    #[test]
    fn the_isn_of_a_reused_tuple_advances_with_the_clock() {
        let key = [7; 16];
        let first = initial_sequence(&key, &tuple(1), Instant::from_micros(1_000_000));
        let later = initial_sequence(&key, &tuple(1), Instant::from_micros(1_400_000));
        assert_eq!(later.0.wrapping_sub(first.0), 100_000);
    }

    #[test]
    fn isns_of_other_tuples_and_keys_are_unrelated() {
        let now = Instant::from_micros(0);
        let one = initial_sequence(&[7; 16], &tuple(1), now);
        assert_ne!(one, initial_sequence(&[7; 16], &tuple(2), now));
        assert_ne!(one, initial_sequence(&[8; 16], &tuple(1), now));
    }
}
