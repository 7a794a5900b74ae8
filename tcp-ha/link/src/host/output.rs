//! The way out: next hop, link address, and what waits for one.

use core::net::IpAddr;

use smoltcp::wire::IpProtocol;
use tcp_ha_engine::Instant;

use super::emit::{self, IpHeader};
use super::neighbour::{Due, Evicted, Evidence, Learned, Resolution};
use super::{DropReason, Host};
use crate::address::LinkAddress;
use crate::frame::{Frames, Medium};

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
        match self.try_send(now, header, segment, out) {
            Ok(()) => self.counters.segments_out += 1,
            Err(reason) => {
                self.counters.drop(reason);
                tracing::trace!(%src, %dst, %reason, "segment dropped");
            }
        }
    }

    fn try_send(
        &mut self,
        now: Instant,
        header: IpHeader,
        payload: &[u8],
        out: &mut Frames,
    ) -> Result<(), DropReason> {
        if header.src.is_ipv4() != header.dst.is_ipv4() || !self.routes.is_own(header.src) {
            return Err(DropReason::NoRoute);
        }
        if header.len() + payload.len() > usize::from(self.config.mtu) {
            return Err(DropReason::TooLong);
        }
        let own = self.config.mac;
        let write = |buf: &mut Vec<u8>, link: Option<LinkAddress>| {
            if let Some(dst) = link {
                emit::ethernet(buf, dst, own, emit::ethertype(header.dst));
            }
            header.write(buf, payload.len());
            buf.extend_from_slice(payload);
        };
        if self.config.medium == Medium::Ip {
            if !self.routes.is_foreign_station(header.dst) {
                return Err(DropReason::NoRoute);
            }
            out.push(|buf| write(buf, None));
            return Ok(());
        }
        let next_hop = self
            .routes
            .next_hop(header.dst)
            .ok_or(DropReason::NoRoute)?;
        let (resolution, evicted) = self.neighbours.resolve(now, next_hop);
        self.count_evicted(evicted);
        match resolution {
            Resolution::Known(mac) => {
                out.push(|buf| write(buf, Some(mac)));
                return Ok(());
            }
            Resolution::Full => return Err(DropReason::NeighbourTableFull),
            Resolution::Ask => self.solicit(next_hop, None, out),
            Resolution::Wait => {}
        }
        let mut packet = Vec::new();
        write(&mut packet, Some(LinkAddress::UNSPECIFIED));
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
            emit::redirect(&mut packet, mac);
            out.push(|buf| buf.extend_from_slice(&packet));
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
