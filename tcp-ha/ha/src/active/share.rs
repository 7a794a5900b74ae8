//! What each connection has outstanding in the log, so that a busy one does not take the others down.

use super::Active;
use ipc::Lsn;
use std::collections::VecDeque;
use tcp_ha_engine::ConnectionId;

/// Octets of records that the standby has not acknowledged, by connection; bounded by the log, which holds the same octets.
#[derive(Default)]
pub(super) struct Shares {
    outstanding: VecDeque<(Lsn, ConnectionId, usize)>,
}

impl Active {
    /// Records of `octets` were written for a connection into the batch in hand.
    pub(super) fn charge(&mut self, id: ConnectionId, octets: usize) {
        let limit = self.limits.connection_octets;
        let Some(protected) = self.protected.get_mut(&id).filter(|_| octets > 0) else {
            return;
        };
        protected.held_octets += octets;
        let named = self.resting.overfull.last() == Some(&id);
        if protected.held_octets > limit && protected.is_recorded() && !named {
            self.resting.overfull.push(id);
        }
        let lsn = self.log.last().next();
        self.shares.outstanding.push_back((lsn, id, octets));
    }

    /// The standby acknowledged everything up to `lsn`.
    pub(super) fn discharge(&mut self, lsn: Lsn) {
        while let Some((_, id, octets)) = self
            .shares
            .outstanding
            .pop_front_if(|(of, _, _)| *of <= lsn)
        {
            if let Some(protected) = self.protected.get_mut(&id) {
                protected.held_octets = protected.held_octets.saturating_sub(octets);
            }
        }
    }

    /// Nobody acknowledges any more.
    pub(super) fn discharge_all(&mut self) {
        self.shares.outstanding.clear();
        self.resting.overfull.clear();
        for protected in self.protected.values_mut() {
            protected.held_octets = 0;
        }
    }

    /// What a snapshot of the connection takes with it is more than its share.
    pub(super) fn is_too_large(&self, id: ConnectionId) -> bool {
        let octets = self.engine.connection(id).map_or(0, |info| {
            (info.safe - info.read).saturating_add(info.snd_end - info.snd_una)
        });
        usize::try_from(octets).unwrap_or(usize::MAX) > self.limits.connection_octets
    }
}
