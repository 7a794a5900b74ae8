//! What the engine counts.

use core::fmt;

macro_rules! drop_reasons {
    ($($(#[$doc:meta])* $name:ident => $text:literal,)*) => {
        /// Why an arriving segment, or part of it, was not used. Never an error: peers
        /// and networks do such things.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum DropReason { $($(#[$doc])* $name,)* }

        impl DropReason {
            /// Every reason, in the order of their counters.
            pub const ALL: &'static [DropReason] = &[$(DropReason::$name,)*];

            /// Short name in snake case, as it stands in status and logs.
            pub fn as_str(self) -> &'static str {
                match self { $(DropReason::$name => $text,)* }
            }
        }
    };
}

drop_reasons! {
    /// Shorter than its header says, or than a header can be.
    Malformed => "malformed",
    /// The checksum is wrong.
    BadChecksum => "bad_checksum",
    /// Source or destination can have no connection (multicast, port 0, ...).
    BadAddress => "bad_address",
    /// Belongs to no connection and no listener.
    NoConnection => "no_connection",
    /// `Config::max_half_open` or the listener's backlog is reached.
    HalfOpenFull => "half_open_full",
    /// As many connections as the listener's backlog wait for their user.
    AcceptQueueFull => "accept_queue_full",
    /// `Config::max_connections` is reached.
    ConnectionsFull => "connections_full",
    /// TTL or hop limit below what is asked of the peer (RFC 5082).
    HopLimit => "hop_limit",
    /// Not signed, from a peer with a key.
    MissingSignature => "missing_signature",
    /// Signed in another way than its peer's key is for, or with a wrong signature.
    BadSignature => "bad_signature",
    /// Signed, from a peer without a key.
    UnexpectedSignature => "unexpected_signature",
    /// TCP-AO with a KeyID that is not in the peer's chain.
    UnknownKey => "unknown_key",
    /// Outside of the receive window (RFC 9293 3.10.7.4, first step).
    OutOfWindow => "out_of_window",
    /// Timestamp too old (RFC 7323 section 5).
    Paws => "paws",
    /// No timestamp on a connection that agreed on them (RFC 7323 3.2).
    MissingTimestamp => "missing_timestamp",
    /// RST in the window but not at RCV.NXT (RFC 5961 3.2).
    ChallengedReset => "challenged_reset",
    /// RST whose sequence number or acknowledgement fits nothing.
    StrayReset => "stray_reset",
    /// SYN in a synchronized state (RFC 5961 4.2).
    UnexpectedSyn => "unexpected_syn",
    /// No ACK bit where there must be one.
    MissingAck => "missing_ack",
    /// Acknowledges what was never sent.
    AckTooNew => "ack_too_new",
    /// Acknowledges what is older than the largest window (RFC 5961 5.2).
    AckTooOld => "ack_too_old",
    /// All of its octets had come before.
    Duplicate => "duplicate",
    /// Octets beyond the receive buffer's hard bound.
    BufferFull => "buffer_full",
    /// More out-of-order ranges than `Config::max_reassembly_ranges`.
    ReassemblyFull => "reassembly_full",
    /// Octets behind the peer's FIN, or in a state that takes none.
    UnexpectedText => "unexpected_text",
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Sums over the life of the engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Segments handed in.
    pub segments_in: u64,
    /// Segments built.
    pub segments_out: u64,
    /// Segments that carried octets or a SYN or FIN that had been sent before.
    pub retransmits: u64,
    /// Retransmission timeouts.
    pub timeouts: u64,
    /// Recoveries started by duplicate or selective acknowledgements.
    pub fast_recoveries: u64,
    /// Tail loss probes sent.
    pub tail_loss_probes: u64,
    /// Recoveries and timeouts that proved needless and were taken back.
    pub spurious_recoveries: u64,
    /// Zero-window probes sent.
    pub window_probes: u64,
    /// Keepalive probes sent.
    pub keepalive_probes: u64,
    /// RSTs sent.
    pub resets_out: u64,
    /// Challenge ACKs sent, and answers to unacceptable segments.
    pub challenge_acks: u64,
    /// Segments not sent because the key of the connection was taken away.
    pub unsigned_held: u64,
    /// Answers held back by a rate limit.
    pub rate_limited: u64,
    /// Connections opened by us.
    pub active_opens: u64,
    /// Connections opened by a peer.
    pub passive_opens: u64,
    /// SYN-ACKs sent that hold everything in a cookie, since no half-open connection was free.
    pub cookies_out: u64,
    /// Connections made of a cookie.
    pub cookies_taken: u64,
    /// Connections reset because their user was gone and `Config::max_orphans` was reached.
    pub orphans_dropped: u64,
    /// Connections in TIME-WAIT deleted before their time, since `Config::max_connections` was
    /// reached.
    pub time_waits_given_up: u64,
    /// ICMP errors that were about nothing on the way (RFC 5927).
    pub icmp_ignored: u64,
    /// Connections taken up from a checkpoint.
    pub restored: u64,
    drops: [u64; DropReason::ALL.len()],
}

impl Counters {
    /// How often this was the reason.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.drops[reason as usize]
    }

    /// Every reason with its count, in a fixed order.
    pub fn drops(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        DropReason::ALL.iter().map(|&r| (r, self.dropped(r)))
    }

    pub(crate) fn count_drop(&mut self, reason: DropReason) {
        self.drops[reason as usize] += 1;
    }
}
