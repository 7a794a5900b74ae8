//! Cutting a super-frame where the device does not.

use super::superframe::{Part, TCP_PROTOCOL, folded, sum, sum_of_any};
use super::virtio::{TCP_CHECKSUM, VirtioHeader};
use crate::frame::{Frame, Medium};
use bytes::Bytes;

const FIN: u8 = 0x01;
const PSH: u8 = 0x08;
/// Where a TCP header has its flags.
const FLAGS: usize = 13;

/// A frame that stands for many segments of one flow, and how they are told apart.
#[derive(Clone, Copy, Debug)]
pub struct SuperFrame<'f> {
    part: Part<'f>,
    size: u16,
    text: &'f [Bytes],
}

impl<'f> SuperFrame<'f> {
    /// Looks at a frame; `None` where it stands for itself, or cannot be cut.
    #[must_use]
    pub fn of(medium: Medium, frame: &'f Frame) -> Option<SuperFrame<'f>> {
        let size = frame.cut().filter(|&size| size > 0)?;
        let octets = frame.octets();
        let part = Part::parse_before(medium, octets, frame.len() - octets.len())?;
        let text = frame.text();
        Some(SuperFrame { part, size, text })
    }

    /// Segments that it stands for.
    #[must_use]
    pub fn segments(&self) -> usize {
        self.part.text_len().div_ceil(usize::from(self.size))
    }

    /// What stands before it where the device cuts it.
    pub(crate) fn header(&self) -> VirtioHeader {
        let part = &self.part;
        VirtioHeader::segmented(part.is_ipv6(), part.tcp(), part.header_len(), self.size)
    }

    /// The frames of its segments in order, whole, with their checksums; `each` may keep none of them: all are built in `room`.
    ///
    /// They are what the rules of TCP segmentation make of it: each has the headers of all, with lengths and sequence number of its own;
    /// PSH and FIN stay on the last.
    pub fn cut(&self, room: &mut Vec<u8>, mut each: impl FnMut(&[u8])) {
        let part = &self.part;
        let (headers, near) = part.octets().split_at(part.header_len());
        let far = self.text.iter().map(Bytes::as_ref);
        let mut pieces = std::iter::once(near).chain(far);
        let mut piece: &[u8] = &[];
        let (mut left, mut seq) = (part.text_len(), part.seq());
        while left > 0 {
            room.clear();
            room.extend_from_slice(headers);
            let mut lacks = left.min(usize::from(self.size));
            left -= lacks;
            // At most 2^16.
            let len = lacks as u32;
            while lacks > 0 {
                let (now, later) = piece.split_at(lacks.min(piece.len()));
                room.extend_from_slice(now);
                lacks -= now.len();
                piece = later;
                if lacks > 0 {
                    let Some(next) = pieces.next() else { return };
                    piece = next;
                }
            }
            let tcp = part.tcp();
            room[tcp + 4..tcp + 8].copy_from_slice(&seq.to_be_bytes());
            if left > 0 {
                room[tcp + FLAGS] &= !(FIN | PSH);
            }
            fill(part, room);
            each(room);
            seq = seq.wrapping_add(len);
        }
    }
}

/// Writes lengths and checksums of a segment in its frame, whose headers are those of `part`.
fn fill(part: &Part<'_>, frame: &mut [u8]) {
    let segment = frame.len() - part.tcp();
    let addresses = part.write_lengths(frame, segment);
    let at = part.tcp() + TCP_CHECKSUM;
    frame[at..at + 2].fill(0);
    let pseudo = sum(&frame[addresses]) + u64::from(TCP_PROTOCOL) + segment as u64;
    let all = u64::from(folded(pseudo)) + sum_of_any(&frame[part.tcp()..]);
    frame[at..at + 2].copy_from_slice(&(!folded(all)).to_be_bytes());
}
