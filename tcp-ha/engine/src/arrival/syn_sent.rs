//! 3.10.7.3: a segment in SYN-SENT.

use super::{Arriving, Step};
use crate::connection::{Connection, Context};
use crate::counters::DropReason;
use crate::effects::CloseCause;
use crate::segment::{Flags, Segment};
use crate::state::State;

impl Connection {
    pub(super) fn arrive_in_syn_sent(&mut self, ctx: &mut Context<'_>, segment: &Segment<'_>) {
        let _ = self.syn_sent_steps(ctx, segment);
    }

    fn syn_sent_steps(&mut self, ctx: &mut Context<'_>, segment: &Segment<'_>) -> Step {
        let flags = segment.header.flags;
        // First, the ACK bit: only our SYN can be acknowledged.
        let acknowledged = flags.has(Flags::ACK).then(|| {
            self.identity
                .iss
                .position(segment.header.ack, self.send.una)
        });
        if let Some(ack) = acknowledged
            && ack != Some(self.send.max)
        {
            if !flags.has(Flags::RST) {
                self.reset_stray(ctx, segment);
            }
            return self.drop_segment(ctx, DropReason::AckTooNew);
        }
        // Second, the RST bit.
        if flags.has(Flags::RST) {
            if acknowledged.is_none() {
                return self.drop_segment(ctx, DropReason::StrayReset);
            }
            self.delete(CloseCause::Refused);
            return super::DONE;
        }
        // Fourth, the SYN bit.
        if !flags.has(Flags::SYN) {
            let reason = if acknowledged.is_some() {
                DropReason::OutOfWindow
            } else {
                DropReason::MissingAck
            };
            return self.drop_segment(ctx, reason);
        }
        self.take_syn(ctx, segment);
        let arriving = Arriving {
            segment,
            seq: 0,
            flags,
        };
        if acknowledged.is_none() {
            // Both opened at once (RFC 9293 figure 8).
            self.lifecycle.state = State::SynReceived;
            self.emit_syn(ctx);
            return super::DONE;
        }
        self.establish(ctx, &arriving);
        self.advance_una(ctx, self.send.max, segment);
        self.heard(ctx);
        self.passing.ack_now = true;
        self.take_text(ctx, &arriving)?;
        self.check_fin(ctx, &arriving);
        super::GO_ON
    }
}
