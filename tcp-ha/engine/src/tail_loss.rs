//! Tail loss probes: where nothing comes back, the last segment is sent once more long
//! before the timeout, and its ACK tells what was lost (RFC 8985 section 8).

use crate::connection::{Connection, Context};
use crate::departures::Whereabouts;
use crate::time::Instant;
use core::time::Duration;

/// A probe waits so much longer than two round trips, for ACKs that are being built.
const SLACK: Duration = Duration::from_millis(2);

/// Below this round trip a delayed ACK (40 ms and more) costs more than a repeated segment.
const SHORT_PATH: Duration = Duration::from_millis(10);

/// State of probing. Not part of a checkpoint.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TailLoss {
    /// When a probe leaves.
    pub(crate) timer: Option<Instant>,
    /// Something happened that moves the timer.
    pub(crate) rearm: bool,
    /// A probe was due and none could leave: the next waits until something moves the timer.
    pub(crate) held: bool,
    /// TLP.end_seq: SND.MAX when a probe left whose fate is open.
    pub(crate) end: Option<u64>,
    /// TLP.is_retrans: the probe repeated old octets.
    pub(crate) repeated: bool,
}

impl Connection {
    /// Moves the probe timer where something was sent or acknowledged, and stops it where
    /// no probe may be sent.
    pub(crate) fn arm_probe(&mut self, now: Instant) {
        let possible = self.identity.sack_permitted
            && self.passing.hold_until.is_none()
            && !self.outstanding.is_empty()
            && self.recovery.tail.end.is_none()
            && self.recovery.phase.allows_probe();
        if !possible {
            self.recovery.tail.timer = None;
            self.recovery.tail.held = false;
            return;
        }
        let moved = core::mem::take(&mut self.recovery.tail.rearm);
        self.recovery.tail.held &= !moved;
        if moved || (self.recovery.tail.timer.is_none() && !self.recovery.tail.held) {
            self.recovery.tail.timer = Some(now + self.probe_timeout(now));
        }
    }

    /// PTO: two round trips, and time for a delayed ACK where only one segment is on the
    /// way; never later than the retransmission timeout.
    fn probe_timeout(&self, now: Instant) -> Duration {
        let until_rto = self
            .timers
            .retransmit
            .map_or(Duration::MAX, |at| at.saturating_since(now));
        self.probe_interval().min(until_rto)
    }

    fn probe_interval(&self) -> Duration {
        let Some(srtt) = self.rtt.srtt else {
            return self.rtt.rto;
        };
        let slack = if self.outstanding.len() == 1 {
            self.recovery.rto_min
        } else {
            SLACK
        };
        srtt * 2 + slack
    }

    /// When the last segment should be probed for, where a gate has held it back and that is later than now: its PTO begins when it
    /// has left the node.
    fn probe_due(&self, ctx: &Context<'_>) -> Option<Instant> {
        let built = self.outstanding.tail()?.sent_at;
        let left = match ctx.departures.of(built) {
            Whereabouts::Left(at) if at == built => return None,
            Whereabouts::Left(at) => at,
            Whereabouts::Held => ctx.now,
        };
        Some(left + self.probe_interval()).filter(|due| *due > ctx.now)
    }

    /// The probe timer fired: a new segment leaves where there is one, else the last again.
    pub(crate) fn on_probe_timeout(&mut self, ctx: &mut Context<'_>) {
        self.recovery.tail.timer = None;
        if self.recovery.tail.end.is_some() || self.outstanding.is_empty() {
            return;
        }
        if let Some(due) = self.probe_due(ctx) {
            self.recovery.tail.timer = Some(due);
            return;
        }
        // On a short path a lone new segment would wait many round trips for the receiver's
        // delayed ACK, where only ACKs were lost; what it has already is answered at once.
        let is_short = self.rtt.srtt.is_some_and(|srtt| srtt < SHORT_PATH);
        let repeats = is_short && self.outstanding.len() > 1;
        let sent_new = !repeats && self.send_probe_of_new(ctx);
        if !sent_new {
            let last = self.outstanding.len() as usize - 1;
            if !self.retransmit(ctx, last) {
                self.recovery.tail.held = true;
                return;
            }
        }
        ctx.counters.tail_loss_probes += 1;
        self.recovery.tail.end = Some(self.send.max);
        self.recovery.tail.repeated = !sent_new;
        // The timeout counts from the probe.
        self.timers.retransmit = None;
    }

    /// TLP_process_ack: a probe that repaired the only loss must not hide it from congestion
    /// control.
    pub(crate) fn judge_probe(&mut self) {
        let Some(end) = self.recovery.tail.end else {
            return;
        };
        let (una, news) = (self.send.una, &self.recovery.news);
        if una < end {
            return;
        }
        let spurious = !self.recovery.tail.repeated
            || news.dsack_of_probe
            || (una == end && !news.una_advanced && !news.sacked && !news.is_other_than_duplicate);
        if spurious {
            self.recovery.tail.end = None;
        } else if una > end {
            self.recovery.tail.end = None;
            let cwnd = self.congestion.cwnd;
            self.begin_reduction();
            self.congestion.cwnd = self.congestion.ssthresh.min(cwnd);
            self.keep_open();
        }
    }
}
