//! What a host is, and why a description of one is refused.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::address::LinkAddress;
use crate::frame::Medium;

/// Least MTU of a link that carries IPv6 (RFC 8200 5).
const IPV6_MTU_MIN: u16 = 1280;
/// Least MTU of a link that carries IPv4 (RFC 791 3.2).
const IPV4_MTU_MIN: u16 = 68;

/// The addresses and bounds of one host on one segment. Both route processors have the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostConfig {
    /// What the device carries.
    pub medium: Medium,
    /// Our link address; not looked at on [`Medium::Ip`].
    pub mac: LinkAddress,
    /// Our addresses, each with the prefix length of its subnet.
    pub addresses: Vec<(IpAddr, u8)>,
    /// Routers for what is not on the segment, in order of preference. The first of a family is used; if it cannot be resolved,
    /// the next.
    pub gateways: Vec<IpAddr>,
    /// Largest IP packet in octets.
    pub mtu: u16,
    /// Entries of the neighbour table. Beyond it the least valuable goes: first those never sent to, then unresolved ones, then
    /// the one that was used longest ago.
    pub max_neighbours: usize,
    /// Packets that wait for a link address, over all neighbours; of one neighbour at most 16. Beyond it packets are dropped.
    pub max_pending: usize,
}

impl HostConfig {
    /// An Ethernet host without addresses: MTU 1500, 4096 neighbours, 1024 waiting packets.
    #[must_use]
    pub fn ethernet(mac: LinkAddress) -> HostConfig {
        HostConfig {
            medium: Medium::Ethernet,
            mac,
            addresses: Vec::new(),
            gateways: Vec::new(),
            mtu: 1500,
            max_neighbours: 4096,
            max_pending: 1024,
        }
    }

    pub(super) fn check(&self) -> Result<(), HostError> {
        if self.medium == Medium::Ethernet && !self.mac.is_unicast() {
            return Err(HostError::BadLinkAddress(self.mac));
        }
        if self.addresses.is_empty() {
            return Err(HostError::NoAddress);
        }
        for (i, &(address, prefix)) in self.addresses.iter().enumerate() {
            let longest = if address.is_ipv4() { 32 } else { 128 };
            if prefix > longest {
                return Err(HostError::BadPrefix(address, prefix));
            }
            if !is_assignable(address, prefix) {
                return Err(HostError::BadAddress(address));
            }
            if self.addresses[..i]
                .iter()
                .any(|&(other, _)| other == address)
            {
                return Err(HostError::Duplicate(address));
            }
        }
        let least = if self.addresses.iter().any(|(address, _)| address.is_ipv6()) {
            IPV6_MTU_MIN
        } else {
            IPV4_MTU_MIN
        };
        if self.mtu < least {
            return Err(HostError::MtuTooSmall(self.mtu, least));
        }
        if self.max_neighbours == 0 {
            return Err(HostError::NoNeighbours);
        }
        for &gateway in &self.gateways {
            if self.addresses.iter().any(|&(own, _)| own == gateway) {
                return Err(HostError::GatewayIsOurs(gateway));
            }
            if self.medium == Medium::Ethernet && !on_link(&self.addresses, gateway) {
                return Err(HostError::GatewayOffLink(gateway));
            }
        }
        Ok(())
    }
}

/// Why a [`HostConfig`] is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostError {
    /// A group address or all zeros cannot be a station's own.
    BadLinkAddress(LinkAddress),
    /// A host without addresses can speak to nobody.
    NoAddress,
    /// Prefix longer than the address.
    BadPrefix(IpAddr, u8),
    /// Unspecified, loopback, multicast, or a subnet's broadcast or network address.
    BadAddress(IpAddr),
    /// Named twice.
    Duplicate(IpAddr),
    /// MTU, and the least that the addresses need.
    MtuTooSmall(u16, u16),
    /// `max_neighbours` is zero.
    NoNeighbours,
    /// Not in the subnet of any address.
    GatewayOffLink(IpAddr),
    /// A gateway is one of the host's own addresses.
    GatewayIsOurs(IpAddr),
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HostError::BadLinkAddress(mac) => write!(
                f,
                "link address {mac}: not a unicast address: choose a locally administered one such as 02:00:5e:00:00:01"
            ),
            HostError::NoAddress => {
                f.write_str("no address: give at least one, such as 192.0.2.1/24")
            }
            HostError::BadPrefix(address, prefix) => {
                write!(
                    f,
                    "address {address}/{prefix}: the prefix is longer than the address"
                )
            }
            HostError::BadAddress(address) => write!(
                f,
                "address {address}: not an address that a host can have on a segment"
            ),
            HostError::Duplicate(address) => write!(f, "address {address}: given twice"),
            HostError::MtuTooSmall(mtu, least) => {
                write!(f, "MTU {mtu}: at least {least} octets are needed")
            }
            HostError::NoNeighbours => f.write_str("max_neighbours 0: at least 1 is needed"),
            HostError::GatewayOffLink(gateway) => write!(
                f,
                "gateway {gateway}: not in the subnet of any address: give an address of its subnet, or another gateway"
            ),
            HostError::GatewayIsOurs(gateway) => {
                write!(f, "gateway {gateway}: is an address of this host")
            }
        }
    }
}

impl core::error::Error for HostError {}

/// True if `address` is in the subnet of one of `own`, or link-local IPv6.
pub(super) fn on_link(own: &[(IpAddr, u8)], address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local())
        || own
            .iter()
            .any(|&(subnet, prefix)| in_subnet(subnet, prefix, address))
}

/// True if both addresses are of one family and share the first `prefix` bits.
pub(super) fn in_subnet(subnet: IpAddr, prefix: u8, address: IpAddr) -> bool {
    match (subnet, address) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            (a.to_bits() ^ b.to_bits()) & mask == 0
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
            (a.to_bits() ^ b.to_bits()) & mask == 0
        }
        _ => false,
    }
}

/// True if `address` is the broadcast or network address of one of the subnets `own`.
pub(super) fn is_subnet_broadcast(own: &[(IpAddr, u8)], address: Ipv4Addr) -> bool {
    own.iter().any(|&(subnet, prefix)| {
        // RFC 3021: a /31 has no such addresses, and a /32 neither.
        let host = u32::MAX.checked_shr(u32::from(prefix)).unwrap_or(0);
        prefix <= 30
            && in_subnet(subnet, prefix, IpAddr::V4(address))
            && (address.to_bits() & host == 0 || address.to_bits() & host == host)
    })
}

/// True if a station can have this address as its own on a link.
pub(super) fn is_station(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [first, ..] = v4.octets();
            first != 0 && first < 224 && !v4.is_loopback()
        }
        IpAddr::V6(v6) => {
            v6 != Ipv6Addr::UNSPECIFIED
                && v6 != Ipv6Addr::LOCALHOST
                && !v6.is_multicast()
                && v6.to_ipv4_mapped().is_none()
        }
    }
}

fn is_assignable(address: IpAddr, prefix: u8) -> bool {
    is_station(address)
        && match address {
            IpAddr::V4(v4) => !is_subnet_broadcast(&[(address, prefix)], v4),
            IpAddr::V6(_) => true,
        }
}

#[cfg(test)]
mod tests;
