//! Version 1 of the messages. The order of fields and of variants is their encoding.

use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};

use super::{Version, Versions};
use crate::ids::{Epoch, Incarnation, Lsn};

/// No text in a message takes more octets than this.
pub const TEXT_OCTETS_MAX: usize = 255;

/// No message tells of more findings of an audit than this.
pub const FINDINGS_MAX: usize = 64;

/// First message of either side. It comes before a version is agreed on, so its fields never change; a newer version may only
/// append, and what is behind the last field is passed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Oldest version of the messages that the sender speaks.
    pub version_min: u16,
    /// Newest version of the messages that the sender speaks.
    pub version_max: u16,
    /// The sender.
    pub incarnation: Incarnation,
    /// Digest of the configuration that both sides must share.
    pub config_digest: [u8; 32],
    /// Interval of the sender's heartbeats, in microseconds.
    pub heartbeat_us: u64,
    /// Name and version of the sender's software, for people.
    #[serde(deserialize_with = "bounded_text")]
    pub software: String,
    /// The versions that the sender has heard from the receiver; none in the first Hello of a session. They are what the receiver
    /// has said, or somebody in between would have an older version spoken.
    pub heard: Option<Versions>,
}

impl Hello {
    /// The versions that the sender speaks.
    #[must_use]
    pub fn versions(&self) -> Versions {
        Versions {
            min: Version(self.version_min),
            max: Version(self.version_max),
        }
    }
}

/// Why a Hello is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefuseReason {
    /// No version of the messages in common.
    VersionMismatch,
    /// The configurations' digests differ.
    ConfigurationDiffers,
    /// The receiver is not the incarnation that the sender looks for.
    WrongIncarnation,
    /// The sender acts in an epoch that is over.
    OldEpoch,
    /// The receiver is not the active.
    NotActive,
    /// The receiver has a standby.
    Busy,
    /// The sender has heard other versions than the receiver said.
    Downgraded,
    /// A reason that this version does not know.
    Other,
}

impl fmt::Display for RefuseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::VersionMismatch => "no version of the messages in common",
            Self::ConfigurationDiffers => "configurations differ",
            Self::WrongIncarnation => "another incarnation answers",
            Self::OldEpoch => "epoch is over",
            Self::NotActive => "not the active",
            Self::Busy => "has a standby already",
            Self::Downgraded => "the versions in the Hello were changed on the way",
            Self::Other => "a reason that only a newer version knows",
        })
    }
}

/// Everything up to `lsn` is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// The last batch applied.
    pub lsn: Lsn,
}

/// The sender runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// The sender's last LSN: closed by an active, applied by a standby.
    pub lsn: Lsn,
    /// The sender's engine time, in microseconds; its timestamp and ISN clocks follow from it.
    pub time_us: u64,
    /// The last `time_us` heard from the receiver; 0 when none was.
    pub answer_us: u64,
}

/// Why a standby gives up its role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResignCause {
    /// It was told to.
    Asked,
    /// A record contradicts what it holds, or is of a kind that it does not know.
    Record,
    /// It holds as much as it may.
    Full,
    /// The daemon on it failed to follow.
    Replica,
}

/// Moves of pairing, handing over and leaving.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Control {
    /// The initial synchronisation ends with this batch.
    CaughtUp {
        /// Last batch of the synchronisation.
        lsn: Lsn,
    },
    /// The register names the receiver standby in this epoch.
    Paired {
        /// Epoch of the pairing.
        epoch: Epoch,
    },
    /// Everything is acknowledged: the receiver takes the register over, from this epoch.
    HandOver {
        /// Epoch to swap on.
        epoch: Epoch,
    },
    /// The sender will not take over in this epoch any more.
    Resign {
        /// Why.
        cause: ResignCause,
        /// Why, for people.
        #[serde(deserialize_with = "bounded_text")]
        reason: String,
    },
    /// The sender ends the session.
    Goodbye {
        /// Why, for people.
        #[serde(deserialize_with = "bounded_text")]
        reason: String,
    },
    /// What an audit has found since the last of these.
    Audited(Audited),
}

/// An answer to the records of an audit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audited {
    /// The round that the records named.
    pub round: u64,
    /// The round is over: everything that it named was compared.
    pub over: bool,
    /// How many digests of the round were compared up to here.
    pub compared: u64,
    /// More was found than is told.
    pub more: bool,
    /// What was found, at most [`FINDINGS_MAX`].
    #[serde(deserialize_with = "bounded_findings")]
    pub findings: Vec<Finding>,
}

/// What an audit found of something that the records name by a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Finding {
    /// Its digest differs.
    Differs(u64),
    /// It was named, and is not held.
    Missing(u64),
    /// It is held, and was not named.
    Stale(u64),
    /// What belongs to all of them differs.
    SharedDiffers,
    /// What the application keeps of it differs.
    ApplicationDiffers(u64),
    /// What the application keeps for all of them differs.
    ApplicationSharedDiffers,
}

/// `text`, cut to what a message may carry.
#[must_use]
pub fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(TEXT_OCTETS_MAX));
    text
}

fn bounded_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.len() > TEXT_OCTETS_MAX {
        return Err(de::Error::custom(format_args!(
            "text of {} octets, at most {TEXT_OCTETS_MAX} are taken",
            text.len()
        )));
    }
    Ok(text)
}

fn bounded_findings<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Finding>, D::Error> {
    let findings = Vec::deserialize(deserializer)?;
    if findings.len() > FINDINGS_MAX {
        return Err(de::Error::custom(format_args!(
            "{} findings, at most {FINDINGS_MAX} are taken",
            findings.len()
        )));
    }
    Ok(findings)
}
