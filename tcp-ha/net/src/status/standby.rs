//! What a standby says of itself.

use super::{ConnectionStatus, Moment, ReadinessStatus, Role, Status};
use tcp_ha_core::{Standby, Standing};

/// What a standby says that hears neither its active nor the register.
const CUT_OFF: &str = "cut off: neither the active nor the register is heard";

impl Status {
    /// Adds what a standby says of itself at this moment.
    pub fn tell_standby(&mut self, standby: &Standby, moment: Moment) {
        self.role = Role::Standby;
        self.epoch = standby.epoch().0;
        self.peer = Some(standby.remote().to_string());
        // What is held is current only while the pair is whole.
        self.protected = standby.standing() == Standing::Paired && !standby.is_cut_off();
        self.unprotected = match standby.standing() {
            _ if standby.is_cut_off() => Some(CUT_OFF.to_owned()),
            Standing::Joining => Some("joining".to_owned()),
            Standing::Syncing => Some("initial sync".to_owned()),
            Standing::Paired | Standing::HandedOver => None,
        };
        self.readiness = Some(ReadinessStatus::of(standby.node_history(), moment));
        self.lsn_sent = standby.applied().0;
        self.lsn_acknowledged = standby.applied().0;
        let connections = standby.shadow().connections();
        self.connections = connections
            .map(|(id, connection)| ConnectionStatus {
                id: id.0,
                local: connection.state.identity.tuple.local,
                remote: connection.state.identity.tuple.remote,
                state: connection.state.lifecycle.state.to_string(),
                protection: connection.readiness.to_string(),
                reason: None,
                readiness: ReadinessStatus::now(connection.readiness),
                mode: None,
                signing: None,
                tcp: None,
            })
            .collect();
    }
}
