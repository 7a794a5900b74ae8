//! The peer: an engine of its own with clients that send known streams and check what comes back.

use super::scenario::{Opener, Scenario, TWIST};
use super::text;
use crate::wire::Ends;
use std::collections::VecDeque;
use std::net::SocketAddr;
use tcp_ha::engine::{
    CloseCause, ConnectionId, ConnectionInfo, ConnectionOptions, Effects, Engine, Event, Instant,
    Secrets,
};
use tcp_ha::link::host::{Host, HostConfig, Inbound};
use tcp_ha::link::{Frames, LinkAddress};

/// How far a client's connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Not opened yet.
    Waiting,
    /// Opened.
    Open(ConnectionId),
    /// Over.
    Over(CloseCause),
}

/// One client.
#[derive(Clone, Debug)]
pub struct Client {
    /// How far its connection is.
    pub stage: Stage,
    /// Octets written so far.
    pub written: u64,
    /// Answered octets so far.
    pub returned: u64,
    /// The service closed its direction.
    pub peer_closed: bool,
    /// Its connection, as the pair's segments name it.
    pub ends: Option<Ends>,
    /// Answered octets that have arrived, read or not.
    pub available: u64,
    closes: bool,
    closed: bool,
}

impl Client {
    fn new() -> Client {
        Client {
            stage: Stage::Waiting,
            written: 0,
            returned: 0,
            peer_closed: false,
            ends: None,
            available: 0,
            closes: false,
            closed: false,
        }
    }

    fn id(&self) -> Option<ConnectionId> {
        match self.stage {
            Stage::Open(id) => Some(id),
            _ => None,
        }
    }
}

/// A connection of the peer's engine, as the pair's segments name it.
fn ends(info: &ConnectionInfo) -> Ends {
    let (ours, theirs) = (info.tuple.local, info.tuple.remote);
    (theirs.port(), ours.ip(), ours.port())
}

/// See the module's text.
pub struct Peer {
    scenario: Scenario,
    engine: Engine,
    host: Host,
    fx: Effects,
    frames: Frames,
    /// The clients.
    pub clients: Vec<Client>,
    /// Connections that the pair opened while every client had one.
    unclaimed: VecDeque<ConnectionId>,
    /// Whether clients take what comes.
    pub reads: bool,
    /// Clients close once everything came back.
    pub closes_when_done: bool,
    /// Clients close once everything is written.
    pub closes_when_written: bool,
    /// Clients close once the service did.
    pub closes_after_service: bool,
}

impl Peer {
    pub(super) fn new(scenario: &Scenario) -> Peer {
        let family = scenario.family;
        let mut host = HostConfig::ethernet(LinkAddress([2, 0, 0, 0, 0, 2]));
        host.addresses = vec![(family.peer(), family.prefix())];
        let mut engine = Engine::new(
            scenario.peer_tcp.clone(),
            Secrets::from_bytes(&[7; Secrets::LEN]),
        );
        if scenario.opener == Opener::Pair {
            engine
                .listen(
                    scenario.peer_socket(),
                    ConnectionOptions::default(),
                    scenario.clients,
                )
                .expect("a free port");
        }
        Peer {
            scenario: scenario.clone(),
            engine,
            host: Host::new(host).expect("a valid host"),
            fx: Effects::default(),
            frames: Frames::default(),
            clients: vec![Client::new(); scenario.clients],
            unclaimed: VecDeque::new(),
            reads: true,
            closes_when_done: false,
            closes_when_written: false,
            closes_after_service: false,
        }
    }

    /// Opens the connections that are not open; a client whose connection was lost begins anew.
    pub fn connect(&mut self, now_us: u64) {
        if self.scenario.opener == Opener::Pair {
            return;
        }
        for client in &mut self.clients {
            if client.id().is_none() {
                *client = Client::new();
                let id = self.engine.connect(
                    Instant::from_micros(now_us),
                    SocketAddr::new(self.scenario.family.peer(), 0),
                    self.scenario.pair_socket(),
                    ConnectionOptions::default(),
                    &mut self.fx,
                );
                let id = id.expect("a free port");
                client.stage = Stage::Open(id);
                client.ends = self.engine.connection(id).map(|info| ends(&info));
            }
        }
    }

    /// Whether some client's connection is over.
    pub fn some_over(&self) -> bool {
        let mut stages = self.clients.iter().map(|client| client.stage);
        stages.any(|stage| matches!(stage, Stage::Over(_)))
    }

    /// A client whose connection is over waits for its next.
    pub fn begin_anew(&mut self, at: usize) {
        self.clients[at] = Client::new();
        self.claim();
    }

    /// Connections that the pair opened go to clients without one, as such become free.
    fn claim(&mut self) {
        while let Some(&id) = self.unclaimed.front() {
            let Some(client) = self.clients.iter_mut().find(|client| client.id().is_none()) else {
                return;
            };
            self.unclaimed.pop_front();
            *client = Client::new();
            client.stage = Stage::Open(id);
            client.ends = self.engine.connection(id).map(|info| ends(&info));
            // What came before it had a client.
            client.available = self.engine.connection(id).map_or(0, |info| info.rcv_nxt);
            client.peer_closed = self
                .engine
                .connection(id)
                .is_some_and(|info| info.fin_received);
        }
    }

    /// One client closes now: a FIN behind what it wrote.
    /// Nothing happens before it is established.
    pub fn close_client(&mut self, at: usize) {
        let info = self.clients[at]
            .id()
            .and_then(|id| self.engine.connection(id));
        self.clients[at].closes |= info.is_some_and(|info| info.state.accepts_text());
    }

    /// Opens client `at` from a port of its own choice.
    pub fn connect_from(&mut self, now_us: u64, at: usize, port: u16) {
        self.clients[at] = Client::new();
        let id = self.engine.connect(
            Instant::from_micros(now_us),
            SocketAddr::new(self.scenario.family.peer(), port),
            self.scenario.pair_socket(),
            ConnectionOptions::default(),
            &mut self.fx,
        );
        self.clients[at].stage = Stage::Open(id.expect("a free port"));
    }

    /// All clients close now: a FIN behind what they wrote.
    pub fn close(&mut self) {
        for client in &mut self.clients {
            client.closes = true;
        }
    }

    /// One client aborts now: a RST.
    pub fn abort_client(&mut self, now_us: u64, at: usize) {
        if let Some(id) = self.clients[at].id() {
            let _ = self
                .engine
                .abort(Instant::from_micros(now_us), id, &mut self.fx);
        }
    }

    /// All clients abort now: a RST.
    pub fn abort(&mut self, now_us: u64) {
        for client in &self.clients {
            if let Some(id) = client.id() {
                let _ = self
                    .engine
                    .abort(Instant::from_micros(now_us), id, &mut self.fx);
            }
        }
    }

    /// Whether everything came back to every client.
    pub fn done(&self) -> bool {
        let octets = self.scenario.octets;
        self.clients.iter().all(|client| client.returned == octets)
    }

    /// Whether a connection was lost: every end but a proper one.
    pub fn lost(&self) -> bool {
        self.clients
            .iter()
            .any(|client| matches!(client.stage, Stage::Over(cause) if cause != CloseCause::Normal))
    }

    /// Whether every connection has ended properly.
    pub fn all_over(&self) -> bool {
        self.clients
            .iter()
            .all(|client| client.stage == Stage::Over(CloseCause::Normal))
    }

    /// Octets that came back, over all clients.
    pub fn returned(&self) -> u64 {
        self.clients.iter().map(|client| client.returned).sum()
    }

    /// Lets every client send `octets` more than before.
    pub fn send_more(&mut self, octets: u64) {
        self.scenario.octets += octets;
    }

    /// The peer's engine, to look at.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The connections of the clients, as the pair's segments name them.
    pub(super) fn flows(&self) -> Vec<Ends> {
        let infos = self
            .engine
            .connections()
            .filter_map(|id| self.engine.connection(id));
        infos.map(|info| ends(&info)).collect()
    }

    /// When it has something to do again, if nothing comes before.
    pub(super) fn next_us(&self, now_us: u64, turn_us: u64) -> u64 {
        let writes = self.clients.iter().any(|client| self.can_write(client));
        if writes || !self.fx.events.is_empty() {
            return now_us + turn_us;
        }
        let timeouts = [self.engine.next_timeout(), self.host.next_timeout()];
        let next = timeouts.into_iter().flatten().min();
        next.map_or(u64::MAX, |at| at.as_micros())
            .max(now_us + turn_us)
    }

    fn can_write(&self, client: &Client) -> bool {
        let Some(id) = client.id() else {
            return false;
        };
        let accepts = self
            .engine
            .connection(id)
            .is_some_and(|info| info.state.accepts_text());
        let wants = client.written < self.scenario.octets && !client.closes;
        !client.closed && accepts && wants && self.engine.send_room(id) > 0
    }

    pub(super) fn turn<'f>(
        &mut self,
        now_us: u64,
        frames: impl Iterator<Item = &'f [u8]>,
    ) -> Vec<Vec<u8>> {
        let now = Instant::from_micros(now_us);
        for frame in frames {
            if let Ok(Inbound::Segment {
                src, dst, segment, ..
            }) = self.host.handle_frame(now, frame, &mut self.frames)
            {
                self.engine
                    .handle_segment(now, src, dst, segment, &mut self.fx);
            }
        }
        self.engine.handle_timeout(now, &mut self.fx);
        self.host.handle_timeout(now, &mut self.frames);
        for event in std::mem::take(&mut self.fx.events) {
            self.note(event);
        }
        for at in 0..self.clients.len() {
            self.client_turn(now, at);
        }
        for segment in self.fx.segments() {
            let (dscp, hops) = (segment.dscp, segment.hop_limit);
            self.host.send_segment(
                now,
                segment.src,
                segment.dst,
                dscp,
                hops,
                segment.bytes,
                &mut self.frames,
            );
        }
        // Events of the clients' own calls wait for the next turn.
        let events = std::mem::take(&mut self.fx.events);
        self.fx.clear();
        self.fx.events = events;
        self.frames
            .drain()
            .map(|frame| frame.octets().to_vec())
            .collect()
    }

    fn client_of(&mut self, id: ConnectionId) -> Option<&mut Client> {
        self.clients
            .iter_mut()
            .find(|client| client.id() == Some(id))
    }

    fn note(&mut self, event: Event) {
        match event {
            Event::Accepted { id, .. } => {
                self.unclaimed.push_back(id);
                self.claim();
            }
            Event::Received { id, to, .. } => {
                if let Some(client) = self.client_of(id) {
                    client.available = client.available.max(to);
                }
            }
            Event::PeerClosed { id } => {
                if let Some(client) = self.client_of(id) {
                    client.peer_closed = true;
                }
            }
            Event::Closed { id, cause } => {
                self.unclaimed.retain(|unclaimed| *unclaimed != id);
                if let Some(client) = self.client_of(id) {
                    client.stage = Stage::Over(cause);
                }
            }
            _ => {}
        }
    }

    fn client_turn(&mut self, now: Instant, at: usize) {
        let Some(id) = self.clients[at].id() else {
            return;
        };
        if self.reads && self.clients[at].available > self.clients[at].returned {
            self.read(now, at, id);
        }
        let client = &mut self.clients[at];
        let accepts = self
            .engine
            .connection(id)
            .is_some_and(|info| info.state.accepts_text());
        let done = client.returned == self.scenario.octets;
        if !client.closed {
            let wanted = (self.scenario.octets - client.written).min(self.scenario.per_turn as u64);
            if wanted > 0 && accepts && !client.closes {
                let text = self.scenario.text(client.written, wanted as usize);
                let taken = self.engine.send(now, id, &text, &mut self.fx);
                client.written += taken.unwrap_or(0) as u64;
            }
            let due = client.closes
                || (self.closes_when_done && done)
                || (self.closes_when_written && client.written == self.scenario.octets)
                || (self.closes_after_service && client.peer_closed && done);
            if due {
                client.closed = self.engine.close(now, id, &mut self.fx).is_ok();
            }
        }
    }

    fn read(&mut self, now: Instant, at: usize, id: ConnectionId) {
        let client = &mut self.clients[at];
        let from = client.returned;
        let Ok((head, tail)) = self.engine.received(id, from) else {
            panic!("octets from {from} on were announced to client {at}");
        };
        let len = (client.available - from) as usize;
        let (salt, mut offset) = (self.scenario.salt, from);
        for octets in [head, tail] {
            let octets = &octets[..octets.len().min(len - (offset - from) as usize)];
            if let Some(wrong) = text::differs(salt, TWIST, offset, octets) {
                panic!("octet {wrong} of client {at} is answered wrongly");
            }
            offset += octets.len() as u64;
        }
        client.returned = client.available;
        self.engine
            .consume(now, id, client.available, &mut self.fx)
            .expect("octets that were received");
    }
}
