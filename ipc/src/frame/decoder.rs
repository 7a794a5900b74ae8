//! Frames out of a stream of octets.

use bytes::Bytes;
use core::ops::Range;

use super::{CHECKSUM_AT, Frame, FrameError, HEADER_OCTETS, checksum, parse_header};
use crate::lending::Lender;

/// Room that is given where no long frame is under way: for many short ones.
const ROOM_OCTETS: usize = 16 << 10;
/// A frame of as many octets is read into memory of its size, to its end and no further but for the next one's header: what is behind it
/// is moved.
pub(crate) const LONG_OCTETS: usize = 32 << 10;

/// Cuts a stream of octets, given piece by piece, into frames. Holds at most one frame that is
/// not whole, and what was given in one piece.
#[derive(Debug, Default)]
pub struct FrameDecoder {
    /// Memory, all of it initialised; what is beyond `end` has no meaning.
    octets: Vec<u8>,
    /// Octets that came and are no frame yet.
    start: usize,
    end: usize,
    /// The last frame's body.
    body: Range<usize>,
}

impl FrameDecoder {
    /// A decoder at the beginning of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The next octets of the stream.
    pub fn feed(&mut self, octets: &[u8]) {
        self.make_room(octets.len());
        self.octets[self.end..][..octets.len()].copy_from_slice(octets);
        self.filled(octets.len());
    }

    /// Where the next octets of the stream may be written; never empty. There is just as much of it as is good to be read at once.
    pub(crate) fn room(&mut self, lender: &mut Lender) -> &mut [u8] {
        let pending = self.pending();
        let long = match parse_header(&self.octets[self.start..self.end]) {
            Ok(Some((_, length))) => HEADER_OCTETS + length,
            _ => 0,
        };
        let octets = if long < LONG_OCTETS {
            ROOM_OCTETS
        } else {
            long.saturating_sub(pending) + HEADER_OCTETS
        };
        if self.octets.len() < self.end + octets {
            let fresh = lender.take(pending + octets);
            lender.give(self.move_to(fresh));
        }
        &mut self.octets[self.end..][..octets]
    }

    /// So many octets were written into the room.
    ///
    /// # Panics
    /// When there was less room.
    pub(crate) fn filled(&mut self, octets: usize) {
        assert!(
            octets <= self.octets.len() - self.end,
            "{octets} octets beyond the room"
        );
        self.end += octets;
    }

    fn make_room(&mut self, octets: usize) {
        if self.octets.len() - self.end < octets && self.start > 0 {
            self.octets.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.pending());
            self.body = 0..0;
        }
        if self.octets.len() - self.end < octets {
            self.octets.resize(self.end + octets, 0);
        }
    }

    /// Goes on in other memory; what it was in before.
    fn move_to(&mut self, mut fresh: Vec<u8>) -> Vec<u8> {
        let pending = &self.octets[self.start..self.end];
        fresh[..pending.len()].copy_from_slice(pending);
        (self.start, self.end) = (0, pending.len());
        std::mem::replace(&mut self.octets, fresh)
    }

    /// The next frame; `None` until more octets come.
    ///
    /// # Errors
    /// [`FrameError`]; every later call gives the same one.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, FrameError> {
        let octets = &self.octets[self.start..self.end];
        let Some((header, length)) = parse_header(octets)? else {
            return Ok(None);
        };
        let end = HEADER_OCTETS + length;
        let Some(whole) = octets.get(..end) else {
            return Ok(None);
        };
        let (head, body) = whole.split_at(HEADER_OCTETS);
        if head[CHECKSUM_AT..] != checksum(&head[..CHECKSUM_AT], &[body]) {
            return Err(FrameError::BadChecksum);
        }
        self.body = self.start + HEADER_OCTETS..self.start + end;
        self.start += end;
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        let body = &self.octets[self.body.clone()];
        Ok(Some(Frame { header, body }))
    }

    /// The body of the frame that was given last, with the memory in which it came; before anything else is done with the decoder. Also
    /// tells how much memory that is.
    pub(crate) fn take_body(&mut self, lender: &mut Lender) -> (Bytes, usize) {
        let fresh = lender.take(self.pending() + ROOM_OCTETS);
        let memory = self.move_to(fresh);
        let octets = memory.len();
        let body = std::mem::take(&mut self.body);
        (lender.lend(memory).slice(body), octets)
    }

    /// Gives back its memory where no frame is under way.
    pub(crate) fn rest(&mut self) {
        if self.pending() == 0 {
            *self = FrameDecoder::default();
        }
    }

    /// Octets of memory.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.octets.len()
    }

    /// Octets of a frame that is not whole yet.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.end - self.start
    }
}
