//! What a connection says of itself: the counterpart of the kernels' `TCP_INFO`.

use crate::command::Control;
use crate::handle::StreamHandle;
use core::time::Duration;
use serde::Serialize;
use std::io;
use tcp_ha_core::Readiness;
use tcp_ha_engine::{ConnectionInfo, Instant, Unreachable};
use tokio::sync::oneshot;

/// A connection at one moment.
#[derive(Clone, Debug)]
pub struct TcpInfo {
    /// The moment, in the time domain of the connection's deadlines.
    pub now: Instant,
    /// Everything else.
    pub connection: ConnectionInfo,
    /// How far it is protected.
    pub readiness: Readiness,
}

impl TcpInfo {
    /// How long ago text was last sent.
    pub fn last_sent_age(&self) -> Duration {
        self.now.saturating_since(self.connection.sent_at)
    }

    /// How long ago a segment of the peer's last arrived here, if one has.
    pub fn last_received_age(&self) -> Option<Duration> {
        self.age(self.connection.tally.last_received_at)
    }

    /// How long ago text of the peer's last arrived here, if any has.
    pub fn last_text_age(&self) -> Option<Duration> {
        self.age(self.connection.tally.last_text_at)
    }

    /// Time until a timer of [`ConnectionInfo::timers`] fires.
    pub fn remaining(&self, timer: Option<Instant>) -> Option<Duration> {
        timer.map(|at| at.saturating_since(self.now))
    }

    fn age(&self, at: Option<Instant>) -> Option<Duration> {
        at.map(|at| self.now.saturating_since(at))
    }
}

impl StreamHandle {
    /// What the connection says of itself; answered also while the gate is shut.
    ///
    /// # Errors
    /// The connection or the node has ended.
    pub async fn tcp_info(&self) -> io::Result<TcpInfo> {
        let (reply, answer) = oneshot::channel();
        let id = self.id();
        self.commands.control(Control::Info { id, reply });
        let info = answer.await.ok().flatten();
        info.ok_or_else(|| {
            self.ending()
                .unwrap_or_else(|| io::ErrorKind::NotConnected.into())
        })
    }
}

/// The main variables of a connection, for status. Times in microseconds.
#[derive(Clone, Debug, Serialize)]
pub struct TcpStatus {
    /// Smoothed round-trip time, once measured.
    pub srtt_us: Option<u64>,
    /// RTTVAR.
    pub rttvar_us: u64,
    /// Retransmission timeout, without backoff.
    pub rto_us: u64,
    /// Congestion window in segments.
    pub cwnd: u32,
    /// Slow start threshold in segments.
    pub ssthresh: u32,
    /// Octets of text in a full segment.
    pub mss: u16,
    /// Largest IP packet of the path, as far as known.
    pub path_mtu: u16,
    /// Octets written and not acknowledged, sent or not.
    pub queued: u64,
    /// Octets sent and neither acknowledged nor selectively acknowledged.
    pub unacknowledged: u64,
    /// Octets received and not consumed.
    pub unread: u64,
    /// Octets of text in order, received by this process.
    pub octets_in: u64,
    /// Octets of text sent by this process.
    pub octets_out: u64,
    /// Segments sent again by this process.
    pub retransmits: u64,
    /// Retransmission timeouts of this process.
    pub timeouts: u64,
    /// What the network last said, while nothing has been acknowledged since.
    pub soft_error: Option<Unreachable>,
}

impl TcpStatus {
    pub(crate) fn of(info: &ConnectionInfo) -> TcpStatus {
        let micros = |span: Duration| u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        TcpStatus {
            srtt_us: info.srtt.map(micros),
            rttvar_us: micros(info.rttvar),
            rto_us: micros(info.rto),
            cwnd: info.cwnd,
            ssthresh: info.ssthresh,
            mss: info.mss,
            path_mtu: info.path_mtu,
            queued: info.snd_end - info.snd_una,
            unacknowledged: info.unacknowledged,
            unread: info.rcv_nxt - info.read,
            octets_in: info.tally.octets_in,
            octets_out: info.tally.octets_out,
            retransmits: info.retransmits,
            timeouts: info.tally.timeouts,
            soft_error: info.soft_error,
        }
    }
}
