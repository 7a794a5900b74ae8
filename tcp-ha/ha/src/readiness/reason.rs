//! The reasons for which protection is down.

use core::fmt;
use serde::{Deserialize, Serialize};

/// What brings a connection or a node that is down back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// The next standby that joins.
    NextStandby,
    /// Another try, after a pause that grows.
    Retry,
    /// The operator's word.
    Operator,
    /// The daemon's word.
    Daemon,
    /// The key of the connection.
    Key,
    /// The register's answer.
    Register,
    /// Nothing: this node is silent for ever.
    Nothing,
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Remedy::NextStandby => "the next standby",
            Remedy::Retry => "another try",
            Remedy::Operator => "the operator",
            Remedy::Daemon => "the daemon",
            Remedy::Key => "the key",
            Remedy::Register => "the register",
            Remedy::Nothing => "nothing",
        })
    }
}

/// One table, so that no reason is without a name, a sentence or a remedy.
macro_rules! down_reasons {
    ($($(#[$meaning:meta])* $variant:ident $name:literal $sentence:literal $remedy:ident,)*) => {
        /// Why a connection, or the node, is not protected. The order is the encoding.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum DownReason {
            $($(#[$meaning])* $variant,)*
        }

        impl DownReason {
            /// All reasons, in the order of their encoding.
            pub const ALL: [DownReason; [$($name),*].len()] = [$(DownReason::$variant),*];

            /// The reason's name, as the status has it.
            pub fn name(self) -> &'static str {
                match self {
                    $(DownReason::$variant => $name,)*
                }
            }

            /// What brings protection back.
            pub fn remedy(self) -> Remedy {
                match self {
                    $(DownReason::$variant => Remedy::$remedy,)*
                }
            }
        }

        impl fmt::Display for DownReason {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(DownReason::$variant => $sentence,)*
                })
            }
        }
    };
}

down_reasons! {
    /// No standby has joined yet.
    NoStandby "no-standby" "no standby has joined" NextStandby,
    /// The channel to the standby ended.
    StandbyLost "standby-lost" "standby lost" NextStandby,
    /// The standby gave up its role for this epoch, as it was told to.
    StandbyResigned "standby-resigned" "standby resigned" NextStandby,
    /// The oldest batch was not acknowledged within the hold limit.
    Lagging "lagging" "standby lagging beyond the hold limit" NextStandby,
    /// More was outstanding than the log may hold.
    LogFull "log-full" "log full" NextStandby,
    /// The standby speaks no version of the records that this node speaks.
    VersionDiffers "version-differs" "no version of the records in common" NextStandby,
    /// The standby's configuration differs from this node's.
    ConfigurationDiffers "configuration-differs" "the standby's configuration differs" NextStandby,
    /// The standby was lost while it was being brought up to date.
    SyncAborted "sync-aborted" "sync aborted" NextStandby,
    /// The daemon withdrew its request.
    ClientDisabled "client-disabled" "client disabled" Daemon,
    /// The node took over, and no standby has joined it yet.
    AfterTakeover "after-takeover" "took over, no new standby yet" NextStandby,
    /// The connection signs its segments, and its key was taken away.
    KeyMissing "key-missing" "the key of the connection is missing" Key,
    /// Nothing was heard from the standby within the hold limit, though the channel was open.
    StandbySilent "standby-silent" "standby silent beyond the hold limit" NextStandby,
    /// What came from the standby was no message, or none that has a place there.
    ChannelGarbled "channel-garbled" "the channel from the standby is garbled" NextStandby,
    /// The standby could not apply a record: it contradicts what the standby holds, or is unknown to it.
    RecordRefused "record-refused" "the standby refused a record" NextStandby,
    /// The standby holds as many connections, or octets of one, as it may.
    StandbyFull "standby-full" "the standby holds as much as it may" NextStandby,
    /// The daemon's replica on the standby failed.
    ReplicaFailed "replica-failed" "the daemon's replica on the standby failed" NextStandby,
    /// The operator sent the standby away.
    StandbyDismissed "standby-dismissed" "standby dismissed by the operator" NextStandby,
    /// The standby was not brought up to date within its time.
    SyncTimedOut "sync-timed-out" "the initial sync took too long" NextStandby,
    /// The register cannot be reached: the gate stays shut, or a pair cannot be made.
    RegisterUnavailable "register-unavailable" "the register cannot be reached" Register,
    /// This node passed the epoch on.
    HandedOver "handed-over" "handed over to the standby" Nothing,
    /// Another node took the epoch.
    Overtaken "overtaken" "another node took the epoch" Nothing,
    /// The daemon did not hand over its state of the connection within its time.
    ApplicationSyncTimedOut "application-sync-timed-out" "the daemon's state did not come in time" Retry,
    /// More of the connection was outstanding than its share of the log.
    ShareExceeded "share-exceeded" "more than its share of the log was outstanding" Retry,
    /// The connection holds more octets than its share of the log: no snapshot of it can be sent.
    TooLarge "too-large" "larger than its share of the log" Retry,
    /// The operator took the connection out of protection.
    OperatorCleared "operator-cleared" "cleared by the operator" Operator,
    /// The standby's digest of the connection differed from this node's.
    AuditFailed "audit-failed" "audit failed" Retry,
    /// The standby did not answer an audit within its time.
    AuditTimeout "audit-timeout" "the audit was not answered in time" NextStandby,
    /// The connection has state that the agreed version of the records cannot carry.
    NotCarried "not-carried" "the agreed version cannot carry its state" NextStandby,
}
