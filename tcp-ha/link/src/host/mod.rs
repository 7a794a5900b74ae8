//! The host layer: everything between a device and TCP, pure.

mod arp;
mod config;
mod counters;
mod emit;
mod extension;
mod icmp;
mod inbound;
mod ip;
mod ndisc;
mod neighbour;
mod output;
mod route;
mod unreachable;

use core::net::IpAddr;

use smoltcp::wire::{EthernetFrame, EthernetProtocol};
use tcp_ha_engine::Instant;

pub use config::{HostConfig, HostError};
pub use counters::{Counters, DropReason};
pub use inbound::{Inbound, Unreachable, UnreachableCode};

use crate::address::LinkAddress;
use crate::frame::{Frames, Medium};
use neighbour::NeighbourTable;
use route::Routes;

/// One host on one segment: answers ARP, neighbour discovery and echo, finds link addresses, hands TCP segments up and takes
/// them down.
///
/// It has no clock and sends nothing: each call is given the time, and what is to be sent is appended to a [`Frames`]. Calls are
///
/// - *input*: [`Host::handle_frame`] with each frame that came; [`Host::handle_timeout`] when [`Host::next_timeout`] is reached;
/// - *use*: [`Host::send_segment`], [`Host::announce`], [`Host::learn`];
/// - *output*, after any of these: the frames, then [`Host::take_changed_neighbours`] for replication, then
///   [`Host::next_timeout`].
///
/// A host that must be silent (a standby) is simply given no frames; it only learns.
///
/// Everything is bounded by [`HostConfig`]. Nothing is defended: who announces one of our addresses is reported, not answered.
#[derive(Debug)]
pub struct Host {
    config: HostConfig,
    routes: Routes,
    neighbours: NeighbourTable,
    counters: Counters,
}

/// What the link header said.
#[derive(Clone, Copy, Debug)]
struct Arrival {
    /// Sender.
    mac: LinkAddress,
    /// Sent to a group address.
    group: bool,
}

impl Host {
    /// A host with an empty neighbour table.
    ///
    /// On Ethernet, a host with an IPv6 address has in addition the link-local one that follows from its link address.
    ///
    /// # Errors
    /// See [`HostError`].
    pub fn new(config: HostConfig) -> Result<Host, HostError> {
        config.check()?;
        Ok(Host {
            routes: Routes::new(&config),
            neighbours: NeighbourTable::new(config.max_neighbours, config.max_pending),
            counters: Counters::default(),
            config,
        })
    }

    /// Takes a frame in. Answers go into `out`.
    ///
    /// # Errors
    /// Why the frame was dropped; it is counted already. A bad frame is nobody's error but its sender's.
    pub fn handle_frame<'f>(
        &mut self,
        now: Instant,
        frame: &'f [u8],
        out: &mut Frames,
    ) -> Result<Inbound<'f>, DropReason> {
        self.counters.frames_in += 1;
        let result = match self.config.medium {
            Medium::Ethernet => self.handle_ethernet(now, frame, out),
            Medium::Ip => self.handle_bare_packet(now, frame, out),
        };
        match &result {
            Ok(Inbound::ForeignAnnouncement { address }) => {
                self.counters.foreign_announcements += 1;
                tracing::debug!(%address, "somebody else announces our address");
            }
            Ok(_) => {}
            Err(reason) => {
                self.counters.drop(*reason);
                tracing::trace!(%reason, len = frame.len(), "frame dropped");
            }
        }
        result
    }

    /// When [`Host::handle_timeout`] is to be called next.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        self.neighbours.next_deadline()
    }

    /// Announces every own address to the whole segment, so that switches and neighbours turn to us at once: gratuitous ARP in
    /// request and in reply form, unsolicited neighbour advertisement with the override flag. Repeat until the former owner is
    /// known to be silent.
    pub fn announce(&mut self, now: Instant, out: &mut Frames) {
        // Nothing waits for an announcement, so it has no deadline.
        let _ = now;
        if self.config.medium == Medium::Ip {
            return;
        }
        let own: Vec<IpAddr> = self.routes.own().collect();
        for address in own {
            match address {
                IpAddr::V4(v4) => self.announce_arp(v4, out),
                IpAddr::V6(v6) => self.announce_ndisc(v6, out),
            }
        }
    }

    /// The neighbours that packets go to and whose link address is known, by address: what the other route processor should
    /// know. Neighbours that only asked for us are not among them.
    pub fn neighbours(&self) -> impl Iterator<Item = (IpAddr, LinkAddress)> + '_ {
        self.neighbours.in_use()
    }

    /// Appends those of [`Host::neighbours`] that are new, or have a new link address, since the last call; by address, each once.
    pub fn take_changed_neighbours(&mut self, into: &mut Vec<(IpAddr, LinkAddress)>) {
        self.neighbours.take_changed(into);
    }

    /// Takes over a link address that the other route processor knows. It is used at once, and probed when it is first used.
    ///
    /// What is not a neighbour's (our own address, off the segment, a group) is ignored.
    pub fn learn(&mut self, now: Instant, address: IpAddr, mac: LinkAddress) {
        let plausible = mac.is_unicast()
            && self.routes.is_foreign_station(address)
            && self.routes.is_on_link(address);
        if self.config.medium == Medium::Ethernet && plausible {
            let evicted = self.neighbours.learn(now, address, mac);
            self.count_evicted(evicted);
        }
    }

    /// True if `address` is ours.
    #[must_use]
    pub fn is_own(&self, address: IpAddr) -> bool {
        self.routes.is_own(address)
    }

    /// What was counted since the start.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The description that the host was made with.
    #[must_use]
    pub fn config(&self) -> &HostConfig {
        &self.config
    }

    fn handle_ethernet<'f>(
        &mut self,
        now: Instant,
        frame: &'f [u8],
        out: &mut Frames,
    ) -> Result<Inbound<'f>, DropReason> {
        let frame = EthernetFrame::new_checked(frame).map_err(|_| DropReason::Truncated)?;
        let dst = LinkAddress(frame.dst_addr().0);
        let arrival = Arrival {
            mac: LinkAddress(frame.src_addr().0),
            group: dst.octets()[0] & 1 == 1,
        };
        if dst != self.config.mac && !arrival.group {
            return Err(DropReason::NotOurLinkAddress);
        }
        if !arrival.mac.is_unicast() {
            return Err(DropReason::BadLinkSource);
        }
        match frame.ethertype() {
            EthernetProtocol::Arp => self.handle_arp(now, frame.payload(), arrival, out),
            EthernetProtocol::Ipv4 => self.handle_ipv4(frame.payload(), arrival, out),
            EthernetProtocol::Ipv6 => self.handle_ipv6(now, frame.payload(), arrival, out),
            EthernetProtocol::Unknown(_) => Err(DropReason::UnknownEtherType),
        }
    }

    fn handle_bare_packet<'f>(
        &mut self,
        now: Instant,
        packet: &'f [u8],
        out: &mut Frames,
    ) -> Result<Inbound<'f>, DropReason> {
        let arrival = Arrival {
            mac: LinkAddress::UNSPECIFIED,
            group: false,
        };
        match packet.first().map(|octet| octet >> 4) {
            Some(4) => self.handle_ipv4(packet, arrival, out),
            Some(6) => self.handle_ipv6(now, packet, arrival, out),
            Some(_) => Err(DropReason::MalformedIp),
            None => Err(DropReason::Truncated),
        }
    }
}

#[cfg(test)]
mod tests;
