//! One who sits on the channel and changes what the active writes: whole records, with checksums that fit.

use ipc::frame::{self, FLAG_MORE, FrameDecoder, FrameKind};
use ipc::schema::Version;
use ipc::{BatchBuilder, Lsn, OwnedBatch};
use tcp_ha::core::record::Record;

/// A record as `version` writes it.
///
/// # Panics
/// When that version has no such record.
pub fn written(version: Version, record: &Record<'_>) -> Written {
    let mut batch = BatchBuilder::new();
    record.write_as(version, &mut batch);
    let batch = OwnedBatch::parse(batch.to_bytes(Lsn(1), 0)).expect("a batch");
    let first = batch.records().next().expect("a record");
    (first.kind, first.body.to_vec())
}

/// Kind and body of a record.
pub type Written = (u16, Vec<u8>);

/// What becomes of one record; none, one, or several.
type Forgery = Box<dyn FnMut(u16, &[u8]) -> Vec<Written>>;

/// See the module's text.
pub struct Forger {
    forgery: Forgery,
    decoder: FrameDecoder,
}

impl Forger {
    /// Changes each record as `forgery` says.
    pub fn new(forgery: impl FnMut(u16, &[u8]) -> Vec<Written> + 'static) -> Forger {
        Forger {
            forgery: Box::new(forgery),
            decoder: FrameDecoder::new(),
        }
    }

    /// Whole frames as they come out.
    ///
    /// # Panics
    /// When they are not frames, or a batch takes more than one.
    pub(super) fn pass(&mut self, octets: &[u8]) -> Vec<u8> {
        self.decoder.feed(octets);
        let mut passed = Vec::new();
        while let Some(frame) = self.decoder.next_frame().expect("frames of an active") {
            let header = frame.header;
            assert_eq!(header.flags & FLAG_MORE, 0, "a batch in one frame");
            if header.kind != FrameKind::Batch {
                frame::encode_into(&header, &[frame.body], &mut passed);
                continue;
            }
            let batch = OwnedBatch::parse(frame.body.to_vec()).expect("a batch of an active");
            let mut forged = BatchBuilder::new();
            for record in batch.records() {
                for (kind, body) in (self.forgery)(record.kind, record.body) {
                    forged.record(kind, |out| out.extend_from_slice(&body));
                }
            }
            let body = forged.to_bytes(batch.lsn(), batch.time_us());
            frame::encode_into(&header, &[&body], &mut passed);
        }
        passed
    }
}
