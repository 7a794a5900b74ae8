//! Undoing what was done about a loss that was none: D-SACK (RFC 3708), timestamps (Eifel,
//! RFC 3522 and RFC 4015), F-RTO (RFC 5682).

use crate::config::Config;
use crate::connection::{Connection, Context};
use crate::recovery::Phase;
use crate::rtt::Before;
use crate::segment::Segment;
use crate::seq::SeqNum;
use core::time::Duration;

/// What is needed to take a reduction back. Not part of a checkpoint.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Undo {
    /// SND.UNA when the reduction was made, while it may be taken back.
    pub(crate) marker: Option<u64>,
    /// Retransmissions since that no D-SACK has shown to be needless; `None` before the
    /// first.
    pub(crate) retransmits: Option<u32>,
    /// TSval of the first retransmission.
    pub(crate) stamp: Option<u32>,
    /// Window and threshold before.
    pub(crate) prior_cwnd: u32,
    pub(crate) prior_ssthresh: Option<u32>,
}

/// After a timeout: what the timer learns of it, should it prove spurious (RFC 4015).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Response {
    /// SND.MAX at the timeout: what lies behind was sent later.
    sent: u64,
    before: Before,
    /// It was spurious.
    proved: bool,
}

impl Connection {
    /// The retransmission timer fired for the first time in a row.
    pub(crate) fn begin_response(&mut self) {
        let before = self.rtt.before_timeout();
        self.recovery.response = before.map(|before| {
            Box::new(Response {
                sent: self.send.max,
                before,
                proved: false,
            })
        });
    }

    /// Takes a round trip in.
    pub(crate) fn learn(&mut self, rtt: Duration, config: &Config) {
        let (una, max) = (self.send.una, self.send.max);
        let ripe = |response: &Response| response.proved && una > response.sent;
        match self.recovery.response.take_if(|response| ripe(response)) {
            Some(response) => self.rtt.relearn(response.before, rtt, max, config),
            None => self.rtt.sample(rtt, una, max, config),
        }
        self.recovery.backoff = 0;
    }

    /// A reduction begins that may be taken back.
    pub(crate) fn begin_undo(&mut self) {
        let undo = &mut self.recovery.undo;
        undo.marker = Some(self.send.una);
        let probes = u32::from(self.recovery.tail.end.is_some() && self.recovery.tail.repeated);
        let on_the_way = self.outstanding.retransmitted() + probes;
        undo.retransmits = (on_the_way > 0).then_some(on_the_way);
    }

    /// A segment left again.
    pub(crate) fn note_retransmit_for_undo(&mut self) {
        let undo = &mut self.recovery.undo;
        undo.retransmits = Some(undo.retransmits.unwrap_or(0) + 1);
        if undo.stamp.is_none() {
            undo.stamp = Some(self.rtt.tsval_sent);
        }
    }

    /// A D-SACK speaks of `segments` below `end`: retransmissions that were not needed.
    pub(crate) fn note_dsack_for_undo(&mut self, end: u64, segments: u32) {
        let undo = &mut self.recovery.undo;
        if undo.marker.is_some_and(|marker| end > marker)
            && let Some(left) = &mut undo.retransmits
        {
            *left = left.saturating_sub(segments);
        }
    }

    /// The ACK echoes a TSval older than the first retransmission: the original arrived.
    fn original_arrived(&self) -> bool {
        match (self.recovery.undo.stamp, self.recovery.news.echo) {
            (Some(stamp), Some(echo)) => SeqNum(echo).before(SeqNum(stamp)),
            _ => false,
        }
    }

    fn may_undo(&self) -> bool {
        let undo = &self.recovery.undo;
        undo.marker.is_some() && (undo.retransmits == Some(0) || self.original_arrived())
    }

    /// Takes the reduction back.
    fn undo_reduction(&mut self, ctx: &mut Context<'_>, unmark: bool) {
        if unmark {
            self.outstanding.unmark_lost();
        }
        let undo = &mut self.recovery.undo;
        if let Some(ssthresh) = undo.prior_ssthresh.take() {
            self.congestion.cwnd = self.congestion.cwnd.max(undo.prior_cwnd);
            self.congestion.ssthresh = self.congestion.ssthresh.max(ssthresh);
        }
        undo.marker = None;
        if let Some(response) = &mut self.recovery.response {
            response.proved = true;
        }
        ctx.counters.spurious_recoveries += 1;
        self.recovery.rack.look_again();
    }

    /// Without SACK a recovery goes on until something beyond its end is acknowledged, or
    /// late duplicates would start another (RFC 6582).
    fn must_stay(&mut self) -> bool {
        let stays = self.send.una == self.recovery.high_seq && !self.identity.sack_permitted;
        if stays && self.outstanding.retransmitted() == 0 {
            self.recovery.undo.stamp = None;
        }
        stays
    }

    /// All of the recovery's window is acknowledged. True where its phase must stay.
    pub(crate) fn try_undo_recovery(&mut self, ctx: &mut Context<'_>) -> bool {
        if self.may_undo() {
            self.undo_reduction(ctx, false);
        }
        if self.must_stay() {
            return true;
        }
        self.recovery.phase = Phase::Open;
        self.recovery.rack.recovered();
        false
    }

    /// All retransmissions proved needless by D-SACK.
    pub(crate) fn try_undo_by_dsack(&mut self, ctx: &mut Context<'_>) -> bool {
        let undo = &self.recovery.undo;
        let needless = undo.marker.is_some() && undo.retransmits == Some(0);
        if needless {
            self.undo_reduction(ctx, false);
        }
        needless
    }

    /// Part of the window is acknowledged, by the original as it seems. True where nothing
    /// more is to be retransmitted for the moment.
    pub(crate) fn try_undo_partial(&mut self, ctx: &mut Context<'_>) -> bool {
        if self.recovery.undo.marker.is_none() || !self.original_arrived() {
            return false;
        }
        let mss = self.mss();
        let distance = self.recovery.high_seq.saturating_sub(self.send.una);
        self.recovery.rack.note_late(distance, mss);
        if self.outstanding.retransmitted() > 0 {
            return true;
        }
        self.undo_reduction(ctx, true);
        self.keep_open();
        true
    }

    /// The timeout was spurious; `proved` where F-RTO says so.
    pub(crate) fn try_undo_timeout(&mut self, ctx: &mut Context<'_>, proved: bool) -> bool {
        if !proved && !self.may_undo() {
            return false;
        }
        self.undo_reduction(ctx, true);
        self.recovery.rack.forget();
        self.timers.retransmits = 0;
        if self.must_stay() {
            return true;
        }
        if proved || self.identity.sack_permitted {
            self.recovery.phase = Phase::Open;
        }
        true
    }

    /// The TSval that `segment` echoes, where it can be one of this node.
    pub(crate) fn echoed(&self, segment: &Segment<'_>) -> Option<u32> {
        let echo = segment.options.timestamps?.echo;
        let too_old = self
            .rtt
            .tsecr_floor
            .is_some_and(|floor| SeqNum(echo).before(SeqNum(floor)));
        (self.identity.timestamps && echo != 0 && !too_old).then_some(echo)
    }
}
