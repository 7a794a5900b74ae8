//! Digests by which an active and its standby compare what they hold of a connection at the same LSN.
//!
//! A digest covers the checkpoint, how the connection is protected, whether the survivor would take it, and the octets that the
//! standby must hold. Of a long queue of octets each round covers another piece, so that the work of one connection is bounded.

use crate::octets::OctetQueue;
use crate::record::{SendMode, SharedState};
use crate::schema;
use core::hash::Hasher;
use ipc::schema::Version;
use serde::{Deserialize, Serialize};
use siphasher::sip128::{Hasher128, SipHasher13};
use tcp_ha_engine::ConnectionState;
use tcp_ha_engine::auth::SecurityTable;

#[cfg(test)]
mod tests;

/// Octets of one direction of one connection that one round covers.
pub const PIECE_OCTETS: u64 = 256 << 10;

/// A digest of 128 bits (SipHash-1-3, no secret key): it tells states apart that differ by fault, not by intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Digest(pub [u8; 16]);

impl Digest {
    /// The digest of these octets.
    pub fn of(octets: &[u8]) -> Digest {
        Digest::of_pieces(&[octets])
    }

    /// The digest of these octets, which lie in pieces.
    pub(crate) fn of_pieces(pieces: &[&[u8]]) -> Digest {
        let mut hasher = SipHasher13::new();
        pieces.iter().for_each(|piece| hasher.write(piece));
        finished(&hasher)
    }
}

/// Audits since this node became active.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AuditCounters {
    /// Rounds that were answered in full.
    pub rounds: u64,
    /// Digests of connections that were sent.
    pub digests: u64,
    /// Octets that those digests covered, checkpoints included.
    pub octets: u64,
    /// Connections found to differ, to be missing, or to be left over.
    pub mismatches: u64,
    /// Rounds that were not answered in time.
    pub timeouts: u64,
}

/// What is said of a connection beside its octets.
pub(crate) struct Outline<'a> {
    /// Its checkpoint.
    pub(crate) state: &'a ConnectionState,
    /// How its outbound octets are kept.
    pub(crate) send_mode: SendMode,
    /// Whether the daemon has state of its own that a standby needs.
    pub(crate) application_sync: bool,
    /// Whether the survivor would take it.
    pub(crate) ready: bool,
}

/// Makes the digest of one connection.
pub(crate) struct Digester {
    hasher: SipHasher13,
    round: u64,
    octets: u64,
}

impl Digester {
    /// Begins with the checkpoint, as the version agreed on has it; `scratch` is memory to be used again.
    pub(crate) fn begin(
        version: Version,
        round: u64,
        outline: &Outline<'_>,
        scratch: &mut Vec<u8>,
    ) -> Digester {
        let Outline {
            state,
            send_mode,
            application_sync,
            ready,
        } = *outline;
        scratch.clear();
        schema::write_state(version, state, scratch);
        ipc::codec::encode_into(&(send_mode, application_sync, ready), scratch)
            .expect("four octets");
        let mut hasher = SipHasher13::new();
        hasher.write(scratch);
        Digester {
            hasher,
            round,
            octets: scratch.len() as u64,
        }
    }

    /// Goes on with a range of octets, which lies in pieces: this round's part of it.
    pub(crate) fn stretch<'a>(
        &mut self,
        start: u64,
        len: u64,
        pieces: impl Iterator<Item = &'a [u8]>,
    ) {
        self.hasher.write(&start.to_le_bytes());
        self.hasher.write(&len.to_le_bytes());
        let from = part(self.round, len);
        let (mut skip, mut left) = (from, (len - from).min(PIECE_OCTETS));
        for piece in pieces {
            let skipped = skip.min(piece.len() as u64);
            skip -= skipped;
            let taken = left.min(piece.len() as u64 - skipped);
            left -= taken;
            self.hasher
                .write(&piece[skipped as usize..(skipped + taken) as usize]);
            self.octets += taken;
        }
    }

    /// Goes on with what a shadow holds.
    pub(crate) fn queue(&mut self, queue: &OctetQueue) {
        self.stretch(queue.start(), queue.len(), queue.pieces());
    }

    /// The digest, and how many octets it covers.
    pub(crate) fn end(self) -> (Digest, u64) {
        (finished(&self.hasher), self.octets)
    }
}

/// Where the part of a range of `len` octets begins that a round covers.
fn part(round: u64, len: u64) -> u64 {
    let parts = len.div_ceil(PIECE_OCTETS).max(1);
    round % parts * PIECE_OCTETS
}

/// The digest of what all connections share.
pub(crate) fn shared_digest(shared: &SharedState, security: &SecurityTable) -> Digest {
    let SharedState {
        isn_key,
        demux_key,
        timestamp_key,
        cookie_key,
        next_id,
    } = shared;
    Digest::of_pieces(&[
        isn_key,
        demux_key,
        timestamp_key,
        cookie_key,
        &next_id.to_le_bytes(),
        &security.to_octets(),
    ])
}

fn finished(hasher: &SipHasher13) -> Digest {
    Digest(hasher.finish128().as_bytes())
}
