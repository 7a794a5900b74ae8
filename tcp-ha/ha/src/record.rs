//! What travels from the active to the standby: the kinds of records and their bodies.
//!
//! Checkpoints ([`Record::Snapshot`], [`Record::Delta`]) have no field that could hold octets of a stream (I5). Octets travel
//! beside them as records of their own kinds, where the daemon's choice of modes asks for it.

use crate::audit::Digest;
use crate::delta::ConnectionDelta;
use crate::readiness::Readiness;
use crate::schema;
use core::fmt;
use ipc::batch::BatchBuilder;
use ipc::codec;
use ipc::schema::Version;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::net::IpAddr;
use tcp_ha_engine::auth::SecurityTable;
use tcp_ha_engine::{ConnectionId, ConnectionState, Secrets};

const SHARED: u16 = 1;
const NEIGHBOUR: u16 = 2;
const SNAPSHOT: u16 = 3;
const DELTA: u16 = 4;
const DELETED: u16 = 5;
const RECEIVED: u16 = 6;
const SENT: u16 = 7;
const APPLICATION: u16 = 8;
const READINESS: u16 = 9;
const SECURITY: u16 = 10;
const AUDIT_MARK: u16 = 11;
const AUDIT: u16 = 12;
const AUDIT_SWEEP: u16 = 13;
const AUDIT_APPLICATION: u16 = 14;
/// Not in version 1.
#[cfg(feature = "schema-v2")]
const TRIAL: u16 = 15;

/// Stands for "no connection" in the head of an application record.
const NO_CONNECTION: u64 = u64::MAX;

/// What all connections of a node share; sent once to a joining standby.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedState {
    /// Key of the initial sequence numbers; never shown, like the three below.
    pub isn_key: [u8; 16],
    /// Key of the demultiplexing table.
    pub demux_key: [u8; 16],
    /// Key of the timestamp offsets.
    pub timestamp_key: [u8; 16],
    /// Key of the SYN cookies: an ACK that answers a cookie may come to the survivor.
    pub cookie_key: [u8; 16],
    /// The next connection id that the engine would give.
    pub next_id: u64,
}

impl SharedState {
    /// What an engine with these secrets, about to give `next_id`, shares.
    pub fn of(secrets: &Secrets, next_id: ConnectionId) -> SharedState {
        let Secrets {
            isn,
            demux,
            timestamp,
            cookie,
        } = secrets;
        SharedState {
            isn_key: *isn,
            demux_key: *demux,
            timestamp_key: *timestamp,
            cookie_key: *cookie,
            next_id: next_id.0,
        }
    }

    /// The engine's secrets.
    pub fn secrets(&self) -> Secrets {
        Secrets {
            isn: self.isn_key,
            demux: self.demux_key,
            timestamp: self.timestamp_key,
            cookie: self.cookie_key,
        }
    }
}

impl fmt::Debug for SharedState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedState")
            .field("next_id", &self.next_id)
            .finish_non_exhaustive()
    }
}

/// How the daemon gets octets that it had, and how octets that it wrote are kept (DESIGN: receive and send modes).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SendMode {
    /// The library records octets before they can be sent.
    Logged,
    /// Only sizes travel; the daemon supplies bit-identical octets from SND.UNA on after a takeover.
    Regenerated,
    /// Only sizes travel, and nobody can say the octets again: protection of what is received alone. After a takeover the peer's word
    /// decides whether it has all that was sent.
    Unrecorded,
}

/// A connection as the standby first hears of it.
#[derive(Clone, Debug, PartialEq)]
pub struct SnapshotRecord {
    /// The connection.
    pub id: ConnectionId,
    /// Its whole checkpoint.
    pub state: ConnectionState,
    /// How its outbound octets are kept.
    pub send_mode: SendMode,
    /// Whether the daemon has state of its own that a standby needs beside the stream.
    pub application_sync: bool,
}

/// One record of a batch.
#[derive(Clone, Debug, PartialEq)]
pub enum Record<'a> {
    /// What all connections share.
    Shared(SharedState),
    /// What is asked of peers, their keys included; whole, also after a change.
    Security(SecurityTable),
    /// A neighbour's link address was learned.
    Neighbour {
        /// The neighbour's address.
        address: IpAddr,
        /// Its link address.
        link: [u8; 6],
    },
    /// A connection, whole; the octets that it holds follow as records of their own.
    Snapshot(Box<SnapshotRecord>),
    /// What changed in a connection since its snapshot and the deltas before.
    Delta(Box<ConnectionDelta>),
    /// A connection was deleted.
    Deleted {
        /// The connection.
        id: ConnectionId,
    },
    /// Inbound octets that are safe with this record.
    Received {
        /// The connection.
        id: ConnectionId,
        /// Stream offset of the first octet.
        offset: u64,
        /// The octets.
        octets: &'a [u8],
    },
    /// Outbound octets, recorded before they can be sent.
    Sent {
        /// The connection.
        id: ConnectionId,
        /// Stream offset of the first octet.
        offset: u64,
        /// The octets.
        octets: &'a [u8],
    },
    /// The daemon's own record.
    Application {
        /// The connection.
        id: Option<ConnectionId>,
        /// The octets.
        octets: &'a [u8],
    },
    /// How far a connection is protected.
    Readiness {
        /// The connection.
        id: ConnectionId,
        /// How far it is now.
        readiness: Readiness,
    },
    /// A round of an audit begins: what is held is not named yet.
    AuditMark {
        /// Counts from 1 on.
        round: u64,
    },
    /// A connection at this place of the log.
    Audit {
        /// The connection.
        id: ConnectionId,
        /// Of what the standby must hold of it.
        digest: Digest,
    },
    /// The round ends: what is held and was not named is left over.
    AuditSweep {
        /// Of what all connections share, keys included.
        shared: Digest,
    },
    /// What the daemon says of its own state at this place of the log, for its replica to compare.
    AuditApplication {
        /// The connection.
        id: Option<ConnectionId>,
        /// As the daemon writes it.
        octets: &'a [u8],
    },
    /// Something of the node that only the trial version 2 carries.
    #[cfg(feature = "schema-v2")]
    Trial {
        /// What it is about.
        note: u64,
    },
}

/// A record that the standby cannot read: the two versions differ, or the sender is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordError {
    kind: u16,
    what: &'static str,
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record of kind {}: {}", self.kind, self.what)
    }
}

impl core::error::Error for RecordError {}

impl Record<'_> {
    /// Appends this record to the batch, as version 1 has it; octets are copied once.
    pub fn write(&self, batch: &mut BatchBuilder) {
        self.write_as(Version::V1, batch);
    }

    /// Appends this record to the batch, as `version` has it. Snapshots and deltas must be such as the version carries
    /// ([`schema::carries`]); a kind that it does not have is left out.
    pub fn write_as(&self, version: Version, batch: &mut BatchBuilder) {
        match self {
            Record::Shared(shared) => body(batch, SHARED, shared),
            Record::Security(table) => batch.record(SECURITY, |out| {
                out.extend_from_slice(&table.to_octets());
            }),
            Record::Neighbour { address, link } => body(batch, NEIGHBOUR, &(address, link)),
            Record::Snapshot(snapshot) => batch.record(SNAPSHOT, |out| {
                schema::write_snapshot(version, snapshot, out);
            }),
            Record::Delta(delta) => write_delta(batch, version, delta),
            Record::Deleted { id } => body(batch, DELETED, id),
            Record::Received { id, offset, octets } => {
                octet_record(batch, RECEIVED, *id, *offset, [*octets].into_iter())
            }
            Record::Sent { id, offset, octets } => {
                octet_record(batch, SENT, *id, *offset, [*octets].into_iter())
            }
            Record::Application { id, octets } => daemon_record(batch, APPLICATION, *id, octets),
            Record::Readiness { id, readiness } => body(batch, READINESS, &(id, readiness)),
            Record::AuditMark { round } => body(batch, AUDIT_MARK, round),
            Record::Audit { id, digest } => body(batch, AUDIT, &(id, digest)),
            Record::AuditSweep { shared } => body(batch, AUDIT_SWEEP, shared),
            Record::AuditApplication { id, octets } => {
                daemon_record(batch, AUDIT_APPLICATION, *id, octets)
            }
            #[cfg(feature = "schema-v2")]
            Record::Trial { note } => {
                if version >= Version::V2 {
                    body(batch, TRIAL, note);
                }
            }
        }
    }
}

/// Appends what changed in a connection, such as the version carries.
pub fn write_delta(batch: &mut BatchBuilder, version: Version, delta: &ConnectionDelta) {
    batch.record(DELTA, |out| schema::write_delta(version, delta, out));
}

/// Appends inbound octets that lie in pieces.
pub fn write_received<'a>(
    batch: &mut BatchBuilder,
    id: ConnectionId,
    offset: u64,
    pieces: impl Iterator<Item = &'a [u8]>,
) {
    octet_record(batch, RECEIVED, id, offset, pieces);
}

/// Appends outbound octets that lie in pieces.
pub fn write_sent<'a>(
    batch: &mut BatchBuilder,
    id: ConnectionId,
    offset: u64,
    pieces: impl Iterator<Item = &'a [u8]>,
) {
    octet_record(batch, SENT, id, offset, pieces);
}

fn body(batch: &mut BatchBuilder, kind: u16, value: &impl Serialize) {
    batch.record(kind, |out| {
        codec::encode_into(value, out)
            .expect("record bodies are plain data without a size limit of their own")
    });
}

fn octet_record<'a>(
    batch: &mut BatchBuilder,
    kind: u16,
    id: ConnectionId,
    offset: u64,
    pieces: impl Iterator<Item = &'a [u8]>,
) {
    batch.record(kind, |out| {
        out.extend_from_slice(&id.0.to_le_bytes());
        out.extend_from_slice(&offset.to_le_bytes());
        for piece in pieces {
            out.extend_from_slice(piece);
        }
    });
}

fn daemon_record(batch: &mut BatchBuilder, kind: u16, id: Option<ConnectionId>, octets: &[u8]) {
    batch.record(kind, |out| {
        out.extend_from_slice(&id.map_or(NO_CONNECTION, |id| id.0).to_le_bytes());
        out.extend_from_slice(octets);
    });
}

/// What changed in a connection, where the record is of that kind: the frequent one, without an allocation.
///
/// # Errors
/// The body is not of its form; the standby then resigns rather than guess.
pub fn parse_delta(
    version: Version,
    kind: u16,
    octets: &[u8],
) -> Result<Option<ConnectionDelta>, RecordError> {
    if kind != DELTA {
        return Ok(None);
    }
    let what = "malformed body";
    let delta = schema::read_delta(version, octets).ok_or(RecordError { kind, what })?;
    Ok(Some(delta))
}

/// Reads one record of version 1.
///
/// # Errors
/// The kind is unknown or the body is not of its form; the standby then resigns rather than guess.
pub fn parse(kind: u16, octets: &[u8]) -> Result<Record<'_>, RecordError> {
    parse_as(Version::V1, kind, octets)
}

/// Reads one record of `version`; a field that it does not have is what it was before there was such a field.
///
/// # Errors
/// The kind is unknown or the body is not of its form; the standby then resigns rather than guess.
pub fn parse_as(version: Version, kind: u16, octets: &[u8]) -> Result<Record<'_>, RecordError> {
    let wrong = |what| RecordError { kind, what };
    Ok(match kind {
        SHARED => Record::Shared(value(kind, octets)?),
        SECURITY => {
            Record::Security(SecurityTable::from_octets(octets).ok_or(wrong("malformed body"))?)
        }
        NEIGHBOUR => {
            let (address, link) = value(kind, octets)?;
            Record::Neighbour { address, link }
        }
        SNAPSHOT => Record::Snapshot(Box::new(
            schema::read_snapshot(version, octets).ok_or(wrong("malformed body"))?,
        )),
        DELTA => Record::Delta(Box::new(
            schema::read_delta(version, octets).ok_or(wrong("malformed body"))?,
        )),
        DELETED => Record::Deleted {
            id: value(kind, octets)?,
        },
        RECEIVED | SENT => {
            let (id, rest) = split_u64(octets).ok_or(wrong("too short"))?;
            let (offset, octets) = split_u64(rest).ok_or(wrong("too short"))?;
            let id = ConnectionId(id);
            if kind == RECEIVED {
                Record::Received { id, offset, octets }
            } else {
                Record::Sent { id, offset, octets }
            }
        }
        APPLICATION | AUDIT_APPLICATION => {
            let (id, octets) = split_u64(octets).ok_or(wrong("too short"))?;
            let id = (id != NO_CONNECTION).then_some(ConnectionId(id));
            if kind == APPLICATION {
                Record::Application { id, octets }
            } else {
                Record::AuditApplication { id, octets }
            }
        }
        READINESS => {
            let (id, readiness) = value(kind, octets)?;
            Record::Readiness { id, readiness }
        }
        AUDIT_MARK => Record::AuditMark {
            round: value(kind, octets)?,
        },
        AUDIT => {
            let (id, digest) = value(kind, octets)?;
            Record::Audit { id, digest }
        }
        AUDIT_SWEEP => Record::AuditSweep {
            shared: value(kind, octets)?,
        },
        #[cfg(feature = "schema-v2")]
        TRIAL if version >= Version::V2 => Record::Trial {
            note: value(kind, octets)?,
        },
        _ => return Err(wrong("unknown kind: the active is of a newer version")),
    })
}

fn value<T: DeserializeOwned>(kind: u16, octets: &[u8]) -> Result<T, RecordError> {
    codec::decode(octets).map_err(|_| RecordError {
        kind,
        what: "malformed body",
    })
}

fn split_u64(octets: &[u8]) -> Option<(u64, &[u8])> {
    let (head, rest) = octets.split_first_chunk::<8>()?;
    Some((u64::from_le_bytes(*head), rest))
}
