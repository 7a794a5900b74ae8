//! What an onlooker reads off the wire: independent of the engine.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

#[cfg(test)]
mod tests;

/// One TCP segment over Ethernet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
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
    /// Whether FIN is set.
    pub fn fin(&self) -> bool {
        self.flags & 0x01 != 0
    }

    /// Whether SYN is set.
    pub fn syn(&self) -> bool {
        self.flags & 0x02 != 0
    }

    /// Whether RST is set.
    pub fn rst(&self) -> bool {
        self.flags & 0x04 != 0
    }

    /// Whether ACK is set.
    pub fn has_ack(&self) -> bool {
        self.flags & 0x10 != 0
    }

    /// Sequence number behind the segment.
    pub fn seq_end(&self) -> u32 {
        let controls = u32::from(self.syn()) + u32::from(self.fin());
        self.seq
            .wrapping_add(self.text.len() as u32)
            .wrapping_add(controls)
    }
}

/// How far `later` lies behind `earlier` in sequence space; negative when it lies before.
pub fn distance(earlier: u32, later: u32) -> i32 {
    later.wrapping_sub(earlier) as i32
}

/// The ends of an IP packet and its TCP octets; `None` for everything else.
fn packet(frame: &[u8]) -> Option<(IpAddr, IpAddr, &[u8])> {
    let ip = frame.get(14..)?;
    match frame.get(12..14)? {
        [0x08, 0x00] if *ip.get(9)? == 6 => {
            let total = usize::from(u16::from_be_bytes([*ip.get(2)?, *ip.get(3)?]));
            let src = <[u8; 4]>::try_from(ip.get(12..16)?).ok()?;
            let dst = <[u8; 4]>::try_from(ip.get(16..20)?).ok()?;
            let tcp = ip.get(usize::from(ip[0] & 15) * 4..total)?;
            Some((src.into(), dst.into(), tcp))
        }
        [0x86, 0xdd] if *ip.get(6)? == 6 => {
            let len = usize::from(u16::from_be_bytes([*ip.get(4)?, *ip.get(5)?]));
            let src = <[u8; 16]>::try_from(ip.get(8..24)?).ok()?;
            let dst = <[u8; 16]>::try_from(ip.get(24..40)?).ok()?;
            Some((src.into(), dst.into(), ip.get(40..40 + len)?))
        }
        _ => None,
    }
}

/// Reads a frame; `None` for everything that is not TCP.
pub fn segment(frame: &[u8]) -> Option<Seen> {
    let (src, dst, tcp) = packet(frame)?;
    if tcp.len() < 20 {
        return None;
    }
    let word = |at: usize| u16::from_be_bytes([tcp[at], tcp[at + 1]]);
    let long = |at: usize| u32::from_be_bytes([tcp[at], tcp[at + 1], tcp[at + 2], tcp[at + 3]]);
    let data = usize::from(tcp[12] >> 4) * 4;
    let (scale, tsval) = options(tcp.get(20..data)?);
    Some(Seen {
        src,
        dst,
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

/// Reads a frame if it is a SYN; `None` for everything else.
pub fn syn(frame: &[u8]) -> Option<Seen> {
    const SYN: u8 = 0x02;
    let (_, _, tcp) = packet(frame)?;
    if tcp.get(13)? & SYN == 0 {
        return None;
    }
    segment(frame)
}

/// Window scale and TSval.
fn options(mut options: &[u8]) -> (Option<u8>, Option<u32>) {
    let (mut scale, mut tsval) = (None, None);
    while let [kind, rest @ ..] = options {
        match (kind, rest) {
            (0, _) => break,
            (1, _) => options = rest,
            (_, [len, ..]) if *len >= 2 && options.len() >= usize::from(*len) => {
                let (option, later) = options.split_at(usize::from(*len));
                match (kind, option) {
                    (3, [_, _, shift]) => scale = Some(*shift),
                    (8, [_, _, a, b, c, d, ..]) => {
                        tsval = Some(u32::from_be_bytes([*a, *b, *c, *d]));
                    }
                    _ => {}
                }
                options = later;
            }
            _ => break,
        }
    }
    (scale, tsval)
}

/// Watches one side's segments for what must never go back (I6), and for resets (I7).
#[derive(Default)]
pub struct Monotonic {
    flows: HashMap<Ends, Flow>,
    /// Resets are looked for elsewhere: there may be connections that are not ready.
    pub resets_allowed: bool,
    /// Connections that may be reset: nobody had promised that they would go on.
    pub excused: HashSet<Ends>,
}

/// A connection as its segments name it: the watched side's port, the other's address and port.
pub type Ends = (u16, IpAddr, u16);

#[derive(Default)]
struct Flow {
    scale: u8,
    iss: Option<u32>,
    /// Our SYN is out and nothing else yet: what answers it wrongly is reset (RFC 9293 3.10.7.3). So is what comes late of a former
    /// life of the same ports.
    opening: bool,
    /// Our SYN answers, nothing else is out yet, and the connection before had closed: an old SYN of the other side may have opened
    /// this one, and what the other side says of it is reset (RFC 9293 3.5, figure 9).
    reopened: bool,
    /// Our FIN is out: late segments may meet no connection any more. Whether the peer was harmed, the peer knows.
    closes: bool,
    edge: Option<u32>,
    tsval: Option<u32>,
}

impl Monotonic {
    /// Hears a SYN of the other side: windows are scaled only where both have offered it (RFC 7323 2.2).
    pub fn hear(&mut self, seen: &Seen) {
        if seen.syn() && seen.scale.is_none() {
            let ends = (seen.dst_port, seen.src, seen.src_port);
            self.flows.entry(ends).or_default().scale = 0;
        }
    }

    /// Who comes without connections has secrets of its own: initial sequence numbers begin anew.
    pub fn begin_anew(&mut self) {
        for flow in self.flows.values_mut() {
            (flow.iss, flow.tsval) = (None, None);
        }
    }

    /// Looks at one segment of the watched side.
    ///
    /// # Errors
    /// What went back, or the reset, in words.
    pub fn look(&mut self, seen: &Seen) -> Result<(), String> {
        let ends = (seen.src_port, seen.dst, seen.dst_port);
        let flow = self.flows.entry(ends).or_default();
        if seen.rst() {
            let former = flow.iss.is_some_and(|iss| distance(iss, seen.seq) < 0);
            let over = flow.closes;
            let harmless = flow.opening || flow.reopened || former || over;
            if self.resets_allowed || harmless || self.excused.contains(&ends) {
                return Ok(());
            }
            return Err(format!("reset: {seen:?}"));
        }
        if seen.syn() {
            if let Some(iss) = flow.iss
                && distance(iss, seen.seq) < 0
            {
                return Err(format!("ISN went back from {iss} to {}", seen.seq));
            }
            // One that comes again changes nothing: the other side may have answered meanwhile.
            if flow.iss != Some(seen.seq) {
                *flow = Flow {
                    scale: seen.scale.unwrap_or(0),
                    iss: Some(seen.seq),
                    opening: !seen.has_ack(),
                    reopened: seen.has_ack() && (flow.closes || flow.reopened),
                    // What comes late of the former connection must be older (RFC 6191).
                    tsval: flow.tsval,
                    ..Flow::default()
                };
            }
        }
        flow.closes |= seen.fin();
        if let (Some(tsval), Some(last)) = (seen.tsval, flow.tsval)
            && distance(last, tsval) < 0
        {
            return Err(format!("TSval went back from {last} to {tsval}"));
        }
        flow.tsval = seen.tsval.or(flow.tsval);
        if seen.has_ack() && !seen.syn() {
            (flow.opening, flow.reopened) = (false, false);
            let edge = seen.ack.wrapping_add(u32::from(seen.window) << flow.scale);
            if let Some(last) = flow.edge
                && distance(last, edge) < 0
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
