//! How long a stream was busy sending, and what held it up.

use super::host::Host;
use super::stream::Stream;
use super::table::Fd;
use core::time::Duration;
use tcp_ha_engine::Instant;

/// Why a stream with something to send is not faster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing is unacknowledged.
    Idle,
    /// The network takes its time.
    Busy,
    /// The peer's window is full.
    Window,
    /// Everything is sent, and a writer waits for room in the send buffer.
    SendBuffer,
}

/// Times that a stream has spent in each phase.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chronograph {
    phase: Phase,
    since: Instant,
    times: BusyTimes,
}

/// How long a stream was busy, in all and for two reasons.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BusyTimes {
    /// Something was unacknowledged or unsent.
    pub busy: Duration,
    /// Of that: the peer's window was full.
    pub window_limited: Duration,
    /// Of that: everything was sent, and a writer waited for room.
    pub buffer_limited: Duration,
}

impl Chronograph {
    pub(super) fn new(now: Instant) -> Chronograph {
        Chronograph {
            phase: Phase::Idle,
            since: now,
            times: BusyTimes::default(),
        }
    }

    fn times(&self, now: Instant) -> BusyTimes {
        let mut times = self.times;
        let passed = now.saturating_since(self.since);
        match self.phase {
            Phase::Idle => return times,
            Phase::Busy => {}
            Phase::Window => times.window_limited += passed,
            Phase::SendBuffer => times.buffer_limited += passed,
        }
        times.busy += passed;
        times
    }

    fn enter(&mut self, phase: Phase, now: Instant) {
        if phase != self.phase {
            self.times = self.times(now);
            self.phase = phase;
            self.since = now;
        }
    }
}

impl Host {
    /// Notes what each stream is waiting for.
    pub(super) fn note_phases(&mut self) {
        let now = self.now();
        let phases: Vec<(Fd, Phase)> = self
            .table
            .streams()
            .map(|(fd, stream)| (fd, self.phase(stream)))
            .collect();
        for (fd, phase) in phases {
            if let Ok(stream) = self.table.stream_mut(fd) {
                stream.chronograph.enter(phase, now);
            }
        }
    }

    fn phase(&self, stream: &Stream) -> Phase {
        let Some(info) = stream.id.and_then(|id| self.engine.connection(id)) else {
            return Phase::Idle;
        };
        let unsent = info.snd_end.saturating_sub(info.snd_nxt);
        let next = unsent.min(info.mss.into());
        let flight = info.snd_nxt - info.snd_una;
        let has_room = info.unacked + info.retransmitting < info.cwnd + info.sacked + info.lost;
        if unsent > 0 && has_room && flight + next > info.snd_wnd {
            Phase::Window
        } else if unsent == 0 && stream.outgoing.refused() {
            Phase::SendBuffer
        } else if info.snd_una < info.snd_end {
            Phase::Busy
        } else {
            Phase::Idle
        }
    }

    /// How long a stream was busy, and what held it up.
    pub fn busy_times(&self, fd: Fd) -> Result<BusyTimes, super::Errno> {
        Ok(self.table.stream(fd)?.chronograph.times(self.now()))
    }
}
