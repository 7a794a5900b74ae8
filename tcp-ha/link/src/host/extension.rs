//! The walk over IPv6 extension headers (RFC 8200 4).

use smoltcp::wire::IpProtocol;

use super::DropReason;

/// Extension headers looked at before a packet is refused.
const HEADERS_MAX: usize = 8;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const DESTINATION: u8 = 60;

/// Finds the upper layer: its protocol and its octets.
pub(super) fn upper_layer(
    first: IpProtocol,
    payload: &[u8],
) -> Result<(IpProtocol, &[u8]), DropReason> {
    let mut next: u8 = first.into();
    let mut rest = payload;
    for position in 0..HEADERS_MAX {
        match next {
            HOP_BY_HOP if position > 0 => return Err(DropReason::ExtensionHeader),
            HOP_BY_HOP | DESTINATION | ROUTING => {}
            FRAGMENT => return Err(DropReason::IpFragment),
            protocol => return Ok((IpProtocol::from(protocol), rest)),
        }
        let len = match rest.get(1) {
            Some(&units) => (usize::from(units) + 1) * 8,
            None => return Err(DropReason::Truncated),
        };
        let Some((header, after)) = rest.split_at_checked(len) else {
            return Err(DropReason::Truncated);
        };
        let acceptable = if next == ROUTING {
            // RFC 8200 4.4: with no segments left any routing header is passed over. We forward nothing.
            header[3] == 0
        } else {
            options_may_be_skipped(&header[2..])
        };
        if !acceptable {
            return Err(DropReason::ExtensionHeader);
        }
        next = header[0];
        rest = after;
    }
    Err(DropReason::ExtensionHeader)
}

/// RFC 8200 4.2: the two highest bits of an unknown option say whether the packet may be taken all the same.
fn options_may_be_skipped(mut options: &[u8]) -> bool {
    const PAD1: u8 = 0;
    while let Some((&kind, rest)) = options.split_first() {
        if kind == PAD1 {
            options = rest;
            continue;
        }
        if kind & 0xc0 != 0 {
            return false;
        }
        let Some((&len, data)) = rest.split_first() else {
            return false;
        };
        let Some(rest) = data.get(usize::from(len)..) else {
            return false;
        };
        options = rest;
    }
    true
}

#[cfg(test)]
mod tests;
