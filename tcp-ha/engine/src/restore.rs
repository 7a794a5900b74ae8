//! Checking a checkpoint before it becomes a connection. A bad one is refused and never
//! panics, here or later.

use crate::checkpoint::{
    CongestionState, ConnectionState, IdentityState, LifecycleState, RecvState, RttState,
    SendState, TimersState,
};
use crate::config::Config;
use crate::congestion::{CWND_MAX, SSTHRESH_UNSET};
use crate::connection::Connection;
use crate::error::RestoreError;
use crate::ids::ConnectionId;
use crate::options::MAX_WINDOW_SCALE;
use crate::recv_buffer::RecvBuffer;
use crate::rtt::ROUND_TRIP_MAX;
use crate::send_buffer::SendBuffer;
use crate::state::State;

/// No connection is longer than this many octets each way.
const MAX_POSITION: u64 = 1 << 60;
/// No buffer, window or flight is larger: half of the sequence space.
const MAX_SPAN: u64 = 1 << 31;
/// Smallest path MTU of IPv4 that makes sense (RFC 1191).
const MIN_PATH_MTU: u16 = 68 + 20;

type Checked = Result<(), RestoreError>;

impl Connection {
    /// A connection as `state` says, with the octets READ..RCV.NXT and SND.UNA..end.
    ///
    /// `received` may end at SAFE instead of RCV.NXT: then the connection falls back to
    /// SAFE, and the peer, who has seen no later ACK, sends the rest again.
    pub(crate) fn restore(
        id: ConnectionId,
        state: &ConnectionState,
        received: &[u8],
        unsent: Option<&[u8]>,
        config: &Config,
    ) -> Result<Connection, RestoreError> {
        state.check(config)?;
        let mut state = *state;
        let given = received.len() as u64;
        let text_end = state.recv.nxt - u64::from(state.lifecycle.fin_received);
        if given != text_end - state.recv.read {
            let safe_end = state.recv.safe.min(text_end);
            if given != safe_end - state.recv.read {
                let expected = text_end - state.recv.read;
                return Err(RestoreError::WrongLength {
                    which: "received",
                    expected,
                    given,
                });
            }
            state.fall_back_to_safe();
        }
        let start = state.send.una.clamp(1, state.send.end);
        let expected = state.send.end - start;
        let send_buffer = match unsent {
            None => SendBuffer::hollow(start, state.send.end),
            Some(octets) if octets.len() as u64 == expected => {
                SendBuffer::with_octets(start, octets)
            }
            Some(octets) => {
                let given = octets.len() as u64;
                return Err(RestoreError::WrongLength {
                    which: "unsent",
                    expected,
                    given,
                });
            }
        };
        let recv_buffer = RecvBuffer::new(state.recv.read, received);
        let mut connection = Connection::from_state(id, &state, send_buffer, recv_buffer);
        connection.recovery.rto_min = config.min_rto;
        connection.cut_outstanding();
        Ok(connection)
    }
}

impl ConnectionState {
    /// Every field is named, so that a new one stops compiling until it is checked.
    fn check(&self, config: &Config) -> Checked {
        let ConnectionState {
            identity,
            lifecycle,
            send,
            recv,
            rtt,
            congestion,
            timers,
            // Any ids are valid; whether their keys are here is seen when they are looked up.
            auth: _,
        } = self;
        identity.check()?;
        lifecycle.check()?;
        send.check(lifecycle)?;
        recv.check(lifecycle)?;
        let left_at = lifecycle.orphaned.unwrap_or(recv.read);
        ensure((1..=recv.read).contains(&left_at), "orphaned")?;
        rtt.check(config)?;
        congestion.check()?;
        timers.check()
    }

    /// RCV.NXT := SAFE; a FIN behind it has not been received.
    fn fall_back_to_safe(&mut self) {
        self.recv.nxt = self.recv.safe;
        if self.lifecycle.fin_received {
            self.lifecycle.fin_received = false;
            self.lifecycle.state = match self.lifecycle.state {
                State::CloseWait => State::Established,
                State::Closing | State::LastAck => State::FinWait1,
                State::TimeWait => {
                    self.timers.linger = None;
                    State::FinWait2
                }
                other => other,
            };
        }
    }
}

fn ensure(holds: bool, field: &'static str) -> Checked {
    if holds {
        Ok(())
    } else {
        Err(RestoreError::Inconsistent(field))
    }
}

impl IdentityState {
    fn check(&self) -> Checked {
        let IdentityState {
            tuple,
            opener: _,
            iss: _,
            irs: _,
            our_mss,
            peer_mss,
            rcv_wscale,
            snd_wscale,
            window_scaling,
            sack_permitted: _,
            timestamps: _,
            timestamp_offset: _,
            options,
        } = self;
        ensure(tuple.is_valid(), "tuple")?;
        ensure(*our_mss > 0, "our_mss")?;
        ensure(*peer_mss > 0, "peer_mss")?;
        let scaled = |shift: u8| shift <= MAX_WINDOW_SCALE && (*window_scaling || shift == 0);
        ensure(scaled(*rcv_wscale), "rcv_wscale")?;
        ensure(scaled(*snd_wscale), "snd_wscale")?;
        ensure(
            *options == crate::connection::bounded_options(*options),
            "options",
        )
    }
}

impl LifecycleState {
    fn check(&self) -> Checked {
        let LifecycleState {
            state,
            user_closed,
            fin_sent,
            fin_acked,
            fin_received,
            orphaned,
            #[cfg(feature = "schema-v2")]
                trial: _,
        } = *self;
        ensure(user_closed || orphaned.is_none(), "orphaned")?;
        let (closed, received) = match state {
            State::Closed | State::Listen => return ensure(false, "state"),
            State::SynSent | State::SynReceived => {
                ensure(!fin_sent, "fin_sent")?;
                return ensure(!fin_received, "fin_received");
            }
            State::Established => (false, false),
            State::FinWait1 | State::FinWait2 => (true, false),
            State::CloseWait => (false, true),
            State::Closing | State::LastAck | State::TimeWait => (true, true),
        };
        ensure(user_closed == closed, "user_closed")?;
        ensure(fin_received == received, "fin_received")?;
        ensure(user_closed || !fin_sent, "fin_sent")?;
        let acked = matches!(state, State::FinWait2 | State::TimeWait);
        ensure(fin_acked == acked, "fin_acked")
    }
}

impl SendState {
    fn check(&self, lifecycle: &LifecycleState) -> Checked {
        let SendState {
            una,
            max,
            end,
            wnd,
            wl1,
            wl2,
            max_wnd,
            small,
            path_mtu,
        } = *self;
        let open = lifecycle.state.is_synchronized();
        ensure((1..MAX_POSITION).contains(&end), "send.end")?;
        ensure(una <= max, "send.una")?;
        ensure(max <= end + u64::from(lifecycle.fin_sent), "send.max")?;
        ensure(!lifecycle.fin_sent || max == end + 1, "fin_sent")?;
        ensure(lifecycle.fin_acked == (una == end + 1), "fin_acked")?;
        ensure(
            if open { una >= 1 } else { una == 0 && max <= 1 },
            "send.una",
        )?;
        ensure(end.saturating_sub(una) < MAX_SPAN, "send.end")?;
        ensure(wnd < MAX_SPAN, "send.wnd")?;
        ensure(max_wnd < MAX_SPAN, "send.max_wnd")?;
        ensure(wl1 < MAX_POSITION, "send.wl1")?;
        ensure(wl2 <= max, "send.wl2")?;
        ensure(small <= max, "send.small")?;
        ensure(path_mtu >= MIN_PATH_MTU, "send.path_mtu")
    }
}

impl RecvState {
    fn check(&self, lifecycle: &LifecycleState) -> Checked {
        let RecvState {
            nxt,
            safe,
            read,
            right_edge,
            last_ack_sent,
            ts_recent: _,
            ts_recent_at: _,
        } = *self;
        let fin = u64::from(lifecycle.fin_received);
        ensure((1 + fin..MAX_POSITION).contains(&nxt), "recv.nxt")?;
        ensure(safe <= nxt, "recv.safe")?;
        ensure((1..=safe.min(nxt - fin)).contains(&read), "recv.read")?;
        ensure(nxt - read < MAX_SPAN, "recv.read")?;
        ensure(nxt - fin <= right_edge, "recv.right_edge")?;
        ensure(right_edge - read < MAX_SPAN, "recv.right_edge")?;
        ensure((1..=safe).contains(&last_ack_sent), "recv.last_ack_sent")
    }
}

impl RttState {
    fn check(&self, config: &Config) -> Checked {
        let RttState {
            srtt,
            rttvar,
            variance,
            variance_peak,
            round_end: _,
            rto,
            tsval_sent: _,
            tsecr_floor: _,
        } = *self;
        let longest = ROUND_TRIP_MAX;
        ensure(srtt.is_none_or(|srtt| srtt <= longest), "rtt.srtt")?;
        ensure(rttvar <= longest, "rtt.rttvar")?;
        ensure(variance <= longest * 4, "rtt.variance")?;
        ensure(variance_peak <= longest * 4, "rtt.variance_peak")?;
        ensure(
            rto >= config.min_rto.min(config.initial_rto) && rto <= longest,
            "rtt.rto",
        )
    }
}

impl CongestionState {
    fn check(&self) -> Checked {
        let CongestionState {
            cwnd,
            ssthresh,
            w_max,
        } = *self;
        ensure((1..=CWND_MAX).contains(&cwnd), "congestion.cwnd")?;
        let reached = (1..=CWND_MAX).contains(&ssthresh);
        ensure(reached || ssthresh == SSTHRESH_UNSET, "congestion.ssthresh")?;
        ensure(w_max <= CWND_MAX, "congestion.w_max")
    }
}

impl TimersState {
    fn check(&self) -> Checked {
        let TimersState {
            retransmit: _,
            retransmits: _,
            persist: _,
            persists: _,
            keepalive: _,
            keepalives: _,
            linger: _,
            path: _,
            progress_at: _,
            sent_at: _,
        } = self;
        // Any moment is a valid deadline: one in the past fires at once.
        Ok(())
    }
}
