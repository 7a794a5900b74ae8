//! Tests of the codec: round trips, the other codec's opinion, and everything RFC 7606 has an answer for.

mod errors;
mod properties;
mod round_trips;

use std::net::{IpAddr, Ipv4Addr};

use super::*;
use crate::attributes::{AsPath, Origin, PathAttributes};
use crate::prefix::Prefix;

pub(super) const EXTERNAL: DecodeContext = DecodeContext {
    four_octet_as: true,
    external: true,
};
pub(super) const INTERNAL: DecodeContext = DecodeContext {
    four_octet_as: true,
    external: false,
};
pub(super) const TWO_OCTETS: DecodeContext = DecodeContext {
    four_octet_as: false,
    external: true,
};

pub(super) fn prefix(text: &str) -> Prefix {
    text.parse().expect("a prefix")
}

/// Attributes that every route has.
pub(super) fn plain() -> PathAttributes {
    PathAttributes {
        origin: Origin::Igp,
        as_path: AsPath::from_sequence(&[65_001, 65_002]),
        ..PathAttributes::originated(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)))
    }
}

/// An UPDATE of these three fields, as octets.
pub(super) fn raw_update(withdrawn: &[u8], attributes: &[u8], nlri: &[u8]) -> Vec<u8> {
    let length = |field: &[u8]| u16::try_from(field.len()).expect("short").to_be_bytes();
    let body = [
        &length(withdrawn)[..],
        withdrawn,
        &length(attributes),
        attributes,
        nlri,
    ]
    .concat();
    raw_message(2, &body)
}

pub(super) fn raw_message(kind: u8, body: &[u8]) -> Vec<u8> {
    let octets = u16::try_from(19 + body.len()).expect("short").to_be_bytes();
    [&[0xff; 16][..], &octets, &[kind], body].concat()
}

pub(super) fn update(message: &[u8], context: DecodeContext) -> Result<Update, MessageError> {
    match decode(message, context)? {
        Message::Update(update) => Ok(update),
        other => panic!("not an UPDATE: {other:?}"),
    }
}
