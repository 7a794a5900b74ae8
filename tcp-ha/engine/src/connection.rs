//! One connection: its replicable state, its buffers, and what a checkpoint drops.

use crate::assembler::Assembler;
use crate::auth::AuthState;
use crate::auth::signer::{self, Signer};
use crate::checkpoint::{
    CongestionState, ConnectionState, IdentityState, LifecycleState, RecvState, RttState,
    SendState, TimersState,
};
use crate::config::{Config, ConnectionOptions, ReceiveMode};
use crate::congestion::Growth;
use crate::counters::Counters;
use crate::departures::Departures;
use crate::effects::{CloseCause, Effects, Envelope};
use crate::four_tuple::FourTuple;
use crate::ids::ConnectionId;
use crate::options::MAX_WINDOW_SCALE;
use crate::outstanding::Outstanding;
use crate::path_mtu::PathSearch;
use crate::push::Pushes;
use crate::rate_limit::RateLimit;
use crate::recovery::Recovery;
use crate::recv_buffer::RecvBuffer;
use crate::segment::HEADER_LEN;
use crate::send_buffer::SendBuffer;
use crate::seq::SeqNum;
use crate::state::{Opener, State};
use crate::tally::Tally;
use crate::time::Instant;
use crate::tracked::Tracked;
use crate::unreachable::Unreachable;
use bytes::Bytes;

/// Acknowledgements at once at the start of a connection, so that the peer's slow start is
/// not held up (as Linux does), and after a takeover, since the peer may be in a timeout.
pub(crate) const QUICK_ACKS: u32 = 16;
/// Default MSS for IPv4 and IPv6 where the peer's SYN has none (RFC 9293 MUST-15).
const DEFAULT_MSS: (u16, u16) = (536, 1_220);
/// A peer's MSS below this counts as this, or a segment would be all header.
const MIN_MSS: u16 = 88;
/// A new incarnation begins so far beyond the old one's SND.MAX (as Linux has it).
const REOPEN_DISTANCE: u32 = 65_535 + 2;
/// Octets of the timestamps option with its padding.
const TIMESTAMPS_LEN: u64 = 12;

/// What every step of a connection may use.
pub(crate) struct Context<'a> {
    pub(crate) now: Instant,
    pub(crate) config: &'a Config,
    pub(crate) counters: &'a mut Counters,
    pub(crate) departures: &'a Departures,
    /// Where the text of the arriving segment lies, if that memory may be kept.
    pub(crate) memory: Option<&'a Bytes>,
    pub(crate) fx: &'a mut Effects,
}

/// A connection. The first eight fields are the checkpoint.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) identity: Tracked<IdentityState>,
    pub(crate) lifecycle: LifecycleState,
    pub(crate) send: SendState,
    pub(crate) recv: RecvState,
    pub(crate) rtt: Tracked<RttState>,
    pub(crate) congestion: CongestionState,
    pub(crate) timers: TimersState,
    pub(crate) auth: AuthState,

    /// Octets the peer has not acknowledged.
    pub(crate) send_buffer: SendBuffer,
    /// Octets the user has not consumed.
    pub(crate) recv_buffer: RecvBuffer,

    /// Octets beyond RCV.NXT.
    pub(crate) assembler: Assembler,
    /// The segments on the way.
    pub(crate) outstanding: Outstanding,
    /// What is lost, and what is done about it.
    pub(crate) recovery: Recovery,
    /// How the congestion window grows.
    pub(crate) growth: Growth,
    /// What was counted here.
    pub(crate) tally: Tally,
    /// Where SENDs end.
    pub(crate) pushes: Pushes,
    /// The rest of what a checkpoint drops.
    pub(crate) passing: Passing,
    /// Keys of the segments, ready for use.
    pub(crate) signer: Signer,

    pub(crate) id: ConnectionId,
    /// Set when the connection is over; the engine then deletes it.
    pub(crate) cause: Option<CloseCause>,
    /// Counted in its listener's backlog.
    pub(crate) half_open: bool,
    /// Counted among those whose user is gone.
    pub(crate) orphan: bool,
    /// Entry among those in TIME-WAIT: when that ends.
    pub(crate) waits_until: Option<Instant>,
    /// In the engine's list of changed connections.
    pub(crate) dirty: bool,
    /// Entry in the timer queue.
    pub(crate) armed: Option<Instant>,
}

/// State that is worth nothing on another node.
#[derive(Debug, Default)]
pub(crate) struct Passing {
    /// When a delayed ACK goes out.
    pub(crate) delayed_ack: Option<Instant>,
    /// An ACK is due in this round.
    pub(crate) ack_now: bool,
    /// An ACK is due, and waits a little for a mark that makes its octets safe: until `delayed_ack` for all before this position.
    pub(crate) ack_on_mark: Option<u64>,
    /// An ACK is due at the end of the turn (`Config::gather_acks`).
    pub(crate) ack_gathered: bool,
    /// Position up to which `SafeDue` was asked for.
    pub(crate) safe_asked: Option<u64>,
    /// Segments still to be acknowledged at once.
    pub(crate) quick_acks: u32,
    /// Largest text seen in one segment: the peer's full segment.
    pub(crate) largest_text: u64,
    /// Duplicate range to report (RFC 2883).
    pub(crate) dsack: Option<(u64, u64)>,
    /// Sending time of our SYN, as long as it was sent once.
    pub(crate) syn_sent_at: Option<Instant>,
    /// After a takeover: until then, or until the peer has answered the first words, nothing
    /// that was sent before is sent again.
    pub(crate) hold_until: Option<Instant>,
    /// Limits challenge ACKs and their like.
    pub(crate) challenge: RateLimit,
    /// What the network last said, while nothing has been acknowledged since.
    pub(crate) soft_error: Option<Unreachable>,
    /// The search for a larger path MTU.
    pub(crate) path: PathSearch,
    /// Segments retransmitted.
    pub(crate) retransmits: u64,
    /// When spare memory is given back, if it is not used until then.
    pub(crate) spare_until: Option<Instant>,
}

impl Connection {
    /// A connection about to send its first SYN.
    pub(crate) fn new(
        ctx: &Context<'_>,
        id: ConnectionId,
        tuple: FourTuple,
        opener: Opener,
        timestamp_offset: u32,
        options: ConnectionOptions,
    ) -> Connection {
        let config = ctx.config;
        let options = bounded_options(options);
        let our_mss = config.mtu - tuple.ip_header_len() - HEADER_LEN as u16;
        let our_mss = our_mss.min(options.max_segment.unwrap_or(u16::MAX));
        let peer_mss = if tuple.local.is_ipv4() {
            DEFAULT_MSS.0
        } else {
            DEFAULT_MSS.1
        };
        let identity = IdentityState {
            tuple,
            opener,
            iss: SeqNum(0),
            irs: SeqNum(0),
            our_mss,
            peer_mss,
            rcv_wscale: window_scale(config),
            snd_wscale: 0,
            window_scaling: config.window_scaling,
            sack_permitted: config.sack,
            timestamps: config.timestamps,
            timestamp_offset,
            options,
        };
        let state = match opener {
            Opener::Active => State::SynSent,
            Opener::Passive(_) => State::SynReceived,
        };
        let fresh = ConnectionState {
            identity,
            lifecycle: LifecycleState {
                state,
                user_closed: false,
                fin_sent: false,
                fin_acked: false,
                fin_received: false,
                orphaned: None,
                #[cfg(feature = "schema-v2")]
                trial: 0,
            },
            send: SendState::new(config.mtu),
            recv: RecvState::new(ctx.now),
            rtt: RttState::new(config),
            congestion: CongestionState::new(u64::from(peer_mss)),
            timers: TimersState::new(ctx.now),
            auth: AuthState::default(),
        };
        let mut connection =
            Connection::from_state(id, &fresh, SendBuffer::new(), RecvBuffer::new(1, &[]));
        if options.receive_mode == ReceiveMode::Marked {
            // A trailing part made safe costs a record.
            connection.passing.quick_acks = 0;
        }
        connection.rtt.tsval_sent = connection.timestamp_clock(ctx.now);
        connection.recovery.rto_min = config.min_rto;
        connection
    }

    /// A live connection around its replicable state.
    pub(crate) fn from_state(
        id: ConnectionId,
        state: &ConnectionState,
        send_buffer: SendBuffer,
        recv_buffer: RecvBuffer,
    ) -> Connection {
        let ConnectionState {
            identity,
            lifecycle,
            send,
            recv,
            rtt,
            congestion,
            timers,
            auth,
        } = *state;
        let quick_acks = QUICK_ACKS;
        Connection {
            identity: Tracked::new(identity),
            lifecycle,
            send,
            recv,
            rtt: Tracked::new(rtt),
            congestion,
            timers,
            auth,
            send_buffer,
            recv_buffer,
            assembler: Assembler::default(),
            outstanding: Outstanding::default(),
            recovery: Recovery::default(),
            growth: Growth::default(),
            tally: Tally::default(),
            pushes: Pushes::default(),
            passing: Passing {
                quick_acks,
                ..Passing::default()
            },
            signer: Signer::Plain,
            id,
            cause: None,
            half_open: false,
            orphan: false,
            waits_until: None,
            dirty: false,
            armed: None,
        }
    }

    /// The replicable state. Every field of a connection is named, so that a new one stops
    /// compiling until it is decided where it belongs.
    pub(crate) fn snapshot(&self) -> ConnectionState {
        let Connection {
            identity,
            lifecycle,
            send,
            recv,
            rtt,
            congestion,
            timers,
            auth,
            // Payload travels as records of its own.
            send_buffer: _,
            recv_buffer: _,
            // Dropped: the peer still holds what was not acknowledged.
            assembler: _,
            outstanding: _,
            recovery: _,
            growth: _,
            tally: _,
            pushes: _,
            passing: _,
            // Keys travel once, as a record of their own.
            signer: _,
            // The caller knows it.
            id: _,
            // Bookkeeping of this engine.
            cause: _,
            half_open: _,
            orphan: _,
            waits_until: _,
            dirty: _,
            armed: _,
        } = self;
        ConnectionState {
            identity: **identity,
            lifecycle: *lifecycle,
            send: *send,
            recv: *recv,
            rtt: **rtt,
            congestion: *congestion,
            timers: *timers,
            auth: *auth,
        }
    }

    /// The least ISS of a connection that takes this one's place (RFC 9293 MAY-2).
    pub(crate) fn successor_iss(&self) -> SeqNum {
        let snd_max = self.identity.iss.at(self.send.max);
        SeqNum(snd_max.0.wrapping_add(REOPEN_DISTANCE))
    }

    pub(crate) fn state(&self) -> State {
        self.lifecycle.state
    }

    /// Ends the connection; the engine deletes it and tells the user.
    pub(crate) fn delete(&mut self, cause: CloseCause) {
        self.lifecycle.state = State::Closed;
        self.cause.get_or_insert(cause);
    }

    /// Octets of text in a full segment without SACK blocks (Eff.snd.MSS, RFC 9293 3.7.1).
    pub(crate) fn mss(&self) -> u64 {
        self.mss_within(self.send.path_mtu)
    }

    /// Octets of the IP and TCP headers without options.
    pub(crate) fn header_len(&self) -> u16 {
        self.identity.tuple.ip_header_len() + HEADER_LEN as u16
    }

    /// Octets of text in a full segment without SACK blocks where IP packets may have `packet`
    /// octets.
    pub(crate) fn mss_within(&self, packet: u16) -> u64 {
        let ours = packet
            .saturating_sub(self.header_len())
            .min(self.identity.options.max_segment.unwrap_or(u16::MAX))
            .max(MIN_MSS);
        let full = u64::from(ours.min(self.identity.peer_mss.max(MIN_MSS)));
        let signature = signer::blank(&self.auth.signing).wire_len() as u64;
        if self.identity.timestamps {
            full - signature - TIMESTAMPS_LEN
        } else {
            full - signature
        }
    }

    /// The millisecond clock of this connection's TSvals (RFC 7323 5.4).
    pub(crate) fn timestamp_clock(&self, now: Instant) -> u32 {
        // The clock wraps at 32 bits by definition.
        (now.as_millis() as u32).wrapping_add(self.identity.timestamp_offset)
    }

    /// What the IP header of our segments says.
    pub(crate) fn envelope(&self) -> Envelope {
        let IdentityState { tuple, options, .. } = &*self.identity;
        Envelope {
            src: tuple.local.ip(),
            dst: tuple.remote.ip(),
            dscp: options.dscp,
            hop_limit: if self.auth.min_hop_limit > 0 {
                // RFC 5082 3: so that the peer can tell.
                u8::MAX
            } else {
                options.hop_limit
            },
        }
    }

    /// Stream offset of a send position; the FIN counts as the end of the octets.
    pub(crate) fn send_offset(&self, position: u64) -> u64 {
        position.clamp(1, self.send.end) - 1
    }

    /// Position behind the last octet received in order, the FIN not counted.
    pub(crate) fn recv_text_end(&self) -> u64 {
        self.recv.nxt - u64::from(self.lifecycle.fin_received)
    }
}

impl SendState {
    fn new(path_mtu: u16) -> SendState {
        SendState {
            una: 0,
            max: 0,
            end: 1,
            wnd: 0,
            wl1: 0,
            wl2: 0,
            max_wnd: 0,
            small: 0,
            path_mtu,
        }
    }
}

impl RecvState {
    /// The peer's SYN, position 0, is taken for received.
    fn new(now: Instant) -> RecvState {
        RecvState {
            nxt: 1,
            safe: 1,
            read: 1,
            right_edge: 1,
            last_ack_sent: 1,
            ts_recent: 0,
            ts_recent_at: now,
        }
    }
}

/// The smallest shift with which the whole receive buffer can be announced.
fn window_scale(config: &Config) -> u8 {
    if !config.window_scaling {
        return 0;
    }
    (0..MAX_WINDOW_SCALE)
        .find(|shift| config.receive_capacity >> shift <= usize::from(u16::MAX))
        .unwrap_or(MAX_WINDOW_SCALE)
}

/// The options with every value inside its bounds.
pub(crate) fn bounded_options(mut options: ConnectionOptions) -> ConnectionOptions {
    options.dscp &= 0x3f;
    options.hop_limit = options.hop_limit.max(1);
    options.max_segment = options.max_segment.map(|most| most.max(MIN_MSS));
    if let Some(keepalive) = &mut options.keepalive {
        let least = core::time::Duration::from_millis(10);
        keepalive.idle = keepalive.idle.max(least);
        keepalive.interval = keepalive.interval.max(least);
        keepalive.probes = keepalive.probes.max(1);
    }
    options
}
