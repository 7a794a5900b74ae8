//! Prefixes on the wire (RFC 4271 4.3).

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

use super::{MessageError, code, subcode};
use crate::prefix::{Family, Prefix};

/// Reads prefixes until the end of `data`. Multicast prefixes are left out (RFC 4271 6.3), host bits are cleared.
///
/// # Errors
/// A length beyond the family's, or a prefix cut short: the place of the next one is lost (RFC 7606 5.3).
pub(super) fn decode(
    mut data: &[u8],
    family: Family,
    prefixes: &mut Vec<Prefix>,
) -> Result<(), MessageError> {
    let bits_max = match family {
        Family::Ipv4 => 32,
        Family::Ipv6 => 128,
    };
    while let [bits, rest @ ..] = data {
        let octets = usize::from(bits.div_ceil(8));
        if *bits > bits_max || octets > rest.len() {
            return Err(MessageError::new(
                code::UPDATE,
                subcode::NETWORK_FIELD,
                &[],
                format!(
                    "{family} prefix of length {bits} with {} octets left",
                    rest.len()
                ),
            ));
        }
        let (address, rest) = rest.split_at(octets);
        if let Some(prefix) = unicast(address, *bits, family) {
            prefixes.push(prefix);
        }
        data = rest;
    }
    Ok(())
}

fn unicast(address: &[u8], bits: u8, family: Family) -> Option<Prefix> {
    match family {
        Family::Ipv4 => {
            let mut octets = [0; 4];
            octets[..address.len()].copy_from_slice(address);
            let net = Ipv4Net::new(Ipv4Addr::from(octets), bits).ok()?.trunc();
            (!net.network().is_multicast()).then_some(Prefix::V4(net))
        }
        Family::Ipv6 => {
            let mut octets = [0; 16];
            octets[..address.len()].copy_from_slice(address);
            let net = Ipv6Net::new(Ipv6Addr::from(octets), bits).ok()?.trunc();
            (!net.network().is_multicast()).then_some(Prefix::V6(net))
        }
    }
}

/// Octets that the prefix takes.
pub(super) fn octets(prefix: &Prefix) -> usize {
    1 + usize::from(prefix.prefix_len().div_ceil(8))
}

/// Appends the prefix.
pub(super) fn encode(prefix: &Prefix, out: &mut Vec<u8>) {
    out.push(prefix.prefix_len());
    let octets = usize::from(prefix.prefix_len().div_ceil(8));
    match prefix {
        Prefix::V4(net) => out.extend_from_slice(&net.network().octets()[..octets]),
        Prefix::V6(net) => out.extend_from_slice(&net.network().octets()[..octets]),
    }
}
