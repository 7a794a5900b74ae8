//! What an ACK means in each phase: duplicates, losses found, and what follows from them.

use super::Phase;
use crate::connection::{Connection, Context};
use crate::rack::DUP_THRESH;

impl Connection {
    /// The ACK is taken in: finds losses, changes phase and window.
    pub(crate) fn react(&mut self, ctx: &mut Context<'_>) {
        let (una, max) = (self.send.una, self.send.max);
        self.recovery.rack.update_window(una, max);
        self.judge_probe();
        let news = self.recovery.news;
        let duplicate = !news.una_advanced && !news.is_other_than_duplicate && !news.dsack;
        let dubious = duplicate || news.sacked || news.dsack || self.recovery.phase != Phase::Open;
        if dubious {
            self.alert(ctx, duplicate);
        } else {
            self.recovery.undo.stamp = None;
        }
        self.control_congestion(ctx);
    }

    fn control_congestion(&mut self, ctx: &Context<'_>) {
        let news = self.recovery.news;
        if self.recovery.phase == Phase::Recovery {
            let lost = self.outstanding.lost();
            self.reduce_window(news.delivered, lost.saturating_sub(news.prior_lost));
            return;
        }
        let reordered = self.recovery.rack.reordering > DUP_THRESH;
        if news.una_advanced || (reordered && news.sacked) {
            self.grow_window(ctx, news.delivered);
        }
    }

    /// Phase by phase, what a dubious ACK means.
    fn alert(&mut self, ctx: &mut Context<'_>, duplicate: bool) {
        let news = self.recovery.news;
        if self.recovery.phase == Phase::Open {
            self.recovery.undo.stamp = None;
        } else if self.recovery.phase == Phase::Recovery && self.send.una >= self.recovery.high_seq
        {
            if !self.identity.sack_permitted {
                self.outstanding.reset_duplicates();
            }
            let reduced = self.recovery.undo.marker.is_some();
            if self.try_undo_recovery(ctx) {
                return;
            }
            if reduced && self.recovery.undo.marker.is_some() {
                self.congestion.cwnd = self.congestion.ssthresh;
            }
        }
        match self.recovery.phase {
            Phase::Recovery => {
                if !news.una_advanced {
                    self.count_duplicate(duplicate);
                } else if self.try_undo_partial(ctx) {
                    return;
                }
                if self.try_undo_by_dsack(ctx) {
                    self.keep_open();
                }
                self.identify_loss(ctx);
                if self.recovery.phase != Phase::Recovery && self.outstanding.lost() > 0 {
                    self.enter_recovery(ctx);
                }
            }
            Phase::Loss | Phase::Resumed => {
                self.follow_timeout(ctx, duplicate);
                self.identify_loss(ctx);
                let undone = self.recovery.phase == Phase::Open;
                if undone || self.recovery.news.retransmission_lost {
                    self.follow_disorder(ctx, duplicate);
                }
            }
            Phase::Open | Phase::Disorder => self.follow_disorder(ctx, duplicate),
        }
    }

    fn follow_disorder(&mut self, ctx: &mut Context<'_>, duplicate: bool) {
        if !self.identity.sack_permitted {
            if self.recovery.news.una_advanced {
                self.outstanding.reset_duplicates();
            }
            self.count_duplicate(duplicate);
        }
        if matches!(self.recovery.phase, Phase::Open | Phase::Disorder) {
            self.try_undo_by_dsack(ctx);
        }
        self.identify_loss(ctx);
        if self.outstanding.lost() > 0 {
            if self.recovery.phase != Phase::Recovery {
                self.enter_recovery(ctx);
            }
        } else {
            if self.outstanding.retransmitted() == 0 {
                self.recovery.undo.stamp = None;
            }
            self.keep_open();
        }
    }

    /// Without SACK, a duplicate ACK says that a segment has left the path.
    pub(super) fn count_duplicate(&mut self, duplicate: bool) {
        if duplicate && !self.identity.sack_permitted && !self.outstanding.is_empty() {
            if self.outstanding.add_duplicates(1) {
                let (distance, mss) = (self.send.max - self.send.una, self.mss());
                self.recovery.rack.note_late(distance, mss);
            }
            self.recovery.news.delivered += 1;
        }
    }

    fn identify_loss(&mut self, ctx: &Context<'_>) {
        if self.outstanding.is_empty() {
            return;
        }
        let retransmitted = self.outstanding.retransmitted();
        if self.identity.sack_permitted {
            self.detect_loss(ctx);
        } else {
            let advanced = self.recovery.news.una_advanced;
            let lost = match self.recovery.phase {
                Phase::Open | Phase::Disorder => {
                    self.outstanding.sacked() >= self.recovery.rack.reordering
                }
                Phase::Recovery => advanced,
                Phase::Loss | Phase::Resumed => false,
            };
            let head_lost = self.outstanding.head().is_some_and(|head| head.lost);
            if lost && !head_lost {
                self.outstanding.mark_lost(0);
            }
        }
        self.recovery.news.retransmission_lost |= self.outstanding.retransmitted() < retransmitted;
    }
}
