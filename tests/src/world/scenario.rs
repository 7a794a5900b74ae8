//! What happens in a world: the addresses, the peer's clients, the pair's service.

use crate::text;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tcp_ha::Protection;
use tcp_ha::core::NodeLimits;
use tcp_ha::engine::{Config, ConnectionOptions, KeepaliveConfig};

/// Port of the service.
pub const PORT: u16 = 7;

/// The service answers every octet with this bit pattern laid over it, so that the two directions cannot be taken for each other.
pub const TWIST: u8 = 0xa5;

/// Octets heard for one that is said, where the service says little.
const LITTLE: u64 = 100;

/// Octets said for one that is heard, where it says much.
pub const MUCH: u64 = 4;

/// Version of IP of the whole segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Address of the pair.
    pub fn pair(self) -> IpAddr {
        match self {
            Family::V4 => Ipv4Addr::new(10, 0, 0, 1).into(),
            Family::V6 => Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1).into(),
        }
    }

    /// Address of the peer.
    pub fn peer(self) -> IpAddr {
        match self {
            Family::V4 => Ipv4Addr::new(10, 0, 0, 2).into(),
            Family::V6 => Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2).into(),
        }
    }

    /// Length of the segment's prefix.
    pub fn prefix(self) -> u8 {
        match self {
            Family::V4 => 24,
            Family::V6 => 64,
        }
    }
}

/// Who opens the connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opener {
    /// The peer's clients.
    Peer,
    /// The pair's service.
    Pair,
}

/// The TCP of the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stacks {
    /// An engine like the pair's.
    Engine,
    /// The small one, which shares no code with it.
    Small,
    /// Each connection has one or the other.
    Both,
}

/// What the service says to what it hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// As much as it hears, twisted.
    Twisted,
    /// Little: nearly all octets go to the pair.
    Little,
    /// Much: nearly all octets come from the pair.
    Much,
}

/// How connections are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signing {
    /// Not at all.
    None,
    /// RFC 2385.
    Md5,
    /// RFC 5925, with keys that are renewed.
    Ao,
}

/// Settings of a world; all that is random comes from its seed.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Of the dice that decide about frames.
    pub seed: u64,
    /// Octets that each client sends, and wants answered.
    pub octets: u64,
    /// Octets that a client sends at most in one turn.
    pub per_turn: usize,
    /// The stream is `salt + offset` over and over.
    pub salt: u8,
    /// Connections.
    pub clients: usize,
    /// One in so many frames is lost; 0 means none.
    pub loss: u64,
    /// Version of IP.
    pub family: Family,
    /// Who opens.
    pub opener: Opener,
    /// How the service's connections are protected.
    pub protection: Option<Protection>,
    /// The service answers whole messages of so many octets; 0 means whatever came.
    pub message: usize,
    /// Whether the service has state that belongs to no connection.
    pub node_state: bool,
    /// Keepalive of the service's connections.
    pub keepalive: Option<KeepaliveConfig>,
    /// Which TCP the peer has.
    pub stacks: Stacks,
    /// Sequence numbers of the small TCP's connections go round soon.
    pub wraps: bool,
    /// What the service says.
    pub says: Says,
    /// How connections are signed.
    pub signing: Signing,
    /// TCP of the pair.
    pub pair_tcp: Config,
    /// TCP of the peer.
    pub peer_tcp: Config,
    /// Bounds and times of the nodes.
    pub limits: NodeLimits,
}

impl Default for Scenario {
    fn default() -> Self {
        Scenario {
            seed: 0,
            octets: 200_000,
            per_turn: 8_000,
            salt: 1,
            clients: 1,
            loss: 0,
            family: Family::V4,
            opener: Opener::Peer,
            protection: Some(Protection::default()),
            message: 0,
            node_state: false,
            keepalive: None,
            stacks: Stacks::Engine,
            wraps: false,
            says: Says::Twisted,
            signing: Signing::None,
            pair_tcp: Config {
                gather_acks: true,
                ..Config::default()
            },
            peer_tcp: Config::default(),
            limits: NodeLimits::default(),
        }
    }
}

impl Scenario {
    /// Socket of the pair's service.
    pub fn pair_socket(&self) -> SocketAddr {
        SocketAddr::new(self.family.pair(), PORT)
    }

    /// Socket of the peer's service.
    pub fn peer_socket(&self) -> SocketAddr {
        SocketAddr::new(self.family.peer(), PORT)
    }

    /// Options of the service's connections.
    pub fn options(&self) -> ConnectionOptions {
        ConnectionOptions {
            keepalive: self.keepalive,
            ..ConnectionOptions::default()
        }
    }

    /// Octets of the answer once `read` octets were dealt with.
    pub fn answered(&self, read: u64) -> u64 {
        match self.says {
            Says::Twisted => read,
            Says::Little => read / LITTLE,
            Says::Much => read * MUCH,
        }
    }

    /// What the service says to `octets`, which end at `read`, where it has said `sent` octets before.
    pub(super) fn answer(&self, octets: &[u8], read: u64, sent: u64) -> Vec<u8> {
        let mut answer = match self.says {
            Says::Twisted => octets.to_vec(),
            _ => self.text(sent, (self.answered(read) - sent) as usize),
        };
        answer.iter_mut().for_each(|octet| *octet ^= TWIST);
        answer
    }

    /// The octet of a client's stream at `offset`.
    pub fn octet(&self, offset: u64) -> u8 {
        text::octet(self.salt, offset)
    }

    /// The octets of a client's stream from `offset` on.
    pub fn text(&self, offset: u64, len: usize) -> Vec<u8> {
        text::text(self.salt, offset, len)
    }
}
