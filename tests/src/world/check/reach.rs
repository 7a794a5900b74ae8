//! Peers reach who speaks: the first frame of every node that begins to speak tells the segment where the addresses are now.

use ipc::Epoch;

/// See the module's text.
#[derive(Default)]
pub(super) struct Reach {
    speaker: Option<usize>,
}

impl Reach {
    pub(super) fn look(&mut self, epoch: Epoch, at: usize, frame: &[u8]) -> Result<(), String> {
        if self.speaker == Some(at) {
            return Ok(());
        }
        self.speaker = Some(at);
        if announces(frame) {
            return Ok(());
        }
        Err(format!(
            "it speaks in epoch {epoch} before it has announced itself"
        ))
    }
}

/// A gratuitous ARP, or an unsolicited neighbour advertisement.
fn announces(frame: &[u8]) -> bool {
    match frame.get(12..14) {
        Some([0x08, 0x06]) => frame.get(28..32) == frame.get(38..42),
        // ICMPv6 136 to all nodes.
        Some([0x86, 0xdd]) => {
            frame.get(20) == Some(&58)
                && frame.get(54) == Some(&136)
                && frame.first() == Some(&0x33)
        }
        _ => false,
    }
}
