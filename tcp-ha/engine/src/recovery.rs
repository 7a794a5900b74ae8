//! Loss seen in acknowledgements: fast retransmit and fast recovery (RFC 6582), and with
//! SACK that of RFC 6675.

use crate::connection::{Connection, Context};
use crate::segment::Segment;

/// Duplicate ACKs that mean a loss.
const DUP_THRESH: u32 = 3;

impl Connection {
    /// Notes SACK blocks; true where they told something new.
    pub(crate) fn note_sack(&mut self, segment: &Segment<'_>) -> bool {
        if !self.identity.sack_permitted {
            return false;
        }
        let iss = self.identity.iss;
        let (una, max) = (self.send.una, self.send.max);
        let mut news = false;
        for block in segment.options.sack.as_slice() {
            let ends = (
                iss.position(block.left, una),
                iss.position(block.right, una),
            );
            if let (Some(left), Some(right)) = ends {
                // Below SND.UNA it is a D-SACK; beyond SND.MAX it is a lie.
                if left > una && left < right && right <= max {
                    news |= self.scoreboard.insert(left, right);
                }
            }
        }
        news
    }

    /// An ACK that acknowledges nothing new came while data was outstanding.
    pub(crate) fn duplicate_ack(&mut self, ctx: &mut Context<'_>) {
        let mss = self.mss();
        self.congestion.dup_acks = self.congestion.dup_acks.saturating_add(1);
        if self.congestion.recovery.is_some() {
            if !self.identity.sack_permitted {
                // Each duplicate says that a segment has left the path.
                self.congestion.cwnd += mss;
            }
            return;
        }
        let lost =
            self.congestion.dup_acks >= DUP_THRESH || self.scoreboard.is_lost(self.send.una, mss);
        // RFC 6582: once per window, and not for what a timeout sends again.
        if lost && self.send.una >= self.congestion.recover {
            self.enter_recovery(ctx);
        }
    }

    fn enter_recovery(&mut self, ctx: &mut Context<'_>) {
        let mss = self.mss();
        ctx.counters.fast_recoveries += 1;
        self.congestion.lost(self.flight(), mss);
        self.congestion.recovery = Some(self.send.max);
        self.congestion.recover = self.send.max;
        self.congestion.high_rxt = self.send.una;
        self.congestion.cwnd = if self.identity.sack_permitted {
            self.congestion.ssthresh
        } else {
            self.congestion.ssthresh + u64::from(DUP_THRESH) * mss
        };
    }

    /// SND.UNA moved by `acked`; `flight` was on the way before.
    pub(crate) fn advancing_ack(&mut self, acked: u64, flight: u64) {
        let mss = self.mss();
        let Some(recovery) = self.congestion.recovery else {
            self.congestion.dup_acks = 0;
            self.congestion.acknowledged(acked, flight, mss);
            return;
        };
        if self.send.una >= recovery {
            self.congestion.recovery = None;
            self.congestion.dup_acks = 0;
            let ssthresh = self.congestion.ssthresh;
            self.congestion.cwnd = if self.identity.sack_permitted {
                ssthresh
            } else {
                // RFC 6582 3.2 (3), option 1: no burst.
                ssthresh.min(self.flight().max(mss) + mss)
            };
        } else if !self.identity.sack_permitted {
            // Partial ACK: deflate by what has left the path, but for one segment.
            let deflated = self.congestion.cwnd.saturating_sub(acked);
            let back = if acked >= mss { mss } else { 0 };
            self.congestion.cwnd = (deflated + back).max(mss);
        }
    }
}
