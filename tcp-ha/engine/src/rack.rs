//! RACK: what was sent before a segment that has arrived, and has not arrived a little
//! later, is lost (RFC 8985 sections 6.2 and 7).

use crate::connection::{Connection, Context};
use crate::outstanding::{Sent, Verdict};
use crate::seq::SeqNum;
use crate::time::Instant;
use core::time::Duration;

/// Duplicate ACKs, or segments SACKed, that mean a loss as long as no reordering is seen.
pub(crate) const DUP_THRESH: u32 = 3;
/// No reordering beyond so many segments is believed.
const MAX_REORDERING: u32 = 300;
/// The reordering timer waits so much longer, for ACKs that come in together.
const TIMER_SLACK: Duration = Duration::from_millis(2);
/// Recoveries for which a widened reordering window is kept.
const WINDOW_PERSISTS: u8 = 16;
/// So long a smallest round trip is believed.
const MIN_RTT_LIFE: Duration = Duration::from_secs(300);

/// State of RACK. Not part of a checkpoint.
#[derive(Debug)]
pub(crate) struct Rack {
    /// RACK.xmit_ts and RACK.end_seq: the most recently sent segment that was delivered.
    newest: Option<(Instant, u64)>,
    /// RACK.rtt.
    rtt: Duration,
    /// A delivery was noted since losses were last looked for.
    advanced: bool,
    min_rtt: Option<(Duration, Instant)>,
    /// The TSval that the ACK at hand echoes, and what makes a TSval of a millisecond clock.
    pub(crate) echo: Option<(u32, u32)>,
    /// Times segments were seen to arrive late.
    pub(crate) reordering_seen: u32,
    /// Largest distance, in segments, of one that came late.
    pub(crate) reordering: u32,
    /// RACK.reo_wnd_mult.
    window_mult: u32,
    /// RACK.reo_wnd_persist.
    window_persist: u8,
    /// RACK.dsack_round: a D-SACK counts once a round trip.
    dsack: bool,
    dsack_round: u64,
    /// When late segments are lost.
    pub(crate) timer: Option<Instant>,
}

impl Default for Rack {
    fn default() -> Rack {
        Rack {
            newest: None,
            rtt: Duration::ZERO,
            advanced: false,
            min_rtt: None,
            echo: None,
            reordering_seen: 0,
            reordering: DUP_THRESH,
            window_mult: 1,
            window_persist: 0,
            dsack: false,
            dsack_round: 0,
            timer: None,
        }
    }
}

/// RACK_sent_after.
fn sent_after(one: (Instant, u64), other: (Instant, u64)) -> bool {
    one.0 > other.0 || (one.0 == other.0 && one.1 > other.1)
}

impl Rack {
    /// A segment was delivered (RACK_update).
    pub(crate) fn delivered(&mut self, sent: &Sent, now: Instant) {
        let rtt = now.saturating_since(sent.sent_at);
        // Too fast for the retransmission: it was the original that arrived.
        if sent.ever_retransmitted && self.min_rtt.is_some_and(|(least, _)| rtt < least) {
            return;
        }
        self.advanced = true;
        self.rtt = rtt;
        let this = (sent.sent_at, sent.end);
        if self.newest.is_none_or(|newest| sent_after(this, newest)) {
            self.newest = Some(this);
        }
    }

    /// The same of a segment that SND.UNA moved over: there the echo tells whether it was
    /// the original, while an ACK with SACK blocks echoes what came before the gap.
    pub(crate) fn acknowledged(&mut self, sent: &Sent, now: Instant) {
        if !sent.ever_retransmitted || !self.echoes_earlier(sent.sent_at) {
            self.delivered(sent, now);
        }
    }

    /// The ACK echoes something sent before `sent_at`.
    fn echoes_earlier(&self, sent_at: Instant) -> bool {
        self.echo.is_some_and(|(echo, offset)| {
            // The clock wraps at 32 bits by definition.
            let tsval = (sent_at.as_millis() as u32).wrapping_add(offset);
            SeqNum(echo).before(SeqNum(tsval))
        })
    }

    /// What was taken for delivered retransmissions were originals.
    pub(crate) fn forget(&mut self) {
        self.newest = None;
        self.advanced = false;
        self.timer = None;
    }

    /// A round trip was measured.
    pub(crate) fn note_rtt(&mut self, rtt: Duration, now: Instant) {
        let expired = |at: Instant| now.saturating_since(at) > MIN_RTT_LIFE;
        if self
            .min_rtt
            .is_none_or(|(least, at)| rtt <= least || expired(at))
        {
            self.min_rtt = Some((rtt, now));
        }
    }

    /// The smallest round trip of late.
    pub(crate) fn min_rtt(&self) -> Option<Duration> {
        self.min_rtt.map(|(least, _)| least)
    }

    /// A segment came `distance` octets behind one that was sent after it.
    pub(crate) fn note_late(&mut self, distance: u64, mss: u64) {
        let segments = distance.div_ceil(mss.max(1)).min(u64::from(MAX_REORDERING));
        self.reordering = self.reordering.max(segments as u32);
        self.reordering_seen += 1;
    }

    /// A D-SACK shows that a retransmission was not needed.
    pub(crate) fn note_dsack(&mut self) {
        self.dsack |= self.reordering_seen > 0;
    }

    /// RACK_update_reo_wnd: a D-SACK widens the window, at most once a round trip.
    pub(crate) fn update_window(&mut self, una: u64, max: u64) {
        if una < self.dsack_round {
            self.dsack = false;
        }
        if core::mem::take(&mut self.dsack) {
            self.window_mult = (self.window_mult + 1).min(255);
            self.dsack_round = max;
            self.window_persist = WINDOW_PERSISTS;
        } else if self.window_persist == 0 {
            self.window_mult = 1;
        }
    }

    /// A recovery is over.
    pub(crate) fn recovered(&mut self) {
        self.window_persist = self.window_persist.saturating_sub(1);
    }

    /// Losses are to be looked for anew.
    pub(crate) fn look_again(&mut self) {
        self.advanced = true;
    }

    /// RACK.reo_wnd.
    fn window(&self, in_recovery: bool, sacked: u32, srtt: Option<Duration>) -> Duration {
        if self.reordering_seen == 0 && (in_recovery || sacked >= self.reordering) {
            return Duration::ZERO;
        }
        let bound = srtt.unwrap_or_default();
        match self.min_rtt() {
            Some(least) => (least / 4 * self.window_mult).min(bound),
            None => bound / 4,
        }
    }
}

impl Connection {
    /// RACK_detect_loss: marks what is lost, and starts the timer for what may be.
    pub(crate) fn detect_loss(&mut self, ctx: &Context<'_>) {
        let rack = &mut self.recovery.rack;
        if !core::mem::take(&mut rack.advanced) {
            return;
        }
        self.look_for_loss(ctx.now);
    }

    fn look_for_loss(&mut self, now: Instant) {
        let in_recovery = self.recovery.phase.is_repairing();
        let rack = &mut self.recovery.rack;
        let Some(newest) = rack.newest else {
            return;
        };
        let window = rack.window(in_recovery, self.outstanding.sacked(), self.rtt.srtt);
        let patience = rack.rtt + window;
        let mut longest = Duration::ZERO;
        self.outstanding.judge(|sent| {
            if !sent_after(newest, (sent.sent_at, sent.end)) {
                return Verdict::Later;
            }
            let waited = now.saturating_since(sent.sent_at);
            if waited >= patience {
                return Verdict::Lost;
            }
            longest = longest.max(patience - waited);
            Verdict::Wait
        });
        rack.timer = (longest > Duration::ZERO).then(|| now + longest + TIMER_SLACK);
    }

    /// The reordering timer fired (RFC 8985 7.2, RACK_detect_loss_and_arm_timer).
    pub(crate) fn on_reordering_timeout(&mut self, ctx: &mut Context<'_>) {
        self.recovery.rack.timer = None;
        let lost = self.outstanding.lost();
        self.look_for_loss(ctx.now);
        if self.outstanding.lost() > lost && !self.recovery.phase.is_repairing() {
            self.enter_recovery(ctx);
            self.recovery.news = Default::default();
            self.reduce_window(1, 0);
        }
    }

    /// The segment at `index` is believed to be still on its way, since it was sent so
    /// shortly ago; a timeout does not take it for lost.
    pub(crate) fn is_recent(&self, sent: &Sent, now: Instant) -> bool {
        let rack = &self.recovery.rack;
        self.identity.sack_permitted && now.saturating_since(sent.sent_at) < rack.rtt
    }
}
