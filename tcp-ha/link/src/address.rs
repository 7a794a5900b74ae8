//! Link-layer addresses.

use core::fmt;
use core::net::Ipv6Addr;
use core::str::FromStr;

/// An Ethernet address (EUI-48).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkAddress(pub [u8; 6]);

impl LinkAddress {
    /// All stations of the segment.
    pub const BROADCAST: LinkAddress = LinkAddress([0xff; 6]);
    /// No address: fills the target field of an ARP request.
    pub const UNSPECIFIED: LinkAddress = LinkAddress([0; 6]);

    /// The six octets as they stand on the wire.
    #[must_use]
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }

    /// True for an address that one station can own: neither a group address nor all zeros.
    #[must_use]
    pub const fn is_unicast(self) -> bool {
        self.0[0] & 1 == 0 && !matches!(self.0, [0, 0, 0, 0, 0, 0])
    }

    /// The group address on which an IPv6 multicast destination is sent (RFC 2464 7).
    #[must_use]
    pub const fn of_ipv6_multicast(group: Ipv6Addr) -> LinkAddress {
        let octets = group.octets();
        LinkAddress([0x33, 0x33, octets[12], octets[13], octets[14], octets[15]])
    }

    /// The link-local address made of this link address as modified EUI-64 (RFC 4291 appendix A).
    #[must_use]
    pub const fn link_local(self) -> Ipv6Addr {
        let m = self.0;
        Ipv6Addr::from_octets([
            0xfe,
            0x80,
            0,
            0,
            0,
            0,
            0,
            0,
            m[0] ^ 2,
            m[1],
            m[2],
            0xff,
            0xfe,
            m[3],
            m[4],
            m[5],
        ])
    }
}

impl fmt::Display for LinkAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for LinkAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not six pairs of hexadecimal digits with colons between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLinkAddress(String);

impl fmt::Display for BadLinkAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.0.chars().take(40).collect();
        write!(
            f,
            "link address {shown:?}: expected six hexadecimal pairs such as 02:00:5e:00:00:01"
        )
    }
}

impl core::error::Error for BadLinkAddress {}

impl FromStr for LinkAddress {
    type Err = BadLinkAddress;

    fn from_str(text: &str) -> Result<LinkAddress, BadLinkAddress> {
        let bad = || BadLinkAddress(text.to_owned());
        let mut octets = [0; 6];
        let mut pairs = text.split(':');
        for octet in &mut octets {
            let pair = pairs.next().ok_or_else(bad)?;
            if pair.len() != 2 || !pair.bytes().all(|c| c.is_ascii_hexdigit()) {
                return Err(bad());
            }
            *octet = u8::from_str_radix(pair, 16).map_err(|_| bad())?;
        }
        match pairs.next() {
            None => Ok(LinkAddress(octets)),
            Some(_) => Err(bad()),
        }
    }
}

#[cfg(test)]
mod tests;
