//! The IP pseudo header as octets (RFC 9293 3.1, RFC 8200 8.1).

use std::net::IpAddr;

const TCP_PROTOCOL: u8 = 6;

/// The pseudo header of one segment.
pub(super) struct PseudoHeader {
    octets: [u8; 40],
    len: usize,
}

impl PseudoHeader {
    /// `None` where the families differ: no such packet exists.
    pub(super) fn new(src: IpAddr, dst: IpAddr, segment_len: usize) -> Option<PseudoHeader> {
        let mut octets = [0; 40];
        // An IP packet is shorter than 2^32 octets, over IPv4 shorter than 2^16.
        let len = (segment_len as u32).to_be_bytes();
        match (src, dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                octets[..4].copy_from_slice(&src.octets());
                octets[4..8].copy_from_slice(&dst.octets());
                octets[9] = TCP_PROTOCOL;
                octets[10..12].copy_from_slice(&len[2..]);
                Some(PseudoHeader { octets, len: 12 })
            }
            (IpAddr::V6(src), IpAddr::V6(dst)) => {
                octets[..16].copy_from_slice(&src.octets());
                octets[16..32].copy_from_slice(&dst.octets());
                octets[32..36].copy_from_slice(&len);
                octets[39] = TCP_PROTOCOL;
                Some(PseudoHeader { octets, len: 40 })
            }
            _ => None,
        }
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.octets[..self.len]
    }
}
