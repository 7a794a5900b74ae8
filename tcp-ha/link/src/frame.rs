//! Frames on their way out, and the pool that their buffers return to.

use bytes::Bytes;
use core::fmt;
use std::collections::VecDeque;

/// What a device carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium {
    /// Ethernet frames: TAP, AF_PACKET.
    Ethernet,
    /// Bare IP packets: TUN. No neighbours, no announcements.
    Ip,
}

impl Medium {
    /// Octets before the IP header.
    #[must_use]
    pub const fn header_len(self) -> usize {
        match self {
            Medium::Ethernet => 14,
            Medium::Ip => 0,
        }
    }
}

/// One frame (or, on [`Medium::Ip`], one packet) as it goes to the device. Never empty.
pub struct Frame {
    buffer: Vec<u8>,
    /// Where the link header begins.
    start: usize,
    /// Where the TCP header begins, counted from the link header, if its checksum is left to the device.
    left: Option<u16>,
    /// Octets of text of each segment that it stands for.
    cut: Option<u16>,
    /// Text of a super-frame that stands behind the buffer.
    text: Vec<Bytes>,
}

/// What a frame of a segment is made of.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) buffer: Vec<u8>,
    /// Where the link header begins.
    pub(crate) start: usize,
    /// Where the TCP header begins behind that, if its checksum is left to the device.
    pub(crate) left: Option<usize>,
    /// See [`Frame::cut`].
    pub(crate) cut: Option<u16>,
    /// See [`Frame::text`].
    pub(crate) text: Vec<Bytes>,
}

impl Frame {
    fn whole(buffer: Vec<u8>) -> Frame {
        Frame {
            buffer,
            start: 0,
            left: None,
            cut: None,
            text: Vec::new(),
        }
    }

    /// The octets from the link header on; of a super-frame, those before [`Frame::text`].
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// Text behind [`Frame::octets`] that lies where the daemon has put it: of a super-frame alone, all of its text or none.
    #[must_use]
    pub fn text(&self) -> &[Bytes] {
        &self.text
    }

    /// Octets of the whole frame.
    #[must_use]
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.octets().len() + self.text.iter().map(Bytes::len).sum::<usize>()
    }

    /// Where the TCP header begins in [`Frame::octets`], if its checksum is left to the device: the field holds the sum of the pseudo
    /// header.
    #[must_use]
    pub fn left_checksum(&self) -> Option<u16> {
        self.left
    }

    /// Octets of text of each segment that a super-frame stands for, but for the last, which may have fewer; `None` for a frame that is
    /// one segment, or none. The checksum of a super-frame is left to the device.
    #[must_use]
    pub fn cut(&self) -> Option<u16> {
        self.cut
    }

    /// The memory of a frame that was built from a segment's; `Err` for any other.
    ///
    /// # Errors
    /// The frame.
    pub fn into_segment_memory(self) -> Result<Vec<u8>, Frame> {
        if self.start > 0 {
            Ok(self.buffer)
        } else {
            Err(self)
        }
    }
}

impl PartialEq for Frame {
    fn eq(&self, other: &Frame) -> bool {
        self.octets() == other.octets()
            && self.left == other.left
            && self.cut == other.cut
            && self.text == other.text
    }
}

impl Eq for Frame {}

impl AsRef<[u8]> for Frame {
    fn as_ref(&self) -> &[u8] {
        self.octets()
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({} octets)", self.len())
    }
}

/// Where the host layer puts its frames, in order. Buffers come from a pool and return by [`Frames::recycle`], so that in steady
/// state a frame costs no allocation.
#[derive(Debug)]
pub struct Frames {
    queued: VecDeque<Frame>,
    spare: Vec<Vec<u8>>,
    spare_limit: usize,
}

/// Room of a new buffer: an Ethernet frame with the usual MTU, behind the room that a segment has before it.
const FRAME_CAPACITY: usize = 1600;
/// A recycled buffer that has grown beyond this (jumbo frames, super-frames) is let go.
const FRAME_CAPACITY_KEPT: usize = 16 * 1024;
/// Buffers kept by default: what a burst of a thousand frames needs, 1.5 MiB.
const SPARE_LIMIT: usize = 1024;

impl Frames {
    /// An empty sink that keeps up to 1024 unused buffers.
    #[must_use]
    pub fn new() -> Frames {
        Frames::with_spare_limit(SPARE_LIMIT)
    }

    /// An empty sink that keeps up to `spare_limit` unused buffers.
    #[must_use]
    pub fn with_spare_limit(spare_limit: usize) -> Frames {
        Frames {
            queued: VecDeque::new(),
            spare: Vec::new(),
            spare_limit,
        }
    }

    /// Appends the frame that `write` puts into the (empty) buffer. If it writes nothing, there is no frame.
    pub fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut buf = self.spare_buffer();
        write(&mut buf);
        if buf.is_empty() {
            self.recycle(Frame::whole(buf));
        } else {
            self.queued.push_back(Frame::whole(buf));
        }
    }

    /// An empty buffer.
    pub(crate) fn spare_buffer(&mut self) -> Vec<u8> {
        self.spare
            .pop()
            .unwrap_or_else(|| Vec::with_capacity(FRAME_CAPACITY))
    }

    /// Appends a frame that was built from a segment.
    pub(crate) fn push_built(&mut self, built: Built) {
        let Built {
            buffer,
            start,
            left,
            cut,
            text,
        } = built;
        // Headers of link and IP are far shorter than 2^16 octets.
        let left = left.and_then(|at| u16::try_from(at).ok());
        self.queued.push_back(Frame {
            buffer,
            start,
            left,
            cut,
            text,
        });
    }

    /// Takes all frames out, oldest first.
    pub fn drain(&mut self) -> impl Iterator<Item = Frame> + '_ {
        self.queued.drain(..)
    }

    /// Gives a frame's buffer back.
    pub fn recycle(&mut self, frame: Frame) {
        let mut buf = frame.buffer;
        if self.spare.len() < self.spare_limit && buf.capacity() <= FRAME_CAPACITY_KEPT {
            buf.clear();
            self.spare.push(buf);
        }
    }

    /// Gives back memory for more than `kept` frames, where none waits, and that of long frames.
    pub fn give_back(&mut self, kept: usize) {
        self.spare.retain(|it| it.capacity() <= FRAME_CAPACITY);
        self.spare.truncate(kept);
        self.spare.shrink_to(kept);
        self.queued.shrink_to(kept);
    }

    /// Frames waiting to be drained.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queued.len()
    }

    /// True if no frame waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queued.is_empty()
    }
}

impl Default for Frames {
    fn default() -> Frames {
        Frames::new()
    }
}

#[cfg(test)]
mod tests;
