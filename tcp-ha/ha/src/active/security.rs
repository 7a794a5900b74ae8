//! Keys and other demands on peers: they travel once, and with every change.

use super::Active;
use crate::readiness::{DownReason, Readiness};
use crate::record::Record;
use tcp_ha_engine::ConnectionId;
use tcp_ha_engine::auth::SecurityTable;

impl Active {
    /// Asks this of peers from now on, see `Engine::set_security`. The standby gets it in the
    /// same batch as what follows from it. A connection whose key is gone is not protected
    /// any more; one whose key is back is brought to the standby anew.
    pub fn set_security(&mut self, table: SecurityTable) {
        if self.engine.security() == &table {
            return;
        }
        self.engine.set_security(table);
        if self.has_established_standby() {
            self.record_security();
        }
        let ids: Vec<ConnectionId> = self.protected.keys().copied().collect();
        for id in ids {
            let down = Readiness::Down(DownReason::KeyMissing);
            match (self.engine.has_keys(id), self.readiness(id) == down) {
                (false, false) => self.connection_down(id, DownReason::KeyMissing),
                (true, true) if self.has_established_standby() => self.sync_unless_resting(id),
                _ => {}
            }
        }
    }

    pub(super) fn record_security(&mut self) {
        Record::Security(self.engine.security().clone()).write(&mut self.batch);
    }
}
