//! BGP messages in a stream of octets (RFC 4271 4.1), as far as a judge of captures needs them.

use std::fmt;

/// Octets of a message header: marker, length, type.
pub const HEADER_LEN: usize = 19;
/// Octets of the longest message (RFC 8654).
pub const MESSAGE_LEN_MAX: usize = 65_535;
const MARKER: [u8; 16] = [0xff; 16];

/// The type of a message.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum MessageType {
    /// OPEN.
    Open,
    /// UPDATE.
    Update,
    /// NOTIFICATION.
    Notification,
    /// KEEPALIVE.
    Keepalive,
    /// ROUTE-REFRESH (RFC 2918).
    RouteRefresh,
    /// Another number.
    Other(u8),
}

impl MessageType {
    /// The type of a whole message; `None` when it is shorter than a header.
    pub fn of(message: &[u8]) -> Option<MessageType> {
        Some(match message.get(HEADER_LEN - 1)? {
            1 => MessageType::Open,
            2 => MessageType::Update,
            3 => MessageType::Notification,
            4 => MessageType::Keepalive,
            5 => MessageType::RouteRefresh,
            other => MessageType::Other(*other),
        })
    }
}

impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MessageType::Open => f.write_str("OPEN"),
            MessageType::Update => f.write_str("UPDATE"),
            MessageType::Notification => f.write_str("NOTIFICATION"),
            MessageType::Keepalive => f.write_str("KEEPALIVE"),
            MessageType::RouteRefresh => f.write_str("ROUTE-REFRESH"),
            MessageType::Other(number) => write!(f, "type {number}"),
        }
    }
}

/// Cuts a stream of octets into whole messages. Holds at most one message.
#[derive(Clone, Debug, Default)]
pub struct MessageReader {
    /// The beginning of a message.
    partial: Vec<u8>,
    /// Looks for a marker: the stream began within a message, or has a gap, or is not BGP.
    lost: bool,
    skipped: u64,
}

impl MessageReader {
    /// A reader of a stream that begins with a message.
    pub fn new() -> Self {
        MessageReader::default()
    }

    /// A reader of a stream that may begin anywhere.
    pub fn midway() -> Self {
        MessageReader {
            lost: true,
            ..MessageReader::default()
        }
    }

    /// The stream goes on elsewhere: looks for the next message from here on.
    pub fn gap(&mut self) {
        self.skipped += self.partial.len() as u64;
        self.partial.clear();
        self.lost = true;
    }

    /// Octets that belong to no message that could be read.
    pub fn skipped_octets(&self) -> u64 {
        self.skipped
    }

    /// Takes the next octets of the stream and hands over each message that is whole, header included.
    pub fn feed(&mut self, mut octets: &[u8], mut sink: impl FnMut(&[u8])) {
        while !octets.is_empty() {
            let wanted = self.wanted();
            let taken = (wanted - self.partial.len()).min(octets.len());
            self.partial.extend_from_slice(&octets[..taken]);
            octets = &octets[taken..];
            if self.partial.len() == HEADER_LEN {
                self.check_header();
            }
            if self.partial.len() >= HEADER_LEN && self.partial.len() == self.wanted() {
                sink(&self.partial);
                self.partial.clear();
            }
        }
    }

    /// Octets that the message begun has, or those of a header as long as that is not there.
    fn wanted(&self) -> usize {
        match self.partial.get(16..HEADER_LEN) {
            Some(field) => usize::from(u16::from_be_bytes([field[0], field[1]])),
            None => HEADER_LEN,
        }
    }

    /// Drops octets from a header that is none, until what is left may be the beginning of one.
    fn check_header(&mut self) {
        let type_known = !self.lost || (1..=5).contains(&self.partial[HEADER_LEN - 1]);
        if self.partial.starts_with(&MARKER) && self.wanted() >= HEADER_LEN && type_known {
            self.lost = false;
            return;
        }
        self.lost = true;
        let kept = (1..HEADER_LEN).find(|&start| {
            let rest = &self.partial[start..];
            rest.iter().take(MARKER.len()).all(|&octet| octet == 0xff)
        });
        let dropped = kept.unwrap_or(HEADER_LEN);
        self.partial.drain(..dropped);
        self.skipped += dropped as u64;
    }
}

#[cfg(test)]
mod tests;
