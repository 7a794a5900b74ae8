//! Loss recovery: what an ACK tells, which phase follows from it, and what is sent again.
//!
//! With SACK losses are found by RACK (RFC 8985), without by duplicate ACKs (RFC 6582). The
//! phases are those of Linux.

use crate::connection::{Connection, Context};
use crate::outstanding::Taken;
use crate::prr::Prr;
use crate::rack::{DUP_THRESH, Rack};
use crate::segment::Segment;
use crate::spurious::{Response, Undo};
use crate::tail_loss::TailLoss;
use crate::time::Instant;
use core::time::Duration;
use serde::Serialize;

/// Where loss recovery of a connection is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Phase {
    /// All is well.
    #[default]
    Open,
    /// Something was SACKed or acknowledged twice, and nothing is lost yet.
    Disorder,
    /// Fast recovery.
    Recovery,
    /// After a timeout.
    Loss,
    /// After a takeover: what was on the way is sent again, at the pace of a new connection.
    Resumed,
}

impl Phase {
    /// Retransmissions are on the way.
    pub(crate) fn is_repairing(self) -> bool {
        matches!(self, Phase::Recovery | Phase::Loss | Phase::Resumed)
    }

    /// Tail loss probes may be sent.
    pub(crate) fn allows_probe(self) -> bool {
        matches!(self, Phase::Open | Phase::Resumed)
    }
}

/// Loss recovery of a connection. Not part of a checkpoint: a survivor begins with
/// `Phase::Resumed`.
#[derive(Debug, Default)]
pub(crate) struct Recovery {
    pub(crate) phase: Phase,
    /// Position whose acknowledgement ends the phase (`recover` of RFC 6582).
    pub(crate) high_seq: u64,
    pub(crate) prr: Prr,
    pub(crate) rack: Rack,
    pub(crate) tail: TailLoss,
    pub(crate) undo: Undo,
    /// What a spurious timeout would teach.
    pub(crate) response: Option<Response>,
    /// F-RTO: whether the timeout was spurious is not known yet (RFC 5682).
    pub(crate) frto: bool,
    /// F-RTO: new segments leave before retransmissions.
    pub(crate) new_first: bool,
    /// How often the timeout was doubled; back to zero by a measured round trip (Karn).
    pub(crate) backoff: u8,
    /// `min_rto` of the configuration.
    pub(crate) rto_min: Duration,
    /// What the ACK at hand told.
    pub(crate) news: AckNews,
}

/// What an ACK told.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AckNews {
    pub(crate) una_advanced: bool,
    /// A segment was SACKed.
    pub(crate) sacked: bool,
    /// It reported duplicates.
    pub(crate) dsack: bool,
    /// It reported our tail loss probe as a duplicate.
    pub(crate) dsack_of_probe: bool,
    /// It carried text or another window: no duplicate ACK.
    pub(crate) is_other_than_duplicate: bool,
    /// Segments delivered.
    pub(crate) delivered: u32,
    /// Something sent once only, before `high_seq`, was delivered.
    pub(crate) original_delivered: bool,
    /// A retransmission was found lost.
    pub(crate) retransmission_lost: bool,
    /// End of the highest segment SACKed before it.
    pub(crate) prior_sacked: u64,
    /// Segments that were lost before it.
    pub(crate) prior_lost: u32,
    /// When the first segment that it SACKed was sent, where that was once.
    pub(crate) sacked_sent: Option<Instant>,
    /// TSval it echoes.
    pub(crate) echo: Option<u32>,
}

impl Connection {
    /// An acceptable ACK is about to be looked at.
    pub(crate) fn begin_news(&mut self, segment: &Segment<'_>) {
        self.recovery.news = AckNews {
            is_other_than_duplicate: !segment.is_empty(),
            prior_sacked: self.outstanding.high_sacked(),
            prior_lost: self.outstanding.lost(),
            echo: self.echoed(segment),
            ..AckNews::default()
        };
        let offset = self.identity.timestamp_offset;
        self.recovery.rack.echo = self.recovery.news.echo.map(|echo| (echo, offset));
    }

    /// Notes what records say was delivered.
    pub(crate) fn note_taken(&mut self, taken: &Taken) {
        let mss = self.mss();
        let news = &mut self.recovery.news;
        news.sacked |= taken.sacked > 0;
        news.delivered += taken.acked + taken.sacked;
        news.original_delivered |= taken
            .original_before
            .is_some_and(|end| end <= self.recovery.high_seq);
        let believed = self.recovery.phase != Phase::Loss || self.recovery.undo.marker.is_some();
        if let Some(late) = taken.late.filter(|_| believed) {
            let distance = self.outstanding.high_sacked().saturating_sub(late);
            self.recovery.rack.note_late(distance, mss);
        }
    }

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
    fn count_duplicate(&mut self, duplicate: bool) {
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

    /// After a timeout: F-RTO decides whether it was one (RFC 5682), until all that was on
    /// the way is acknowledged.
    fn follow_timeout(&mut self, ctx: &mut Context<'_>, duplicate: bool) {
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

    /// Open where nothing is missing, else Disorder.
    pub(crate) fn keep_open(&mut self) {
        let outstanding = &self.outstanding;
        let tidy = outstanding.sacked() + outstanding.lost() + outstanding.retransmitted() == 0;
        let phase = if tidy { Phase::Open } else { Phase::Disorder };
        if self.recovery.phase != phase {
            self.recovery.phase = phase;
            self.recovery.high_seq = self.send.max;
        }
    }

    /// A loss was found: fast recovery begins.
    pub(crate) fn enter_recovery(&mut self, ctx: &mut Context<'_>) {
        ctx.counters.fast_recoveries += 1;
        self.begin_undo();
        self.recovery.undo.prior_ssthresh = Some(self.current_ssthresh());
        self.recovery.undo.prior_cwnd = self.congestion.cwnd;
        self.begin_reduction();
        self.recovery.phase = Phase::Recovery;
        self.recovery.response = None;
        self.recovery.frto = false;
        self.recovery.new_first = false;
    }

    /// SSTHRESH goes down, and the window will follow.
    pub(crate) fn begin_reduction(&mut self) {
        self.recovery.high_seq = self.send.max;
        self.recovery.tail.end = None;
        self.recovery.prr = Prr::new(self.congestion.cwnd);
        self.reduce_threshold();
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
