//! IPv4 and IPv6 on arrival.

use core::net::{IpAddr, Ipv6Addr};

use smoltcp::wire::{IpProtocol, Ipv4Packet, Ipv6Packet};
use tcp_ha_engine::Instant;

use super::{Arrival, DropReason, Host, Inbound, extension};
use crate::frame::Frames;

/// What an IPv6 header and the link header before it say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ipv6Arrival {
    pub(super) src: Ipv6Addr,
    pub(super) dst: Ipv6Addr,
    pub(super) hop_limit: u8,
    pub(super) link: Arrival,
}

impl Host {
    pub(super) fn handle_ipv4<'f>(
        &mut self,
        packet: &'f [u8],
        arrival: Arrival,
        out: &mut Frames,
    ) -> Result<Inbound<'f>, DropReason> {
        if packet.first().is_some_and(|octet| octet >> 4 != 4) {
            return Err(DropReason::MalformedIp);
        }
        let packet = Ipv4Packet::new_checked(packet).map_err(|_| DropReason::Truncated)?;
        if !packet.verify_checksum() {
            return Err(DropReason::BadIpChecksum);
        }
        let (src, dst) = (packet.src_addr(), packet.dst_addr());
        if !self.routes.is_own(IpAddr::V4(dst)) {
            return Err(DropReason::NotOurAddress);
        }
        self.check_source(IpAddr::V4(src))?;
        if arrival.group {
            return Err(DropReason::LinkBroadcast);
        }
        if packet.more_frags() || packet.frag_offset() != 0 {
            return Err(DropReason::IpFragment);
        }
        match packet.next_header() {
            IpProtocol::Tcp => {
                self.counters.segments_in += 1;
                Ok(Inbound::Segment {
                    src: IpAddr::V4(src),
                    dst: IpAddr::V4(dst),
                    hop_limit: packet.hop_limit(),
                    segment: packet.payload(),
                })
            }
            IpProtocol::Icmp => self.handle_icmpv4((src, dst), packet.payload(), arrival, out),
            _ => Err(DropReason::UnknownProtocol),
        }
    }

    pub(super) fn handle_ipv6<'f>(
        &mut self,
        now: Instant,
        packet: &'f [u8],
        arrival: Arrival,
        out: &mut Frames,
    ) -> Result<Inbound<'f>, DropReason> {
        if packet.first().is_some_and(|octet| octet >> 4 != 6) {
            return Err(DropReason::MalformedIp);
        }
        let packet = Ipv6Packet::new_checked(packet).map_err(|_| DropReason::Truncated)?;
        let ip = Ipv6Arrival {
            src: packet.src_addr(),
            dst: packet.dst_addr(),
            hop_limit: packet.hop_limit(),
            link: arrival,
        };
        if !self.routes.is_own(IpAddr::V6(ip.dst)) && !self.routes.hears_group(ip.dst) {
            return Err(DropReason::NotOurAddress);
        }
        if ip.src.is_multicast() || ip.src.is_loopback() {
            return Err(DropReason::BadSource);
        }
        let (protocol, payload) = extension::upper_layer(packet.next_header(), packet.payload())?;
        match protocol {
            IpProtocol::Tcp => {
                self.check_unicast_v6(&ip)?;
                self.counters.segments_in += 1;
                Ok(Inbound::Segment {
                    src: IpAddr::V6(ip.src),
                    dst: IpAddr::V6(ip.dst),
                    hop_limit: ip.hop_limit,
                    segment: payload,
                })
            }
            IpProtocol::Icmpv6 => self.handle_icmpv6(now, &ip, payload, out),
            _ => Err(DropReason::UnknownProtocol),
        }
    }

    /// For everything but neighbour discovery: from one other host to one address of ours.
    pub(super) fn check_unicast_v6(&self, ip: &Ipv6Arrival) -> Result<(), DropReason> {
        if !self.routes.is_own(IpAddr::V6(ip.dst)) {
            return Err(DropReason::NotOurAddress);
        }
        self.check_source(IpAddr::V6(ip.src))?;
        if ip.link.group {
            return Err(DropReason::LinkBroadcast);
        }
        Ok(())
    }

    fn check_source(&self, src: IpAddr) -> Result<(), DropReason> {
        if self.routes.is_own(src) {
            Err(DropReason::OwnSource)
        } else if self.routes.is_foreign_station(src) {
            Ok(())
        } else {
            Err(DropReason::BadSource)
        }
    }
}
