//! 3.10.7.4, fourth: check the SYN bit, as RFC 5961 4.2 has it.

use super::Arriving;
use crate::connection::{Connection, Context};
use crate::counters::DropReason;
use crate::effects::CloseCause;
use crate::segment::Flags;
use crate::state::{Opener, State};
use core::ops::ControlFlow;

impl Connection {
    pub(super) fn check_syn<'a>(
        &mut self,
        ctx: &mut Context<'_>,
        arriving: Arriving<'a>,
    ) -> ControlFlow<(), Arriving<'a>> {
        if !arriving.flags.has(Flags::SYN) {
            return ControlFlow::Continue(arriving);
        }
        if self.is_simultaneous_syn(&arriving) {
            if arriving.flags.has(Flags::ACK) {
                // The peer's SYN is known already; the rest of the segment counts.
                return ControlFlow::Continue(arriving);
            }
            // Our SYN-ACK was lost.
            if self
                .passing
                .challenge
                .allow(ctx.now, ctx.config.challenge_acks_per_second)
            {
                self.emit_syn(ctx);
            }
            ctx.counters.count_drop(DropReason::Duplicate);
            return ControlFlow::Break(());
        }
        ctx.counters.count_drop(DropReason::UnexpectedSyn);
        let passive = matches!(self.identity.opener, Opener::Passive(_));
        if self.state() == State::SynReceived && passive {
            // Back to LISTEN; the peer's next SYN begins anew.
            self.delete(CloseCause::ResetByPeer);
        } else {
            self.challenge(ctx);
        }
        ControlFlow::Break(())
    }
}
