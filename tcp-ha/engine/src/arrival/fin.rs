//! 3.10.7.4, eighth: check the FIN bit.

use super::Arriving;
use crate::connection::{Connection, Context};
use crate::effects::Event;
use crate::segment::Flags;
use crate::state::State;

impl Connection {
    /// Notes a FIN, and takes it once every octet before it is there.
    pub(super) fn check_fin(&mut self, ctx: &mut Context<'_>, arriving: &Arriving<'_>) {
        if arriving.flags.has(Flags::FIN) {
            if self.lifecycle.fin_received {
                // It came again: our ACK was lost.
                self.passing.ack_now = true;
                if self.state() == State::TimeWait {
                    self.enter_time_wait(ctx);
                }
                return;
            }
            let fin = arriving.text_end();
            if fin >= self.recv.nxt {
                self.assembler.note_fin(fin);
            }
            if fin > self.recv.nxt {
                // RFC 5681 4.2: a segment that came too early is answered at once.
                self.passing.ack_now = true;
            }
        }
        if self.assembler.fin() == Some(self.recv.nxt) && self.state().accepts_text() {
            self.take_fin(ctx);
        }
    }

    fn take_fin(&mut self, ctx: &mut Context<'_>) {
        self.lifecycle.fin_received = true;
        // A FIN is safe with the last octet before it.
        if self.recv.safe == self.recv.nxt && !planted!(CloseWithoutSafe) {
            self.recv.safe += 1;
        }
        self.recv.nxt += 1;
        self.passing.ack_now = true;
        match self.state() {
            State::Established => self.lifecycle.state = State::CloseWait,
            State::FinWait1 => self.lifecycle.state = State::Closing,
            _ => self.enter_time_wait(ctx),
        }
        ctx.fx.events.push(Event::PeerClosed { id: self.id });
    }
}
