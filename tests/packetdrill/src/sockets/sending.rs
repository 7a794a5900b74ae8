//! From a write to the engine: how much it may take, and what is held back.
//!
//! How much a write takes follows Linux: octets fill buffers of as many full segments as half
//! of the largest window seen, and a new one is begun only while less than SO_SNDBUF is
//! queued and less than TCP_NOTSENT_LOWAT unsent. A writer that was refused waits until a
//! third of the buffer is free.

use super::config::Semantics;
use super::errno::Errno;
use super::host::Host;
use super::stream::{Opening, SendFlags, Stream};
use super::table::{Fd, Table};
use core::time::Duration;
use std::collections::VecDeque;
use tcp_ha_engine::{ConnectionId, ConnectionInfo, ConnectionOptions, Instant};

/// Corked octets wait at most so long (as Linux has it).
const CORK_LIMIT: Duration = Duration::from_millis(200);
/// Most octets of one buffer.
const BUFFER_LIMIT: u64 = 64_000;

/// What a stream's user has written and the engine does not have.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    /// Octets held back by TCP_CORK, MSG_MORE, or the end of a record before them.
    held: Vec<u8>,
    /// When they go out all the same.
    until: Option<Instant>,
    /// TCP_CORK.
    pub(super) corked: bool,
    /// The last write said MSG_MORE.
    more: bool,
    /// What is handed over now ends with PUSH.
    push: bool,
    /// Stream offset at which PUSH was last.
    pushed: u64,
    /// SO_SNDBUF; `None` for what the engine takes.
    pub(super) buffer: Option<usize>,
    /// TCP_NOTSENT_LOWAT as set on this socket, and where it was not.
    pub(super) lowat: Option<u32>,
    pub(super) default_lowat: Option<u32>,
    /// Stream offset at which the buffer that is being filled begins.
    tail: u64,
    /// Largest window seen.
    max_wnd: u64,
    /// A write was refused for want of space.
    refused: bool,
    /// Stream offsets at which records end.
    records: VecDeque<u64>,
}

impl Outgoing {
    /// Forgets what will never be sent.
    pub(super) fn clear(&mut self) {
        self.held.clear();
        self.until = None;
        self.records.clear();
    }

    /// True while a writer waits for space.
    pub(super) fn refused(&self) -> bool {
        self.refused
    }

    /// Zero stands for the default.
    fn lowat(&self) -> u64 {
        self.lowat
            .filter(|&lowat| lowat > 0)
            .or(self.default_lowat)
            .map_or(u64::MAX, u64::from)
    }

    /// PUSH at the end of a write, and within it where half of the largest window lies behind
    /// the last.
    fn note_push(&mut self, written: u64, ends: bool) {
        self.push = ends || written > self.pushed + self.max_wnd / 2;
        if self.push {
            self.pushed = written;
        }
    }

    /// Octets of one buffer.
    fn goal(&self, mss: u64) -> u64 {
        let half = (self.max_wnd / 2).min(BUFFER_LIMIT);
        (half - half % mss.max(1)).max(mss)
    }
}

impl Host {
    /// send(2): queues as much of `octets` as there is room for.
    ///
    /// Errors: `Again` where there is none, `Pipe`, `NotConnected`, and once what ended
    /// the connection.
    pub fn send(&mut self, fd: Fd, octets: &[u8], flags: SendFlags) -> Result<usize, Errno> {
        let waits = self.config.semantics == Semantics::Linux;
        let stream = self.table.stream_mut(fd)?;
        if let Some(error) = stream.error.take() {
            return Err(error);
        }
        if waits && stream.opening == Opening::Connecting && stream.id.is_some() {
            return Err(Errno::Again);
        }
        let Some(id) = stream.id.filter(|_| !stream.write_shut) else {
            return Err(Errno::Pipe);
        };
        if stream.outgoing.refused {
            let stream = self.table.stream(fd)?;
            if !self.is_writable(stream) {
                return Err(Errno::Again);
            }
        }
        let outgoing = &mut self.table.stream_mut(fd)?.outgoing;
        outgoing.refused = false;
        outgoing.more = flags.more;
        let mut taken = 0;
        while taken < octets.len() {
            let room = self.next_room(fd, id)?.min(octets.len() - taken);
            if room == 0 {
                self.table.stream_mut(fd)?.outgoing.refused = true;
                break;
            }
            let stream = self.table.stream_mut(fd)?;
            stream.outgoing.held.extend(&octets[taken..taken + room]);
            taken += room;
            let ends = taken == octets.len() && !flags.more;
            let written = self.written(fd, id)?;
            self.table.stream_mut(fd)?.outgoing.note_push(written, ends);
            self.hand_over(fd)?;
        }
        self.note_phases();
        if flags.record && taken == octets.len() {
            let end = self.written(fd, id)?;
            self.table.stream_mut(fd)?.outgoing.records.push_back(end);
        }
        if taken == 0 && !octets.is_empty() {
            return Err(Errno::Again);
        }
        Ok(taken)
    }

    /// Stream offset behind the last octet that the user has written.
    pub(super) fn written(&self, fd: Fd, id: ConnectionId) -> Result<u64, Errno> {
        let held = self.table.stream(fd)?.outgoing.held.len() as u64;
        let info = self.engine.connection(id).ok_or(Errno::Pipe)?;
        Ok(info.snd_end + held)
    }

    /// Octets that the buffer being filled, or a new one, takes.
    fn next_room(&mut self, fd: Fd, id: ConnectionId) -> Result<usize, Errno> {
        let info = self.engine.connection(id).ok_or(Errno::Pipe)?;
        let space = self.engine.send_room(id);
        let limit = self.send_buffer(fd)? as u64;
        let outgoing = &mut self.table.stream_mut(fd)?.outgoing;
        let end = info.snd_end + outgoing.held.len() as u64;
        outgoing.max_wnd = outgoing.max_wnd.max(info.snd_wnd);
        let goal = outgoing.goal(u64::from(info.mss));
        // A buffer that was sent in part begins anew behind that part.
        let filled = end - outgoing.tail.max(info.snd_nxt).min(end);
        let room = if filled == 0 || filled >= goal {
            let (queued, unsent) = (end - info.snd_una, end - info.snd_nxt.min(end));
            if queued >= limit || unsent >= outgoing.lowat() {
                return Ok(0);
            }
            outgoing.tail = end;
            goal
        } else {
            goal - filled
        };
        let space = space.saturating_sub(outgoing.held.len());
        Ok(usize::try_from(room).unwrap_or(usize::MAX).min(space))
    }

    /// POLLOUT: a third of the buffer is free, and little enough is unsent.
    pub(super) fn is_writable(&self, stream: &Stream) -> bool {
        let Some(info) = self.info(stream) else {
            return true;
        };
        let outgoing = &stream.outgoing;
        let end = info.snd_end + outgoing.held.len() as u64;
        let queued = end - info.snd_una;
        let limit = match outgoing.buffer {
            Some(limit) => limit,
            None => self.config.engine.send_capacity,
        };
        let free = (limit as u64).saturating_sub(queued);
        free >= queued / 2 && free > 0 && end - info.snd_nxt.min(end) < outgoing.lowat()
    }

    /// Octets that the peer has not acknowledged, sent or not.
    pub(super) fn queued(&self, stream: &Stream) -> usize {
        let queued = self
            .info(stream)
            .map_or(0, |info| info.snd_end - info.snd_una);
        usize::try_from(queued)
            .unwrap_or(usize::MAX)
            .saturating_add(stream.outgoing.held.len())
    }

    fn info(&self, stream: &Stream) -> Option<ConnectionInfo> {
        stream.id.and_then(|id| self.engine.connection(id))
    }

    /// Gives the engine what need not be held back.
    fn hand_over(&mut self, fd: Fd) -> Result<(), Errno> {
        let stream = self.table.stream(fd)?;
        let (Some(info), outgoing) = (self.info(stream), &stream.outgoing) else {
            return Ok(());
        };
        let piece = match outgoing.corked || outgoing.more {
            true => usize::from(info.mss).max(1),
            false => 1,
        };
        self.hand_over_pieces(fd, piece)
    }

    /// Gives the engine everything but what waits for the end of a record to be sent.
    pub(super) fn hand_over_all(&mut self, fd: Fd) -> Result<(), Errno> {
        self.hand_over_pieces(fd, 1)
    }

    /// Gives the engine everything: no more is to come.
    pub(super) fn flush(&mut self, fd: Fd) -> Result<(), Errno> {
        let outgoing = &mut self.table.stream_mut(fd)?.outgoing;
        outgoing.records.clear();
        outgoing.push = true;
        self.hand_over_pieces(fd, 1)
    }

    /// As much as makes whole pieces, record by record.
    fn hand_over_pieces(&mut self, fd: Fd, piece: usize) -> Result<(), Errno> {
        let now = self.now();
        while let Some((id, count)) = self.next_piece(fd, piece)? {
            let outgoing = &mut self.table.stream_mut(fd)?.outgoing;
            let ready: Vec<u8> = outgoing.held.drain(..count).collect();
            let more = !outgoing.push;
            let in_the_middle = !outgoing.held.is_empty() && !outgoing.records.is_empty();
            self.write_piece(fd, id, &ready, more, in_the_middle)?;
        }
        let outgoing = &mut self.table.stream_mut(fd)?.outgoing;
        outgoing.until = match outgoing.held.is_empty() {
            true => None,
            false => outgoing.until.or(Some(now + CORK_LIMIT)),
        };
        Ok(())
    }

    /// Nagle's algorithm holds nothing back behind which more is waiting.
    fn write_piece(
        &mut self,
        fd: Fd,
        id: ConnectionId,
        octets: &[u8],
        more: bool,
        in_the_middle: bool,
    ) -> Result<(), Errno> {
        let options = self.options(fd)?;
        let at_once = ConnectionOptions {
            nodelay: options.nodelay || in_the_middle,
            ..options
        };
        self.with_engine(|engine, now, fx| {
            if in_the_middle {
                engine.set_options(now, id, at_once, fx)?;
            }
            match more {
                true => engine.send_part(now, id, octets, fx)?,
                false => engine.send(now, id, octets, fx)?,
            };
            if in_the_middle {
                engine.set_options(now, id, options, fx)?;
            }
            Ok(())
        })
    }

    /// The connection, and how many octets it may have now.
    fn next_piece(&mut self, fd: Fd, piece: usize) -> Result<Option<(ConnectionId, usize)>, Errno> {
        let stream = self.table.stream(fd)?;
        let (Some(id), Some(info)) = (stream.id, self.info(stream)) else {
            return Ok(None);
        };
        let outgoing = &mut self.table.stream_mut(fd)?.outgoing;
        while outgoing
            .records
            .front()
            .is_some_and(|&end| end <= info.snd_nxt)
        {
            outgoing.records.pop_front();
        }
        let held = outgoing.held.len();
        let count = match outgoing.records.front() {
            None => held - held % piece,
            // The record is with the engine, which has not sent all of it.
            Some(&end) if end <= info.snd_end => 0,
            Some(&end) => held.min(usize::try_from(end - info.snd_end).unwrap_or(held)),
        };
        Ok((count > 0).then_some((id, count)))
    }

    /// The peer has acknowledged something: a record may have been sent to its end, and
    /// MSG_MORE holds back no longer than that (TCP_CORK does).
    pub(super) fn go_on_sending(&mut self, id: ConnectionId) {
        if let Some(fd) = self.table.fd_of(id)
            && self
                .table
                .stream(fd)
                .is_ok_and(|s| !s.outgoing.held.is_empty())
        {
            let corked = self.table.stream(fd).is_ok_and(|s| s.outgoing.corked);
            // The stream was found a moment ago; where it has ended, nothing is lost.
            let _ = match corked {
                true => self.hand_over(fd),
                false => self.hand_over_all(fd),
            };
        }
    }

    /// Sends what was held back for too long.
    pub(super) fn release_overdue(&mut self) {
        for fd in self.table.overdue(self.now()) {
            if let Ok(stream) = self.table.stream_mut(fd) {
                stream.outgoing.until = None;
                stream.outgoing.more = false;
                stream.outgoing.push = true;
            }
            // As above.
            let _ = self.hand_over_all(fd);
        }
    }
}

impl Table {
    /// When the first held-back octets go out.
    pub(super) fn earliest_release(&self) -> Option<Instant> {
        self.streams()
            .filter_map(|(_, stream)| stream.outgoing.until)
            .min()
    }

    fn overdue(&self, now: Instant) -> Vec<Fd> {
        self.streams()
            .filter(|(_, stream)| stream.outgoing.until.is_some_and(|at| at <= now))
            .map(|(fd, _)| fd)
            .collect()
    }

    fn fd_of(&self, id: ConnectionId) -> Option<Fd> {
        self.streams()
            .find(|(_, stream)| stream.id == Some(id))
            .map(|(fd, _)| fd)
    }
}
