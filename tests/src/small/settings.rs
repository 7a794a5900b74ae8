//! What may be chosen.

/// Settings of a small TCP; times in microseconds.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Octets that may be received and not read.
    pub capacity: u64,
    /// Octets that may wait to be acknowledged.
    pub room: usize,
    /// Largest IP packet.
    pub mtu: u16,
    /// Timestamps are offered (RFC 7323).
    pub timestamps: bool,
    /// Selective acknowledgements are offered (RFC 2018).
    pub sack: bool,
    /// The shift of our windows, where scaling is offered (RFC 7323).
    pub scale: Option<u8>,
    /// The retransmission timeout, which never changes.
    pub rto_us: u64,
    /// How long an acknowledgement waits for company; 0 acknowledges at once.
    pub delayed_ack_us: u64,
    /// Twice the maximum segment lifetime.
    pub time_wait_us: u64,
    /// The octets that the other side must say.
    pub expected: Expected,
    /// Where initial sequence numbers begin.
    pub isn: u32,
    /// They begin so that they soon go round instead.
    pub wraps: bool,
}

/// The stream that the other side must say: what it has at an offset is known, however often it comes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Expected {
    /// See `Scenario::salt`.
    pub salt: u8,
    /// What lies over it.
    pub twist: u8,
}
