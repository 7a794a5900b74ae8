//! A connection as status shows it.

use crate::auth::Signing;
use crate::connection::Connection;
use crate::four_tuple::FourTuple;
use crate::ids::ConnectionId;
use crate::recovery::Phase as RecoveryPhase;
use crate::state::{Opener, State};
use crate::tally::Tally;
use crate::time::Instant;
use crate::unreachable::Unreachable;
use core::time::Duration;
use serde::Serialize;

/// What is worth knowing of one connection. Offsets are stream offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ConnectionInfo {
    /// Its name.
    pub id: ConnectionId,
    /// Its sockets.
    pub tuple: FourTuple,
    /// Its state.
    pub state: State,
    /// Who opened it.
    pub opener: Opener,
    /// SND.UNA: oldest octet that the peer has not acknowledged.
    pub snd_una: u64,
    /// SND.NXT: next octet to be sent. Retransmissions do not move it, so it is SND.MAX.
    pub snd_nxt: u64,
    /// SND.MAX: end of what was ever sent.
    pub snd_max: u64,
    /// End of what the user has written.
    pub snd_end: u64,
    /// SND.WND in octets.
    pub snd_wnd: u64,
    /// RCV.NXT: next octet expected.
    pub rcv_nxt: u64,
    /// READ: octets before it are consumed.
    pub read: u64,
    /// SAFE: octets before it may be acknowledged.
    pub safe: u64,
    /// The right edge of the receive window as last announced.
    pub right_edge: u64,
    /// Octets held out of order.
    pub reassembly: u64,
    /// True once the peer's FIN was received in order.
    pub fin_received: bool,
    /// True once the user closed for sending.
    pub fin_queued: bool,
    /// How its segments are signed, with the key ids in use.
    pub signing: Signing,
    /// Octets of text in a full segment.
    pub mss: u16,
    /// MSS that we announced.
    pub our_mss: u16,
    /// MSS that the peer announced, or the default.
    pub peer_mss: u16,
    /// Largest IP packet of the path, as far as known.
    pub path_mtu: u16,
    /// Shift of the windows that we announce, and of those that the peer announces.
    pub window_scales: (u8, u8),
    /// Timestamps were agreed on.
    pub timestamps: bool,
    /// Selective acknowledgements were agreed on.
    pub sack_permitted: bool,
    /// Smoothed round-trip time, once measured.
    pub srtt: Option<Duration>,
    /// RTTVAR.
    pub rttvar: Duration,
    /// Retransmission timeout, without backoff.
    pub rto: Duration,
    /// Congestion window in segments.
    pub cwnd: u32,
    /// Slow start threshold in segments; 2,147,483,647 before the first loss.
    pub ssthresh: u32,
    /// Octets sent and not acknowledged, a FIN counted.
    pub unacknowledged: u64,
    /// Segments sent and not acknowledged.
    pub unacked: u32,
    /// Of these, SACKed; without SACK, duplicate ACKs counted.
    pub sacked: u32,
    /// Of these, taken for lost.
    pub lost: u32,
    /// Of these, retransmitted and on the way again.
    pub retransmitting: u32,
    /// Largest distance in segments by which one came late; 3 where none did.
    pub reordering: u32,
    /// Times that segments came late.
    pub reordering_seen: u32,
    /// Smallest round-trip time of the last minutes.
    pub min_rtt: Option<Duration>,
    /// Where loss recovery is.
    pub recovery: RecoveryPhase,
    /// Retransmission timeouts in a row.
    pub backoff: u8,
    /// Probes in a row that are not answered: of a shut window, or keepalive.
    pub probes: u8,
    /// When each timer that runs fires.
    pub timers: RunningTimers,
    /// When text was last sent.
    pub sent_at: Instant,
    /// When the peer last made progress, or nothing was waiting for it.
    pub progress_at: Instant,
    /// What the network last said, while nothing has been acknowledged since.
    pub soft_error: Option<Unreachable>,
    /// True where the user is gone and the connection finishes by itself.
    pub orphaned: bool,
    /// Sums.
    pub tally: Tally,
    /// Segments of this connection retransmitted here, since opened or restored.
    pub retransmits: u64,
}

/// When the timers of a connection fire; `None` where one does not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RunningTimers {
    /// Retransmission.
    pub retransmit: Option<Instant>,
    /// Tail loss probe (RFC 8985).
    pub tail_loss_probe: Option<Instant>,
    /// End of the reordering window (RFC 8985).
    pub reordering: Option<Instant>,
    /// Probe of a shut window.
    pub persist: Option<Instant>,
    /// Keepalive.
    pub keepalive: Option<Instant>,
    /// End of TIME-WAIT, of FIN-WAIT-2, of a limited opening or closing.
    pub linger: Option<Instant>,
    /// Delayed acknowledgement.
    pub delayed_ack: Option<Instant>,
    /// Search for a larger path MTU.
    pub path: Option<Instant>,
}

impl Connection {
    /// What status shows.
    pub(crate) fn info(&self) -> ConnectionInfo {
        let (send, recv) = (&self.send, &self.recv);
        let text_end = self.recv_text_end();
        ConnectionInfo {
            id: self.id,
            tuple: self.identity.tuple,
            state: self.state(),
            opener: self.identity.opener,
            snd_una: self.send_offset(send.una),
            snd_nxt: self.send_offset(send.max),
            snd_max: self.send_offset(send.max),
            snd_end: send.end - 1,
            snd_wnd: send.wnd,
            rcv_nxt: text_end - 1,
            read: recv.read - 1,
            safe: recv.safe.min(text_end) - 1,
            right_edge: recv.right_edge - 1,
            reassembly: self.assembler.len(),
            fin_received: self.lifecycle.fin_received,
            fin_queued: self.lifecycle.user_closed,
            signing: self.auth.signing,
            // At most the MTU.
            mss: self.mss() as u16,
            our_mss: self.identity.our_mss,
            peer_mss: self.identity.peer_mss,
            path_mtu: send.path_mtu,
            window_scales: (self.identity.rcv_wscale, self.identity.snd_wscale),
            timestamps: self.identity.timestamps,
            sack_permitted: self.identity.sack_permitted,
            srtt: self.rtt.srtt,
            rttvar: self.rtt.rttvar,
            rto: self.rtt.rto,
            cwnd: self.congestion.cwnd,
            ssthresh: self.congestion.ssthresh,
            unacknowledged: send.max - send.una,
            unacked: self.outstanding.len(),
            sacked: self.outstanding.sacked(),
            lost: self.outstanding.lost(),
            retransmitting: self.outstanding.retransmitted(),
            reordering: self.recovery.rack.reordering,
            reordering_seen: self.recovery.rack.reordering_seen,
            min_rtt: self.recovery.rack.min_rtt(),
            recovery: self.recovery.phase,
            backoff: self.timers.retransmits,
            probes: self.timers.persists.max(self.timers.keepalives),
            timers: self.running_timers(),
            sent_at: self.timers.sent_at,
            progress_at: self.timers.progress_at,
            soft_error: self.passing.soft_error,
            orphaned: self.lifecycle.orphaned.is_some(),
            tally: self.tally,
            retransmits: self.passing.retransmits,
        }
    }

    fn running_timers(&self) -> RunningTimers {
        let timers = &self.timers;
        RunningTimers {
            retransmit: timers.retransmit,
            persist: timers.persist,
            keepalive: timers.keepalive,
            linger: timers.linger,
            tail_loss_probe: self.recovery.tail.timer,
            reordering: self.recovery.rack.timer,
            delayed_ack: self.passing.delayed_ack,
            path: timers.path,
        }
    }
}
