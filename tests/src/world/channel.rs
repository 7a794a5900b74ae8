//! The channel between two nodes, as octets under way; it can be held up, cut and garbled.

use std::collections::HashSet;

/// See the module's text.
#[derive(Default)]
pub struct Channel {
    pub(super) active: usize,
    pub(super) standby: usize,
    /// The active has accepted it.
    pub(super) accepted: bool,
    pub(super) to_standby: Vec<u8>,
    pub(super) to_active: Vec<u8>,
    /// What the standby says does not arrive, but is not lost.
    pub hold_acknowledgements: bool,
    /// What the active says does not arrive, but is not lost.
    pub hold_batches: bool,
    pub(super) cut: bool,
    garble_to_standby: bool,
    garble_to_active: bool,
    /// Octets that the active has written so far.
    pub octets_to_standby: u64,
    /// Pieces of text, each of [`PIECE`] octets, that the active must not write.
    pub forbidden: HashSet<Vec<u8>>,
    seam: Vec<u8>,
}

/// Pieces of text that are looked for have so many octets.
pub const PIECE: usize = 12;

impl Channel {
    pub(super) fn between(active: usize, standby: usize) -> Channel {
        Channel {
            active,
            standby,
            ..Channel::default()
        }
    }

    /// The next octet that the active writes arrives changed.
    pub fn garble_to_standby(&mut self) {
        self.garble_to_standby = true;
    }

    /// The next octet that the standby writes arrives changed.
    pub fn garble_to_active(&mut self) {
        self.garble_to_active = true;
    }

    /// Octets that nobody of ours wrote arrive at the standby.
    pub fn inject_to_standby(&mut self, octets: &[u8]) {
        self.to_standby.extend_from_slice(octets);
    }

    /// Octets that nobody of ours wrote arrive at the active.
    pub fn inject_to_active(&mut self, octets: &[u8]) {
        self.to_active.extend_from_slice(octets);
    }

    pub(super) fn write_to_standby(&mut self, octets: &[u8]) {
        self.octets_to_standby += octets.len() as u64;
        if !self.forbidden.is_empty() {
            let mut text = std::mem::take(&mut self.seam);
            text.extend_from_slice(octets);
            if let Some(at) = text
                .windows(PIECE)
                .position(|piece| self.forbidden.contains(piece))
            {
                panic!(
                    "octets of the stream on the channel: {:?}",
                    &text[at..at + PIECE]
                );
            }
            self.seam = text.split_off(text.len().saturating_sub(PIECE - 1));
        }
        let from = self.to_standby.len();
        self.to_standby.extend_from_slice(octets);
        if self.garble_to_standby && !octets.is_empty() {
            self.garble_to_standby = false;
            self.to_standby[from] ^= 0x40;
        }
    }

    pub(super) fn write_to_active(&mut self, octets: &[u8]) {
        let from = self.to_active.len();
        self.to_active.extend_from_slice(octets);
        if self.garble_to_active && !octets.is_empty() {
            self.garble_to_active = false;
            self.to_active[from] ^= 0x40;
        }
    }

    /// What arrives at the active in this turn.
    pub(super) fn arrives_at_active(&mut self) -> Vec<u8> {
        if self.hold_acknowledgements {
            return Vec::new();
        }
        std::mem::take(&mut self.to_active)
    }

    /// What arrives at the standby in this turn.
    pub(super) fn arrives_at_standby(&mut self) -> Vec<u8> {
        if self.hold_batches {
            return Vec::new();
        }
        std::mem::take(&mut self.to_standby)
    }
}
