//! NOTIFICATION (RFC 4271 4.5).

use std::fmt;

/// Error codes (RFC 4271 4.5).
pub mod code {
    /// Message Header Error.
    pub const HEADER: u8 = 1;
    /// OPEN Message Error.
    pub const OPEN: u8 = 2;
    /// UPDATE Message Error.
    pub const UPDATE: u8 = 3;
    /// Hold Timer Expired.
    pub const HOLD_TIMER: u8 = 4;
    /// Finite State Machine Error.
    pub const FSM: u8 = 5;
    /// Cease.
    pub const CEASE: u8 = 6;
}

/// Error subcodes (RFC 4271 6, RFC 4486, RFC 6608), each for the code that its group names.
pub mod subcode {
    /// Any code: unspecific.
    pub const UNSPECIFIC: u8 = 0;
    /// Header: Connection Not Synchronized.
    pub const NOT_SYNCHRONIZED: u8 = 1;
    /// Header: Bad Message Length.
    pub const BAD_LENGTH: u8 = 2;
    /// Header: Bad Message Type.
    pub const BAD_TYPE: u8 = 3;
    /// OPEN: Unsupported Version Number.
    pub const VERSION: u8 = 1;
    /// OPEN: Bad Peer AS.
    pub const BAD_PEER_AS: u8 = 2;
    /// OPEN: Bad BGP Identifier.
    pub const BAD_IDENTIFIER: u8 = 3;
    /// OPEN: Unsupported Optional Parameter.
    pub const PARAMETER: u8 = 4;
    /// OPEN: Unacceptable Hold Time.
    pub const HOLD_TIME: u8 = 6;
    /// OPEN: Unsupported Capability (RFC 5492).
    pub const CAPABILITY: u8 = 7;
    /// UPDATE: Malformed Attribute List.
    pub const ATTRIBUTE_LIST: u8 = 1;
    /// UPDATE: Unrecognized Well-known Attribute.
    pub const UNRECOGNIZED: u8 = 2;
    /// UPDATE: Optional Attribute Error.
    pub const OPTIONAL_ATTRIBUTE: u8 = 9;
    /// UPDATE: Invalid Network Field.
    pub const NETWORK_FIELD: u8 = 10;
    /// FSM: Unexpected Message in OpenSent (RFC 6608).
    pub const IN_OPEN_SENT: u8 = 1;
    /// FSM: Unexpected Message in OpenConfirm (RFC 6608).
    pub const IN_OPEN_CONFIRM: u8 = 2;
    /// FSM: Unexpected Message in Established (RFC 6608).
    pub const IN_ESTABLISHED: u8 = 3;
    /// Cease: Administrative Shutdown (RFC 4486).
    pub const ADMINISTRATIVE_SHUTDOWN: u8 = 2;
    /// Cease: Connection Rejected (RFC 4486).
    pub const CONNECTION_REJECTED: u8 = 5;
    /// Cease: Connection Collision Resolution (RFC 4486).
    pub const COLLISION: u8 = 7;
}

/// A NOTIFICATION: the sender closes the connection right after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Error code, see [`code`].
    pub code: u8,
    /// Error subcode, see [`subcode`].
    pub subcode: u8,
    /// Data that depends on code and subcode.
    pub data: Box<[u8]>,
}

impl Notification {
    /// A NOTIFICATION without data.
    #[must_use]
    pub fn new(code: u8, subcode: u8) -> Self {
        Self {
            code,
            subcode,
            data: Box::default(),
        }
    }

    /// Reads the body. Framing has made sure of two octets; anything shorter reads as zeroes, as it must never be answered.
    pub(super) fn decode(body: &[u8]) -> Self {
        Self {
            code: body.first().copied().unwrap_or(0),
            subcode: body.get(1).copied().unwrap_or(0),
            data: body.get(2..).unwrap_or_default().into(),
        }
    }

    const fn names(&self) -> (&'static str, &'static str) {
        match (self.code, self.subcode) {
            (1, 1) => ("message header error", "connection not synchronized"),
            (1, 2) => ("message header error", "bad message length"),
            (1, 3) => ("message header error", "bad message type"),
            (1, _) => ("message header error", ""),
            (2, 1) => ("OPEN error", "unsupported version number"),
            (2, 2) => ("OPEN error", "bad peer AS"),
            (2, 3) => ("OPEN error", "bad BGP identifier"),
            (2, 4) => ("OPEN error", "unsupported optional parameter"),
            (2, 6) => ("OPEN error", "unacceptable hold time"),
            (2, 7) => ("OPEN error", "unsupported capability"),
            (2, _) => ("OPEN error", ""),
            (3, 1) => ("UPDATE error", "malformed attribute list"),
            (3, 2) => ("UPDATE error", "unrecognized well-known attribute"),
            (3, 9) => ("UPDATE error", "optional attribute error"),
            (3, 10) => ("UPDATE error", "invalid network field"),
            (3, _) => ("UPDATE error", ""),
            (4, _) => ("hold timer expired", ""),
            (5, _) => ("finite state machine error", ""),
            (6, 2) => ("cease", "administrative shutdown"),
            (6, 5) => ("cease", "connection rejected"),
            (6, 7) => ("cease", "connection collision resolution"),
            (6, _) => ("cease", ""),
            _ => ("unknown code", ""),
        }
    }
}

impl fmt::Display for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (code, subcode) = self.names();
        write!(f, "NOTIFICATION {}/{} ({code}", self.code, self.subcode)?;
        if !subcode.is_empty() {
            write!(f, ": {subcode}")?;
        }
        f.write_str(")")
    }
}
