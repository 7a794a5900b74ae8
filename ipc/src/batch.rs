//! Batches: transactions of records, as they lie on the wire.
//!
//! ```text
//! lsn u64 | time_us u64 | count u32 | ( kind u16 | len u32 | body )*      all little endian
//! ```
//!
//! What a record means is not known here; `kind` tells its reader.

use bytes::Bytes;
use core::fmt;

use crate::frame;
use crate::ids::Lsn;

/// Octets before the first record.
pub(crate) const HEADER_OCTETS: usize = 8 + 8 + 4;
/// Where the batch begins in a builder's buffer, and its records: before it there is room for the header of a frame.
const BATCH_AT: usize = frame::HEADER_OCTETS;
const RECORDS_AT: usize = BATCH_AT + HEADER_OCTETS;
/// Octets before a record's body.
const RECORD_HEADER_OCTETS: usize = 2 + 4;

/// No batch takes more octets than this, all frames of it together.
pub const BATCH_OCTETS_MAX: usize = 64 << 20;

/// Octets that are not a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchError {
    /// Ends within the header or within a record.
    Truncated {
        /// Records that were whole.
        whole: u32,
    },
    /// Goes on after the last record.
    Trailing {
        /// Octets left over.
        octets: usize,
    },
    /// More than [`BATCH_OCTETS_MAX`] octets.
    TooLong,
    /// The largest LSN that there is: no batch could follow.
    LastLsn,
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { whole } => write!(f, "batch ends within its record {whole}"),
            Self::Trailing { octets } => write!(f, "{octets} octets after the batch's last record"),
            Self::TooLong => write!(f, "batch of more than {BATCH_OCTETS_MAX} octets"),
            Self::LastLsn => f.write_str("batch with an LSN that none can follow"),
        }
    }
}

impl core::error::Error for BatchError {}

/// One record of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// What it is, for its reader.
    pub kind: u16,
    /// Its octets.
    pub body: &'a [u8],
}

/// Collects the records of a batch, in order, in one buffer, which also has room for the headers of the batch and of a frame.
#[derive(Clone, Debug, Default)]
pub struct BatchBuilder {
    count: u32,
    /// Empty, or the headers' room and the records.
    octets: Vec<u8>,
}

impl BatchBuilder {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a record whose body `write` appends to the buffer it is given.
    ///
    /// # Panics
    /// When `write` shortens the buffer, or the body has 4 GiB.
    pub fn record(&mut self, kind: u16, write: impl FnOnce(&mut Vec<u8>)) {
        self.make_room();
        let octets = &mut self.octets;
        octets.extend_from_slice(&kind.to_le_bytes());
        let length_at = octets.len();
        octets.extend_from_slice(&[0; 4]);
        let body_at = octets.len();
        write(octets);
        let length = octets
            .len()
            .checked_sub(body_at)
            .expect("a record's writer only appends");
        let length = u32::try_from(length).expect("a record's body has less than 4 GiB");
        octets[length_at..body_at].copy_from_slice(&length.to_le_bytes());
        self.count += 1;
    }

    fn make_room(&mut self) {
        if self.octets.is_empty() {
            self.octets.resize(RECORDS_AT, 0);
        }
    }

    /// Whether it has no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Number of records.
    #[must_use]
    pub fn records(&self) -> u32 {
        self.count
    }

    /// Octets that the batch takes, its header included.
    #[must_use]
    pub fn octets(&self) -> usize {
        self.octets.len().max(RECORDS_AT) - BATCH_AT
    }

    /// Forgets the records and keeps the buffer.
    pub fn clear(&mut self) {
        self.count = 0;
        self.octets.clear();
    }

    /// The batch with this LSN and time; before it there is room for the header of a frame.
    pub(crate) fn finish(&mut self, lsn: Lsn, time_us: u64) -> &mut Vec<u8> {
        self.make_room();
        let header = &mut self.octets[BATCH_AT..RECORDS_AT];
        header[..8].copy_from_slice(&lsn.0.to_le_bytes());
        header[8..16].copy_from_slice(&time_us.to_le_bytes());
        header[16..].copy_from_slice(&self.count.to_le_bytes());
        &mut self.octets
    }

    /// The whole batch as octets.
    #[must_use]
    pub fn to_bytes(&self, lsn: Lsn, time_us: u64) -> Vec<u8> {
        let mut whole = self.clone();
        whole.finish(lsn, time_us).split_off(BATCH_AT)
    }
}

/// A batch that was found well formed, over octets that somebody else holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch<'a> {
    lsn: Lsn,
    time_us: u64,
    count: u32,
    records: &'a [u8],
}

impl<'a> Batch<'a> {
    /// Reads a batch that takes all of `octets`. Every record is checked.
    ///
    /// # Errors
    /// [`BatchError`], when they are not one batch exactly.
    pub fn parse(octets: &'a [u8]) -> Result<Self, BatchError> {
        if octets.len() > BATCH_OCTETS_MAX {
            return Err(BatchError::TooLong);
        }
        let truncated = BatchError::Truncated { whole: 0 };
        let (lsn, rest) = octets.split_first_chunk().ok_or(truncated)?;
        let (time_us, rest) = rest.split_first_chunk().ok_or(truncated)?;
        let (count, records) = rest.split_first_chunk().ok_or(truncated)?;
        let lsn = Lsn(u64::from_le_bytes(*lsn));
        if lsn == Lsn(u64::MAX) {
            return Err(BatchError::LastLsn);
        }
        let count = u32::from_le_bytes(*count);
        let mut walk = records;
        for whole in 0..count {
            (_, walk) = split_record(walk).ok_or(BatchError::Truncated { whole })?;
        }
        if !walk.is_empty() {
            return Err(BatchError::Trailing { octets: walk.len() });
        }
        Ok(Self {
            lsn,
            time_us: u64::from_le_bytes(*time_us),
            count,
            records,
        })
    }

    /// Its log sequence number.
    #[must_use]
    pub fn lsn(&self) -> Lsn {
        self.lsn
    }

    /// The sender's engine time when it was closed, in microseconds.
    #[must_use]
    pub fn time_us(&self) -> u64 {
        self.time_us
    }

    /// Number of records.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.count
    }

    /// Whether it is a barrier without records.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The records, in order.
    #[must_use]
    pub fn records(&self) -> Records<'a> {
        Records { rest: self.records }
    }
}

/// Iterator over the records of a batch.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        let (record, rest) = split_record(self.rest)?;
        self.rest = rest;
        Some(record)
    }
}

fn split_record(octets: &[u8]) -> Option<(Record<'_>, &[u8])> {
    let (header, rest) = octets.split_first_chunk::<RECORD_HEADER_OCTETS>()?;
    let [k0, k1, length @ ..] = *header;
    let length = usize::try_from(u32::from_le_bytes(length)).ok()?;
    let (body, rest) = rest.split_at_checked(length)?;
    Some((
        Record {
            kind: u16::from_le_bytes([k0, k1]),
            body,
        },
        rest,
    ))
}

/// A batch that was found well formed, with its octets.
#[derive(Clone, Debug)]
pub struct OwnedBatch {
    lsn: Lsn,
    time_us: u64,
    count: u32,
    octets: Octets,
}

#[derive(Clone, Debug)]
enum Octets {
    Own(Vec<u8>),
    /// In memory of that many octets, of which others may hold pieces.
    Shared {
        octets: Bytes,
        memory: usize,
    },
}

impl Octets {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Own(octets) => octets,
            Self::Shared { octets, .. } => octets,
        }
    }
}

impl PartialEq for OwnedBatch {
    fn eq(&self, other: &Self) -> bool {
        self.as_batch() == other.as_batch()
    }
}

impl Eq for OwnedBatch {}

impl OwnedBatch {
    /// Reads a batch that takes all of `octets`. Every record is checked.
    ///
    /// # Errors
    /// [`BatchError`], when they are not one batch exactly.
    pub fn parse(octets: Vec<u8>) -> Result<Self, BatchError> {
        Self::read(Octets::Own(octets))
    }

    /// The same, in memory of `memory` octets that may be shared.
    ///
    /// # Errors
    /// See [`OwnedBatch::parse`].
    pub(crate) fn parse_shared(octets: Bytes, memory: usize) -> Result<Self, BatchError> {
        Self::read(Octets::Shared { octets, memory })
    }

    fn read(octets: Octets) -> Result<Self, BatchError> {
        let Batch {
            lsn,
            time_us,
            count,
            ..
        } = Batch::parse(octets.as_slice())?;
        Ok(Self {
            lsn,
            time_us,
            count,
            octets,
        })
    }

    /// Its octets, for their memory; none where others may hold pieces of it.
    #[must_use]
    pub fn into_octets(self) -> Option<Vec<u8>> {
        match self.octets {
            Octets::Own(octets) => Some(octets),
            Octets::Shared { .. } => None,
        }
    }

    /// `piece` to be kept for longer than the batch: in the batch's memory where that is not twice as much, otherwise copied. So what is
    /// kept is never more than twice its octets.
    ///
    /// # Panics
    /// When `piece` is not octets of this batch.
    #[must_use]
    pub fn keep(&self, piece: &[u8]) -> Bytes {
        match &self.octets {
            Octets::Shared { octets, memory } if piece.len() >= memory / 2 => {
                octets.slice_ref(piece)
            }
            _ => Bytes::copy_from_slice(piece),
        }
    }

    /// Its log sequence number.
    #[must_use]
    pub fn lsn(&self) -> Lsn {
        self.lsn
    }

    /// The sender's engine time when it was closed, in microseconds.
    #[must_use]
    pub fn time_us(&self) -> u64 {
        self.time_us
    }

    /// The records, in order.
    #[must_use]
    pub fn records(&self) -> Records<'_> {
        self.as_batch().records()
    }

    /// The same batch over these octets.
    #[must_use]
    pub fn as_batch(&self) -> Batch<'_> {
        Batch {
            lsn: self.lsn,
            time_us: self.time_us,
            count: self.count,
            records: &self.octets.as_slice()[HEADER_OCTETS..],
        }
    }
}

#[cfg(test)]
mod tests;
