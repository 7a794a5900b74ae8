//! Named ways to be wrong. Each is planted in the crates with their feature `planted`, which only the simulator asks for; without it
//! there is no code of them. A checker that is worth something finds every one.
#![forbid(unsafe_code)]

use std::cell::Cell;

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// One way to be wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Planted {
            $($(#[$doc])* $name,)*
        }

        impl Planted {
            /// All of them.
            pub const ALL: &[Planted] = &[$(Planted::$name,)*];

            /// Its name on the command line.
            pub fn name(self) -> &'static str {
                match self {
                    $(Planted::$name => $text,)*
                }
            }
        }
    };
}

faults! {
    /// A paired gate lets a frame go before it is acknowledged.
    FramePastGate = "frame-past-gate",
    /// A reset overtakes what waits in the gate.
    ResetPastGate = "reset-past-gate",
    /// A node that was overtaken goes on speaking.
    FencedSpeaks = "fenced-speaks",
    /// The gate opens without a standby before the register says so.
    SoloWithoutSwap = "solo-without-swap",
    /// A swap of unknown outcome is taken for one that was won.
    UnknownTakenForWon = "unknown-taken-for-won",
    /// Who passed the epoch on goes on speaking.
    HandedOverSpeaks = "handed-over-speaks",
    /// A standby that the register does not name takes over.
    ClaimUnnamed = "claim-unnamed",
    /// Who has lost its shadow joins under its old name.
    NameForIncarnation = "name-for-incarnation",
    /// The standby acknowledges a batch before it has applied it.
    AcknowledgedUnapplied = "acknowledged-unapplied",
    /// The log lets go of a batch that the standby has not acknowledged.
    LogTrimmedEarly = "log-trimmed-early",
    /// A standby that does not acknowledge is waited for, for ever.
    EndlessPatience = "endless-patience",
    /// A connection is called ready before the standby has it.
    ReadyTooSoon = "ready-too-soon",
    /// The standby is never told that a connection is ready.
    ReadyUntold = "ready-untold",
    /// Changes during the initial sync are not recorded.
    SyncWithoutDeltas = "sync-without-deltas",
    /// A connection is deleted without a record.
    DeletedWithoutRecord = "deleted-without-record",
    /// Protection is withdrawn without a record.
    UnprotectedWithoutRecord = "unprotected-without-record",
    /// A connection goes down alone without a record.
    DownUntold = "down-untold",
    /// Inbound octets are acknowledged and not recorded.
    ReceivedUnrecorded = "received-unrecorded",
    /// Outbound octets are sent and not recorded.
    SentUnrecorded = "sent-unrecorded",
    /// A snapshot comes without the octets that are not acknowledged.
    SnapshotWithoutOctets = "snapshot-without-octets",
    /// A delta lacks the timers.
    DeltaWithoutTimers = "delta-without-timers",
    /// A delta lacks what was sent of timestamps.
    DeltaWithoutRtt = "delta-without-rtt",
    /// A delta lacks the receive sequence variables.
    DeltaWithoutRecv = "delta-without-recv",
    /// The standby forgets octets once they are sent, not once they are acknowledged.
    TrimmedAtSndMax = "trimmed-at-snd-max",
    /// A connection that was not ready is taken over.
    UnreadyTaken = "unready-taken",
    /// A ready connection is left behind.
    ReadyLeftBehind = "ready-left-behind",
    /// The survivor speaks with SEQ below SND.MAX.
    SeqBelowSndMax = "seq-below-snd-max",
    /// TSval goes back at a takeover.
    TsvalReset = "tsval-reset",
    /// TS.Recent is ahead of what the peer has sent.
    TsRecentAhead = "ts-recent-ahead",
    /// TS.Recent follows a segment beyond the last ACK that was sent: what the next ACK would say counts already.
    TsRecentUnreleased = "ts-recent-unreleased",
    /// The survivor's right edge lies left of the one announced.
    EdgeMovedLeft = "edge-moved-left",
    /// The survivor makes initial sequence numbers with another key.
    IsnKeyLost = "isn-key-lost",
    /// The survivor does not announce itself.
    UnannouncedTakeover = "unannounced-takeover",
    /// Half a message is logged.
    HalfMessage = "half-message",
    /// The mark of a record counts, its effect is lost.
    MarkWithoutEffect = "mark-without-effect",
    /// The effect of a record and its mark travel in two batches.
    MarkApartFromEffect = "mark-apart-from-effect",
    /// The daemon's record comes before the changes that precede it.
    RecordBeforeChanges = "record-before-changes",
    /// A delta lacks the congestion window.
    DeltaWithoutCwnd = "delta-without-cwnd",
    /// An octet changes on its way into the shadow.
    OctetFlippedInShadow = "octet-flipped-in-shadow",
    /// An audit says that all is equal, and has compared nothing.
    AuditNeverCompares = "audit-never-compares",
    /// An audit is not answered.
    AuditUnanswered = "audit-unanswered",
    /// An audit finds something, and nothing follows.
    AuditWithoutEffect = "audit-without-effect",
    /// A standby ends the active before it has won the epoch.
    KilledBeforeSwap = "killed-before-swap",
    /// A pair is made while something is not acknowledged.
    PairedUndrained = "paired-undrained",
    /// An active that hung answers ARP before it has read the register, past the gate.
    ResumedAnswersArp = "resumed-answers-arp",
    /// The window field is rounded down, so that the right edge moves left.
    EdgeRoundedLeft = "edge-rounded-left",
    /// A FIN that was received is not made safe.
    CloseWithoutSafe = "close-without-safe",
    /// The survivor's sequence number extension of TCP-AO begins at 0.
    AoExtensionLost = "ao-extension-lost",
    /// The survivor has no keys.
    KeyForgotten = "key-forgotten",
}

thread_local! {
    static ON: Cell<Option<Planted>> = const { Cell::new(None) };
}

/// Plants a fault on this thread, or none.
pub fn plant(fault: Option<Planted>) {
    ON.set(fault);
}

/// Whether this fault is planted on this thread.
pub fn is_on(fault: Planted) -> bool {
    ON.get() == Some(fault)
}
