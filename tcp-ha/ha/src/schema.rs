//! Checkpoints as the versions of the records have them. All other code knows the newest form alone.
//!
//! A snapshot is the id, an octet of modes, and all concerns; a delta the id, an octet of which concerns follow, and these. The concerns come
//! in the order of [`ConnectionState`]. A record's other kinds have one form in all versions so far.

mod octets;
mod v1;
#[cfg(feature = "schema-v2")]
mod v2;

use crate::delta::ConnectionDelta;
use crate::record::{SendMode, SnapshotRecord};
use ipc::schema::Version;
use octets::{Reader, bit, put};
use tcp_ha_engine::{ConnectionId, ConnectionState, LifecycleState};

/// Modes of a snapshot: the low two bits are the send mode.
const REGENERATED: u8 = 1;
const UNRECORDED: u8 = 2;
const SEND_MODE: u8 = 3;
const APPLICATION_SYNC: u8 = 1 << 2;
const MODES: u8 = SEND_MODE | APPLICATION_SYNC;

/// Concerns of a delta.
const IDENTITY: u8 = 1;
const LIFECYCLE: u8 = 1 << 1;
const SEND: u8 = 1 << 2;
const RECV: u8 = 1 << 3;
const RTT: u8 = 1 << 4;
const CONGESTION: u8 = 1 << 5;
const TIMERS: u8 = 1 << 6;
const AUTH: u8 = 1 << 7;

/// Whether a version can say everything that this checkpoint says. Where it cannot, the connection is not protected.
pub fn carries(version: Version, state: &ConnectionState) -> bool {
    version > Version::V1 || v1::carries(state)
}

/// Appends a snapshot.
pub(crate) fn write_snapshot(version: Version, snapshot: &SnapshotRecord, out: &mut Vec<u8>) {
    let SnapshotRecord {
        id,
        ref state,
        send_mode,
        application_sync,
    } = *snapshot;
    put(out, id.0);
    let send_mode = match send_mode {
        SendMode::Logged => 0,
        SendMode::Regenerated => REGENERATED,
        SendMode::Unrecorded => UNRECORDED,
    };
    out.push(send_mode | bit(APPLICATION_SYNC, application_sync));
    write_state(version, state, out);
}

/// Reads a snapshot; `None` where the octets are not one.
pub(crate) fn read_snapshot(version: Version, octets: &[u8]) -> Option<SnapshotRecord> {
    let mut from = Reader::new(octets);
    let id = ConnectionId(from.number()?);
    let modes = from.flags(MODES)?;
    let send_mode = match modes & SEND_MODE {
        0 => SendMode::Logged,
        REGENERATED => SendMode::Regenerated,
        UNRECORDED => SendMode::Unrecorded,
        _ => return None,
    };
    let state = read_state(version, &mut from)?;
    from.end()?;
    Some(SnapshotRecord {
        id,
        state,
        send_mode,
        application_sync: modes & APPLICATION_SYNC != 0,
    })
}

/// Appends a delta.
pub(crate) fn write_delta(version: Version, delta: &ConnectionDelta, out: &mut Vec<u8>) {
    let ConnectionDelta {
        id,
        identity,
        lifecycle,
        send,
        recv,
        rtt,
        congestion,
        timers,
        auth,
    } = delta;
    put(out, id.0);
    out.push(
        bit(IDENTITY, identity.is_some())
            | bit(LIFECYCLE, lifecycle.is_some())
            | bit(SEND, send.is_some())
            | bit(RECV, recv.is_some())
            | bit(RTT, rtt.is_some())
            | bit(CONGESTION, congestion.is_some())
            | bit(TIMERS, timers.is_some())
            | bit(AUTH, auth.is_some()),
    );
    if let Some(identity) = identity {
        v1::write_identity(identity, out);
    }
    if let Some(lifecycle) = lifecycle {
        write_lifecycle(version, lifecycle, out);
    }
    if let Some(send) = send {
        v1::write_send(send, out);
    }
    if let Some(recv) = recv {
        v1::write_recv(recv, out);
    }
    if let Some(rtt) = rtt {
        v1::write_rtt(rtt, out);
    }
    if let Some(congestion) = congestion {
        v1::write_congestion(congestion, out);
    }
    if let Some(timers) = timers {
        v1::write_timers(timers, out);
    }
    if let Some(auth) = auth {
        v1::write_auth(auth, out);
    }
}

/// Reads a delta; `None` where the octets are not one.
pub(crate) fn read_delta(version: Version, octets: &[u8]) -> Option<ConnectionDelta> {
    let mut from = Reader::new(octets);
    let id = ConnectionId(from.number()?);
    let concerns = from.octet()?;
    let from = &mut from;
    let delta = ConnectionDelta {
        id,
        identity: concern(concerns & IDENTITY, from, v1::read_identity)?,
        lifecycle: concern(concerns & LIFECYCLE, from, |from| {
            read_lifecycle(version, from)
        })?,
        send: concern(concerns & SEND, from, v1::read_send)?,
        recv: concern(concerns & RECV, from, v1::read_recv)?,
        rtt: concern(concerns & RTT, from, v1::read_rtt)?,
        congestion: concern(concerns & CONGESTION, from, v1::read_congestion)?,
        timers: concern(concerns & TIMERS, from, v1::read_timers)?,
        auth: concern(concerns & AUTH, from, v1::read_auth)?,
    };
    from.end()?;
    Some(delta)
}

/// A concern, where its bit says that it is there.
fn concern<'a, T>(
    there: u8,
    from: &mut Reader<'a>,
    read: impl FnOnce(&mut Reader<'a>) -> Option<T>,
) -> Option<Option<T>> {
    if there == 0 {
        Some(None)
    } else {
        read(from).map(Some)
    }
}

/// Appends a checkpoint.
pub(crate) fn write_state(version: Version, state: &ConnectionState, out: &mut Vec<u8>) {
    let ConnectionState {
        identity,
        lifecycle,
        send,
        recv,
        rtt,
        congestion,
        timers,
        auth,
    } = state;
    v1::write_identity(identity, out);
    write_lifecycle(version, lifecycle, out);
    v1::write_send(send, out);
    v1::write_recv(recv, out);
    v1::write_rtt(rtt, out);
    v1::write_congestion(congestion, out);
    v1::write_timers(timers, out);
    v1::write_auth(auth, out);
}

fn read_state(version: Version, from: &mut Reader<'_>) -> Option<ConnectionState> {
    Some(ConnectionState {
        identity: v1::read_identity(from)?,
        lifecycle: read_lifecycle(version, from)?,
        send: v1::read_send(from)?,
        recv: v1::read_recv(from)?,
        rtt: v1::read_rtt(from)?,
        congestion: v1::read_congestion(from)?,
        timers: v1::read_timers(from)?,
        auth: v1::read_auth(from)?,
    })
}

/// The one concern whose form depends on the version.
fn write_lifecycle(version: Version, lifecycle: &LifecycleState, out: &mut Vec<u8>) {
    match version {
        #[cfg(feature = "schema-v2")]
        Version::V2 => v2::write_lifecycle(lifecycle, out),
        _ => v1::write_lifecycle(lifecycle, out),
    }
}

fn read_lifecycle(version: Version, from: &mut Reader<'_>) -> Option<LifecycleState> {
    match version {
        #[cfg(feature = "schema-v2")]
        Version::V2 => v2::read_lifecycle(from),
        _ => v1::read_lifecycle(from),
    }
}

#[cfg(test)]
mod tests;
