//! What an onlooker reads off the wire: independent of the engine.

use std::collections::HashMap;

/// One TCP segment of IPv4 over Ethernet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// SEG.SEQ.
    pub seq: u32,
    /// SEG.ACK.
    pub ack: u32,
    /// Flags as on the wire.
    pub flags: u8,
    /// Window field.
    pub window: u16,
    /// Window scale option.
    pub scale: Option<u8>,
    /// TSval.
    pub tsval: Option<u32>,
    /// Payload.
    pub text: Vec<u8>,
}

impl Seen {
    /// Whether RST is set.
    pub fn rst(&self) -> bool {
        self.flags & 0x04 != 0
    }

    /// Whether SYN is set.
    pub fn syn(&self) -> bool {
        self.flags & 0x02 != 0
    }

    /// Whether ACK is set.
    pub fn has_ack(&self) -> bool {
        self.flags & 0x10 != 0
    }
}

/// Reads a frame; `None` for everything that is not TCP over IPv4.
pub fn segment(frame: &[u8]) -> Option<Seen> {
    let ip = frame.get(14..)?;
    if frame.get(12..14)? != [8, 0] || *ip.get(9)? != 6 {
        return None;
    }
    let total = usize::from(u16::from_be_bytes([*ip.get(2)?, *ip.get(3)?]));
    let tcp = ip.get(usize::from(ip[0] & 15) * 4..total)?;
    let word = |at: usize| u16::from_be_bytes([tcp[at], tcp[at + 1]]);
    let long = |at: usize| u32::from_be_bytes([tcp[at], tcp[at + 1], tcp[at + 2], tcp[at + 3]]);
    if tcp.len() < 20 {
        return None;
    }
    let data = usize::from(tcp[12] >> 4) * 4;
    let (mut scale, mut tsval) = (None, None);
    let mut options = tcp.get(20..data)?;
    while let [kind, rest @ ..] = options {
        match (kind, rest) {
            (0, _) => break,
            (1, _) => options = rest,
            (_, [len, ..]) if *len >= 2 && options.len() >= usize::from(*len) => {
                let (option, later) = options.split_at(usize::from(*len));
                match (kind, option) {
                    (3, [_, _, shift]) => scale = Some(*shift),
                    (8, [_, _, a, b, c, d, ..]) => {
                        tsval = Some(u32::from_be_bytes([*a, *b, *c, *d]))
                    }
                    _ => {}
                }
                options = later;
            }
            _ => break,
        }
    }
    Some(Seen {
        src_port: word(0),
        dst_port: word(2),
        seq: long(4),
        ack: long(8),
        flags: tcp[13],
        window: word(14),
        scale,
        tsval,
        text: tcp[data..].to_vec(),
    })
}

/// Watches one side's segments for what must never go back (I6), and for resets (I7).
#[derive(Default)]
pub struct Monotonic {
    flows: HashMap<(u16, u16), Flow>,
}

#[derive(Default)]
struct Flow {
    scale: u8,
    edge: Option<u32>,
    tsval: Option<u32>,
}

impl Monotonic {
    /// Looks at one segment of the watched side.
    ///
    /// # Errors
    /// What went back, or the reset, in words.
    pub fn look(&mut self, seen: &Seen) -> Result<(), String> {
        let flow = self
            .flows
            .entry((seen.src_port, seen.dst_port))
            .or_default();
        if seen.rst() {
            return Err(format!("reset: {seen:?}"));
        }
        if seen.syn() {
            *flow = Flow {
                scale: seen.scale.unwrap_or(0),
                ..Flow::default()
            };
        }
        if let (Some(tsval), Some(last)) = (seen.tsval, flow.tsval)
            && (tsval.wrapping_sub(last) as i32) < 0
        {
            return Err(format!("TSval went back from {last} to {tsval}"));
        }
        flow.tsval = seen.tsval.or(flow.tsval);
        if seen.has_ack() && !seen.syn() {
            let edge = seen.ack.wrapping_add(u32::from(seen.window) << flow.scale);
            if let Some(last) = flow.edge
                && (edge.wrapping_sub(last) as i32) < 0
            {
                return Err(format!(
                    "right edge went back by {}",
                    last.wrapping_sub(edge)
                ));
            }
            flow.edge = Some(edge);
        }
        Ok(())
    }
}
