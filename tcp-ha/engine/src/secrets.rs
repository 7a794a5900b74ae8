//! Keys of the engine's hashes.

use core::fmt;

/// Keys of the keyed hashes; two nodes that back each other up must hold the same.
///
/// `Debug` does not print them.
#[derive(Clone, PartialEq, Eq)]
pub struct Secrets {
    /// Key of the initial sequence numbers (RFC 6528).
    pub isn: [u8; 16],
    /// Key of the demultiplexing table and of the choice of ephemeral ports.
    pub demux: [u8; 16],
    /// Key of the per-connection timestamp offsets.
    pub timestamp: [u8; 16],
    /// Key of the SYN cookies.
    pub cookie: [u8; 16],
}

impl Secrets {
    /// Length of the octet form.
    pub const LEN: usize = 64;

    /// The octet form, for replication to the other node.
    pub fn to_bytes(&self) -> [u8; Secrets::LEN] {
        let mut bytes = [0; Secrets::LEN];
        bytes[..16].copy_from_slice(&self.isn);
        bytes[16..32].copy_from_slice(&self.demux);
        bytes[32..48].copy_from_slice(&self.timestamp);
        bytes[48..].copy_from_slice(&self.cookie);
        bytes
    }

    /// Reads the octet form; any 64 octets are valid, random ones are wanted.
    pub fn from_bytes(bytes: &[u8; Secrets::LEN]) -> Secrets {
        let part = |at: usize| {
            let mut key = [0; 16];
            key.copy_from_slice(&bytes[at..at + 16]);
            key
        };
        Secrets {
            isn: part(0),
            demux: part(16),
            timestamp: part(32),
            cookie: part(48),
        }
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(..)")
    }
}
