//! The way out: next hop, link address, and what waits for one.

use core::net::IpAddr;

use bytes::Bytes;
use smoltcp::wire::IpProtocol;
use tcp_ha_engine::{HEADROOM, Instant, SegmentBuffer, SegmentOut};

use super::emit::{self, IpHeader};
use super::neighbour::{Due, Evicted, Evidence, Learned, Packet, Resolution};
use super::{DropReason, Host};
use crate::address::LinkAddress;
use crate::frame::{Frames, Medium};

/// Where a TCP header says in its upper half how many words it has.
const DATA_OFFSET: usize = 12;

/// A segment behind the headroom.
struct Segment {
    buffer: Vec<u8>,
    /// What stands behind it.
    text: Vec<Bytes>,
    leaves: bool,
    cut: Option<u16>,
}

impl Segment {
    /// Octets of all of it.
    fn len(&self) -> usize {
        self.buffer.len() - HEADROOM + self.text.iter().map(Bytes::len).sum::<usize>()
    }

    /// Octets of the longest segment that it stands for, header included.
    fn longest(&self) -> usize {
        let octets = &self.buffer[HEADROOM..];
        match (self.cut, octets.get(DATA_OFFSET)) {
            (Some(text), Some(offset)) => usize::from(offset >> 4) * 4 + usize::from(text),
            _ => octets.len(),
        }
    }
}

impl Host {
    /// Sends the TCP segment `segment` (header, checksum and all) from our address `src` to `dst`.
    ///
    /// `dscp` are the six bits of the codepoint. The packet has DF set. If the next hop's link address is not known, the packet
    /// waits, and the neighbour is asked once a second, three times. What cannot be sent is counted and forgotten: TCP sends again.
    #[allow(clippy::too_many_arguments)]
    pub fn send_segment(
        &mut self,
        now: Instant,
        src: IpAddr,
        dst: IpAddr,
        dscp: u8,
        hop_limit: u8,
        segment: &[u8],
        out: &mut Frames,
    ) {
        let header = IpHeader {
            src,
            dst,
            protocol: IpProtocol::Tcp,
            dscp,
            hop_limit,
        };
        let mut buffer = out.spare_buffer();
        buffer.resize(HEADROOM, 0);
        buffer.extend_from_slice(segment);
        let text = Segment {
            buffer,
            text: Vec::new(),
            leaves: false,
            cut: None,
        };
        self.send(now, header, text, out);
    }

    /// The same for a segment with room before it, which becomes the frame without a copy.
    pub fn send_built(&mut self, now: Instant, segment: SegmentBuffer, out: &mut Frames) {
        let (leaves, cut) = (segment.leaves_checksum(), segment.cut());
        let SegmentOut {
            src,
            dst,
            dscp,
            hop_limit,
            ..
        } = segment.segment();
        let header = IpHeader {
            src,
            dst,
            protocol: IpProtocol::Tcp,
            dscp,
            hop_limit,
        };
        let (buffer, text) = segment.into_octets();
        let segment = Segment {
            buffer,
            text,
            leaves,
            cut,
        };
        self.send(now, header, segment, out);
    }

    fn send(&mut self, now: Instant, header: IpHeader, segment: Segment, out: &mut Frames) {
        match self.try_send(now, header, segment, out) {
            Ok(()) => self.counters.segments_out += 1,
            Err(reason) => {
                self.counters.drop(reason);
                let IpHeader { src, dst, .. } = header;
                tracing::trace!(%src, %dst, %reason, "segment dropped");
            }
        }
    }

    fn try_send(
        &mut self,
        now: Instant,
        header: IpHeader,
        segment: Segment,
        out: &mut Frames,
    ) -> Result<(), DropReason> {
        let (segment_len, longest) = (segment.len(), segment.longest());
        let Segment {
            mut buffer,
            text,
            leaves,
            cut,
        } = segment;
        if header.src.is_ipv4() != header.dst.is_ipv4() || !self.routes.is_own(header.src) {
            return Err(DropReason::NoRoute);
        }
        let fits = header.len() + longest <= usize::from(self.config.mtu)
            && header.len() + segment_len <= usize::from(u16::MAX);
        if !fits {
            return Err(DropReason::TooLong);
        }
        let ip = HEADROOM - header.len();
        header.emit(&mut buffer[ip..HEADROOM], segment_len);
        let start = ip - self.config.medium.header_len();
        let left = leaves.then_some(HEADROOM - start);
        if self.config.medium == Medium::Ip {
            if !self.routes.is_foreign_station(header.dst) {
                return Err(DropReason::NoRoute);
            }
            out.push_built(Packet {
                buffer,
                start,
                left,
                cut,
                text,
            });
            return Ok(());
        }
        let next_hop = self
            .routes
            .next_hop(header.dst)
            .ok_or(DropReason::NoRoute)?;
        let (resolution, evicted) = self.neighbours.resolve(now, next_hop);
        self.count_evicted(evicted);
        let mac = match resolution {
            Resolution::Known(mac) => mac,
            Resolution::Full => return Err(DropReason::NeighbourTableFull),
            Resolution::Ask | Resolution::Wait => LinkAddress::UNSPECIFIED,
        };
        let (link, own) = (&mut buffer[start..ip], self.config.mac);
        emit::emit_ethernet(link, mac, own, emit::ethertype(header.dst));
        let packet = Packet {
            buffer,
            start,
            left,
            cut,
            text,
        };
        match resolution {
            Resolution::Known(_) => {
                out.push_built(packet);
                return Ok(());
            }
            Resolution::Ask => self.solicit(next_hop, None, out),
            _ => {}
        }
        let dropped = self.neighbours.queue(next_hop, packet);
        self.counters
            .drop_many(DropReason::PendingOverflow, dropped as u64);
        Ok(())
    }

    /// Does what is due: asks again for neighbours, gives up on those that do not answer.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut Frames) {
        while let Some(due) = self.neighbours.due(now) {
            match due {
                Due::Solicit { address, mac } => {
                    self.flush(address, out);
                    self.solicit(address, mac, out);
                }
                Due::Unreachable { address, dropped } => {
                    self.routes.give_up(address);
                    self.counters
                        .drop_many(DropReason::NeighbourUnreachable, dropped as u64);
                    tracing::debug!(%address, dropped, "neighbour does not answer");
                }
            }
        }
    }

    /// Feeds the neighbour table with what somebody said, and sends what waited for it. False if nobody wanted to know.
    pub(super) fn observe(
        &mut self,
        now: Instant,
        address: IpAddr,
        mac: Option<LinkAddress>,
        evidence: Evidence,
        out: &mut Frames,
    ) -> bool {
        let (learned, evicted) = self.neighbours.take_evidence(now, address, mac, evidence);
        self.count_evicted(evicted);
        match learned {
            Learned::Taken { changed } => {
                if changed {
                    self.counters.neighbours_learned += 1;
                }
                self.flush(address, out);
                true
            }
            Learned::Unsolicited => false,
            Learned::Full => {
                self.counters.drop(DropReason::NeighbourTableFull);
                true
            }
        }
    }

    /// Sends the packets that waited for `address`, if it is resolved.
    fn flush(&mut self, address: IpAddr, out: &mut Frames) {
        let Some((mac, pending)) = self.neighbours.take_pending(address) else {
            return;
        };
        for mut packet in pending {
            emit::redirect(&mut packet.buffer[packet.start..], mac);
            out.push_built(packet);
        }
    }

    fn solicit(&mut self, address: IpAddr, mac: Option<LinkAddress>, out: &mut Frames) {
        match (self.routes.source_for(address), address) {
            (Some(IpAddr::V4(src)), IpAddr::V4(target)) => {
                self.solicit_arp(src, target, mac, out);
            }
            (Some(IpAddr::V6(src)), IpAddr::V6(target)) => {
                self.solicit_ndisc(src, target, mac, out);
            }
            // A neighbour of a family in which we have no address cannot come into the table but by `learn`.
            _ => return,
        }
        self.counters.solicitations_sent += 1;
    }

    pub(super) fn count_evicted(&mut self, evicted: Evicted) {
        self.counters.neighbours_evicted += evicted.neighbours as u64;
        self.counters
            .drop_many(DropReason::PendingOverflow, evicted.packets as u64);
    }
}
