//! The kinds of faults, and how often each was met.

use serde::Serialize;
use std::collections::BTreeMap;

/// What may happen to a pair, its peers and what lies between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The active dies.
    Kill,
    /// The active dies in the middle of a write to the channel.
    KillInWrite,
    /// The active hangs, and wakes with its queues later.
    Hang,
    /// The active hands over.
    HandOver,
    /// The standby dies.
    StandbyDies,
    /// The standby hangs.
    StandbyHangs,
    /// Another node joins.
    NodeJoins,
    /// The channel breaks.
    ChannelCut,
    /// The channel is late.
    ChannelLate,
    /// The standby reads a few octets at a time.
    SlowReader,
    /// Batches stand still.
    BatchesHeld,
    /// Acknowledgements stand still.
    AcknowledgementsHeld,
    /// An octet of the channel arrives changed.
    ChannelGarbled,
    /// Frames are lost.
    Loss,
    /// Frames come twice.
    Duplication,
    /// Frames come out of order.
    Reordering,
    /// Frames come with a changed octet.
    Corruption,
    /// Frames come late.
    Delay,
    /// A cable is out.
    Partition,
    /// The register cannot be reached.
    RegisterOut,
    /// A swap takes effect, and nobody is told.
    UnknownApplied,
    /// A swap has no effect, and nobody is told.
    UnknownLost,
    /// A swap of unknown outcome, and then the register cannot be reached.
    UnknownAndOut,
    /// The peers stop reading.
    ZeroWindow,
    /// The service stops reading.
    ServicePauses,
    /// A peer closes, and opens again.
    PeerCloses,
    /// The service resets a connection.
    ServiceAborts,
    /// Protection of a connection is withdrawn and asked for again.
    ProtectedAnew,
    /// An operator renews the keys of signed connections.
    KeysRenewed,
    /// An operator clears a connection, and lets it be protected again.
    OperatorClears,
    /// A stranger asks where the pair's address is.
    StrangerAsks,
}

/// Kinds at the head of [`Fault::ALL`] that are meant to end in a takeover.
const TAKEOVERS: usize = 4;

impl Fault {
    /// All kinds: those that are meant to end in a takeover, then [`Fault::CONDITIONS`].
    pub const ALL: [Fault; 31] = [
        Fault::Kill,
        Fault::KillInWrite,
        Fault::Hang,
        Fault::HandOver,
        Fault::StandbyDies,
        Fault::StandbyHangs,
        Fault::NodeJoins,
        Fault::ChannelCut,
        Fault::ChannelLate,
        Fault::SlowReader,
        Fault::BatchesHeld,
        Fault::AcknowledgementsHeld,
        Fault::ChannelGarbled,
        Fault::Loss,
        Fault::Duplication,
        Fault::Reordering,
        Fault::Corruption,
        Fault::Delay,
        Fault::Partition,
        Fault::RegisterOut,
        Fault::UnknownApplied,
        Fault::UnknownLost,
        Fault::UnknownAndOut,
        Fault::ZeroWindow,
        Fault::ServicePauses,
        Fault::PeerCloses,
        Fault::ServiceAborts,
        Fault::ProtectedAnew,
        Fault::KeysRenewed,
        Fault::OperatorClears,
        Fault::StrangerAsks,
    ];

    /// Kinds under which whoever speaks may go on.
    pub const CONDITIONS: &[Fault] = Fault::ALL.split_at(TAKEOVERS).1;

    /// Whether it is meant to end in a takeover.
    pub fn is_takeover(self) -> bool {
        !Fault::CONDITIONS.contains(&self)
    }
}

/// How often each kind was met.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Faults(pub BTreeMap<Fault, u64>);

impl Faults {
    pub(super) fn count(&mut self, fault: Fault) {
        *self.0.entry(fault).or_default() += 1;
    }

    /// Faults that were not meant to end in a takeover.
    pub fn others(&self) -> u64 {
        let others = self.0.iter().filter(|(fault, _)| !fault.is_takeover());
        others.map(|(_, count)| count).sum()
    }

    pub(super) fn add(&mut self, other: &Faults) {
        for (&fault, count) in &other.0 {
            *self.0.entry(fault).or_default() += count;
        }
    }
}
