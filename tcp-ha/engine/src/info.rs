//! A connection as status shows it.

use crate::connection::Connection;
use crate::four_tuple::FourTuple;
use crate::ids::ConnectionId;
use crate::state::{Opener, State};
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
    /// SND.NXT: next octet to be sent.
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
    /// Octets of text in a full segment.
    pub mss: u16,
    /// Smoothed round-trip time, once measured.
    pub srtt: Option<Duration>,
    /// Retransmission timeout, without backoff.
    pub rto: Duration,
    /// Congestion window in octets.
    pub cwnd: u64,
    /// Slow start threshold in octets.
    pub ssthresh: u64,
    /// Segments of this connection retransmitted here, since opened or restored.
    pub retransmits: u64,
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
            snd_nxt: self.send_offset(send.nxt),
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
            // At most the MTU.
            mss: self.mss() as u16,
            srtt: self.rtt.srtt,
            rto: self.rtt.rto,
            cwnd: self.congestion.cwnd,
            ssthresh: self.congestion.ssthresh,
            retransmits: self.passing.retransmits,
        }
    }
}
