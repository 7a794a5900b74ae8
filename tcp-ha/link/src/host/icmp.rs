//! ICMP and ICMPv6: echo, and errors about our segments.

use core::net::Ipv4Addr;

use smoltcp::wire::{
    EthernetProtocol, Icmpv4Message, Icmpv4Packet, Icmpv4Repr, Icmpv6Message, Icmpv6Packet,
    Icmpv6Repr,
};
use tcp_ha_engine::Instant;

use super::ip::Ipv6Arrival;
use super::{Arrival, DropReason, Host, Inbound, emit, unreachable};
use crate::frame::{Frames, Medium};

impl Host {
    /// Takes an ICMP message that came from `src` for our address `dst`.
    pub(super) fn handle_icmpv4<'f>(
        &mut self,
        (src, dst): (Ipv4Addr, Ipv4Addr),
        message: &[u8],
        arrival: Arrival,
        out: &mut Frames,
    ) -> Result<Inbound<'f>, DropReason> {
        let packet = Icmpv4Packet::new_checked(message).map_err(|_| DropReason::Truncated)?;
        if !packet.verify_checksum() {
            return Err(DropReason::BadIcmpChecksum);
        }
        match (packet.msg_type(), packet.msg_code()) {
            (Icmpv4Message::EchoRequest, 0) => {
                let reply = Icmpv4Repr::EchoReply {
                    ident: packet.echo_ident(),
                    seq_no: packet.echo_seq_no(),
                    data: packet.data(),
                };
                self.check_echo_len(20 + reply.buffer_len())?;
                self.push_echo(EthernetProtocol::Ipv4, arrival, out, |buf| {
                    emit::icmpv4(buf, dst, src, &reply);
                });
                Ok(Inbound::Handled)
            }
            (Icmpv4Message::DstUnreachable | Icmpv4Message::TimeExceeded, _) => {
                let unreachable = unreachable::parse_v4(message)?;
                self.hand_up_unreachable(unreachable)
            }
            _ => Err(DropReason::UnsupportedIcmp),
        }
    }

    /// Takes an ICMPv6 message.
    pub(super) fn handle_icmpv6<'f>(
        &mut self,
        now: Instant,
        ip: &Ipv6Arrival,
        message: &[u8],
        out: &mut Frames,
    ) -> Result<Inbound<'f>, DropReason> {
        let packet = Icmpv6Packet::new_checked(message).map_err(|_| {
            let known = message
                .first()
                .is_some_and(|kind| matches!(kind, 1..=4 | 128..=137 | 143));
            if known {
                DropReason::Truncated
            } else {
                DropReason::UnsupportedIcmp
            }
        })?;
        if !packet.verify_checksum(&ip.src, &ip.dst) {
            return Err(DropReason::BadIcmpChecksum);
        }
        match (packet.msg_type(), packet.msg_code()) {
            (Icmpv6Message::NeighborSolicit | Icmpv6Message::NeighborAdvert, _)
                if self.config.medium == Medium::Ethernet =>
            {
                self.handle_ndisc(now, ip, message, out)
            }
            (Icmpv6Message::EchoRequest, 0) => {
                self.check_unicast_v6(ip)?;
                let reply = Icmpv6Repr::EchoReply {
                    ident: packet.echo_ident(),
                    seq_no: packet.echo_seq_no(),
                    data: packet.payload(),
                };
                self.check_echo_len(40 + reply.buffer_len())?;
                self.push_echo(EthernetProtocol::Ipv6, ip.link, out, |buf| {
                    emit::icmpv6(buf, ip.dst, ip.src, emit::HOP_LIMIT, &reply);
                });
                Ok(Inbound::Handled)
            }
            (
                Icmpv6Message::DstUnreachable
                | Icmpv6Message::PktTooBig
                | Icmpv6Message::TimeExceeded
                | Icmpv6Message::ParamProblem,
                _,
            ) => {
                self.check_unicast_v6(ip)?;
                let unreachable = unreachable::parse_v6(message)?;
                self.hand_up_unreachable(unreachable)
            }
            _ => Err(DropReason::UnsupportedIcmp),
        }
    }

    /// The answer goes back to the link address it came from: an echo makes no entry in the neighbour table, and so cannot fill it.
    fn push_echo(
        &mut self,
        content: EthernetProtocol,
        arrival: Arrival,
        out: &mut Frames,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        out.push(|buf| {
            if self.config.medium == Medium::Ethernet {
                emit::ethernet(buf, arrival.mac, self.config.mac, content);
            }
            write(buf);
        });
        self.counters.echo_answered += 1;
    }

    fn check_echo_len(&self, packet_len: usize) -> Result<(), DropReason> {
        if packet_len > usize::from(self.config.mtu) {
            return Err(DropReason::TooLong);
        }
        Ok(())
    }

    fn hand_up_unreachable<'f>(
        &mut self,
        unreachable: super::Unreachable,
    ) -> Result<Inbound<'f>, DropReason> {
        if !self.routes.is_own(unreachable.local.ip()) {
            return Err(DropReason::IcmpNotOurs);
        }
        self.counters.unreachable_in += 1;
        Ok(Inbound::Unreachable(unreachable))
    }
}
