//! What must hold at every step of every script: a checkpoint can be taken up and is equal to the original (I4), and neither the
//! right edge nor TSval goes back (I6).

use super::line::Opt;
use super::wire::Seen;
use std::collections::BTreeMap;
use tcp_ha::engine::ConnectionId;
use tcp_ha_packetdrill::sockets::Host;

/// Looks on.
#[derive(Debug, Default)]
pub(super) struct Watch {
    flows: BTreeMap<ConnectionId, Flow>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Flow {
    edge: Option<u32>,
    tsval: Option<u32>,
}

/// A TSval that seems to be further back than this is ahead, 24 days of silence later.
const TSVAL_BACK: i32 = -(1 << 24);

/// How far `later` lies behind `earlier`; negative where it lies before.
fn distance(earlier: u32, later: u32) -> i32 {
    later.wrapping_sub(earlier) as i32
}

impl Watch {
    /// Looks at a segment of connection `id`, whose windows are shifted by `shift`.
    pub(super) fn look(&mut self, id: ConnectionId, shift: u8, seen: &Seen) -> Result<(), String> {
        if seen.flags & 0x04 != 0 {
            return Ok(());
        }
        let flow = self.flows.entry(id).or_default();
        for option in &seen.options {
            if let Opt::Timestamps(value, _) = option {
                if flow
                    .tsval
                    .is_some_and(|last| (TSVAL_BACK..0).contains(&distance(last, *value)))
                {
                    return Err(format!("TSval went back to {value}"));
                }
                flow.tsval = Some(*value);
            }
        }
        if seen.flags & 0x10 != 0 {
            let shift = if seen.flags & 0x02 != 0 { 0 } else { shift };
            let edge = seen.ack.wrapping_add(u32::from(seen.win) << shift);
            if let Some(last) = flow.edge
                && distance(last, edge) < 0
            {
                return Err(format!(
                    "the right edge moved left by {}",
                    distance(edge, last)
                ));
            }
            flow.edge = Some(edge);
        }
        Ok(())
    }

    /// Takes every connection up in an engine of its own, and compares.
    pub(super) fn compare_twins(host: &Host) -> Result<(), String> {
        for id in host.engine().connections() {
            let twin = host.twin_of(id).map_err(|error| error.to_string())?;
            let (ours, theirs) = (host.engine().snapshot(id), twin.snapshot(id));
            if ours != theirs {
                return Err(format!("the twin differs:\n  {ours:?}\n  {theirs:?}"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
