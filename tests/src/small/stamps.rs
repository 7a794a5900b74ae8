//! The timestamps that were sent, and what a segment of the other side may echo of them (RFC 7323 4.3).

use std::collections::VecDeque;

/// Timestamps that are remembered; of older ones only that they were sent.
const KEPT: usize = 512;

/// See the module's text.
#[derive(Debug, Default)]
pub(super) struct Stamps {
    first: u32,
    /// Each TSval with the earliest position of a segment that carried it, the newest last.
    sent: VecDeque<(u32, u64)>,
}

impl Stamps {
    /// A segment leaves with this TSval, from position `at` on.
    pub(super) fn note(&mut self, tsval: u32, at: u64) {
        match self.sent.back_mut() {
            Some((newest, earliest)) if *newest == tsval => *earliest = at.min(*earliest),
            Some(_) => self.sent.push_back((tsval, at)),
            None => {
                self.first = tsval;
                self.sent.push_back((tsval, at));
            }
        }
        if self.sent.len() > KEPT {
            self.sent.pop_front();
        }
    }

    /// Looks at the echo of a segment that acknowledges everything before position `ack`: TS.Recent is of a segment that spans the
    /// last ACK sent, so an ACK beyond which that segment begins cannot echo it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn look(&self, echo: u32, ack: i64) -> Result<(), String> {
        let first = self.first;
        let Some(&(newest, _)) = self.sent.back() else {
            return Err(format!("it echoes TSval {echo}, and none was sent"));
        };
        let age = |tsval: u32| tsval.wrapping_sub(first);
        if age(echo) > age(newest) {
            return Err(format!(
                "it echoes TSval {echo}; ours went from {first} to {newest}"
            ));
        }
        let at = self
            .sent
            .partition_point(|(tsval, _)| age(*tsval) < age(echo));
        match self.sent.get(at) {
            Some(&(tsval, earliest)) if tsval == echo && earliest as i64 > ack => Err(format!(
                "it echoes TSval {echo} of octets from {earliest} on, and acknowledges up to {ack}"
            )),
            _ => Ok(()),
        }
    }
}
