//! What the host layer counts.

use core::fmt;

/// Declares [`DropReason`] with a name for each, so that no list of them can miss one.
macro_rules! drop_reasons {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// Why a frame, or a packet on its way out, went no further. Each has its counter.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum DropReason {
            $($(#[$doc])* $variant,)*
        }

        impl DropReason {
            /// All reasons, in the order of declaration.
            pub const ALL: &'static [DropReason] = &[$(DropReason::$variant,)*];

            /// The name under which it is counted and logged.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(DropReason::$variant => $name,)*
                }
            }
        }
    };
}

drop_reasons! {
    /// Shorter than its headers say or need.
    Truncated = "truncated",
    /// Neither ARP nor IPv4 nor IPv6 (VLAN tags, LLDP, spanning tree).
    UnknownEtherType = "unknown_ether_type",
    /// For another station; seen because the bridge flooded it or the interface is promiscuous.
    NotOurLinkAddress = "not_our_link_address",
    /// The sender's link address is a group address.
    BadLinkSource = "bad_link_source",
    /// Sent to a link-layer group, though its content is for one host (RFC 1122 3.3.6, RFC 9293 MUST-57).
    LinkBroadcast = "link_broadcast",
    /// The IP version differs from the EtherType, or the header contradicts itself.
    MalformedIp = "malformed_ip",
    /// IPv4 header checksum.
    BadIpChecksum = "bad_ip_checksum",
    /// Fragments are not reassembled.
    IpFragment = "ip_fragment",
    /// Not for an address of ours.
    NotOurAddress = "not_our_address",
    /// No host can have this source address: multicast, broadcast, loopback, unspecified.
    BadSource = "bad_source",
    /// The source address is ours.
    OwnSource = "own_source",
    /// Neither TCP nor ICMP.
    UnknownProtocol = "unknown_protocol",
    /// IPv6 extension header that is malformed, unknown, or asks for forwarding.
    ExtensionHeader = "extension_header",
    /// ICMP message that contradicts itself.
    MalformedIcmp = "malformed_icmp",
    /// ICMP checksum.
    BadIcmpChecksum = "bad_icmp_checksum",
    /// ICMP of a type that a host without routes and groups needs not.
    UnsupportedIcmp = "unsupported_icmp",
    /// ICMP error about something that is no TCP segment of ours.
    IcmpNotOurs = "icmp_not_ours",
    /// ARP packet that is not Ethernet and IPv4, or with an impossible sender.
    MalformedArp = "malformed_arp",
    /// ARP between others.
    ArpNotOurs = "arp_not_ours",
    /// ARP reply or announcement of a neighbour with whom we have no business.
    ArpUnsolicited = "arp_unsolicited",
    /// Neighbour discovery message that RFC 4861 7.1 calls invalid.
    MalformedNdisc = "malformed_ndisc",
    /// Neighbour discovery with a hop limit below 255: it came from beyond the segment.
    NdiscHopLimit = "ndisc_hop_limit",
    /// Neighbour solicitation between others.
    NdiscNotOurs = "ndisc_not_ours",
    /// Neighbour advertisement of a neighbour with whom we have no business.
    NdiscUnsolicited = "ndisc_unsolicited",
    /// Outgoing: the source is not ours, or there is no way to the destination.
    NoRoute = "no_route",
    /// Outgoing: longer than the MTU.
    TooLong = "too_long",
    /// Outgoing: the next hop answered none of the solicitations.
    NeighbourUnreachable = "neighbour_unreachable",
    /// Outgoing: as many packets wait for link addresses as may.
    PendingOverflow = "pending_overflow",
    /// The neighbour table is full of better entries.
    NeighbourTableFull = "neighbour_table_full",
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Counters of a host since its start. They wrap at 2^64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames seen.
    pub frames_in: u64,
    /// TCP segments handed up.
    pub segments_in: u64,
    /// TCP segments put into frames.
    pub segments_out: u64,
    /// Echo requests answered.
    pub echo_answered: u64,
    /// ARP requests answered.
    pub arp_answered: u64,
    /// Neighbour solicitations answered.
    pub ndisc_answered: u64,
    /// ARP requests and neighbour solicitations sent.
    pub solicitations_sent: u64,
    /// Gratuitous ARP packets and unsolicited neighbour advertisements sent.
    pub announcements_sent: u64,
    /// Announcements of our addresses by somebody else.
    pub foreign_announcements: u64,
    /// ICMP errors handed up.
    pub unreachable_in: u64,
    /// Link addresses learned or changed.
    pub neighbours_learned: u64,
    /// Neighbours that made room for others.
    pub neighbours_evicted: u64,
    drops: Drops,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Drops([u64; DropReason::ALL.len()]);

impl Default for Drops {
    fn default() -> Drops {
        Drops([0; DropReason::ALL.len()])
    }
}

impl Counters {
    /// How often something was dropped for `reason`.
    #[must_use]
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.drops.0[reason as usize]
    }

    /// Every drop counter that is not zero, by name.
    pub fn drops(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        DropReason::ALL
            .iter()
            .map(|&reason| (reason, self.dropped(reason)))
            .filter(|&(_, count)| count > 0)
    }

    pub(super) fn drop(&mut self, reason: DropReason) {
        self.drop_many(reason, 1);
    }

    pub(super) fn drop_many(&mut self, reason: DropReason, count: u64) {
        let counter = &mut self.drops.0[reason as usize];
        *counter = counter.wrapping_add(count);
    }
}
