//! Options of a living connection, one call each. They are replicated with the connection; a call that comes after its end is void.

use crate::command::Command;
use crate::handle::StreamHandle;
use core::time::Duration;
use tcp_ha_engine::{ConnectionOptions, KeepaliveConfig};

/// One option and its new value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    NoDelay(bool),
    Keepalive(Option<KeepaliveConfig>),
    UserTimeout(Option<Duration>),
    Linger(Option<Duration>),
    Dscp(u8),
    HopLimit(u8),
    MinHopLimit(u8),
    MaxSegment(Option<u16>),
}

impl Change {
    pub(crate) fn apply(self, options: &mut ConnectionOptions) {
        match self {
            Change::NoDelay(on) => options.nodelay = on,
            Change::Keepalive(keepalive) => options.keepalive = keepalive,
            Change::UserTimeout(limit) => options.user_timeout = limit,
            Change::Linger(linger) => options.linger = linger,
            Change::Dscp(dscp) => options.dscp = dscp,
            Change::HopLimit(limit) => options.hop_limit = limit,
            Change::MinHopLimit(least) => options.min_hop_limit = least,
            Change::MaxSegment(most) => options.max_segment = most,
        }
    }
}

impl StreamHandle {
    fn change(&self, change: Change) {
        let id = self.id();
        self.commands.call(Command::Change { id, change });
    }

    /// Sends small segments at once: Nagle's algorithm off (RFC 9293 3.7.4).
    pub fn set_nodelay(&self, on: bool) {
        self.change(Change::NoDelay(on));
    }

    /// Probes a silent peer (RFC 9293 3.8.4); `None`: does not.
    pub fn set_keepalive(&self, keepalive: Option<KeepaliveConfig>) {
        self.change(Change::Keepalive(keepalive));
    }

    /// Gives the connection up when data stays unacknowledged for so long (RFC 5482, the local part).
    pub fn set_user_timeout(&self, limit: Option<Duration>) {
        self.change(Change::UserTimeout(limit));
    }

    /// What becomes of undelivered octets when the stream is dropped. `None`: they are delivered in the background. Zero: dropping
    /// resets the connection. Else: it is reset after so long.
    pub fn set_linger(&self, linger: Option<Duration>) {
        self.change(Change::Linger(linger));
    }

    /// Differentiated services code point of every segment from now on, 6 bits.
    pub fn set_dscp(&self, dscp: u8) {
        self.change(Change::Dscp(dscp));
    }

    /// TTL or hop limit of every segment from now on.
    pub fn set_hop_limit(&self, limit: u8) {
        self.change(Change::HopLimit(limit));
    }

    /// Drops segments that arrive with a smaller TTL or hop limit (RFC 5082); 0 takes all.
    pub fn set_min_hop_limit(&self, least: u8) {
        self.change(Change::MinHopLimit(least));
    }

    /// Sends no larger segments from now on, in octets of text and options. What was announced to the peer stays.
    pub fn set_max_segment(&self, most: Option<u16>) {
        self.change(Change::MaxSegment(most));
    }
}
