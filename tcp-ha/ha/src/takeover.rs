//! From a shadow to an engine that speaks.

#[cfg(feature = "planted")]
mod planted;

use crate::active::Protection;
use crate::readiness::Readiness;
use crate::record::SendMode;
use crate::shadow::{Shadow, ShadowConnection, Unrecorded};
use ipc::Epoch;
use tcp_ha_engine::{Config, ConnectionId, Engine, Instant, Secrets};
use tcp_ha_link::LinkAddress;
use tcp_ha_link::host::Host;

/// TSval jumps by this much at a takeover, in milliseconds: what the dead active may have stamped that the standby never heard of
/// stays behind (I6).
pub const TIMESTAMP_JUMP_MS: u32 = 1_000;

/// By how much the TSvals of connections that are opened in one epoch are ahead of those of the epoch before: more than a takeover,
/// which begins an epoch, moves those that it finds.
const TIMESTAMP_STEP_MS: u32 = 2 * TIMESTAMP_JUMP_MS;

/// What is added to the TSvals of connections that are opened by a node that begins to speak in `epoch`.
pub(crate) fn timestamp_base(epoch: Epoch) -> u32 {
    // TSvals wrap at 32 bits by definition.
    (epoch.0 as u32).wrapping_mul(TIMESTAMP_STEP_MS)
}

/// Ids between the last one heard of and the first that a survivor gives: the active may have given some that never were recorded.
const ID_JUMP: u64 = 1 << 20;

/// A connection that was not taken over, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftBehind {
    /// The connection.
    pub id: ConnectionId,
    /// Why.
    pub reason: String,
}

/// What a takeover brought.
pub struct Survivor {
    /// The engine with all ready connections.
    pub engine: Engine,
    /// Connections that speak again, in the order of their ids.
    pub taken: Vec<ConnectionId>,
    /// Those that the active's daemon had closed already, and whose octets are all here: they finish by themselves.
    pub finishing: Vec<ConnectionId>,
    /// Connections of which the peer must still show that it has all that was sent, up to this stream offset: nobody recorded it.
    pub on_probation: Vec<(ConnectionId, u64)>,
    /// Connections that were not ready.
    pub left_behind: Vec<LeftBehind>,
    /// How each connection that was taken was protected.
    pub protections: Vec<(ConnectionId, Protection)>,
    /// The shared secrets.
    pub secrets: Secrets,
}

/// Builds the survivor's engine, in the active's time domain; nothing is sent yet.
///
/// Only connections whose ready-record is held, with no down-record behind it, are taken. `None` where the standby was never told
/// the shared secrets: it then has nothing to go on with.
pub fn survive(
    mut shadow: Shadow,
    config: Config,
    now: Instant,
    host: &mut Host,
) -> Option<Survivor> {
    let shared = shadow.shared()?;
    let (secrets, mut last_id) = (shared.secrets(), shared.next_id);
    let kept_secrets = shared.secrets();
    #[cfg(feature = "planted")]
    let (config, secrets) = (planted::narrowed(config), planted::mistaken(secrets));
    let mut engine = Engine::new(config, secrets);
    if !planted!(KeyForgotten) {
        engine.set_security(shadow.security().clone());
    }
    let is_v4 = |it: &ShadowConnection| it.state.identity.tuple.local.is_ipv4();
    let all = shadow.connections().count();
    let v4 = shadow.connections().filter(|(_, it)| is_v4(it)).count();
    engine.reserve(v4, all - v4);
    let (mut taken, mut finishing, mut left_behind) = (Vec::new(), Vec::new(), Vec::new());
    let mut on_probation = Vec::new();
    let mut protections = Vec::with_capacity(all);
    // One goes as the other comes: memory that is here already costs no page faults.
    while let Some((id, connection)) = shadow.take_first() {
        last_id = last_id.max(id.0);
        let ready = connection.readiness == Readiness::Ready && !planted!(ReadyLeftBehind);
        if !ready && !planted!(UnreadyTaken) {
            left_behind.push(LeftBehind {
                id,
                reason: connection.readiness.to_string(),
            });
            continue;
        }
        match connection.unrecorded() {
            Unrecorded::Nothing => {}
            Unrecorded::Sent { upto } => on_probation.push((id, upto)),
            Unrecorded::Unsent => {
                left_behind.push(LeftBehind {
                    id,
                    reason: "octets that were written and not sent were not recorded".to_owned(),
                });
                continue;
            }
        }
        let received = connection.received.to_vec();
        let sent = connection.sent.to_vec();
        let unsent = (connection.send_mode == SendMode::Logged).then_some(sent.as_slice());
        let state = connection.state;
        protections.push((id, connection.protection()));
        let finishes = connection.finishes_alone();
        drop(connection);
        #[cfg(feature = "planted")]
        let state = planted::spoiled(state);
        match engine.restore(now, id, &state, &received, unsent) {
            Ok(()) if finishes => finishing.push(id),
            Ok(()) => taken.push(id),
            Err(error) => left_behind.push(LeftBehind {
                id,
                reason: error.to_string(),
            }),
        }
    }
    for (id, reason) in shadow.down() {
        last_id = last_id.max(id.0);
        left_behind.push(LeftBehind {
            id,
            reason: Readiness::Down(reason).to_string(),
        });
    }
    // A shadow holds no id above its ID_MAX.
    engine.set_next_id(ConnectionId(last_id + ID_JUMP));
    for (address, link) in shadow.neighbours() {
        host.learn(now, address, LinkAddress(link));
    }
    Some(Survivor {
        engine,
        taken,
        finishing,
        on_probation,
        left_behind,
        protections,
        secrets: kept_secrets,
    })
}
