//! User calls on one connection (RFC 9293 3.9.1): SEND, CLOSE, ABORT, options.

use crate::config::ConnectionOptions;
use crate::connection::{Connection, Context, bounded_options};
use crate::effects::CloseCause;
use crate::error::Error;
use crate::state::State;
use bytes::Bytes;

impl Connection {
    /// Octets the send buffer has room for.
    pub(crate) fn send_room(&self, capacity: usize) -> usize {
        if self.lifecycle.user_closed || self.cause.is_some() {
            return 0;
        }
        capacity.saturating_sub(self.send_buffer.len())
    }

    /// Queues as much of `data` as fits; how many octets that was. `push`: no more will follow
    /// soon.
    pub(crate) fn queue(
        &mut self,
        ctx: &mut Context<'_>,
        data: &[u8],
        push: bool,
    ) -> Result<usize, Error> {
        if self.lifecycle.user_closed {
            return Err(Error::Closing);
        }
        let taken = data.len().min(self.send_room(ctx.config.send_capacity));
        self.send_buffer.append(&data[..taken]);
        self.note_queued(ctx, taken, push);
        Ok(taken)
    }

    /// Queues all of `data`, and keeps it where it is.
    pub(crate) fn queue_shared(&mut self, ctx: &mut Context<'_>, data: Bytes) -> Result<(), Error> {
        if self.lifecycle.user_closed {
            return Err(Error::Closing);
        }
        let len = data.len();
        if len > self.send_room(ctx.config.send_capacity) {
            return Err(Error::OutOfRange);
        }
        self.send_buffer.append_shared(data);
        self.note_queued(ctx, len, true);
        Ok(())
    }

    fn note_queued(&mut self, ctx: &mut Context<'_>, octets: usize, push: bool) {
        self.send.end += octets as u64;
        self.pushes.note(self.send.end, push);
        self.transmit(ctx);
    }

    /// CLOSE: a FIN after everything queued. Receiving goes on.
    pub(crate) fn close(&mut self, ctx: &mut Context<'_>) -> Result<(), Error> {
        if self.lifecycle.user_closed {
            return Err(Error::Closing);
        }
        self.lifecycle.user_closed = true;
        match self.state() {
            State::SynSent => self.delete(CloseCause::Aborted),
            State::Established => self.lifecycle.state = State::FinWait1,
            State::CloseWait => self.lifecycle.state = State::LastAck,
            // In SYN-RECEIVED the FIN waits for the handshake.
            _ => {}
        }
        self.transmit(ctx);
        Ok(())
    }

    /// ABORT: the peer gets a RST where it could still send or wait (RFC 9293 3.10.5).
    pub(crate) fn abort(&mut self, ctx: &mut Context<'_>) {
        match self.state() {
            State::SynReceived
            | State::Established
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait => self.emit_reset(ctx),
            _ => {}
        }
        self.delete(CloseCause::Aborted);
    }

    /// Changes what the user chose, from now on.
    pub(crate) fn set_options(&mut self, ctx: &mut Context<'_>, options: ConnectionOptions) {
        let mode = options.receive_mode;
        let keepalive = self.identity.options.keepalive;
        self.identity.options = ConnectionOptions {
            receive_mode: self.identity.options.receive_mode,
            ..bounded_options(options)
        };
        if self.identity.options.keepalive != keepalive {
            self.rearm_keepalive(ctx.now);
        }
        self.set_receive_mode(ctx, mode);
        self.transmit(ctx);
    }
}
