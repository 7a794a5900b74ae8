//! One clock, two or more nodes, one peer, a wire, a channel, a register.

mod channel;
mod check;
mod daemon;
mod dice;
mod forger;
mod judge;
mod keys;
mod model;
mod moody;
mod node;
mod peer;
mod pipe;
mod scenario;
mod segment;
mod stacks;
mod stranger;
mod trace;

pub use channel::{Channel, PIECE};
pub use check::{Finding, Onlooker, bounds_hold, shadow_equals_active};
pub use daemon::{Daemon, Stream, Wishes};
pub use dice::Dice;
pub use forger::{Forger, Written, written};
pub use keys::Generation;
pub use model::Model;
pub use moody::MoodyRegister;
pub use node::{Doing, Node};
pub use peer::{Client, Peer, Stage};
pub use pipe::Pipe;
pub use scenario::{Family, MUCH, Opener, PORT, Says, Scenario, Signing, Stacks, TWIST};
pub use segment::{Segment, Weather};
pub use stacks::Line;
pub use stranger::Stranger;
pub use trace::Trace;

use crate::wire;
use ipc::Incarnation;
use ipc::register::MemoryRegister;
use ipc::schema::Versions;
use tcp_ha::core::{Active, Readiness, Standby, SwitchoverRefused};

/// Time of one turn.
pub const TURN_US: u64 = 100;

/// The longest leap of time: a third of the shortest silence that means something.
const LEAP_MAX_US: u64 = 5_000;

/// No test needs more time than this.
const WORLD_END_US: u64 = 121_000_000;

/// The port of the hub that the peer has; a node's is its index.
pub const PEER_PORT: usize = usize::MAX;

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
    /// Whether they are kept.
    pub keeps_sent: bool,
    /// The segment that all share.
    pub segment: Segment,
    /// What happened, when it is wanted.
    pub trace: Trace,
    /// Time leaps over turns in which nobody has anything to do.
    pub leaps: bool,
    /// The shadow is compared with the active, and all bounds are looked at, after every turn.
    pub compares: bool,
    /// Turns that nodes and peers have had.
    pub steps: u64,
    /// Times when shadow and active were found level and equal.
    pub level: u64,
    /// Judges every frame of the pair.
    pub onlooker: Onlooker,
    /// The versions that nodes speak which are added from now on.
    pub versions: Versions,
    /// Somebody has made the shadow differ: audits may find it.
    pub forged: bool,
    /// One in two of them speaks the oldest alone, by this seed.
    pub mixes_versions: Option<u64>,
    /// Nodes that became active from a shadow.
    pub takeovers: u32,
    /// Nodes that began without connections.
    pub cold_starts: u32,
    dice: Dice,
    peer_rests_until_us: u64,
    compared_at: ipc::Lsn,
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
            keeps_sent: true,
            segment: Segment::default(),
            trace: Trace::default(),
            leaps: false,
            compares: false,
            steps: 0,
            level: 0,
            loss: scenario.loss,
            onlooker: Onlooker::default(),
            versions: Versions::SPOKEN,
            mixes_versions: None,
            forged: false,
            takeovers: 0,
            cold_starts: 0,
            dice: Dice::new(scenario.seed),
            peer_rests_until_us: 0,
            compared_at: ipc::Lsn::ZERO,
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
        let mut node = Node::new(&self.scenario, number);
        node.versions = match self.mixes_versions {
            Some(seed) if seed.rotate_right(number.into()) & 1 == 0 => {
                Versions::only(self.versions.min)
            }
            _ => self.versions,
        };
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// Processes that live.
    pub fn nodes_alive(&self) -> usize {
        self.nodes.iter().filter(|node| node.alive).count()
    }

    /// Processes that live, do not hang, and may speak some day.
    pub fn nodes_running(&self) -> usize {
        let may = |node: &&Node| node.runs() && !matches!(node.doing, Doing::Fenced);
        self.nodes.iter().filter(may).count()
    }

    /// Index of the node that speaks: one that runs, or else one that would. Of two, the register decides: who has just been woken
    /// may not know yet that it was overtaken.
    pub fn active(&self) -> Option<usize> {
        let speaks = |node: &Node| node.runs() && matches!(node.doing, Doing::Active(_));
        let first = self.which(|doing| matches!(doing, Doing::Active(_)))?;
        let others = self.nodes.iter().skip(first + 1);
        if !others.into_iter().any(speaks) {
            return Some(first);
        }
        let entry = self.register.peek();
        let named = entry.and_then(|entry| named(&self.nodes, entry.active));
        Some(named.filter(|at| speaks(&self.nodes[*at])).unwrap_or(first))
    }

    fn which(&self, wanted: impl Fn(&Doing) -> bool) -> Option<usize> {
        let mut nodes = self.nodes.iter();
        let running = nodes.position(|node| node.runs() && wanted(&node.doing));
        let mut nodes = self.nodes.iter();
        running.or_else(|| nodes.position(|node| node.alive && wanted(&node.doing)))
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

    /// Asks the node that speaks for a planned handover.
    ///
    /// # Errors
    /// It is refused, with the reason.
    ///
    /// # Panics
    /// When there is none.
    pub fn switchover(&mut self) -> Result<(), SwitchoverRefused> {
        let now_us = self.now_us;
        self.speaker_mut().switchover(now_us)
    }

    /// Index of the node that shadows.
    pub fn standby_at(&self) -> Option<usize> {
        self.which(|doing| matches!(doing, Doing::Standby(_)))
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

    /// An operator renews the keys of both sides; false where the pair has not taken the last ones yet, or does not sign so.
    pub fn renew_keys(&mut self) -> bool {
        let Some(at) = self.active() else {
            return false;
        };
        let generation = self.wishes.generation;
        let taken = self.nodes[at].daemon.generation == generation;
        if self.scenario.signing != Signing::Ao || !taken || generation == Generation::MAX {
            return false;
        }
        self.wishes.generation += 1;
        self.peer.renew_keys(self.wishes.generation);
        self.wake_all();
        true
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

    /// One turn of everybody who has something to do.
    ///
    /// # Panics
    /// After two simulated minutes, and whenever a checker finds something wrong.
    pub fn turn(&mut self) {
        self.now_us = self.next_turn_us();
        assert!(self.now_us < WORLD_END_US, "it goes on for ever");
        let arriving = self.segment.arrivals(self.now_us);
        for at in 0..self.nodes.len() {
            if self.nodes[at].alive {
                self.turn_of_node(at, &arriving);
            }
        }
        self.carry_channel();
        if self.compares {
            self.onlooker.notice(&self.register, self.now_us);
            self.compare();
        }
        if self.peer_lives {
            self.turn_of_peer(&arriving);
        }
        self.segment.recycle(arriving);
    }

    /// The next moment when somebody has something to do.
    fn next_turn_us(&self) -> u64 {
        let next_us = self.now_us + TURN_US;
        if !self.leaps {
            return next_us;
        }
        let running = self.nodes.iter().filter(|node| node.runs());
        let nodes = running.map(|node| node.rests_until_us).min();
        let due = [
            nodes,
            self.segment.next_us(),
            self.channel_us(),
            Some(self.peer_rests_until_us),
        ];
        let due_us = due.into_iter().flatten().min().unwrap_or(next_us);
        // Time stays a whole number of turns, and no leap is longer than a heart may rest.
        let leap = due_us.saturating_sub(self.now_us).div_ceil(TURN_US) * TURN_US;
        self.now_us + leap.clamp(TURN_US, LEAP_MAX_US)
    }

    fn turn_of_node(&mut self, at: usize, arriving: &[segment::Flying]) {
        let node = &mut self.nodes[at];
        let waiting = node.inbox.len();
        let reaching = arriving.iter().filter(|frame| frame.reaches(at));
        node.inbox
            .extend(reaching.map(|frame| frame.octets.clone()));
        let has_work = node.inbox.len() > waiting || self.now_us >= node.rests_until_us;
        if node.suspended || (self.leaps && !has_work) {
            return;
        }
        self.steps += 1;
        self.node_turn(at);
    }

    fn turn_of_peer(&mut self, arriving: &[segment::Flying]) {
        let mut to_peer = arriving
            .iter()
            .filter(|frame| frame.reaches(PEER_PORT))
            .map(|frame| frame.octets.as_slice())
            .peekable();
        let rests = self.now_us < self.peer_rests_until_us;
        if self.leaps && rests && to_peer.peek().is_none() {
            return;
        }
        self.steps += 1;
        match self.peer.turn(self.now_us, to_peer) {
            Ok(frames) => {
                for octets in frames {
                    self.fly(PEER_PORT, octets);
                }
            }
            Err(wrong) => self.fail("peer", wrong),
        }
        self.judge_opened_anew();
        self.peer_rests_until_us = self.peer.next_us(self.now_us, TURN_US);
    }

    /// Everybody looks at what there is to do: the test has changed something.
    pub fn wake_all(&mut self) {
        self.peer_rests_until_us = 0;
        for node in &mut self.nodes {
            node.rests_until_us = 0;
        }
    }

    fn fly(&mut self, from: usize, octets: Vec<u8>) {
        let now_us = self.now_us;
        if from != PEER_PORT {
            self.trace_frame(from, &octets);
            let looked = self
                .onlooker
                .look(&self.register, &self.nodes, from, now_us, &octets);
            if let Err((checker, wrong)) = looked {
                self.fail(checker, format!("node {from}: {wrong}"));
            }
            if self.keeps_sent {
                self.sent.push((now_us, from, octets.clone()));
            }
        } else {
            self.trace.frame(now_us, "peer  ", &octets);
            if let Some(seen) = wire::syn(&octets) {
                self.onlooker.monotonic.hear(&seen);
            }
        }
        self.segment.weather.loss = self.loss;
        self.segment.fly(&mut self.dice, now_us, from, octets);
    }

    /// A checker found something wrong: the run ends here.
    ///
    /// # Panics
    /// Always.
    pub(super) fn fail(&self, checker: &str, wrong: String) -> ! {
        panic!("[{checker}] at {} us: {wrong}", self.now_us)
    }
}
