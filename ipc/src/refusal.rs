//! What is refused at a node's door: why, how often, and who came last.

use core::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::schema::RefuseReason;
use crate::session::Session;

/// Time between two lines of the log about the same reason.
const LOG_PAUSE: Duration = Duration::from_secs(10);

/// Why somebody, or something that somebody sent, was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(usize)]
pub enum Refusal {
    /// What came is not TLS.
    NotTls,
    /// TLS 1.2 or older.
    OldTls,
    /// No cipher, group, signature or protocol in common.
    Incompatible,
    /// No certificate was shown.
    NoCertificate,
    /// A certificate of another authority, or a forged one.
    OtherAuthority,
    /// A certificate of another pair of the same authority.
    OtherPair,
    /// A certificate that is over.
    Expired,
    /// A certificate that is not valid yet by this host's clock.
    NotYetValid,
    /// A certificate that is not made for this.
    UnfitCertificate,
    /// The other side gave up the handshake, and said so.
    Declined,
    /// The other side went away within the handshake.
    HungUp,
    /// A handshake that broke its rules: changed, cut, or played back.
    BrokenHandshake,
    /// The handshake was not done in time.
    HandshakeTimedOut,
    /// It gave way: too many handshakes, or too many who wait behind them.
    TooMany,
    /// No Hello came in time.
    NoHello,
    /// What came first was no Hello.
    GarbledHello,
    /// A Hello from, or for, another incarnation.
    OtherIncarnation,
    /// A Hello of an epoch that is over.
    OldEpoch,
    /// A Hello of a newer epoch: this node is not the active in it.
    NotActive,
    /// No version of the messages in common.
    VersionDiffers,
    /// Somebody between the nodes has changed the versions that they offered.
    Downgraded,
    /// The configurations differ.
    ConfigurationDiffers,
    /// There is a standby already.
    Busy,
    /// Within a session: a frame of an epoch that is over.
    FrameOfOldEpoch,
    /// Within a session: a frame from, or for, another incarnation.
    FrameOfOtherIncarnation,
    /// Within a session: an acknowledgement of an epoch that is not ours yet.
    FrameOfNewEpoch,
    /// Within a session: what is out of sequence, out of place or garbled; it ends the session.
    BrokenSession,
}

impl Refusal {
    /// All of them, in order.
    pub const ALL: [Refusal; 27] = [
        Refusal::NotTls,
        Refusal::OldTls,
        Refusal::Incompatible,
        Refusal::NoCertificate,
        Refusal::OtherAuthority,
        Refusal::OtherPair,
        Refusal::Expired,
        Refusal::NotYetValid,
        Refusal::UnfitCertificate,
        Refusal::Declined,
        Refusal::HungUp,
        Refusal::BrokenHandshake,
        Refusal::HandshakeTimedOut,
        Refusal::TooMany,
        Refusal::NoHello,
        Refusal::GarbledHello,
        Refusal::OtherIncarnation,
        Refusal::OldEpoch,
        Refusal::NotActive,
        Refusal::VersionDiffers,
        Refusal::Downgraded,
        Refusal::ConfigurationDiffers,
        Refusal::Busy,
        Refusal::FrameOfOldEpoch,
        Refusal::FrameOfOtherIncarnation,
        Refusal::FrameOfNewEpoch,
        Refusal::BrokenSession,
    ];

    /// Its name in a status.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NotTls => "not-tls",
            Self::OldTls => "old-tls",
            Self::Incompatible => "incompatible",
            Self::NoCertificate => "no-certificate",
            Self::OtherAuthority => "other-authority",
            Self::OtherPair => "other-pair",
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::UnfitCertificate => "unfit-certificate",
            Self::Declined => "declined",
            Self::HungUp => "hung-up",
            Self::BrokenHandshake => "broken-handshake",
            Self::HandshakeTimedOut => "handshake-timed-out",
            Self::TooMany => "too-many",
            Self::NoHello => "no-hello",
            Self::GarbledHello => "garbled-hello",
            Self::OtherIncarnation => "other-incarnation",
            Self::OldEpoch => "old-epoch",
            Self::NotActive => "not-active",
            Self::VersionDiffers => "version-differs",
            Self::Downgraded => "downgraded",
            Self::ConfigurationDiffers => "configuration-differs",
            Self::Busy => "busy",
            Self::FrameOfOldEpoch => "frame-of-old-epoch",
            Self::FrameOfOtherIncarnation => "frame-of-other-incarnation",
            Self::FrameOfNewEpoch => "frame-of-new-epoch",
            Self::BrokenSession => "broken-session",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotTls => "what came is not TLS",
            Self::OldTls => "TLS 1.2 or older was offered, 1.3 is needed",
            Self::Incompatible => "nothing in common to protect the channel with",
            Self::NoCertificate => "no certificate was shown",
            Self::OtherAuthority => "the certificate is of another authority",
            Self::OtherPair => "the certificate is of another pair",
            Self::Expired => "the certificate has expired",
            Self::NotYetValid => "the certificate is not valid yet by this host's clock",
            Self::UnfitCertificate => "the certificate is not made for this",
            Self::Declined => "the other side gave up the handshake",
            Self::HungUp => "the other side went away within the handshake",
            Self::BrokenHandshake => "the handshake broke its rules",
            Self::HandshakeTimedOut => "the handshake was not done in time",
            Self::TooMany => "too many at once",
            Self::NoHello => "no Hello came in time",
            Self::GarbledHello => "what came first was no Hello",
            Self::OtherIncarnation => "a Hello from or for another incarnation",
            Self::OldEpoch => "a Hello of an epoch that is over",
            Self::NotActive => "a Hello of a newer epoch",
            Self::VersionDiffers => "no version of the messages in common",
            Self::Downgraded => "the versions on offer were changed on the way",
            Self::ConfigurationDiffers => "the configurations differ",
            Self::Busy => "there is a standby already",
            Self::FrameOfOldEpoch => "a frame of an epoch that is over",
            Self::FrameOfOtherIncarnation => "a frame from or for another incarnation",
            Self::FrameOfNewEpoch => "an acknowledgement of a newer epoch",
            Self::BrokenSession => "what came is out of sequence, out of place or garbled",
        })
    }
}

impl From<RefuseReason> for Refusal {
    fn from(reason: RefuseReason) -> Self {
        match reason {
            RefuseReason::VersionMismatch => Self::VersionDiffers,
            RefuseReason::Downgraded => Self::Downgraded,
            RefuseReason::ConfigurationDiffers => Self::ConfigurationDiffers,
            RefuseReason::WrongIncarnation => Self::OtherIncarnation,
            RefuseReason::OldEpoch => Self::OldEpoch,
            RefuseReason::NotActive => Self::NotActive,
            RefuseReason::Busy => Self::Busy,
            RefuseReason::Other => Self::BrokenSession,
        }
    }
}

/// Who was refused last.
#[derive(Clone, Copy, Debug)]
pub struct LastRefused {
    /// Why.
    pub reason: Refusal,
    /// From where; `None` on a Unix socket.
    pub from: Option<SocketAddr>,
    /// When.
    pub at: Instant,
}

#[derive(Debug, Default)]
struct Said {
    /// For each reason, when the log was last told, and the count then.
    lines: [Option<(Instant, u64)>; Refusal::ALL.len()],
    last: Option<LastRefused>,
}

/// Counters of what was refused, shared by the threads of a node.
#[derive(Debug, Default)]
pub struct Refusals {
    counts: [AtomicU64; Refusal::ALL.len()],
    said: Mutex<Said>,
}

impl Refusals {
    /// Counts one, and says so in the log unless it has just said the same.
    pub fn count(&self, reason: Refusal, from: Option<SocketAddr>) {
        self.add(reason, 1, from);
    }

    /// Counts `times`, as [`Refusals::count`] does; nothing when there are none.
    pub fn add(&self, reason: Refusal, times: u64, from: Option<SocketAddr>) {
        if times == 0 {
            return;
        }
        let at = Instant::now();
        let total = self.counts[reason as usize].fetch_add(times, Ordering::Relaxed) + times;
        let mut said = self.said();
        said.last = Some(LastRefused { reason, from, at });
        let line = &mut said.lines[reason as usize];
        let (when, before) = line.map_or((None, 0), |(when, before)| (Some(when), before));
        if when.is_none_or(|when| at.duration_since(when) >= LOG_PAUSE) {
            *line = Some((at, total));
            drop(said);
            let from = from.map_or_else(|| "this host".to_owned(), |from| from.to_string());
            let times = total.saturating_sub(before);
            tracing::warn!(reason = reason.name(), from, times, "refused: {reason}");
        }
    }

    /// How often something was refused for this reason.
    #[must_use]
    pub fn of(&self, reason: Refusal) -> u64 {
        self.counts[reason as usize].load(Ordering::Relaxed)
    }

    /// Every reason with its count.
    pub fn counts(&self) -> impl Iterator<Item = (Refusal, u64)> + '_ {
        Refusal::ALL
            .into_iter()
            .map(|reason| (reason, self.of(reason)))
    }

    /// Who was refused last.
    #[must_use]
    pub fn last(&self) -> Option<LastRefused> {
        self.said().last
    }

    /// What it holds is whole after any panic.
    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What sessions refused of a node that was let in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionRefusals {
    /// Frames of an epoch that is over.
    pub old_epoch: u64,
    /// Frames from, or for, another incarnation.
    pub other_incarnation: u64,
    /// Acknowledgements of a newer epoch.
    pub new_epoch: u64,
    /// Hellos that were changed on the way.
    pub downgraded: u64,
    /// Sessions that ended by what came: out of sequence, out of place or garbled.
    pub broken: u64,
}

impl SessionRefusals {
    /// Those of a session, which does not say of itself whether it is broken.
    #[must_use]
    pub fn of(session: &Session) -> Self {
        let counters = session.counters();
        Self {
            old_epoch: counters.refused_old_epoch,
            other_incarnation: counters.refused_incarnation,
            new_epoch: counters.refused_new_epoch,
            downgraded: counters.refused_downgraded,
            broken: 0,
        }
    }

    /// Counts in `refusals` what has come up since `told`.
    pub fn tell(self, told: Self, refusals: &Refusals, from: Option<SocketAddr>) {
        let counts = [
            (Refusal::FrameOfOldEpoch, self.old_epoch, told.old_epoch),
            (
                Refusal::FrameOfOtherIncarnation,
                self.other_incarnation,
                told.other_incarnation,
            ),
            (Refusal::FrameOfNewEpoch, self.new_epoch, told.new_epoch),
            (Refusal::Downgraded, self.downgraded, told.downgraded),
            (Refusal::BrokenSession, self.broken, told.broken),
        ];
        for (reason, now, told) in counts {
            refusals.add(reason, now.saturating_sub(told), from);
        }
    }
}

impl core::ops::Add for SessionRefusals {
    type Output = Self;

    fn add(self, more: Self) -> Self {
        Self {
            old_epoch: self.old_epoch + more.old_epoch,
            other_incarnation: self.other_incarnation + more.other_incarnation,
            new_epoch: self.new_epoch + more.new_epoch,
            downgraded: self.downgraded + more.downgraded,
            broken: self.broken + more.broken,
        }
    }
}

#[cfg(test)]
mod tests;
