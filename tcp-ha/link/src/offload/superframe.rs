//! A segment in its frame as far as joining must know it, and the headers of a joined one.

use core::ops::Range;

use super::virtio::TCP_CHECKSUM;
use crate::frame::Medium;

const IPV4_HEADER: usize = 20;
const IPV6_HEADER: usize = 40;
const TCP_HEADER: usize = 20;
pub(super) const TCP_PROTOCOL: u8 = 6;

const FIN: u8 = 0x01;
const PSH: u8 = 0x08;
const ACK: u8 = 0x10;

/// Options that sign a segment (RFC 2385, RFC 5925): it must go out octet for octet.
const SIGNATURES: [u8; 2] = [19, 29];

/// A TCP segment with text that may be one of several in a super-frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'f> {
    octets: &'f [u8],
    ip: usize,
    tcp: usize,
    text: usize,
    /// Octets of text that stand elsewhere, behind these.
    behind: usize,
}

impl<'f> Part<'f> {
    /// Reads a frame; `None` where it must go alone: it is no TCP segment with text and an ACK, has flags beside that which stand for
    /// more than an end (FIN, PSH), IP options or extension headers, or a signature.
    pub(super) fn parse(medium: Medium, octets: &'f [u8]) -> Option<Part<'f>> {
        Part::parse_before(medium, octets, 0)
    }

    /// The same where so many octets of text stand elsewhere, behind these.
    pub(super) fn parse_before(
        medium: Medium,
        octets: &'f [u8],
        behind: usize,
    ) -> Option<Part<'f>> {
        let ip = medium.header_len();
        let packet = octets.get(ip..)?;
        let tcp = match (packet.first()? >> 4, ether_type(medium, octets)) {
            (4, None | Some([0x08, 0x00])) => ip + ipv4_header(packet, behind)?,
            (6, None | Some([0x86, 0xdd])) => ip + ipv6_header(packet, behind)?,
            _ => return None,
        };
        let header = octets.get(tcp..tcp + TCP_HEADER)?;
        let text = tcp + usize::from(header[12] >> 4) * 4;
        let options = octets.get(tcp + TCP_HEADER..text)?;
        let flags = header[13];
        let plain = flags & ACK != 0 && flags & !(ACK | PSH | FIN) == 0;
        let urgent = header[18..20] != [0, 0] || header[12] & 0x0f != 0;
        let joinable = plain && !urgent && text < octets.len() + behind && !is_signed(options);
        joinable.then_some(Part {
            octets,
            ip,
            tcp,
            text,
            behind,
        })
    }

    /// The whole frame.
    pub(super) fn octets(&self) -> &'f [u8] {
        self.octets
    }

    /// Octets of the headers.
    pub(super) fn header_len(&self) -> usize {
        self.text
    }

    /// Octets of text.
    pub(super) fn text_len(&self) -> usize {
        self.octets.len() - self.text + self.behind
    }

    /// Octets of the IP packet.
    pub(super) fn packet_len(&self) -> usize {
        self.octets.len() - self.ip + self.behind
    }

    /// Where the TCP header begins.
    pub(super) fn tcp(&self) -> usize {
        self.tcp
    }

    /// Whether the packet is of IPv6.
    pub(super) fn is_ipv6(&self) -> bool {
        self.tcp - self.ip == IPV6_HEADER
    }

    /// Whether nothing can follow it in a super-frame: FIN and PSH stay on the last segment only.
    pub(super) fn is_last(&self) -> bool {
        self.octets[self.tcp + 13] & (PSH | FIN) != 0
    }

    /// SEG.SEQ.
    pub(super) fn seq(&self) -> u32 {
        let at = self.tcp + 4;
        let field = [0, 1, 2, 3].map(|octet| self.octets[at + octet]);
        u32::from_be_bytes(field)
    }

    /// Whether this segment stands right behind `before` octets of text that begin with `first`, and differs from it in nothing but what
    /// segmentation writes.
    pub(super) fn continues(&self, first: &Part<'_>, before: usize) -> bool {
        // Below 2^16, the length of a packet.
        let expected = first.seq().wrapping_add(before as u32);
        let same = |range: Range<usize>| self.octets[range.clone()] == first.octets[range];
        let (ip, tcp) = (self.ip, self.tcp);
        let ip_equal = if self.is_ipv6() {
            same(0..ip + 4) && same(ip + 6..tcp)
        } else {
            same(0..ip + 2) && same(ip + 4..ip + 10) && same(ip + 12..tcp)
        };
        (self.ip, self.tcp, self.text) == (first.ip, first.tcp, first.text)
            && ip_equal
            && same(tcp..tcp + 4)
            && self.seq() == expected
            && same(tcp + 8..tcp + 13)
            && same(tcp + 14..tcp + TCP_CHECKSUM)
            && same(tcp + TCP_CHECKSUM + 2..self.text)
    }

    /// Appends the headers of a super-frame that begins with this segment, ends with `last`, and has `text` octets of text: lengths, the IP
    /// header's checksum, the flags of the last, and in the place of the TCP checksum the sum of the pseudo header.
    pub(super) fn write_headers(&self, last: &Part<'_>, text: usize, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.octets[..self.text]);
        let header = &mut out[start..];
        let tcp = self.tcp;
        let segment = self.text - tcp + text;
        let addresses = self.write_lengths(header, segment);
        let pseudo = sum(&header[addresses]) + u64::from(TCP_PROTOCOL) + segment as u64;
        let at = tcp + TCP_CHECKSUM;
        header[at..at + 2].copy_from_slice(&folded(pseudo).to_be_bytes());
        header[tcp + 13] = last.octets[last.tcp + 13];
    }

    /// Writes the length of a segment, and the checksum of IPv4's header, into an IP header that is otherwise this one's; returns where
    /// the addresses stand.
    pub(super) fn write_lengths(&self, header: &mut [u8], segment: usize) -> Range<usize> {
        let (ip, tcp) = (self.ip, self.tcp);
        if self.is_ipv6() {
            put(header, ip + 4, segment);
            return ip + 8..ip + 40;
        }
        put(header, ip + 2, IPV4_HEADER + segment);
        header[ip + 10..ip + 12].fill(0);
        let sum = folded(sum(&header[ip..tcp]));
        header[ip + 10..ip + 12].copy_from_slice(&(!sum).to_be_bytes());
        ip + 12..ip + 20
    }
}

fn ether_type(medium: Medium, octets: &[u8]) -> Option<[u8; 2]> {
    match medium {
        Medium::Ethernet => Some([*octets.get(12)?, *octets.get(13)?]),
        Medium::Ip => None,
    }
}

/// Length of the header of a whole IPv4 packet with TCP, without options and padding behind it.
fn ipv4_header(packet: &[u8], behind: usize) -> Option<usize> {
    const HEADER_WORDS: u8 = 5;
    const MORE_OR_OFFSET: u16 = 0x3fff;
    let header = packet.first_chunk::<IPV4_HEADER>()?;
    let fragment = u16::from_be_bytes([header[6], header[7]]) & MORE_OR_OFFSET;
    let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let plain = header[0] & 0x0f == HEADER_WORDS && fragment == 0 && header[9] == TCP_PROTOCOL;
    (plain && total == packet.len() + behind).then_some(IPV4_HEADER)
}

/// The same for IPv6, without extension headers.
fn ipv6_header(packet: &[u8], behind: usize) -> Option<usize> {
    let header = packet.first_chunk::<IPV6_HEADER>()?;
    let payload = usize::from(u16::from_be_bytes([header[4], header[5]]));
    let plain = header[6] == TCP_PROTOCOL && payload + IPV6_HEADER == packet.len() + behind;
    plain.then_some(IPV6_HEADER)
}

/// Whether an option signs the segment; so is counted what cannot be read.
fn is_signed(mut options: &[u8]) -> bool {
    const END: u8 = 0;
    const NOP: u8 = 1;
    while let Some((&kind, rest)) = options.split_first() {
        options = match kind {
            END => return false,
            NOP => rest,
            kind if SIGNATURES.contains(&kind) => return true,
            _ => match rest
                .first()
                .and_then(|&len| options.get(usize::from(len.max(2))..))
            {
                Some(after) => after,
                None => return true,
            },
        };
    }
    false
}

fn put(header: &mut [u8], at: usize, len: usize) {
    // The joiner keeps packets below 2^16 octets.
    let len = u16::try_from(len).unwrap_or(u16::MAX);
    header[at..at + 2].copy_from_slice(&len.to_be_bytes());
}

/// Sum of 16-bit words; an even number of octets.
pub(super) fn sum(octets: &[u8]) -> u64 {
    let words = octets.chunks_exact(2);
    words
        .map(|word| u64::from(u16::from_be_bytes([word[0], word[1]])))
        .sum()
}

/// The same for any number of octets.
pub(super) fn sum_of_any(octets: &[u8]) -> u64 {
    let (even, odd) = octets.split_at(octets.len() & !1);
    sum(even) + odd.first().map_or(0, |&octet| u64::from(octet) << 8)
}

pub(super) fn folded(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}
