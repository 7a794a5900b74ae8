//! What travels of a connection: values of variables, and no octet of the stream.
//!
//! Each struct is plain data of one concern and is the very part of the live connection
//! that must survive. Sequence positions are 64 bits wide: SYN is 0, the first octet 1;
//! moments are in the time domain of the engine that took the snapshot.
//!
//! Dropped, because the peer still holds what was not acknowledged: SACK scoreboard, records
//! of the segments on the way and loss recovery, out-of-order queue, a pending delayed ACK.

use crate::auth::AuthState;
use crate::config::ConnectionOptions;
use crate::four_tuple::FourTuple;
use crate::seq::SeqNum;
use crate::state::{Opener, State};
use crate::time::Instant;
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// The replicable state of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionState {
    /// What is fixed once the handshake is over.
    pub identity: IdentityState,
    /// Where in its life it is.
    pub lifecycle: LifecycleState,
    /// Send sequence variables.
    pub send: SendState,
    /// Receive sequence variables.
    pub recv: RecvState,
    /// Round-trip time and timestamps sent.
    pub rtt: RttState,
    /// Congestion control.
    pub congestion: CongestionState,
    /// Deadlines.
    pub timers: TimersState,
    /// Signatures and TTL security.
    pub auth: AuthState,
}

/// Who the ends are and what they agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityState {
    /// Both sockets.
    pub tuple: FourTuple,
    /// Who opened it.
    pub opener: Opener,
    /// Initial send sequence number.
    pub iss: SeqNum,
    /// Initial receive sequence number; 0 until the peer's SYN is seen.
    pub irs: SeqNum,
    /// MSS that we announced.
    pub our_mss: u16,
    /// MSS that the peer announced, or the default.
    pub peer_mss: u16,
    /// Shift of the windows we announce; 0 where scaling was not agreed on.
    pub rcv_wscale: u8,
    /// Shift of the windows the peer announces; 0 where scaling was not agreed on.
    pub snd_wscale: u8,
    /// Window scaling is offered (before) or agreed on (after the handshake).
    pub window_scaling: bool,
    /// SACK is offered (before) or agreed on (after the handshake).
    pub sack_permitted: bool,
    /// Timestamps are offered (before) or agreed on (after the handshake).
    pub timestamps: bool,
    /// What is added to the millisecond clock to make a TSval.
    pub timestamp_offset: u32,
    /// What the user chose.
    pub options: ConnectionOptions,
}

/// Where in its life the connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifecycleState {
    /// State of RFC 9293.
    pub state: State,
    /// The user has closed for sending (`close`).
    pub user_closed: bool,
    /// Our FIN has been sent.
    pub fin_sent: bool,
    /// Our FIN has been acknowledged.
    pub fin_acked: bool,
    /// The peer's FIN has been received in order.
    pub fin_received: bool,
    /// The user is gone, and the connection finishes by itself: READ as he left it, behind which
    /// everything is discarded.
    pub orphaned: Option<u64>,
    /// A field of the trial version 2 of the records: carried, and otherwise of no effect.
    #[cfg(feature = "schema-v2")]
    pub trial: u32,
}

/// Send sequence variables (RFC 9293 3.3.1). Positions count from our SYN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendState {
    /// SND.UNA: oldest unacknowledged position.
    pub una: u64,
    /// SND.MAX: end of what was ever sent. Retransmissions move nothing, so it is SND.NXT as well.
    pub max: u64,
    /// End of the buffered octets, and the position of our FIN once the user closed.
    pub end: u64,
    /// SND.WND in octets, scaled.
    pub wnd: u64,
    /// SND.WL1: the peer's position that last updated the window.
    pub wl1: u64,
    /// SND.WL2: our position that last updated the window.
    pub wl2: u64,
    /// MAX.SND.WND: the largest window seen.
    pub max_wnd: u64,
    /// End of the last segment that was smaller than a full one (Minshall's Nagle).
    pub small: u64,
    /// Largest IP packet of the path.
    pub path_mtu: u16,
}

/// Receive sequence variables (RFC 9293 3.3.1). Positions count from the peer's SYN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecvState {
    /// RCV.NXT: next position expected.
    pub nxt: u64,
    /// SAFE: positions before it may be acknowledged.
    pub safe: u64,
    /// READ: octets before it were consumed by the user.
    pub read: u64,
    /// Right edge of the window as last announced; it never moves left.
    pub right_edge: u64,
    /// Last.ACK.sent of RFC 7323.
    pub last_ack_sent: u64,
    /// TS.Recent of RFC 7323.
    pub ts_recent: u32,
    /// When `ts_recent` was set.
    pub ts_recent_at: Instant,
}

/// Round-trip time (RFC 6298) and the timestamps sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RttState {
    /// SRTT, once measured.
    pub srtt: Option<Duration>,
    /// RTTVAR: mean deviation of the samples.
    pub rttvar: Duration,
    /// The variance term of the RTO: the peak of 4 RTTVAR, which decays once a round trip.
    pub variance: Duration,
    /// The peak of the round trip at hand.
    pub variance_peak: Duration,
    /// Position whose acknowledgement ends that round trip.
    pub round_end: u64,
    /// RTO without backoff.
    pub rto: Duration,
    /// The newest TSval sent; the next is never older.
    pub tsval_sent: u32,
    /// Echoes older than this TSval make no sample (set at takeover).
    pub tsecr_floor: Option<u32>,
}

/// Congestion control (RFC 5681, RFC 9438), in segments. What is lost and what is being
/// repaired does not travel: a survivor finds out anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CongestionState {
    /// Congestion window.
    pub cwnd: u32,
    /// Slow start threshold.
    pub ssthresh: u32,
    /// CUBIC's W_max: the window before the last reduction; 0 where there was none.
    pub w_max: u32,
}

/// Deadlines, `None` where not running, and how often each has fired in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimersState {
    /// Retransmission timer.
    pub retransmit: Option<Instant>,
    /// Retransmission timeouts in a row.
    pub retransmits: u8,
    /// Persist timer: zero-window probes, silly-window override.
    pub persist: Option<Instant>,
    /// Persist timeouts in a row.
    pub persists: u8,
    /// Keepalive timer.
    pub keepalive: Option<Instant>,
    /// Keepalive probes unanswered.
    pub keepalives: u8,
    /// End of TIME-WAIT or of FIN-WAIT-2, of an opening that may take only so long, or of what
    /// the user left behind.
    pub linger: Option<Instant>,
    /// When a larger path MTU is tried.
    pub path: Option<Instant>,
    /// When the peer last made progress: since then data may have been unacknowledged.
    pub progress_at: Instant,
    /// When data was last sent (RFC 5681 4.1).
    pub sent_at: Instant,
}

/// Parts of a checkpoint that may have changed. Whoever records changes needs no copy of them to compare with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touched {
    /// `ConnectionState::identity`.
    pub identity: bool,
    /// `ConnectionState::rtt`.
    pub rtt: bool,
}

impl ConnectionState {
    /// The same state told in a time domain in which `from` is called `to`.
    pub fn rebased(&self, from: Instant, to: Instant) -> ConnectionState {
        let shift = |moment: Instant| moment.rebased(from, to);
        let TimersState {
            retransmit,
            retransmits,
            persist,
            persists,
            keepalive,
            keepalives,
            linger,
            path,
            progress_at,
            sent_at,
        } = self.timers;
        let mut state = *self;
        state.recv.ts_recent_at = shift(self.recv.ts_recent_at);
        state.timers = TimersState {
            retransmit: retransmit.map(shift),
            retransmits,
            persist: persist.map(shift),
            persists,
            keepalive: keepalive.map(shift),
            keepalives,
            linger: linger.map(shift),
            path: path.map(shift),
            progress_at: shift(progress_at),
            sent_at: shift(sent_at),
        };
        // A TSval is clock plus offset, so the offset takes up the shift; resume makes it
        // go on from `tsval_sent` in any case.
        state.identity.timestamp_offset = self
            .identity
            .timestamp_offset
            .wrapping_add(from.as_millis() as u32)
            .wrapping_sub(to.as_millis() as u32);
        state
    }
}
