//! Octets of a TCP segment, read and written (RFC 9293 3.1).

use std::net::IpAddr;

pub(super) const FIN: u8 = 0x01;
pub(super) const SYN: u8 = 0x02;
pub(super) const RST: u8 = 0x04;
pub(super) const PSH: u8 = 0x08;
pub(super) const ACK: u8 = 0x10;

/// Octets of a header without options.
pub(super) const HEADER: usize = 20;

/// What options say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) mss: Option<u16>,
    pub(super) scale: Option<u8>,
    pub(super) sack_permitted: bool,
    pub(super) sacks: Vec<(u32, u32)>,
    /// TSval and TSecr.
    pub(super) stamps: Option<(u32, u32)>,
    /// RFC 2385.
    pub(super) md5: Option<[u8; 16]>,
    /// RFC 5925: KeyID, RNextKeyID, MAC.
    pub(super) ao: Option<(u8, u8, [u8; 12])>,
}

/// A segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment<'a> {
    pub(super) src_port: u16,
    pub(super) dst_port: u16,
    pub(super) seq: u32,
    pub(super) ack: u32,
    pub(super) flags: u8,
    pub(super) window: u16,
    pub(super) options: Options,
    pub(super) text: &'a [u8],
}

impl<'a> Segment<'a> {
    pub(super) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// SEG.LEN: octets of text, SYN and FIN.
    pub(super) fn len(&self) -> u32 {
        self.text.len() as u32 + u32::from(self.has(SYN)) + u32::from(self.has(FIN))
    }

    /// Reads a segment; `None` where its checksum or its lengths are wrong.
    pub(super) fn parse(src: IpAddr, dst: IpAddr, octets: &'a [u8]) -> Option<Segment<'a>> {
        if octets.len() < HEADER || checksum(src, dst, octets) != 0 {
            return None;
        }
        let word = |at: usize| u16::from_be_bytes([octets[at], octets[at + 1]]);
        let long = |at: usize| u32::from(word(at)) << 16 | u32::from(word(at + 2));
        let data = usize::from(octets[12] >> 4) * 4;
        Some(Segment {
            src_port: word(0),
            dst_port: word(2),
            seq: long(4),
            ack: long(8),
            flags: octets[13],
            window: word(14),
            options: Options::parse(octets.get(HEADER..data)?)?,
            text: &octets[data..],
        })
    }

    /// The octets, with a signature where `sign` makes one of them: it is told the octets and where its space begins.
    pub(super) fn build(
        &self,
        src: IpAddr,
        dst: IpAddr,
        sign: impl FnOnce(&mut [u8], usize),
    ) -> Vec<u8> {
        let mut octets = vec![0; HEADER];
        octets[0..2].copy_from_slice(&self.src_port.to_be_bytes());
        octets[2..4].copy_from_slice(&self.dst_port.to_be_bytes());
        octets[4..8].copy_from_slice(&self.seq.to_be_bytes());
        octets[8..12].copy_from_slice(&self.ack.to_be_bytes());
        octets[13] = self.flags;
        octets[14..16].copy_from_slice(&self.window.to_be_bytes());
        let signature = self.options.write(&mut octets);
        octets[12] = ((octets.len() / 4) as u8) << 4;
        octets.extend_from_slice(self.text);
        if let Some(at) = signature {
            sign(&mut octets, at);
        }
        let sum = checksum(src, dst, &octets);
        octets[16..18].copy_from_slice(&sum.to_be_bytes());
        octets
    }
}

impl Options {
    fn parse(mut octets: &[u8]) -> Option<Options> {
        let mut options = Options::default();
        while let [kind, rest @ ..] = octets {
            match kind {
                0 => break,
                1 => octets = rest,
                _ => {
                    let len = usize::from(*rest.first()?);
                    let body = octets.get(2..len)?;
                    options.take(*kind, body)?;
                    octets = &octets[len..];
                }
            }
        }
        Some(options)
    }

    fn take(&mut self, kind: u8, body: &[u8]) -> Option<()> {
        let long = |octets: &[u8]| u32::from_be_bytes(octets.try_into().expect("four octets"));
        match (kind, body.len()) {
            (2, 2) => self.mss = Some(u16::from_be_bytes([body[0], body[1]])),
            (3, 1) => self.scale = Some(body[0].min(14)),
            (4, 0) => self.sack_permitted = true,
            (5, len) if len % 8 == 0 => {
                let blocks = body.chunks_exact(8);
                self.sacks = blocks.map(|b| (long(&b[..4]), long(&b[4..]))).collect();
            }
            (8, 8) => self.stamps = Some((long(&body[..4]), long(&body[4..]))),
            (19, 16) => self.md5 = body.try_into().ok(),
            (29, 14) => self.ao = Some((body[0], body[1], body[2..].try_into().ok()?)),
            _ => {}
        }
        Some(())
    }

    /// Appends them, padded; where the space of a signature begins.
    fn write(&self, octets: &mut Vec<u8>) -> Option<usize> {
        let mut signature = None;
        if self.md5.is_some() {
            octets.extend([1, 1, 19, 18]);
            signature = Some(octets.len());
            octets.extend([0; 16]);
        }
        if let Some((key, next, _)) = self.ao {
            octets.extend([29, 16, key, next]);
            signature = Some(octets.len());
            octets.extend([0; 12]);
        }
        if let Some(mss) = self.mss {
            octets.extend([2, 4]);
            octets.extend(mss.to_be_bytes());
        }
        if self.sack_permitted {
            octets.extend([1, 1, 4, 2]);
        }
        if let Some((val, ecr)) = self.stamps {
            octets.extend([1, 1, 8, 10]);
            octets.extend(val.to_be_bytes());
            octets.extend(ecr.to_be_bytes());
        }
        if let Some(scale) = self.scale {
            octets.extend([1, 3, 3, scale]);
        }
        if !self.sacks.is_empty() {
            octets.extend([1, 1, 5, 2 + 8 * self.sacks.len() as u8]);
            for (left, right) in &self.sacks {
                octets.extend(left.to_be_bytes());
                octets.extend(right.to_be_bytes());
            }
        }
        signature
    }

    /// Octets that they take.
    pub(super) fn wire_len(&self) -> usize {
        let mut octets = Vec::new();
        self.write(&mut octets);
        octets.len()
    }
}

/// The pseudo header of RFC 9293 3.1, or RFC 8200 8.1.
pub(super) fn pseudo_header(src: IpAddr, dst: IpAddr, len: usize) -> Vec<u8> {
    let mut octets = Vec::with_capacity(40);
    for address in [src, dst] {
        match address {
            IpAddr::V4(address) => octets.extend(address.octets()),
            IpAddr::V6(address) => octets.extend(address.octets()),
        }
    }
    if src.is_ipv4() {
        octets.extend([0, 6]);
        octets.extend((len as u16).to_be_bytes());
    } else {
        octets.extend((len as u32).to_be_bytes());
        octets.extend([0, 0, 0, 6]);
    }
    octets
}

/// RFC 1071, over pseudo header and segment; 0 for a segment whose checksum is right.
fn checksum(src: IpAddr, dst: IpAddr, octets: &[u8]) -> u16 {
    let sum = |octets: &[u8]| -> u64 {
        let (words, rest) = octets.as_chunks::<2>();
        let words = words
            .iter()
            .map(|word| u64::from(u16::from_be_bytes(*word)));
        words.sum::<u64>() + rest.first().map_or(0, |last| u64::from(*last) << 8)
    };
    let mut total = sum(&pseudo_header(src, dst, octets.len())) + sum(octets);
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    !(total as u16)
}
