//! The state of one connection of the service: positions and digests of both directions, and what was said lately.

use crate::text::{NOTHING, digest};
use std::collections::VecDeque;

/// A record of a dump.
pub(super) type Part = Vec<u8>;

/// Octets of a dump in one record.
const PART_OCTETS: usize = 5_000;

/// Octets before what was said lately, in a dump.
const HEAD_OCTETS: usize = 40;

/// See the module's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// Octets dealt with.
    pub read: u64,
    /// Digest of those.
    pub read_digest: u64,
    /// Octets said.
    pub sent: u64,
    /// Digest of those.
    pub sent_digest: u64,
    /// The last octets said; on the active those that the peer has not acknowledged.
    said: VecDeque<u8>,
}

impl Default for Model {
    fn default() -> Self {
        Model {
            read: 0,
            read_digest: NOTHING,
            sent: 0,
            sent_digest: NOTHING,
            said: VecDeque::new(),
        }
    }
}

impl Model {
    /// A model that knows nothing of what was before.
    pub(super) fn at(read: u64, sent: u64) -> Model {
        Model {
            read,
            sent,
            ..Model::default()
        }
    }

    pub(super) fn take(&mut self, octets: &[u8]) {
        self.read += octets.len() as u64;
        self.read_digest = digest(self.read_digest, octets);
    }

    pub(super) fn say(&mut self, octets: &[u8]) {
        self.sent += octets.len() as u64;
        self.sent_digest = digest(self.sent_digest, octets);
        self.said.extend(octets);
    }

    pub(super) fn acknowledged(&mut self, upto: u64) {
        let keep = self.sent.saturating_sub(upto) as usize;
        let gone = self.said.len().saturating_sub(keep);
        self.said.drain(..gone);
    }

    /// What was said from `offset` on.
    pub(super) fn said_since(&self, offset: u64) -> Vec<u8> {
        let start = self.sent - self.said.len() as u64;
        assert!(
            offset >= start,
            "octets from {offset} on were forgotten, up to {start}"
        );
        let skip = (offset - start) as usize;
        self.said.iter().skip(skip).copied().collect()
    }

    /// Positions and digests: what both sides must agree on.
    pub fn summary(&self) -> [u64; 4] {
        [self.read, self.read_digest, self.sent, self.sent_digest]
    }
}

/// A model as the records of a dump.
pub(super) fn parts(model: &Model) -> Vec<Part> {
    let mut octets = Vec::new();
    for number in model.summary() {
        octets.extend_from_slice(&number.to_le_bytes());
    }
    octets.extend_from_slice(&(model.said.len() as u64).to_le_bytes());
    octets.extend(&model.said);
    octets.chunks(PART_OCTETS).map(<[u8]>::to_vec).collect()
}

/// The model, once all of its records are there.
pub(super) fn unpack(parts: &[Part]) -> Option<Model> {
    let octets = parts.concat();
    let number = |at: usize| {
        let octets = octets.get(at * 8..at * 8 + 8)?;
        Some(u64::from_le_bytes(octets.try_into().ok()?))
    };
    let said = octets.get(HEAD_OCTETS..)?;
    (said.len() as u64 == number(4)?).then_some(Model {
        read: number(0)?,
        read_digest: number(1)?,
        sent: number(2)?,
        sent_digest: number(3)?,
        said: said.iter().copied().collect(),
    })
}
