//! What is asked of peers, and whether they meet it.

use super::Engine;
use crate::auth::signer::blank;
use crate::auth::{PeerKeys, SecurityTable, sign_stateless, verify_stateless};
use crate::counters::DropReason;
use crate::effects::{Effects, Envelope};
use crate::four_tuple::FourTuple;
use crate::ids::ConnectionId;
use crate::options::Options;
use crate::segment::{self, Flags, Header, Segment};
use crate::state::State;
use std::net::IpAddr;

/// What the IP header of an arrived segment said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Arrival {
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// TTL or hop limit. Unknown is less than whatever is asked for.
    pub hop_limit: Option<u8>,
    /// The device vouches for the octets: the TCP checksum is not looked at.
    pub is_vouched: bool,
}

impl Arrival {
    /// Addresses alone.
    pub fn new(src: IpAddr, dst: IpAddr) -> Arrival {
        Arrival {
            src,
            dst,
            hop_limit: None,
            is_vouched: false,
        }
    }

    /// The same with its TTL or hop limit.
    pub fn with_hop_limit(self, hop_limit: u8) -> Arrival {
        Arrival {
            hop_limit: Some(hop_limit),
            ..self
        }
    }

    /// The same with the device's word for its octets: a checksum that was left to the
    /// device, or that the device has verified.
    pub fn with_vouched(self, is_vouched: bool) -> Arrival {
        Arrival { is_vouched, ..self }
    }
}

impl Engine {
    /// What is asked of peers.
    pub fn security(&self) -> &SecurityTable {
        &self.security
    }

    /// Asks this of peers from now on. New connections follow it as it is; those that are
    /// open keep on signing, or not signing, in the way they began with, and get their keys
    /// anew: an MD5 key is replaced at once, TCP-AO asks the peer for the preferred key. A
    /// connection whose key is taken away falls silent.
    pub fn set_security(&mut self, table: SecurityTable) {
        self.security = table;
        for (&id, connection) in &mut self.connections {
            if connection.rekey(&self.security) && !connection.dirty {
                connection.dirty = true;
                self.dirty.push(id);
            }
        }
    }

    /// True where the connection has the keys that it signs with, or does not sign.
    pub fn has_keys(&self, id: ConnectionId) -> bool {
        self.connections
            .get(&id)
            .is_some_and(|connection| !connection.signer.is_missing())
    }

    /// Whether a segment may be looked at.
    pub(super) fn authenticate(
        &mut self,
        tuple: &FourTuple,
        id: Option<ConnectionId>,
        arrival: Arrival,
        segment: &Segment<'_>,
        octets: &[u8],
    ) -> Result<(), DropReason> {
        if let Some(connection) = id.and_then(|id| self.connections.get_mut(&id)) {
            let flags = segment.header.flags;
            let reopens = connection.state() == State::TimeWait
                && flags.has(Flags::SYN)
                && !flags.has(Flags::ACK);
            if !reopens {
                return connection.authenticate(arrival.hop_limit, segment, octets);
            }
        }
        let listener = self.demux.listener_for(tuple.local);
        let listener = listener.and_then(|id| self.demux.listener(id));
        let least = listener.map_or(0, |listener| listener.options.min_hop_limit);
        let security = self.security.peer(tuple.remote.ip());
        let asked = security.map_or(0, |security| security.min_hop_limit());
        if arrival.hop_limit.unwrap_or(0) < least.max(asked) {
            return Err(DropReason::HopLimit);
        }
        let keys = security.map_or(&PeerKeys::None, |security| &security.keys);
        verify_stateless(keys, tuple, segment, octets)
    }

    /// Sends a segment that belongs to no connection, signed as the peer's keys ask. False
    /// where it cannot be signed: then nothing is sent.
    pub(crate) fn emit_stateless(
        &mut self,
        tuple: &FourTuple,
        mut envelope: Envelope,
        header: &Header,
        mut options: Options,
        fx: &mut Effects,
    ) -> bool {
        let security = self.security.peer(tuple.remote.ip());
        let keys = security.map_or(&PeerKeys::None, |security| &security.keys);
        if security.is_some_and(|security| security.min_hop_limit() > 0) {
            envelope.hop_limit = u8::MAX;
        }
        let Some((signing, sign)) = sign_stateless(keys, tuple) else {
            return false;
        };
        options.signature = blank(&signing);
        let (src, dst) = (envelope.src, envelope.dst);
        fx.push_segment(None, envelope, false, |out| {
            segment::emit_signed(out, src, dst, header, &options, (&[], &[]), sign);
        });
        self.counters.segments_out += 1;
        true
    }
}
