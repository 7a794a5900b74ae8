//! A connection and its machine.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;

use super::{Counters, Opener};
use crate::attributes::Attributes;
use crate::fsm::State;
use crate::message::{DecodeContext, Open};
use crate::prefix::{Families, Prefix};
use crate::rib::{PeerIndex, Swept};
use crate::time::Instant;

/// HoldTimer before the peer's OPEN (RFC 4271 8.2.2 suggests 4 minutes).
pub(crate) const HOLD_TIME_OPENING: Duration = Duration::from_secs(240);

/// How long a closing connection may take to write its last messages before it is reset.
pub(crate) const CLOSE_TIME: Duration = Duration::from_secs(10);

/// What the two OPENs agree on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Negotiated {
    /// The smaller Hold Time; zero for none.
    pub(crate) hold_time: Duration,
    pub(crate) four_octet_as: bool,
    pub(crate) families: Families,
    pub(crate) identifier: Ipv4Addr,
}

impl Negotiated {
    pub(crate) fn new(own: &Open, peer: &Open) -> Self {
        Self {
            hold_time: Duration::from_secs(own.hold_time.min(peer.hold_time).into()),
            four_octet_as: own.four_octet_as && peer.four_octet_as,
            families: own.families.intersection(peer.families),
            identifier: peer.identifier,
        }
    }

    /// A third of the Hold Time (RFC 4271 10); none when there is none.
    pub(crate) fn keepalive_time(&self) -> Option<Duration> {
        (!self.hold_time.is_zero()).then(|| self.hold_time / 3)
    }
}

/// What a replica takes over when a dump is whole.
#[derive(Debug)]
pub(crate) struct Loading {
    /// How far the live speaker's walk had come.
    pub(crate) swept: Swept,
    pub(crate) counters: Counters,
    /// What the live speaker has told the peer.
    pub(crate) told: Vec<(Prefix, Attributes)>,
}

/// One connection to a peer.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) peer: PeerIndex,
    pub(crate) opener: Opener,
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    /// The peer's AS is another.
    pub(crate) external: bool,
    pub(crate) state: State,
    /// What the peer's OPEN said.
    pub(crate) peer_open: Option<Open>,
    pub(crate) negotiated: Option<Negotiated>,
    /// Octets received and not yet a whole message; less than one message.
    pub(crate) inbound: Vec<u8>,
    /// Octets received as whole messages and dealt with.
    pub(crate) inbound_total: u64,
    /// Replica: octets sent by the live speaker and not yet a whole message.
    pub(crate) outbound: Vec<u8>,
    /// Octets pulled, or on a replica: sent.
    pub(crate) outbound_total: u64,
    /// Messages that go before UPDATEs: bounded, as the machine queues at most one of a kind.
    pub(crate) control: VecDeque<Bytes>,
    /// The caller knows that there is something to send.
    pub(crate) send_announced: bool,
    /// The machine is done; the connection closes when `control` is written.
    pub(crate) closing: bool,
    /// Replica: a dump is coming in, and this is how it ends.
    pub(crate) loading: Option<Loading>,
    /// Replica: octets are missing; the connection cannot be taken over.
    pub(crate) broken: bool,
    /// The last prefix that an audit has covered; none where the next begins at the tables' first.
    pub(crate) audited_upto: Option<Prefix>,
    /// The caller has no connection any more.
    pub(crate) gone: bool,
    pub(crate) hold_at: Option<Instant>,
    pub(crate) keepalive_at: Option<Instant>,
    /// When a connection that is closing is reset.
    pub(crate) close_at: Option<Instant>,
}

impl Session {
    pub(crate) fn new(
        peer: PeerIndex,
        external: bool,
        opener: Opener,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Self {
        Self {
            peer,
            opener,
            local,
            remote,
            external,
            state: State::Idle,
            peer_open: None,
            negotiated: None,
            inbound: Vec::new(),
            inbound_total: 0,
            outbound: Vec::new(),
            outbound_total: 0,
            control: VecDeque::new(),
            send_announced: false,
            closing: false,
            loading: None,
            broken: false,
            audited_upto: None,
            gone: false,
            hold_at: None,
            keepalive_at: None,
            close_at: None,
        }
    }

    /// Replica: whether nothing is missing and no dump is half done.
    pub(crate) fn can_go_on(&self) -> bool {
        !self.broken && self.loading.is_none() && self.outbound.is_empty()
    }

    pub(crate) fn is_established(&self) -> bool {
        self.state == State::Established
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        [self.hold_at, self.keepalive_at, self.close_at]
            .into_iter()
            .flatten()
            .min()
    }

    pub(crate) fn decode_context(&self) -> DecodeContext {
        DecodeContext {
            four_octet_as: self
                .negotiated
                .is_none_or(|negotiated| negotiated.four_octet_as),
            external: self.external,
        }
    }

    /// HoldTimer begins again (RFC 4271 8.2.2): with the negotiated time, or with the large one before that is known.
    pub(crate) fn restart_hold(&mut self, now: Instant) {
        let hold_time = self
            .negotiated
            .map_or(HOLD_TIME_OPENING, |negotiated| negotiated.hold_time);
        self.hold_at = (!hold_time.is_zero()).then(|| now + hold_time);
    }

    /// KeepaliveTimer begins again: a KEEPALIVE or UPDATE has been sent.
    pub(crate) fn restart_keepalive(&mut self, now: Instant) {
        if matches!(self.state, State::OpenConfirm | State::Established) {
            self.keepalive_at = self
                .negotiated
                .and_then(|negotiated| negotiated.keepalive_time())
                .map(|time| now + time);
        }
    }
}
