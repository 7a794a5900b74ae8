//! What may be chosen, and its bounds.

use core::time::Duration;
use serde::{Deserialize, Serialize};

/// Settings of an engine. Out-of-range values are moved to the nearest bound by
/// `Engine::new`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Octets a connection may hold that the peer has not acknowledged. 2 KiB to 1 GiB.
    pub send_capacity: usize,
    /// Octets the peer may send ahead of READ; the window scale follows from it.
    /// 2 KiB to 1 GiB.
    pub receive_capacity: usize,
    /// Connections in any state. At least 1. Where a new one finds no room, the oldest in
    /// TIME-WAIT is given up for it.
    pub max_connections: usize,
    /// Connections in SYN-RECEIVED that a listener opened. Beyond it nothing is
    /// kept of a SYN: see `syn_cookies`. At least 1.
    pub max_half_open: usize,
    /// Out-of-order ranges kept per connection. 1 to 1024.
    pub max_reassembly_ranges: usize,
    /// Smallest variance term of the RTO: RTO = SRTT + max(min_rto, 4 RTTVAR)
    /// (the variance decays slowly, as Linux has it).
    ///
    /// The default is 200 ms, not the 1 s of RFC 6298: peers delay acknowledgements by
    /// at most 200 ms (Linux, the BSDs), so a timeout before SRTT + 200 ms could be
    /// spurious and a later one only costs time. 1 ms to 10 s.
    pub min_rto: Duration,
    /// Largest RTO and persist interval, RFC 6298 (2.5). 1 s to 1 h.
    pub max_rto: Duration,
    /// RTO before the first sample, RFC 6298 (2.1). 10 ms to 10 s.
    pub initial_rto: Duration,
    /// How long an acknowledgement may wait for company (RFC 9293 MUST-40: below
    /// 500 ms). 0 acknowledges at once.
    pub delayed_ack: Duration,
    /// How long an ACK that is due waits for a mark of its own accord (`ReceiveMode::Marked`,
    /// segments in order) before the caller is asked for one. At most 100 ms; 0 asks at once.
    pub mark_patience: Duration,
    /// ACKs that say no more than that octets came in order, were marked or were read wait for `Engine::acknowledge_gathered`, which
    /// the caller then calls at the end of each of its turns.
    pub gather_acks: bool,
    /// Let the congestion window shrink while nothing is sent (RFC 5681 4.1, RFC 2861).
    pub restart_after_idle: bool,
    /// Segments sent together of which the last has PSH, at least (where the window allows
    /// for twice as many). 1 to 64.
    pub min_burst: u32,
    /// Maximum segment lifetime; TIME-WAIT lasts two of them.
    pub msl: Duration,
    /// Silence of the peer after which FIN-WAIT-2 is given up; its whole length where the user
    /// is gone.
    pub fin_wait_2_limit: Duration,
    /// Retransmissions of a SYN before the opening is given up; the default waits for three
    /// minutes (RFC 9293 MUST-23).
    pub syn_retries: u8,
    /// Retransmissions of a SYN-ACK before a half-open connection is dropped.
    pub syn_ack_retries: u8,
    /// Retransmissions of anything else before the connection is given up (R2 of
    /// RFC 9293 3.8.3).
    pub max_retransmits: u8,
    /// Retransmissions and probes of a connection whose user is gone, before it is given up.
    pub orphan_retries: u8,
    /// Connections whose user is gone, TIME-WAIT not counted; one more is reset.
    pub max_orphans: usize,
    /// Answer SYNs beyond `max_half_open` and the backlogs with cookies: nothing is kept of
    /// them, and the ACK that brings one back makes the connection (RFC 4987 3.6).
    pub syn_cookies: bool,
    /// Largest IP packet of the link. 576 to 65,535 (IPv6 needs 1,280).
    pub mtu: u16,
    /// Offer RFC 7323 timestamps.
    pub timestamps: bool,
    /// Offer RFC 2018 selective acknowledgements.
    pub sack: bool,
    /// Offer RFC 7323 window scaling.
    pub window_scaling: bool,
    /// Verify the checksum of arriving segments; off where the device has done it.
    pub verify_checksum: bool,
    /// Leave the checksum of segments to the device that sends them (`SegmentBuffer`).
    pub leave_checksum: bool,
    /// Hand out runs of full segments as one super-segment of up to 64 KiB, which whoever sends
    /// it cuts (`SegmentBuffer::cut`). Signed connections never do.
    pub super_segments: bool,
    /// Answer segments that belong to no connection with RST (RFC 9293 3.10.7.1).
    pub answer_unknown: bool,
    /// RSTs per second for segments that belong to no connection.
    pub resets_per_second: u32,
    /// Challenge ACKs (RFC 5961) and answers to unacceptable segments without text, per
    /// second and connection.
    pub challenge_acks_per_second: u32,
    /// First ephemeral port.
    pub ephemeral_first: u16,
    /// Last ephemeral port.
    pub ephemeral_last: u16,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            send_capacity: 1 << 20,
            receive_capacity: 1 << 20,
            max_connections: 16_384,
            max_half_open: 1_024,
            max_reassembly_ranges: 128,
            min_rto: Duration::from_millis(200),
            max_rto: Duration::from_secs(60),
            initial_rto: Duration::from_secs(1),
            delayed_ack: Duration::from_millis(40),
            mark_patience: Duration::ZERO,
            gather_acks: false,
            restart_after_idle: true,
            min_burst: 2,
            msl: Duration::from_secs(30),
            fin_wait_2_limit: Duration::from_secs(120),
            syn_retries: 7,
            syn_ack_retries: 5,
            max_retransmits: 15,
            orphan_retries: 8,
            max_orphans: 4_096,
            syn_cookies: true,
            mtu: 1_500,
            timestamps: true,
            sack: true,
            window_scaling: true,
            verify_checksum: true,
            leave_checksum: false,
            super_segments: false,
            answer_unknown: true,
            resets_per_second: 200,
            challenge_acks_per_second: 10,
            ephemeral_first: 32_768,
            ephemeral_last: 60_999,
        }
    }
}

impl Config {
    /// The same settings with every value inside its bounds.
    pub fn bounded(mut self) -> Config {
        const CAPACITY: (usize, usize) = (2 << 10, 1 << 30);
        self.send_capacity = self.send_capacity.clamp(CAPACITY.0, CAPACITY.1);
        self.receive_capacity = self.receive_capacity.clamp(CAPACITY.0, CAPACITY.1);
        self.max_connections = self.max_connections.max(1);
        self.max_half_open = self.max_half_open.max(1);
        self.max_reassembly_ranges = self.max_reassembly_ranges.clamp(1, 1_024);
        let millis = Duration::from_millis;
        self.min_rto = self.min_rto.clamp(millis(1), millis(10_000));
        self.max_rto = self.max_rto.clamp(millis(1_000), millis(3_600_000));
        self.initial_rto = self.initial_rto.clamp(millis(10), millis(10_000));
        self.delayed_ack = self.delayed_ack.min(millis(500));
        self.mark_patience = self.mark_patience.min(millis(100));
        self.mtu = self.mtu.max(576);
        self.min_burst = self.min_burst.clamp(1, 64);
        if self.ephemeral_first == 0 || self.ephemeral_first > self.ephemeral_last {
            (self.ephemeral_first, self.ephemeral_last) = (32_768, 60_999);
        }
        self
    }
}

/// What a user may choose for one connection, or for all that a listener accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionOptions {
    /// Send small segments at once: Nagle's algorithm off.
    pub nodelay: bool,
    /// Probe a silent peer.
    pub keepalive: Option<KeepaliveConfig>,
    /// Differentiated services code point of every segment, 6 bits (CS6 is 48).
    pub dscp: u8,
    /// TTL or hop limit of every segment.
    pub hop_limit: u8,
    /// Drop segments of the peer with a smaller TTL or hop limit (RFC 5082); 0 takes any.
    pub min_hop_limit: u8,
    /// When received octets may be acknowledged.
    pub receive_mode: ReceiveMode,
    /// Give the connection up when data stays unacknowledged for so long (RFC 9293
    /// MUST-21). `None`: the number of retransmissions decides.
    pub user_timeout: Option<Duration>,
    /// Give an active open up when it takes longer. `None`: `Config::syn_retries` decides.
    pub connect_timeout: Option<Duration>,
    /// What becomes of octets that are not delivered when the user is gone (`abandon`).
    /// `None`: they are delivered in the background, within the bounds of an orphan. Zero: the
    /// connection is reset at once. Else: it is reset after so long.
    pub linger: Option<Duration>,
    /// Largest segment to announce and to send, in octets of text and options (RFC 9293
    /// 3.7.1). At least 88.
    pub max_segment: Option<u16>,
    /// How the congestion window grows and shrinks.
    pub congestion: CongestionAlgorithm,
}

/// How the congestion window grows and shrinks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum CongestionAlgorithm {
    /// CUBIC (RFC 9438), with HyStart.
    #[default]
    Cubic,
    /// Reno (RFC 5681).
    Reno,
}

impl Default for ConnectionOptions {
    fn default() -> ConnectionOptions {
        ConnectionOptions {
            nodelay: false,
            keepalive: None,
            dscp: 0,
            hop_limit: 64,
            min_hop_limit: 0,
            receive_mode: ReceiveMode::Logged,
            user_timeout: None,
            connect_timeout: None,
            linger: None,
            max_segment: None,
            congestion: CongestionAlgorithm::default(),
        }
    }
}

/// When a silent peer is probed (RFC 9293 3.8.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeepaliveConfig {
    /// Silence before the first probe.
    pub idle: Duration,
    /// Time between probes.
    pub interval: Duration,
    /// Unanswered probes after which the connection is given up.
    pub probes: u8,
}

impl Default for KeepaliveConfig {
    fn default() -> KeepaliveConfig {
        KeepaliveConfig {
            idle: Duration::from_secs(7_200),
            interval: Duration::from_secs(75),
            probes: 9,
        }
    }
}

/// Up to where received octets are acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReceiveMode {
    /// SAFE is always RCV.NXT: the caller records octets in the batch they came in.
    Logged,
    /// The caller moves SAFE with `make_safe`, and the ACK field is SAFE.
    Marked,
}
