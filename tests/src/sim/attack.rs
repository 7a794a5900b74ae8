//! The end of some lives: the shadow is made to differ, and the audit must find it.

use super::run::Life;
use crate::world::{Forger, World, written};
use std::cell::Cell;
use std::rc::Rc;
use tcp_ha::core::record::{self, Record};
use tcp_ha::core::{Active, DownReason, Readiness};
use tcp_ha::engine::ConnectionId;

/// One in so many lives ends so.
const ONE_IN: u64 = 8;

/// For so long it may take until a round has found it, in audit intervals.
const INTERVALS: u64 = 4;

impl Life {
    /// Somebody makes the standby believe that a connection is not ready; nothing else will ever contradict that.
    pub(super) fn attack_shadow(&mut self, seed: u64) {
        let interval_us = self.world.scenario.limits.audit_interval_us;
        if !seed.is_multiple_of(ONE_IN) || interval_us == 0 {
            return;
        }
        let Some(id) = forge(&mut self.world) else {
            return;
        };
        self.world.forged = true;
        let end_us = self.world.now_us + INTERVALS * interval_us;
        let stays = |active: &Active| active.readiness(id) == Readiness::Ready;
        while self.world.is_paired()
            && self.world.speaker().audits().mismatches == 0
            && stays(self.world.speaker())
        {
            if self.world.now_us >= end_us {
                let audits = self.world.speaker().audits();
                panic!("[audit] a shadow that differs was not found: {audits:?}");
            }
            self.turn();
        }
        // The last fault may show only now; but no audit may go without an answer.
        let active = self.world.active().map(|_| self.world.speaker());
        if let Some(active) = active
            && active.downs().contains_key(&DownReason::AuditTimeout)
        {
            panic!("[audit] no answer: {:?}", active.audits());
        }
    }
}

/// Before the next round a record comes that the active never wrote, of a connection that the standby still holds by then; `None` where
/// there is nothing to forge.
fn forge(world: &mut World) -> Option<ConnectionId> {
    if !world.is_paired() || world.channel.is_none() {
        return None;
    }
    let active = world.speaker();
    let version = active.version();
    let is_ready = |id: &ConnectionId| active.readiness(*id) == Readiness::Ready;
    let id = active.engine().connections().find(is_ready)?;
    let done = Rc::new(Cell::new(false));
    let forger = Forger::new(move |kind, body| {
        let kept = (kind, body.to_vec());
        match record::parse_as(version, kind, body) {
            Ok(Record::AuditMark { .. }) if !done.replace(true) => {}
            Ok(Record::Deleted { id: gone }) if gone == id => {
                done.set(true);
                return vec![kept];
            }
            Ok(Record::Readiness { id: told, .. }) if told == id => {
                done.set(true);
                return vec![kept];
            }
            _ => return vec![kept],
        }
        let readiness = Readiness::ApplicationSync;
        vec![written(version, &Record::Readiness { id, readiness }), kept]
    });
    world.channel().forger = Some(forger);
    Some(id)
}
