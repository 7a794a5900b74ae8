//! MD5 signatures of captured segments (RFC 2385).

use tcp_ha_engine::auth::Secret;
use tcp_ha_engine::auth::md5;

use super::record::Record;
use super::report::{Proof, Signatures};
use super::trace::{Heard, Trace};
use crate::flow::Direction;
use crate::tcp::Flags;

/// Verifies what the end that sends in `own` signed; marks what the other end will not take.
pub(super) fn verify(
    trace: &mut Trace,
    own: Direction,
    key: &Secret,
    record: &mut Record,
) -> Signatures {
    let mut counts = Signatures::default();
    if !trace.heard.iter().any(|heard| heard.options.md5) {
        return counts;
    }
    let (source, destination) = (
        trace.end(own).socket.ip(),
        trace.end(own.reverse()).socket.ip(),
    );
    for heard in trace
        .heard
        .iter_mut()
        .filter(|heard| heard.direction == own)
    {
        if !heard.options.md5 {
            counts.missing += 1;
            // A host without a socket cannot sign the RST that it answers with.
            if !heard.flags.has(Flags::RST) {
                record.lacks("segments without a signature, kept from the other end", 1);
            }
            heard.refused = true;
            continue;
        }
        if (heard.payload.len() as u64) < u64::from(heard.payload_len) {
            counts.cut += 1;
            continue;
        }
        let right = md5::verify(source, destination, &octets(heard), key);
        counts.right += u64::from(right);
        counts.wrong += u64::from(!right);
        heard.refused = !right;
        record.compare(
            Proof::Signature,
            right,
            (heard.time, heard.packet, None),
            || "the key gives another signature".to_owned(),
        );
    }
    counts
}

fn octets(heard: &Heard) -> Vec<u8> {
    [&heard.header[..], &heard.payload].concat()
}

impl Signatures {
    pub(super) fn add(&mut self, other: Signatures) {
        self.right += other.right;
        self.wrong += other.wrong;
        self.missing += other.missing;
        self.cut += other.cut;
    }
}
