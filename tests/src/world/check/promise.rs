//! What was called ready goes on: a takeover leaves no connection behind that the active had called ready (I7). Where what is sent is not
//! recorded, that holds only while the peer has acknowledged everything.

use tcp_ha::core::{Active, Readiness, SendMode};
use tcp_ha::engine::{ConnectionId, FourTuple};

/// A connection of which the active says that a takeover goes unnoticed.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Promise {
    pub(in super::super) id: ConnectionId,
    pub(in super::super) tuple: FourTuple,
}

/// All connections that the active calls ready.
pub(in super::super) fn promises(active: &Active) -> Vec<Promise> {
    let engine = active.engine();
    let ready = engine
        .connections()
        .filter(|id| active.readiness(*id) == Readiness::Ready);
    ready
        .filter_map(|id| engine.connection(id))
        .filter(|info| {
            let unrecorded = active
                .protection(info.id)
                .is_some_and(|it| it.send == SendMode::Unrecorded);
            !unrecorded || info.snd_una == info.snd_end
        })
        .map(|info| Promise {
            id: info.id,
            tuple: info.tuple,
        })
        .collect()
}
