//! The two TCPs of the peer, behind one face: an engine like the pair's, and the small one, which shares no code with it.

use super::keys::{self, Generation};
use super::scenario::{Opener, Scenario, Stacks, TWIST};
use crate::small::{self, End, Expected, Number, Settings, SmallTcp};
use crate::wire::Ends;
use std::net::{IpAddr, SocketAddr};
use tcp_ha::engine::{
    CloseCause, ConnectionId, ConnectionOptions, Effects, Engine, Event, Instant, Secrets,
};
use tcp_ha::link::Frames;
use tcp_ha::link::host::Host;

/// A connection of the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// Of its engine.
    Engine(ConnectionId),
    /// Of its small TCP.
    Small(Number),
}

/// What happened to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// The pair opened it.
    Accepted,
    /// Octets are there up to this offset.
    Received(u64),
    /// The pair closed it.
    PeerClosed,
    /// The pair opens another with the same ends.
    OpenedAnew,
    /// It is over.
    Closed(CloseCause),
}

/// See the module's text.
pub(super) struct BothTcps {
    pub(super) engine: Engine,
    fx: Effects,
    pub(super) small: SmallTcp,
    uses: Stacks,
    salt: u8,
    opened: u8,
}

/// Connections that its engine takes in at a time, for each client. Beyond them it answers with cookies, and then an ACK of the pair
/// that is lost would leave the pair with a connection that nobody knows.
const PLACES: usize = 4;

/// What the small TCP is told of a scenario.
fn settings(scenario: &Scenario) -> Settings {
    let tcp = &scenario.peer_tcp;
    let micros = |time: std::time::Duration| time.as_micros() as u64;
    let capacity = tcp.receive_capacity as u64;
    let shift = (0..14).find(|shift| capacity >> shift <= 0xffff);
    Settings {
        capacity,
        room: tcp.send_capacity,
        mtu: tcp.mtu,
        timestamps: tcp.timestamps,
        sack: tcp.sack,
        scale: shift.filter(|_| tcp.window_scaling),
        rto_us: micros(tcp.initial_rto),
        delayed_ack_us: micros(tcp.delayed_ack),
        time_wait_us: 2 * micros(tcp.msl),
        expected: Expected {
            salt: scenario.salt,
            twist: TWIST,
        },
        isn: u32::from(scenario.salt) << 20,
        wraps: scenario.wraps,
    }
}

impl BothTcps {
    pub(super) fn new(scenario: &Scenario) -> BothTcps {
        let secrets = Secrets::from_bytes(&[7; Secrets::LEN]);
        let mut engine = Engine::new(scenario.peer_tcp.clone(), secrets);
        let mut small = SmallTcp::new(settings(scenario));
        if scenario.opener == Opener::Pair {
            let (socket, options) = (scenario.peer_socket(), ConnectionOptions::default());
            // Signed and half open, a connection that the pair has forgotten keeps its place to the end: others need room beside it.
            let listens = engine.listen(socket, options, scenario.clients * PLACES);
            listens.expect("a free port");
            small.listen(socket);
        }
        let mut tcps = BothTcps {
            engine,
            fx: Effects::default(),
            small,
            uses: scenario.stacks,
            salt: scenario.salt,
            opened: 0,
        };
        tcps.set_keys(scenario, 0);
        tcps
    }

    pub(super) fn set_keys(&mut self, scenario: &Scenario, generation: Generation) {
        let Scenario {
            signing, family, ..
        } = *scenario;
        let table = keys::of_the_peer(signing, generation, family);
        self.engine.set_security(table);
        self.small.set_keys(keys::of_the_small(signing, generation));
    }

    /// Opens a connection, from a port if one is asked for.
    pub(super) fn connect(&mut self, now: Instant, local: SocketAddr, remote: SocketAddr) -> Line {
        self.opened = self.opened.wrapping_add(1);
        let small = match self.uses {
            Stacks::Engine => false,
            Stacks::Small => true,
            Stacks::Both => (self.opened ^ self.salt) & 1 == 1,
        };
        if small && local.port() == 0 {
            return Line::Small(self.small.connect(now.as_micros(), local.ip(), remote));
        }
        let options = ConnectionOptions::default();
        let id = self
            .engine
            .connect(now, local, remote, options, &mut self.fx);
        Line::Engine(id.expect("a free port"))
    }

    /// Whether a segment to this port of ours, from that one of the pair's, is the small TCP's.
    fn is_small(&self, scenario: &Scenario, to: u16, from: u16) -> bool {
        if scenario.opener == Opener::Peer || to != scenario.peer_socket().port() {
            return SmallTcp::opened_from(to);
        }
        match self.uses {
            Stacks::Engine => false,
            Stacks::Small => true,
            Stacks::Both => (from ^ (from >> 5) ^ u16::from(self.salt)) & 1 == 1,
        }
    }

    /// A segment of the pair.
    ///
    /// # Errors
    /// What the small TCP holds against it.
    pub(super) fn arrive(
        &mut self,
        now: Instant,
        scenario: &Scenario,
        (src, dst): (IpAddr, IpAddr),
        segment: &[u8],
    ) -> Result<(), String> {
        let port = |at: usize| {
            let octets = segment.get(at..at + 2)?;
            Some(u16::from_be_bytes(octets.try_into().ok()?))
        };
        let ports = port(2).zip(port(0));
        if ports.is_some_and(|(to, from)| self.is_small(scenario, to, from)) {
            return self.small.arrive(now.as_micros(), src, dst, segment);
        }
        self.engine
            .handle_segment(now, src, dst, segment, &mut self.fx);
        Ok(())
    }

    pub(super) fn timeout(&mut self, now: Instant) {
        self.engine.handle_timeout(now, &mut self.fx);
        self.small.timeout(now.as_micros());
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let small = self.small.next_us().map(Instant::from_micros);
        small.into_iter().chain(self.engine.next_timeout()).min()
    }

    /// Whether something happened that was not taken yet.
    pub(super) fn has_news(&self) -> bool {
        !self.fx.events.is_empty() || self.small.has_news()
    }

    /// What happened, oldest first.
    pub(super) fn take_told(&mut self) -> Vec<(Line, Told)> {
        let events = self.fx.events.drain(..);
        let mut told: Vec<(Line, Told)> = events.filter_map(of_engine).collect();
        let news = self.small.take_told().into_iter();
        told.extend(news.map(|(number, told)| (Line::Small(number), of_small(told))));
        told
    }

    /// Hands all segments to the host.
    pub(super) fn transmit(&mut self, now: Instant, host: &mut Host, frames: &mut Frames) {
        for segment in self.fx.segments() {
            let (dscp, hops) = (segment.dscp, segment.hop_limit);
            let (src, dst, octets) = (segment.src, segment.dst, segment.bytes);
            host.send_segment(now, src, dst, dscp, hops, octets, frames);
        }
        // Events of the clients' own calls wait for the next turn.
        let events = std::mem::take(&mut self.fx.events);
        self.fx.clear();
        self.fx.events = events;
        for segment in self.small.take_segments() {
            let (src, dst) = (segment.src, segment.dst);
            host.send_segment(now, src, dst, 0, 64, &segment.octets, frames);
        }
    }

    /// How many octets of `text` were taken.
    pub(super) fn send(&mut self, now: Instant, line: Line, text: &[u8]) -> u64 {
        match line {
            Line::Engine(id) => {
                let taken = self.engine.send(now, id, text, &mut self.fx);
                taken.unwrap_or(0) as u64
            }
            Line::Small(number) => self.small.send(now.as_micros(), number, text) as u64,
        }
    }

    pub(super) fn room(&self, line: Line) -> usize {
        match line {
            Line::Engine(id) => self.engine.send_room(id),
            Line::Small(number) => self.small.room(number),
        }
    }

    /// Whether its user may say something, now or later.
    pub(super) fn is_open(&self, line: Line) -> bool {
        match line {
            Line::Engine(id) => self
                .engine
                .connection(id)
                .is_some_and(|info| info.state.accepts_text()),
            Line::Small(number) => self.small.is_open(number),
        }
    }

    /// True where it is closed now.
    pub(super) fn close(&mut self, now: Instant, line: Line) -> bool {
        match line {
            Line::Engine(id) => self.engine.close(now, id, &mut self.fx).is_ok(),
            Line::Small(number) => self.small.close(now.as_micros(), number),
        }
    }

    pub(super) fn abort(&mut self, now: Instant, line: Line) {
        match line {
            Line::Engine(id) => {
                let _ = self.engine.abort(now, id, &mut self.fx);
            }
            Line::Small(number) => self.small.abort(now.as_micros(), number),
        }
    }

    /// Octets from offset `from` on, up to which the user has read.
    pub(super) fn received(&self, line: Line, from: u64) -> Option<Vec<&[u8]>> {
        match line {
            Line::Engine(id) => self.engine.received(id, from).ok().map(Iterator::collect),
            Line::Small(number) => {
                let (head, tail) = self.small.received(number);
                Some(vec![head, tail])
            }
        }
    }

    pub(super) fn consume(&mut self, now: Instant, line: Line, upto: u64) {
        match line {
            Line::Engine(id) => {
                let consumed = self.engine.consume(now, id, upto, &mut self.fx);
                consumed.expect("octets that were received");
            }
            Line::Small(number) => self.small.consume(now.as_micros(), number, upto),
        }
    }

    /// How far it has received, and whether the pair has closed.
    pub(super) fn progress(&self, line: Line) -> (u64, bool) {
        match line {
            Line::Engine(id) => self
                .engine
                .connection(id)
                .map_or((0, false), |info| (info.rcv_nxt, info.fin_received)),
            Line::Small(number) => self.small.progress(number),
        }
    }

    /// Its connection, as the pair's segments name it.
    pub(super) fn ends(&self, line: Line) -> Option<Ends> {
        let (ours, theirs) = match line {
            Line::Engine(id) => {
                let tuple = self.engine.connection(id)?.tuple;
                (tuple.local, tuple.remote)
            }
            Line::Small(number) => {
                let small::Ends { local, remote } = self.small.ends(number)?;
                (local, remote)
            }
        };
        Some((theirs.port(), ours.ip(), ours.port()))
    }

    /// All connections, as the pair's segments name them.
    pub(super) fn flows(&self) -> Vec<Ends> {
        let engine = self.engine.connections().map(Line::Engine);
        let lines = engine.chain(self.small.numbers().map(Line::Small));
        lines.filter_map(|line| self.ends(line)).collect()
    }
}

fn of_engine(event: Event) -> Option<(Line, Told)> {
    let (id, told) = match event {
        Event::Accepted { id, .. } => (id, Told::Accepted),
        Event::Received { id, to, .. } => (id, Told::Received(to)),
        Event::PeerClosed { id } => (id, Told::PeerClosed),
        Event::Closed { id, cause } => (id, Told::Closed(cause)),
        _ => return None,
    };
    Some((Line::Engine(id), told))
}

fn of_small(told: small::Told) -> Told {
    match told {
        small::Told::Accepted => Told::Accepted,
        small::Told::Received(to) => Told::Received(to),
        small::Told::PeerClosed => Told::PeerClosed,
        small::Told::OpenedAnew => Told::OpenedAnew,
        small::Told::Closed(end) => Told::Closed(match end {
            End::Normal => CloseCause::Normal,
            End::Reset => CloseCause::ResetByPeer,
            End::Aborted => CloseCause::Aborted,
            End::TimedOut => CloseCause::TimedOut,
        }),
    }
}
