//! What the world asks its checkers after each turn, and whom it excuses.

use super::check::shadow_equals_active;
use super::check::{bounds_hold, buffers_hold};
use super::daemon::Stream;
use super::model::Model;
use super::node::{Doing, Node};
use super::peer::Stage;
use super::{TURN_US, World};
use crate::wire::Ends;
use tcp_ha::core::{Active, DownReason, Readiness, Standby};
use tcp_ha::engine::{FourTuple, State};

impl World {
    /// Compares shadow and active, where they are level at an LSN that was not compared yet, and looks at all bounds.
    pub(super) fn compare(&mut self) {
        if let Err(wrong) = bounds_hold(&self.scenario, &self.nodes, self.channel.as_ref()) {
            self.fail("bounds", wrong);
        }
        let Some((active, standby)) = self.pair() else {
            return;
        };
        let audits = active.audits();
        let accused =
            audits.mismatches > 0 || active.downs().contains_key(&DownReason::AuditFailed);
        if accused && !self.forged {
            self.fail(
                "audit",
                format!("the shadow was found to differ: {audits:?}"),
            );
        }
        let last = active.lsns().0;
        if last == self.compared_at {
            return;
        }
        if let Err(wrong) = buffers_hold(&self.scenario, active) {
            self.fail("bounds", wrong);
        }
        match shadow_equals_active(active, standby) {
            Ok(None) => return,
            Ok(Some(compared)) => self.level += compared as u64,
            Err(wrong) => self.fail("level", wrong),
        }
        self.compared_at = last;
        if let Err(wrong) = self.services_agree() {
            self.fail("services", wrong);
        }
    }

    /// The active and the standby that shadows it.
    fn pair(&self) -> Option<(&Active, &Standby)> {
        let speaks = self
            .nodes
            .iter()
            .find(|node| node.runs() && matches!(node.doing, Doing::Active(_)))?;
        let shadows = self.nodes.iter().find(|node| match &node.doing {
            Doing::Standby(standby) => node.runs() && standby.remote() == speaks.me,
            _ => false,
        })?;
        match (&speaks.doing, &shadows.doing) {
            // Without a standby the log numbers nothing: LSNs say no more how far the active is.
            (Doing::Active(active), Doing::Standby(standby)) if active.has_standby() => {
                Some((active, standby))
            }
            _ => None,
        }
    }

    /// When something arrives in the channel next, or its end does.
    pub(super) fn channel_us(&self) -> Option<u64> {
        let channel = self.channel.as_ref()?;
        if channel.cut {
            return Some(self.now_us + TURN_US);
        }
        let runs = |at: usize| self.nodes[at].runs();
        let to_active = channel
            .to_active
            .next_us()
            .filter(|_| channel.accepted && runs(channel.active));
        let to_standby = channel
            .to_standby
            .next_us()
            .filter(|_| runs(channel.standby));
        to_active.into_iter().chain(to_standby).min()
    }

    /// Every connection there is may end in a reset: the node that has come knows nothing of it.
    pub(super) fn excuse_all(&mut self) {
        let flows = self.peer.flows();
        self.onlooker.monotonic.excused.extend(flows);
        self.onlooker.monotonic.begin_anew();
    }

    /// Only a connection that may end in a reset may be forgotten and opened anew.
    pub(super) fn judge_opened_anew(&mut self) {
        let mut opened = std::mem::take(&mut self.peer.opened_anew).into_iter();
        let excused = &self.onlooker.monotonic.excused;
        if let Some(ends) = opened.find(|ends| !excused.contains(ends)) {
            let wrong = format!("the pair opens {ends:?} anew, and it lives");
            self.fail("peer", wrong);
        }
    }

    /// Clients whose connection nobody knows any more give it up: without traffic they would never hear of it.
    pub fn give_up_forgotten(&mut self) {
        if self.active().is_none() || self.onlooker.monotonic.excused.is_empty() {
            return;
        }
        let now_us = self.now_us;
        let excused = |ends: &Ends| self.onlooker.monotonic.excused.contains(ends);
        let forgotten = |ends: Ends| excused(&ends) && !self.is_known(ends);
        let clients = self.peer.clients.iter();
        let given_up: Vec<usize> = clients
            .enumerate()
            .filter(|(_, client)| {
                matches!(client.stage, Stage::Open(_)) && client.ends.is_some_and(forgotten)
            })
            .map(|(at, _)| at)
            .collect();
        for at in given_up {
            self.peer.abort_client(now_us, at);
            self.wake_all();
        }
    }

    /// Whether the node that speaks knows a connection, or one that may take over does: who speaks may have been overtaken.
    fn is_known(&self, (port, address, peer_port): Ends) -> bool {
        let is_it = |tuple: FourTuple| {
            let (local, remote) = (tuple.local, tuple.remote);
            local.port() == port && remote.ip() == address && remote.port() == peer_port
        };
        let engine = self.speaker().engine();
        let mut infos = engine.connections().filter_map(|id| engine.connection(id));
        // Its successor opens in vain: what is signed for the former connection says nothing to it (RFC 5925).
        let spoken = infos.any(|info| info.state != State::SynSent && is_it(info.tuple));
        let entry = self.register.peek();
        let is_named = |node: &&Node| {
            let name = Some(node.me);
            entry.is_some_and(|entry| entry.standby == name || Some(entry.active) == name)
        };
        let shadows = self.nodes.iter().filter(|node| node.alive).filter(is_named);
        spoken
            || shadows
                .filter_map(|node| match &node.doing {
                    Doing::Standby(standby) => Some(standby.shadow()),
                    _ => None,
                })
                .flat_map(|shadow| shadow.connections())
                .any(|(_, connection)| is_it(connection.state.identity.tuple))
    }

    /// A connection of the active may end in a reset from now on.
    pub fn excuse(&mut self, id: tcp_ha::engine::ConnectionId) {
        if let Some(info) = self.speaker().engine().connection(id) {
            let (local, remote) = (info.tuple.local, info.tuple.remote);
            let ends = (local.port(), remote.ip(), remote.port());
            self.onlooker.monotonic.excused.insert(ends);
        }
    }

    /// Every connection that the survivor does not have may end in a reset: it was not ready.
    pub(super) fn excuse_missing(&mut self, survivor: &Active) {
        let engine = survivor.engine();
        let missing = self
            .peer
            .flows()
            .into_iter()
            .filter(|(port, address, peer_port)| {
                !engine
                    .connections()
                    .filter_map(|id| engine.connection(id))
                    .any(|info| {
                        info.tuple.local.port() == *port
                            && info.tuple.remote.ip() == *address
                            && info.tuple.remote.port() == *peer_port
                    })
            });
        let missing: Vec<_> = missing.collect();
        self.onlooker.monotonic.excused.extend(missing);
    }

    /// A frame of a node, for the trace: with what it has logged and what is acknowledged.
    pub(super) fn trace_frame(&mut self, at: usize, octets: &[u8]) {
        if self.trace.on {
            self.trace.frame(self.now_us, &format!("node {at}"), octets);
        }
    }

    /// What the node that speaks has logged since the last time.
    pub(super) fn trace_lsn(&mut self, at: usize, active: &Active) {
        if self.trace.on {
            let (last, acknowledged) = active.lsns();
            let (octets, frames) = active.outstanding();
            self.trace.note(self.now_us, || {
                format!("---- node {at} LSN {last}, acknowledged {acknowledged}, {octets} octets in the log, {frames} frames in the gate")
            });
        }
    }

    /// A move of a node, for the trace.
    pub(super) fn trace_move(&mut self, at: usize, what: &str) {
        let epoch = self.register.peek().map_or(0, |entry| entry.epoch.0);
        self.trace.note(self.now_us, || {
            format!("---- node {at} {what}, epoch {epoch}")
        });
    }

    /// Compares the service's state on both sides where they are at the same LSN; how many connections were compared.
    ///
    /// # Panics
    /// When the replica's state is another.
    pub fn compare_services(&mut self) -> usize {
        match self.services_agree() {
            Ok(compared) => compared,
            Err(wrong) => self.fail("services", wrong),
        }
    }

    fn services_agree(&mut self) -> Result<usize, String> {
        let (Some(active_at), Some(standby_at)) = (self.active(), self.standby_at()) else {
            return Ok(0);
        };
        let last = self.speaker().lsns().0;
        let node = &mut self.nodes[standby_at];
        let Doing::Standby(standby) = &mut node.doing else {
            return Ok(0);
        };
        let mut events = Vec::new();
        standby.take_events(&mut events);
        node.daemon.replicate(events);
        if standby.applied() != last {
            return Ok(0);
        }
        let (ours, theirs) = (
            &self.nodes[active_at].daemon,
            &self.nodes[standby_at].daemon,
        );
        if theirs.answered_whole && ours.answered != theirs.answered {
            let (ours, theirs) = (ours.answered, theirs.answered);
            return Err(format!("{ours} answered, {theirs} at LSN {last}"));
        }
        let active = self.speaker();
        let protection = self.scenario.protection;
        let asks = protection.is_some_and(|protection| protection.application_sync);
        let mut compared = 0;
        for (id, stream) in &ours.streams {
            let readiness = active.readiness(*id);
            let unheld = matches!(readiness, Readiness::None | Readiness::TcpInitialSync);
            if unheld || matches!(readiness, Readiness::Down(_)) {
                continue;
            }
            // A replica that has heard nothing yet cannot tell whether there was something.
            let told = asks && readiness == Readiness::Ready;
            let heard = |model: &Model| model.read > 0 && model.sent > 0;
            let knows = |replica: &&Stream| replica.whole && (told || heard(&replica.model));
            if let Some(replica) = theirs.streams.get(id).filter(knows) {
                let (ours, theirs) = (stream.model.summary(), replica.model.summary());
                if ours != theirs {
                    return Err(format!(
                        "connection {id} at LSN {last}: {ours:?}, its replica {theirs:?}"
                    ));
                }
                compared += 1;
            }
        }
        Ok(compared)
    }
}
