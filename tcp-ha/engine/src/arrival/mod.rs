//! SEGMENT ARRIVES, RFC 9293 3.10.7: one function per step, in the RFC's order.

mod ack;
pub(crate) mod closed;
mod fin;
pub(crate) mod listen;
mod reset;
mod sacks;
mod sequence;
mod syn;
mod syn_sent;
mod text;
mod urg;

use crate::connection::{Connection, Context};
use crate::counters::DropReason;
use crate::segment::{Flags, Segment};
use crate::seq::SeqNum;
use crate::state::State;
use core::ops::ControlFlow;

/// `Break` ends the processing of the segment.
type Step = ControlFlow<()>;
const DONE: Step = ControlFlow::Break(());
const GO_ON: Step = ControlFlow::Continue(());

/// A segment whose sequence number has been placed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arriving<'a> {
    pub(crate) segment: &'a Segment<'a>,
    /// SEG.SEQ as a position.
    pub(crate) seq: u64,
    pub(crate) flags: Flags,
}

impl Arriving<'_> {
    /// Position of the first octet of text.
    fn text_start(&self) -> u64 {
        self.seq + u64::from(self.flags.has(Flags::SYN))
    }

    /// Position behind the text, where a FIN would stand.
    fn text_end(&self) -> u64 {
        self.text_start() + self.segment.payload.len() as u64
    }

    /// Position behind the segment.
    fn end(&self) -> u64 {
        self.text_end() + u64::from(self.flags.has(Flags::FIN))
    }
}

/// What the engine has to do after an arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing more.
    Done,
    /// A SYN asks for a new incarnation of a connection in TIME-WAIT; its ISS must not lie
    /// before this.
    Reopen(SeqNum),
}

/// The listener on the socket that a segment came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// There is none.
    None,
    /// It takes connections.
    Open,
    /// As many as its backlog wait for their user.
    Shut,
}

impl Connection {
    /// RFC 9293 3.10.7.3 and 3.10.7.4; the caller has dealt with CLOSED and LISTEN.
    pub(crate) fn arrive(
        &mut self,
        ctx: &mut Context<'_>,
        segment: &Segment<'_>,
        door: Door,
    ) -> Outcome {
        self.tally.segments_in += 1;
        self.tally.last_received_at = Some(ctx.now);
        if self.state() == State::SynSent {
            self.arrive_in_syn_sent(ctx, segment);
            return Outcome::Done;
        }
        if door == Door::Open
            && let Some(iss_floor) = self.reopens(segment)
        {
            return Outcome::Reopen(iss_floor);
        }
        let _ = self.arrive_synchronized(ctx, segment, door);
        Outcome::Done
    }

    fn arrive_synchronized(
        &mut self,
        ctx: &mut Context<'_>,
        segment: &Segment<'_>,
        door: Door,
    ) -> Step {
        let arriving = self.check_sequence(ctx, segment)?;
        self.check_reset(ctx, &arriving)?;
        // Third, security: RFC 9293 A.1, not implemented.
        let arriving = self.check_syn(ctx, arriving)?;
        self.heard(ctx);
        self.check_ack(ctx, &arriving, door)?;
        self.check_urgent(&arriving);
        self.take_text(ctx, &arriving)?;
        self.check_fin(ctx, &arriving);
        GO_ON
    }

    /// Drops the segment and counts why.
    fn drop_segment(&mut self, ctx: &mut Context<'_>, reason: DropReason) -> Step {
        ctx.counters.count_drop(reason);
        DONE
    }
}
