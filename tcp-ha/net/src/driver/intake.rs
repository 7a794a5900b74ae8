//! Memory for frames that come. Long ones are handed on where they lie, down to the daemon; their memory is used again once
//! nobody holds it.

use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;

/// Above the largest frame that a device gives: 64 KiB and the link header.
const FRAME_OCTETS: usize = 66 << 10;

/// Frames of so many octets are handed on in the memory in which they came.
pub(super) const LONG_FRAME: usize = 16 << 10;

/// Frames whose memory is waited for; that of more than these goes back to the allocator.
const LENT_MAX: usize = 64;

/// Looks for memory that has come back, for each frame that goes.
const LOOKS: usize = 4;

/// Without a long frame for so long the memory is given back.
const REST_US: u64 = 1_000_000;

/// See the module's text.
pub(super) struct Intake {
    /// Where the next frame comes.
    buffer: BytesMut,
    /// Memory of frames that were handed on, the first that went first.
    lent: VecDeque<Bytes>,
    lent_us: u64,
}

impl Intake {
    pub(super) fn new() -> Intake {
        Intake {
            buffer: BytesMut::zeroed(FRAME_OCTETS),
            lent: VecDeque::new(),
            lent_us: 0,
        }
    }

    /// Where the next frame may be put.
    pub(super) fn room(&mut self) -> &mut [u8] {
        &mut self.buffer
    }

    /// The frame of `len` octets that was put there, in memory that is its own from now on.
    pub(super) fn hand_on(&mut self, len: usize, mono_us: u64) -> Bytes {
        self.lent_us = mono_us;
        let next = self.come_back();
        let next = next.unwrap_or_else(|| BytesMut::zeroed(FRAME_OCTETS));
        let whole = std::mem::replace(&mut self.buffer, next).freeze();
        let frame = whole.slice(..len);
        if self.lent.len() < LENT_MAX {
            self.lent.push_back(whole);
        }
        frame
    }

    fn come_back(&mut self) -> Option<BytesMut> {
        for _ in 0..LOOKS.min(self.lent.len()) {
            match self.lent.pop_front()?.try_into_mut() {
                Ok(buffer) => return Some(buffer),
                Err(held) => self.lent.push_back(held),
            }
        }
        None
    }

    /// Gives memory back that nobody has needed for a while.
    pub(super) fn rest(&mut self, mono_us: u64) {
        if !self.lent.is_empty() && mono_us.saturating_sub(self.lent_us) > REST_US {
            self.lent = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_once_nobody_holds_it() {
        let mut intake = Intake::new();
        intake.room()[..4].copy_from_slice(b"long");
        let first = intake.hand_on(4, 0);
        assert_eq!(&first[..], b"long");
        let at = first.as_ptr();
        let second = intake.hand_on(4, 0);
        assert_ne!(second.as_ptr(), at);
        drop(first);
        drop(intake.hand_on(4, 0));
        assert_eq!(intake.room().as_ptr(), at);
        assert_eq!(intake.room().len(), FRAME_OCTETS);
        drop(second);
    }

    #[test]
    fn memory_that_is_held_stays_as_it_is() {
        let mut intake = Intake::new();
        let held: Vec<Bytes> = (0..2 * LENT_MAX)
            .map(|at| {
                intake.room().fill(at as u8);
                intake.hand_on(8, 0)
            })
            .collect();
        intake.room().fill(0xff);
        for (at, frame) in held.iter().enumerate() {
            assert_eq!(frame[..], [at as u8; 8]);
        }
        assert_eq!(intake.lent.len(), LENT_MAX);
    }

    #[test]
    fn an_idle_node_keeps_no_memory_of_frames() {
        let mut intake = Intake::new();
        drop(intake.hand_on(8, 0));
        intake.rest(REST_US);
        assert_eq!(intake.lent.len(), 1);
        intake.rest(REST_US + 1);
        assert!(intake.lent.is_empty());
    }
}
