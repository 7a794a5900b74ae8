//! One clock, two or more nodes, one peer, a wire, a channel, a register.

mod node;
mod peer;

pub use node::{Daemon, Doing, Node};
pub use peer::{Peer, PeerOptions};

use crate::wire::{self, Monotonic};
use ipc::register::MemoryRegister;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use tcp_ha::core::NodeLimits;

/// Time of one turn.
pub const TURN_US: u64 = 100;

/// Address of the pair.
pub const PAIR: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

/// Address of the peer.
pub const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));

/// Port of the echo service.
pub const PORT: u16 = 7;

/// The port of the hub that the peer has; a node's is its index.
const PEER_PORT: usize = usize::MAX;

/// A frame on its way.
struct Flying {
    from: usize,
    octets: Vec<u8>,
}

/// The channel between two nodes, as octets under way.
#[derive(Default)]
pub struct Channel {
    active: usize,
    standby: usize,
    to_standby: Vec<u8>,
    to_active: Vec<u8>,
    /// What the standby says does not arrive, but is not lost.
    pub hold_acknowledgements: bool,
    cut: bool,
}

/// See the module's text.
pub struct World {
    /// Local time of every node, in microseconds.
    pub now_us: u64,
    /// The register of all nodes.
    pub register: MemoryRegister,
    /// All nodes that ever were.
    pub nodes: Vec<Node>,
    /// The peer with its client.
    pub peer: Peer,
    /// The channel, when there is one.
    pub channel: Option<Channel>,
    /// Bounds and times of the nodes.
    pub limits: NodeLimits,
    /// Frames that nodes have put on the wire: turn, node, octets.
    pub sent: Vec<(u64, usize, Vec<u8>)>,
    /// One in so many frames is lost; 0 means none.
    pub loss: u64,
    dice: u64,
    flying: VecDeque<Flying>,
    watch: Monotonic,
}

impl World {
    /// A peer that will move `octets` through the echo service, and no node yet.
    pub fn new(options: PeerOptions) -> World {
        World {
            now_us: 1_000_000,
            register: MemoryRegister::new(),
            nodes: Vec::new(),
            peer: Peer::new(options),
            channel: None,
            limits: NodeLimits::default(),
            sent: Vec::new(),
            loss: 0,
            dice: 0x9e37_79b9_7f4a_7c15,
            flying: VecDeque::new(),
            watch: Monotonic::default(),
        }
    }

    /// A pair, ready, with the peer's connection established.
    pub fn paired(options: PeerOptions) -> World {
        let mut world = World::new(options);
        world.add_node();
        world.turn();
        world.add_node();
        world.peer.connect(world.now_us);
        world.run_until("a ready connection", |world| world.all_ready());
        world
    }

    /// A new process; it looks for its role at the next turn. Returns its index.
    pub fn add_node(&mut self) -> usize {
        self.nodes
            .push(Node::new(self.limits, self.nodes.len() as u8));
        self.nodes.len() - 1
    }

    /// Index of the node that speaks.
    pub fn active(&self) -> Option<usize> {
        self.nodes
            .iter()
            .position(|node| node.alive && matches!(node.doing, Doing::Active(_)))
    }

    /// Whether a pair exists and the peer's connection is ready.
    pub fn all_ready(&self) -> bool {
        self.active().is_some_and(|at| match &self.nodes[at].doing {
            Doing::Active(active) => {
                let mut ids = active.engine().connections().peekable();
                active.unprotected().is_none()
                    && ids.peek().is_some()
                    && ids.all(|id| active.readiness(id) == tcp_ha::core::Readiness::Ready)
            }
            _ => false,
        })
    }

    /// The process dies at once; its frames that left stay on the wire, its channel ends.
    pub fn kill(&mut self, at: usize) {
        self.nodes[at].alive = false;
        self.cut_channel_of(at);
    }

    /// The channel breaks; both ends notice.
    pub fn cut_channel(&mut self) {
        if let Some(channel) = &mut self.channel {
            channel.cut = true;
        }
    }

    fn cut_channel_of(&mut self, at: usize) {
        if let Some(channel) = &mut self.channel
            && (channel.active == at || channel.standby == at)
        {
            channel.cut = true;
        }
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

    /// Turns for `us` microseconds.
    pub fn run_for(&mut self, us: u64) {
        let end = self.now_us + us;
        while self.now_us < end {
            self.turn();
        }
    }

    /// One turn of everybody.
    pub fn turn(&mut self) {
        self.now_us += TURN_US;
        let arriving: Vec<Flying> = self.flying.drain(..).collect();
        for at in 0..self.nodes.len() {
            if self.nodes[at].alive && !self.nodes[at].suspended {
                for frame in arriving.iter().filter(|frame| frame.from != at) {
                    self.nodes[at].inbox.push_back(frame.octets.clone());
                }
                self.node_turn(at);
            }
        }
        self.carry_channel();
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
            if let Some(seen) = wire::segment(&octets)
                && let Err(wrong) = self.watch.look(&seen)
            {
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
