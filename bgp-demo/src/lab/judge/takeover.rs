//! How long each takeover took, read from what the two devices sent.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::time::Duration;

use pcaps::packet::{Body, Packet};
use pcaps::reader::CaptureReader;
use pcaps::seq::SeqNum;
use pcaps::tcp::Flags;
use pcaps::time::Timestamp;

use crate::lab::error::{At, Result};
use crate::lab::routes::Plan;

/// A cut, as far as the capture is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CutMoment {
    /// Just before the cut.
    pub(crate) at: Timestamp,
    /// The slot of the survivor.
    pub(crate) survivor: usize,
}

/// What the survivor of a cut sent first, by session.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct FirstWords {
    /// From the cut to its first segment.
    pub(crate) segment: BTreeMap<usize, Duration>,
    /// From the cut to its first acknowledgement beyond every earlier one.
    pub(crate) advance: BTreeMap<usize, Duration>,
}

/// A segment that a device sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sent {
    time: Timestamp,
    slot: usize,
    session: usize,
    port: u16,
    ack: Option<SeqNum>,
}

/// Reads the captures of both devices (slot 0, slot 1) side by side.
///
/// # Errors
/// A capture cannot be read.
pub(crate) fn first_words(
    files: [&Path; 2],
    plan: &Plan,
    cuts: &[CutMoment],
) -> Result<Vec<FirstWords>> {
    let mut readers = [
        Segments::open(files[0], 0, plan)?,
        Segments::open(files[1], 1, plan)?,
    ];
    let mut clock = Clock::new(cuts);
    let mut next = [readers[0].next()?, readers[1].next()?];
    loop {
        let slot = match (&next[0], &next[1]) {
            (None, None) => return Ok(clock.words),
            (Some(_), None) => 0,
            (None, Some(_)) => 1,
            (Some(one), Some(other)) => usize::from(other.time < one.time),
        };
        if let Some(sent) = next[slot].take() {
            clock.see(sent);
        }
        next[slot] = readers[slot].next()?;
    }
}

/// Our segments in the capture of one device.
struct Segments<'a> {
    reader: CaptureReader<File>,
    file: &'a Path,
    slot: usize,
    plan: &'a Plan,
}

impl<'a> Segments<'a> {
    fn open(file: &'a Path, slot: usize, plan: &'a Plan) -> Result<Self> {
        Ok(Self {
            reader: CaptureReader::open(file).at(file.display())?,
            file,
            slot,
            plan,
        })
    }

    fn next(&mut self) -> Result<Option<Sent>> {
        while let Some(record) = self.reader.next_record().at(self.file.display())? {
            let packet = Packet::parse(
                record.link_type,
                record.interface,
                record.captured,
                record.wire_len,
            );
            let Ok(Body::Tcp(ip, tcp)) = packet.map(|packet| packet.body) else {
                continue;
            };
            let session = self.plan.session_of(ip.destination);
            if ip.source != self.plan.our_address {
                continue;
            }
            if let Some(session) = session {
                return Ok(Some(Sent {
                    time: record.time,
                    slot: self.slot,
                    session,
                    port: tcp.source_port ^ tcp.destination_port,
                    ack: tcp.flags.has(Flags::ACK).then_some(tcp.seg_ack),
                }));
            }
        }
        Ok(None)
    }
}

/// Holds the stopwatches.
struct Clock<'a> {
    cuts: &'a [CutMoment],
    words: Vec<FirstWords>,
    /// Per session its ports, to know a new connection by, and the furthest acknowledgement.
    acknowledged: BTreeMap<usize, (u16, SeqNum)>,
}

impl<'a> Clock<'a> {
    fn new(cuts: &'a [CutMoment]) -> Self {
        Self {
            cuts,
            words: vec![FirstWords::default(); cuts.len()],
            acknowledged: BTreeMap::new(),
        }
    }

    fn see(&mut self, sent: Sent) {
        let advances = self.advances(sent);
        let begun = self.cuts.partition_point(|cut| cut.at <= sent.time);
        let Some(last) = begun.checked_sub(1) else {
            return;
        };
        let cut = self.cuts[last];
        if cut.survivor != sent.slot {
            return;
        }
        let after = sent.time.saturating_since(cut.at);
        let words = &mut self.words[last];
        words.segment.entry(sent.session).or_insert(after);
        if advances {
            words.advance.entry(sent.session).or_insert(after);
        }
    }

    fn advances(&mut self, sent: Sent) -> bool {
        let Some(ack) = sent.ack else {
            return false;
        };
        match self.acknowledged.get_mut(&sent.session) {
            Some((port, furthest)) if *port == sent.port => {
                let advances = ack.distance_from(*furthest) > 0;
                if advances {
                    *furthest = ack;
                }
                advances
            }
            _ => {
                self.acknowledged.insert(sent.session, (sent.port, ack));
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(time: u64, slot: usize, session: usize, ack: u32) -> Sent {
        Sent {
            time: Timestamp::from_micros(time),
            slot,
            session,
            port: 7,
            ack: Some(SeqNum(ack)),
        }
    }

    #[test]
    fn only_the_survivors_words_after_the_cut_count() {
        let cuts = [CutMoment {
            at: Timestamp::from_micros(100),
            survivor: 1,
        }];
        let mut clock = Clock::new(&cuts);
        for it in [
            sent(90, 0, 0, 1000),
            sent(99, 0, 1, 5000),
            sent(101, 0, 0, 1200), // on its way when the process died
            sent(150, 1, 0, 1100),
            sent(160, 1, 1, 5000),
            sent(170, 1, 0, 1200),
            sent(180, 1, 0, 1201),
            sent(190, 1, 1, 5001),
        ] {
            clock.see(it);
        }
        let micros = |words: &BTreeMap<usize, Duration>| -> Vec<u128> {
            words.values().map(Duration::as_micros).collect()
        };
        assert_eq!(micros(&clock.words[0].segment), [50, 60]);
        assert_eq!(micros(&clock.words[0].advance), [80, 90]);
    }

    #[test]
    fn each_cut_has_its_own_stopwatch() {
        let cut = |at, survivor| CutMoment {
            at: Timestamp::from_micros(at),
            survivor,
        };
        let cuts = [cut(100, 1), cut(200, 0)];
        let mut clock = Clock::new(&cuts);
        for it in [sent(110, 1, 0, 1), sent(199, 1, 0, 2), sent(230, 0, 0, 2)] {
            clock.see(it);
        }
        assert_eq!(clock.words[0].segment[&0], Duration::from_micros(10));
        assert_eq!(clock.words[1].segment[&0], Duration::from_micros(30));
        assert!(clock.words[1].advance.is_empty());
    }
}
