//! 3.10.7.4, second: check the RST bit, as RFC 5961 3.2 has it.

use super::{Arriving, DONE, GO_ON, Step};
use crate::arrival::closed::reset_for;
use crate::auth::signer;
use crate::connection::{Connection, Context};
use crate::counters::DropReason;
use crate::effects::CloseCause;
use crate::options::Options;
use crate::output::Span;
use crate::segment::{Flags, Segment};
use crate::state::{Opener, State};

impl Connection {
    pub(super) fn check_reset(&mut self, ctx: &mut Context<'_>, arriving: &Arriving<'_>) -> Step {
        if !arriving.flags.has(Flags::RST) {
            return GO_ON;
        }
        // The peer knows RCV.NXT only as the ACK field told it, and that is SAFE.
        let exact = arriving.seq == self.recv.nxt || arriving.seq == self.recv.safe;
        if !exact {
            self.challenge(ctx);
            return self.drop_segment(ctx, DropReason::ChallengedReset);
        }
        if self.state() == State::TimeWait {
            // RFC 1337: an old duplicate must not end the wait.
            return self.drop_segment(ctx, DropReason::StrayReset);
        }
        let cause = match (self.state(), self.identity.opener) {
            (State::SynReceived, Opener::Active) => CloseCause::Refused,
            (State::Closing | State::LastAck, _) => CloseCause::Normal,
            _ => CloseCause::ResetByPeer,
        };
        self.delete(cause);
        DONE
    }

    /// Answers a segment that fits nothing of a half-open connection as CLOSED would.
    pub(super) fn reset_stray(&mut self, ctx: &mut Context<'_>, segment: &Segment<'_>) {
        let Some(header) = reset_for(segment) else {
            return;
        };
        if !self
            .passing
            .challenge
            .allow(ctx.now, ctx.config.challenge_acks_per_second)
        {
            ctx.counters.rate_limited += 1;
            return;
        }
        let options = Options {
            signature: signer::blank(&self.auth.signing),
            ..Options::default()
        };
        self.push_segment(ctx, &header, &options, Span::single(0, 0));
        ctx.counters.resets_out += 1;
    }
}
