//! All of etcd is gone *and* the pair is broken: nobody speaks until one of the two is back.

use std::time::Duration;

use pcaps::time::Timestamp;
use rustix::process::Signal;

use super::links::Cable;
use super::rounds::{EtcdGone, Round, now};
use crate::lab::child::wait_until;
use crate::lab::error::Result;

/// How long whoever has to fall silent may take, beyond the hold limit.
const MARGIN: Duration = Duration::from_millis(150);
/// How long it is listened to the silence.
const LISTENED: (Duration, Duration) = (Duration::from_millis(300), Duration::from_millis(800));
/// How long somebody may take to speak again, far beyond what is good.
const PATIENCE: Duration = Duration::from_secs(30);

/// How the pair was broken, and what came back first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The channel was cut; etcd came back.
    ChannelThenEtcd,
    /// The channel was cut; it came back, before etcd.
    ChannelThenChannel,
    /// The standby was killed; etcd came back.
    Standby,
    /// The active was killed; etcd came back.
    Active,
}

/// A silence that was played.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SilencePlayed {
    kind: Kind,
    gone: EtcdGone,
    /// From here to there nobody may speak.
    pub(super) silent: (Timestamp, Timestamp),
    /// From here on somebody may, and should.
    pub(super) returned: Timestamp,
    /// Whether the status said that the gate is shut, and that the register fails.
    pub(super) shown: bool,
}

impl SilencePlayed {
    /// The words in reports.
    pub(super) fn name(&self) -> String {
        let how = match self.kind {
            Kind::ChannelThenEtcd => "channel cut, etcd returns first",
            Kind::ChannelThenChannel => "channel cut, and returns before etcd",
            Kind::Standby => "standby killed",
            Kind::Active => "active killed",
        };
        let etcd = match self.gone {
            EtcdGone::Killed => "killed",
            EtcdGone::Stopped => "stopped",
        };
        format!("{how}; etcd {etcd}")
    }
}

/// Plays silence number `number`.
pub(super) fn play(round: &mut Round<'_>, number: u32) -> Result<SilencePlayed> {
    let kind = match number % 4 {
        1 => Kind::ChannelThenChannel,
        2 => Kind::ChannelThenEtcd,
        3 => Kind::Standby,
        _ => Kind::Active,
    };
    let active = round.ready_at_some_moment()?;
    let gone = round.take_etcd();
    let cut = match kind {
        Kind::ChannelThenEtcd | Kind::ChannelThenChannel => {
            round.hosts.links.cut(0, &[Cable::Channel])?;
            None
        }
        Kind::Standby => Some(1 - active),
        Kind::Active => Some(active),
    };
    if let Some(host) = cut {
        round.pair.begin_cut(host);
        round.signal(host, Signal::KILL);
    }
    let hold_limit = Duration::from_millis(round.options.hold_limit_ms);
    std::thread::sleep(hold_limit + MARGIN);
    let begin = now();
    let time = round.random.between(LISTENED.0, LISTENED.1);
    std::thread::sleep(time);
    let witness = match kind {
        Kind::Active => 1 - active,
        _ => active,
    };
    let shown = is_shown(round, witness, kind);
    let end = now();
    if kind == Kind::ChannelThenChannel {
        round.hosts.links.mend(0, &[Cable::Channel])?;
        wait_for_a_speaker(round, "the channel is back")?;
        round.return_etcd(gone)?;
    } else {
        round.return_etcd(gone)?;
        wait_for_a_speaker(round, "etcd is back")?;
        if kind == Kind::ChannelThenEtcd {
            round.hosts.links.mend(0, &[Cable::Channel])?;
        }
    }
    if let Some(host) = cut {
        round.replace(host)?;
    }
    round.hosts.etcds.wait_until_all_answer()?;
    round.pair.wait_ready(round.options.patience())?;
    Ok(SilencePlayed {
        kind,
        gone,
        silent: (begin, end),
        returned: end,
        shown,
    })
}

/// Whether the node that is left says why it is silent.
fn is_shown(round: &mut Round<'_>, witness: usize, kind: Kind) -> bool {
    let Ok(document) = round.pair.slot(witness).socket().document() else {
        return false;
    };
    let fails = document["register"]["failing"]["error"].is_string();
    // A standby that may not take over has no gate.
    fails && (kind == Kind::Active || document["gate_shut"] == true)
}

/// Waits until an active says that its gate is open.
fn wait_for_a_speaker(round: &mut Round<'_>, when: &str) -> Result<()> {
    wait_until(&format!("somebody to speak once {when}"), PATIENCE, || {
        for host in 0..2 {
            let Ok(document) = round.pair.slot(host).socket().document() else {
                continue;
            };
            if document["role"] == "active" && document["gate_shut"] == false {
                return Ok(Some(()));
            }
        }
        Ok(None)
    })
}
