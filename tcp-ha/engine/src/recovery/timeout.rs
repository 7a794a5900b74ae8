//! The retransmission timeout, and what comes after it.

use super::Phase;
use crate::connection::{Connection, Context};
use crate::rack::DUP_THRESH;
use crate::tail_loss::TailLoss;
use crate::time::Instant;

impl Connection {
    /// After a timeout: F-RTO decides whether it was one (RFC 5682), until all that was on
    /// the way is acknowledged.
    pub(super) fn follow_timeout(&mut self, ctx: &mut Context<'_>, duplicate: bool) {
        let news = self.recovery.news;
        let recovered = self.send.una >= self.recovery.high_seq;
        self.recovery.new_first = false;
        if news.una_advanced && self.try_undo_timeout(ctx, false) {
            return;
        }
        if self.recovery.frto {
            // Step 3.b, and with SACK the same for octets SACKed.
            if news.original_delivered && self.try_undo_timeout(ctx, true) {
                return;
            }
            if self.send.max > self.recovery.high_seq {
                if news.sacked || duplicate {
                    // Step 3.a: the loss was real.
                    self.recovery.frto = false;
                }
            } else if news.una_advanced && !recovered {
                // Step 2.b: new segments tell whether the old ones are still on the way.
                self.recovery.high_seq = self.send.max;
                self.recovery.new_first = true;
                return;
            }
        }
        if recovered {
            self.try_undo_recovery(ctx);
            return;
        }
        if !self.identity.sack_permitted {
            if self.send.max > self.recovery.high_seq && duplicate {
                self.count_duplicate(true);
            } else if news.una_advanced {
                self.outstanding.reset_duplicates();
            }
        }
    }

    /// The retransmission timer fired: all that is not SACKed is lost (RFC 6298 5.4, RFC 6675
    /// 5.1), but for what was sent a moment ago.
    pub(crate) fn enter_loss(&mut self, now: Instant) {
        let was_repairing = self.recovery.phase.is_repairing();
        // RFC 2018 section 8: the head SACKed but not acknowledged means that the peer reneged.
        if self.outstanding.head().is_some_and(|head| head.sacked) {
            self.outstanding.forget_sacks();
        }
        if !self.identity.sack_permitted {
            self.outstanding.reset_duplicates();
        }
        self.mark_all_lost(now);
        let phase = self.recovery.phase;
        if !was_repairing
            || self.recovery.high_seq <= self.send.una
            || (phase == Phase::Loss && self.timers.retransmits <= 1)
        {
            self.recovery.undo.prior_ssthresh = Some(self.current_ssthresh());
            self.recovery.undo.prior_cwnd = self.congestion.cwnd;
            self.begin_undo();
            self.begin_response();
            self.reduce_threshold();
        }
        self.forget_path();
        self.congestion.cwnd = self.outstanding.flight() + 1;
        if !was_repairing && self.outstanding.sacked() >= DUP_THRESH {
            // So many SACKs and no recovery: reordering was believed too much of.
            self.recovery.rack.reordering = DUP_THRESH;
        }
        self.recovery.phase = Phase::Loss;
        self.recovery.high_seq = self.send.max;
        self.recovery.tail = TailLoss::default();
        self.recovery.new_first = false;
        self.recovery.frto = !was_repairing || self.timers.retransmits > 1;
    }

    fn mark_all_lost(&mut self, now: Instant) {
        for index in 0..self.outstanding.len() as usize {
            let spared = self
                .outstanding
                .at(index)
                .is_some_and(|sent| index > 0 && self.is_recent(sent, now));
            if !spared {
                self.outstanding.mark_lost(index);
            }
        }
    }

    /// Segments have become too large for the path: those are sent again in smaller ones,
    /// and congestion has no part in it.
    pub(crate) fn resend_oversized(&mut self) {
        let mss = self.mss();
        self.outstanding
            .mark_lost_where(|sent| sent.end - sent.start > mss + 1);
        if self.outstanding.lost() == 0 {
            return;
        }
        self.recovery.undo.marker = None;
        self.recovery.high_seq = self.send.max;
        if self.recovery.phase != Phase::Loss {
            self.recovery.phase = Phase::Loss;
            self.recovery.frto = false;
            self.recovery.new_first = false;
        }
    }
}
