//! Neighbour discovery (RFC 4861), without routers.

use core::net::{IpAddr, Ipv6Addr};

use smoltcp::wire::{
    IPV6_LINK_LOCAL_ALL_NODES, Icmpv6Packet, NdiscNeighborFlags, NdiscRepr, RawHardwareAddress,
};
use tcp_ha_engine::Instant;

use super::emit::{NDISC_HOP_LIMIT, Ndisc};
use super::ip::Ipv6Arrival;
use super::neighbour::Evidence;
use super::{DropReason, Host, Inbound};
use crate::address::LinkAddress;
use crate::frame::Frames;

impl Host {
    /// Takes a neighbour solicitation or advertisement whose checksum is right.
    pub(super) fn handle_ndisc<'f>(
        &mut self,
        now: Instant,
        ip: &Ipv6Arrival,
        message: &[u8],
        out: &mut Frames,
    ) -> Result<Inbound<'f>, DropReason> {
        if ip.hop_limit != NDISC_HOP_LIMIT {
            return Err(DropReason::NdiscHopLimit);
        }
        let packet = Icmpv6Packet::new_checked(message).map_err(|_| DropReason::Truncated)?;
        if packet.msg_code() != 0 || packet.target_addr().is_multicast() {
            return Err(DropReason::MalformedNdisc);
        }
        if self.routes.is_own(IpAddr::V6(ip.src)) {
            return Ok(Inbound::ForeignAnnouncement {
                address: IpAddr::V6(ip.src),
            });
        }
        match NdiscRepr::parse(&packet).map_err(|_| DropReason::MalformedNdisc)? {
            NdiscRepr::NeighborSolicit {
                target_addr,
                lladdr,
            } => {
                let mac = link_address(lladdr)?;
                self.handle_neighbor_solicit(now, ip, target_addr, mac, out)
            }
            NdiscRepr::NeighborAdvert {
                flags,
                target_addr,
                lladdr,
            } => {
                let mac = link_address(lladdr)?;
                self.handle_neighbor_advert(now, ip, target_addr, (flags, mac), out)
            }
            _ => Err(DropReason::UnsupportedIcmp),
        }
    }

    fn handle_neighbor_solicit<'f>(
        &mut self,
        now: Instant,
        ip: &Ipv6Arrival,
        target: Ipv6Addr,
        mac: Option<LinkAddress>,
        out: &mut Frames,
    ) -> Result<Inbound<'f>, DropReason> {
        let detection = ip.src.is_unspecified();
        // RFC 4861 7.1.1: duplicate address detection goes to the solicited-node group, without a link address.
        if detection && (!ip.dst.is_multicast() || mac.is_some()) {
            return Err(DropReason::MalformedNdisc);
        }
        if !self.routes.is_own(IpAddr::V6(target)) {
            return Err(DropReason::NdiscNotOurs);
        }
        let mut flags = NdiscNeighborFlags::OVERRIDE;
        let (dst, dst_mac) = if detection {
            (
                IPV6_LINK_LOCAL_ALL_NODES,
                LinkAddress::of_ipv6_multicast(IPV6_LINK_LOCAL_ALL_NODES),
            )
        } else {
            flags |= NdiscNeighborFlags::SOLICITED;
            let src = IpAddr::V6(ip.src);
            if mac.is_some() && self.routes.is_on_link(src) {
                // A full table is counted there, and the asker is answered all the same.
                let _ = self.observe(now, src, mac, Evidence::Request, out);
            }
            (ip.src, mac.unwrap_or(ip.link.mac))
        };
        let answer = Ndisc {
            src: target,
            dst,
            target,
            flags: Some(flags),
        };
        let own = self.config.mac;
        out.push(|buf| answer.write(buf, own, dst_mac));
        self.counters.ndisc_answered += 1;
        Ok(Inbound::Handled)
    }

    fn handle_neighbor_advert<'f>(
        &mut self,
        now: Instant,
        ip: &Ipv6Arrival,
        target: Ipv6Addr,
        (flags, mac): (NdiscNeighborFlags, Option<LinkAddress>),
        out: &mut Frames,
    ) -> Result<Inbound<'f>, DropReason> {
        let solicited = flags.contains(NdiscNeighborFlags::SOLICITED);
        // RFC 4861 7.1.2.
        if solicited && ip.dst.is_multicast() || ip.src.is_unspecified() {
            return Err(DropReason::MalformedNdisc);
        }
        let target = IpAddr::V6(target);
        if self.routes.is_own(target) {
            return Ok(Inbound::ForeignAnnouncement { address: target });
        }
        let overriding = flags.contains(NdiscNeighborFlags::OVERRIDE);
        let evidence = if solicited {
            Evidence::Answer { overriding }
        } else {
            Evidence::Announcement { overriding }
        };
        self.observe(now, target, mac, evidence, out)
            .then_some(Inbound::Handled)
            .ok_or(DropReason::NdiscUnsolicited)
    }

    /// Asks for `target`: at `mac`, or its solicited-node group.
    pub(super) fn solicit_ndisc(
        &mut self,
        src: Ipv6Addr,
        target: Ipv6Addr,
        mac: Option<LinkAddress>,
        out: &mut Frames,
    ) {
        let group = solicited_node(target);
        let (dst, dst_mac) = match mac {
            Some(mac) => (target, mac),
            None => (group, LinkAddress::of_ipv6_multicast(group)),
        };
        let question = Ndisc {
            src,
            dst,
            target,
            flags: None,
        };
        let own = self.config.mac;
        out.push(|buf| question.write(buf, own, dst_mac));
    }

    /// Unsolicited advertisement with the override flag (RFC 4861 7.2.6).
    pub(super) fn announce_ndisc(&mut self, own: Ipv6Addr, out: &mut Frames) {
        let announcement = Ndisc {
            src: own,
            dst: IPV6_LINK_LOCAL_ALL_NODES,
            target: own,
            flags: Some(NdiscNeighborFlags::OVERRIDE),
        };
        let mac = self.config.mac;
        let group = LinkAddress::of_ipv6_multicast(IPV6_LINK_LOCAL_ALL_NODES);
        out.push(|buf| announcement.write(buf, mac, group));
        self.counters.announcements_sent += 1;
    }
}

/// The link address in an option. One that nobody can own makes the message malformed.
fn link_address(option: Option<RawHardwareAddress>) -> Result<Option<LinkAddress>, DropReason> {
    let Some(raw) = option else {
        return Ok(None);
    };
    let octets = raw.as_bytes().try_into();
    let mac = LinkAddress(octets.map_err(|_| DropReason::MalformedNdisc)?);
    if mac.is_unicast() {
        Ok(Some(mac))
    } else {
        Err(DropReason::MalformedNdisc)
    }
}

/// The group in which a host listens for solicitations of `address` (RFC 4291 2.7.1).
fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = address.octets();
    Ipv6Addr::from_octets([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a, b, c])
}
