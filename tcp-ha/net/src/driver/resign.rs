//! A standby that cannot reach the register, though the active lives and is cut off from it as well.
//!
//! Neither may speak then: the active because the register names a standby that acknowledges nothing any more, the standby because
//! it may not take over without the register. Where the standby reaches the active again, it resigns for this epoch. Nobody can take
//! over any more, so the active speaks. The shadow is lost: the node joins anew once the register answers.

use super::channel::{Channel, Read};
use super::join::Joining;
use super::standby::Shadowing;
use super::{Driver, monotonic_us};
use ipc::schema::v1::ResignCause;
use tcp_ha_core::{Standby, Standing};

/// How long the register must have been out of reach: a moment without it costs no shadow.
const AFTER_US: u64 = 100_000;
/// How long the active may take to hear of it.
const LIMIT_US: u64 = 1_000_000;

/// See the module's text.
#[derive(Default)]
pub(super) struct Resigning {
    joining: Joining,
    line: Option<Messenger>,
}

/// A session under the standby's name that has one thing to say.
struct Messenger {
    channel: Channel,
    session: Standby,
    until_us: u64,
}

impl Driver {
    /// Call again and again while the active is silent and the register is out of reach since `since_us`: whether this node has
    /// resigned.
    pub(super) fn has_resigned(&mut self, shadowing: &mut Shadowing, since_us: u64) -> bool {
        let mono_us = monotonic_us();
        let paired = shadowing.standby.standing() == Standing::Paired;
        if !paired || shadowing.standby.is_in_doubt() || mono_us < since_us + AFTER_US {
            return false;
        }
        let mut resigning = std::mem::take(&mut shadowing.resigning);
        if resigning.line.is_none() && mono_us >= resigning.joining.not_before_us {
            resigning.line = self.find_active(&mut resigning.joining, shadowing);
        }
        let ended = match &mut resigning.line {
            Some(line) => self.deliver_resignation(line, shadowing),
            None => false,
        };
        if ended {
            resigning.line = None;
            resigning.joining.not_before_us = mono_us + AFTER_US;
        }
        shadowing.resigning = resigning;
        ended && shadowing.standby.has_resigned()
    }

    fn find_active(&mut self, joining: &mut Joining, shadowing: &Shadowing) -> Option<Messenger> {
        let mono_us = monotonic_us();
        let remote = shadowing.standby.remote();
        // Nobody there: it may be dead, or cut off. The register decides when it can be asked.
        let line = self.line(joining, remote).ok()??;
        let epoch = shadowing.standby.epoch();
        Some(Messenger {
            channel: Channel::new(line),
            session: Standby::join(
                self.identity.clone(),
                remote,
                epoch,
                self.config.limits,
                mono_us,
            ),
            until_us: mono_us + LIMIT_US,
        })
    }

    /// Says it, and waits until the active has closed the channel over it. Whether there is an end, good or bad.
    fn deliver_resignation(&mut self, line: &mut Messenger, shadowing: &mut Shadowing) -> bool {
        let mono_us = monotonic_us();
        line.channel.poll_anew();
        let mut refused = false;
        let session = &mut line.session;
        let read = line.channel.read(&mut self.buffer, |octets| {
            refused |= session.ipc_received(mono_us, octets).is_err();
        });
        if session.standing() != Standing::Joining && shadowing.standby.give_up() {
            tracing::warn!(
                "neither node reaches the register: resigns, so that the active may speak"
            );
            session.resign(
                ResignCause::Asked,
                "it does not reach the register, and leaves the epoch to the active",
            );
        }
        let written = line.channel.write(session.ipc_outgoing());
        session.ipc_advance(written);
        refused || matches!(read, Read::Closed(_)) || mono_us > line.until_us
    }
}
