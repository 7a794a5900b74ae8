//! 3.10.7.4, first: check the sequence number; before it PAWS (RFC 7323 section 5).

use super::{Arriving, DONE, Step};
use crate::connection::{Connection, Context};
use crate::counters::DropReason;
use crate::segment::{Flags, Segment};
use crate::seq::SeqNum;
use crate::state::State;
use core::ops::ControlFlow;
use core::time::Duration;

/// RFC 7323 5.5: after so long TS.Recent proves nothing.
const TS_RECENT_LIFE: Duration = Duration::from_secs(24 * 24 * 3_600);

impl Connection {
    pub(super) fn check_sequence<'a>(
        &mut self,
        ctx: &mut Context<'_>,
        segment: &'a Segment<'a>,
    ) -> ControlFlow<(), Arriving<'a>> {
        let flags = segment.header.flags;
        self.check_timestamp(ctx, segment)?;
        let position = self
            .identity
            .irs
            .position(segment.header.seq, self.recv.nxt);
        let arriving = position.map(|seq| Arriving {
            segment,
            seq,
            flags,
        });
        let Some(arriving) = arriving.filter(|arriving| self.is_acceptable(arriving)) else {
            self.answer_unacceptable(ctx, segment, arriving.as_ref());
            return ControlFlow::Break(());
        };
        self.note_timestamp(ctx, &arriving);
        ControlFlow::Continue(arriving)
    }

    /// The four cases of the RFC, but as lenient as Linux: an empty segment may stand at
    /// the very right edge, and one as old as the last ACK sent still brings its own ACK.
    fn is_acceptable(&self, arriving: &Arriving<'_>) -> bool {
        let (nxt, edge) = (self.recv.nxt, self.recv.right_edge.max(self.recv.nxt));
        if self.is_simultaneous_syn(arriving) {
            return true;
        }
        if arriving.end() < self.recv.last_ack_sent || arriving.seq > edge {
            return false;
        }
        arriving.segment.is_empty() || arriving.seq < edge || edge == nxt
    }

    /// The SYN-ACK of a simultaneous open, or a SYN whose answer was lost.
    pub(super) fn is_simultaneous_syn(&self, arriving: &Arriving<'_>) -> bool {
        self.state() == State::SynReceived && arriving.flags.has(Flags::SYN) && arriving.seq == 0
    }

    /// An ACK answers, unless it is a RST.
    fn answer_unacceptable(
        &mut self,
        ctx: &mut Context<'_>,
        segment: &Segment<'_>,
        arriving: Option<&Arriving<'_>>,
    ) {
        ctx.counters.count_drop(DropReason::OutOfWindow);
        if segment.header.flags.has(Flags::RST) {
            return;
        }
        self.heard(ctx);
        if self.state() == State::TimeWait && segment.header.flags.has(Flags::FIN) {
            // The FIN came again: our last ACK was lost (3.10.7.4, eighth).
            self.enter_time_wait(ctx);
        }
        if self.state() == State::SynReceived {
            // Nothing but SYN and SYN-ACK make sense to the peer yet.
            self.challenge(ctx);
            return;
        }
        if segment.is_empty() {
            self.challenge(ctx);
            return;
        }
        if let Some(arriving) = arriving {
            self.note_duplicate(arriving);
            self.acknowledge_quickly();
        }
        self.passing.ack_now = true;
    }

    /// RFC 7323 5.3 R1.
    fn check_timestamp(&mut self, ctx: &mut Context<'_>, segment: &Segment<'_>) -> Step {
        let is_reset = segment.header.flags.has(Flags::RST);
        if !self.identity.timestamps || is_reset {
            return super::GO_ON;
        }
        let Some(timestamps) = segment.options.timestamps else {
            return self.drop_segment(ctx, DropReason::MissingTimestamp);
        };
        let age = ctx.now.saturating_since(self.recv.ts_recent_at);
        let old = SeqNum(timestamps.value).before(SeqNum(self.recv.ts_recent));
        if old && age < TS_RECENT_LIFE {
            ctx.counters.count_drop(DropReason::Paws);
            if segment.is_empty() {
                self.challenge(ctx);
            } else {
                self.passing.ack_now = true;
            }
            return DONE;
        }
        super::GO_ON
    }

    /// RFC 7323 5.3 R3: TS.Recent follows segments that span Last.ACK.sent.
    fn note_timestamp(&mut self, ctx: &Context<'_>, arriving: &Arriving<'_>) {
        let Some(timestamps) = arriving.segment.options.timestamps else {
            return;
        };
        let last_ack_sent = match planted!(TsRecentUnreleased) {
            true => self.recv.nxt,
            false => self.recv.last_ack_sent,
        };
        if self.identity.timestamps
            && !arriving.flags.has(Flags::RST)
            && arriving.seq <= last_ack_sent
        {
            self.recv.ts_recent = timestamps.value;
            self.recv.ts_recent_at = ctx.now;
        }
    }

    /// A SYN that may open a new incarnation in TIME-WAIT (RFC 9293 MAY-2,
    /// RFC 6191): returns the least ISS for it.
    pub(super) fn reopens(&self, segment: &Segment<'_>) -> Option<SeqNum> {
        let flags = segment.header.flags;
        let plain_syn = flags.has(Flags::SYN)
            && !flags.has(Flags::ACK)
            && !flags.has(Flags::RST)
            && !flags.has(Flags::FIN);
        if self.state() != State::TimeWait || !plain_syn {
            return None;
        }
        let rcv_nxt = self.identity.irs.at(self.recv.nxt);
        let newer_seq = rcv_nxt.before(segment.header.seq);
        let newer = match segment.options.timestamps {
            Some(timestamps) if self.identity.timestamps => {
                let recent = SeqNum(self.recv.ts_recent);
                recent.before(SeqNum(timestamps.value))
                    || (timestamps.value == recent.0 && newer_seq)
            }
            _ => newer_seq,
        };
        newer.then(|| self.successor_iss())
    }
}
