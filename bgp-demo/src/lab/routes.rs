//! Which routes there are: every prefix of a run has a number, and every number a prefix.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::options::{LabFamily, LabOptions, PeerKind};

/// AS of the route processors.
pub(crate) const OUR_AS: u32 = 65001;
/// The community that marks groups of routes.
const COMMUNITY_AS: u32 = 65000;
/// Neighbouring routes that share their path attributes.
const ATTRIBUTE_GROUP: u32 = 8;
/// First octets of originated and of received IPv4 prefixes.
const OUT_BASE_V4: u32 = 20 << 24;
const IN_BASE_V4: u32 = 64 << 24;
/// First 16 bits of originated and of received IPv6 prefixes.
const OUT_BASE_V6: u16 = 0x2a10;
const IN_BASE_V6: u16 = 0x2a20;
/// Parts of a block that change independently.
const SLICES_MAX: u32 = 4;

/// The number of a route within a run: originated ones first, then each session's in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RouteNumber(pub(crate) u32);

/// Who brings a route into the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The route processors.
    Ours,
    /// The peer of a session, counted from 0.
    Session(usize),
}

/// Consecutive routes of one origin. The last ones change while the laboratory runs, in slices; the first ones never do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    first: u32,
    stable: u32,
    slice_len: u32,
    slices: u32,
}

impl Block {
    fn new(first: u32, count: u32, slice_cap: u32) -> Self {
        let slices = match count {
            0 | 1 => 0,
            2..=15 => 1,
            _ => SLICES_MAX,
        };
        let slice_len = (count / 20).clamp(1, slice_cap.max(1));
        Self {
            first,
            stable: count - slices * slice_len,
            slice_len,
            slices,
        }
    }

    /// Number of slices.
    pub(crate) const fn slices(&self) -> usize {
        self.slices as usize
    }

    /// Routes that never change.
    pub(crate) fn stable(&self) -> impl Iterator<Item = RouteNumber> + use<> {
        (self.first..self.first + self.stable).map(RouteNumber)
    }

    /// Routes of a slice.
    pub(crate) fn slice(&self, slice: usize) -> impl Iterator<Item = RouteNumber> + use<> {
        let start = self.first + self.stable + slice as u32 * self.slice_len;
        (start..start + self.slice_len).map(RouteNumber)
    }

    /// All routes.
    pub(crate) fn all(&self) -> impl Iterator<Item = RouteNumber> + use<> {
        (self.first..self.first + self.len()).map(RouteNumber)
    }

    /// Number of routes.
    pub(crate) const fn len(&self) -> u32 {
        self.stable + self.slices * self.slice_len
    }
}

/// One BGP session of the run, from the peer's side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionPlan {
    /// The peer's AS.
    pub(crate) asn: u32,
    /// The peer's address.
    pub(crate) address: IpAddr,
    /// The peer's router id.
    pub(crate) router_id: Ipv4Addr,
    /// Whether the peer waits for us to connect; else it connects and we wait.
    pub(crate) peer_waits: bool,
    /// The routes that the peer announces.
    pub(crate) routes: Block,
}

/// Addresses, ASes and routes of a run.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Address family of sessions and routes.
    pub(crate) family: LabFamily,
    /// The route processors' address.
    pub(crate) our_address: IpAddr,
    /// Sessions.
    pub(crate) sessions: Vec<SessionPlan>,
    /// The routes that the route processors originate.
    pub(crate) ours: Block,
    routes_out: u32,
    routes_in: u32,
}

impl Plan {
    /// The plan that belongs to `options`.
    pub(crate) fn new(options: &LabOptions) -> Self {
        let cap = options.churn_routes.unwrap_or(match options.peer {
            PeerKind::Gobgp => 16,
            _ => 200,
        });
        let count = options.sessions as u32;
        let mut first = options.routes_out;
        let sessions = (0..count)
            .map(|i| {
                let share = options.routes_in / count + u32::from(i < options.routes_in % count);
                let routes = Block::new(first, share, cap);
                first += share;
                SessionPlan {
                    asn: peer_as(i),
                    address: peer_address(options.family, i),
                    router_id: peer_address_v4(i),
                    // Both ways of opening, except for OpenBGPD: after one failure it tries again too late.
                    peer_waits: i % 2 == 1 || options.peer == PeerKind::Openbgpd,
                    routes,
                }
            })
            .collect();
        Self {
            family: options.family,
            our_address: match options.family {
                LabFamily::V4 => OUR_ADDRESS_V4.into(),
                LabFamily::V6 => OUR_ADDRESS_V6.into(),
            },
            sessions,
            ours: Block::new(0, options.routes_out, options.churn_routes.unwrap_or(200)),
            routes_out: options.routes_out,
            routes_in: options.routes_in,
        }
    }

    /// Number of routes of the run.
    pub(crate) const fn route_count(&self) -> usize {
        (self.routes_out + self.routes_in) as usize
    }

    /// The prefix of a route.
    pub(crate) fn prefix(&self, route: RouteNumber) -> IpNet {
        let (n, v4, v6) = if route.0 < self.routes_out {
            (route.0, OUT_BASE_V4, OUT_BASE_V6)
        } else {
            (route.0 - self.routes_out, IN_BASE_V4, IN_BASE_V6)
        };
        match self.family {
            LabFamily::V4 => IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::from(v4 + (n << 8)), 24)),
            LabFamily::V6 => IpNet::V6(Ipv6Net::new_assert(
                Ipv6Addr::from(u128::from(v6) << 112 | u128::from(n) << 80),
                48,
            )),
        }
    }

    /// The route of a prefix; `None` when the prefix is not of this run.
    pub(crate) fn route(&self, prefix: IpNet) -> Option<RouteNumber> {
        let number = match (self.family, prefix) {
            (LabFamily::V4, IpNet::V4(net)) => {
                let bits = u32::from(net.network());
                if bits >= IN_BASE_V4 {
                    self.routes_out.checked_add((bits - IN_BASE_V4) >> 8)?
                } else {
                    let number = bits.checked_sub(OUT_BASE_V4)? >> 8;
                    (number < self.routes_out).then_some(number)?
                }
            }
            (LabFamily::V6, IpNet::V6(net)) => {
                let bits = u128::from(net.network());
                let number = (bits >> 80) as u32;
                match (bits >> 112) as u16 {
                    OUT_BASE_V6 => (number < self.routes_out).then_some(number)?,
                    IN_BASE_V6 => self.routes_out.checked_add(number)?,
                    _ => return None,
                }
            }
            _ => return None,
        };
        let route = RouteNumber(number);
        ((number as usize) < self.route_count() && self.prefix(route) == prefix).then_some(route)
    }

    /// Who brings a route into the network.
    pub(crate) fn origin(&self, route: RouteNumber) -> Origin {
        if route.0 < self.routes_out {
            return Origin::Ours;
        }
        let after = self
            .sessions
            .partition_point(|session| session.routes.first <= route.0);
        Origin::Session(after.saturating_sub(1))
    }

    /// The slice in which a route changes; `None` for a stable one.
    pub(crate) fn slice_of(&self, route: RouteNumber) -> Option<usize> {
        let block = match self.origin(route) {
            Origin::Ours => &self.ours,
            Origin::Session(session) => &self.sessions[session].routes,
        };
        let beyond = (route.0 - block.first).checked_sub(block.stable)?;
        Some((beyond / block.slice_len) as usize)
    }

    /// The session of a peer's address.
    pub(crate) fn session_of(&self, address: IpAddr) -> Option<usize> {
        let number = match address {
            IpAddr::V4(address) => {
                let [_, _, c, d] = address.octets();
                usize::from(c).checked_sub(1)? * 250 + usize::from(d).checked_sub(1)?
            }
            IpAddr::V6(address) => usize::from(address.segments()[7]).checked_sub(1)?,
        };
        (self.sessions.get(number)?.address == address).then_some(number)
    }

    /// The community of a route where its origin can tell routes apart: AS and value.
    pub(crate) const fn community(route: RouteNumber) -> (u32, u32) {
        (COMMUNITY_AS, route.0 / ATTRIBUTE_GROUP % 65_536)
    }
}

/// The address that moves between the route processors, IPv4.
pub(crate) const OUR_ADDRESS_V4: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 1);
/// The address that moves between the route processors, IPv6.
pub(crate) const OUR_ADDRESS_V6: Ipv6Addr = Ipv6Addr::new(0xfd99, 0, 0, 0, 0, 0, 0, 1);

fn peer_as(session: u32) -> u32 {
    match session {
        0..500 => 65002 + session,
        _ => 4_200_000_000 + session,
    }
}

/// The IPv4 address of a session's peer, also its router id.
pub(crate) fn peer_address_v4(session: u32) -> Ipv4Addr {
    Ipv4Addr::new(10, 99, (1 + session / 250) as u8, (1 + session % 250) as u8)
}

fn peer_address(family: LabFamily, session: u32) -> IpAddr {
    match family {
        LabFamily::V4 => peer_address_v4(session).into(),
        LabFamily::V6 => Ipv6Addr::new(0xfd99, 0, 0, 0, 0, 0, 1, session as u16 + 1).into(),
    }
}

/// Whether an address is that of the route processors.
pub(crate) fn is_ours(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address == OUR_ADDRESS_V4,
        IpAddr::V6(address) => address == OUR_ADDRESS_V6,
    }
}

#[cfg(test)]
mod tests;
