//! 3.10.7.1: a segment that belongs to no connection and no listener.

use crate::segment::{Flags, Header, Segment};
use crate::seq::SeqNum;

/// The RST that answers such a segment; `None` for a RST.
pub(crate) fn reset_for(segment: &Segment<'_>) -> Option<Header> {
    let header = &segment.header;
    if header.flags.has(Flags::RST) {
        return None;
    }
    let reply = Header {
        src_port: header.dst_port,
        dst_port: header.src_port,
        window: 0,
        ..Header::default()
    };
    Some(if header.flags.has(Flags::ACK) {
        Header {
            seq: header.ack,
            flags: Flags::RST,
            ..reply
        }
    } else {
        Header {
            // SEG.LEN is below 2^32.
            ack: SeqNum(header.seq.0.wrapping_add(segment.len() as u32)),
            flags: Flags::RST.with(Flags::ACK),
            ..reply
        }
    })
}
