//! The traffic keys of one connection, derived when first needed.

use super::chain::{AoChain, AoKey};
use super::kdf::{Context, traffic_key};
use super::mac::TrafficKey;
use crate::auth::state::AoState;
use crate::counters::DropReason;
use crate::four_tuple::FourTuple;
use crate::options::AoSignature;
use crate::segment::Flags;
use crate::seq::SeqNum;
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// Where the MAC lies in a segment that this engine built: the option comes first.
const MAC_AT: core::ops::Range<usize> = 24..36;

/// The master keys of the peer, and what was derived of them for one connection.
#[derive(Debug)]
pub(crate) struct AoSession {
    chain: Arc<AoChain>,
    /// One for each key of the chain, in its order.
    derived: Vec<Option<Box<Derived>>>,
}

#[derive(Debug)]
struct Derived {
    ends: Ends,
    /// Send_other_traffic_key.
    send: TrafficKey,
    /// Receive_other_traffic_key.
    recv: TrafficKey,
}

/// What traffic keys depend on beside the master key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ends {
    pub(crate) tuple: FourTuple,
    pub(crate) iss: SeqNum,
    pub(crate) irs: SeqNum,
}

impl Ends {
    fn sending(&self) -> Context {
        Context {
            src: self.tuple.local,
            dst: self.tuple.remote,
            src_isn: self.iss,
            dst_isn: self.irs,
        }
    }

    fn receiving(&self) -> Context {
        Context {
            src: self.tuple.remote,
            dst: self.tuple.local,
            src_isn: self.irs,
            dst_isn: self.iss,
        }
    }
}

/// SYN and no ACK: the keys of such a segment know no ISN of the receiver (RFC 5925 5.2).
pub(crate) fn is_first_syn(flags: Flags) -> bool {
    flags.has(Flags::SYN) && !flags.has(Flags::ACK)
}

impl AoSession {
    pub(crate) fn new(chain: Arc<AoChain>) -> AoSession {
        let derived = chain.keys().iter().map(|_| None).collect();
        AoSession { chain, derived }
    }

    /// The pointers of a new connection.
    pub(crate) fn initial_state(&self) -> AoState {
        let preferred = self.chain.preferred();
        AoState {
            current: preferred.send_id,
            rnext: preferred.recv_id,
            received: preferred.recv_id,
        }
    }

    /// The pointers after a change of the chain: the preferred key is asked for, and a
    /// current key that is gone is replaced by it.
    pub(crate) fn repoint(&self, state: &mut AoState) {
        state.rnext = self.chain.preferred().recv_id;
        if self.chain.by_send_id(state.current).is_none() {
            state.current = self.chain.preferred().send_id;
        }
    }

    /// Follows the RNextKeyID of an authentic segment, where that key is here (RFC 5925
    /// 7.5, step 2.i).
    pub(crate) fn follow(&self, state: &mut AoState, ao: &AoSignature) {
        state.received = ao.key_id;
        if self.chain.by_send_id(ao.r_next_key_id).is_some() {
            state.current = ao.r_next_key_id;
        }
    }

    /// Fills in the MAC of a segment of ours, whose option is the first.
    pub(crate) fn sign(
        &mut self,
        ends: &Ends,
        state: &AoState,
        flags: Flags,
        extension: u32,
        segment: &mut [u8],
    ) {
        let Some(at) = self.index(|key| key.send_id == state.current) else {
            return;
        };
        let (src, dst) = (ends.tuple.local.ip(), ends.tuple.remote.ip());
        let covers = self.chain.keys()[at].covers_options;
        let mac = if is_first_syn(flags) {
            let context = Context {
                dst_isn: SeqNum(0),
                ..ends.sending()
            };
            self.derive(at, &context).mac(src, dst, segment, 0, covers)
        } else {
            let keys = self.other_keys(at, ends);
            keys.send.mac(src, dst, segment, extension, covers)
        };
        if let (Some(mac), Some(slot)) = (mac, segment.get_mut(MAC_AT)) {
            slot.copy_from_slice(&mac);
        }
    }

    /// Checks the MAC of an arrived segment.
    pub(crate) fn verify(
        &mut self,
        ends: &Ends,
        ao: &AoSignature,
        flags: Flags,
        extension: u32,
        segment: &[u8],
    ) -> Result<(), DropReason> {
        let at = self
            .index(|key| key.recv_id == ao.key_id)
            .ok_or(DropReason::UnknownKey)?;
        let (src, dst) = (ends.tuple.remote.ip(), ends.tuple.local.ip());
        let covers = self.chain.keys()[at].covers_options;
        let expected = if is_first_syn(flags) {
            let context = Context {
                dst_isn: SeqNum(0),
                ..ends.receiving()
            };
            self.derive(at, &context).mac(src, dst, segment, 0, covers)
        } else {
            let keys = self.other_keys(at, ends);
            keys.recv.mac(src, dst, segment, extension, covers)
        };
        let is_right = expected.is_some_and(|mac| mac.ct_eq(&ao.mac).into());
        if is_right {
            Ok(())
        } else {
            Err(DropReason::BadSignature)
        }
    }

    fn index(&self, matches: impl Fn(&AoKey) -> bool) -> Option<usize> {
        self.chain.keys().iter().position(matches)
    }

    fn derive(&self, at: usize, context: &Context) -> TrafficKey {
        let key = &self.chain.keys()[at];
        traffic_key(key.algorithm, &key.secret, context)
    }

    /// The traffic keys of everything but first SYNs.
    fn other_keys(&mut self, at: usize, ends: &Ends) -> &Derived {
        let known = self.derived[at].take().filter(|known| known.ends == *ends);
        let derived = known.unwrap_or_else(|| {
            Box::new(Derived {
                ends: *ends,
                send: self.derive(at, &ends.sending()),
                recv: self.derive(at, &ends.receiving()),
            })
        });
        self.derived[at].insert(derived)
    }
}
