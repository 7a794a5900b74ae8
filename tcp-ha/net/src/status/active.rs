//! What an active says of itself.

use super::{
    ConnectionStatus, Moment, NodeCountersStatus, ReadinessStatus, Role, Status, TcpStatus,
};
use std::collections::BTreeMap;
use tcp_ha_core::{Active, Readiness};
use tcp_ha_engine::ConnectionInfo;
use tcp_ha_engine::auth::Signing;

impl Status {
    /// Adds what an active says of itself at this moment.
    pub fn tell_active(&mut self, active: &Active, moment: Moment) {
        let (sent, acknowledged) = active.lsns();
        self.role = if active.fenced().is_some() {
            Role::Fenced
        } else {
            Role::Active
        };
        self.epoch = active.epoch().0;
        self.peer = active.paired_with().map(|peer| peer.to_string());
        let unprotected = active.unprotected();
        self.protected = unprotected.is_none();
        self.unprotected = unprotected.map(|reason| reason.to_string());
        self.readiness = Some(ReadinessStatus::of(active.node_history(), moment));
        self.gate_shut = active.gate_is_shut();
        self.lsn_sent = sent.0;
        self.lsn_acknowledged = acknowledged.0;
        self.lag_us = active.lag_us(moment.mono_us);
        self.counters = Some(counted(active));
        self.foreign_announcements = active.host().counters().foreign_announcements;
        self.drops = drops(active);
        let engine = active.engine();
        self.connections = engine
            .connections()
            .filter_map(|id| engine.connection(id))
            .map(|info| connection(active, &info, moment))
            .collect();
    }
}

fn counted(active: &Active) -> NodeCountersStatus {
    let counters = active.counters();
    NodeCountersStatus {
        batches: counters.batches,
        checkpoints: counters.checkpoints,
        checkpoint_octets: counters.checkpoint_octets,
        payload_octets: counters.payload_octets,
        frames_released: active.gate_counters().released,
        gate_full: counters.gate_full,
        standby_lost: counters.standby_lost,
        audits: active.audits(),
        version: active.version().0,
    }
}

fn drops(active: &Active) -> BTreeMap<String, u64> {
    let frames = active
        .host()
        .counters()
        .drops()
        .map(|(reason, count)| (format!("frame: {reason}"), count));
    let segments = active.engine().counters().drops();
    let segments = segments.map(|(reason, count)| (format!("segment: {reason}"), count));
    frames
        .chain(segments)
        .filter(|(_, count)| *count > 0)
        .collect()
}

fn connection(active: &Active, info: &ConnectionInfo, moment: Moment) -> ConnectionStatus {
    let readiness = active.readiness(info.id);
    let protection = match readiness {
        Readiness::Down(_) => "down".to_owned(),
        other => other.to_string(),
    };
    let history = active.history(info.id);
    ConnectionStatus {
        id: info.id.0,
        local: info.tuple.local,
        remote: info.tuple.remote,
        state: info.state.to_string(),
        protection,
        reason: readiness.reason().map(|reason| reason.to_string()),
        readiness: history.map_or_else(
            || ReadinessStatus::now(readiness),
            |history| ReadinessStatus::of(history, moment),
        ),
        mode: active.protection(info.id).map(|it| it.to_string()),
        signing: (info.signing != Signing::None).then(|| info.signing.to_string()),
        tcp: Some(TcpStatus::of(info)),
    }
}
