//! The Internet checksum (RFC 1071) over pseudo header and segment.

use std::net::IpAddr;

const TCP_PROTOCOL: u64 = 6;

/// Checksum of `segment` as it should stand in the header where the field itself is zero;
/// 0 for an arrived segment whose checksum is right.
pub(crate) fn tcp_checksum(src: IpAddr, dst: IpAddr, segment: &[u8]) -> u16 {
    let sum = pseudo_header(src, dst, segment.len()) + sum_octets(segment);
    !fold(sum)
}

/// Sum of the pseudo header of a segment of `len` octets, folded and not complemented: what
/// stands in the checksum field where the rest of the sum is left to the device.
pub(crate) fn pseudo_header_sum(src: IpAddr, dst: IpAddr, len: usize) -> u16 {
    fold(pseudo_header(src, dst, len))
}

fn pseudo_header(src: IpAddr, dst: IpAddr, len: usize) -> u64 {
    let addresses = match (src, dst) {
        (IpAddr::V4(s), IpAddr::V4(d)) => sum_octets(&s.octets()) + sum_octets(&d.octets()),
        (IpAddr::V6(s), IpAddr::V6(d)) => sum_octets(&s.octets()) + sum_octets(&d.octets()),
        // No such packet exists; a sum that nothing matches will do.
        _ => 1,
    };
    addresses + TCP_PROTOCOL + len as u64
}

/// Sum of big-endian 16-bit words, without the final folding.
///
/// The one's complement sum does not care for the order of octets within words as long as
/// the result is swapped too, so words are added as they lie in memory, four octets at once.
fn sum_octets(octets: &[u8]) -> u64 {
    let mut sum = 0u64;
    let mut quads = octets.chunks_exact(4);
    for quad in &mut quads {
        sum += u64::from(u32::from_ne_bytes([quad[0], quad[1], quad[2], quad[3]]));
    }
    let mut last = [0u8; 4];
    let rest = quads.remainder();
    last[..rest.len()].copy_from_slice(rest);
    sum += u64::from(u32::from_ne_bytes(last));
    u64::from(u16::from_be_bytes(fold(sum).to_ne_bytes()))
}

fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

#[cfg(test)]
mod tests {
    use super::{sum_octets, tcp_checksum};
    use proptest::prelude::*;

    #[test]
    fn a_known_segment_has_its_known_checksum() {
        // SYN from 10.0.0.1:1 to 10.0.0.2:2, seq 0, window 0, no options.
        let mut segment = [
            0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0,
        ];
        let (src, dst) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        // 0a00+0001+0a00+0002+0006+0014 + 0001+0002+5002 = 6422
        assert_eq!(tcp_checksum(src, dst, &segment), !0x6422);
        segment[16..18].copy_from_slice(&(!0x6422u16).to_be_bytes());
        assert_eq!(tcp_checksum(src, dst, &segment), 0);
    }

    proptest! {
        #[test]
        fn the_fast_sum_is_the_plain_sum(octets: Vec<u8>) {
            let mut plain = 0u64;
            for pair in octets.chunks(2) {
                plain += u64::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
            }
            prop_assert_eq!(super::fold(sum_octets(&octets)), super::fold(plain));
        }
    }
}
