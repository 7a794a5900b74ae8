//! The outside world: builds frames of peers, reads frames of ours.

use super::*;

use core::net::{Ipv4Addr, Ipv6Addr};
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, Icmpv4Packet, Icmpv4Repr, Icmpv6Packet,
    Icmpv6Repr, IpProtocol, Ipv4Packet, Ipv4Repr, Ipv6Packet, Ipv6Repr, NdiscNeighborFlags,
    NdiscRepr, RawHardwareAddress,
};

pub(super) fn v4(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

pub(super) fn v6(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

pub(super) fn ethernet(dst: LinkAddress, src: LinkAddress, kind: u16, content: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    frame.extend(dst.octets());
    frame.extend(src.octets());
    frame.extend(kind.to_be_bytes());
    frame.extend(content);
    // The least length of an Ethernet frame: short ones come padded.
    frame.resize(frame.len().max(60), 0xee);
    frame
}

/// ARP from (mac, address) to `dst`.
pub(super) fn arp(
    operation: ArpOperation,
    dst: LinkAddress,
    sender: (LinkAddress, &str),
    target: &str,
) -> Vec<u8> {
    let repr = ArpRepr::EthernetIpv4 {
        operation,
        source_hardware_addr: EthernetAddress(sender.0.octets()),
        source_protocol_addr: v4(sender.1),
        target_hardware_addr: EthernetAddress([0; 6]),
        target_protocol_addr: v4(target),
    };
    let mut packet = vec![0; repr.buffer_len()];
    repr.emit(&mut ArpPacket::new_unchecked(&mut packet[..]));
    ethernet(dst, sender.0, 0x0806, &packet)
}

pub(super) fn arp_request(sender: (LinkAddress, &str), target: &str) -> Vec<u8> {
    arp(
        ArpOperation::Request,
        LinkAddress::BROADCAST,
        sender,
        target,
    )
}

pub(super) fn arp_reply(sender: (LinkAddress, &str), target: &str) -> Vec<u8> {
    arp(ArpOperation::Reply, OWN_MAC, sender, target)
}

pub(super) fn ipv4_packet(src: &str, dst: &str, protocol: IpProtocol, payload: &[u8]) -> Vec<u8> {
    let repr = Ipv4Repr {
        src_addr: v4(src),
        dst_addr: v4(dst),
        next_header: protocol,
        payload_len: payload.len(),
        hop_limit: 1,
    };
    let mut packet = vec![0; 20];
    repr.emit(
        &mut Ipv4Packet::new_unchecked(&mut packet[..]),
        &ChecksumCapabilities::default(),
    );
    packet.extend(payload);
    packet
}

pub(super) fn ipv6_packet(
    src: &str,
    dst: &str,
    protocol: IpProtocol,
    hop_limit: u8,
    payload: &[u8],
) -> Vec<u8> {
    let repr = Ipv6Repr {
        src_addr: v6(src),
        dst_addr: v6(dst),
        next_header: protocol,
        payload_len: payload.len(),
        hop_limit,
    };
    let mut packet = vec![0; 40];
    repr.emit(&mut Ipv6Packet::new_unchecked(&mut packet[..]));
    packet.extend(payload);
    packet
}

pub(super) fn from_peer_v4(packet: &[u8]) -> Vec<u8> {
    ethernet(OWN_MAC, PEER_MAC, 0x0800, packet)
}

pub(super) fn from_peer_v6(packet: &[u8]) -> Vec<u8> {
    ethernet(OWN_MAC, PEER_MAC, 0x86dd, packet)
}

pub(super) fn tcp_v4(src: &str, dst: &str, segment: &[u8]) -> Vec<u8> {
    from_peer_v4(&ipv4_packet(src, dst, IpProtocol::Tcp, segment))
}

pub(super) fn icmpv4_message(repr: &Icmpv4Repr<'_>) -> Vec<u8> {
    let mut message = vec![0; repr.buffer_len()];
    repr.emit(
        &mut Icmpv4Packet::new_unchecked(&mut message[..]),
        &ChecksumCapabilities::default(),
    );
    message
}

pub(super) fn icmpv6_packet(src: &str, dst: &str, hop_limit: u8, repr: &Icmpv6Repr<'_>) -> Vec<u8> {
    let mut message = vec![0; repr.buffer_len()];
    repr.emit(
        &v6(src),
        &v6(dst),
        &mut Icmpv6Packet::new_unchecked(&mut message[..]),
        &ChecksumCapabilities::default(),
    );
    ipv6_packet(src, dst, IpProtocol::Icmpv6, hop_limit, &message)
}

pub(super) fn raw(mac: LinkAddress) -> RawHardwareAddress {
    RawHardwareAddress::from_bytes(&mac.octets())
}

pub(super) fn solicitation(
    src: &str,
    dst: &str,
    target: &str,
    mac: Option<LinkAddress>,
) -> Vec<u8> {
    let repr = NdiscRepr::NeighborSolicit {
        target_addr: v6(target),
        lladdr: mac.map(raw),
    };
    let packet = icmpv6_packet(src, dst, 255, &Icmpv6Repr::Ndisc(repr));
    let dst_mac = if v6(dst).is_multicast() {
        LinkAddress::of_ipv6_multicast(v6(dst))
    } else {
        OWN_MAC
    };
    ethernet(dst_mac, PEER_MAC, 0x86dd, &packet)
}

pub(super) fn advertisement(
    (src, dst): (&str, &str),
    target: &str,
    flags: NdiscNeighborFlags,
    mac: Option<LinkAddress>,
) -> Vec<u8> {
    let repr = NdiscRepr::NeighborAdvert {
        flags,
        target_addr: v6(target),
        lladdr: mac.map(raw),
    };
    let packet = icmpv6_packet(src, dst, 255, &Icmpv6Repr::Ndisc(repr));
    ethernet(OWN_MAC, PEER_MAC, 0x86dd, &packet)
}

/// A frame of ours, as the peer reads it. Parsing checks every checksum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) dst: LinkAddress,
    pub(super) content: Content,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Arp {
        operation: ArpOperation,
        sender: (LinkAddress, IpAddr),
        target: (LinkAddress, IpAddr),
    },
    Solicitation {
        src: IpAddr,
        dst: IpAddr,
        target: IpAddr,
    },
    Advertisement {
        dst: IpAddr,
        target: IpAddr,
        solicited: bool,
        overriding: bool,
    },
    EchoReply {
        src: IpAddr,
        dst: IpAddr,
        ident: u16,
        seq_no: u16,
        data: Vec<u8>,
    },
    Segment {
        src: IpAddr,
        dst: IpAddr,
        dscp: u8,
        hop_limit: u8,
        segment: Vec<u8>,
    },
}

impl Sent {
    pub(super) fn parse(octets: &[u8]) -> Sent {
        let frame = EthernetFrame::new_checked(octets).unwrap();
        assert_eq!(
            frame.src_addr().0,
            OWN_MAC.octets(),
            "frames come from our address"
        );
        let content = match frame.ethertype() {
            EthernetProtocol::Arp => parse_arp(frame.payload()),
            EthernetProtocol::Ipv4 => parse_ipv4(frame.payload()),
            EthernetProtocol::Ipv6 => parse_ipv6(frame.payload()),
            EthernetProtocol::Unknown(kind) => panic!("EtherType {kind:#x}"),
        };
        Sent {
            dst: LinkAddress(frame.dst_addr().0),
            content,
        }
    }

    /// The octets of a segment, and where it was sent.
    pub(super) fn segment(&self) -> (LinkAddress, &[u8]) {
        match &self.content {
            Content::Segment { segment, .. } => (self.dst, segment),
            other => panic!("not a segment: {other:?}"),
        }
    }

    /// For whom this asks, and whether everybody is asked.
    pub(super) fn question(&self) -> (IpAddr, bool) {
        let everybody = self.dst.octets()[0] & 1 == 1;
        match &self.content {
            Content::Arp {
                operation: ArpOperation::Request,
                target,
                ..
            } => (target.1, everybody),
            Content::Solicitation { target, .. } => (*target, everybody),
            other => panic!("not a question: {other:?}"),
        }
    }
}

fn parse_arp(packet: &[u8]) -> Content {
    let packet = ArpPacket::new_checked(packet).unwrap();
    let ArpRepr::EthernetIpv4 {
        operation,
        source_hardware_addr,
        source_protocol_addr,
        target_hardware_addr,
        target_protocol_addr,
    } = ArpRepr::parse(&packet).unwrap()
    else {
        panic!("ARP of another kind");
    };
    Content::Arp {
        operation,
        sender: (
            LinkAddress(source_hardware_addr.0),
            source_protocol_addr.into(),
        ),
        target: (
            LinkAddress(target_hardware_addr.0),
            target_protocol_addr.into(),
        ),
    }
}

pub(super) fn parse_ipv4(octets: &[u8]) -> Content {
    let packet = Ipv4Packet::new_checked(octets).unwrap();
    assert!(packet.verify_checksum(), "IPv4 header checksum");
    assert!(packet.dont_frag(), "DF");
    assert_eq!(usize::from(packet.total_len()), octets.len());
    let (src, dst) = (packet.src_addr().into(), packet.dst_addr().into());
    match packet.next_header() {
        IpProtocol::Tcp => Content::Segment {
            src,
            dst,
            dscp: packet.dscp(),
            hop_limit: packet.hop_limit(),
            segment: packet.payload().to_vec(),
        },
        IpProtocol::Icmp => {
            let message = Icmpv4Packet::new_checked(packet.payload()).unwrap();
            match Icmpv4Repr::parse(&message, &ChecksumCapabilities::default()).unwrap() {
                Icmpv4Repr::EchoReply {
                    ident,
                    seq_no,
                    data,
                } => Content::EchoReply {
                    src,
                    dst,
                    ident,
                    seq_no,
                    data: data.to_vec(),
                },
                other => panic!("{other:?}"),
            }
        }
        other => panic!("protocol {other}"),
    }
}

pub(super) fn parse_ipv6(octets: &[u8]) -> Content {
    let packet = Ipv6Packet::new_checked(octets).unwrap();
    assert_eq!(packet.total_len(), octets.len());
    let (src, dst) = (IpAddr::V6(packet.src_addr()), IpAddr::V6(packet.dst_addr()));
    if packet.next_header() == IpProtocol::Tcp {
        return Content::Segment {
            src,
            dst,
            dscp: packet.traffic_class() >> 2,
            hop_limit: packet.hop_limit(),
            segment: packet.payload().to_vec(),
        };
    }
    let message = Icmpv6Packet::new_checked(packet.payload()).unwrap();
    let caps = ChecksumCapabilities::default();
    match Icmpv6Repr::parse(&packet.src_addr(), &packet.dst_addr(), &message, &caps).unwrap() {
        Icmpv6Repr::EchoReply {
            ident,
            seq_no,
            data,
        } => Content::EchoReply {
            src,
            dst,
            ident,
            seq_no,
            data: data.to_vec(),
        },
        Icmpv6Repr::Ndisc(NdiscRepr::NeighborSolicit {
            target_addr,
            lladdr,
        }) => {
            assert_eq!(packet.hop_limit(), 255);
            assert_eq!(lladdr, Some(raw(OWN_MAC)));
            Content::Solicitation {
                src,
                dst,
                target: target_addr.into(),
            }
        }
        Icmpv6Repr::Ndisc(NdiscRepr::NeighborAdvert {
            flags,
            target_addr,
            lladdr,
        }) => {
            assert_eq!(packet.hop_limit(), 255);
            assert_eq!(lladdr, Some(raw(OWN_MAC)));
            Content::Advertisement {
                dst,
                target: target_addr.into(),
                solicited: flags.contains(NdiscNeighborFlags::SOLICITED),
                overriding: flags.contains(NdiscNeighborFlags::OVERRIDE),
            }
        }
        other => panic!("{other:?}"),
    }
}
