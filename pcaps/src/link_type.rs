//! Link-layer header types of captures.

use std::fmt;

/// The link-layer header type of a captured packet, by its LINKTYPE number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct LinkType(pub u32);

impl LinkType {
    /// Ethernet, VLAN tags included.
    pub const ETHERNET: LinkType = LinkType(1);
    /// An IP packet without a link-layer header, as the number stands in most files.
    pub const RAW: LinkType = LinkType(101);
    /// An IP packet without a link-layer header: the number of some BSD files.
    pub const RAW_BSD: LinkType = LinkType(12);
    /// The "cooked" header of Linux's `any` device.
    pub const LINUX_SLL: LinkType = LinkType(113);
    /// The second version of the "cooked" header; names the interface.
    pub const LINUX_SLL2: LinkType = LinkType(276);
    /// An IPv4 packet without a link-layer header.
    pub const IPV4: LinkType = LinkType(228);
    /// An IPv6 packet without a link-layer header.
    pub const IPV6: LinkType = LinkType(229);
    /// Four octets of address family in the capturing host's order.
    pub const NULL: LinkType = LinkType(0);
}

impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            LinkType::ETHERNET => f.write_str("Ethernet"),
            LinkType::RAW | LinkType::RAW_BSD => f.write_str("raw IP"),
            LinkType::LINUX_SLL => f.write_str("Linux cooked"),
            LinkType::LINUX_SLL2 => f.write_str("Linux cooked 2"),
            LinkType::IPV4 => f.write_str("raw IPv4"),
            LinkType::IPV6 => f.write_str("raw IPv6"),
            LinkType::NULL => f.write_str("loopback"),
            LinkType(other) => write!(f, "link type {other}"),
        }
    }
}
