//! A world for tests: speakers joined by pipes, one clock, one seed, and a replica that follows the first speaker.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;

use crate::attributes::PathAttributes;
use crate::config::{PeerConfig, SpeakerConfig};
use crate::prefix::{Families, Family, Prefix};
use crate::replica::HandedOver;
use crate::speaker::{ConnId, Input, Opener, OriginatedRoute, Output, Speaker};
use crate::time::Instant;

/// xorshift64*: enough to mix schedules, and the same everywhere.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit.max(1)
    }
}

/// What happened between two records, in one transaction.
#[derive(Debug, Default)]
struct Batch {
    sent: Vec<(ConnId, u64, Bytes)>,
    received: Vec<(ConnId, u64, Vec<u8>)>,
}

/// One end of a pipe.
#[derive(Debug)]
struct End {
    node: usize,
    conn: ConnId,
    /// Octets on their way to this end.
    inbound: VecDeque<u8>,
    /// Octets that this end has taken from the pipe, as far as they are not dealt with, and where they begin.
    taken: Vec<u8>,
    taken_at: u64,
    written: u64,
    /// The speaker knows of the connection.
    told: bool,
    /// This end closes when it has pulled everything.
    closing: bool,
    closed: bool,
}

#[derive(Debug)]
struct Pipe {
    ends: [End; 2],
    addresses: [SocketAddr; 2],
}

/// A speaker and what it asked for.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) speaker: Speaker,
    pub(crate) address: IpAddr,
    connects: VecDeque<IpAddr>,
    ready: BTreeSet<ConnId>,
    /// Everything it said for the log.
    pub(crate) log: Vec<Output>,
}

pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) nodes: Vec<Node>,
    pipes: Vec<Pipe>,
    /// Follows node 0.
    pub(crate) replica: Option<Speaker>,
    /// Events of node 0's feed that the replica gets together, what was sent first.
    batch: Option<Batch>,
    pub(crate) random: Random,
    next_conn: u64,
}

pub(crate) fn prefix(text: &str) -> Prefix {
    text.parse().expect("a prefix")
}

pub(crate) fn route(number: u32, community: u32) -> OriginatedRoute {
    let network = Ipv4Addr::from(0x0a64_0000 + (number << 8));
    let mut attributes = PathAttributes::originated(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    attributes.communities = [community].into();
    OriginatedRoute {
        prefix: Prefix::new(network.into(), 24).expect("a prefix"),
        attributes,
    }
}

pub(crate) fn route6(number: u16) -> OriginatedRoute {
    let network = Ipv6Addr::new(0x2001, 0xdb8, number, 0, 0, 0, 0, 0);
    let attributes = PathAttributes::originated(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
    OriginatedRoute {
        prefix: Prefix::new(network.into(), 48).expect("a prefix"),
        attributes,
    }
}

/// The address of a node.
pub(crate) fn address(node: usize, family: Family) -> IpAddr {
    let low = u8::try_from(node + 1).expect("few nodes");
    match family {
        Family::Ipv4 => Ipv4Addr::new(10, 99, 0, low).into(),
        Family::Ipv6 => Ipv6Addr::new(0xfd99, 0, 0, 0, 0, 0, 0, low.into()).into(),
    }
}

pub(crate) fn config(
    node: usize,
    asn: u32,
    family: Family,
    peers: &[(usize, u32, bool)],
) -> SpeakerConfig {
    let low = u8::try_from(node + 1).expect("few nodes");
    let peers = peers.iter().map(|(peer, asn, passive)| PeerConfig {
        address: address(*peer, family),
        asn: *asn,
        passive: *passive,
        families: Families::from_iter([family]),
        local: None,
        connect_retry: Duration::from_secs(5),
    });
    let mut peers: Vec<_> = peers.collect();
    peers.sort_by_key(|peer| peer.address);
    SpeakerConfig {
        asn,
        router_id: Ipv4Addr::new(10, 99, 0, low),
        hold_time: Duration::from_secs(9),
        next_hop_ipv4: None,
        next_hop_ipv6: None,
        peers,
    }
}

impl World {
    /// Speakers of these configurations; node `n` has `address(n, family)`.
    pub(crate) fn new(seed: u64, family: Family, configs: Vec<SpeakerConfig>) -> Self {
        let nodes = configs.into_iter().enumerate().map(|(at, config)| Node {
            speaker: Speaker::new(config),
            address: address(at, family),
            connects: VecDeque::new(),
            ready: BTreeSet::new(),
            log: Vec::new(),
        });
        Self {
            now: Instant::from_micros(1_000_000),
            nodes: nodes.collect(),
            pipes: Vec::new(),
            replica: None,
            batch: None,
            random: Random::new(seed),
            next_conn: 0,
        }
    }

    /// Node 0 in AS 65001 in the middle of `others` peers with ASes of their own.
    pub(crate) fn star(seed: u64, family: Family, others: usize) -> Self {
        let asn = |node: usize| 65_001 + u32::try_from(node).expect("few nodes");
        let spokes: Vec<_> = (1..=others)
            .map(|node| (node, asn(node), node % 3 == 0))
            .collect();
        let mut configs = vec![config(0, asn(0), family, &spokes)];
        configs.extend(
            (1..=others).map(|node| config(node, asn(node), family, &[(0, asn(0), false)])),
        );
        Self::new(seed, family, configs)
    }

    pub(crate) fn follow(&mut self) {
        self.replica = Some(Speaker::new_replica(self.nodes[0].speaker.config.clone()));
    }

    pub(crate) fn input(&mut self, node: usize, input: Input<'_>) {
        let mut out = Vec::new();
        self.nodes[node].speaker.handle(self.now, input, &mut out);
        self.outputs(node, out);
    }

    pub(crate) fn start(&mut self) {
        for node in 0..self.nodes.len() {
            self.input(node, Input::Start);
        }
    }

    pub(crate) fn outputs(&mut self, node: usize, out: Vec<Output>) {
        for output in out {
            match output {
                Output::Connect { peer, .. } => self.nodes[node].connects.push_back(peer),
                Output::SendReady { conn } => {
                    self.nodes[node].ready.insert(conn);
                }
                Output::Processed { conn, total_octets } => {
                    self.dealt_with(node, conn, total_octets)
                }
                Output::Record { conn, data } => {
                    if node == 0 {
                        self.end_batch();
                    }
                    if let Some(replica) = self.replica.as_mut().filter(|_| node == 0) {
                        replica
                            .replica_record(self.now, conn, &data)
                            .expect("a good record");
                    }
                }
                Output::Close { conn } => {
                    if let Some((pipe, end)) = self.find(node, conn) {
                        self.pipes[pipe].ends[end].closing = true;
                        self.nodes[node].ready.insert(conn);
                    }
                }
                Output::Abort { conn } => {
                    if let Some((pipe, _)) = self.find(node, conn) {
                        self.cut(pipe);
                    }
                }
                Output::PeerUp { .. } | Output::PeerDown { .. } | Output::Fault { .. } => {
                    self.nodes[node].log.push(output);
                }
            }
        }
    }

    fn find(&self, node: usize, conn: ConnId) -> Option<(usize, usize)> {
        self.pipes.iter().enumerate().find_map(|(at, pipe)| {
            let end = pipe
                .ends
                .iter()
                .position(|end| end.node == node && end.conn == conn && !end.closed)?;
            Some((at, end))
        })
    }

    fn dealt_with(&mut self, node: usize, conn: ConnId, total: u64) {
        let Some((pipe, end)) = self.find(node, conn) else {
            return;
        };
        let end = &mut self.pipes[pipe].ends[end];
        let octets = usize::try_from(total - end.taken_at).expect("few octets");
        let gone: Vec<u8> = end.taken.drain(..octets).collect();
        let offset = std::mem::replace(&mut end.taken_at, total);
        match (&mut self.batch, &mut self.replica) {
            (Some(batch), _) if node == 0 => batch.received.push((conn, offset, gone)),
            (None, Some(replica)) if node == 0 => {
                replica.replica_received(self.now, conn, offset, &gone)
            }
            _ => {}
        }
    }

    /// From now on the replica gets its feed in transactions, each in an order of its own.
    pub(crate) fn follow_in_batches(&mut self) {
        self.follow();
        self.batch = Some(Batch::default());
    }

    /// The transaction is over.
    pub(crate) fn end_batch(&mut self) {
        let (Some(batch), Some(replica)) = (&mut self.batch, &mut self.replica) else {
            return;
        };
        for (conn, offset, data) in batch.sent.drain(..) {
            replica.replica_sent(self.now, conn, offset, &data);
        }
        for (conn, offset, data) in batch.received.drain(..) {
            replica.replica_received(self.now, conn, offset, &data);
        }
    }

    /// Both ends are gone, whatever is on its way.
    pub(crate) fn cut(&mut self, pipe: usize) {
        for end in 0..2 {
            self.close_end(pipe, end);
        }
    }

    fn close_end(&mut self, pipe: usize, end: usize) {
        let it = &mut self.pipes[pipe].ends[end];
        if it.closed {
            return;
        }
        it.closed = true;
        let (node, conn, told) = (it.node, it.conn, it.told);
        self.nodes[node].ready.remove(&conn);
        if told {
            self.input(node, Input::ConnectionClosed { conn });
            if node == 0 {
                self.end_batch();
            }
            if let Some(replica) = self.replica.as_mut().filter(|_| node == 0) {
                replica.replica_closed(self.now, conn);
            }
        }
    }

    /// Does one thing that can be done, chosen by the seed. False when nothing can be done but wait.
    pub(crate) fn step(&mut self) -> bool {
        let mut choices: Vec<Choice> = Vec::new();
        for (node, it) in self.nodes.iter().enumerate() {
            choices.extend(it.connects.front().map(|_| Choice::Connect(node)));
            choices.extend(it.ready.iter().map(|conn| Choice::Pull(node, *conn)));
        }
        for (pipe, it) in self.pipes.iter().enumerate() {
            for (end, it) in it.ends.iter().enumerate().filter(|(_, it)| !it.closed) {
                if !it.told {
                    choices.push(Choice::Tell(pipe, end));
                } else if !it.inbound.is_empty() {
                    choices.push(Choice::Deliver(pipe, end));
                } else if self.pipes[pipe].ends[1 - end].closed {
                    choices.push(Choice::Close(pipe, end));
                }
            }
        }
        if choices.is_empty() {
            return false;
        }
        let at = usize::try_from(self.random.below(choices.len() as u64)).expect("few choices");
        match choices[at] {
            Choice::Connect(node) => self.connect(node),
            Choice::Pull(node, conn) => self.pull(node, conn),
            Choice::Tell(pipe, end) => self.tell(pipe, end),
            Choice::Deliver(pipe, end) => self.deliver(pipe, end),
            Choice::Close(pipe, end) => self.close_end(pipe, end),
        }
        true
    }

    fn connect(&mut self, node: usize) {
        let Some(peer) = self.nodes[node].connects.pop_front() else {
            return;
        };
        let Some(other) = self.nodes.iter().position(|it| it.address == peer) else {
            self.input(node, Input::ConnectFailed { peer });
            return;
        };
        let port = u16::try_from(20_000 + self.next_conn).expect("few connections");
        let mut end = |node| {
            self.next_conn += 1;
            End {
                node,
                conn: ConnId(self.next_conn),
                inbound: VecDeque::new(),
                taken: Vec::new(),
                taken_at: 0,
                written: 0,
                told: false,
                closing: false,
                closed: false,
            }
        };
        let ends = [end(node), end(other)];
        let addresses = [
            SocketAddr::new(self.nodes[node].address, port),
            SocketAddr::new(peer, 179),
        ];
        self.pipes.push(Pipe { ends, addresses });
    }

    fn tell(&mut self, pipe: usize, end: usize) {
        let it = &mut self.pipes[pipe];
        it.ends[end].told = true;
        let (node, conn) = (it.ends[end].node, it.ends[end].conn);
        let (local, remote) = (it.addresses[end], it.addresses[1 - end]);
        let opener = if end == 0 {
            Opener::Active
        } else {
            Opener::Passive
        };
        self.input(
            node,
            Input::Connected {
                conn,
                local,
                remote,
                opener,
            },
        );
    }

    fn pull(&mut self, node: usize, conn: ConnId) {
        let message = self.nodes[node].speaker.poll_send(self.now, conn, 4096);
        let Some((pipe, end)) = self.find(node, conn) else {
            self.nodes[node].ready.remove(&conn);
            return;
        };
        let Some(message) = message else {
            self.nodes[node].ready.remove(&conn);
            if self.pipes[pipe].ends[end].closing {
                self.close_end(pipe, end);
            }
            return;
        };
        let offset = self.pipes[pipe].ends[end].written;
        match (&mut self.batch, &mut self.replica) {
            (Some(batch), _) if node == 0 => batch.sent.push((conn, offset, message.clone())),
            (None, Some(replica)) if node == 0 => {
                replica.replica_sent(self.now, conn, offset, &message)
            }
            _ => {}
        }
        self.pipes[pipe].ends[end].written += message.len() as u64;
        self.pipes[pipe].ends[1 - end].inbound.extend(message);
    }

    fn deliver(&mut self, pipe: usize, end: usize) {
        let limit = 1 + self.random.below(300);
        let it = &mut self.pipes[pipe].ends[end];
        let octets = it
            .inbound
            .len()
            .min(usize::try_from(limit).expect("few octets"));
        let data: Vec<u8> = it.inbound.drain(..octets).collect();
        it.taken.extend_from_slice(&data);
        let (node, conn) = (it.node, it.conn);
        self.input(node, Input::Received { conn, data: &data });
    }

    /// Goes on until nothing is on its way; time stands still.
    pub(crate) fn settle(&mut self) {
        for _ in 0..1_000_000 {
            if !self.step() {
                return;
            }
        }
        panic!("the world does not come to rest");
    }

    /// Lets time pass to the next timer of any node, if that is within `limit`.
    pub(crate) fn pass_time(&mut self, limit: Duration) {
        let end = self.now + limit;
        loop {
            self.settle();
            let next = self
                .nodes
                .iter()
                .filter_map(|node| node.speaker.next_timeout())
                .min();
            let Some(next) = next.filter(|next| *next <= end) else {
                break;
            };
            self.now = self.now.max(next);
            for node in 0..self.nodes.len() {
                self.input(node, Input::Timer);
            }
        }
        self.now = end;
    }

    /// Node 0 is dead; its replica goes on with all connections.
    pub(crate) fn take_over(&mut self) {
        self.end_batch();
        self.batch = None;
        let mut survivor = self.replica.take().expect("a replica");
        let mut handed_over = Vec::new();
        for pipe in &mut self.pipes {
            for end in 0..2 {
                let (local, remote) = (pipe.addresses[end], pipe.addresses[1 - end]);
                let it = &mut pipe.ends[end];
                if it.node == 0 && !it.closed {
                    let opener = if end == 0 {
                        Opener::Active
                    } else {
                        Opener::Passive
                    };
                    handed_over.push(HandedOver {
                        conn: it.conn,
                        local,
                        remote,
                        opener,
                    });
                    // What was not dealt with is read again.
                    let mut again: VecDeque<u8> = std::mem::take(&mut it.taken).into();
                    again.append(&mut it.inbound);
                    it.inbound = again;
                    it.told = true;
                    it.closing = false;
                }
            }
        }
        let mut out = Vec::new();
        survivor.promote(self.now, &handed_over, &mut out);
        let node = &mut self.nodes[0];
        node.speaker = survivor;
        node.ready.clear();
        node.connects.clear();
        self.outputs(0, out);
    }

    /// What each node has heard from node 0, by prefix.
    pub(crate) fn heard_from_first(
        &self,
        node: usize,
    ) -> BTreeMap<Prefix, crate::attributes::Attributes> {
        self.nodes[node].speaker.routes_in(self.nodes[0].address)
    }

    /// The pipes that are open at both ends.
    pub(crate) fn open_pipes(&self) -> Vec<usize> {
        let open = |pipe: &Pipe| pipe.ends.iter().all(|end| !end.closed);
        (0..self.pipes.len())
            .filter(|at| open(&self.pipes[*at]))
            .collect()
    }
}

#[derive(Clone, Copy)]
enum Choice {
    Connect(usize),
    Pull(usize, ConnId),
    Tell(usize, usize),
    Deliver(usize, usize),
    Close(usize, usize),
}
