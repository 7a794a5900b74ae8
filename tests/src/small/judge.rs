//! What a strict receiver holds against a sender. Segments may come late, twice and out of order: what is said here holds even so.

use super::segment::{ACK, RST, SYN, Segment};
use super::settings::Expected;
use super::stamps::Stamps;
use crate::text;

/// What is known of our own side when a segment comes.
pub(super) struct Ours<'a> {
    /// The timestamps that we have sent, where they were agreed on.
    pub(super) stamps: Option<&'a Stamps>,
    /// SND.MAX.
    pub(super) max: u64,
    /// The right edge that we have announced.
    pub(super) edge: u64,
    /// The largest text that we take.
    pub(super) mss: usize,
}

/// See the module's text.
#[derive(Debug, Default)]
pub(super) struct Judge {
    /// The newest TSval.
    newest: Option<u32>,
    /// The largest ACK, and the right edge furthest to the right, of everything seen.
    ack: i64,
    edge: i64,
    /// Where the other side's FIN is.
    fin: Option<i64>,
    /// The end of the text furthest to the right.
    end: i64,
}

/// A segment in positions of the connection.
pub(super) struct Placed {
    /// Of SEG.SEQ in the other side's stream.
    pub(super) seq: i64,
    /// Of SEG.ACK in ours.
    pub(super) ack: i64,
    /// The window, scaled.
    pub(super) window: i64,
}

impl Judge {
    /// Looks at a segment of an open connection, whose checksum and signature are right.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn look(
        &mut self,
        segment: &Segment<'_>,
        at: &Placed,
        ours: &Ours<'_>,
        expected: Expected,
    ) -> Result<(), String> {
        if segment.has(RST) {
            return Ok(());
        }
        self.text(segment, at, ours, expected)?;
        if segment.has(ACK) {
            self.acknowledgement(segment, at, ours)?;
        }
        self.stamps(segment, at, ours)
    }

    fn text(
        &mut self,
        segment: &Segment<'_>,
        at: &Placed,
        ours: &Ours<'_>,
        expected: Expected,
    ) -> Result<(), String> {
        let len = i64::from(segment.len());
        if at.seq < 0 {
            return Err(format!("SEQ lies {} before its SYN", -at.seq));
        }
        if segment.text.len() > ours.mss {
            let (len, mss) = (segment.text.len(), ours.mss);
            return Err(format!("{len} octets of text, the MSS is {mss}"));
        }
        // One octet asks whether the window is still shut.
        let beyond = at.seq + len - ours.edge as i64;
        if !segment.has(SYN) && beyond > 1 {
            return Err(format!("{beyond} octets beyond the window"));
        }
        let first = at.seq + i64::from(segment.has(SYN)) - 1;
        let text = segment.text;
        if !text.is_empty() && first < 0 {
            return Err("text in the place of its SYN".to_owned());
        }
        if let Some(wrong) = text::differs(expected.salt, expected.twist, first as u64, text) {
            return Err(format!("octet {wrong} is another than it must be"));
        }
        let end = at.seq + len;
        if segment.has(super::segment::FIN) {
            if self.fin.is_some_and(|fin| fin != end - 1) || self.end > end - 1 {
                return Err(format!("its FIN moves to {}", end - 1));
            }
            self.fin = Some(end - 1);
        } else if self.fin.is_some_and(|fin| end > fin + 1) {
            return Err(format!("octets up to {end} behind its FIN"));
        }
        if !text.is_empty() {
            self.end = self
                .end
                .max(at.seq + i64::from(segment.has(SYN)) + text.len() as i64);
        }
        Ok(())
    }

    fn acknowledgement(
        &mut self,
        segment: &Segment<'_>,
        at: &Placed,
        ours: &Ours<'_>,
    ) -> Result<(), String> {
        if at.ack > ours.max as i64 {
            let by = at.ack - ours.max as i64;
            return Err(format!("ACK of {by} octets that were never sent"));
        }
        let edge = at.ack + at.window;
        // What has a newer TSval, or acknowledges more, was sent later.
        let tsval = segment.options.stamps.map(|(tsval, _)| tsval);
        let newer = match (tsval, self.newest) {
            (Some(tsval), Some(newest)) => (tsval.wrapping_sub(newest) as i32) > 0,
            _ => false,
        };
        if newer && at.ack < self.ack {
            return Err(format!("ACK went back by {}", self.ack - at.ack));
        }
        if (newer || at.ack > self.ack) && edge < self.edge {
            return Err(format!("right edge went back by {}", self.edge - edge));
        }
        if newer || self.newest.is_none() {
            self.newest = tsval.or(self.newest);
        }
        self.ack = self.ack.max(at.ack);
        self.edge = self.edge.max(edge);
        Ok(())
    }

    fn stamps(&self, segment: &Segment<'_>, at: &Placed, ours: &Ours<'_>) -> Result<(), String> {
        if segment.has(SYN) {
            return Ok(());
        }
        match (ours.stamps, segment.options.stamps) {
            (Some(sent), Some((_, echo))) if segment.has(ACK) => sent.look(echo, at.ack),
            (Some(_), None) => Err("no timestamps, which were agreed on".to_owned()),
            (None, Some(_)) => Err("timestamps, which were not agreed on".to_owned()),
            _ => Ok(()),
        }
    }

    /// Looks at blocks of SACK, in positions of our stream.
    ///
    /// # Errors
    /// Blocks of what was never sent.
    pub(super) fn sacks(&self, blocks: &[(i64, i64)], ours: &Ours<'_>) -> Result<(), String> {
        for &(left, right) in blocks {
            if left < 0 || left >= right || right > ours.max as i64 {
                let max = ours.max;
                return Err(format!("SACK of {left} to {right}, SND.MAX is {max}"));
            }
        }
        Ok(())
    }
}
