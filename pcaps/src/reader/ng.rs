//! Packets of a pcapng file.
//!
//! Blocks are taken raw and read here, since timestamps need the resolution of their interface.

use std::io::Read;

use pcap_file::pcapng::PcapNgReader;
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::{Endianness, PcapError};

use super::RecordHeader;
use crate::link_type::LinkType;
use crate::time::Timestamp;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const INTERFACE_STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;
/// Options of a statistics block: packets dropped by the interface, and by the operating system.
const DROP_COUNTS: [u16; 2] = [5, 7];
/// Interfaces of one section; more mean a damaged file.
const INTERFACES_MAX: usize = 65_536;

/// One interface of the current section.
struct Interface {
    link_type: LinkType,
    /// Octets kept of each packet; 0: all.
    snaplen: u32,
    resolution: Resolution,
    /// Seconds to add to every timestamp.
    offset: i64,
    dropped: u64,
}

/// The unit of timestamps: 10^-n or 2^-n seconds.
#[derive(Clone, Copy)]
enum Resolution {
    Decimal(u32),
    Binary(u32),
}

impl Resolution {
    /// Nanoseconds that `ticks` stand for; saturates.
    fn nanos(self, ticks: u64) -> u64 {
        let nanos = match self {
            Resolution::Decimal(power @ 0..=9) => u128::from(ticks) * 10_u128.pow(9 - power),
            Resolution::Decimal(power) => 10_u128
                .checked_pow(power - 9)
                .map_or(0, |divisor| u128::from(ticks) / divisor),
            Resolution::Binary(power) => (u128::from(ticks) * 1_000_000_000)
                .checked_shr(power)
                .unwrap_or(0),
        };
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }
}

impl Interface {
    fn new(block: &InterfaceDescriptionBlock<'_>) -> Self {
        let mut interface = Interface {
            link_type: LinkType(u32::from(block.linktype)),
            snaplen: block.snaplen,
            resolution: Resolution::Decimal(6),
            offset: 0,
            dropped: 0,
        };
        for option in &block.options {
            match option {
                InterfaceDescriptionOption::IfTsResol(value) => {
                    let power = u32::from(value & 0x7f);
                    interface.resolution = if value & 0x80 == 0 {
                        Resolution::Decimal(power)
                    } else {
                        Resolution::Binary(power)
                    };
                }
                InterfaceDescriptionOption::IfTsOffset(seconds) => {
                    interface.offset = *seconds as i64;
                }
                _ => {}
            }
        }
        interface
    }

    fn time(&self, ticks: u64) -> Timestamp {
        let offset = self.offset.saturating_mul(1_000_000_000);
        Timestamp::from_nanos(self.resolution.nanos(ticks).saturating_add_signed(offset))
    }
}

/// Reads the packets of a pcapng file.
pub(super) struct NgReader<R: Read> {
    reader: PcapNgReader<R>,
    interfaces: Vec<Interface>,
    /// Packets that earlier sections say were dropped.
    dropped_before: u64,
    /// The time of the last packet: that of packets which carry none.
    last: Timestamp,
}

/// What a block meant.
enum Taken {
    Packet(RecordHeader),
    InterfaceAdded,
    Nothing,
}

impl<R: Read> NgReader<R> {
    pub(super) fn new(input: R) -> Result<Self, PcapError> {
        Ok(NgReader {
            reader: PcapNgReader::new(input)?,
            interfaces: Vec::new(),
            dropped_before: 0,
            last: Timestamp::default(),
        })
    }

    /// Packets that the capturing side says it lost.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped_before + self.interfaces.iter().map(|one| one.dropped).sum::<u64>()
    }

    /// Reads on to the next packet; its octets go to `octets`.
    pub(super) fn next_packet(
        &mut self,
        octets: &mut Vec<u8>,
    ) -> Result<Option<RecordHeader>, PcapError> {
        loop {
            match self.next_block(octets)? {
                None => return Ok(None),
                Some(Taken::Packet(header)) => {
                    self.last = header.time;
                    return Ok(Some(header));
                }
                Some(Taken::InterfaceAdded) => {
                    if self.interfaces.len() >= INTERFACES_MAX {
                        return Err(PcapError::InvalidField("more than 65536 interfaces"));
                    }
                    let added = self.reader.interfaces().last().map(Interface::new);
                    self.interfaces.extend(added);
                }
                Some(Taken::Nothing) => {}
            }
        }
    }

    fn next_block(&mut self, octets: &mut Vec<u8>) -> Result<Option<Taken>, PcapError> {
        let endianness = self.reader.section().endianness;
        let Some(block) = self.reader.next_raw_block().transpose()? else {
            return Ok(None);
        };
        let body = Fields {
            octets: &block.body,
            endianness,
        };
        let taken = match block.type_ {
            SECTION_HEADER => {
                let dropped = self
                    .interfaces
                    .drain(..)
                    .map(|one| one.dropped)
                    .sum::<u64>();
                self.dropped_before += dropped;
                Taken::Nothing
            }
            INTERFACE_DESCRIPTION => Taken::InterfaceAdded,
            ENHANCED_PACKET => enhanced(&body, &self.interfaces, octets)?,
            OBSOLETE_PACKET => obsolete(&body, &self.interfaces, octets)?,
            SIMPLE_PACKET => simple(&body, &self.interfaces, self.last, octets)?,
            INTERFACE_STATISTICS => {
                statistics(&body, &mut self.interfaces);
                Taken::Nothing
            }
            _ => Taken::Nothing,
        };
        Ok(Some(taken))
    }
}

/// The fields of a block's body.
struct Fields<'a> {
    octets: &'a [u8],
    endianness: Endianness,
}

impl Fields<'_> {
    fn u16(&self, at: usize) -> Option<u16> {
        let field = self.octets.get(at..at + 2)?.try_into().ok()?;
        Some(match self.endianness {
            Endianness::Big => u16::from_be_bytes(field),
            Endianness::Little => u16::from_le_bytes(field),
        })
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let field = self.octets.get(at..at + 4)?.try_into().ok()?;
        Some(match self.endianness {
            Endianness::Big => u32::from_be_bytes(field),
            Endianness::Little => u32::from_le_bytes(field),
        })
    }

    fn u64(&self, at: usize) -> Option<u64> {
        let field = self.octets.get(at..at + 8)?.try_into().ok()?;
        Some(match self.endianness {
            Endianness::Big => u64::from_be_bytes(field),
            Endianness::Little => u64::from_le_bytes(field),
        })
    }
}

const SHORT: PcapError = PcapError::InvalidField("a packet block is too short");
const NO_INTERFACE: PcapError = PcapError::InvalidField("a packet of an interface not described");

/// Enhanced packet block: interface, time (high, low), captured length, length, octets.
fn enhanced(
    body: &Fields<'_>,
    interfaces: &[Interface],
    octets: &mut Vec<u8>,
) -> Result<Taken, PcapError> {
    packet(body, body.u32(0).ok_or(SHORT)?, interfaces, octets)
}

/// Packet block: as the enhanced one, with 16 bits each of interface and drops.
fn obsolete(
    body: &Fields<'_>,
    interfaces: &[Interface],
    octets: &mut Vec<u8>,
) -> Result<Taken, PcapError> {
    packet(
        body,
        u32::from(body.u16(0).ok_or(SHORT)?),
        interfaces,
        octets,
    )
}

fn packet(
    body: &Fields<'_>,
    interface: u32,
    interfaces: &[Interface],
    octets: &mut Vec<u8>,
) -> Result<Taken, PcapError> {
    let described = interfaces.get(interface as usize).ok_or(NO_INTERFACE)?;
    let high = u64::from(body.u32(4).ok_or(SHORT)?);
    let low = u64::from(body.u32(8).ok_or(SHORT)?);
    let captured_len = body.u32(12).ok_or(SHORT)? as usize;
    let wire_len = body.u32(16).ok_or(SHORT)? as usize;
    let captured = body.octets[20..].get(..captured_len).ok_or(SHORT)?;
    octets.clear();
    octets.extend_from_slice(captured);
    Ok(Taken::Packet(RecordHeader {
        time: described.time(high << 32 | low),
        interface,
        link_type: described.link_type,
        wire_len,
    }))
}

/// Simple packet block: length, octets; of the first interface, without a time.
fn simple(
    body: &Fields<'_>,
    interfaces: &[Interface],
    last: Timestamp,
    octets: &mut Vec<u8>,
) -> Result<Taken, PcapError> {
    let described = interfaces.first().ok_or(NO_INTERFACE)?;
    let wire_len = body.u32(0).ok_or(SHORT)? as usize;
    let kept = match described.snaplen {
        0 => wire_len,
        snaplen => wire_len.min(snaplen as usize),
    };
    let captured = body.octets[4..].get(..kept).ok_or(SHORT)?;
    octets.clear();
    octets.extend_from_slice(captured);
    Ok(Taken::Packet(RecordHeader {
        time: last,
        interface: 0,
        link_type: described.link_type,
        wire_len,
    }))
}

/// Interface statistics block: interface, time, options. Its counts are those since the capture began.
fn statistics(body: &Fields<'_>, interfaces: &mut [Interface]) {
    let interface = body
        .u32(0)
        .and_then(|interface| interfaces.get_mut(interface as usize));
    let Some(interface) = interface else {
        return;
    };
    let mut dropped = 0_u64;
    let mut at = 12;
    while let (Some(code), Some(len)) = (body.u16(at), body.u16(at + 2)) {
        if DROP_COUNTS.contains(&code) && len == 8 {
            dropped = dropped.saturating_add(body.u64(at + 4).unwrap_or(0));
        }
        at += 4 + usize::from(len).next_multiple_of(4);
    }
    interface.dropped = dropped;
}
