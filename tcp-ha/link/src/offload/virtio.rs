//! The header before each frame of an offloading device (virtio 1.2, 5.1.6; `struct virtio_net_hdr` of Linux).

use super::Checksum;
use crate::frame::Medium;

/// Octets of the header.
pub(crate) const VIRTIO_HEADER_LEN: usize = 10;

/// `VIRTIO_NET_HDR_F_NEEDS_CSUM`: the checksum field holds the sum of the pseudo header alone.
const NEEDS_CSUM: u8 = 1;
/// `VIRTIO_NET_HDR_F_DATA_VALID`: somebody has verified the checksum.
const DATA_VALID: u8 = 2;

const GSO_NONE: u8 = 0;
const GSO_TCPV4: u8 = 1;
const GSO_TCPV6: u8 = 4;
/// May stand beside the others.
const GSO_ECN: u8 = 0x80;

/// Octets from the start of the TCP header to its checksum.
pub(crate) const TCP_CHECKSUM: usize = 16;

/// A header as it is read and written: in the order of octets of the machine, as legacy devices have it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct VirtioHeader {
    pub(super) flags: u8,
    pub(super) gso_type: u8,
    pub(super) hdr_len: u16,
    pub(super) gso_size: u16,
    pub(super) csum_start: u16,
    pub(super) csum_offset: u16,
}

impl VirtioHeader {
    /// An ordinary frame with its checksums filled in.
    pub(crate) const PLAIN: VirtioHeader = VirtioHeader {
        flags: 0,
        gso_type: GSO_NONE,
        hdr_len: 0,
        gso_size: 0,
        csum_start: 0,
        csum_offset: 0,
    };

    /// An ordinary frame whose TCP header begins at `tcp` and lacks the sum of its segment.
    pub(crate) fn unsummed(tcp: u16) -> VirtioHeader {
        VirtioHeader {
            flags: NEEDS_CSUM,
            csum_start: tcp,
            csum_offset: TCP_CHECKSUM as u16,
            ..VirtioHeader::PLAIN
        }
    }

    /// A super-frame that is to be cut into segments of `gso_size` octets of text; its TCP header begins at `tcp` and its text at `text`.
    pub(super) fn segmented(ipv6: bool, tcp: usize, text: usize, gso_size: u16) -> VirtioHeader {
        // Headers of link, IP and TCP: far below 2^16 octets.
        let short = |octets: usize| u16::try_from(octets).unwrap_or(u16::MAX);
        VirtioHeader {
            flags: NEEDS_CSUM,
            gso_type: if ipv6 { GSO_TCPV6 } else { GSO_TCPV4 },
            hdr_len: short(text),
            gso_size,
            csum_start: short(tcp),
            csum_offset: short(TCP_CHECKSUM),
        }
    }

    /// Reads a header. Any octets are one.
    pub(crate) fn parse(octets: [u8; VIRTIO_HEADER_LEN]) -> VirtioHeader {
        let [flags, gso_type, a, b, c, d, e, f, g, h] = octets;
        VirtioHeader {
            flags,
            gso_type,
            hdr_len: u16::from_ne_bytes([a, b]),
            gso_size: u16::from_ne_bytes([c, d]),
            csum_start: u16::from_ne_bytes([e, f]),
            csum_offset: u16::from_ne_bytes([g, h]),
        }
    }

    /// The header as the device reads it.
    pub(crate) fn octets(&self) -> [u8; VIRTIO_HEADER_LEN] {
        let [a, b] = self.hdr_len.to_ne_bytes();
        let [c, d] = self.gso_size.to_ne_bytes();
        let [e, f] = self.csum_start.to_ne_bytes();
        let [g, h] = self.csum_offset.to_ne_bytes();
        [self.flags, self.gso_type, a, b, c, d, e, f, g, h]
    }

    /// What it says of the checksum of the frame behind it.
    pub(crate) fn checksum(&self) -> Checksum {
        if self.flags & (NEEDS_CSUM | DATA_VALID) == 0 {
            Checksum::Unverified
        } else {
            Checksum::Vouched
        }
    }

    /// Whether the frame stands for several segments, and so may be longer than the MTU.
    pub(crate) fn is_super_frame(&self) -> bool {
        self.gso_type & !GSO_ECN != GSO_NONE
    }
}

/// The longest frame that a device gives or takes: an IP packet of the greatest length behind the link header.
pub(crate) const fn frame_octets_max(medium: Medium) -> usize {
    u16::MAX as usize + medium.header_len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_who_says_so_vouches() {
        let with = |flags| VirtioHeader {
            flags,
            ..VirtioHeader::PLAIN
        };
        assert_eq!(VirtioHeader::PLAIN.checksum(), Checksum::Unverified);
        assert_eq!(with(4).checksum(), Checksum::Unverified);
        assert_eq!(with(NEEDS_CSUM).checksum(), Checksum::Vouched);
        assert_eq!(with(DATA_VALID).checksum(), Checksum::Vouched);
    }

    #[test]
    fn the_mark_of_congestion_alone_makes_no_super_frame() {
        let of = |gso_type| VirtioHeader {
            gso_type,
            ..VirtioHeader::PLAIN
        };
        assert!(!of(GSO_NONE).is_super_frame());
        assert!(!of(GSO_ECN).is_super_frame());
        assert!(of(GSO_TCPV4 | GSO_ECN).is_super_frame());
        assert!(of(GSO_TCPV6).is_super_frame());
    }

    proptest! {
        #[test]
        fn any_ten_octets_are_a_header_and_come_back(octets: [u8; VIRTIO_HEADER_LEN]) {
            prop_assert_eq!(VirtioHeader::parse(octets).octets(), octets);
        }
    }
}
