//! ARP (RFC 826, RFC 5227 for what announcements mean).

use core::net::{IpAddr, Ipv4Addr};

use smoltcp::wire::{ArpOperation, ArpPacket, ArpRepr};
use tcp_ha_engine::Instant;

use super::emit::Arp;
use super::neighbour::Evidence;
use super::{Arrival, DropReason, Host, Inbound};
use crate::address::LinkAddress;
use crate::frame::Frames;

impl Host {
    pub(super) fn handle_arp<'f>(
        &mut self,
        now: Instant,
        packet: &[u8],
        arrival: Arrival,
        out: &mut Frames,
    ) -> Result<Inbound<'f>, DropReason> {
        let packet = ArpPacket::new_checked(packet).map_err(|_| DropReason::Truncated)?;
        let repr = ArpRepr::parse(&packet).map_err(|_| DropReason::MalformedArp)?;
        let ArpRepr::EthernetIpv4 {
            operation,
            source_hardware_addr,
            source_protocol_addr: sender,
            target_protocol_addr: target,
            ..
        } = repr
        else {
            return Err(DropReason::MalformedArp);
        };
        let mac = LinkAddress(source_hardware_addr.0);
        if !mac.is_unicast() {
            return Err(DropReason::MalformedArp);
        }
        if self.routes.is_own(IpAddr::V4(sender)) {
            return Ok(Inbound::ForeignAnnouncement {
                address: IpAddr::V4(sender),
            });
        }
        // RFC 5227 2.1.1: a probe asks before its sender has an address.
        let probe = sender.is_unspecified() && operation == ArpOperation::Request;
        if !probe && !self.routes.is_foreign_station(IpAddr::V4(sender)) {
            return Err(DropReason::MalformedArp);
        }
        match operation {
            ArpOperation::Request if self.routes.is_own(IpAddr::V4(target)) => {
                if !probe && self.routes.is_on_link(IpAddr::V4(sender)) {
                    // A full table is counted there, and the asker is answered all the same.
                    let _ = self.observe(now, sender.into(), Some(mac), Evidence::Request, out);
                }
                self.answer_arp((mac, sender), target, out);
                Ok(Inbound::Handled)
            }
            ArpOperation::Request | ArpOperation::Reply if sender == target => {
                let evidence = Evidence::Announcement { overriding: true };
                self.observe(now, sender.into(), Some(mac), evidence, out)
                    .then_some(Inbound::Handled)
                    .ok_or(DropReason::ArpUnsolicited)
            }
            ArpOperation::Reply if self.routes.is_own(IpAddr::V4(target)) => {
                let overriding = true;
                let evidence = if arrival.group {
                    Evidence::Announcement { overriding }
                } else {
                    Evidence::Answer { overriding }
                };
                self.observe(now, sender.into(), Some(mac), evidence, out)
                    .then_some(Inbound::Handled)
                    .ok_or(DropReason::ArpUnsolicited)
            }
            ArpOperation::Request | ArpOperation::Reply => Err(DropReason::ArpNotOurs),
            ArpOperation::Unknown(_) => Err(DropReason::MalformedArp),
        }
    }

    fn answer_arp(&mut self, asker: (LinkAddress, Ipv4Addr), own: Ipv4Addr, out: &mut Frames) {
        let answer = Arp {
            operation: ArpOperation::Reply,
            sender: (self.config.mac, own),
            target: asker,
        };
        out.push(|buf| answer.write(buf, asker.0));
        self.counters.arp_answered += 1;
    }

    /// Asks for `target`: at `mac`, or everybody.
    pub(super) fn solicit_arp(
        &mut self,
        src: Ipv4Addr,
        target: Ipv4Addr,
        mac: Option<LinkAddress>,
        out: &mut Frames,
    ) {
        let question = Arp {
            operation: ArpOperation::Request,
            sender: (self.config.mac, src),
            target: (LinkAddress::UNSPECIFIED, target),
        };
        out.push(|buf| question.write(buf, mac.unwrap_or(LinkAddress::BROADCAST)));
    }

    /// Gratuitous ARP in both forms, since some neighbours take only the one and some only the other.
    pub(super) fn announce_arp(&mut self, own: Ipv4Addr, out: &mut Frames) {
        let mac = self.config.mac;
        for (operation, target) in [
            (ArpOperation::Request, LinkAddress::UNSPECIFIED),
            (ArpOperation::Reply, mac),
        ] {
            let announcement = Arp {
                operation,
                sender: (mac, own),
                target: (target, own),
            };
            out.push(|buf| announcement.write(buf, LinkAddress::BROADCAST));
            self.counters.announcements_sent += 1;
        }
    }
}
