//! A node that speaks.

use super::channel::{Channel, Read};
use super::door::{Entrant, Line, SOCKET_LOOK_US};
use super::intake::LONG_FRAME;
use super::{CHANNEL, Doing, Driver, StackEvent, Turn, moment, monotonic_us, reregister};
use crate::command::Command;
use ipc::session::Session;
use mio::Interest;
use std::io;
use tcp_ha_core::{Active, NodeEvent};
use tcp_ha_link::{Received, Transmitted};

/// Frames taken in one batch, and their octets: a device with offloads gives up to 64 KiB in one.
const BATCH_FRAMES: usize = 128;
const BATCH_FRAME_OCTETS: usize = 256 << 10;

/// Frames taken out of the gate at once, so that the device can join what belongs together.
const LEAVING_MAX: usize = 512;

/// Calls taken in one batch.
const BATCH_CALLS: usize = 1024;

/// Octets of records after which a batch is closed in the middle of a daemon's dump.
pub(super) const BATCH_OCTETS: usize = 4 << 20;

/// Time between two lines about a stranger that has our address.
const STRANGER_PAUSE_US: u64 = 10_000_000;

/// Time between two reads of the register because of strangers that announce our address.
const CONFIRM_PAUSE_US: u64 = 100_000;

impl Driver {
    pub(super) fn active_turn(&mut self, mut active: Box<Active>) -> Turn {
        let mono_us = monotonic_us();
        let limits = &self.config.limits;
        // Whoever was stopped may have been overtaken: that is asked before anything else (I2).
        // Half the standby's patience: it may have begun to wait before this node stood still.
        if mono_us.saturating_sub(self.last_turn_us)
            > limits.heartbeat_us * u64::from(limits.misses) / 2
        {
            active.stood_still();
        }
        self.confirm_after_strangers(&mut active, mono_us);
        let more_ipc = self.read_standby(&mut active);
        self.accept_standby(&mut active, mono_us);
        self.intake.rest(mono_us);
        self.transmit(&mut active);
        if active.takes_input() {
            self.take_frames(&mut active);
            self.take_calls(&mut active);
        }
        let mono_us = monotonic_us();
        active.handle_timeout(mono_us);
        active.close_batch(mono_us);
        self.write_standby(&mut active);
        self.transmit(&mut active);
        self.answer_backed(&mut active);
        self.deliver(&mut active);
        self.last_turn_us = monotonic_us();
        if let Some(reason) = active.fenced() {
            return self.fenced(active, &reason.to_string());
        }
        let busy =
            more_ipc || (self.device_ready && active.takes_input()) || self.door.listener_ready;
        let next_us = if busy {
            0
        } else {
            let entrants = self.door.next_timeout().unwrap_or(u64::MAX);
            active.next_timeout().unwrap_or(u64::MAX).min(entrants)
        };
        Turn {
            next_us: next_us.min(self.last_turn_us + SOCKET_LOOK_US),
            doing: Doing::Active(active),
        }
    }

    /// Acknowledgements first: they open the gate.
    fn read_standby(&mut self, active: &mut Active) -> bool {
        if !active.has_standby() {
            self.channel = None;
        }
        let Some(channel) = &mut self.channel else {
            return false;
        };
        let mono_us = monotonic_us();
        match channel.read(&mut self.buffer, |octets| {
            active.ipc_received(mono_us, octets)
        }) {
            Read::Drained => false,
            Read::More => true,
            Read::Closed(what) => {
                tracing::warn!(what, "the channel to the standby is gone");
                self.channel = None;
                active.ipc_closed(mono_us);
                false
            }
        }
    }

    fn write_standby(&mut self, active: &mut Active) {
        if let Some(channel) = &mut self.channel {
            let written = channel.write(active.ipc_outgoing());
            active.ipc_advance(written);
        }
    }

    fn accept_standby(&mut self, active: &mut Active, mono_us: u64) {
        self.count_refusals(active.session_refusals());
        if self.channel.is_none() {
            self.door.keep(&self.poll, mono_us);
        }
        self.door
            .take(&self.poll, &self.identity, active.epoch(), mono_us);
        while let Some(entrant) =
            self.door
                .next_entrant(active.has_standby(), mono_us, &mut self.buffer)
        {
            match entrant {
                Entrant::Joins(line, session) => self.let_in(active, mono_us, line, session),
                Entrant::Refused(session, reason) => {
                    active.standby_refused(mono_us, session, reason);
                }
                Entrant::SpeaksOfNewerEpoch => active.confirm(),
            }
        }
    }

    fn let_in(&mut self, active: &mut Active, mono_us: u64, line: Line, session: Session) {
        let interest = Interest::READABLE | Interest::WRITABLE;
        let waits = line
            .transport
            .fd()
            .map(|fd| reregister(&self.poll, &fd, CHANNEL, interest));
        if let Some(Err(error)) = waits {
            tracing::error!(%error, "cannot wait on a standby's channel");
            return;
        }
        self.channel = Some(Channel::new(line));
        active.attach(mono_us, session);
        // What its session has to tell came before it was attached.
        active.ipc_received(mono_us, &[]);
    }

    fn take_frames(&mut self, active: &mut Active) {
        let mono_us = monotonic_us();
        let mut octets = 0;
        for _ in 0..BATCH_FRAMES {
            if !self.device_ready || octets >= BATCH_FRAME_OCTETS {
                return;
            }
            match self.device.receive(self.intake.room()) {
                Ok(Received { len, checksum }) if len >= LONG_FRAME => {
                    octets += len;
                    let frame = self.intake.hand_on(len, mono_us);
                    active.handle_shared(mono_us, &frame, checksum);
                }
                Ok(Received { len, checksum }) => {
                    octets += len;
                    active.handle_received(mono_us, &self.intake.room()[..len], checksum);
                }
                Err(error) => {
                    self.device_ready = false;
                    if error.kind() != io::ErrorKind::WouldBlock {
                        tracing::warn!(%error, "the device gives nothing");
                    }
                }
            }
        }
    }

    /// Gives the device what the gate lets go.
    pub(super) fn transmit(&mut self, active: &mut Active) {
        loop {
            let released = std::iter::from_fn(|| active.release());
            self.leaving.extend(released.take(LEAVING_MAX));
            if self.leaving.is_empty() {
                break;
            }
            self.write_frames(active);
            for frame in self.leaving.drain(..) {
                active.recycle(frame);
            }
        }
        active.transmitted(monotonic_us());
    }

    /// Writes what has left the gate. A node that was overtaken meanwhile writes no more: it looks before each write, of which one carries
    /// 64 KiB at most.
    fn write_frames(&mut self, active: &mut Active) {
        let mut rest = &self.leaving[..];
        while !rest.is_empty() {
            if self.life.is_overtaken() {
                active.confirm();
                if active.fenced().is_some() {
                    return;
                }
            }
            let Transmitted { frames, result } = self.device.transmit(rest);
            if let Err(error) = result
                && error.kind() != io::ErrorKind::WouldBlock
            {
                tracing::debug!(%error, frames, "frames were lost at the device");
            }
            rest = &rest[frames.max(1)..];
        }
    }

    /// Answers who waits for what the gate now lets out.
    fn answer_backed(&mut self, active: &mut Active) {
        while !self.backing.is_empty() && active.take_backed() {
            if let Some(reply) = self.backing.pop_front() {
                // Whoever asked may have gone.
                let _ = reply.send(());
            }
        }
    }

    fn take_calls(&mut self, active: &mut Active) {
        while let Some(call) = self.waiting.pop_front() {
            self.call(active, call);
        }
        for _ in 0..BATCH_CALLS {
            let Ok(call) = self.calls.try_recv() else {
                return;
            };
            self.call(active, call);
        }
    }

    fn call(&mut self, active: &mut Active, call: Command) {
        let mono_us = monotonic_us();
        let done = match call {
            Command::Listen { listening, reply } => {
                let accepting = active.listen(&listening).map_err(io_error);
                let _ = reply.send(accepting.map(|id| {
                    active.queue_accepted(id);
                    self.streams.listen(id, listening.local)
                }));
                Ok(())
            }
            Command::Accepted(id) => {
                active.accept(id);
                Ok(())
            }
            Command::Unlisten(id) => {
                active.unlisten(id);
                self.streams.unlisten(id);
                Ok(())
            }
            Command::Connect {
                local,
                remote,
                options,
                protection,
                reply,
            } => {
                match active.connect(mono_us, local, remote, options, protection) {
                    Ok(id) => self.streams.connecting(id, reply),
                    Err(error) => {
                        let _ = reply.send(Err(io_error(error)));
                    }
                }
                Ok(())
            }
            Command::Write {
                id,
                data,
                dealt_with,
            } => active.write(mono_us, id, data, dealt_with),
            Command::Processed { id, upto } => active.processed(mono_us, id, upto),
            Command::Record {
                id,
                data,
                dealt_with,
            } => active.record(mono_us, id, &data, dealt_with),
            Command::Sync { id, records } => {
                self.sync(active, id, &records);
                Ok(())
            }
            Command::Audit { id, data } => active.application_audit(id, &data),
            Command::Supply { id, offset, data } => active.supply(mono_us, id, offset, &data),
            Command::Protect { id, protection } => {
                active.protect(mono_us, id, protection);
                Ok(())
            }
            Command::Security(table) => {
                active.set_security(table);
                Ok(())
            }
            Command::Back(reply) => {
                active.ask_backing();
                self.backing.push_back(reply);
                Ok(())
            }
            Command::Change { id, change } => {
                active.change_options(mono_us, id, |options| change.apply(options))
            }
            Command::Abandon(id) => {
                active.abandon(mono_us, id);
                Ok(())
            }
            Command::Close(id) => {
                active.close(mono_us, id);
                Ok(())
            }
            Command::Abort(id) => {
                active.abort(mono_us, id);
                Ok(())
            }
        };
        if let Err(error) = done {
            tracing::debug!(%error, "a call came too late for its connection");
        }
    }

    /// A daemon's dump, in as many batches as it needs; nothing comes between them.
    fn sync(
        &mut self,
        active: &mut Active,
        id: Option<tcp_ha_engine::ConnectionId>,
        records: &[bytes::Bytes],
    ) {
        let mut rest = records;
        loop {
            let mut octets = 0;
            let fits = rest.iter().take_while(|record| {
                octets += record.len();
                octets <= BATCH_OCTETS
            });
            let (now, later) = rest.split_at(fits.count().max(1).min(rest.len()));
            let last = later.is_empty();
            active.application_records(id, now.iter().map(|record| record.as_ref()));
            if last {
                active.application_synced(id);
                return;
            }
            active.close_batch(monotonic_us());
            self.write_standby(active);
            rest = later;
        }
    }

    /// Tells the daemon what happened; only frames have gone before.
    fn deliver(&mut self, active: &mut Active) {
        let mut events = std::mem::take(&mut self.node_events);
        active.take_events(&mut events);
        for event in events.drain(..) {
            match event {
                NodeEvent::ForeignAnnouncement { address } => {
                    let now_us = monotonic_us();
                    self.confirm_due = true;
                    self.confirm_after_strangers(active, now_us);
                    // A resumed twin is fenced, so this is a stranger. Said once in a while, whatever it sends.
                    if active.fenced().is_none() && now_us > self.stranger_us + STRANGER_PAUSE_US {
                        self.stranger_us = now_us;
                        tracing::warn!(%address, "another station announces this address: two hosts have it configured");
                    }
                }
                NodeEvent::SyncRequested { id } => self.tell(StackEvent::SyncRequested { id }),
                NodeEvent::NodeSyncRequested => self.tell(StackEvent::NodeSyncRequested),
                NodeEvent::AuditRequested { id } => self.tell(StackEvent::AuditRequested { id }),
                NodeEvent::Protection { id, readiness } => {
                    self.tell(StackEvent::Protection { id, readiness })
                }
                other => self.streams.deliver(active, other),
            }
        }
        self.node_events = events;
    }

    /// A stranger may announce our address as often as it likes; the register is not asked as often.
    fn confirm_after_strangers(&mut self, active: &mut Active, now_us: u64) {
        if self.confirm_due && now_us > self.confirmed_us + CONFIRM_PAUSE_US {
            self.confirm_due = false;
            self.confirmed_us = now_us;
            active.confirm();
        }
    }

    fn tell(&self, event: StackEvent) {
        let _ = self.events.send(event);
    }

    /// This node may never speak again. What the survivor still needs to hear is written first.
    fn fenced(&mut self, active: Box<Active>, reason: &str) -> Turn {
        if let Some(channel) = &mut self.channel {
            channel.flush(active.ipc_outgoing());
        }
        let mut status = self.status();
        status.tell_active(&active, moment());
        self.last_words = Some(status);
        drop(active);
        tracing::warn!(reason, "fenced");
        self.tell(StackEvent::Fenced {
            reason: reason.to_owned(),
        });
        Turn {
            doing: Doing::Ended,
            next_us: 0,
        }
    }
}

fn io_error(error: tcp_ha_engine::Error) -> io::Error {
    use tcp_ha_engine::Error;
    let kind = match error {
        Error::AddressInUse => io::ErrorKind::AddrInUse,
        Error::InvalidAddress => io::ErrorKind::InvalidInput,
        Error::NoFreePort => io::ErrorKind::AddrNotAvailable,
        Error::UnknownConnection | Error::Closing => io::ErrorKind::NotConnected,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error.to_string())
}
