//! Gathers the segments of each flow while the checker reads the capture.

use std::collections::BTreeMap;

use tcp_ha_engine::SeqNum;

use super::trace::{Heard, Trace};
use crate::check::{Observer, SegmentSeen};
use crate::flow::{Ends, FlowId};

/// Segments by flow.
#[derive(Debug)]
pub(super) struct Collector {
    flows: BTreeMap<FlowId, (Ends, Vec<Heard>)>,
    octets_left: usize,
    /// Segments that no room was left for.
    pub(super) left_out: u64,
}

impl Collector {
    /// A collector that keeps at most `octets_max` octets.
    pub(super) fn new(octets_max: usize) -> Collector {
        Collector {
            flows: BTreeMap::new(),
            octets_left: octets_max,
            left_out: 0,
        }
    }

    /// The flows in the order of their first segments.
    pub(super) fn into_traces(self) -> impl Iterator<Item = Trace> {
        self.flows
            .into_iter()
            .map(|(id, (ends, heard))| Trace::new(id, ends, heard))
    }
}

impl Observer for Collector {
    fn on_segment(&mut self, segment: &SegmentSeen<'_>) {
        let tcp = segment.tcp;
        let size = size_of::<Heard>() + tcp.header.len() + tcp.payload.len();
        if size > self.octets_left {
            // What follows a hole would be judged wrongly.
            self.octets_left = 0;
            self.left_out += 1;
            return;
        }
        self.octets_left -= size;
        let flow = segment.flow;
        let (_, heard) = self
            .flows
            .entry(flow.id)
            .or_insert_with(|| (flow.ends, Vec::new()));
        heard.push(Heard {
            time: segment.time,
            packet: segment.packet,
            direction: segment.direction,
            seq: SeqNum(tcp.seg_seq.0),
            ack: SeqNum(tcp.seg_ack.0),
            flags: tcp.flags,
            wnd: tcp.seg_wnd,
            options: tcp.options,
            header: tcp.header.to_vec(),
            payload: tcp.payload.to_vec(),
            payload_len: tcp.payload_len,
            checksum: tcp.checksum,
            refused: false,
            at: None,
            ack_at: None,
        });
    }
}
