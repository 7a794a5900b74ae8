//! BGP messages on the wire: framing, decoding and encoding.
//!
//! Framing is exact: [`frame`] says how many octets the first message has, [`decode`] takes exactly one message. Values of
//! path attributes are read by `netgauze-bgp-pkt`, one attribute at a time from a slice of its declared length, so that an error in one
//! never moves the place where the next begins. What RFC 7606 lets survive, survives: see [`Update::faults`].

mod as4;
pub(crate) mod attribute;
mod encode;
mod encode_attributes;
mod multiprotocol;
mod nlri;
mod notification;
mod open;
mod update;

#[cfg(test)]
mod tests;

use std::fmt;

pub use encode::{
    encode_announce, encode_end_of_rib, encode_keepalive, encode_notification, encode_open,
    encode_withdraw,
};
pub use encode_attributes::encode_attributes;
pub use notification::{Notification, code, subcode};
pub use open::Open;
pub use update::{Announcement, AttributeFault, FaultAction, Update};

use crate::prefix::Family;

/// Octets of the message header (RFC 4271 4.1).
pub const HEADER_OCTETS: usize = 19;

/// The largest message (RFC 4271 4.1); extended messages (RFC 8654) are not offered.
pub const MESSAGE_OCTETS_MAX: usize = 4096;

/// Message type codes (RFC 4271 4.1, RFC 2918).
pub(crate) mod kind {
    pub(crate) const OPEN: u8 = 1;
    pub(crate) const UPDATE: u8 = 2;
    pub(crate) const NOTIFICATION: u8 = 3;
    pub(crate) const KEEPALIVE: u8 = 4;
    pub(crate) const ROUTE_REFRESH: u8 = 5;
}

/// What both ends have agreed on and what decoding depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeContext {
    /// AS numbers in AS_PATH and AGGREGATOR have four octets (RFC 6793): both OPENs carried the capability.
    pub four_octet_as: bool,
    /// The sender is in another AS: LOCAL_PREF, ORIGINATOR_ID and CLUSTER_LIST are ignored (RFC 7606 7.5, 7.9, 7.10).
    pub external: bool,
}

/// A decoded message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// OPEN.
    Open(Open),
    /// UPDATE.
    Update(Update),
    /// NOTIFICATION.
    Notification(Notification),
    /// KEEPALIVE.
    Keepalive,
    /// ROUTE-REFRESH (RFC 2918); none for a family that the speaker does not know.
    RouteRefresh(Option<Family>),
}

/// An error that ends the session: what was wrong, and the NOTIFICATION that tells the peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageError {
    /// What to send before closing.
    pub notification: Notification,
    /// What was wrong, for the log.
    pub what: String,
}

impl MessageError {
    pub(crate) fn new(code: u8, subcode: u8, data: &[u8], what: impl Into<String>) -> Self {
        Self {
            notification: Notification {
                code,
                subcode,
                data: data.into(),
            },
            what: what.into(),
        }
    }
}

impl fmt::Display for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}; the session ends with {}",
            self.what, self.notification
        )
    }
}

impl std::error::Error for MessageError {}

/// Octets of the first message in `data`: none while its header is incomplete. The message itself may still be incomplete.
///
/// # Errors
/// A marker that is not all ones, a length out of range for the type, an unknown type (RFC 4271 6.1).
pub fn frame(data: &[u8]) -> Result<Option<usize>, MessageError> {
    let Some(header) = data.get(..HEADER_OCTETS) else {
        return Ok(None);
    };
    if header[..16] != [0xff; 16] {
        return Err(MessageError::new(
            code::HEADER,
            subcode::NOT_SYNCHRONIZED,
            &[],
            "marker is not all ones",
        ));
    }
    let octets = usize::from(u16::from_be_bytes([header[16], header[17]]));
    let (min, max) = match header[18] {
        kind::OPEN => (29, MESSAGE_OCTETS_MAX),
        kind::UPDATE => (23, MESSAGE_OCTETS_MAX),
        kind::NOTIFICATION => (21, MESSAGE_OCTETS_MAX),
        kind::KEEPALIVE => (HEADER_OCTETS, HEADER_OCTETS),
        // RFC 7313 5: another length is an error of ROUTE-REFRESH, but the frame stands.
        kind::ROUTE_REFRESH => (HEADER_OCTETS, MESSAGE_OCTETS_MAX),
        other => {
            return Err(MessageError::new(
                code::HEADER,
                subcode::BAD_TYPE,
                &[other],
                format!("unknown message type {other}"),
            ));
        }
    };
    if octets < min || octets > max {
        return Err(MessageError::new(
            code::HEADER,
            subcode::BAD_LENGTH,
            &header[16..18],
            format!(
                "length {octets} of message type {} is not in {min}..={max}",
                header[18]
            ),
        ));
    }
    Ok(Some(octets))
}

/// Decodes one whole message, header included.
///
/// # Errors
/// Whatever RFC 4271 6 and RFC 7606 answer with the end of the session; also when `message` is not exactly one message long.
pub fn decode(message: &[u8], context: DecodeContext) -> Result<Message, MessageError> {
    match frame(message)? {
        Some(octets) if octets == message.len() => {}
        _ => {
            return Err(MessageError::new(
                code::HEADER,
                subcode::BAD_LENGTH,
                &[],
                "octets given are not one whole message",
            ));
        }
    }
    let body = &message[HEADER_OCTETS..];
    match message[18] {
        kind::OPEN => Open::decode(body).map(Message::Open),
        kind::UPDATE => Update::decode(body, context).map(Message::Update),
        kind::NOTIFICATION => Ok(Message::Notification(Notification::decode(body))),
        kind::KEEPALIVE => Ok(Message::Keepalive),
        // RFC 2918 3: a family that was not advertised is ignored.
        _ => Ok(Message::RouteRefresh(match body {
            [afi_high, afi_low, _, safi] => {
                Family::from_afi_safi(u16::from_be_bytes([*afi_high, *afi_low]), *safi)
            }
            _ => None,
        })),
    }
}

/// Decodes an UPDATE of any length that fits its header: those in records, where attributes may have grown by 4-octet AS numbers.
pub(crate) fn decode_long_update(
    message: &[u8],
    context: DecodeContext,
) -> Result<Update, MessageError> {
    Update::decode(message.get(HEADER_OCTETS..).unwrap_or_default(), context)
}
