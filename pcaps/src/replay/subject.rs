//! The engine in the place of one end.

use std::net::SocketAddr;
use std::time::Duration;

use tcp_ha_engine::options::SackBlocks;
use tcp_ha_engine::segment::Segment;
use tcp_ha_engine::{
    CloseCause, Config, ConnectionId, ConnectionInfo, ConnectionOptions, ConnectionState, Effects,
    Engine, Event, Instant, Secrets, SeqNum,
};

use super::trace::{End, Trace};
use crate::flow::Direction;
use crate::tcp::Flags;
use crate::time::Timestamp;

/// Where the engine's clock stands when the capture begins.
const ORIGIN: Duration = Duration::from_secs(3_600);
/// Timer rounds between two packets; more would mean that a timer fires at once for ever.
const ROUNDS_MAX: usize = 100_000;
const SEND_CAPACITY: usize = 1 << 26;
const NO_END: Duration = Duration::from_secs(1 << 30);

/// A segment that the engine would have sent.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) seq: SeqNum,
    pub(super) ack: SeqNum,
    pub(super) flags: Flags,
    pub(super) sack: SackBlocks,
    pub(super) text: Vec<u8>,
}

/// The engine and its one connection, told of the capture's moments.
pub(super) struct Subject {
    engine: Engine,
    config: Config,
    id: ConnectionId,
    local: SocketAddr,
    remote: SocketAddr,
    fx: Effects,
    /// When the capture begins.
    begin: Timestamp,
    /// How far this engine's clock is ahead of that of the first one.
    ahead: Duration,
    now: Instant,
    /// Why the connection was deleted.
    pub(super) closed: Option<CloseCause>,
    /// What it has said since this was last emptied.
    pub(super) said: Vec<Said>,
}

impl Subject {
    /// The end that opens: its SYN is sent.
    pub(super) fn connect(
        trace: &Trace,
        direction: Direction,
        begin: Timestamp,
        time: Timestamp,
    ) -> Result<Subject, String> {
        let mut first = Subject::new(trace, direction, begin);
        first.now = first.moment(time);
        let options = options();
        first.id = first
            .engine
            .connect(first.now, first.local, first.remote, options, &mut first.fx)
            .map_err(|error| error.to_string())?;
        first.renumbered(trace.end(direction))
    }

    /// The end that takes the SYN `syn`.
    pub(super) fn accept(
        trace: &Trace,
        direction: Direction,
        begin: Timestamp,
        time: Timestamp,
        syn: &[u8],
    ) -> Result<Subject, String> {
        let mut first = Subject::new(trace, direction, begin);
        first.listen()?;
        first.hear(time, syn);
        first.id = first
            .engine
            .connections()
            .next()
            .ok_or("the engine did not take the SYN")?;
        first.renumbered(trace.end(direction))
    }

    fn new(trace: &Trace, direction: Direction, begin: Timestamp) -> Subject {
        let end = trace.end(direction);
        let config = config(end, trace.capacity(direction));
        Subject {
            engine: Engine::new(config.clone(), secrets()),
            config,
            id: ConnectionId(0),
            local: end.socket,
            remote: trace.end(direction.reverse()).socket,
            fx: Effects::new(),
            begin,
            ahead: Duration::ZERO,
            now: Instant::ZERO,
            closed: None,
            said: Vec::new(),
        }
    }

    fn listen(&mut self) -> Result<(), String> {
        self.engine
            .listen(self.local, options(), 16)
            .map(|_| ())
            .map_err(|error| error.to_string())
    }

    /// The same connection with the sequence numbers, the scale and the clock that the capture shows.
    fn renumbered(self, end: &End) -> Result<Subject, String> {
        let mut state = self.state().ok_or("the engine has no connection")?;
        state.identity.iss = end.iss;
        state.identity.our_mss = end.mss.max(1);
        if state.identity.window_scaling {
            state.identity.rcv_wscale = end.window_scale.unwrap_or(0).min(14);
        }
        if let Some((time, tsval)) = end.clock {
            let clock = self.moment(time).as_millis() as u32;
            state.identity.timestamp_offset = tsval.wrapping_sub(clock);
            let now = self.now.as_millis() as u32;
            state.rtt.tsval_sent = now.wrapping_add(state.identity.timestamp_offset);
        }
        self.restored(&state, Duration::ZERO, &[], &[])
    }

    /// A second engine that takes the connection up from `state`, which is told in the clock of the first.
    fn restored(
        &self,
        state: &ConnectionState,
        ahead: Duration,
        received: &[u8],
        unsent: &[u8],
    ) -> Result<Subject, String> {
        let mut twin = Subject {
            engine: Engine::new(self.config.clone(), secrets()),
            config: self.config.clone(),
            id: self.id,
            local: self.local,
            remote: self.remote,
            fx: Effects::new(),
            begin: self.begin,
            ahead: self.ahead + ahead,
            now: self.now + ahead,
            closed: self.closed,
            said: Vec::new(),
        };
        twin.listen()?;
        let state = state.rebased(self.now, twin.now);
        twin.engine
            .restore(twin.now, self.id, &state, received, Some(unsent))
            .map_err(|error| error.to_string())?;
        Ok(twin)
    }

    /// A twin from a checkpoint and the octets, whose clock is `ahead` of this one's.
    ///
    /// # Errors
    /// What the checkpoint lacks, or in what the twin differs.
    pub(super) fn twin(&self, ahead: Duration) -> Result<Subject, String> {
        let state = self.state().ok_or("the connection is gone")?;
        let received = self.received();
        let unsent = self.unacknowledged();
        let twin = self.restored(&state, ahead, &received, &unsent)?;
        let told = twin.state().ok_or("the twin has no connection")?;
        let told = told.rebased(twin.now, self.now);
        if told != state {
            return Err(format!("checkpoint {state:?}, twin {told:?}"));
        }
        if twin.received() != received || twin.unacknowledged() != unsent {
            return Err("the twin's buffers differ".to_owned());
        }
        Ok(twin)
    }

    fn moment(&self, time: Timestamp) -> Instant {
        Instant::ZERO + ORIGIN + self.ahead + time.saturating_since(self.begin)
    }

    /// Lets time pass; timers fire at their moments.
    pub(super) fn advance(&mut self, time: Timestamp) {
        let until = self.moment(time).max(self.now);
        for _ in 0..ROUNDS_MAX {
            let Some(due) = self.engine.next_timeout().filter(|&due| due <= until) else {
                break;
            };
            self.now = due.max(self.now);
            self.engine.handle_timeout(self.now, &mut self.fx);
            self.drain();
        }
        self.now = until;
    }

    /// A segment of the peer arrives.
    pub(super) fn hear(&mut self, time: Timestamp, octets: &[u8]) {
        self.now = self.moment(time).max(self.now);
        self.engine.handle_segment(
            self.now,
            self.remote.ip(),
            self.local.ip(),
            octets,
            &mut self.fx,
        );
        self.drain();
    }

    /// The user writes; how many octets were taken.
    pub(super) fn write(&mut self, octets: &[u8]) -> usize {
        let taken = self
            .engine
            .send(self.now, self.id, octets, &mut self.fx)
            .unwrap_or(0);
        self.drain();
        taken
    }

    /// The user closes.
    pub(super) fn close(&mut self) {
        // A connection that is gone has nothing to close.
        let _ = self.engine.close(self.now, self.id, &mut self.fx);
        self.drain();
    }

    /// The user has read up to the stream offset `upto`.
    pub(super) fn consume(&mut self, upto: u64) {
        // A connection that is gone holds nothing.
        let _ = self.engine.consume(self.now, self.id, upto, &mut self.fx);
        self.drain();
    }

    /// The first words after a takeover.
    pub(super) fn resume(&mut self) {
        // The connection was restored a moment ago.
        let _ = self.engine.resume(self.now, self.id, 1_000, &mut self.fx);
        self.drain();
    }

    /// Octets from READ to RCV.NXT.
    pub(super) fn received(&self) -> Vec<u8> {
        let read = self.info().map_or(0, |info| info.read);
        match self.engine.received(self.id, read) {
            Ok(octets) => octets.collect::<Vec<_>>().concat(),
            Err(_) => Vec::new(),
        }
    }

    fn unacknowledged(&self) -> Vec<u8> {
        match self.engine.unacknowledged(self.id) {
            Ok((_, pieces)) => pieces.collect::<Vec<_>>().concat(),
            Err(_) => Vec::new(),
        }
    }

    pub(super) fn state(&self) -> Option<ConnectionState> {
        self.engine.snapshot(self.id)
    }

    pub(super) fn info(&self) -> Option<ConnectionInfo> {
        self.engine.connection(self.id)
    }

    /// Retransmission timeouts so far.
    pub(super) fn timeouts(&self) -> u64 {
        self.engine.counters().timeouts
    }

    fn drain(&mut self) {
        for segment in self.fx.segments() {
            if segment.id != Some(self.id) {
                continue;
            }
            if let Some(parsed) = Segment::parse(segment.bytes) {
                self.said.push(Said {
                    seq: parsed.header.seq,
                    ack: parsed.header.ack,
                    flags: Flags(parsed.header.flags.0),
                    sack: parsed.options.sack,
                    text: parsed.payload.to_vec(),
                });
            }
        }
        for event in &self.fx.events {
            if let Event::Closed { id, cause } = *event
                && id == self.id
            {
                self.closed = Some(cause);
            }
        }
        self.fx.clear();
    }
}

/// What the end's own SYN shows; and no limit that could end what the capture shows going on.
fn config(end: &End, capacity: u64) -> Config {
    let header = if end.socket.is_ipv4() { 40 } else { 60 };
    Config {
        mtu: end.mss.saturating_add(header),
        timestamps: end.timestamps,
        sack: end.sack_permitted,
        window_scaling: end.window_scale.is_some(),
        // The engine's window opens by steps of a segment; the end's may not.
        receive_capacity: usize::try_from(capacity)
            .unwrap_or(usize::MAX)
            .saturating_add(2 * usize::from(end.mss)),
        send_capacity: SEND_CAPACITY,
        max_reassembly_ranges: 1_024,
        fin_wait_2_limit: NO_END,
        max_retransmits: u8::MAX,
        syn_retries: u8::MAX,
        syn_ack_retries: u8::MAX,
        verify_checksum: false,
        ..Config::default()
    }
}

/// Users send at once what they have.
fn options() -> ConnectionOptions {
    ConnectionOptions {
        nodelay: true,
        ..ConnectionOptions::default()
    }
}

/// Nothing is kept secret from a capture.
fn secrets() -> Secrets {
    Secrets::from_bytes(&[7; Secrets::LEN])
}
