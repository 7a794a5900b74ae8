//! What the network says about segments of ours: ICMP errors, believed with care (RFC 5927).

use crate::connection::{Connection, Context};
use crate::effects::CloseCause;
use crate::seq::SeqNum;
use crate::state::State;
use serde::Serialize;

/// What the network said about a segment of ours (ICMP, ICMPv6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Unreachable {
    /// There is no route to the network.
    Network,
    /// The host does not answer its last router.
    Host,
    /// The host knows no TCP.
    Protocol,
    /// The host says that nobody listens on the port.
    Port,
    /// A filter forbids it.
    Prohibited,
    /// TTL or hop limit ran out on the way.
    HopLimit,
    /// Any other reason.
    Other,
    /// The packet was too large for the path.
    TooBig {
        /// Largest IP packet that passes the next hop; 0 where the router did not say.
        mtu: u16,
    },
}

impl Unreachable {
    /// True where the RFCs count it as hard (RFC 9293 SHLD-26): it ends a connection that is
    /// being opened. A synchronized connection takes it as soft (RFC 5927 5.2).
    fn is_hard(self) -> bool {
        matches!(self, Unreachable::Protocol | Unreachable::Port)
    }
}

impl Connection {
    /// Takes an ICMP error about our segment with sequence number `seq`. True where it is
    /// about something that is on the way (RFC 5927 4.1); anything else is ignored.
    pub(crate) fn take_unreachable(
        &mut self,
        ctx: &mut Context<'_>,
        seq: SeqNum,
        what: Unreachable,
    ) -> bool {
        let (una, max) = (self.send.una, self.send.max);
        let position = self.identity.iss.position(seq, una);
        if position.is_none_or(|at| at < una || at >= max) {
            return false;
        }
        match what {
            Unreachable::TooBig { mtu } => self.take_too_big(ctx, mtu),
            _ if self.state() == State::SynSent && what.is_hard() => {
                self.delete(CloseCause::Refused);
            }
            // RFC 9293 MUST-56, SHLD-25: told when the connection is given up, and by status.
            _ => self.passing.soft_error = Some(what),
        }
        true
    }

    /// Ends the connection because the peer does not answer; what the network said of late
    /// is the cause where there is one.
    pub(crate) fn give_up(&mut self) {
        let cause = match self.passing.soft_error {
            None => CloseCause::TimedOut,
            Some(Unreachable::Network) => CloseCause::NetworkUnreachable,
            Some(_) => CloseCause::Unreachable,
        };
        self.delete(cause);
    }
}
