//! The pair of sockets that names a connection on the wire.

use core::fmt;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

/// Local and remote socket of a connection, both of one address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FourTuple {
    /// Our socket.
    pub local: SocketAddr,
    /// The peer's socket.
    pub remote: SocketAddr,
}

impl FourTuple {
    /// True where both sockets are of one family and could name a connection: no
    /// unspecified or multicast address, no port 0.
    pub fn is_valid(&self) -> bool {
        self.local.is_ipv4() == self.remote.is_ipv4()
            && [self.local, self.remote].iter().all(|socket| {
                let ip = socket.ip();
                socket.port() != 0 && !ip.is_unspecified() && !is_group(ip)
            })
    }

    /// Octets of the IP header in front of each segment, without options.
    pub(crate) fn ip_header_len(&self) -> u16 {
        if self.local.is_ipv4() { 20 } else { 40 }
    }
}

/// Broadcast and multicast addresses never take part in a connection (RFC 9293 MUST-57).
pub(crate) fn is_group(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.is_multicast() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_multicast(),
    }
}

impl fmt::Display for FourTuple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} <-> {}", self.local, self.remote)
    }
}
