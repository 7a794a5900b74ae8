//! The peer's clients over a life: none ends but for a reason, all come back.

use super::run::Life;
use crate::world::Stage;
use tcp_ha::core::Readiness;
use tcp_ha::engine::{CloseCause, State};

impl Life {
    /// Opens again what has ended with good reason.
    ///
    /// # Panics
    /// When a connection ended without.
    pub(super) fn look_after_clients(&mut self) {
        if !self.world.peer.some_over() {
            return;
        }
        for at in 0..self.world.peer.clients.len() {
            let client = &self.world.peer.clients[at];
            let Stage::Over(cause) = client.stage else {
                continue;
            };
            let excused = client
                .ends
                .is_some_and(|ends| self.world.onlooker.monotonic.excused.contains(&ends));
            if cause == CloseCause::Normal && !excused && !self.world.peer.is_answered(at) {
                let (arrived, written) = (client.available, client.written);
                panic!("[stream] client {at} closed with {arrived} of {written} octets answered");
            }
            if cause != CloseCause::Normal && !excused {
                panic!("[peer] client {at} lost its connection: {cause:?}");
            }
            self.reopened += 1;
            self.world.peer.begin_anew(at);
        }
        self.world.peer.connect(self.world.now_us);
        self.world.wake_all();
    }

    /// Whether a pair exists, and every client has a ready connection and its whole answer.
    pub(super) fn is_calm(&self) -> bool {
        let world = &self.world;
        world.peer.done()
            && world.is_paired()
            && self.unready() == 0
            && self.established() >= world.scenario.clients
    }

    fn established(&self) -> usize {
        let engine = self.world.speaker().engine();
        let infos = engine.connections().filter_map(|id| engine.connection(id));
        infos
            .filter(|info| info.state == State::Established)
            .count()
    }

    fn unready(&self) -> usize {
        let active = self.world.speaker();
        let engine = active.engine();
        let infos = engine.connections().filter_map(|id| engine.connection(id));
        infos
            .filter(|info| info.state == State::Established)
            .filter(|info| active.readiness(info.id) != Readiness::Ready)
            .count()
    }

    /// What is missing to calm.
    pub(super) fn unrest(&self) -> String {
        let world = &self.world;
        let Some(at) = world.active() else {
            return "nobody speaks".to_owned();
        };
        if let Some(why) = world.speaker().unprotected() {
            let others = world
                .nodes
                .iter()
                .enumerate()
                .filter(|(_, node)| node.alive);
            let others: Vec<String> = others
                .map(|(at, node)| format!("{at} {}", node.told()))
                .collect();
            let entry = world.register.peek();
            let channel = world.channel.is_some();
            return format!(
                "node {at} has no standby: {why}; {others:?}, register {entry:?}, channel {channel}"
            );
        }
        let unready = self.unready();
        if unready > 0 {
            return format!("{unready} connections are not ready");
        }
        let engine = world.speaker().engine();
        let infos = engine.connections().filter_map(|id| engine.connection(id));
        let states: Vec<_> = infos.map(|info| (info.tuple.remote, info.state)).collect();
        let ends: Vec<_> = world
            .peer
            .clients
            .iter()
            .map(|client| (client.stage, client.written, client.returned))
            .collect();
        format!(
            "not everything was answered: {ends:?}, the pair has {states:?}, {}",
            world.nodes[at].daemon.told(world.speaker())
        )
    }
}
