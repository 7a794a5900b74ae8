//! Connections whose user is gone: they finish by themselves, within bounds.

use crate::connection::{Connection, Context};
use crate::effects::CloseCause;
use crate::state::State;

impl Connection {
    /// CLOSE by a user who will not read any more. What was written is delivered, what comes
    /// in is discarded; `ConnectionOptions::linger` says how long that may last.
    pub(crate) fn abandon(&mut self, ctx: &mut Context<'_>) {
        let linger = self.identity.options.linger;
        if linger.is_some_and(|linger| linger.is_zero()) {
            return self.abort(ctx);
        }
        if self.lifecycle.orphaned.is_some() {
            return;
        }
        self.lifecycle.orphaned = Some(self.recv.read);
        self.discard_received();
        self.acknowledge_if_due(ctx);
        if !self.lifecycle.user_closed {
            // It was not closed before, so this cannot fail.
            let _ = self.close(ctx);
        }
        let waits = self.state() != State::TimeWait;
        if self.state() == State::FinWait2 {
            self.timers.linger = Some(ctx.now + ctx.config.fin_wait_2_limit);
        }
        if let Some(linger) = linger.filter(|_| waits) {
            let end = ctx.now + linger;
            self.timers.linger = Some(self.timers.linger.map_or(end, |at| at.min(end)));
        }
    }

    /// SAFE and READ := RCV.NXT; nobody will ask for these octets.
    pub(crate) fn discard_received(&mut self) {
        self.recv.safe = self.recv.nxt;
        let upto = self.recv_text_end();
        self.recv.read = upto;
        self.recv_buffer.trim(upto);
    }

    /// True where text arrives that nobody will read, after all of ours was delivered: the peer
    /// is told by a RST that it is lost (RFC 9293 SHLD-3). While ours is on its way a RST would
    /// make the peer throw it away.
    pub(crate) fn refuses_text(&self) -> bool {
        self.lifecycle.orphaned.is_some() && self.lifecycle.fin_acked
    }

    /// Ends an orphan for which no more can be done.
    pub(crate) fn drop_orphan(&mut self, ctx: &mut Context<'_>) {
        self.emit_reset(ctx);
        self.delete(CloseCause::Aborted);
    }

    /// Timeouts in a row that are waited out before the connection is given up.
    pub(crate) fn patience(&self, ctx: &Context<'_>) -> u8 {
        let most = ctx.config.max_retransmits;
        if self.lifecycle.orphaned.is_some() {
            most.min(ctx.config.orphan_retries)
        } else {
            most
        }
    }
}
