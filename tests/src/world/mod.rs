//! One clock, two or more nodes, one peer, a wire, a channel, a register.

mod channel;
mod daemon;
mod model;
mod moody;
mod node;
mod peer;
mod scenario;
mod stranger;
mod watch;

pub use channel::{Channel, PIECE};
pub use daemon::{Daemon, Stream, Wishes};
pub use model::Model;
pub use moody::MoodyRegister;
pub use node::{Doing, Node};
pub use peer::{Client, Peer, Stage};
pub use scenario::{Family, Opener, PORT, Scenario, TWIST};
pub use stranger::Stranger;
pub use watch::Onlooker;

use ipc::Incarnation;
use ipc::register::MemoryRegister;
use std::collections::VecDeque;
use tcp_ha::core::{Active, Readiness, Standby};

/// Time of one turn.
pub const TURN_US: u64 = 100;

/// No test needs more time than this.
const WORLD_END_US: u64 = 121_000_000;

/// The port of the hub that the peer has; a node's is its index.
const PEER_PORT: usize = usize::MAX;

/// A frame on its way.
struct Flying {
    from: usize,
    octets: Vec<u8>,
}

/// See the module's text.
pub struct World {
    /// What happens here.
    pub scenario: Scenario,
    /// Local time of every node, in microseconds.
    pub now_us: u64,
    /// The register of all nodes.
    pub register: MemoryRegister,
    /// The same, as the nodes have it.
    pub moody: MoodyRegister,
    /// All nodes that ever were.
    pub nodes: Vec<Node>,
    /// The peer with its clients.
    pub peer: Peer,
    /// Whether the peer's host is there at all.
    pub peer_lives: bool,
    /// What the service is to do, wherever it runs.
    pub wishes: Wishes,
    /// The channel, when there is one.
    pub channel: Option<Channel>,
    /// Frames that nodes have put on the wire: turn, node, octets.
    pub sent: Vec<(u64, usize, Vec<u8>)>,
    /// One in so many frames is lost; 0 means none.
    pub loss: u64,
    /// Judges every frame of the pair.
    pub onlooker: Onlooker,
    /// Nodes that became active from a shadow.
    pub takeovers: u32,
    /// Nodes that began without connections.
    pub cold_starts: u32,
    dice: u64,
    flying: VecDeque<Flying>,
}

fn named(nodes: &[Node], name: Incarnation) -> Option<usize> {
    nodes.iter().position(|node| node.me == name)
}

impl World {
    /// A peer whose clients have not opened yet, and no node.
    pub fn new(scenario: Scenario) -> World {
        let moody = MoodyRegister::default();
        World {
            now_us: 1_000_000,
            register: moody.inner.clone(),
            moody,
            nodes: Vec::new(),
            peer: Peer::new(&scenario),
            peer_lives: true,
            wishes: Wishes::default(),
            channel: None,
            sent: Vec::new(),
            loss: scenario.loss,
            onlooker: Onlooker::default(),
            takeovers: 0,
            cold_starts: 0,
            dice: 0x9e37_79b9_7f4a_7c15,
            flying: VecDeque::new(),
            scenario,
        }
    }

    /// A pair without connections.
    pub fn paired_idle(scenario: Scenario) -> World {
        let mut world = World::new(scenario);
        world.add_node();
        world.turn();
        world.add_node();
        world.run_until("a pair", World::is_paired);
        world
    }

    /// A pair, ready, with the peer's connections established.
    pub fn paired(scenario: Scenario) -> World {
        let mut world = World::new(scenario);
        world.add_node();
        world.turn();
        world.add_node();
        world.peer.connect(world.now_us);
        world.run_until("ready connections", World::all_ready);
        world
    }

    /// A new process; it looks for its role at the next turn. Returns its index.
    pub fn add_node(&mut self) -> usize {
        let number = self.nodes.len() as u8;
        self.nodes.push(Node::new(&self.scenario, number));
        self.nodes.len() - 1
    }

    /// Index of the node that speaks.
    pub fn active(&self) -> Option<usize> {
        self.nodes
            .iter()
            .position(|node| node.alive && matches!(node.doing, Doing::Active(_)))
    }

    /// The node that speaks.
    ///
    /// # Panics
    /// When there is none.
    pub fn speaker(&self) -> &Active {
        let at = self.active().expect("an active");
        match &self.nodes[at].doing {
            Doing::Active(active) => active,
            _ => unreachable!("it speaks"),
        }
    }

    /// The node that speaks, for calls of its daemon.
    ///
    /// # Panics
    /// When there is none.
    pub fn speaker_mut(&mut self) -> &mut Active {
        let at = self.active().expect("an active");
        match &mut self.nodes[at].doing {
            Doing::Active(active) => active,
            _ => unreachable!("it speaks"),
        }
    }

    /// Index of the node that shadows.
    pub fn standby_at(&self) -> Option<usize> {
        self.nodes
            .iter()
            .position(|node| node.alive && matches!(node.doing, Doing::Standby(_)))
    }

    /// The node that shadows.
    pub fn standby(&self) -> Option<&Standby> {
        match &self.nodes[self.standby_at()?].doing {
            Doing::Standby(standby) => Some(standby),
            _ => None,
        }
    }

    /// The channel.
    ///
    /// # Panics
    /// When there is none.
    pub fn channel(&mut self) -> &mut Channel {
        self.channel.as_mut().expect("a channel")
    }

    /// Whether the register names a pair, and the active knows.
    pub fn is_paired(&self) -> bool {
        self.active().is_some() && self.speaker().unprotected().is_none()
    }

    /// Whether a pair exists and every client's connection is ready.
    pub fn all_ready(&self) -> bool {
        if !self.is_paired() {
            return false;
        }
        let active = self.speaker();
        let ids: Vec<_> = active.engine().connections().collect();
        ids.len() == self.scenario.clients
            && ids
                .into_iter()
                .all(|id| active.readiness(id) == Readiness::Ready)
    }

    /// The process dies at once; its frames that left stay on the wire, its channel ends.
    pub fn kill(&mut self, at: usize) {
        self.nodes[at].alive = false;
        self.cut_channel_of(at);
    }

    /// The active dies at once; returns its index.
    ///
    /// # Panics
    /// When there is none.
    pub fn kill_active(&mut self) -> usize {
        let at = self.active().expect("an active");
        self.kill(at);
        at
    }

    /// The active dies, and another node takes its place; returns that one's index.
    ///
    /// # Panics
    /// When there is no active, or none comes.
    pub fn fail_over(&mut self) -> usize {
        self.kill_active();
        self.run_until("another active", |world| world.active().is_some());
        self.active().expect("an active")
    }

    /// The channel breaks; both ends notice.
    pub fn cut_channel(&mut self) {
        if let Some(channel) = &mut self.channel {
            channel.cut = true;
        }
    }

    pub(crate) fn cut_channel_of(&mut self, at: usize) {
        if let Some(channel) = &mut self.channel
            && (channel.active == at || channel.standby == at)
        {
            channel.cut = true;
        }
    }

    /// Somebody on the segment says this.
    pub fn inject(&mut self, octets: Vec<u8>) {
        self.fly(PEER_PORT, octets);
    }

    /// Turns until `done`, at most 60 simulated seconds.
    ///
    /// # Panics
    /// When it takes longer.
    pub fn run_until(&mut self, what: &str, mut done: impl FnMut(&World) -> bool) {
        let end = self.now_us + 60_000_000;
        while !done(self) {
            assert!(self.now_us < end, "no {what} within 60 simulated seconds");
            self.turn();
        }
    }

    /// Turns until every client has its whole answer.
    ///
    /// # Panics
    /// When it takes longer than 60 simulated seconds, or a connection is lost.
    pub fn finish(&mut self) {
        self.run_until("the whole answer", |world| {
            world.peer.done() || world.peer.lost()
        });
        assert!(!self.peer.lost(), "a connection was lost");
    }

    /// Turns for `us` microseconds.
    pub fn run_for(&mut self, us: u64) {
        let end = self.now_us + us;
        while self.now_us < end {
            self.turn();
        }
    }

    /// So many turns.
    pub fn turns(&mut self, count: usize) {
        (0..count).for_each(|_| self.turn());
    }

    /// Frames of node `at` sent since `since_us`.
    pub fn frames_since(&self, at: usize, since_us: u64) -> usize {
        self.sent
            .iter()
            .filter(|(sent_us, node, _)| *sent_us > since_us && *node == at)
            .count()
    }

    /// Compares the service's state on both sides where they are at the same LSN; how many connections were compared.
    ///
    /// # Panics
    /// When the replica's state is another.
    pub fn compare_services(&mut self) -> usize {
        let (Some(active_at), Some(standby_at)) = (self.active(), self.standby_at()) else {
            return 0;
        };
        let last = self.speaker().lsns().0;
        let node = &mut self.nodes[standby_at];
        let Doing::Standby(standby) = &mut node.doing else {
            return 0;
        };
        let mut events = Vec::new();
        standby.take_events(&mut events);
        node.daemon.replicate(events);
        if standby.applied() != last {
            return 0;
        }
        let (ours, theirs) = (
            &self.nodes[active_at].daemon,
            &self.nodes[standby_at].daemon,
        );
        if theirs.answered_whole {
            assert_eq!(ours.answered, theirs.answered, "at LSN {last}");
        }
        let active = self.speaker();
        let mut compared = 0;
        for (id, stream) in &ours.streams {
            // A replica that has heard nothing yet cannot tell whether there was something.
            let ready = active.readiness(*id) == Readiness::Ready;
            let knows =
                |replica: &&Stream| replica.whole && (ready || replica.model != Model::default());
            if let Some(replica) = theirs.streams.get(id).filter(knows) {
                let (ours, theirs) = (stream.model.summary(), replica.model.summary());
                assert_eq!(ours, theirs, "connection {id} at LSN {last}");
                compared += 1;
            }
        }
        compared
    }

    /// One turn of everybody.
    ///
    /// # Panics
    /// After two simulated minutes, and whenever the onlooker sees something wrong.
    pub fn turn(&mut self) {
        self.now_us += TURN_US;
        assert!(self.now_us < WORLD_END_US, "it goes on for ever");
        let arriving: Vec<Flying> = self.flying.drain(..).collect();
        for at in 0..self.nodes.len() {
            if self.nodes[at].alive {
                for frame in arriving.iter().filter(|frame| frame.from != at) {
                    self.nodes[at].inbox.push_back(frame.octets.clone());
                }
                if !self.nodes[at].suspended {
                    self.node_turn(at);
                }
            }
        }
        self.carry_channel();
        if !self.peer_lives {
            return;
        }
        let to_peer = arriving
            .iter()
            .filter(|frame| frame.from != PEER_PORT)
            .map(|frame| frame.octets.as_slice());
        for octets in self.peer.turn(self.now_us, to_peer) {
            self.fly(PEER_PORT, octets);
        }
    }

    fn fly(&mut self, from: usize, octets: Vec<u8>) {
        if from != PEER_PORT {
            let looked = self
                .onlooker
                .look(&self.register, &self.nodes, from, &octets);
            if let Err(wrong) = looked {
                panic!("at {} us, node {from}: {wrong}", self.now_us);
            }
            self.sent.push((self.now_us, from, octets.clone()));
        }
        // A xorshift generator: the same seed gives the same run.
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        if self.loss == 0 || !self.dice.is_multiple_of(self.loss) {
            self.flying.push_back(Flying { from, octets });
        }
    }
}
