//! Headers and whole control packets, appended to a buffer.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol,
    Icmpv4Packet, Icmpv4Repr, Icmpv6Packet, Icmpv6Repr, IpProtocol, Ipv4Packet, Ipv4Repr,
    Ipv6Packet, Ipv6Repr, NdiscNeighborFlags, NdiscRepr, RawHardwareAddress,
};

use crate::address::LinkAddress;

/// Hop limit of packets that this layer makes itself.
pub(super) const HOP_LIMIT: u8 = 64;
/// Hop limit of neighbour discovery (RFC 4861 7.1).
pub(super) const NDISC_HOP_LIMIT: u8 = 255;

/// The parts of an IP header that the sender chooses.
#[derive(Clone, Copy, Debug)]
pub(super) struct IpHeader {
    pub(super) src: IpAddr,
    pub(super) dst: IpAddr,
    pub(super) protocol: IpProtocol,
    /// Six bits.
    pub(super) dscp: u8,
    pub(super) hop_limit: u8,
}

impl IpHeader {
    /// Octets that the header takes.
    pub(super) fn len(&self) -> usize {
        if self.src.is_ipv4() { 20 } else { 40 }
    }

    /// Appends the header of a packet with `payload_len` octets after it. Both addresses are of one family.
    pub(super) fn write(&self, buf: &mut Vec<u8>, payload_len: usize) {
        self.emit(grow(buf, self.len()), payload_len);
    }

    /// Writes it into as many zeros as it takes.
    pub(super) fn emit(&self, header: &mut [u8], payload_len: usize) {
        match (self.src, self.dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => self.emit_v4(header, src, dst, payload_len),
            (IpAddr::V6(src), IpAddr::V6(dst)) => self.emit_v6(header, src, dst, payload_len),
            _ => unreachable!("a route never joins two families"),
        }
    }

    fn emit_v4(&self, header: &mut [u8], src: Ipv4Addr, dst: Ipv4Addr, payload_len: usize) {
        let mut packet = Ipv4Packet::new_unchecked(header);
        // Sets DF and an identification of 0 (RFC 6864 4.1).
        Ipv4Repr {
            src_addr: src,
            dst_addr: dst,
            next_header: self.protocol,
            payload_len,
            hop_limit: self.hop_limit,
        }
        .emit(&mut packet, &ChecksumCapabilities::ignored());
        packet.set_dscp(self.dscp & 0x3f);
        packet.fill_checksum();
    }

    fn emit_v6(&self, header: &mut [u8], src: Ipv6Addr, dst: Ipv6Addr, payload_len: usize) {
        let mut packet = Ipv6Packet::new_unchecked(header);
        Ipv6Repr {
            src_addr: src,
            dst_addr: dst,
            next_header: self.protocol,
            payload_len,
            hop_limit: self.hop_limit,
        }
        .emit(&mut packet);
        packet.set_traffic_class((self.dscp & 0x3f) << 2);
    }
}

/// Appends `len` zeros and returns them.
fn grow(buf: &mut Vec<u8>, len: usize) -> &mut [u8] {
    let at = buf.len();
    buf.resize(at + len, 0);
    &mut buf[at..]
}

pub(super) fn ethernet(
    buf: &mut Vec<u8>,
    dst: LinkAddress,
    src: LinkAddress,
    content: EthernetProtocol,
) {
    emit_ethernet(grow(buf, 14), dst, src, content);
}

/// Writes the link header into fourteen octets.
pub(super) fn emit_ethernet(
    header: &mut [u8],
    dst: LinkAddress,
    src: LinkAddress,
    content: EthernetProtocol,
) {
    let mut frame = EthernetFrame::new_unchecked(header);
    frame.set_dst_addr(EthernetAddress(dst.octets()));
    frame.set_src_addr(EthernetAddress(src.octets()));
    frame.set_ethertype(content);
}

/// Writes another destination into a complete frame.
pub(super) fn redirect(frame: &mut [u8], dst: LinkAddress) {
    EthernetFrame::new_unchecked(frame).set_dst_addr(EthernetAddress(dst.octets()));
}

pub(super) const fn ethertype(address: IpAddr) -> EthernetProtocol {
    match address {
        IpAddr::V4(_) => EthernetProtocol::Ipv4,
        IpAddr::V6(_) => EthernetProtocol::Ipv6,
    }
}

/// An ARP packet: who says it, to whom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arp {
    pub(super) operation: ArpOperation,
    pub(super) sender: (LinkAddress, Ipv4Addr),
    pub(super) target: (LinkAddress, Ipv4Addr),
}

impl Arp {
    pub(super) fn write(&self, buf: &mut Vec<u8>, dst: LinkAddress) {
        ethernet(buf, dst, self.sender.0, EthernetProtocol::Arp);
        let repr = ArpRepr::EthernetIpv4 {
            operation: self.operation,
            source_hardware_addr: EthernetAddress(self.sender.0.octets()),
            source_protocol_addr: self.sender.1,
            target_hardware_addr: EthernetAddress(self.target.0.octets()),
            target_protocol_addr: self.target.1,
        };
        repr.emit(&mut ArpPacket::new_unchecked(grow(buf, repr.buffer_len())));
    }
}

/// A neighbour discovery message from `src` to `dst`, with our link address as its option.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ndisc {
    pub(super) src: Ipv6Addr,
    pub(super) dst: Ipv6Addr,
    pub(super) target: Ipv6Addr,
    /// `None`: a solicitation; otherwise the flags of an advertisement.
    pub(super) flags: Option<NdiscNeighborFlags>,
}

impl Ndisc {
    pub(super) fn write(&self, buf: &mut Vec<u8>, mac: LinkAddress, dst_mac: LinkAddress) {
        let lladdr = Some(RawHardwareAddress::from_bytes(&mac.octets()));
        let target_addr = self.target;
        let ndisc = match self.flags {
            None => NdiscRepr::NeighborSolicit {
                target_addr,
                lladdr,
            },
            Some(flags) => NdiscRepr::NeighborAdvert {
                flags,
                target_addr,
                lladdr,
            },
        };
        ethernet(buf, dst_mac, mac, EthernetProtocol::Ipv6);
        let message = Icmpv6Repr::Ndisc(ndisc);
        icmpv6(buf, self.src, self.dst, NDISC_HOP_LIMIT, &message);
    }
}

/// Appends an ICMPv6 message with its IP header.
pub(super) fn icmpv6(
    buf: &mut Vec<u8>,
    src: Ipv6Addr,
    dst: Ipv6Addr,
    hop_limit: u8,
    message: &Icmpv6Repr<'_>,
) {
    let len = message.buffer_len();
    let header = IpHeader {
        src: IpAddr::V6(src),
        dst: IpAddr::V6(dst),
        protocol: IpProtocol::Icmpv6,
        dscp: 0,
        hop_limit,
    };
    header.write(buf, len);
    let mut packet = Icmpv6Packet::new_unchecked(grow(buf, len));
    message.emit(&src, &dst, &mut packet, &ChecksumCapabilities::default());
}

/// Appends an ICMP message with its IP header.
pub(super) fn icmpv4(buf: &mut Vec<u8>, src: Ipv4Addr, dst: Ipv4Addr, message: &Icmpv4Repr<'_>) {
    let len = message.buffer_len();
    let header = IpHeader {
        src: IpAddr::V4(src),
        dst: IpAddr::V4(dst),
        protocol: IpProtocol::Icmp,
        dscp: 0,
        hop_limit: HOP_LIMIT,
    };
    header.write(buf, len);
    let mut packet = Icmpv4Packet::new_unchecked(grow(buf, len));
    message.emit(&mut packet, &ChecksumCapabilities::default());
}
