//! An engine under watch: after every round its checkpoints are followed by deltas, its segments are judged, its bounds are
//! checked; and a twin can take its place.

use std::collections::BTreeMap;
use tcp_ha_core::delta::ConnectionDelta;
use tcp_ha_engine::auth::SecurityTable;
use tcp_ha_engine::segment::{Flags, Segment};
use tcp_ha_engine::{
    Config, ConnectionId, ConnectionOptions, ConnectionState, Effects, Engine, Event, Instant,
    ReceiveMode, Secrets, SeqNum,
};

/// TSvals jump by this much at a takeover, in milliseconds.
const TIMESTAMP_JUMP_MS: u32 = 1_000;
/// Segments that one round may bring, at most: a few windows of the smallest segments.
const SEGMENTS_MAX: usize = 4_096;

/// What the wire has shown of a connection, which must never go back (I6).
#[derive(Clone, Copy, Debug, Default)]
struct Shown {
    right_edge: Option<SeqNum>,
    tsval: Option<u32>,
}

/// An engine, what a standby would know of it, and what a peer has seen of it.
pub(super) struct Replicated {
    pub(super) engine: Engine,
    pub(super) fx: Effects,
    config: Config,
    /// What is asked of peers, by a twin too.
    security: SecurityTable,
    /// Listeners, to be opened by a twin too.
    listening: Vec<(std::net::SocketAddr, ConnectionOptions)>,
    /// What the deltas so far add up to.
    followed: BTreeMap<ConnectionId, ConnectionState>,
    shown: BTreeMap<ConnectionId, Shown>,
    /// This engine's time is ahead of the world's by so many microseconds.
    ahead_us: u64,
}

fn secrets() -> Secrets {
    Secrets::from_bytes(&[7; Secrets::LEN])
}

impl Replicated {
    pub(super) fn new(config: Config) -> Replicated {
        Replicated {
            engine: Engine::new(config.clone(), secrets()),
            fx: Effects::new(),
            config,
            security: SecurityTable::default(),
            listening: Vec::new(),
            followed: BTreeMap::new(),
            shown: BTreeMap::new(),
            ahead_us: 0,
        }
    }

    /// The world's time as this engine tells it.
    pub(super) fn clock(&self, world_us: u64) -> Instant {
        Instant::from_micros(world_us + self.ahead_us)
    }

    pub(super) fn listen(&mut self, local: std::net::SocketAddr, options: ConnectionOptions) {
        let opened = self.engine.listen(local, options, 8);
        opened.expect("a free address");
        self.listening.push((local, options));
    }

    /// Asks this of peers from now on.
    pub(super) fn secure(&mut self, security: SecurityTable) {
        self.security = security.clone();
        self.engine.set_security(security);
    }

    /// When the next timer is due, in the world's time.
    pub(super) fn next_timeout_us(&self) -> Option<u64> {
        let next = self.engine.next_timeout()?;
        Some(next.as_micros().saturating_sub(self.ahead_us))
    }

    pub(super) fn tick(&mut self, world_us: u64) {
        let now = self.clock(world_us);
        self.engine.handle_timeout(now, &mut self.fx);
        let next = self.engine.next_timeout();
        assert!(
            next.is_none_or(|next| next > now),
            "a timer that is due stays due"
        );
    }

    /// Ends a round: judges it, and gives what it brought.
    pub(super) fn settle(&mut self) -> (Vec<Vec<u8>>, Vec<Event>) {
        self.judge();
        let segments = self.fx.segments().map(|out| out.bytes.to_vec()).collect();
        let events = std::mem::take(&mut self.fx.events);
        self.fx.clear();
        (segments, events)
    }

    /// Ends a round whose segments nobody takes.
    pub(super) fn settle_alone(&mut self) {
        self.judge();
        self.fx.clear();
    }

    fn judge(&mut self) {
        self.judge_segments();
        self.follow();
        for (&id, state) in &self.followed {
            self.judge_bounds(id, state);
        }
    }

    fn judge_segments(&mut self) {
        assert!(
            self.fx.segments().len() <= SEGMENTS_MAX,
            "a storm of segments"
        );
        for out in self.fx.segments() {
            assert!(Segment::checksum_is_right(out.src, out.dst, out.bytes));
            let segment = Segment::parse(out.bytes).expect("a whole segment");
            if let Some(id) = out.id {
                let state = self.engine.snapshot(id);
                let shift = state.map(|state| state.identity.rcv_wscale);
                let shown = self.shown.entry(id).or_default();
                shown.judge(&segment, shift);
            }
        }
    }

    /// Takes the deltas over and compares: what is not dirty has not changed, and the deltas add up to the state (I4).
    fn follow(&mut self) {
        let mut dirty = Vec::new();
        self.engine.take_dirty(&mut dirty);
        for &id in &dirty {
            if self.engine.connection(id).is_none() {
                self.followed.remove(&id);
                self.shown.remove(&id);
            }
        }
        let mut live = 0;
        for id in self.engine.connections() {
            live += 1;
            let new = self.engine.snapshot(id).expect("a live connection");
            let is_dirty = dirty.contains(&id);
            match self.followed.get_mut(&id) {
                Some(old) => {
                    let delta = is_dirty.then(|| ConnectionDelta::between(id, old, &new));
                    if let Some(delta) = delta.flatten() {
                        delta.apply(old);
                    }
                    assert_eq!(new, *old);
                }
                None => {
                    assert!(is_dirty, "a connection that came unmarked");
                    self.followed.insert(id, new);
                }
            }
        }
        assert_eq!(live, self.followed.len(), "connections that went unmarked");
    }

    fn judge_bounds(&self, id: ConnectionId, state: &ConnectionState) {
        let info = self.engine.connection(id).expect("a live connection");
        let (send, recv) = (&state.send, &state.recv);
        assert!(send.una <= send.max, "{send:?}");
        let fin = u64::from(state.lifecycle.fin_sent);
        assert!(send.max <= send.end + fin, "{send:?}");
        assert!(recv.read <= recv.safe && recv.safe <= recv.nxt, "{recv:?}");
        assert!(
            recv.nxt <= recv.right_edge + 1 + u64::from(state.lifecycle.fin_received),
            "{recv:?}"
        );
        let held = self.engine.received(id, info.read).expect("READ is held");
        assert_eq!(
            held.map(|octets| octets.len() as u64).sum::<u64>(),
            info.rcv_nxt - info.read
        );
        let capacity = self.engine.config().receive_capacity as u64;
        assert!(info.rcv_nxt - info.read <= capacity, "{recv:?}");
        assert!(info.reassembly <= capacity, "{info:?}");
        let (_, pieces) = self.engine.unacknowledged(id).expect("a live connection");
        assert!(pieces.map(<[u8]>::len).sum::<usize>() <= self.engine.config().send_capacity);
    }

    /// A twin goes on in the place of this engine, as after a takeover, with a clock that is `ahead_us` ahead.
    ///
    /// Of a connection whose octets are marked, the twin has those before SAFE only. Nothing may be pending: call `settle` before.
    pub(super) fn take_over(&mut self, world_us: u64, ahead_us: u64) {
        let old_now = self.clock(world_us);
        self.ahead_us = ahead_us;
        let now = self.clock(world_us);
        let mut twin = Engine::new(self.config.clone(), secrets());
        twin.set_security(self.security.clone());
        for (local, options) in &self.listening {
            twin.listen(*local, *options, 8).expect("a free address");
        }
        for (&id, state) in &mut self.followed {
            *state = state.rebased(old_now, now);
            let info = self.engine.connection(id).expect("a live connection");
            let received = self.engine.received(id, info.read).expect("READ is held");
            let mut received = received.collect::<Vec<_>>().concat();
            let marked = state.identity.options.receive_mode == ReceiveMode::Marked;
            if marked {
                received.truncate((info.safe - info.read) as usize);
            }
            let whole = received.len() as u64 == info.rcv_nxt - info.read;
            let (_, pieces) = self.engine.unacknowledged(id).expect("a live connection");
            let unsent = pieces.collect::<Vec<_>>().concat();
            twin.restore(now, id, state, &received, Some(&unsent))
                .unwrap_or_else(|error| panic!("a live connection is refused: {error}: {state:?}"));
            let restored = twin.snapshot(id).expect("restored");
            if whole {
                assert_eq!(restored, *state, "what was restored is not what was taken");
            }
            *state = restored;
        }
        twin.set_next_id(ConnectionId(self.engine.next_id().0 + (1 << 20)));
        self.engine = twin;
        let ids: Vec<_> = self.followed.keys().copied().collect();
        for id in ids {
            let resumed = self.engine.resume(now, id, TIMESTAMP_JUMP_MS, &mut self.fx);
            resumed.expect("a restored connection");
        }
    }
}

impl Shown {
    fn judge(&mut self, segment: &Segment<'_>, shift: Option<u8>) {
        let flags = segment.header.flags;
        if flags.has(Flags::RST) {
            return;
        }
        if let Some(timestamps) = segment.options.timestamps {
            let newest = timestamps.value;
            let back = self
                .tsval
                .is_some_and(|old| SeqNum(newest).before(SeqNum(old)));
            assert!(!back, "TSval goes back from {:?} to {newest}", self.tsval);
            self.tsval = Some(newest);
        }
        if let Some(shift) = shift.filter(|_| flags.has(Flags::ACK) && !flags.has(Flags::SYN)) {
            let width = u32::from(segment.header.window) << shift;
            let edge = SeqNum(segment.header.ack.0.wrapping_add(width));
            let back = self.right_edge.is_some_and(|old| edge.before(old));
            assert!(
                !back,
                "the right edge goes back from {:?} to {edge}",
                self.right_edge
            );
            self.right_edge = Some(edge);
        }
    }
}
