//! How large the model is, and how it can be made wrong.

use clap::ValueEnum;

/// The size of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Route processors; the last one joins a pair that exists.
    pub nodes: u8,
    /// Records of one lineage, each with a frame.
    pub messages: u8,
    /// Epochs up to which faults happen and pairs are made; repair may go beyond.
    pub epochs: u8,
    /// Deaths in all; the dead may start again, empty.
    pub deaths: u8,
    /// Register calls whose outcome the caller does not learn; they take effect later, or never.
    pub unknown: u8,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds {
            nodes: 3,
            messages: 3,
            epochs: 3,
            deaths: 1,
            unknown: 1,
        }
    }
}

/// A way to be wrong that the properties must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Fault {
    /// A standby is paired with before it holds everything that has left.
    PairUndrained,
    /// The gate opens when the standby is lost, before the register says so.
    OpenBeforeSwap,
    /// A swap of unknown outcome is taken for won.
    ActOnUnknown,
    /// A standby that loses its shadow joins anew under the name that the register may hold.
    KeepNameWithoutShadow,
    /// Nodes are told apart by name, so a restarted, empty node is its predecessor.
    NameForIncarnation,
    /// A standby resigns although it may have won the epoch.
    ResignInDoubt,
    /// An active that may have passed the epoch on goes on when its standby resigns.
    HeedResignationInDoubt,
    /// A node begins anew although the active that the register names lives.
    ColdStartBesideTheLiving,
}
