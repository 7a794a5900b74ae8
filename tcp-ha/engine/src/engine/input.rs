//! What comes from outside: segments, ICMP, time.

use super::{Arrival, Engine};
use crate::arrival::closed::reset_for;
use crate::arrival::listen::{Knock, knock};
use crate::arrival::{Door, Outcome};
use crate::config::ConnectionOptions;
use crate::connection::{Connection, Context};
use crate::counters::DropReason;
use crate::effects::{CloseCause, Effects, Envelope};
use crate::four_tuple::{FourTuple, is_group};
use crate::ids::{ConnectionId, ListenerId};
use crate::keyed_hash;
use crate::options::Options;
use crate::segment::Segment;
use crate::seq::SeqNum;
use crate::state::{Opener, State};
use crate::time::Instant;
use crate::unreachable::Unreachable;
use bytes::Bytes;
use std::net::{IpAddr, SocketAddr};

/// TTL of a RST that belongs to no listener and no connection.
const STRAY_HOP_LIMIT: u8 = 64;

impl Engine {
    /// SEGMENT ARRIVES (RFC 9293 3.10.7): `octets` is a TCP segment from `src` to `dst`.
    /// Bad input is counted and dropped. Its hop limit counts as unknown, see
    /// [`handle_arrival`](Engine::handle_arrival).
    pub fn handle_segment(
        &mut self,
        now: Instant,
        src: IpAddr,
        dst: IpAddr,
        octets: &[u8],
        fx: &mut Effects,
    ) {
        self.handle_arrival(now, Arrival::new(src, dst), octets, fx);
    }

    /// SEGMENT ARRIVES, with what its IP header said. Bad input is counted and dropped.
    pub fn handle_arrival(
        &mut self,
        now: Instant,
        arrival: Arrival,
        octets: &[u8],
        fx: &mut Effects,
    ) {
        self.take_arrival(now, arrival, octets, None, fx);
    }

    /// SEGMENT ARRIVES, in memory that may be kept: long text is not copied, and the memory is free once the text was read.
    pub fn handle_shared_arrival(
        &mut self,
        now: Instant,
        arrival: Arrival,
        octets: &Bytes,
        fx: &mut Effects,
    ) {
        self.take_arrival(now, arrival, octets, Some(octets), fx);
    }

    fn take_arrival(
        &mut self,
        now: Instant,
        arrival: Arrival,
        octets: &[u8],
        memory: Option<&Bytes>,
        fx: &mut Effects,
    ) {
        let Arrival {
            src,
            dst,
            is_vouched,
            ..
        } = arrival;
        self.counters.segments_in += 1;
        let Some(segment) = Segment::parse(octets) else {
            return self.counters.count_drop(DropReason::Malformed);
        };
        let verify = self.config.verify_checksum && !is_vouched;
        if verify && !Segment::checksum_is_right(src, dst, octets) {
            return self.counters.count_drop(DropReason::BadChecksum);
        }
        let tuple = FourTuple {
            local: SocketAddr::new(dst, segment.header.dst_port),
            remote: SocketAddr::new(src, segment.header.src_port),
        };
        if !tuple.is_valid() || is_group(src) || is_group(dst) {
            return self.counters.count_drop(DropReason::BadAddress);
        }
        let id = self.demux.connection(&tuple);
        if let Err(reason) = self.authenticate(&tuple, id, arrival, &segment, octets) {
            return self.counters.count_drop(reason);
        }
        match id {
            Some(id) => self.arrive(now, id, tuple, &segment, memory, fx),
            None => self.arrive_unconnected(now, tuple, &segment, None, fx),
        }
    }

    fn arrive(
        &mut self,
        now: Instant,
        id: ConnectionId,
        tuple: FourTuple,
        segment: &Segment<'_>,
        memory: Option<&Bytes>,
        fx: &mut Effects,
    ) {
        let door = self.door_before(id, tuple.local);
        let outcome = self.with_memory(now, id, memory, fx, |connection, ctx| {
            let outcome = connection.arrive(ctx, segment, door);
            match outcome {
                Outcome::Done => connection.transmit(ctx),
                Outcome::Reopen(_) => connection.delete(CloseCause::Normal),
            }
            outcome
        });
        if let Ok(Outcome::Reopen(iss_floor)) = outcome {
            self.arrive_unconnected(now, tuple, segment, Some(iss_floor), fx);
        }
    }

    /// The listener on `local`, in the states in which an arrival may need it; elsewhere it is
    /// not looked for.
    fn door_before(&self, id: ConnectionId, local: SocketAddr) -> Door {
        let state = self.connections.get(&id).map(|found| found.state());
        if !matches!(state, Some(State::SynReceived | State::TimeWait)) {
            return Door::None;
        }
        let listener = self.demux.listener_for(local);
        match listener.and_then(|listener| self.demux.listener(listener)) {
            None => Door::None,
            Some(listener) if listener.queue_is_full() => Door::Shut,
            Some(_) => Door::Open,
        }
    }

    /// LISTEN and CLOSED.
    fn arrive_unconnected(
        &mut self,
        now: Instant,
        tuple: FourTuple,
        segment: &Segment<'_>,
        iss_floor: Option<SeqNum>,
        fx: &mut Effects,
    ) {
        let listener = self.demux.listener_for(tuple.local);
        match listener.map(|listener| (listener, knock(segment))) {
            Some((listener, Knock::Open)) => {
                if let Err(reason) = self.open_passive(now, listener, tuple, segment, iss_floor, fx)
                {
                    self.counters.count_drop(reason);
                }
            }
            Some((_, Knock::Ignore)) => self.counters.count_drop(DropReason::NoConnection),
            Some((id, Knock::Stray)) if self.arrive_with_cookie(now, id, tuple, segment, fx) => {}
            Some((_, Knock::Stray)) | None => {
                self.counters.count_drop(DropReason::NoConnection);
                self.answer_unknown(now, tuple, segment, listener, fx);
            }
        }
    }

    /// True where the segment brings back a cookie of ours; where there is no room for its
    /// connection now, the peer is not answered and tries again.
    fn arrive_with_cookie(
        &mut self,
        now: Instant,
        listener: ListenerId,
        tuple: FourTuple,
        segment: &Segment<'_>,
        fx: &mut Effects,
    ) -> bool {
        match self.take_cookie(now, listener, tuple, segment, fx) {
            Ok(Some(id)) => self.arrive(now, id, tuple, segment, None, fx),
            Ok(None) => return false,
            Err(reason) => self.counters.count_drop(reason),
        }
        true
    }

    fn answer_unknown(
        &mut self,
        now: Instant,
        tuple: FourTuple,
        segment: &Segment<'_>,
        listener: Option<ListenerId>,
        fx: &mut Effects,
    ) {
        let Some(header) = reset_for(segment).filter(|_| self.config.answer_unknown) else {
            return;
        };
        if !self.resets.allow(now, self.config.resets_per_second) {
            self.counters.rate_limited += 1;
            return;
        }
        let options = listener
            .and_then(|id| self.demux.listener(id))
            .map(|l| l.options);
        let envelope = Envelope {
            src: tuple.local.ip(),
            dst: tuple.remote.ip(),
            dscp: options.map_or(0, |options| options.dscp),
            hop_limit: options.map_or(STRAY_HOP_LIMIT, |options| options.hop_limit),
        };
        if self.emit_stateless(&tuple, envelope, &header, Options::default(), fx) {
            self.counters.resets_out += 1;
        }
    }

    fn open_passive(
        &mut self,
        now: Instant,
        listener_id: ListenerId,
        tuple: FourTuple,
        segment: &Segment<'_>,
        iss_floor: Option<SeqNum>,
        fx: &mut Effects,
    ) -> Result<(), DropReason> {
        let Some(listener) = self.demux.listener(listener_id) else {
            return Err(DropReason::NoConnection);
        };
        let (options, is_full) = (listener.options, listener.is_full());
        if listener.queue_is_full() {
            return Err(DropReason::AcceptQueueFull);
        }
        if self.half_open >= self.config.max_half_open || is_full {
            // The ISS of a new incarnation must not lie before the old one's; a cookie's may.
            if !self.config.syn_cookies || iss_floor.is_some() {
                return Err(DropReason::HalfOpenFull);
            }
            self.send_cookie(now, listener_id, tuple, segment, fx);
            return Ok(());
        }
        if !self.make_room(now, fx) {
            return Err(DropReason::ConnectionsFull);
        }
        self.enter_half_open(listener_id);
        self.counters.passive_opens += 1;
        let opener = Opener::Passive(listener_id);
        let id = self.open(now, tuple, opener, options, iss_floor, fx);
        let opened = self.with(now, id, fx, |connection, ctx| {
            connection.half_open = true;
            connection.take_syn(ctx, segment);
            connection.follow_key(segment);
            connection.emit_syn(ctx);
            connection.transmit(ctx);
        });
        opened.map_err(|_| DropReason::NoConnection)
    }

    /// One more connection of this listener is half open.
    pub(super) fn enter_half_open(&mut self, listener: ListenerId) {
        self.half_open += 1;
        if let Some(listener) = self.demux.listener_mut(listener) {
            listener.half_open += 1;
        }
    }

    /// Creates a connection that has said nothing yet.
    pub(super) fn open(
        &mut self,
        now: Instant,
        tuple: FourTuple,
        opener: Opener,
        options: ConnectionOptions,
        iss_floor: Option<SeqNum>,
        fx: &mut Effects,
    ) -> ConnectionId {
        let id = ConnectionId(self.next_id);
        let by_clock = keyed_hash::initial_sequence(&self.secrets.isn, &tuple, now);
        let iss = match iss_floor {
            Some(floor) if by_clock.before(floor) => floor,
            _ => by_clock,
        };
        let mut connection = self.unspoken(now, id, tuple, opener, options, fx);
        connection.identity.iss = iss;
        self.adopt(connection);
        id
    }

    /// A connection that has said nothing and is in no table; its ISS is not chosen yet.
    pub(super) fn unspoken(
        &mut self,
        now: Instant,
        id: ConnectionId,
        tuple: FourTuple,
        opener: Opener,
        options: ConnectionOptions,
        fx: &mut Effects,
    ) -> Connection {
        let timestamp_offset = keyed_hash::timestamp_offset(&self.secrets.timestamp, &tuple)
            .wrapping_add(self.timestamp_base_ms);
        let ctx = Context {
            now,
            config: &self.config,
            counters: &mut self.counters,
            departures: &self.departures,
            memory: None,
            fx,
        };
        let mut connection = Connection::new(&ctx, id, tuple, opener, timestamp_offset, options);
        if let Some(security) = self.security.peer(tuple.remote.ip()) {
            connection.secure(security);
        }
        connection
    }

    /// An ICMP error about a segment of ours with sequence number `seq`. Only a hard one ends a
    /// connection, and only one that is being opened; else it is a hint (RFC 5927), told by
    /// `ConnectionInfo::soft_error` and by the cause when the connection is given up.
    pub fn handle_unreachable(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
        seq: u32,
        what: Unreachable,
        fx: &mut Effects,
    ) {
        let Some(id) = self.demux.connection(&FourTuple { local, remote }) else {
            self.counters.icmp_ignored += 1;
            return;
        };
        // The connection was found a moment ago.
        let believed = self.with(now, id, fx, |connection, ctx| {
            connection.take_unreachable(ctx, SeqNum(seq), what)
        });
        if believed != Ok(true) {
            self.counters.icmp_ignored += 1;
        }
    }

    /// Does what is due. Call it when `next_timeout` has come; too early is harmless.
    pub fn handle_timeout(&mut self, now: Instant, fx: &mut Effects) {
        let mut due = Vec::new();
        while let Some(id) = self.timers.pop(now) {
            if let Some(connection) = self.connections.get_mut(&id) {
                connection.armed = None;
                due.push(id);
            }
        }
        for id in due {
            let fires = self
                .connections
                .get(&id)
                .and_then(|connection| connection.deadline())
                .is_some_and(|deadline| deadline <= now);
            if fires {
                // The connection was found a moment ago.
                let _ = self.with(now, id, fx, |connection, ctx| connection.on_timeout(ctx));
            } else if let Some(connection) = self.connections.get_mut(&id) {
                connection.armed = self.timers.arm(id, None, connection.deadline());
            }
        }
    }

    /// When `handle_timeout` wants to be called next. May be early, never late.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }
}
