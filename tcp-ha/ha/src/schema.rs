//! Checkpoints as the versions of the records have them. All other code knows the newest form alone.
//!
//! A record's other kinds have one form in all versions so far.

mod v1;

use crate::delta::ConnectionDelta;
use crate::record::SnapshotRecord;
use ipc::codec;
use ipc::schema::Version;
use serde::Serialize;
use tcp_ha_engine::ConnectionState;

/// Whether a version can say everything that this checkpoint says. Where it cannot, the connection is not protected.
pub fn carries(version: Version, state: &ConnectionState) -> bool {
    version > Version::V1 || v1::carries(state)
}

/// Appends a snapshot.
pub(crate) fn write_snapshot(version: Version, snapshot: &SnapshotRecord, out: &mut Vec<u8>) {
    match version {
        #[cfg(feature = "schema-v2")]
        Version::V2 => append(snapshot, out),
        _ => append(&v1::Snapshot::of(snapshot), out),
    }
}

/// Appends a delta.
pub(crate) fn write_delta(version: Version, delta: &ConnectionDelta, out: &mut Vec<u8>) {
    match version {
        #[cfg(feature = "schema-v2")]
        Version::V2 => append(delta, out),
        _ => append(&v1::Delta::of(delta), out),
    }
}

/// Appends a checkpoint, for its digest.
pub(crate) fn write_state(version: Version, state: &ConnectionState, out: &mut Vec<u8>) {
    match version {
        #[cfg(feature = "schema-v2")]
        Version::V2 => append(state, out),
        _ => append(&v1::State::of(state), out),
    }
}

/// Reads a snapshot; `None` where the octets are not one.
pub(crate) fn read_snapshot(version: Version, octets: &[u8]) -> Option<SnapshotRecord> {
    match version {
        #[cfg(feature = "schema-v2")]
        Version::V2 => codec::decode(octets).ok(),
        _ => codec::decode(octets).ok().map(v1::Snapshot::newest),
    }
}

/// Reads a delta; `None` where the octets are not one.
pub(crate) fn read_delta(version: Version, octets: &[u8]) -> Option<ConnectionDelta> {
    match version {
        #[cfg(feature = "schema-v2")]
        Version::V2 => codec::decode(octets).ok(),
        _ => codec::decode(octets).ok().map(v1::Delta::newest),
    }
}

fn append(value: &impl Serialize, out: &mut Vec<u8>) {
    codec::encode_into(value, out)
        .expect("record bodies are plain data without a size limit of their own");
}
