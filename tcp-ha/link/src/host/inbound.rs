//! What a frame turns out to be.

use core::net::{IpAddr, SocketAddr};

/// What came of a frame that was not dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inbound<'f> {
    /// A TCP segment for one of our addresses; its checksum is not looked at yet.
    Segment {
        /// Source address.
        src: IpAddr,
        /// Destination address: ours.
        dst: IpAddr,
        /// TTL or hop limit as received (RFC 5082).
        hop_limit: u8,
        /// TCP header and payload, without link padding.
        segment: &'f [u8],
    },
    /// ARP, neighbour discovery, echo: dealt with here; answers are in the sink.
    Handled,
    /// ICMP says that a segment of ours did not arrive.
    Unreachable(Unreachable),
    /// Somebody else speaks as the owner of our address: the other route processor, or a misconfigured host. Re-read the
    /// register; never defend.
    ForeignAnnouncement {
        /// Which of our addresses.
        address: IpAddr,
    },
}

/// An ICMP error about a TCP segment with one of our addresses as its source (RFC 792, RFC 4443).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreachable {
    /// Our end, as in the embedded header.
    pub local: SocketAddr,
    /// The other end.
    pub remote: SocketAddr,
    /// SEG.SEQ of the embedded header: believe nothing that is not in SND.UNA..SND.MAX (RFC 5927 4.1).
    pub seq: u32,
    /// What is said.
    pub code: UnreachableCode,
}

/// Meaning of an ICMP error, over both families.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnreachableCode {
    /// No route to the network, or beyond scope of the source.
    Network,
    /// The host does not answer.
    Host,
    /// The host knows no TCP.
    Protocol,
    /// Nobody listens.
    Port,
    /// The packet is too long for a link on the path.
    PacketTooBig {
        /// MTU of that link in octets; 0 if the router did not say (before RFC 1191).
        mtu: u32,
    },
    /// Filtered by administration.
    Prohibited,
    /// TTL or hop limit ran out on the way.
    HopLimitExceeded,
    /// Any other code of *destination unreachable*.
    Other(u8),
}
