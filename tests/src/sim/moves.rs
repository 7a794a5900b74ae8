//! How each fault is brought about, and how it ends.

use super::fault::Fault;
use super::run::Life;
use crate::world::{Doing, Node, PEER_PORT, Stranger};
use ipc::register::Register;
use ipc::register::memory::UnknownOutcome;
use tcp_ha::core::Readiness;
use tcp_ha::engine::ConnectionId;

const TAKEOVERS: [Fault; 6] = [
    Fault::Kill,
    Fault::Kill,
    Fault::KillInWrite,
    Fault::Hang,
    Fault::Hang,
    Fault::HandOver,
];

impl Life {
    /// The active goes, one way or another; nothing happens where there is none.
    pub(super) fn meet_takeover(&mut self) {
        let Some(at) = self.world.active() else {
            return;
        };
        let fault = self.dice.pick(&TAKEOVERS);
        match fault {
            Fault::Hang => self.world.nodes[at].suspended = true,
            Fault::HandOver => {
                if self.world.switchover().is_err() {
                    return;
                }
            }
            Fault::KillInWrite => {
                let written = self
                    .world
                    .channel
                    .as_ref()
                    .map_or(0, |channel| channel.to_standby.last_write());
                let keep = self.dice.below(written as u64 + 1) as usize;
                if let Some(channel) = &mut self.world.channel {
                    channel.to_standby.tear(keep);
                }
                self.world.kill(at);
            }
            _ => self.world.kill(at),
        }
        self.meet(fault);
        if self.dice.one_in(3) {
            self.world.add_node();
        }
    }

    pub(super) fn meet_condition(&mut self) {
        let fault = self.dice.pick(Fault::CONDITIONS);
        let met = match fault {
            Fault::KeysRenewed => self.world.renew_keys(),
            Fault::StrangerAsks => self.let_a_stranger_ask(),
            Fault::StandbyDies | Fault::StandbyHangs | Fault::NodeJoins => {
                self.meet_at_nodes(fault)
            }
            Fault::Loss
            | Fault::Duplication
            | Fault::Reordering
            | Fault::Corruption
            | Fault::Delay
            | Fault::Partition => self.meet_on_the_segment(fault),
            Fault::RegisterOut
            | Fault::UnknownApplied
            | Fault::UnknownLost
            | Fault::UnknownAndOut => self.meet_at_the_register(fault),
            Fault::ZeroWindow
            | Fault::ServicePauses
            | Fault::PeerCloses
            | Fault::ServiceAborts
            | Fault::ProtectedAnew
            | Fault::OperatorClears => self.meet_at_the_ends(fault),
            _ => self.meet_in_the_channel(fault),
        };
        if met {
            self.meet(fault);
        }
    }

    fn let_a_stranger_ask(&mut self) -> bool {
        let mut stranger = Stranger::new(self.world.scenario.family);
        for octets in stranger.solicitation() {
            self.world.inject(octets);
        }
        true
    }

    fn meet_at_nodes(&mut self, fault: Fault) -> bool {
        if fault == Fault::NodeJoins {
            if self.world.nodes_alive() < 4 {
                self.world.add_node();
            }
            return self.world.nodes_alive() < 4;
        }
        let Some(at) = self.world.standby_at() else {
            return false;
        };
        if fault == Fault::StandbyDies {
            self.world.kill(at);
        } else {
            self.world.nodes[at].suspended = true;
        }
        true
    }

    fn meet_in_the_channel(&mut self, fault: Fault) -> bool {
        let (late_us, few) = (self.dice.between(100, 30_000), self.dice.between(1, 400));
        let garble_acknowledgements = self.dice.one_in(2);
        let Some(channel) = &mut self.world.channel else {
            return false;
        };
        match fault {
            Fault::ChannelCut => self.world.cut_channel(),
            Fault::ChannelLate => {
                channel.to_standby.delay_us = late_us;
                channel.to_active.delay_us = late_us / 2;
            }
            Fault::SlowReader => channel.to_standby.octets_at_a_time = few as usize,
            Fault::BatchesHeld => channel.to_standby.held = true,
            Fault::AcknowledgementsHeld => channel.to_active.held = true,
            _ if garble_acknowledgements => channel.garble_to_active(),
            _ => channel.garble_to_standby(),
        }
        true
    }

    fn meet_on_the_segment(&mut self, fault: Fault) -> bool {
        let one_in = self.dice.between(2, 20);
        let turns = self.dice.between(1, 100);
        let at_the_peer = self.dice.one_in(2);
        let active = self.world.active();
        let segment = &mut self.world.segment;
        match fault {
            Fault::Loss => self.world.loss = one_in,
            Fault::Duplication => segment.weather.duplication = one_in,
            Fault::Reordering => segment.weather.reordering = one_in,
            Fault::Corruption => segment.weather.corruption = one_in,
            Fault::Delay => segment.weather.delay_turns = turns,
            _ => {
                let port = if at_the_peer { Some(PEER_PORT) } else { active };
                segment.unplugged.extend(port);
            }
        }
        true
    }

    fn meet_at_the_register(&mut self, fault: Fault) -> bool {
        let register = &self.world.register;
        match fault {
            Fault::RegisterOut => register.set_unavailable(true),
            Fault::UnknownApplied => register.hide_next_outcome(UnknownOutcome::Applied),
            Fault::UnknownLost => register.hide_next_outcome(UnknownOutcome::Lost),
            _ => {
                let outcome = if self.dice.one_in(2) {
                    UnknownOutcome::Applied
                } else {
                    UnknownOutcome::Lost
                };
                register.hide_next_outcome(outcome);
                self.world.moody.fall_silent_after_unknown();
            }
        }
        true
    }

    fn meet_at_the_ends(&mut self, fault: Fault) -> bool {
        match fault {
            Fault::ZeroWindow => self.world.peer.reads = false,
            Fault::ServicePauses => self.world.wishes.pauses = true,
            Fault::PeerCloses => {
                let at = self.dice.below(self.world.scenario.clients as u64) as usize;
                self.world.peer.close_client(at);
            }
            _ => {
                let Some(id) = self.some_connection() else {
                    return false;
                };
                let now_us = self.world.now_us;
                match fault {
                    Fault::ServiceAborts => {
                        self.world.excuse(id);
                        self.world.speaker_mut().abort(now_us, id);
                    }
                    Fault::OperatorClears => {
                        let cleared = self.world.speaker_mut().clear_protection(now_us, id);
                        return cleared.is_ok();
                    }
                    _ => self.world.speaker_mut().protect(now_us, id, None),
                }
            }
        }
        true
    }

    fn some_connection(&mut self) -> Option<ConnectionId> {
        let at = self.world.active()?;
        if self.world.nodes[at].suspended || !self.world.speaker().takes_input() {
            return None;
        }
        let streams = &self.world.nodes[at].daemon.streams;
        let count = streams.len() as u64;
        let nth = self.dice.below(count) as usize;
        let id = *streams.keys().nth(nth)?;
        self.world.speaker().engine().connection(id).map(|_| id)
    }

    /// What is not protected, on a node that can say so, is to be again.
    pub(super) fn protect_again(&mut self) {
        let protection = self.world.scenario.protection;
        let Some(at) = self.world.active() else {
            return;
        };
        if self.world.nodes[at].suspended {
            return;
        }
        let now_us = self.world.now_us;
        let streams: Vec<ConnectionId> = self.world.nodes[at]
            .daemon
            .streams
            .keys()
            .copied()
            .collect();
        for id in streams {
            let active = self.world.speaker_mut();
            let there = active.engine().connection(id).is_some();
            if there && active.readiness(id) == Readiness::None {
                active.protect(now_us, id, protection);
            }
            // An operator's word is given only once, and may have met a connection that is gone.
            let _ = active.restore_protection(now_us, id);
        }
    }

    /// Who hangs while it speaks goes on; who hangs while it shadows goes on, is ended, or hangs on.
    pub(super) fn wake_the_hanging(&mut self) {
        let speaks = |node: &Node| node.alive && matches!(node.doing, Doing::Active(_));
        // Who was overtaken while it hung may not know yet.
        let entry = self.world.register.peek();
        let is_heir = |node: &Node| entry.is_some_and(|entry| entry.active == node.me);
        let served = self
            .world
            .nodes
            .iter()
            .any(|node| speaks(node) && is_heir(node));
        for at in 0..self.world.nodes.len() {
            let node = &mut self.world.nodes[at];
            if !(node.alive && node.suspended) {
                continue;
            }
            let speaks = matches!(node.doing, Doing::Active(_));
            match self.dice.below(3) {
                _ if speaks => node.suspended = false,
                0 => node.suspended = false,
                // An operator ends what hangs.
                1 => self.world.kill(at),
                // Nobody does: the others must get on without it.
                _ if served => {}
                // But it may hold what nobody else does.
                _ => node.suspended = false,
            }
        }
    }

    /// Who was given the epoch while it hung goes on: nobody else may speak, and nobody knows it to be dead.
    pub(super) fn wake_the_heir(&mut self) {
        let entry = self.world.register.read().ok().flatten();
        let Some(heir) = entry.map(|entry| entry.active) else {
            return;
        };
        let nodes = self.world.nodes.iter_mut();
        for node in nodes.filter(|node| node.me == heir && matches!(node.doing, Doing::Standby(_)))
        {
            node.suspended = false;
        }
    }

    /// There are nodes enough for a pair.
    pub(super) fn keep_nodes(&mut self) {
        for node in &mut self.world.nodes {
            // A node that may never speak again ends.
            node.alive &= !matches!(node.doing, Doing::Fenced);
        }
        if self.world.nodes_running() < 2 {
            self.world.add_node();
        }
    }
}
