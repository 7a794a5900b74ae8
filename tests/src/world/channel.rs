//! The channel between two nodes; each direction can be held up, slowed, torn and garbled.

use super::forger::Forger;
use super::pipe::Pipe;
use std::collections::HashSet;

/// See the module's text.
#[derive(Default)]
pub struct Channel {
    pub(super) active: usize,
    pub(super) standby: usize,
    /// The active has accepted it.
    pub(super) accepted: bool,
    /// From the active.
    pub to_standby: Pipe,
    /// From the standby.
    pub to_active: Pipe,
    pub(super) cut: bool,
    /// Octets that the active has written so far.
    pub octets_to_standby: u64,
    /// Pieces of text, each of [`PIECE`] octets, that the active must not write.
    pub forbidden: HashSet<Vec<u8>>,
    seam: Vec<u8>,
    /// Changes records on their way to the standby.
    pub forger: Option<Forger>,
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
        self.to_standby.garble();
    }

    /// The next octet that the standby writes arrives changed.
    pub fn garble_to_active(&mut self) {
        self.to_active.garble();
    }

    /// Octets that nobody of ours wrote arrive at the standby.
    pub fn inject_to_standby(&mut self, octets: &[u8]) {
        self.to_standby.write(0, octets);
    }

    /// Octets that nobody of ours wrote arrive at the active.
    pub fn inject_to_active(&mut self, octets: &[u8]) {
        self.to_active.write(0, octets);
    }

    pub(super) fn write_to_standby(&mut self, now_us: u64, octets: &[u8]) {
        let forged = self.forger.as_mut().map(|forger| forger.pass(octets));
        let octets = forged.as_deref().unwrap_or(octets);
        self.octets_to_standby += octets.len() as u64;
        if !self.forbidden.is_empty() {
            self.look_for_text(octets);
        }
        self.to_standby.write(now_us, octets);
    }

    fn look_for_text(&mut self, octets: &[u8]) {
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
}
