//! The peer: clients that send known streams and check what comes back, over an engine of its own or over the small TCP.

use super::keys::Generation;
use super::scenario::{Opener, Scenario, TWIST};
use super::stacks::{BothTcps, Line, Told};
use crate::text;
use crate::wire::Ends;
use std::collections::VecDeque;
use std::net::SocketAddr;
use tcp_ha::engine::{CloseCause, Engine, Instant};
use tcp_ha::link::host::{Host, HostConfig, Inbound};
use tcp_ha::link::{Frames, LinkAddress};

/// How far a client's connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Not opened yet.
    Waiting,
    /// Opened.
    Open(Line),
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

    fn line(&self) -> Option<Line> {
        match self.stage {
            Stage::Open(line) => Some(line),
            _ => None,
        }
    }
}

/// See the module's text.
pub struct Peer {
    scenario: Scenario,
    tcps: BothTcps,
    host: Host,
    frames: Frames,
    /// The clients.
    pub clients: Vec<Client>,
    /// Connections that the pair opened while every client had one.
    unclaimed: VecDeque<Line>,
    /// Connections that the pair opened anew, as if it knew nothing of them.
    pub(super) opened_anew: Vec<Ends>,
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
        Peer {
            scenario: scenario.clone(),
            tcps: BothTcps::new(scenario),
            host: Host::new(host).expect("a valid host"),
            frames: Frames::default(),
            clients: vec![Client::new(); scenario.clients],
            unclaimed: VecDeque::new(),
            opened_anew: Vec::new(),
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
        for at in 0..self.clients.len() {
            if self.clients[at].line().is_none() {
                self.connect_from(now_us, at, 0);
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
        while let Some(&line) = self.unclaimed.front() {
            if self.tcps.ends(line).is_none() {
                // It was over before anybody had it.
                self.unclaimed.pop_front();
                continue;
            }
            let free = |client: &&mut Client| client.line().is_none();
            let Some(client) = self.clients.iter_mut().find(free) else {
                return;
            };
            self.unclaimed.pop_front();
            *client = Client::new();
            client.stage = Stage::Open(line);
            client.ends = self.tcps.ends(line);
            // What came before it had a client.
            (client.available, client.peer_closed) = self.tcps.progress(line);
        }
    }

    /// One client closes now: a FIN behind what it wrote.
    /// Nothing happens before it is established.
    pub fn close_client(&mut self, at: usize) {
        let line = self.clients[at].line();
        self.clients[at].closes |= line.is_some_and(|line| self.tcps.is_open(line));
    }

    /// Opens client `at` from a port of its own choice; 0 leaves it to the stack.
    pub fn connect_from(&mut self, now_us: u64, at: usize, port: u16) {
        let local = SocketAddr::new(self.scenario.family.peer(), port);
        let remote = self.scenario.pair_socket();
        let now = Instant::from_micros(now_us);
        let line = self.tcps.connect(now, local, remote);
        let client = &mut self.clients[at];
        *client = Client::new();
        client.stage = Stage::Open(line);
        client.ends = self.tcps.ends(line);
    }

    /// All clients close now: a FIN behind what they wrote.
    pub fn close(&mut self) {
        for client in &mut self.clients {
            client.closes = true;
        }
    }

    /// One client aborts now: a RST.
    pub fn abort_client(&mut self, now_us: u64, at: usize) {
        if let Some(line) = self.clients[at].line() {
            self.tcps.abort(Instant::from_micros(now_us), line);
        }
    }

    /// All clients abort now: a RST.
    pub fn abort(&mut self, now_us: u64) {
        (0..self.clients.len()).for_each(|at| self.abort_client(now_us, at));
    }

    /// Whether everything came back to every client.
    pub fn done(&self) -> bool {
        let octets = self.scenario.answered(self.scenario.octets);
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
        &self.tcps.engine
    }

    /// Its side of the connections has these keys from now on.
    pub(super) fn renew_keys(&mut self, generation: Generation) {
        self.tcps.set_keys(&self.scenario, generation);
    }

    /// Whether everything that a client has written so far was answered, and has arrived.
    pub fn is_answered(&self, at: usize) -> bool {
        let client = &self.clients[at];
        client.available == self.scenario.answered(client.written)
    }

    /// Segments that its small TCP has judged.
    pub fn judged(&self) -> u64 {
        self.tcps.small.judged
    }

    /// The connections of the clients, as the pair's segments name them.
    pub(super) fn flows(&self) -> Vec<Ends> {
        self.tcps.flows()
    }

    /// When it has something to do again, if nothing comes before.
    pub(super) fn next_us(&self, now_us: u64, turn_us: u64) -> u64 {
        let writes = self.clients.iter().any(|client| self.can_write(client));
        if writes || self.tcps.has_news() {
            return now_us + turn_us;
        }
        let timeouts = [self.tcps.next_timeout(), self.host.next_timeout()];
        let next = timeouts.into_iter().flatten().min();
        next.map_or(u64::MAX, |at| at.as_micros())
            .max(now_us + turn_us)
    }

    fn can_write(&self, client: &Client) -> bool {
        let Some(line) = client.line() else {
            return false;
        };
        let wants = client.written < self.scenario.octets && !client.closes && !client.closed;
        wants && self.tcps.is_open(line) && self.tcps.room(line) > 0
    }

    /// A turn of everybody.
    ///
    /// # Errors
    /// What the small TCP holds against a segment.
    pub(super) fn turn<'f>(
        &mut self,
        now_us: u64,
        frames: impl Iterator<Item = &'f [u8]>,
    ) -> Result<Vec<Vec<u8>>, String> {
        let now = Instant::from_micros(now_us);
        for frame in frames {
            if let Ok(Inbound::Segment {
                src, dst, segment, ..
            }) = self.host.handle_frame(now, frame, &mut self.frames)
            {
                self.tcps.arrive(now, &self.scenario, (src, dst), segment)?;
            }
        }
        self.tcps.timeout(now);
        self.host.handle_timeout(now, &mut self.frames);
        for (line, told) in self.tcps.take_told() {
            self.note(line, told);
        }
        for at in 0..self.clients.len() {
            self.client_turn(now, at);
        }
        self.tcps.transmit(now, &mut self.host, &mut self.frames);
        let frames = self.frames.drain();
        Ok(frames.map(|frame| frame.octets().to_vec()).collect())
    }

    fn note(&mut self, line: Line, told: Told) {
        let mut clients = self.clients.iter_mut();
        let client = clients.find(|client| client.line() == Some(line));
        match (told, client) {
            (Told::Accepted, _) => {
                self.unclaimed.push_back(line);
                self.claim();
            }
            (Told::OpenedAnew, _) => self.opened_anew.extend(self.tcps.ends(line)),
            (Told::Received(to), Some(client)) => client.available = client.available.max(to),
            (Told::PeerClosed, Some(client)) => client.peer_closed = true,
            (Told::Closed(cause), client) => {
                if let Some(client) = client {
                    client.stage = Stage::Over(cause);
                }
                self.unclaimed.retain(|unclaimed| *unclaimed != line);
            }
            _ => {}
        }
    }

    fn client_turn(&mut self, now: Instant, at: usize) {
        let Some(line) = self.clients[at].line() else {
            return;
        };
        if self.reads && self.clients[at].available > self.clients[at].returned {
            self.read(now, at, line);
        }
        let client = &mut self.clients[at];
        if client.closed {
            return;
        }
        let left = self.scenario.octets - client.written;
        let wanted = left.min(self.scenario.per_turn as u64) as usize;
        if wanted > 0 && !client.closes && self.tcps.is_open(line) {
            let text = self.scenario.text(client.written, wanted);
            client.written += self.tcps.send(now, line, &text);
        }
        let done = client.returned == self.scenario.answered(self.scenario.octets);
        let due = client.closes
            || (self.closes_when_done && done)
            || (self.closes_when_written && client.written == self.scenario.octets)
            || (self.closes_after_service && client.peer_closed && done);
        if due {
            client.closed = self.tcps.close(now, line);
        }
    }

    fn read(&mut self, now: Instant, at: usize, line: Line) {
        let client = &mut self.clients[at];
        let from = client.returned;
        let Some(pieces) = self.tcps.received(line, from) else {
            panic!("octets from {from} on were announced to client {at}");
        };
        let len = (client.available - from) as usize;
        let (salt, mut offset) = (self.scenario.salt, from);
        for octets in pieces {
            let octets = &octets[..octets.len().min(len - (offset - from) as usize)];
            if let Some(wrong) = text::differs(salt, TWIST, offset, octets) {
                panic!("octet {wrong} of client {at} is answered wrongly");
            }
            offset += octets.len() as u64;
        }
        assert_eq!(offset, client.available, "all that was announced is there");
        client.returned = client.available;
        self.tcps.consume(now, line, client.available);
    }
}
