//! A node in the world: the production roles, turned as the driver turns them, with the service on top.

use super::channel::Channel;
use super::check::{Promise, promises};
use super::daemon::Daemon;
use super::pipe::Pipe;
use super::scenario::Scenario;
use super::{TURN_US, World, named};
use ipc::heartbeat::Verdict;
use ipc::register::{Register, Tenure};
use ipc::schema::Versions;
use ipc::schema::v1::RefuseReason;
use ipc::session::{LocalIdentity, Session};
use ipc::{Entry, Incarnation, Lsn};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tcp_ha::core::{
    Active, ActiveParts, Claim, Clock, Fenced, Listening, Standby, StandbyEnd, Standing,
};
use tcp_ha::engine::{Engine, Secrets};
use tcp_ha::link::host::{Host, HostConfig};
use tcp_ha::link::{LinkAddress, Medium, SuperFrame};
use tcp_ha::{Moment, Status};

/// What a node does.
pub enum Doing {
    /// Looks for its role.
    Joining,
    /// Shadows.
    Standby(Box<Standby>),
    /// Speaks.
    Active(Box<Active>),
    /// May never speak again.
    Fenced,
}

/// One process.
pub struct Node {
    /// Its name in the register.
    pub me: Incarnation,
    /// What it does.
    pub doing: Doing,
    /// Whether the process lives.
    pub alive: bool,
    /// Stopped, as by SIGSTOP: its frames queue up.
    pub suspended: bool,
    /// Frames that wait on its device.
    pub inbox: VecDeque<Vec<u8>>,
    /// The service on this node.
    pub daemon: Daemon,
    /// Digest of its configuration.
    pub config_digest: [u8; 32],
    /// The versions of the records that it speaks.
    pub versions: Versions,
    /// Why its last role as a standby ended.
    pub ended: Option<StandbyEnd>,
    /// Connections that it did not take over.
    pub left_behind: usize,
    /// What it said of itself when it was fenced.
    pub last_words: Option<Status>,
    /// The channel to its standby ended while it was stopped, and this still waits in it.
    channel_ended: Option<Vec<u8>>,
    /// The connections that it had called ready when it handed over.
    promised: Vec<Promise>,
    /// It has nothing to do before this time, unless something comes.
    pub(super) rests_until_us: u64,
    /// The service had its turn since the node last took no input.
    served: bool,
    sign: bool,
    last_turn_us: u64,
}

impl Node {
    pub(super) fn new(scenario: &Scenario, number: u8) -> Node {
        Node {
            me: Incarnation::from_bytes([number + 1; 16]),
            doing: Doing::Joining,
            alive: true,
            suspended: false,
            inbox: VecDeque::new(),
            daemon: Daemon::new(scenario),
            config_digest: [0; 32],
            versions: Versions::SPOKEN,
            ended: None,
            left_behind: 0,
            last_words: None,
            channel_ended: None,
            promised: Vec::new(),
            rests_until_us: 0,
            served: true,
            sign: false,
            last_turn_us: 0,
        }
    }

    /// Joins anew, without anything, and so under another name.
    fn begin_anew(&mut self) {
        let mut name = self.me.to_bytes();
        #[cfg(feature = "planted")]
        let kept = tcp_ha_planted::is_on(tcp_ha_planted::Planted::NameForIncarnation);
        #[cfg(not(feature = "planted"))]
        let kept = false;
        name[15] = name[15].wrapping_add(u8::from(!kept));
        self.me = Incarnation::from_bytes(name);
        self.sign = false;
        self.doing = Doing::Joining;
    }

    /// What it does, in a word or two.
    pub fn told(&self) -> String {
        let hangs = if self.suspended { ", hangs" } else { "" };
        let does = match &self.doing {
            Doing::Joining => "looks for a role".to_owned(),
            Doing::Standby(standby) => format!("stands by ({:?})", standby.standing()),
            Doing::Active(active) => format!("speaks in epoch {}", active.epoch()),
            Doing::Fenced => "is silent for ever".to_owned(),
        };
        let ended = self
            .ended
            .as_ref()
            .map_or(String::new(), |end| format!(" (before: {end})"));
        does + hangs + &ended
    }

    fn begun_status(&self) -> Status {
        Status::joining("node", self.me.to_string())
    }

    /// What it says of itself at local time `now_us`, as its operators see it; the last words of one that is fenced.
    pub fn status(&self, now_us: u64) -> Status {
        let mut status = self.begun_status();
        match &self.doing {
            Doing::Joining => {}
            Doing::Standby(standby) => status.tell_standby(standby, moment(now_us)),
            Doing::Active(active) => status.tell_active(active, moment(now_us)),
            Doing::Fenced => return self.last_words.clone().unwrap_or(status),
        }
        status
    }

    pub(super) fn runs(&self) -> bool {
        self.alive && !self.suspended
    }

    /// When it has something to do again, if nothing comes before.
    fn next_us(&self, now_us: u64) -> u64 {
        let next_turn_us = now_us + TURN_US;
        match &self.doing {
            Doing::Joining => now_us + 10 * TURN_US,
            Doing::Standby(standby) if !standby.ipc_outgoing().is_empty() => next_turn_us,
            Doing::Standby(standby) => standby.next_timeout().max(next_turn_us),
            Doing::Active(active) if !self.served && active.takes_input() => next_turn_us,
            Doing::Active(_) if !self.inbox.is_empty() || self.daemon.is_busy() => next_turn_us,
            Doing::Active(active) => active.next_timeout().unwrap_or(u64::MAX).max(next_turn_us),
            Doing::Fenced => u64::MAX,
        }
    }

    fn identity(&self, scenario: &Scenario) -> LocalIdentity {
        LocalIdentity {
            incarnation: self.me,
            config_digest: self.config_digest,
            heartbeat: Duration::from_micros(scenario.limits.heartbeat_us),
            software: "world".to_owned(),
            versions: self.versions,
        }
    }
}

/// The nodes' clocks show the time since the world's epoch.
fn moment(now_us: u64) -> Moment {
    Moment {
        mono_us: now_us,
        unix_us: now_us,
    }
}

/// The pair's host layer.
fn host(scenario: &Scenario) -> Host {
    let mut config = HostConfig::ethernet(LinkAddress([2, 0, 0, 0, 0, 1]));
    config.addresses = vec![(scenario.family.pair(), scenario.family.prefix())];
    Host::new(config).expect("a valid host")
}

fn listening(scenario: &Scenario) -> Listening {
    Listening {
        local: scenario.pair_socket(),
        options: scenario.options(),
        backlog: 256,
        protection: scenario.protection,
    }
}

impl World {
    pub(super) fn node_turn(&mut self, at: usize) {
        match std::mem::replace(&mut self.nodes[at].doing, Doing::Fenced) {
            Doing::Joining => self.look_for_a_role(at),
            Doing::Standby(standby) => self.shadow(at, standby),
            Doing::Active(active) => self.speak(at, active),
            Doing::Fenced => {}
        }
        let node = &mut self.nodes[at];
        node.last_turn_us = self.now_us;
        node.rests_until_us = node.next_us(self.now_us);
    }

    fn look_for_a_role(&mut self, at: usize) {
        self.nodes[at].inbox.clear();
        self.nodes[at].doing = Doing::Joining;
        let Ok(entry) = self.register.read() else {
            return;
        };
        let Some(entry) = entry else {
            return self.cold_start(at, None);
        };
        let lives = |name| named(&self.nodes, name).is_some_and(|at| self.nodes[at].alive);
        if lives(entry.active) && entry.active != self.nodes[at].me {
            return self.join(at, &entry);
        }
        if !entry.standby.is_some_and(lives) {
            self.cold_start(at, Some(&entry));
        }
    }

    fn cold_start(&mut self, at: usize, dead: Option<&Entry>) {
        let expected = dead.map(|entry| entry.epoch);
        let me = self.nodes[at].me;
        let Ok(tenure) = self.moody.compare_and_swap(expected, me, None) else {
            return;
        };
        let secrets = Secrets::from_bytes(&[3 + at as u8; Secrets::LEN]);
        let mut active = Active::new(ActiveParts {
            me,
            limits: self.scenario.limits,
            register: Arc::new(self.moody.clone()),
            tenure,
            engine: Engine::new(self.scenario.pair_tcp.clone(), secrets.clone()),
            host: host(&self.scenario),
            clock: Clock::new(),
            secrets,
            last_lsn: Lsn::ZERO,
            node_sync: self.scenario.node_state,
            mono_us: self.now_us,
        });
        active
            .listen(&listening(&self.scenario))
            .expect("a free port");
        let wishes = self.wishes;
        let mut daemon = Daemon::new(&self.scenario);
        daemon.wishes = wishes;
        daemon.set_keys(&mut active, wishes.generation);
        active.announce(self.now_us);
        self.excuse_all();
        self.trace_move(at, "begins without connections");
        self.nodes[at].daemon = daemon;
        self.nodes[at].doing = Doing::Active(Box::new(active));
        self.cold_starts += 1;
    }

    fn join(&mut self, at: usize, entry: &Entry) {
        let Some(active_at) = named(&self.nodes, entry.active) else {
            return;
        };
        if self.channel.is_some() || !matches!(self.nodes[active_at].doing, Doing::Active(_)) {
            return;
        }
        // It is connected at once, and accepted when the active gets to it.
        self.channel = Some(Channel::between(active_at, at));
        self.trace_move(at, "joins");
        self.nodes[active_at].rests_until_us = 0;
        let identity = self.nodes[at].identity(&self.scenario);
        let limits = self.scenario.limits;
        self.nodes[at].sign = false;
        self.nodes[at].channel_ended = None;
        let standby = Standby::join(identity, entry.active, entry.epoch, limits, self.now_us);
        self.nodes[at].doing = Doing::Standby(Box::new(standby));
    }

    fn accept(&mut self, at: usize, active: &mut Active) {
        if self
            .channel
            .as_ref()
            .is_some_and(|channel| channel.active == at && !channel.accepted)
        {
            self.trace_move(at, "accepts");
        }
        if let Some(left) = self.nodes[at].channel_ended.take() {
            active.ipc_received(self.now_us, &left);
            active.ipc_closed(self.now_us);
        }
        let identity = self.nodes[at].identity(&self.scenario);
        if let Some(channel) = &mut self.channel
            && channel.active == at
            && !channel.accepted
        {
            channel.accepted = true;
            let mut session = Session::respond(identity, active.epoch());
            if active.has_standby() {
                session.refuse(RefuseReason::Busy);
                channel.write_to_standby(self.now_us, session.outgoing());
                channel.cut = true;
            } else {
                active.attach(self.now_us, session);
            }
        }
    }

    /// Something that is no node of ours connects to the active.
    ///
    /// # Panics
    /// When there is no active.
    pub fn attach_stranger(&mut self) {
        let at = self.active().expect("an active");
        let identity = self.nodes[at].identity(&self.scenario);
        let now_us = self.now_us;
        let active = self.speaker_mut();
        active.attach(now_us, Session::respond(identity, active.epoch()));
    }

    /// Octets under way arrive, or the channel's end does.
    pub(super) fn carry_channel(&mut self) {
        let now_us = self.now_us;
        let Some(channel) = &mut self.channel else {
            return;
        };
        let (cut, accepted) = (channel.cut, channel.accepted);
        let (active_at, standby_at) = (channel.active, channel.standby);
        let arrives = |pipe: &mut Pipe, runs: bool| match (cut, runs) {
            // What was written before the end is still in the channel.
            (true, _) => pipe.drain(),
            (false, true) => pipe.arrives(now_us),
            (false, false) => Vec::new(),
        };
        let active_runs = self.nodes[active_at].runs() && accepted;
        let to_active = arrives(&mut channel.to_active, active_runs);
        let to_standby = arrives(&mut channel.to_standby, self.nodes[standby_at].runs());
        if cut {
            self.channel = None;
        }
        if accepted {
            self.reach_active(active_at, to_active, cut);
        }
        self.reach_standby(standby_at, to_standby, cut);
    }

    fn reach_active(&mut self, at: usize, octets: Vec<u8>, cut: bool) {
        let now_us = self.now_us;
        let node = &mut self.nodes[at];
        if !node.runs() {
            // It waits in the channel until the process goes on.
            if cut {
                node.channel_ended = Some(octets);
            }
            return;
        }
        if !octets.is_empty() || cut {
            node.rests_until_us = 0;
        }
        if let Doing::Active(active) = &mut node.doing {
            if !octets.is_empty() {
                active.ipc_received(now_us, &octets);
            }
            if cut {
                active.ipc_closed(now_us);
            }
        }
    }

    fn reach_standby(&mut self, at: usize, octets: Vec<u8>, cut: bool) {
        let node = &mut self.nodes[at];
        // The end of a channel says nothing to a node whose role has changed since.
        if !matches!(node.doing, Doing::Standby(_)) || (octets.is_empty() && !cut) {
            return;
        }
        if !node.runs() {
            if cut {
                node.channel_ended = Some(octets);
            }
            return;
        }
        node.rests_until_us = 0;
        node.sign |= cut;
        if let Doing::Standby(standby) = &mut node.doing
            && !octets.is_empty()
            && let Err(end) = standby.ipc_received(self.now_us, &octets)
        {
            if let StandbyEnd::Record(wrong) = &end
                && self.compares
            {
                // The channel's checksums hold garbage off: a record that cannot be applied was written so.
                let wrong = wrong.clone();
                self.fail("records", format!("node {at}: {wrong}"));
            }
            node.ended = Some(end.clone());
            let parting = standby.ipc_outgoing().to_vec();
            if matches!(end, StandbyEnd::Channel(_)) {
                node.sign = true;
            } else {
                node.begin_anew();
                self.part(at, &parting);
            }
        }
    }

    /// A standby ends its channel; what it still wrote arrives before the end.
    fn part(&mut self, at: usize, parting: &[u8]) {
        let now_us = self.now_us;
        if let Some(channel) = self
            .channel
            .as_mut()
            .filter(|channel| channel.standby == at)
        {
            channel.to_active.write(now_us, parting);
        }
        self.cut_channel_of(at);
    }

    fn shadow(&mut self, at: usize, mut standby: Box<Standby>) {
        let now_us = self.now_us;
        let node = &mut self.nodes[at];
        node.inbox.clear();
        if let Some(left) = node.channel_ended.take() {
            // The process was stopped when its channel ended.
            node.sign = true;
            if let Err(end) = standby.ipc_received(now_us, &left) {
                node.ended = Some(end);
                node.begin_anew();
                return;
            }
        }
        let silent = standby.handle_timeout(now_us) == Verdict::Dead;
        let mut events = Vec::new();
        standby.take_events(&mut events);
        node.daemon.replicate(events);
        for id in node.daemon.differs.drain(..) {
            standby.replica_differs(id);
        }
        if let Some(channel) = &mut self.channel
            && channel.standby == at
        {
            channel.to_active.write(now_us, standby.ipc_outgoing());
        }
        let written = standby.ipc_outgoing().len();
        standby.ipc_advance(written);
        if !(silent || node.sign || standby.standing() == Standing::HandedOver) {
            node.doing = Doing::Standby(standby);
            return;
        }
        #[cfg(feature = "planted")]
        if tcp_ha_planted::is_on(tcp_ha_planted::Planted::KilledBeforeSwap) {
            self.end_the_other(at, standby.remote());
        }
        let node = &mut self.nodes[at];
        match standby.claim(&self.moody) {
            Claim::Won(tenure) => self.promote(at, *standby, tenure),
            Claim::Lost => {
                self.trace_move(at, "claims in vain");
                let node = &mut self.nodes[at];
                node.ended = Some(StandbyEnd::NotNamed);
                node.begin_anew();
                self.cut_channel_of(at);
            }
            Claim::Unknown(_) | Claim::Unreachable(_) => node.doing = Doing::Standby(standby),
        }
    }

    fn promote(&mut self, at: usize, standby: Standby, tenure: Tenure) {
        let overtaken = standby.remote();
        let former = named(&self.nodes, overtaken);
        let promotion = standby.promote(
            tenure,
            Arc::new(self.moody.clone()),
            self.scenario.pair_tcp.clone(),
            host(&self.scenario),
            self.scenario.node_state,
            self.now_us,
        );
        let mut promotion = promotion.expect("a synchronised standby");
        self.keep_promises(at, former, &promotion.active);
        self.trace_move(at, "takes over");
        let node = &mut self.nodes[at];
        node.sign = false;
        node.left_behind = promotion.left_behind.len();
        node.daemon.wishes = self.wishes;
        node.daemon.promoted(&mut promotion);
        let mut active = promotion.active;
        active
            .listen(&listening(&self.scenario))
            .expect("a free port");
        node.doing = Doing::Active(Box::new(active));
        self.takeovers += 1;
        self.cut_channel_of(at);
        if self.wishes.ends_the_other {
            self.end_the_other(at, overtaken);
        }
    }

    /// A courtesy, never the fence (I3): who has the epoch ends who had it before.
    fn end_the_other(&mut self, at: usize, other: Incarnation) {
        let Some(other) = named(&self.nodes, other).filter(|other| self.nodes[*other].alive) else {
            return;
        };
        let entry = self.register.peek();
        if entry.is_none_or(|entry| entry.active != self.nodes[at].me) {
            let wrong = format!("node {at} ends node {other} and has not won the epoch");
            self.fail("speaker", wrong);
        }
        self.trace_move(other, "is ended");
        self.kill(other);
    }

    /// What the former active had called ready must speak again on the survivor; what it had not is excused.
    fn keep_promises(&mut self, at: usize, former: Option<usize>, survivor: &Active) {
        let Some(former) = former else {
            return;
        };
        let promised = match &self.nodes[former].doing {
            Doing::Active(active) if active.paired_with() == Some(self.nodes[at].me) => {
                promises(active)
            }
            Doing::Active(_) => Vec::new(),
            _ => std::mem::take(&mut self.nodes[former].promised),
        };
        for promise in promised {
            if survivor.engine().connection(promise.id).is_none() {
                let (id, tuple) = (promise.id, promise.tuple);
                self.fail("promise", format!("connection {id} ({tuple:?}) was ready"));
            }
        }
        self.excuse_missing(survivor);
    }

    fn speak(&mut self, at: usize, mut active: Box<Active>) {
        let now_us = self.now_us;
        let limits = self.scenario.limits;
        // As the driver does: before the standby may have taken the silence for a death.
        let limit_us = limits.heartbeat_us * u64::from(limits.misses) / 2;
        let node = &mut self.nodes[at];
        if node.last_turn_us > 0 && now_us - node.last_turn_us > limit_us {
            active.stood_still();
        }
        node.daemon.wishes = self.wishes;
        self.accept(at, &mut active);
        self.release(at, &mut active);
        let node = &mut self.nodes[at];
        node.served = active.takes_input();
        if node.served {
            for frame in std::mem::take(&mut node.inbox) {
                active.handle_frame(now_us, &frame);
            }
            node.daemon.serve(&mut active, now_us);
        }
        let alone = active.paired_with().is_none();
        let before = alone.then(|| (self.register.peek(), active.lsns()));
        active.handle_timeout(now_us);
        if let Some((entry, lsns)) = before {
            self.look_at_pairing(at, &active, entry, lsns);
        }
        let before = active.lsns();
        active.close_batch(now_us);
        if active.lsns() != before {
            self.trace_lsn(at, &active);
        }
        if let Some(channel) = &mut self.channel
            && channel.active == at
            && channel.accepted
        {
            channel.write_to_standby(now_us, active.ipc_outgoing());
            channel.cut |= !active.has_standby();
        }
        let written = active.ipc_outgoing().len();
        active.ipc_advance(written);
        self.release(at, &mut active);
        let node = &mut self.nodes[at];
        node.daemon.listen_to(&mut active);
        if let Some(fenced) = active.fenced() {
            if fenced == Fenced::HandedOver {
                node.promised = promises(&active);
            }
            let mut status = node.begun_status();
            status.tell_active(&active, moment(now_us));
            node.last_words = Some(status);
            node.doing = Doing::Fenced;
            self.trace_move(at, "is silent for ever");
        } else {
            node.doing = Doing::Active(active);
        }
    }

    /// A pair is made when the standby holds everything; `before` is what the register said, `lsns` how far the log was.
    fn look_at_pairing(
        &mut self,
        at: usize,
        active: &Active,
        before: Option<Entry>,
        (last, acknowledged): (Lsn, Lsn),
    ) {
        // After a swap of unknown outcome the register said so before the active knew.
        let swapped = before.is_some_and(|entry| entry.epoch < active.epoch());
        let Some(standby) = active.paired_with().filter(|_| swapped) else {
            return;
        };
        // Not what the active believes alone, but what its standby holds.
        let held = match named(&self.nodes, standby).map(|at| &self.nodes[at].doing) {
            Some(Doing::Standby(standby)) => standby.applied().min(acknowledged),
            _ => acknowledged,
        };
        if held != last {
            let wrong = format!("node {at} pairs at LSN {last}, {held} is acknowledged");
            self.fail("pairing", wrong);
        }
    }

    fn release(&mut self, at: usize, active: &mut Active) {
        while let Some(frame) = active.release() {
            match SuperFrame::of(Medium::Ethernet, &frame) {
                Some(parts) => parts.cut(&mut Vec::new(), |segment| self.fly(at, segment.to_vec())),
                None => self.fly(at, frame.octets().to_vec()),
            }
            active.recycle(frame);
        }
        active.transmitted(self.now_us);
    }
}
