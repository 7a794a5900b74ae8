//! The segment that all stations share: a hub, or a switch that learns; with weather that loses, delays, doubles and spoils frames.

use super::TURN_US;
use super::dice::Dice;
use std::collections::{BTreeMap, BTreeSet};

/// What becomes of frames; one in so many each, 0 means none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    /// Is lost.
    pub loss: u64,
    /// Comes twice.
    pub duplication: u64,
    /// Comes some turns late, behind others.
    pub reordering: u64,
    /// Comes with a changed octet behind the Ethernet header.
    pub corruption: u64,
    /// All come so many turns later.
    pub delay_turns: u64,
}

/// EtherType of ARP.
const ARP: [u8; 2] = [0x08, 0x06];

/// A frame on its way.
pub(super) struct Flying {
    due_us: u64,
    pub(super) from: usize,
    /// `None` means everybody.
    to: Option<usize>,
    pub(super) octets: Vec<u8>,
}

impl Flying {
    /// Whether the station at `port` gets it.
    pub(super) fn reaches(&self, port: usize) -> bool {
        self.from != port && self.to.is_none_or(|to| to == port)
    }
}

/// See the module's text.
#[derive(Default)]
pub struct Segment {
    /// What becomes of frames.
    pub weather: Weather,
    /// Ports whose cable is out.
    pub unplugged: BTreeSet<usize>,
    /// Where each link address was seen last; `None` for a hub.
    pub learned: Option<BTreeMap<[u8; 6], usize>>,
    flying: Vec<Flying>,
    arrived: Vec<Flying>,
}

impl Segment {
    /// When the next frame arrives.
    pub(super) fn next_us(&self) -> Option<u64> {
        self.flying.iter().map(|flying| flying.due_us).min()
    }

    /// What arrives by now, in the order of its coming.
    pub(super) fn arrivals(&mut self, now_us: u64) -> Vec<Flying> {
        let mut arrived = std::mem::take(&mut self.arrived);
        arrived.clear();
        arrived.extend(self.flying.extract_if(.., |flying| flying.due_us <= now_us));
        arrived.sort_by_key(|flying| flying.due_us);
        arrived
    }

    /// Every cable is in again. A switch keeps what it has learned: nobody tells it that a station has moved but the station itself.
    pub fn plug_all(&mut self) {
        self.unplugged.clear();
    }

    /// Takes the list back, for its memory.
    pub(super) fn recycle(&mut self, arrived: Vec<Flying>) {
        self.arrived = arrived;
    }

    /// A station puts a frame on its cable.
    pub(super) fn fly(&mut self, dice: &mut Dice, now_us: u64, from: usize, mut octets: Vec<u8>) {
        if self.unplugged.contains(&from) {
            return;
        }
        let to = self.forward(from, &octets);
        if to.is_some_and(|to| self.unplugged.contains(&to)) {
            return;
        }
        let Weather {
            loss,
            duplication,
            reordering,
            corruption,
            delay_turns,
        } = self.weather;
        if dice.one_in(loss) {
            return;
        }
        let mut due_us = now_us + (1 + delay_turns) * TURN_US;
        if dice.one_in(reordering) {
            due_us += dice.between(1, 20) * TURN_US;
        }
        if dice.one_in(corruption) && octets.len() > 14 {
            if octets[12..14] == ARP {
                // It has no checksum of its own: the cable's holds it off.
                return;
            }
            let at = dice.between(14, octets.len() as u64 - 1) as usize;
            octets[at] ^= 1 << dice.below(8);
        }
        if dice.one_in(duplication) {
            let again = dice.below(10) * TURN_US;
            self.flying.push(Flying {
                due_us: due_us + again,
                from,
                to,
                octets: octets.clone(),
            });
        }
        self.flying.push(Flying {
            due_us,
            from,
            to,
            octets,
        });
    }

    /// Learns where the sender is; the port of the receiver, if that is known.
    fn forward(&mut self, from: usize, octets: &[u8]) -> Option<usize> {
        let learned = self.learned.as_mut()?;
        let src: [u8; 6] = octets.get(6..12)?.try_into().ok()?;
        learned.insert(src, from);
        learned.get(octets.get(..6)?).copied()
    }
}
