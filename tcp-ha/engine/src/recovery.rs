//! Loss recovery: what an ACK tells, which phase follows from it, and what is sent again.
//!
//! With SACK losses are found by RACK (RFC 8985), without by duplicate ACKs (RFC 6582). The
//! phases are those of Linux.

mod alert;
mod timeout;

use crate::connection::{Connection, Context};
use crate::outstanding::Taken;
use crate::prr::Prr;
use crate::rack::Rack;
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
    pub(crate) response: Option<Box<Response>>,
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
}
