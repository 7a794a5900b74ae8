//! From captured octets to a packet: link layer, VLAN tags, IPv4 or IPv6, then TCP or a neighbour message.

mod ip;
mod link;
mod neighbour;

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::link_type::LinkType;
use crate::tcp::TcpSegment;

pub use neighbour::{Neighbour, NeighbourKind};

/// A link-layer (Ethernet) address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LinkAddress(pub [u8; 6]);

impl fmt::Display for LinkAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// Why a captured packet cannot be judged.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Skip {
    /// The link-layer header type is not known.
    UnknownLinkType(LinkTypeNumber),
    /// The capture cut the packet inside its headers.
    Truncated,
    /// A header contradicts itself.
    Malformed,
    /// An IP fragment; fragments are not put together.
    Fragment,
}

/// The LINKTYPE number in [`Skip::UnknownLinkType`].
pub type LinkTypeNumber = u32;

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Skip::UnknownLinkType(number) => write!(f, "unknown link type {number}"),
            Skip::Truncated => f.write_str("cut inside its headers"),
            Skip::Malformed => f.write_str("malformed headers"),
            Skip::Fragment => f.write_str("IP fragment"),
        }
    }
}

/// One captured packet, read.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// The interface it was captured on: pcapng interface id, or the index in a cooked header; 0 in a plain pcap.
    pub interface: u32,
    /// Source address of the Ethernet or cooked header.
    pub link_source: Option<LinkAddress>,
    /// What it carries.
    pub body: Body<'a>,
}

/// What a packet carries.
#[derive(Clone, Copy, Debug)]
pub enum Body<'a> {
    /// A TCP segment.
    Tcp(IpHeader, TcpSegment<'a>),
    /// An ARP message, a neighbour solicitation or advertisement.
    Neighbour(Neighbour),
    /// Another IP protocol, by its number.
    OtherIp(u8),
    /// Another link-layer protocol, by its Ethernet type.
    Other(u16),
}

/// The fields of an IPv4 or IPv6 header that are judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IpHeader {
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// Time to live, or hop limit.
    pub hop_limit: u8,
    /// Differentiated services code point, 6 bits.
    pub dscp: u8,
}

impl<'a> Packet<'a> {
    /// Reads a packet from the captured octets; `wire_len` is the length that it had on the wire.
    ///
    /// # Errors
    /// The reason why it cannot be judged.
    pub fn parse(
        link_type: LinkType,
        interface: u32,
        captured: &'a [u8],
        wire_len: usize,
    ) -> Result<Packet<'a>, Skip> {
        let frame = link::strip(link_type, captured, wire_len)?;
        let body = match frame.protocol {
            link::IPV4 => ip::v4(frame.octets, frame.wire_len)?,
            link::IPV6 => ip::v6(frame.octets, frame.wire_len)?,
            link::ARP => match neighbour::arp(frame.octets) {
                Some(neighbour) => Body::Neighbour(neighbour),
                None => return Err(Skip::Malformed),
            },
            other => Body::Other(other),
        };
        Ok(Packet {
            interface: frame.interface.unwrap_or(interface),
            link_source: frame.source,
            body,
        })
    }

    /// The two ends of a TCP segment, source first; `None` for anything else.
    pub fn endpoints(&self) -> Option<(SocketAddr, SocketAddr)> {
        match &self.body {
            Body::Tcp(ip, tcp) => Some((
                SocketAddr::new(ip.source, tcp.source_port),
                SocketAddr::new(ip.destination, tcp.destination_port),
            )),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
