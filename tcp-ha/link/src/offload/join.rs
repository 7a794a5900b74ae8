//! Which of the frames that may leave go out together.

use super::superframe::Part;
use super::virtio::VirtioHeader;
use crate::frame::Medium;

/// Segments in one super-frame at most. With the usual MTU 45 fill the largest IP packet.
pub(crate) const SEGMENTS_MAX: usize = 64;

/// The largest IP packet.
const PACKET_OCTETS_MAX: usize = u16::MAX as usize;

/// The first frames of a queue, as they go to the device in one write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Joined {
    /// How many frames; at least 1.
    pub(crate) frames: usize,
    /// What stands before them.
    pub(crate) header: VirtioHeader,
    /// Octets of each frame that the common headers replace; 0 where one frame goes out as it is.
    pub(crate) header_len: usize,
}

impl Joined {
    const ALONE: Joined = Joined {
        frames: 1,
        header: VirtioHeader::PLAIN,
        header_len: 0,
    };
}

/// Looks how many of the frames go out together, the first among them; where it is more than that one, appends their common headers
/// to `headers`.
///
/// Joined are segments of one flow whose text follows without a gap, equal in link header, IP header, acknowledgement, window and
/// options; all but the last have text of the same length, and only the last has PSH or FIN. Signed segments always go alone.
pub(crate) fn join<'f>(
    medium: Medium,
    mut frames: impl Iterator<Item = &'f [u8]>,
    headers: &mut Vec<u8>,
) -> Joined {
    let parse = |octets| Part::parse(medium, octets);
    let Some(first) = frames.next().and_then(parse) else {
        return Joined::ALONE;
    };
    let size = first.text_len();
    let Ok(gso_size) = u16::try_from(size) else {
        return Joined::ALONE;
    };
    let (mut count, mut text, mut last) = (1, size, first);
    while count < SEGMENTS_MAX && !last.is_last() && last.text_len() == size {
        let Some(next) = frames.next().and_then(parse) else {
            break;
        };
        let fits = first.packet_len() - size + text + next.text_len() <= PACKET_OCTETS_MAX;
        if !fits || next.text_len() > size || !next.continues(&first, text) {
            break;
        }
        count += 1;
        text += next.text_len();
        last = next;
    }
    if count == 1 {
        return Joined::ALONE;
    }
    first.write_headers(&last, text, headers);
    let header_len = first.header_len();
    Joined {
        frames: count,
        header: VirtioHeader::segmented(first.is_ipv6(), first.tcp(), header_len, gso_size),
        header_len,
    }
}

#[cfg(test)]
mod tests;
