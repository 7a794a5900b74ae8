//! Closing a batch: effects of the engine become events, records and frames, under one LSN.

use super::Active;
use super::arrived::Range;
use crate::event::NodeEvent;
use crate::readiness::DownReason;
use crate::record::{self, Record};
use ipc::batch::BATCH_OCTETS_MAX;
use tcp_ha_engine::{ConnectionId, Event, Instant};

impl Active {
    /// Closes the batch: records what changed, gives it an LSN, queues its frames behind it.
    pub fn close_batch(&mut self, mono_us: u64) {
        self.seen_us = mono_us;
        let now = self.clock.now(mono_us);
        self.settle_events(now);
        self.engine.acknowledge_gathered(now, &mut self.fx);
        let has_segments = self.fx.segments().len() > 0;
        for segment in self.fx.take_segments() {
            self.host.send_built(now, segment, &mut self.frames);
        }
        self.fx.clear();
        self.host.take_changed_neighbours(&mut self.neighbours);
        if self.has_established_standby() {
            self.record_neighbours();
            self.record_changes();
            self.sync_more();
            self.settle_shares();
            self.announce_readiness();
            self.audit_more(mono_us);
        } else {
            self.engine.take_dirty(&mut self.dirty);
            self.dirty.clear();
            self.put_off.clear();
            self.batch.clear();
        }
        self.neighbours.clear();
        self.append(mono_us);
        let lsn = self.log.last();
        self.backing.closed(lsn);
        for frame in self.frames.drain() {
            if self.gate.push(lsn, frame).is_err() {
                self.counters.gate_full += 1;
            }
        }
        self.departing.closed(lsn, now, has_segments, &self.gate);
        self.note_course();
    }

    /// Gives the batch its LSN and hands it to the channel. Frames without any change still get a barrier of their own, so that an
    /// acknowledgement older than the frame never lets it go.
    pub(super) fn append(&mut self, mono_us: u64) {
        let awaited = self.barrier_due || self.backing.is_asked();
        if self.batch.is_empty() && self.frames.is_empty() && !awaited {
            return;
        }
        self.barrier_due = false;
        self.counters.batches += 1;
        let attached = self.has_established_standby();
        if attached && self.batch.octets() > BATCH_OCTETS_MAX {
            self.lose_standby(mono_us, DownReason::LogFull);
            let _ = self.log.append(0, mono_us);
            return;
        }
        match self.log.append(self.batch.octets(), mono_us) {
            Ok(lsn) if attached => {
                let time_us = self.clock.now(mono_us).as_micros();
                if let Some(link) = &mut self.standby {
                    link.send_batch(mono_us, lsn, time_us, &mut self.batch);
                }
                self.note_appended(lsn);
            }
            Ok(_) => {}
            Err(_) => {
                self.lose_standby(mono_us, DownReason::LogFull);
                // Detached, the log takes anything: the frames wait behind the shut gate.
                let _ = self.log.append(self.batch.octets(), mono_us);
            }
        }
        self.batch.clear();
    }

    /// Turns engine events into the daemon's; answers what needs an answer within this batch.
    fn settle_events(&mut self, now: Instant) {
        let mut events = std::mem::take(&mut self.settling);
        while !self.fx.events.is_empty() {
            std::mem::swap(&mut events, &mut self.fx.events);
            for event in events.drain(..) {
                self.settle(now, event);
            }
            self.settle_arrived(now);
        }
        self.settling = events;
    }

    /// The daemon gets what came, and what an ACK waits for is made safe.
    fn settle_arrived(&mut self, now: Instant) {
        let (mut ranges, mut due) = self.arrived.take();
        for Range { id, from, to } in ranges.drain(..) {
            self.deliver(id, from, to);
        }
        for (id, upto) in due.drain(..) {
            self.make_trailing_safe(now, id, upto);
        }
        self.arrived.put_back(ranges, due);
    }

    fn settle(&mut self, now: Instant, event: Event) {
        match event {
            Event::Accepted { listener, id } => {
                let protection = self.listening.get(&listener).copied().flatten();
                self.established(now, id, protection);
                if let Some((local, remote)) = self.ends(id) {
                    self.events.push(NodeEvent::Accepted {
                        listener,
                        id,
                        local,
                        remote,
                    });
                }
            }
            Event::Connected { id } => {
                let protection = self.connecting.remove(&id).flatten();
                self.established(now, id, protection);
                if let Some((local, remote)) = self.ends(id) {
                    self.events.push(NodeEvent::Connected { id, local, remote });
                }
            }
            Event::Received { id, from, to } => self.arrived.note(Range { id, from, to }),
            Event::SafeDue { id, upto } => self.arrived.note_due(id, upto),
            Event::Acknowledged { id, upto } => {
                self.events.push(NodeEvent::Acknowledged { id, upto })
            }
            Event::PeerClosed { id } => {
                self.settle_arrived(now);
                self.events.push(NodeEvent::PeerClosed { id });
            }
            Event::Closed { id, cause } => {
                self.settle_arrived(now);
                self.connecting.remove(&id);
                self.forget_connection(id);
                self.events.push(NodeEvent::Closed { id, cause });
            }
        }
    }

    fn ends(&self, id: ConnectionId) -> Option<(std::net::SocketAddr, std::net::SocketAddr)> {
        self.engine
            .connection(id)
            .map(|info| (info.tuple.local, info.tuple.remote))
    }

    fn deliver(&mut self, id: ConnectionId, from: u64, to: u64) {
        let (events, mut offset) = (&mut self.events, from);
        self.engine.share_received(id, from, to, |data| {
            let from = offset;
            offset += data.len() as u64;
            events.push(NodeEvent::Received {
                id,
                offset: from,
                data,
            });
        });
    }

    /// `Marked` mode: an ACK is due, so what the daemon has not marked yet is made safe by shipping it.
    fn make_trailing_safe(&mut self, now: Instant, id: ConnectionId, upto: u64) {
        let safe = self.engine.connection(id).map_or(upto, |info| info.safe);
        let before = self.batch.octets();
        let shipping = self
            .protected
            .get(&id)
            .is_some_and(|protected| protected.is_recorded());
        if shipping {
            self.record_received(id, safe, upto);
            self.charge(id, self.batch.octets() - before);
            if let Some(protected) = self.protected.get_mut(&id) {
                protected.shipped = true;
            }
        }
        let _ = self.engine.make_safe(now, id, upto, &mut self.fx);
    }

    fn record_neighbours(&mut self) {
        for (address, link) in self.neighbours.drain(..) {
            Record::Neighbour {
                address,
                link: link.0,
            }
            .write(&mut self.batch);
        }
    }

    /// Records every connection that has changed since the last call: one delta each, whatever has become of it in the batch.
    fn record_changes(&mut self) {
        self.engine.take_dirty(&mut self.dirty);
        let mut dirty = std::mem::take(&mut self.dirty);
        let mut put_off = std::mem::take(&mut self.put_off);
        for id in put_off.drain(..).chain(dirty.drain(..)) {
            self.record_change(id);
        }
        (self.dirty, self.put_off) = (dirty, put_off);
    }

    /// Called before each record of the daemon's: records what shows in the replica's feed, so that the standby reads both in the order in
    /// which they came about. All else waits for the end of the batch.
    pub(super) fn record_what_shows(&mut self) {
        self.engine.take_dirty(&mut self.dirty);
        let mut dirty = std::mem::take(&mut self.dirty);
        for id in dirty.drain(..) {
            if self.shows(id) {
                self.record_change(id);
            } else if self.put_off.last() != Some(&id) {
                self.put_off.push(id);
            }
        }
        self.dirty = dirty;
    }

    /// Records octets from `from` to `to` of one direction.
    pub(super) fn record_received(&mut self, id: ConnectionId, from: u64, to: u64) {
        if let Ok(octets) = self.engine.received(id, from) {
            let octets = clipped(octets, to - from);
            self.counters.payload_octets += to - from;
            record::write_received(&mut self.batch, id, from, octets);
        }
    }

    /// Records outbound octets from `from` to the end of the send buffer.
    pub(super) fn record_sent(&mut self, id: ConnectionId, from: u64) {
        if let Ok((offset, pieces)) = self.engine.unacknowledged_from(id, from) {
            let mut octets = 0;
            let mut pieces = pieces
                .inspect(|piece| octets += piece.len() as u64)
                .peekable();
            if pieces.peek().is_some() {
                record::write_sent(&mut self.batch, id, offset, pieces);
            }
            self.counters.payload_octets += octets;
        }
    }
}

/// The first `len` octets of those that lie in `pieces`.
fn clipped<'a>(pieces: impl Iterator<Item = &'a [u8]>, len: u64) -> impl Iterator<Item = &'a [u8]> {
    let mut left = usize::try_from(len).unwrap_or(usize::MAX);
    pieces.map_while(move |piece| {
        let n = left.min(piece.len());
        left -= n;
        (n > 0).then(|| &piece[..n])
    })
}
