//! The end of some lives: the shadow is made to differ, and the audit must find it.

use super::run::Life;
use crate::world::{Forger, World, written};
use std::cell::Cell;
use std::rc::Rc;
use tcp_ha::core::record::{self, Record};
use tcp_ha::core::{DownReason, Readiness};
use tcp_ha::engine::ConnectionId;

/// One in so many lives ends so.
const ONE_IN: u64 = 8;

/// For so long it may take until a round has found it, in audit intervals.
const INTERVALS: u64 = 4;

impl Life {
    /// Somebody makes the standby believe that a connection is not ready; nothing else will ever contradict that.
    pub(super) fn attack_shadow(&mut self, seed: u64) {
        let interval_us = self.world.scenario.limits.audit_interval_us;
        if !seed.is_multiple_of(ONE_IN) || interval_us == 0 || !forge(&mut self.world) {
            return;
        }
        self.world.forged = true;
        let end_us = self.world.now_us + INTERVALS * interval_us;
        while self.world.is_paired() && self.world.speaker().audits().mismatches == 0 {
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

/// Before the next round a record comes that the active never wrote; false where there is nothing to forge.
fn forge(world: &mut World) -> bool {
    if !world.is_paired() || world.channel.is_none() {
        return false;
    }
    let active = world.speaker();
    let version = active.version();
    let is_ready = |id: &ConnectionId| active.readiness(*id) == Readiness::Ready;
    let Some(id) = active.engine().connections().find(is_ready) else {
        return false;
    };
    let done = Rc::new(Cell::new(false));
    let forger = Forger::new(move |kind, body| {
        let kept = (kind, body.to_vec());
        let mark = matches!(
            record::parse_as(version, kind, body),
            Ok(Record::AuditMark { .. })
        );
        if !mark || done.replace(true) {
            return vec![kept];
        }
        let readiness = Readiness::ApplicationSync;
        vec![written(version, &Record::Readiness { id, readiness }), kept]
    });
    world.channel().forger = Some(forger);
    true
}
