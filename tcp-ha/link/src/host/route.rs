//! Which addresses are ours, and through whom the others are reached.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::collections::BTreeSet;

use smoltcp::wire::IPV6_LINK_LOCAL_ALL_NODES;

use super::config::{HostConfig, is_station, is_subnet_broadcast, on_link};
use crate::frame::Medium;

#[derive(Debug)]
pub(super) struct Routes {
    subnets: Vec<(IpAddr, u8)>,
    own: BTreeSet<IpAddr>,
    /// Low 24 bits of the solicited-node groups that are ours (RFC 4291 2.7.1).
    solicited: BTreeSet<[u8; 3]>,
    gateways_v4: Gateways,
    gateways_v6: Gateways,
}

/// The gateways of one family; `at` is the one in use.
#[derive(Debug)]
struct Gateways {
    all: Vec<IpAddr>,
    at: usize,
}

impl Routes {
    pub(super) fn new(config: &HostConfig) -> Routes {
        let mut subnets = config.addresses.clone();
        let speaks_v6 = subnets.iter().any(|(address, _)| address.is_ipv6());
        if config.medium == Medium::Ethernet && speaks_v6 {
            let link_local = IpAddr::V6(config.mac.link_local());
            if !subnets.iter().any(|&(address, _)| address == link_local) {
                subnets.push((link_local, 64));
            }
        }
        let own: BTreeSet<IpAddr> = subnets.iter().map(|&(address, _)| address).collect();
        let solicited = own.iter().filter_map(|address| match address {
            IpAddr::V6(v6) => Some(low_24(*v6)),
            IpAddr::V4(_) => None,
        });
        let gateways = |v4| Gateways {
            all: config
                .gateways
                .iter()
                .copied()
                .filter(|gateway| gateway.is_ipv4() == v4)
                .collect(),
            at: 0,
        };
        Routes {
            solicited: solicited.collect(),
            own,
            gateways_v4: gateways(true),
            gateways_v6: gateways(false),
            subnets,
        }
    }

    pub(super) fn is_own(&self, address: IpAddr) -> bool {
        self.own.contains(&address)
    }

    /// All own addresses, the link-local one included.
    pub(super) fn own(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.own.iter().copied()
    }

    /// True for the groups that every host hears: all nodes, and its solicited nodes.
    pub(super) fn hears_group(&self, group: Ipv6Addr) -> bool {
        let octets = group.octets();
        const SOLICITED_NODE: [u8; 13] = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff];
        group == IPV6_LINK_LOCAL_ALL_NODES && !self.solicited.is_empty()
            || octets[..13] == SOLICITED_NODE && self.solicited.contains(&low_24(group))
    }

    pub(super) fn is_on_link(&self, address: IpAddr) -> bool {
        on_link(&self.subnets, address)
    }

    /// True if `address` can be one other host's.
    pub(super) fn is_foreign_station(&self, address: IpAddr) -> bool {
        is_station(address)
            && !self.is_own(address)
            && match address {
                IpAddr::V4(v4) => !self.is_broadcast(v4),
                IpAddr::V6(_) => true,
            }
    }

    pub(super) fn is_broadcast(&self, address: Ipv4Addr) -> bool {
        is_subnet_broadcast(&self.subnets, address)
    }

    /// The neighbour that takes packets for `dst`: itself or a gateway. `None` if there is no way.
    pub(super) fn next_hop(&self, dst: IpAddr) -> Option<IpAddr> {
        if !self.is_foreign_station(dst) {
            None
        } else if self.is_on_link(dst) {
            Some(dst)
        } else {
            let gateways = self.gateways(dst.is_ipv4());
            gateways.all.get(gateways.at).copied()
        }
    }

    /// After a neighbour did not answer: if it is the gateway in use, the next one is, in turn.
    pub(super) fn give_up(&mut self, neighbour: IpAddr) {
        let gateways = match neighbour {
            IpAddr::V4(_) => &mut self.gateways_v4,
            IpAddr::V6(_) => &mut self.gateways_v6,
        };
        if gateways.all.get(gateways.at) == Some(&neighbour) {
            gateways.at = (gateways.at + 1) % gateways.all.len();
        }
    }

    /// The address of ours to solicit `neighbour` from: one of its subnet, or else any of its family.
    pub(super) fn source_for(&self, neighbour: IpAddr) -> Option<IpAddr> {
        let same_family = || {
            self.subnets
                .iter()
                .filter(move |(own, _)| own.is_ipv4() == neighbour.is_ipv4())
        };
        same_family()
            .find(|&&subnet| super::config::in_subnet(subnet.0, subnet.1, neighbour))
            .or_else(|| same_family().next())
            .map(|&(own, _)| own)
    }

    fn gateways(&self, v4: bool) -> &Gateways {
        if v4 {
            &self.gateways_v4
        } else {
            &self.gateways_v6
        }
    }
}

fn low_24(address: Ipv6Addr) -> [u8; 3] {
    let octets = address.octets();
    [octets[13], octets[14], octets[15]]
}
